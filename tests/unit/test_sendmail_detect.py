"""Finding Sendmail: by recorded answers, and by the real script over stand-ins in a temporary directory."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from mailtui import session
from mailtui.config import Host
from mailtui.errors import NoMta
from mailtui.model import Identity
from mailtui.mta.contract import Read
from mailtui.mta.sendmail import detect
from mailtui.procedure import REGISTRY, Reply, Request, Script, Section, play
from mailtui.transport.contract import BOOTSTRAP
from mailtui.transport.drive import drive
from mailtui.transport.gate import Gate
from mailtui.transport.local import LocalTransport

CORPUS = Path(__file__).parent.parent / "corpus" / "sendmail"
HOST = b"""epoch 1000
zone +0100
login oncall
uid 1001
os Linux 6.1.0
hostname sm1.lab.test
sendmail /usr/sbin/sendmail
mailq /usr/bin/mailq
sudo_found /usr/bin/sudo
perl /usr/bin/perl
proc 1
cat /usr/bin/cat
tail /usr/bin/tail
logs /var/log/mail.log
python3 /usr/bin/python3
flock /usr/bin/flock
setsid /usr/bin/setsid
doas
sudo_version 1.9.13p3
"""


def version() -> bytes:
    text = (CORPUS / "version.txt").read_bytes()
    return text.partition(b"-d0.10 -bt </dev/null | head -40\n")[2].partition(b"### [exit")[0]


def answers(cf: str = "sm2.cf.options", *, epoch: bytes = b"1000", took: float = 0.0) -> Reply:
    options = b"/etc/mail/sendmail.cf\n" + (CORPUS / cf).read_bytes()
    submit = b"/etc/mail/submit.cf\n" + (CORPUS / "submit.cf.options").read_bytes()
    sections = (
        Section("host", (), HOST),
        Section("version", (), version()),
        Section("cf", ("readable",), options),
        Section("submit", ("readable",), submit),
        Section("end", (), epoch + b"\n"),
    )
    return Reply(sections, 0, took=took)


def found(reply: Reply, rights: Reply | None = None, refused: set[tuple[str, ...]] | None = None) -> Identity:
    def answer(request: Request) -> Reply:
        return reply if request.script is detect.DETECT else rights or Reply((), 3)

    read: Read[Identity | None] = play(detect.detect(lambda: 1000.5, set() if refused is None else refused), answer)
    assert read.value is not None
    return read.value


def test_facts_of_a_host_with_queue_groups() -> None:
    identity = found(answers())
    fact = identity.fact
    assert (identity.version, identity.login, identity.mta) == ("8.17.1.9", "oncall", "sendmail")
    assert (fact("cf"), fact("submit_cf")) == ("/etc/mail/sendmail.cf", "/etc/mail/submit.cf")
    assert (fact("queue_directory"), fact("client_queue")) == ("/var/spool/mqueue/q*", "/var/spool/mqueue-client")
    assert fact("queue_groups") == "bulk /var/spool/mqueue/bulk"
    assert {"HASFLOCK", "STARTTLS", "MAXDAEMONS=64"} <= set(fact("flags").split())
    assert (fact("queuereturn"), fact("host_status_timeout")) == ("432000", "180")
    assert (fact("queue_la"), fact("refuse_la"), fact("max_daemon_children")) == ("60", "90", "150")
    assert fact("control_socket") == "/var/run/sendmail/mta/smcontrol"
    assert fact("host_status_directory") == "/var/lib/sendmail/host_status"
    assert (fact("run_as"), fact("submit_as"), fact("datablock")) == ("smmta", "smmsp", "3600")
    assert (fact("min_queue_age"), fact("max_queue_run_size"), fact("zone")) == ("", "", "+0100")


def test_evidence_holds_what_was_asked() -> None:
    read = play(detect.detect(lambda: 0.0, set()), lambda request: answers())
    assert any("-d0.10" in each.command and b"Version 8.17" in each.output for each in read.evidence)


def test_configuration_that_may_not_be_read() -> None:
    whole = answers()
    closed = tuple(
        Section(each.name, ("unreadable",), each.body.partition(b"\n")[0] + b"\n")
        if each.name in ("cf", "submit")
        else each
        for each in whole.sections
    )
    identity = found(Reply(closed, 0))
    assert identity.fact("cf") == "/etc/mail/sendmail.cf"
    assert [identity.fact(name) for name in ("queue_directory", "client_queue", "queuereturn", "queue_groups")] == [
        ""
    ] * 4


@pytest.mark.parametrize(("epoch", "took", "skew"), [(b"1000", 0.4, 0.0), (b"1000", 0.0, 0.0)])
def test_clocks_that_agree(epoch: bytes, took: float, skew: float) -> None:
    assert found(answers(epoch=epoch, took=took)).clock_skew == skew


def test_clock_that_is_ahead_and_one_that_is_not_told() -> None:
    ahead = answers(epoch=b"1010")
    ahead = Reply((Section("host", (), HOST.replace(b"epoch 1000", b"epoch 1010")), *ahead.sections[1:]), 0)
    assert found(ahead).clock_skew == pytest.approx(10.0)
    untold = Reply((Section("host", (), HOST.replace(b"epoch 1000", b"epoch")), *answers().sections[1:]), 0)
    assert found(untold).clock_skew is None


def test_no_sendmail_and_another_mail_server() -> None:
    nothing = Reply((Section("host", (), HOST), Section("end", (), b"1000\n")), 0)
    assert play(detect.detect(lambda: 0.0, set()), lambda request: nothing).value is None
    other = Reply((Section("host", (), HOST), Section("version", (), b"sendmail: fatal: unsupported: -bt\n")), 0)
    assert play(detect.detect(lambda: 0.0, set()), lambda request: other).value is None


def test_sendmail_that_does_not_say_its_version_in_time() -> None:
    host, _, cf, *rest = answers().sections
    late = Section("version", (), b"\n"), Section("late", (), b"ended after 20 seconds\n")
    read = play(detect.detect(lambda: 0.0, set(), sudo=False), lambda request: Reply((host, *late, cf, *rest), 0))
    assert read.value is not None
    assert (read.value.version, read.value.fact("queue_directory")) == ("unknown", "/var/spool/mqueue/q*")
    assert [each.status for each in read.evidence if b"ended after 20 seconds" in each.output] == [124]
    nothing = Reply((host, *late), 0)
    assert play(detect.detect(lambda: 0.0, set()), lambda request: nothing).value is None


def test_sudo_counts_only_where_it_may_be_asked() -> None:
    rules = Section("rules", (), b"User oncall may run the following commands\n")
    allowed = Section("allowed", (), b"-bp -v\n-bp -v -qQ\ncat\n/usr/local/libexec/mailtui-helper\n")
    identity = found(answers(), Reply((rules, allowed), 0))
    assert (identity.fact("sudo"), identity.fact("helper")) == ("/usr/bin/sudo", detect.HELPER)
    assert (identity.fact("sudo_list"), identity.fact("sudo_cat")) == ("-bp -v;-bp -v -qQ", "1")
    silent = found(answers(), Reply((), 3))
    assert [silent.fact(name) for name in ("sudo", "sudo_found", "helper")] == ["", "/usr/bin/sudo", ""]


def test_sudo_that_said_no_is_not_asked_again() -> None:
    refused: set[tuple[str, ...]] = set()
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        asked.append(request.script.name)
        return answers() if request.script is detect.DETECT else Reply((Section("rules", (), b"a password"),), 2)

    for _ in range(2):
        play(detect.detect(lambda: 0.0, refused), answer)
    assert asked == ["sendmail/detect", "sendmail/rights", "sendmail/detect"]


def test_sudo_of_another_host_with_the_same_name_is_asked() -> None:
    refused: set[tuple[str, ...]] = set()
    rules = Section("rules", (), b"User oncall may run the following commands\n")
    yes, no = Reply((rules, Section("allowed", (), b"cat\n")), 0), Reply((rules,), 2)

    def of(machine: bytes) -> Reply:
        head, *rest = answers().sections
        return Reply((Section("host", (), head.body + b"machine " + machine + b"\n"), *rest), 0)

    assert found(of(b"10.0.0.1 22 aa"), no, refused).fact("sudo") == ""
    assert found(of(b"10.0.0.2 22 bb"), yes, refused).fact("sudo") == "/usr/bin/sudo"
    assert found(of(b"10.0.0.1 22 aa"), yes, refused).fact("sudo") == "", "the first one is not asked again"


def test_sudo_is_left_alone_where_it_is_not_wanted() -> None:
    asked: list[tuple[str, bytes]] = []

    def answer(request: Request) -> Reply:
        asked.append((request.script.name, request.data))
        return answers()

    read: Read[Identity | None] = play(detect.detect(lambda: 0.0, set(), sudo=False), answer)
    assert asked == [("sendmail/detect", b"never\n")]
    assert read.value is not None
    assert [read.value.fact(name) for name in ("sudo", "sudo_found", "helper", "sudo_cat", "sudo_list")] == [""] * 5


def test_the_program_that_sudo_is_asked_about_is_the_bootstraps() -> None:
    assert f"exec /bin/sh -c '{detect.PROGRAM}'" == BOOTSTRAP
    data = detect.sudo_data({"sudo_found": "/s", "sendmail": "/x", "cat": "/c", "queue_directory": "/q*"})
    assert data.decode().splitlines() == ["/s", "/x", detect.HELPER, "/c", "/q1/qf000000000000", detect.PROGRAM]


def test_what_locks_and_detaches_is_found() -> None:
    fact = found(answers()).fact
    assert [fact(name) for name in ("perl", "python3", "flock", "setsid", "doas")] == [
        "/usr/bin/perl", "/usr/bin/python3", "/usr/bin/flock", "/usr/bin/setsid", ""
    ]  # fmt: skip
    assert fact("hasflock") == "1"
    whole = answers()
    fcntl = tuple(
        Section(each.name, each.args, each.body.replace(b" HASFLOCK", b" HASFLOCKED")) for each in whole.sections
    )
    assert found(Reply(fcntl, 0)).fact("hasflock") == ""


ALL_VERBS = b"dirs\nsweep\nretry\nflush\nhold\nrelease\nbounce\ndelete\nundo\nvault\npurge\n"
HELPED = f"{detect.HELPER}\n".encode()


@pytest.mark.parametrize(
    ("allowed", "verbs", "means"),
    [
        (b"sh\n", b"", "sudo"),
        (HELPED, ALL_VERBS, "helper"),
        (b"sh\n" + HELPED, ALL_VERBS, "helper"),
        (b"sh\n" + HELPED, b"dirs\nhold\n", "sudo"),
        (HELPED, b"dirs\nhold\n", "helper"),
        (HELPED, b"dirs\nsweep\nread\n", ""),
        (HELPED, b"", ""),
        (b"cat\n", b"", ""),
        (b"", ALL_VERBS, ""),
    ],
)
def test_the_means_to_act(allowed: bytes, verbs: bytes, means: str) -> None:
    sections = (Section("rules", (), b""), Section("allowed", (), allowed), Section("verbs", (), verbs))
    identity = found(answers(), Reply(sections, 0))
    assert identity.fact("act") == means
    assert bool(identity.fact("act_why")) is not bool(means)


def test_root_and_the_owner_of_the_queues_act_by_themselves() -> None:
    head, *rest = answers().sections
    root = Reply((Section("host", (), head.body.replace(b"uid 1001", b"uid 0")), *rest), 0)
    assert (found(root).fact("act"), found(root).fact("act_why")) == ("self", "")
    assert found(Reply((head, *rest, Section("own", (), b"")), 0)).fact("act") == "self"


def test_why_a_login_may_not_act() -> None:
    def why(reply: Reply, rights: Reply | None = None) -> str:
        return found(reply, rights).fact("act_why")

    rules = Section("rules", (), b"")
    assert "no sudo rules of mailtui's are installed" in why(answers())
    assert "sudo refuses" in why(answers(), Reply((rules,), 2))
    assert "sudo lets oncall read here, not act" in why(answers(), Reply((rules, Section("allowed", (), b"cat\n")), 0))
    assert "the helper on this host only reads" in why(answers(), Reply((rules, Section("allowed", (), HELPED)), 0))
    head, *rest = answers().sections
    none = Section("host", (), head.body.replace(b"sudo_found /usr/bin/sudo", b"sudo_found "))
    assert "there is no sudo here" in why(Reply((none, *rest), 0))
    read = play(detect.detect(lambda: 0.0, set(), sudo=False), lambda request: answers())
    assert read.value is not None
    assert "sudo is to be left alone" in read.value.fact("act_why")


@pytest.mark.parametrize(
    ("span", "unit", "expected"),
    [
        ("5d", "d", "432000"),
        ("1h30m", "d", "5400"),
        ("30", "m", "1800"),
        ("", "m", ""),
        ("now", "d", ""),
        ("2w", "d", "1209600"),
    ],
)
def test_times_of_the_configuration(span: str, unit: str, expected: str) -> None:
    assert detect.seconds(span, unit) == expected


# --- the real scripts -----------------------------------------------------------------------------------------------


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


async def run(request_of: object) -> Reply:
    transport = LocalTransport(gate=Gate(REGISTRY, read_only=True))
    try:
        assert isinstance(request_of, Request)
        return await transport.run(request_of)
    finally:
        await transport.close()


async def test_script_finds_what_sendmail_says_is_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in use.cf").write_text("O QueueDirectory=/q/'odd' path*\nO QueueLA=7\nQg, Path=/q/g\nDnothing\n")
    program(
        tmp_path / "bin/sendmail",
        f'[ "$*" = "-d0.10 -bt" ] || exit 9\nprintf "Version 8.18.1\\n Compiled with: A B\\n     Conf file:\\t%s (selected)\\n" '
        f'"{tmp_path}/in use.cf"',
    )
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    transport = LocalTransport(gate=Gate(REGISTRY, read_only=True))
    try:
        read = await drive(transport, detect.detect(lambda: 0.0, set()))
    finally:
        await transport.close()
    assert read.value is not None
    assert read.value.fact("sendmail") == f"{tmp_path}/bin/sendmail"
    assert (read.value.fact("cf"), read.value.fact("queue_la")) == (f"{tmp_path}/in use.cf", "7")
    assert (read.value.fact("queue_directory"), read.value.fact("queue_groups")) == ("/q/'odd' path*", "g /q/g")


@pytest.mark.parametrize(
    ("fault", "own"),
    [("", True), ("strange", False), ("closed", False), ("relative", False), ("unreadable", False), ("none", False)],
)
async def test_script_tells_whether_all_queues_are_the_logins_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, own: bool
) -> None:
    queues = [tmp_path / name for name in ("it's q1", "it's q2", "group", "client")]
    for path in queues:
        path.mkdir()
    (tmp_path / "it's q2/qf").mkdir()
    group = "below" if fault == "relative" else tmp_path / "group"
    main, submit = tmp_path / "main.cf", tmp_path / "submit.cf"
    main.write_text(f"O QueueDirectory={tmp_path}/it's q*\nO QueueLA=7\nQg, F=f, Path={group}, R=2\n")
    submit.write_text(f"O QueueDirectory={tmp_path}/client\n")
    if fault == "strange":
        if os.geteuid():
            pytest.skip("only root can make a directory somebody else's: NOT tested that it is not taken for our own")
        os.chown(tmp_path / "it's q2/qf", 4321, 4321)
    elif fault == "closed":
        (tmp_path / "client").rmdir()
        (tmp_path / "client").symlink_to("/proc/1")
    elif fault == "unreadable":
        submit.unlink()
    elif fault == "none":
        main.write_text("")
        submit.write_text("")
    program(
        tmp_path / "bin/sendmail",
        f'printf "Version 8.18.1\\n     Conf file:\\t%s (selected)\\n     Conf file:\\t%s (default for MSP)\\n" '
        f'"{main}" "{submit}"',
    )
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    reply = await run(Request(detect.DETECT, b"never\n"))
    assert bool(reply.named("own")) is own
    assert reply.named("end")


@pytest.mark.parametrize("present", [True, False])
async def test_sendmail_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, present: bool) -> None:
    timeout, sleep = shutil.which("timeout"), shutil.which("sleep")
    program(tmp_path / "bin/sendmail", f"echo Version 8.18.1; exec {sleep} 60")
    program(tmp_path / "bin/timeout", f'shift\nexec {timeout} 0.3 "$@"' if present else "exit 127")
    program(tmp_path / "bin/sleep", f'[ "$1" != 20 ] || set -- 0.3\nexec {sleep} "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    reply = await run(Request(detect.DETECT, b"never\n"))
    assert reply.body("version").startswith(b"Version 8.18.1\n")
    assert b"20 seconds" in reply.body("late")
    assert bool(reply.named("cf")) is Path("/etc/mail/sendmail.cf").exists()
    assert reply.named("end")


async def test_other_mail_servers_sendmail_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "postfix/sendmail", f"touch {tmp_path}/ran")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sendmail").symlink_to(tmp_path / "postfix/sendmail")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    reply = await run(Request(detect.DETECT))
    assert not reply.named("version")
    assert not (tmp_path / "ran").exists()


async def test_script_finds_the_python_of_a_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RHEL 8 and 9 may have one that is not on PATH."""
    for name in ("awk", "cat", "date", "dd", "grep", "id", "sed", "sh", "sleep", "uname"):
        found = shutil.which(name)
        assert found
        (tmp_path / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(tmp_path))
    usual, own = b"/usr/libexec/platform-python", tmp_path / "platform-python"
    assert detect.DETECT.text.count(usual) == 1
    script = Script("sendmail/platform", detect.DETECT.text.replace(usual, bytes(own)))
    monkeypatch.setitem(REGISTRY._scripts, script.name, script)
    assert b"\npython3 \n" in (await run(Request(script))).body("host")
    program(own, "exit 1")
    assert b"\npython3 %s\n" % bytes(own) in (await run(Request(script))).body("host")
    program(tmp_path / "python3", "exit 1")
    assert b"\npython3 %s/python3\n" % bytes(tmp_path) in (await run(Request(script))).body("host")


async def test_script_does_not_run_sudo_that_is_to_be_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin/sudo", f"touch {tmp_path}/ran; echo Sudo version 1.9.13")
    program(tmp_path / "bin/id", "echo 1000")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 51000 192.0.2.1 22")
    reply = await run(Request(detect.DETECT, b"never\n"))
    assert b"sudo_found \n" in reply.body("host")
    assert b"\nmachine 192.0.2.1 22" in reply.body("host")
    assert not (tmp_path / "ran").exists()
    reply = await run(Request(detect.DETECT))
    assert b"\nsudo_version 1.9.13\n" in reply.body("host")


@pytest.mark.parametrize(("wish", "asked"), [("never", False), ("auto", True), ("ask", True)])
async def test_the_configuration_tells_whether_sudo_may_run(
    monkeypatch: pytest.MonkeyPatch, wish: str, asked: bool
) -> None:
    told: list[bool] = []

    async def instead(transport: object, wanted: str, *, sudo: bool) -> session.Detected:
        told.append(sudo)
        raise NoMta("none here")

    monkeypatch.setattr("mailtui.session.detect", instead)
    with pytest.raises(NoMta):
        async with session.Link.open(Host(name="h", transport="local", sudo=wish)):
            pass
    assert told == [asked]


async def test_sudo_is_not_asked_where_our_rules_are_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "sudo", f"touch {tmp_path}/asked")
    program(tmp_path / "bin/id", "case $1 in -un) echo root ;; *) echo users ;; esac")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    facts = {"sudo_found": f"{tmp_path}/sudo", "sendmail": "/x", "cat": "/bin/cat", "queue_directory": "/q"}
    reply = await run(Request(detect.RIGHTS, detect.sudo_data(facts)))
    if Path("/etc/sudoers.d/mailtui-root").exists():
        pytest.skip("this machine has rules of mailtui's own: NOT tested that sudo is left alone without")
    assert reply.status == 3
    assert not (tmp_path / "asked").exists()
