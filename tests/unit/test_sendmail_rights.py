"""Rights: what is asked, what the sudoers lines grant, and that the helper does nothing else."""

from __future__ import annotations

import getpass
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
from mailtui.mta.sendmail.detect import HELPER, PROGRAM, RIGHTS
from mailtui.procedure import REGISTRY, Reply, Request, Section, play
from mailtui.transport.drive import drive
from mailtui.transport.gate import Gate
from mailtui.transport.local import LocalTransport
from tests.shells import shells
from tests.unit.vault_engines import ENGINES, only

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
    assert rights.sudoers(identity(), ["capture"], helper=False) == "# capture: no line: not built yet.\n"
    assert "needs no sudo" in rights.sudoers(identity(uid="0"), ["list"], helper=False)
    odd = Identity("sendmail", "8", (), 0.0, "x ALL=(ALL) ALL\n", identity().facts)
    assert all(line.startswith("#") for line in rights.sudoers(odd, ["list"], helper=False).splitlines())


def test_what_gets_no_line_is_said_with_the_reason_and_the_heading_claims_no_more() -> None:
    text = rights.sudoers(identity(sudo_version="1.8.31", logs=""), ["list", "read", "logs", "config"], helper=False)
    assert "for mailtui: list.\n" in text
    assert "# read: no line: sudo 1.8.31 cannot name single queue files" in text
    assert "# logs: no line: no mail log was found" in text
    assert "# config: no line: not built yet.\n" in text


def test_configured_logs_are_granted_instead_of_those_found() -> None:
    text = rights.sudoers(identity(), ["logs"], helper=False, logs=["/srv/log/mail", "/srv/my log", "/srv/*"])
    assert "/srv/log/mail" in text
    assert not any(word in text for word in ("/var/log", "my log", "/srv/*"))


def test_acting_is_granted_by_the_helper_alone() -> None:
    text = rights.sudoers(identity(), ["retry", "delete"], helper=True)
    assert rules(text) == ["Defaults:oncall !requiretty", f'oncall ALL=(root) TIMEOUT=15m NOPASSWD: {HELPER} ""']
    assert "for mailtui: retry, delete.\n" in text
    script = rights.helper_script(text)
    assert "\nACTS='retry live delete vault purge'\nSENDMAIL=/usr/sbin/sendmail\n" in script
    assert "queue_act()" in script and "queue_vault()" in script and "queue_vault_python()" in script
    bare = rights.sudoers(identity(), ["retry", "delete"], helper=False)
    assert rules(bare) == []
    assert all("no line: what acts checks each message" in line for line in bare.splitlines())


def test_a_helper_that_only_reads_holds_nothing_that_acts() -> None:
    script = rights.helper_script(rights.sudoers(identity(), ["list"], helper=True))
    assert "never changes anything" in script and "\nACTS=''\nSENDMAIL=\n" in script
    assert "queue_act()" not in script and "rename" not in script


def test_the_helper_runs_no_sendmail_that_the_login_might_replace() -> None:
    text = rights.sudoers(identity(sendmail="/home/oncall/bin/sendmail"), ["list", "hold"], helper=True)
    assert "# hold: no line: PATH names /home/oncall/bin/sendmail first, which oncall might replace.\n" in text
    assert "\nACTS=''\nSENDMAIL=\n" in text and "queue_act()" not in text


def test_doas_is_told_of_where_there_is_no_sudo() -> None:
    line = f"#   permit nopass oncall as root cmd {HELPER} args\n"
    assert line in rights.sudoers(identity(doas="/usr/bin/doas", sudo_found=""), ["hold"], helper=True)
    assert line not in rights.sudoers(identity(doas="/usr/bin/doas"), ["hold"], helper=True)
    assert line not in rights.sudoers(identity(doas="/usr/bin/doas", sudo_found=""), ["list"], helper=False)


def test_visudo_accepts_the_lines(tmp_path: Path) -> None:
    visudo = shutil.which("visudo", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if visudo is None:
        pytest.skip("visudo is not installed: NOT tested that sudo accepts what `mailtui sudoers` prints")
    for helper in (True, False):
        text = rights.sudoers(identity(), ["list", "read", "logs", "undo"], helper=helper).partition("\n# ---- ")[0]
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
    assert found["config"] == (False, "not built yet", "")


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


ACTS = ("retry", "flush", "hold", "release", "delete", "undo", "bounce")


def test_what_may_be_done_to_mail_follows_from_the_means() -> None:
    found = capabilities("ok", b"", act="self", perl="/usr/bin/perl")
    assert {found[name] for name in ACTS} == {(True, "", "")}
    assert found["requeue"][0] is False and found["requeue"][1].startswith("not built") and found["requeue"][2]
    found = capabilities("ok", b"", act="", act_why="there is no sudo here")
    for name in ACTS:
        allowed, why, cure = found[name]
        assert (allowed, why) == (False, "there is no sudo here")
        assert "mailtui sudoers HOST --for retry,hold,release,delete,undo,bounce,flush --helper" in cure


def test_without_perl_and_python3_nothing_is_moved() -> None:
    found = capabilities("ok", b"", act="sudo", perl="", python3="")
    assert [name for name in ACTS if not found[name][0]] == ["delete", "undo"]
    lacks = "cannot lock safely here: perl and python3 are missing; hold remains"
    assert found["undo"][1:] == (lacks, "install perl or python3 on the host")


@pytest.mark.parametrize("means", ["self", "sudo", "helper"])
def test_python3_alone_is_enough_to_move(means: str) -> None:
    found = capabilities("ok", b"", act=means, perl="", python3="/usr/bin/python3", helper_verbs=" ".join(ACTS))
    assert {found[name] for name in ACTS} == {(True, "", "")}


def test_an_old_or_narrow_helper_is_to_be_printed_anew() -> None:
    helper = {"sudo": "/usr/bin/sudo", "helper": HELPER, "perl": "/usr/bin/perl"}
    old = capabilities("ok", b"", **helper, act="", act_why="the helper only reads")
    assert old["hold"][1] == "the helper only reads"
    assert old["hold"][2].startswith("print the helper anew: `mailtui sudoers HOST --for ")
    narrow = capabilities("ok", b"", **helper, act="helper", helper_verbs="dirs sweep hold delete vault purge")
    assert [name for name in ACTS if narrow[name][0]] == ["hold", "delete"]
    assert narrow["retry"][2].startswith("print the helper anew: ")


# --- what sudo is asked ---------------------------------------------------------------------------------------------

SUDO = """#!/bin/sh
echo "$*" >>{log}
[ "$1" = -n ] || exit 9
shift
case "$*" in
-l) cat {rules}; exit {status} ;;
'-l /bin/sh -c '*) exit {shell} ;;
'-l '*helper) exit {helper} ;;
-l*) exit 1 ;;
esac
exec "$@"
"""


async def asked_rights(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    listing: str,
    *,
    named: bool = True,
    shell: int = 0,
    helper: str = "",
    status: int = 0,
) -> tuple[Reply, str]:
    """Run the real script with stand-ins; give its reply and what sudo was asked."""
    (tmp_path / "sudoers.d").mkdir(exist_ok=True)
    if named:
        (tmp_path / "sudoers.d/mailtui-someone").touch()
    monkeypatch.setenv("MAILTUI_SUDOERS", str(tmp_path / "sudoers.d"))
    log, told, place = tmp_path / "asked", tmp_path / "rules", tmp_path / "helper"
    log.touch()
    told.write_text(listing)
    if helper:
        place.write_text(helper)
        place.chmod(0o755)
    values = {"log": log, "rules": told, "status": status, "shell": shell, "helper": 0 if helper else 1}
    programs = {
        "sudo": SUDO.format(**values),
        "id": '#!/bin/sh\ncase $1 in -un) echo someone ;; *) echo "users sudo wheel" ;; esac\n',
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    transport = LocalTransport(gate=Gate(REGISTRY, read_only=True))
    lines = (tmp_path / "sudo", "/usr/sbin/sendmail", place, "/bin/cat", "/q/qf000000000000", PROGRAM)
    try:
        reply = await transport.run(Request(RIGHTS, "".join(f"{line}\n" for line in lines).encode()))
    finally:
        await transport.close()
    return reply, log.read_text()


async def test_sudo_is_asked_nothing_where_our_rules_are_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply, asked = await asked_rights(tmp_path, monkeypatch, "    (ALL) NOPASSWD: ALL\n", named=False)
    assert (reply.status, asked) == (3, "")


async def test_a_login_that_may_run_anything_may_run_our_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = "Matching Defaults entries:\n    env_reset\n    (ALL : ALL) ALL\n    (ALL) NOPASSWD: ALL\n"
    reply, asked = await asked_rights(tmp_path, monkeypatch, listing)
    assert reply.status == 0
    assert reply.body("allowed") == b"sh\n"
    assert f"-n -l /bin/sh -c {PROGRAM}\n" in asked
    assert all(line.startswith("-n -l") for line in asked.splitlines()), "nothing is run"


@pytest.mark.parametrize(
    "listing",
    [
        "    (ALL : ALL) ALL\n    (root) NOPASSWD: /usr/bin/uptime\n",
        "    (ALL) NOPASSWD: ALL\n    (ALL : ALL) ALL\n",
        "    (root) NOPASSWD: /usr/bin/uptime, PASSWD: ALL\n",
    ],
)
async def test_a_login_that_must_give_its_password_is_asked_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listing: str
) -> None:
    """`sudo -n -l COMMAND` would say yes, for one rule wants no password, but to run it would mail root."""
    reply, asked = await asked_rights(tmp_path, monkeypatch, listing)
    assert (reply.status, asked, reply.body("allowed")) == (0, "-n -l\n", b"")


@pytest.mark.parametrize("shell", shells("dash", "bash", "busybox sh", "mksh"))
def test_beside_a_rule_that_wants_a_password_only_what_is_named_counts(tmp_path: Path, shell: str) -> None:
    """Our own rules are installed, and the login is an administrator with a password."""
    listing, log, helper = tmp_path / "rules", tmp_path / "asked", tmp_path / "helper"
    listing.write_text(f'    (ALL : ALL) ALL\n    (root) NOPASSWD: {helper} ""\n')
    helper.write_text('#!/bin/sh\nread -r verb\nread -r mark\necho "$mark verbs"\necho "$verb told"\n')
    values = {"log": log, "rules": listing, "status": 0, "shell": 0, "helper": 0}
    # sudo says yes to everything: it may be run, if only with the password
    for name, text in (("sudo", SUDO.format(**values).replace("-l*) exit 1", "-l*) exit 0")), ("id", "echo someone")):
        (tmp_path / name).write_text(text)
    for name in ("sudo", "id", "helper"):
        (tmp_path / name).chmod(0o755)
    (tmp_path / "sudoers.d").mkdir(exist_ok=True)
    for name in ("someone", getpass.getuser()):  # BusyBox may know by itself who we are
        (tmp_path / f"sudoers.d/mailtui-{name}").touch()
    prelude = 'MARK=mark; input() { IFS= read -r "$1"; }; section() { echo "$MARK $*"; }\n'
    script = tmp_path / "script"
    script.write_text(prelude + RIGHTS.text.decode().replace("/etc/sudoers.d", f"{tmp_path}/sudoers.d"))
    lines = (tmp_path / "sudo", "/usr/sbin/sendmail", helper, "/bin/cat", "/q/qf000000000000", PROGRAM)
    done = subprocess.run(
        [*shell.split(), script], input="".join(f"{line}\n" for line in lines).encode(), capture_output=True,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout.partition(b"mark allowed\n")[2] == f"{helper}\nmark verbs\nverbs told\n".encode()
    assert [line for line in log.read_text().splitlines() if not line.startswith("-n -l")] == [f"-n {helper}"]


async def test_a_refusal_is_told_with_what_sudo_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reply, asked = await asked_rights(tmp_path, monkeypatch, "a password is required\n", status=1)
    assert (reply.status, asked, reply.body("rules")) == (2, "-n -l\n", b"a password is required\n")


async def test_the_helper_is_asked_what_it_knows(spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = "    (root) NOPASSWD: /x\n"
    helper = helper_for(spool, tmp_path, "hold", "undo").read_text()
    reply, asked = await asked_rights(tmp_path, monkeypatch, listing, helper=helper)
    assert reply.body("verbs").split() == b"dirs sweep read readall show hold undo vault purge".split()
    assert reply.body("allowed") == f"{tmp_path}/helper\n".encode()
    assert "/bin/sh" not in asked
    old = "#!/bin/sh\nread -r verb\necho 'mailtui-helper knows the verbs dirs' >&2; exit 64\n"
    reply, _ = await asked_rights(tmp_path, monkeypatch, listing, helper=old)
    assert (reply.status, reply.body("verbs")) == (0, b"")


# --- the helper itself ----------------------------------------------------------------------------------------------


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    top = tmp_path / "it's a spool"
    (top / "mqueue").mkdir(parents=True)
    for path in CORPUS.glob("[qh]f6AMJNX*"):
        shutil.copyfile(path, top / "mqueue" / path.name)
    return top


def helper_for(spool: Path, tmp_path: Path, *acts: str) -> Path:
    known = identity(queue_directory=f"{spool}/mqueue", queue_groups="", client_queue="")
    text = rights.helper_script(rights.sudoers(known, ["list", "read", *acts], helper=True))
    file = tmp_path / "helper"
    file.write_text(text.replace("SENDMAIL=/usr/sbin/sendmail\n", f"SENDMAIL='{tmp_path}/sendmail'\n"))
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


# --- the helper acting ----------------------------------------------------------------------------------------------


def sections(told: bytes) -> dict[str, bytes]:
    """Read what is framed by the mark, with or without a length: head -> body."""
    return {
        re.sub(r"^=\d+ ", "", head.decode()): body.rstrip(b"\n")
        for head, _, body in (part.partition(b"\n") for part in told.split(MARK.encode() + b" ")[1:])
    }


def target(spool: Path, identifier: str, letter: str = "q") -> str:
    """Give the two lines that name a message."""
    lines = (spool / "mqueue" / f"{letter}f{identifier}").read_text("latin-1").splitlines()
    created, sender = (next(line for line in lines if line.startswith(code)) for code in "TS")
    return f"mqueue {letter} {identifier} {spool}/mqueue\n{created} {sender}\n"


def note_sendmail(tmp_path: Path) -> Path:
    """Make a sendmail that notes how it was called."""
    program = tmp_path / "sendmail"
    program.write_text(f'#!/bin/sh\nprintf "%s|" "$@" >>{tmp_path}/called\necho >>{tmp_path}/called\n')
    program.chmod(0o755)
    return tmp_path / "called"


ID = "6AMJNXAv000136"


@pytest.mark.parametrize("shell", shells("sh", "dash", "bash", "busybox sh", "mksh"))
def test_helper_tells_its_verbs_and_takes_no_others(spool: Path, tmp_path: Path, shell: str) -> None:
    helper = helper_for(spool, tmp_path, "hold", "delete")

    def run(data: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([*shell.split(), helper], input=data.encode(), capture_output=True, timeout=30)

    known = b"dirs\nsweep\nread\nreadall\nshow\nhold\ndelete\nvault\npurge"
    assert sections(run(f"verbs\n{MARK}\n").stdout) == {"verbs": known}
    for verb in ("retry", "undo", "flush", "hold delete", "old", "", "*", "HOLD"):
        refused = run(f"{verb}\n{MARK}\n.\n")
        assert (refused.returncode, refused.stdout) == (64, b""), verb
    reading = helper_for(spool, tmp_path)
    for verb in ("hold", "vault", "purge"):
        assert call(reading, f"{verb}\n{MARK}\n.\n").returncode == 64


@pytest.mark.parametrize("shell", shells("dash", "bash", "busybox sh", "mksh"))
def test_helper_holds_with_its_own_sendmail_in_its_own_directories(spool: Path, tmp_path: Path, shell: str) -> None:
    called = note_sendmail(tmp_path)
    helper = helper_for(spool, tmp_path, "hold")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copyfile(spool / f"mqueue/qf{ID}", elsewhere / f"qf{ID}")
    data = (
        f"hold\n{MARK}\nO sendmail {tmp_path}/evil\nO reason by alice, $(id)\nO sendmail=/x\n"
        f"D mqueue - {elsewhere}\n.\n{target(spool, ID)}"
        f"mqueue q {ID} {elsewhere}\n{target(spool, ID).splitlines()[1]}\n"
    )
    told = subprocess.run([*shell.split(), helper], input=data.encode(), capture_output=True, timeout=30)
    assert told.returncode == 0
    assert sections(told.stdout)["did 1 denied"] == b"no queue directory of this host"
    assert called.read_text() == f"-Qby alice, $(id)|-qI{ID}|\n"


@pytest.mark.parametrize(
    "hostile",
    [
        "mqueue q ../../etc/passwd /var/spool/mqueue", "mqueue q 6AMJNX /x", "mqueue z 6AMJNXAv000136 /x",
        "mqueue q 6AMJNXAv000136 x", "mqueue q 6AMJNXAv000136;id /x", "other q 6AMJNXAv000136 /x", "-d ALL", "",
        "mqueue q x /6AMJNXAv000136 /x",
    ],
)  # fmt: skip
def test_helper_takes_nothing_for_a_message_that_is_none(spool: Path, tmp_path: Path, hostile: str) -> None:
    called = note_sendmail(tmp_path)
    helper = helper_for(spool, tmp_path, "hold")
    told = sections(call(helper, f"hold\n{MARK}\n.\n{hostile}\nT1 S<x>\n{target(spool, ID)}").stdout)
    assert "did 0 denied" in told, "it keeps its number"
    assert [head for head in told if head.startswith("did 1 ")]
    assert called.read_text() == f"-Q|-qI{ID}|\n"


def test_helper_drops_options_that_are_not_well_formed(spool: Path, tmp_path: Path) -> None:
    called = note_sendmail(tmp_path)
    helper = helper_for(spool, tmp_path, "hold", "delete")
    for reason in ("\x1b[2J", "x" * 101, "caf\u00e9", "a\tb"):
        called.write_text("")
        call(helper, f"hold\n{MARK}\nO reason {reason}\n.\n{target(spool, ID)}")
        assert called.read_text() == f"-Q|-qI{ID}|\n", reason
    for undo in ("u-1", "u-../../../../etc", "x-12345678", "u-" + "1" * 41, "u-1234567 8"):
        told = call(helper, f"delete\n{MARK}\nO undo {undo}\n.\n{target(spool, ID)}")
        assert sections(told.stdout) == {"refused": b"it has no undo id"}, undo
    assert (spool / f"mqueue/qf{ID}").exists()


@pytest.mark.parametrize("vault_by", ENGINES)
def test_helper_deletes_and_brings_back(
    spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vault_by: str
) -> None:
    spool = spool.rename(tmp_path / "spool")
    helper = helper_for(spool, tmp_path, "delete", "undo")
    text, usual = helper.read_text(), "  PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"
    assert text.count(usual) == 1
    helper.write_text(text.replace(usual, f"  PATH='{only(tmp_path, monkeypatch, vault_by)}'\n"))
    control, data = spool / f"mqueue/qf{ID}", spool / f"mqueue/df{ID}"
    data.write_text("hi\n")
    before = control.read_bytes(), control.stat().st_ino, data.stat().st_ino
    options = "O undo u-20261124-abcd\nO by alice\nO reason test\nO keep 3600\n"
    told = sections(call(helper, f"delete\n{MARK}\n{options}.\n{target(spool, ID)}").stdout)
    assert told == {"all moved": b"0"}
    assert not control.exists() and not data.exists()
    (head, body), *_ = sections(call(helper, f"vault\n{MARK}\n.\n").stdout).items()
    assert head.startswith("set u-20261124-abcd ") and b"by alice\nreason test\nitem kept q" in body
    assert call(helper, f"undo\n{MARK}\n.\nu-../x\n").stdout == b""
    told = sections(call(helper, f"undo\n{MARK}\n.\nu-20261124-abcd\n").stdout)
    assert [head for head in told if head.startswith("back restored")]
    assert before == (control.read_bytes(), control.stat().st_ino, data.stat().st_ino)


@pytest.mark.parametrize("shell", shells("dash", "bash", "busybox sh", "mksh"))
def test_helper_hands_on_nothing_that_it_has_not_looked_at(spool: Path, tmp_path: Path, shell: str) -> None:
    """It does not lean on the checks of what it hands on to."""
    helper = helper_for(spool, tmp_path, "hold", "undo")
    text = helper.read_text()
    assert text.count("} | queue_act\n") == 1
    helper.write_text(text.replace("} | queue_act\n", "} | cat\n"))

    def passed(*lines: str) -> list[str]:
        data = "".join(f"{line}\n" for line in (lines[0], MARK, *lines[1:]))
        done = subprocess.run([*shell.split(), helper], input=data.encode(), capture_output=True, timeout=30)
        return done.stdout.decode().splitlines()

    own = [f"O sendmail {tmp_path}/sendmail", f"D mqueue - {spool}/mqueue", "."]
    good = [
        "O reason by alice: x",
        "O by alice@desk",
        "O undo u-20261124-abcd",
        "O keep 604800",
        "O held 1",
        "O forget 1",
    ]
    bad = ["O sendmail /tmp/evil", "O keep 1x", "O keep 1234567890", "O keep ", "O held 2", "O path /x", "O undo u-../x",
           "O undo u-1", "O reason a\tb", "O by " + "x" * 101, "D mqueue - /etc", "reason x", "hold"]  # fmt: skip
    assert passed("hold", *bad, *good, ".") == ["hold", *good, *own]
    message = [f"mqueue q {ID} /some where/q1", "T1 S<a b>"]
    none = ["- - - -", "-"]
    odd = [
        f"mqueue z {ID} /x", f"other q {ID} /x", f"mqueue q {ID} x", f"mqueue q {ID} ../x", f"mqueue q {ID[:-4]} /x",
        f"mqueue q {ID * 2} /x", f"mqueue q {ID};id /x", f"mqueue q -{ID} /x", f"mqueue q {ID}", f"mqueue  q {ID} /x", "",
    ]  # fmt: skip
    told = passed("hold", ".", *message, *(line for each in odd for line in (each, "T1 S<x>")), *message)
    assert told == ["hold", *own, *message, *none * len(odd), *message]
    assert passed("undo", ".", "u-20261124-abcd", "u-1", "x", "", "u-" + "a" * 41) == ["undo", *own, "u-20261124-abcd"]
    assert passed("purge", "O expired 1", ".") == ["purge", "O expired 1", *own]
    for verb in ("hold undo", " hold", "hold ", "retry", "delete", "*", "h*", ""):
        assert passed(verb, ".") == []
