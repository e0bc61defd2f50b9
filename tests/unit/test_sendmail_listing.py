"""The listing over the real scripts and real queue files in temporary directories, with and without perl."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mailtui.errors import HostError
from mailtui.model import Identity, QueueRow, QueueState
from mailtui.mta.contract import KnownQueue, QueueReading
from mailtui.mta.sendmail import bycommand, engine, listing, rows
from mailtui.procedure import REGISTRY, Reply, Request, Section, play
from mailtui.transport.drive import drive
from mailtui.transport.gate import Gate
from mailtui.transport.local import LocalTransport

CORPUS = Path(__file__).parent.parent / "corpus" / "sendmail"
LONG_AGO = time.time() - 7200  # to which times are set back, so that they prove something


class Watched(LocalTransport):
    """The local transport, telling which verbs of the engine ran."""

    def __init__(self) -> None:
        super().__init__(gate=Gate(REGISTRY, read_only=True))
        self.verbs: list[str] = []

    async def run(self, request: Request) -> Reply:
        self.verbs.append(request.data.split(b"\n")[0].decode())
        return await super().run(request)


@pytest.fixture(params=["perl", "no perl"])
def tools(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the test with perl on PATH, and with nothing but what POSIX has."""
    if request.param == "no perl":
        posix = tmp_path / "bin"
        posix.mkdir()
        for name in ("sh", "awk", "stat", "find", "date", "sleep", "dd", "ls", "cat"):
            found = shutil.which(name)
            assert found
            (posix / name).symlink_to(found)
        monkeypatch.setenv("PATH", str(posix))
    elif not shutil.which("perl"):
        pytest.skip("perl is not installed: the fast engine is NOT tested")
    return str(request.param)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Path]:
    """A queue with two directories, one split, a group and a client queue: 10 messages."""
    top = tmp_path / "spool"
    for name in ("mqueue/q1", "mqueue/q2/qf", "mqueue/q2/df", "mqueue/bulk", "mqueue-client"):
        (top / name).mkdir(parents=True)
    for path in sorted(CORPUS.glob("[qh]f6AMJNX*")):
        put(top / "mqueue/q1", path.name)
    put(top / "mqueue/q2", "qf6AMKmj8b000258", split=True)
    put(top / "mqueue/bulk", "qf6AMJNg08001104")
    put(top / "mqueue-client", "qf6AMJNgGL001098")
    settle(top)
    yield top


def put(directory: Path, name: str, *, split: bool = False, data: bytes = b"x" * 17) -> None:
    """Put a recorded message into a queue directory."""
    shutil.copyfile(CORPUS / name, directory / "qf" / name if split else directory / name)
    (directory / ("df/df" if split else "df")).with_name("df" + name[2:]).write_bytes(data)


def settle(top: Path) -> None:
    """Set all times back, so that they prove something."""
    for path in [*top.rglob("*"), top]:
        os.utime(path, (LONG_AGO, LONG_AGO))


def identity(spool: Path, **facts: str) -> Identity:
    known = {
        "uid": "0",
        "cf": "/etc/mail/sendmail.cf",
        "submit_cf": "/etc/mail/submit.cf",
        "queue_directory": f"{spool}/mqueue/q*",
        "queue_groups": f"bulk {spool}/mqueue/bulk",
        "client_queue": f"{spool}/mqueue-client",
    }
    return Identity("sendmail", "8.17.1.9", ("sendmail",), 0.0, "root", tuple((known | facts).items()))


async def read(spool: Path, known: KnownQueue | None = None) -> tuple[QueueReading, list[str]]:
    transport = Watched()
    try:
        reading = await drive(transport, listing.list_queue("mx1", identity(spool), known, time.time))
    finally:
        await transport.close()
    return reading, transport.verbs


def known(reading: QueueReading) -> KnownQueue:
    return KnownQueue({row.key: row.identity for row in reading.listing.rows}, reading.notes)


def by_id(reading: QueueReading) -> dict[str, QueueRow]:
    return {row.id: row for row in reading.listing.rows}


async def test_first_reading_holds_every_message(spool: Path, tools: str) -> None:
    reading, verbs = await read(spool)
    assert verbs == ["readall"]
    assert reading.listing.complete and not reading.listing.partial and reading.listing.missing == ()
    found = by_id(reading)
    assert len(found) == 11
    row = found["6AMJNXAv000136"]
    assert row.key == f"mx1:{spool}/mqueue/q1:6AMJNXAv000136"
    assert (row.queue, row.queue_group, row.directory) == ("mqueue", "mqueue", bytes(spool / "mqueue/q1"))
    assert (row.state, row.size, row.attempts) == (QueueState.DEFERRED, 17, 1)
    assert (row.sender, row.recipient, row.nrcpt) == (b'"tab\there"@grey.test', b"tomas.935@refused.test", 1)
    assert (row.domains, row.reason) == ((b"refused.test",), b"Deferred: Connection refused by mx.refused.test.")
    assert row.format == rows.QF
    assert b"Return-Path" not in row.raw and b"Message-ID: <1.1" in row.raw and row.raw.endswith(b"\n.\n")
    assert found["6AMJNXBL000136"].state is QueueState.HELD
    assert found["6AMJNXBL000136"].reason == b"Sender quar.test under review"
    assert found["6AMKmj8b000258"].size == 17
    assert found["6AMJNg08001104"].queue_group == "bulk"
    client = found["6AMJNgGL001098"]
    assert (client.queue, client.queue_group) == ("mqueue-client", None)
    assert len(found["6AMJNXAx000136"].domains) == 9


async def test_unchanged_refresh_reads_no_file(spool: Path, tools: str) -> None:
    first, _ = await read(spool)
    again, verbs = await read(spool, known(first))
    assert verbs == ["dirs"], "not even the names were listed"
    assert again.listing.partial and again.listing.complete
    assert (again.listing.rows, again.listing.removed) == ((), ())
    assert again.notes == first.notes


async def test_times_younger_than_two_seconds_prove_nothing(spool: Path, tools: str) -> None:
    os.utime(spool / "mqueue/q1")
    first, _ = await read(spool)
    again, verbs = await read(spool, known(first))
    assert verbs == ["dirs", "sweep"]
    assert again.listing.rows == ()


async def test_refresh_reads_only_what_is_new_or_rewritten(spool: Path, tools: str) -> None:
    first, _ = await read(spool)
    q1 = spool / "mqueue/q1"
    (q1 / "qf6AMJNXAv000136").rename(q1 / "hf6AMJNXAv000136")
    rewritten = (q1 / "qf6AMJNXAw000136").read_bytes().replace(b"\nN1\n", b"\nN2\n")
    (q1 / "tf6AMJNXAw000136").write_bytes(rewritten)
    (q1 / "tf6AMJNXAw000136").rename(q1 / "qf6AMJNXAw000136")
    for name in ("qf6AMJNXBD000136", "df6AMJNXBD000136"):
        (q1 / name).unlink()
    put(spool / "mqueue/q2", "qf6AMJNXBT000136", split=True)
    refresh, verbs = await read(spool, known(first))
    assert verbs == ["dirs", "sweep", "read"]
    assert refresh.listing.partial and refresh.listing.complete
    changed = {row.key.removeprefix(f"mx1:{spool}/"): row for row in refresh.listing.rows}
    assert sorted(changed)[:2] == ["mqueue/q1:6AMJNXAv000136", "mqueue/q1:6AMJNXAw000136"]
    assert changed["mqueue/q1:6AMJNXAv000136"].state is QueueState.HELD
    assert changed["mqueue/q1:6AMJNXAw000136"].attempts == 2
    assert "mqueue/q2:6AMJNXBT000136" in changed
    assert refresh.listing.removed == (f"mx1:{spool}/mqueue/q1:6AMJNXBD000136",)


async def test_new_queue_directory_is_seen(spool: Path, tools: str) -> None:
    first, _ = await read(spool)
    (spool / "mqueue/q9").mkdir()
    put(spool / "mqueue/q9", "qf6AMJNXBT000136")
    refresh, verbs = await read(spool, known(first))
    assert [row.key for row in refresh.listing.rows if "q9" in row.key] == [f"mx1:{spool}/mqueue/q9:6AMJNXBT000136"]
    assert verbs[:2] == ["dirs", "sweep"]


async def test_lost_files_and_orphans(spool: Path, tools: str) -> None:
    q1 = spool / "mqueue/q1"
    (q1 / "qf6AMJNXAv000136").rename(q1 / "Qf6AMJNXAv000136")
    (q1 / "df6AMKAAAA000001").write_bytes(b"lost")
    (spool / "mqueue/q2/df/df6AMKAAAA000002").write_bytes(b"lost too")
    settle(spool)
    (q1 / "df6AMKAAAA000003").write_bytes(b"just arriving")
    reading, _ = await read(spool)
    lost = {row.id: row for row in reading.listing.rows if row.state is QueueState.LOST}
    assert sorted(lost) == ["6AMJNXAv000136", "6AMKAAAA000001", "6AMKAAAA000002"]
    assert (lost["6AMKAAAA000001"].size, lost["6AMKAAAA000001"].format) == (4, rows.ORPHAN)
    settle(spool)
    later, _ = await read(spool, known(reading))
    assert [row.id for row in later.listing.rows] == ["6AMKAAAA000003"], "a young orphan is looked at again"


async def test_message_that_is_still_received_is_not_lost(spool: Path, tools: str) -> None:
    data = spool / "mqueue/q1/df6AMKAAAA000001"
    data.write_bytes(b"a large message over a slow line")
    settle(spool)
    os.utime(data, (time.time() - 1800,) * 2)
    reading, _ = await read(spool)
    assert "6AMKAAAA000001" not in by_id(reading)
    again, verbs = await read(spool, known(reading))
    assert "sweep" in verbs, "it is looked at again"
    assert again.listing.rows == ()
    reply = Reply(
        (
            Section("dir", ("0", "mqueue", "-", "ok", "1", "1", "1000"), b"/q"),
            Section("names", ("0",), b"df6AMKAAAA000001 7 600 5\n"),
            Section("end", ("0", "0", "0"), b""),
        ),
        0,
    )
    assert engine.contents("mx1", reply, identity(spool)).rows == []
    (lost,) = engine.contents("mx1", reply, identity(spool, datablock="300")).rows
    assert lost.state is QueueState.LOST


async def test_data_file_in_another_directory_of_the_queue(spool: Path, tools: str) -> None:
    (spool / "mqueue/q1/df6AMJNXAv000136").rename(spool / "mqueue/bulk/df6AMJNXAv000136")
    (spool / "mqueue/q1/df6AMJNXAw000136").unlink()
    settle(spool)
    reading, _ = await read(spool)
    found = by_id(reading)
    assert len(found) == 11, "it is no orphan"
    assert (found["6AMJNXAv000136"].size, found["6AMJNXAw000136"].size) == (17, None)


async def test_unfinished_and_hostile_files(spool: Path, tools: str) -> None:
    q1 = spool / "mqueue/q1"
    (q1 / "qf6AMKAAAA000001").write_bytes(b"V8\nT1795375413\nS<half@")
    (q1 / "qf6AMKAAAA000002").write_bytes(b"")
    (q1 / "qf6AMKAAAA000003").write_bytes(
        b"V8\nN0\nFbs\nS<a@b>\nRPFD:<c@d>\n" + bytes(range(1, 10)) + bytes(range(11, 256)) + b"\nH??Subject: x\n y\n.\n"
    )
    (q1 / "qf6AMKAAAA000005").write_bytes(
        b"V8\nN0\nFbs\nS<a@b>\nRPFD:<c@d>\nH??Subject: x\nH??Message-ID: <1@a>\nH??To: c@d\nH??X-"
    )
    (q1 / "qf$(touch pwned) x").write_bytes(b"V8\n.\n")
    (q1 / "qf6AMKAAAA000004").symlink_to("/etc/passwd")
    settle_files = [q1, q1 / "qf6AMKAAAA000001", q1 / "qf6AMKAAAA000002", q1 / "qf6AMKAAAA000005"]
    for path in settle_files:
        os.utime(path, (LONG_AGO, LONG_AGO))
    first, _ = await read(spool)
    found = by_id(first)
    assert found["6AMKAAAA000001"].sender == b"<half@"
    assert found["6AMKAAAA000002"].raw == b""
    assert bytes(range(11, 256)) in found["6AMKAAAA000003"].raw and b"\n y\n.\n" in found["6AMKAAAA000003"].raw
    assert "6AMKAAAA000004" not in found, "no link is followed"
    if tools == "perl":
        assert not first.listing.complete and any("begin like" in text for text in first.listing.missing)
    again, _ = await read(spool, KnownQueue(known(first).identities, {"?missing": "", "x": ""}))
    unfinished = {"6AMKAAAA000001", "6AMKAAAA000002", "6AMKAAAA000005"}
    assert {row.id for row in again.listing.rows} == unfinished, "read again"


async def test_file_that_is_being_written_is_read_again(spool: Path, tools: str) -> None:
    file = spool / "mqueue/q1/qf6AMKAAAA000001"
    file.write_bytes(b"V8\nT1795375413\n")
    os.utime(file.parent, (LONG_AGO, LONG_AGO))
    first, _ = await read(spool)
    half, verbs = await read(spool, known(first))
    assert verbs == ["dirs", "sweep", "read"], "the directory's time does not tell that the file goes on"
    file.write_bytes(b"V8\nT1795375413\nN0\nFbs\nS<a@b>\nRPFD:<c@d>\n.\n")
    (row,) = (await read(spool, KnownQueue(known(first).identities, half.notes)))[0].listing.rows
    assert row.recipient == b"c@d"
    os.utime(file, (LONG_AGO, LONG_AGO))
    file.write_bytes(b"V8\nT1795375413\n")
    os.utime(file, (LONG_AGO, LONG_AGO))
    damaged, _ = await read(spool)
    assert (await read(spool, known(damaged)))[1] == ["dirs"], "a damaged one does not keep the host busy for ever"


async def test_environment_of_the_login_does_not_change_the_reading(
    spool: Path, tools: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERL_UNICODE", "SDA")
    monkeypatch.setenv("PERL5OPT", "-Mutf8 -Mopen=:std,:utf8")
    reading, _ = await read(spool)
    assert (len(reading.listing.rows), reading.listing.missing) == (11, ())


async def test_reading_that_breaks_off_is_never_whole(
    spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    perl = shutil.which("perl")
    if perl is None:
        pytest.skip("perl is not installed: the fast engine is NOT tested")
    whole, _ = await read(spool)
    tool = tmp_path / "bin" / "perl"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\n[ "$1" = -e ] || exec {perl} "$@"\nread -r verb\n'
                    f'[ $verb != dirs ] && cut="head -n 8"\n{{ echo $verb; cat; }} | {perl} "$@" | ${{cut:-cat}}\n')  # fmt: skip
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    reading, _ = await read(spool)
    assert reading.listing.rows == () and not reading.listing.complete
    assert f"{spool}/mqueue/q1 was not read to its end" in reading.listing.missing
    os.utime(spool / "mqueue/q1")
    refresh, _ = await read(spool, known(whole))
    assert not refresh.listing.partial and not refresh.listing.complete


@pytest.mark.parametrize(
    "garbled",
    [
        Section("dir", ("0", "mqueue", "-", "ok", "1", "1", "hi"), b"/q"),
        Section("names", ("0",), b"qf6AMJNXAv000136 1 2 3\nhi\n"),
        Section("names", ("0",), b"qf\xff 1 2 3\n"),
        Section("rows", ("0",), b"hi\n"),
        Section("rows", ("0",), b"qf6AMJNXAv000136 1 2"),
        Section("rows", ("0",), b"qf6AMJNXAv000136 1 2 3 -28\n"),
        Section("rec", ("7", "qf6AMJNXAv000136"), b"V8\n"),
        Section("end", ("0", "hi", "0"), b""),
        Section("end", ("0",), b""),
    ],
    ids=lambda section: f"{section.name}-{len(section.args)}-{len(section.body)}",
)
def test_what_others_write_into_the_answer_is_the_hosts_fault(garbled: Section) -> None:
    whole = Section("dir", ("0", "mqueue", "-", "ok", "1", "1", "9"), b"/q")
    with pytest.raises(HostError, match="garbled"):
        engine.contents("mx1", Reply((whole, garbled), 0))


async def test_missing_directory_is_said(spool: Path, tools: str) -> None:
    shutil.rmtree(spool / "mqueue/bulk")
    reading, _ = await read(spool)
    assert not reading.listing.complete
    assert reading.listing.missing == (f"{spool}/mqueue/bulk does not exist, though the configuration names it",)


# --- what a login without rights is told ----------------------------------------------------------------------------


def denied(*directories: tuple[str, str, str]) -> Reply:
    sections = []
    for number, (queue, state, path) in enumerate(directories):
        times = "100" if state != "gone" else "-"
        sections.append(Section("dir", (str(number), queue, "-", state, times, times, "5000"), path.encode()))
        if state == "ok":
            sections.append(Section("end", (str(number), "0", "0"), b""))
    return Reply(tuple(sections), 0)


def listed(request: Request, outputs: dict[tuple[str, str], bytes]) -> Reply:
    sections = []
    for line in request.data.decode().splitlines()[2:]:
        means, queue, view = line.split()
        output = outputs.get((queue, view), b"/var/spool/%s is empty\n\t\tTotal requests: 0\n" % queue.encode())
        sections.append(Section("mailq", (means, queue, view), output))
        sections.append(Section("status", (queue, view, "78" if b"denied" in output else "0"), b""))
    return Reply(tuple(sections), 0)


REFUSED = b"can not chdir(/var/spool/mqueue/): Permission denied\nProgram mode requires special privileges.\n"
LOGIN = Identity("sendmail", "8.17.1.9", ("sendmail",), 0.0, "oncall", tuple({
    "cf": "/etc/mail/sendmail.cf", "submit_cf": "/etc/mail/submit.cf", "queue_directory": "/var/spool/mqueue",
    "client_queue": "/var/spool/mqueue-client", "sendmail": "/usr/sbin/sendmail", "sudo": "/usr/bin/sudo",
    "sudo_list": "-bp -v;-bp -v -qQ", "zone": "+0000",
}.items()))  # fmt: skip


def list_as(outputs: dict[tuple[str, str], bytes], reply: Reply, known: KnownQueue | None = None) -> QueueReading:
    def answer(request: Request) -> Reply:
        return listed(request, outputs) if request.script is bycommand.MAILQ else reply

    return play(listing.list_queue("sm3", LOGIN, known, lambda: 1795400000.0), answer)


DENIED = denied(("mqueue", "denied", "/var/spool/mqueue"), ("mqueue-client", "ok", "/var/spool/mqueue-client"))


def test_queue_that_may_not_be_entered_is_never_empty() -> None:
    outputs = {("mqueue", view): REFUSED for view in bycommand.VIEWS}
    reading = list_as(outputs, DENIED)
    assert not reading.listing.complete and reading.listing.rows == ()
    (told,) = reading.listing.missing
    assert told.startswith(
        "/var/spool/mqueue may not be read by oncall, and mailq is refused: `sudo -n /usr/sbin/sendm"
    )
    assert "status 78" in told and "Permission denied" in told
    assert "`mailtui sudoers sm3 --for list,read --helper`" in told


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="becomes another user")
@pytest.mark.parametrize("kind", ["queue_perl", "queue_sh"])
def test_pattern_below_a_directory_that_may_not_be_listed_is_denied(tmp_path: Path, kind: str) -> None:
    for folder in (tmp_path, *list(tmp_path.parents)[:3]):
        folder.chmod(folder.stat().st_mode | 0o711)
    (tmp_path / "mqueue/q1").mkdir(parents=True)
    (tmp_path / "engine.sh").write_bytes(engine.source("engine.sh"))
    paths = (tmp_path / "mqueue", "q*"), (tmp_path / "none", "q*"), (tmp_path / "mqueue", "none")
    asked = "readall\n" + "".join(f"D mqueue mqueue {parent}/{name}\n" for parent, name in paths) + ".\n"
    command = f". {tmp_path}/engine.sh; {kind}"

    def states() -> list[str]:
        done = subprocess.run(
            ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "sh", "-c", command],
            input=asked, env={"MARK": "MARK", "PATH": os.environ["PATH"]}, text=True, capture_output=True, check=True,
        )  # fmt: skip
        heads = [line.split() for line in done.stdout.splitlines() if line.startswith("MARK ") and " dir " in line]
        return [next(word for word in head if word in ("ok", "denied", "gone")) for head in heads]

    (tmp_path / "mqueue").chmod(0o711)
    assert states() == ["denied", "gone", "gone"]
    (tmp_path / "mqueue").chmod(0o755)
    assert states() == ["ok", "gone", "gone"]


def test_directory_that_an_old_helper_does_not_know_is_named() -> None:
    helped = replace(LOGIN, facts=(
        *(pair for pair in LOGIN.facts if pair[0] != "queue_directory"), ("helper", "/usr/local/libexec/mailtui-helper"),
        ("queue_directory", "/var/spool/mqueue/q*"), ("queue_groups", "bulk /var/spool/mqueue/bulk"),
    ))  # fmt: skip
    old = denied(("mqueue-client", "ok", "/var/spool/mqueue-client"), ("mqueue", "ok", "/var/spool/mqueue/q1"))
    reading = play(listing.list_queue("sm3", helped, None, lambda: 1795400000.0), lambda request: old)
    assert not reading.listing.complete
    assert reading.listing.missing == (
        "/var/spool/mqueue/bulk is not among the helper's directories; "
        "print the helper anew: `mailtui sudoers sm3 --for list,read --helper`",
    )
    new = denied(
        ("mqueue-client", "ok", "/var/spool/mqueue-client"),
        ("mqueue", "ok", "/var/spool/mqueue/bulk"),
        ("mqueue", "gone", "/var/spool/mqueue/q*"),
    )
    reading = play(listing.list_queue("sm3", helped, None, lambda: 1795400000.0), lambda request: new)
    assert reading.listing.missing == ("/var/spool/mqueue/q* does not exist, though the configuration names it",)


def test_one_view_that_is_refused_is_named() -> None:
    reading = list_as({("mqueue", "Q"): REFUSED}, DENIED)
    assert any(text.startswith("quarantined messages could not be listed") for text in reading.listing.missing)


def test_mailq_stands_in_with_all_three_views() -> None:
    outputs = {
        ("mqueue", "all"): (CORPUS / "sm2-bp-v.txt").read_bytes(),
        ("mqueue", "Q"): (CORPUS / "mailq-qQ.txt").read_bytes(),
    }
    reading = list_as(outputs, DENIED)
    states = [row.state for row in reading.listing.rows]
    assert (len(states), states.count(QueueState.HELD), states.count(QueueState.DEFERRED)) == (86, 56, 30)
    assert {row.format for row in reading.listing.rows} == {rows.MAILQ}
    assert len({row.key for row in reading.listing.rows}) == 86
    assert not reading.listing.complete
    commands = {each.command.removesuffix(" -v") for each in reading.evidence if "-bp" in each.command}
    assert "sudo -n /usr/sbin/sendmail -bp" in commands
    assert "/usr/sbin/sendmail -bp -v -qL" in commands, "what sudo does not allow is run as the login"


def test_unchanged_directory_spares_mailq_unless_its_files_lie_deeper() -> None:
    outputs = {("mqueue", "all"): (CORPUS / "sendmail-bp-v.txt").read_bytes()}
    first = list_as(outputs, DENIED)
    again = list_as({}, DENIED, known(first))
    assert again.listing.partial and not again.listing.complete
    assert again.listing.missing == first.listing.missing
    split = list_as({("mqueue", "all"): (CORPUS / "sm2-bp-v.txt").read_bytes()}, DENIED)
    assert not list_as({}, DENIED, known(split)).listing.partial


def test_limited_listing_says_so() -> None:
    outputs = {("mqueue", "all"): b"\t\t/var/spool/mqueue (9000 requests, only 0 printed)\n\t\tTotal requests: 9000\n"}
    reading = list_as(outputs, DENIED)
    assert any("showed 0 of 9000 messages: MaxQueueRunSize" in text for text in reading.listing.missing)


def test_unreadable_configuration_is_said() -> None:
    facts = tuple((name, "" if name in ("queue_directory", "client_queue") else value) for name, value in LOGIN.facts)
    blind = Identity("sendmail", "8.17", ("sendmail",), 0.0, "oncall", facts)
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        asked.append(request.script.name)
        return listed(request, {})

    reading = play(listing.list_queue("sm3", blind, None, lambda: 1795400000.0), answer)
    assert asked == ["sendmail/mailq"]
    assert any("/etc/mail/sendmail.cf may not be read by oncall" in text for text in reading.listing.missing)
    assert not reading.listing.complete


def test_paths_are_data_and_the_client_queue_comes_first() -> None:
    paths = engine.queue_paths(identity(Path("/spool")))
    assert [(each.queue, each.group) for each in paths] == [
        ("mqueue-client", None), ("mqueue", "bulk"), ("mqueue", "mqueue"),
    ]  # fmt: skip


@pytest.mark.parametrize(("zone", "seconds"), [("+0100", 3600), ("-0330", -12600), ("", 0), ("UTC", 0)])
def test_zones(zone: str, seconds: float) -> None:
    assert bycommand.zone_seconds(zone) == seconds


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ("H??Subject: a\nH??To: x\nH??Message-ID: <1@a>\n", "H??Subject: a\nH??Message-ID: <1@a>\n"),
        ("H??Message-Id: <1@a>\nH??Subject: a\n\tb\nH?M?Date: x\n", "H??Subject: a\n\tb\nH??Message-Id: <1@a>\n"),
        ("H??Subject: a\nH??Message-ID: <1@a>\n", "H??Subject: a\nH??Message-ID: <1@a>\n"),
        ("H?P?Return-Path: <x>\nHsubject : a\n b\nH?D?MESSAGE-ID:<1@a>\nH??To: x\n", "Hsubject : a\n b\nH?D?MESSAGE-ID:<1@a>\n"),
        ("H??Subject: a\nH??X-Subject: b\nH??Message-IDs: c\n\tMessage-ID: d\n", "H??Subject: a\n"),
        ("H??Subject: a\nH??Message-Ident: c\nH??Message-ID: d\nH??To: x\n", "H??Subject: a\nH??Message-ID: d\n"),
        ("H??To: x\n", ""),
        ("", ""),
    ],
)  # fmt: skip
async def test_only_two_headers_come_along(spool: Path, tools: str, headers: str, kept: str) -> None:
    front = "V8\nT1795375413\nN0\nFbs\nS<a@b>\nRPFD:<c@d>\n"
    (spool / "mqueue/q1/qf6AMKAAAA000009").write_text(f"{front}{headers}.\n")
    reading, _ = await read(spool)
    raw = by_id(reading)["6AMKAAAA000009"].raw.decode()
    assert raw.startswith(front) and raw.endswith("\n.\n")
    folded = raw[len(front) : -2].replace("\n\t", "\1").replace("\n ", "\2").splitlines()
    wanted = kept.replace("\n\t", "\1").replace("\n ", "\2").splitlines()
    assert sorted(folded) == sorted(wanted)
