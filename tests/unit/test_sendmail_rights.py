"""Rights: what is asked, what the sudoers lines grant, and that the helper does nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mailtui.model import CAPABILITIES, Identity
from mailtui.mta.contract import KnownQueue
from mailtui.mta.sendmail import engine, listing, rights
from mailtui.mta.sendmail.bycommand import MAILQ
from mailtui.mta.sendmail.detect import HELPER, RIGHTS
from mailtui.procedure import REGISTRY, Reply, Request, Section, play
from mailtui.transport.drive import drive
from mailtui.transport.gate import Gate
from mailtui.transport.local import LocalTransport

CORPUS = Path(__file__).parent.parent / "corpus" / "sendmail"
MARK = "0123456789abcdef0123456789abcdef"


def identity(**facts: str) -> Identity:
    known = {
        "uid": "1001", "hostname": "mx1", "sendmail": "/usr/sbin/sendmail", "sudo_version": "1.9.13p3",
        "queue_directory": "/var/spool/mqueue/q*", "queue_groups": "bulk /var/spool/mqueue/bulk",
        "client_queue": "/var/spool/mqueue-client", "cat": "/usr/bin/cat", "tail": "/usr/bin/tail",
        "sudo_found": "/usr/bin/sudo", "logs": "/var/log/mail.log", "proc": "1", "cf": "/etc/mail/sendmail.cf", "submit_cf": "/etc/mail/submit.cf",
    }  # fmt: skip
    return Identity("sendmail", "8.17.1.9", ("sendmail",), 0.0, "oncall", tuple((known | facts).items()))


def rules(text: str) -> list[str]:
    return [line for line in text.split("\n# ----")[0].splitlines() if line and not line.startswith("#")]


def test_exact_lines_for_the_listing() -> None:
    assert rules(rights.sudoers(identity(), ["list"], helper=False)) == [
        "Defaults:oncall !requiretty",
        "oncall ALL=(root) TIMEOUT=2m NOPASSWD: /usr/sbin/sendmail -bp -v",
        "oncall ALL=(root) TIMEOUT=2m NOPASSWD: /usr/sbin/sendmail -bp -v -qQ",
        "oncall ALL=(root) TIMEOUT=2m NOPASSWD: /usr/sbin/sendmail -bp -v -qL",
        "oncall ALL=(root) TIMEOUT=2m NOPASSWD: /usr/sbin/sendmail -bp -v -Ac",
        "oncall ALL=(root) TIMEOUT=2m NOPASSWD: /usr/sbin/sendmail -bp -v -Ac -qQ",
        "oncall ALL=(root) TIMEOUT=2m NOPASSWD: /usr/sbin/sendmail -bp -v -Ac -qL",
    ]


def test_sudo_itself_ends_what_hangs_as_root_but_no_followed_log() -> None:
    lines = rules(rights.sudoers(identity(), ["list", "logs"], helper=False))[1:]
    assert {"TIMEOUT=2m" in line for line in lines if " -F " not in line} == {True}
    assert {"TIMEOUT=2m" in line for line in lines if " -F " in line} == {False}
    for old in ("1.8.19", ""):
        assert "TIMEOUT" not in rights.sudoers(identity(sudo_version=old), ["list"], helper=True)


@pytest.mark.parametrize("version", ["1.9.13p3", "1.8.31", ""])
@pytest.mark.parametrize("helper", [True, False])
def test_no_wildcards_and_only_anchored_expressions(version: str, helper: bool) -> None:
    text = rights.sudoers(identity(sudo_version=version), ["list", "read", "logs"], helper=helper)
    for rule in rules(text)[1:]:
        command = rule.partition("NOPASSWD: ")[2]
        path, _, arguments = command.partition(" ")
        assert re.fullmatch(r"(/[a-z-]+)+", path)
        if "^" in arguments:
            assert version == "1.9.13p3"
            assert arguments.startswith("^/") and arguments.endswith("$") and "*" not in arguments
        else:
            assert not set(arguments) & set("*?[]"), command


def test_expressions_let_through_queue_files_alone() -> None:
    text = rights.sudoers(identity(), ["read"], helper=False)
    patterns = [rule.partition("cat ")[2].replace("\\,", ",") for rule in rules(text)[1:]]
    assert len(patterns) == 2

    def may(path: str) -> bool:
        return any(re.search(pattern, path) for pattern in patterns)

    assert may("/var/spool/mqueue/q1/qf6AMJNXAv000136") and may("/var/spool/mqueue/q3/qf/hf6AMJNXAv000136")
    for path in (
        "/etc/shadow", "/var/spool/mqueue/q1/df6AMJNXAv000136", "/var/spool/mqueue/q1/../../x/qf6AMJNXAv000136",
        "/var/spool/mqueue/q1/qf6AMJNXAv000136 /etc/shadow", "/etc/shadow /var/spool/mqueue/q1/qf6AMJNXAv000136",
        "/var/spool/mqueueXclient/qf6AMJNXAv000136",
        # the group of the client queue may write there, so it could link any file that root may read
        "/var/spool/mqueue-client/Qf6AMJNXAv000136",
    ):  # fmt: skip
        assert not may(path), path


def test_helper_replaces_the_single_commands() -> None:
    text = rights.sudoers(identity(), ["list", "read"], helper=True)
    assert rules(text) == ["Defaults:oncall !requiretty", f'oncall ALL=(root) TIMEOUT=2m NOPASSWD: {HELPER} ""']
    assert "/etc/sudoers.d/mailtui-oncall" in text and "visudo -cf" in text
    assert rights.helper_script(text).startswith("#!/bin/sh\n")
    assert rights.helper_script(rights.sudoers(identity(), ["list"], helper=False)) == ""


@pytest.mark.parametrize("foreign", ["/home/oncall/bin", "/usr/home/oncall/bin", "/usr/bin/../../tmp", "/tmp"])
def test_no_line_for_a_command_that_the_login_might_replace(foreign: str) -> None:
    own = {name: f"{foreign}/{name}" for name in ("sendmail", "cat", "tail")}
    text = rights.sudoers(identity(**own), ["list", "read", "logs"], helper=False)
    assert rules(text) == []
    assert f"# No line for {foreign}/sendmail" in text
    usual = {"sendmail": "/usr/libexec/sendmail/sendmail", "cat": "/bin/cat", "tail": "/usr/bin/tail"}
    assert len(rules(rights.sudoers(identity(**usual), ["list", "read", "logs"], helper=False))) > 9


def test_nothing_to_grant() -> None:
    assert rights.sudoers(identity(), ["retry"], helper=False) == "# retry: no line: not built yet.\n"
    assert "needs no sudo" in rights.sudoers(identity(uid="0"), ["list"], helper=False)
    odd = Identity("sendmail", "8", (), 0.0, "x ALL=(ALL) ALL\n", identity().facts)
    assert all(line.startswith("#") for line in rights.sudoers(odd, ["list"], helper=False).splitlines())


def test_what_gets_no_line_is_said_with_the_reason_and_the_heading_claims_no_more() -> None:
    text = rights.sudoers(identity(sudo_version="1.8.31", logs=""), ["list", "read", "logs", "retry"], helper=False)
    assert "for mailtui: list.\n" in text
    assert "# read: no line: sudo 1.8.31 cannot name single queue files" in text
    assert "# logs: no line: no mail log was found" in text
    assert "# retry: no line: not built yet.\n" in text


def test_configured_logs_are_granted_instead_of_those_found() -> None:
    text = rights.sudoers(identity(), ["logs"], helper=False, logs=["/srv/log/mail", "/srv/my log", "/srv/*"])
    assert "/srv/log/mail" in text
    assert not any(word in text for word in ("/var/log", "my log", "/srv/*"))


def test_visudo_accepts_the_lines(tmp_path: Path) -> None:
    visudo = shutil.which("visudo", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if visudo is None:
        pytest.skip("visudo is not installed: NOT tested that sudo accepts what `mailtui sudoers` prints")
    for helper in (True, False):
        text = rights.sudoers(identity(), ["list", "read", "logs"], helper=helper).partition("\n# ---- ")[0]
        file = tmp_path / f"rules{helper}"
        file.write_text(text + "\n")
        file.chmod(0o440)
        subprocess.run([visudo, "-cf", file], check=True, capture_output=True)


# --- capabilities ---------------------------------------------------------------------------------------------------


def capabilities(state: str, mailq: bytes, **facts: str) -> dict[str, tuple[bool, str, str]]:
    def answer(request: Request) -> Reply:
        if request.script is RIGHTS:
            return Reply((Section("rules", (), b"    (root) NOPASSWD: /bin/x *\n"),), 0)
        if request.script is MAILQ:
            return Reply((Section("mailq", ("direct", "mqueue", "L"), mailq),), 0)
        if request.script in (engine.QUEUE, engine.ASK_HELPER):
            args = ("0", "mqueue", "-", state, "1", "1", "9")
            return Reply((Section("dir", args, b"/var/spool/mqueue"),), 0)
        return Reply((Section("log", ("/var/log/mail.log",), b"readable -rw-r-----\n"),), 0)

    read = play(rights.capabilities(identity(**facts)), answer)
    assert [each.name for each in read.value] == list(CAPABILITIES)
    if facts.get("sudo"):
        assert (read.evidence[0].command, read.evidence[0].output) == ("sudo -n -l", b"    (root) NOPASSWD: /bin/x *\n")
    return {each.name: (each.allowed, each.why, each.cure) for each in read.value}


EMPTY = b"/var/spool/mqueue is empty\n\t\tTotal requests: 0\n"


def test_all_may_be_read() -> None:
    found = capabilities("ok", b"", sudo="/usr/bin/sudo")
    assert found["list"] == found["read"] == found["stats"] == (True, "", "")
    assert found["delete"] == (False, "not built yet", "")


def test_only_mailq_lists() -> None:
    found = capabilities("denied", EMPTY)
    allowed, why, cure = found["list"]
    assert allowed and why == "only what mailq shows: /var/spool/mqueue may not be read by oncall"
    assert "mailtui sudoers HOST --for list,read --helper" in cure
    assert found["read"][0] is False


def test_single_files_by_sudo() -> None:
    assert capabilities("denied", EMPTY, sudo="/usr/bin/sudo", sudo_cat="1")["read"] == (
        True,
        "one at a time, by sudo cat",
        "",
    )


def test_even_mailq_is_refused() -> None:
    allowed, why, _ = capabilities("denied", b"can not chdir(/var/spool/mqueue/): Permission denied\n")["list"]
    assert not allowed and "mailq is refused: can not chdir" in why
    allowed, why, _ = capabilities("ok", b"", queue_directory="", queue_groups="", client_queue="")["list"]
    assert not allowed and "/etc/mail/sendmail.cf may not be read by oncall" in why


# --- the helper itself ----------------------------------------------------------------------------------------------


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    top = tmp_path / "it's a spool"
    (top / "mqueue").mkdir(parents=True)
    for path in CORPUS.glob("[qh]f6AMJNX*"):
        shutil.copyfile(path, top / "mqueue" / path.name)
    return top


def helper_for(spool: Path, tmp_path: Path) -> Path:
    known = identity(queue_directory=f"{spool}/mqueue", queue_groups="", client_queue="")
    file = tmp_path / "helper"
    file.write_text(rights.helper_script(rights.sudoers(known, ["list", "read"], helper=True)))
    file.chmod(0o755)
    return file


def call(helper: Path, data: str, *args: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([helper, *args], input=data.encode(), capture_output=True, timeout=30)


def test_helper_reads_and_refuses_all_else(spool: Path, tmp_path: Path) -> None:
    helper = helper_for(spool, tmp_path)
    told = call(helper, f"read\n{MARK}\n6AMJNXAv000136\n")
    assert told.returncode == 0
    assert told.stdout.count(b"\nqf6AMJNXAv000136 ") == 1 and b"RPFD:<tomas.935@refused.test>" in told.stdout
    assert call(helper, f"sweep\n{MARK}\n").stdout.count(b"f6AMJNX") == 8
    for data in (f"delete\n{MARK}\n", "read\nshort\n", f"read\n{MARK[:-1]}Z\n", f"read\n{'a' * 33}\n", "read\n", ""):
        refused = call(helper, data)
        assert (refused.returncode, refused.stdout) == (64, b""), data
    assert call(helper, f"dirs\n{MARK}\n", "--help").returncode == 64


@pytest.mark.parametrize(
    "hostile", ["../../etc/passwd", "$(touch pwned)", "6AMJNXAv000136;id", "-rf", "*", "6AMJNX", "a" * 21]
)
def test_helper_takes_ids_alone(spool: Path, tmp_path: Path, hostile: str) -> None:
    told = call(helper_for(spool, tmp_path), f"read\n{MARK}\n{hostile}\nD mqueue - /etc\n")
    assert told.returncode == 0
    assert b" rows 0\n\n" in told.stdout and b"qf" not in told.stdout
    assert not list(tmp_path.glob("**/pwned"))


def test_helper_shows_nothing_of_files_that_were_linked_in(spool: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("root:$6$hash\n")
    (spool / "mqueue/qf6AMKAAAA000001").symlink_to(secret)
    (spool / "mqueue/qf6AMKAAAA000002").hardlink_to(secret)
    for verb in ("read", "readall", "show"):
        told = call(helper_for(spool, tmp_path), f"{verb}\n{MARK}\n6AMKAAAA000001\n6AMKAAAA000002\n")
        assert b"hash" not in told.stdout
        assert b"qf6AMKAAAA000002 " in told.stdout, "that it is there is told"


def test_helper_runs_nothing_that_its_caller_names(
    spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Evil.pm").write_text('package Evil; print STDERR "here\\n"; 1;')
    (tmp_path / "evil.sh").write_text("echo here >&2\n")
    monkeypatch.setenv("PERL5OPT", "-MEvil")
    monkeypatch.setenv("PERL5LIB", str(tmp_path))
    monkeypatch.setenv("ENV", str(tmp_path / "evil.sh"))
    monkeypatch.setenv("PATH", str(tmp_path))
    told = call(helper_for(spool, tmp_path), f"sweep\n{MARK}\n")
    assert (told.returncode, told.stderr) == (0, b"")
    assert told.stdout.count(b"f6AMJNX") == 8


async def test_listing_by_the_helper_is_the_listing_of_root(spool: Path, tmp_path: Path) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text('#!/bin/sh\n[ "$1" = -n ] || exit 9\nshift\n[ "$1" != -l ] || exit 0\nexec "$@"\n')
    sudo.chmod(0o755)
    helper = helper_for(spool, tmp_path)
    for path in [*spool.rglob("*"), spool]:
        os.utime(path, (1_000_000, 1_000_000))
    direct = identity(queue_directory=f"{spool}/mqueue", queue_groups="", client_queue="", submit_cf="")
    through = replace(direct, facts=(*direct.facts, ("sudo", str(sudo)), ("helper", str(helper))))
    transport = LocalTransport(gate=Gate(REGISTRY, read_only=True))
    try:
        expected = await drive(transport, listing.list_queue("mx1", direct, None, time.time))
        reading = await drive(transport, listing.list_queue("mx1", through, None, time.time))
        assert sorted(reading.listing.rows) == sorted(expected.listing.rows)
        assert len(reading.listing.rows) == 8 and reading.listing.complete
        (spool / "mqueue/qf6AMJNXAv000136").unlink()
        known = KnownQueue({row.key: row.identity for row in reading.listing.rows}, reading.notes)
        refresh = await drive(transport, listing.list_queue("mx1", through, known, time.time))
        assert refresh.listing.partial and len(refresh.listing.removed) == 1
        sudo.write_text("#!/bin/sh\nexit 1\n")
        fallen = identity(sudo=str(sudo), helper=str(helper), queue_directory=f"{spool}/mqueue", submit_cf="",
                          queue_groups="", client_queue="")  # fmt: skip
        again = await drive(transport, listing.list_queue("mx1", fallen, None, time.time))
        assert len(again.listing.rows) == 7, "a helper that sudo no longer allows is not insisted on"
    finally:
        await transport.close()
