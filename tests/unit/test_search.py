"""search.sh and findlogs.sh for real, under every shell that may be a host's /bin/sh."""

import bz2
import gzip
import lzma
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from mailtui.errors import UsageError
from mailtui.model import Identity, LogEvent, LogRecord
from mailtui.mta.contract import LogQuery
from mailtui.mta.sendmail.follow import find_logs
from mailtui.mta.sendmail.log import log_parser
from mailtui.mta.sendmail.search import found_records, parse_search, search_request
from mailtui.parsing.logsearch import FoundLine, found_lines, merge, unread
from mailtui.procedure import Reply, Request, Section, play
from mailtui.transport import frames
from tests.shells import installed, needs_busybox, shells

INNER = 'read -r n && s=$(dd bs=1 count=$n 2>/dev/null) && eval "$s"'
SHELLS = ("dash", "bash", "busybox ash", "mksh")
HOST = Identity("sendmail", "8.17", (), None, "oncall", (("zone", "+0000"),))
NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups dash"
DAY = 86400
NOW = datetime(2026, 11, 22, 20, tzinfo=UTC).timestamp()
as_another = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="becomes another user")


def run(request: Request, shell: str = "dash", path: str = "", only: str = "") -> Reply:
    """Run a script as a transport does."""
    mark = frames.new_mark()
    process = subprocess.Popen(
        [*shell.split(), "-c", INNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={"PATH": only or path + os.environ["PATH"]}, start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(frames.program(request.script.text, mark, request.data, silence=600))
    process.stdin.flush()
    output, end = b"", frames.EndFinder(mark)
    while data := os.read(process.stdout.fileno(), 65536):
        output += data
        if end.feed(data):
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    told = frames.collect(output, mark)
    return Reply(told.sections, told.status)


def lines(first: int, count: int, day: int) -> bytes:
    return b"".join(
        b"Nov %d 19:%02d:33 sm1 sm-mta[9]: 6AMJNX%06d00: to=<a%d@x.test>, delay=00:00:00, dsn=2.0.0, stat=Sent\n"
        % (day, number % 60, number, number)
        for number in range(first, first + count)
    )


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Five days of a log, ten lines a day; the oldest are packed."""
    log = tmp_path / "mail.log"
    files = {
        f"{log}.4.gz": gzip.compress(lines(0, 10, 18)),
        f"{log}.3.xz": lzma.compress(lines(10, 10, 19)),
        f"{log}.2.bz2": bz2.compress(lines(20, 10, 20)),
        f"{log}.1": lines(30, 10, 21),
        str(log): lines(40, 10, 22),
    }
    for age, (name, data) in enumerate(reversed(files.items())):
        Path(name).write_bytes(data)
        os.utime(name, (NOW - age * DAY, NOW - age * DAY))
    return log


def numbers(reply: Reply) -> list[int]:
    return [int(found.line.split(b"]: ")[1][6:12]) for found in parse_search(reply)]


def unpacked(path: str) -> bytes:
    data = Path(path).read_bytes()
    opener = {"gz": gzip.decompress, "xz": lzma.decompress, "bz2": bz2.decompress}
    kind = path.rpartition(".")[2]
    return opener[kind](data) if kind in opener else data


def assert_offsets(reply: Reply) -> None:
    for found in parse_search(reply):
        if found.offset is not None:
            assert unpacked(found.path)[found.offset :].startswith(found.line + b"\n")


@pytest.mark.parametrize("shell", shells(*SHELLS))
def test_everything_in_order(logs: Path, shell: str) -> None:
    reply = run(search_request(HOST, [str(logs)], LogQuery()), shell)
    assert reply.status == 0
    assert numbers(reply) == list(range(50))
    assert all(found.offset is not None for found in parse_search(reply))
    assert_offsets(reply)


@pytest.mark.parametrize("shell", shells(*SHELLS))
def test_a_pattern_and_an_id(logs: Path, shell: str) -> None:
    by_pattern = run(search_request(HOST, [str(logs)], LogQuery(grep=rb"to=<a(3|23|4[57])@x\.test>, ")), shell)
    assert numbers(by_pattern) == [3, 23, 45, 47]
    assert_offsets(by_pattern)
    if shell != "busybox ash":  # there grep is BusyBox's own, which knows no -b
        assert all(found.offset is not None for found in parse_search(by_pattern))
    by_id = run(search_request(HOST, [str(logs)], LogQuery(id="6AMJNX00003300")), shell)
    assert numbers(by_id) == [33]
    both = run(search_request(HOST, [str(logs)], LogQuery(id="6AMJNX00003300", grep=b"^Nov .*Sent$")), shell)
    assert numbers(both) == [33]
    assert_offsets(both)
    if shell != "busybox ash":
        assert [found.offset is None for found in parse_search(both)] == [False]
    neither = run(search_request(HOST, [str(logs)], LogQuery(id="6AMJNX00003300", grep=b"bounced")), shell)
    assert numbers(neither) == []


@pytest.mark.parametrize("shell", shells(*SHELLS))
def test_the_newest_lines(logs: Path, shell: str) -> None:
    for last in (1, 10, 13, 35, 99):
        reply = run(search_request(HOST, [str(logs)], LogQuery(last=last)), shell)
        found = found_records(reply, LogQuery(last=last), log_parser("h", HOST, NOW))
        assert [record.recipient for record in found] == [b"a%d@x.test" % each for each in range(max(0, 50 - last), 50)]
        assert_offsets(reply)
    matched = run(search_request(HOST, [str(logs)], LogQuery(last=2, grep=b"a[0-9]*5@")), shell)
    assert found_records(matched, LogQuery(last=2), log_parser("h", HOST, NOW))[0].recipient == b"a35@x.test"


@pytest.mark.parametrize("shell", shells(*SHELLS))
def test_rotation_orders_files_whatever_their_times_say(logs: Path, shell: str) -> None:
    for later, name in enumerate(("", ".1", ".2.bz2", ".4.gz", ".3.xz")):
        os.utime(f"{logs}{name}", (NOW + later, NOW + later))
    assert numbers(run(search_request(HOST, [str(logs)], LogQuery()), shell)) == list(range(50))
    parser = log_parser("h", HOST, NOW)
    for query, wanted in (
        (LogQuery(last=13), range(37, 50)),
        (LogQuery(last=35), range(15, 50)),
        (LogQuery(last=12, grep=b"to=<a"), range(38, 50)),
        (LogQuery(last=3, grep=b"a[0-9]*5@"), (25, 35, 45)),
        (LogQuery(last=2, id="6AMJNX00003300"), (33,)),
        (LogQuery(last=2, id="6AMJNX00003300", grep=b"Sent"), (33,)),
    ):
        found = found_records(run(search_request(HOST, [str(logs)], query), shell), query, parser)
        assert [record.recipient for record in found] == [b"a%d@x.test" % each for each in wanted], query


NAMES = {
    "numbers": (".10.gz", ".9", ".2", ".1", ".0"),
    "dates": ("-20251231.gz", "-20261121.gz", "-20261122"),
    "dates and hours": ("-2026112121", "-2026112200", "-2026112201"),
    "dotted dates": (".20251231", ".20261122T000000.bz2", ".20261122T010000"),
    "dates with dashes": ("-2025-12-31", "-2026-01-02.gz", "-2026-11-01"),
    "seconds": ("-1795300000.gz", "-1795386400"),
}


@pytest.mark.parametrize("shell", shells(*SHELLS))
@pytest.mark.parametrize("kind", NAMES)
def test_each_way_of_naming_rotated_files(tmp_path: Path, kind: str, shell: str) -> None:
    log = tmp_path / "mail.log"
    names = [f"{log}{name}" for name in NAMES[kind]]
    for age, name in enumerate([*names, str(log)]):
        data = lines(age, 1, 22)
        Path(name).write_bytes(
            gzip.compress(data) if name.endswith("gz") else bz2.compress(data) if name.endswith("bz2") else data
        )
        os.utime(name, (NOW - age, NOW - age))
    assert numbers(run(search_request(HOST, [str(log)], LogQuery()), shell)) == list(range(len(names) + 1))


@pytest.mark.parametrize("shell", shells(*SHELLS))
def test_times_place_what_names_do_not_compare(tmp_path: Path, shell: str) -> None:
    """Numbered files from before the dates, one that was touched since, and files whose names tell nothing."""
    log = tmp_path / "mail.log"
    written = {".3": 0, ".2": 300, ".old": 100, ".1": 200, "-20261120": 400, ".1.saved copy": 500, "-20261121": 600}
    for number, (name, at) in enumerate(written.items()):
        Path(f"{log}{name}").write_bytes(lines(number, 1, 22))
        os.utime(f"{log}{name}", (NOW + at, NOW + at))
    log.write_bytes(lines(len(written), 1, 22))
    found = numbers(run(search_request(HOST, [str(log)], LogQuery()), shell))
    assert found == [0, 2, 1, 3, 4, 5, 6, 7]


def test_dates_before_the_end_of_a_name(tmp_path: Path) -> None:
    for age, name in enumerate(("mail-20261120.log", "mail-20261121.log", "mail.log")):
        (tmp_path / name).write_bytes(lines(age, 1, 22))
        os.utime(tmp_path / name, (NOW - age, NOW - age))
    assert numbers(run(search_request(HOST, [f"{tmp_path}/mail.log"], LogQuery()))) == [0, 1, 2]


def test_the_newest_lines_of_several_logs(logs: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.log"
    other.write_bytes(lines(105, 1, 21) + b"no time\n" + lines(142, 6, 22))
    for last in (3, 12, 99):
        query = LogQuery(last=last)
        reply = run(search_request(HOST, [str(other), str(logs)], query))
        found = found_records(reply, query, log_parser("h", HOST, NOW))
        assert len(found) == min(last, 58)
        times = [record.at for record in found if record.at is not None]
        assert times == sorted(times)
    assert {record.file for record in found_records(reply, LogQuery(last=12), log_parser("h", HOST, NOW))} > {
        str(other)
    }
    assert [record.text for record in found].index(b"no time") == 41


@needs_busybox
@pytest.mark.parametrize("shell", shells(*SHELLS))
def test_grep_that_tells_no_offsets(logs: Path, tmp_path: Path, shell: str) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "grep").write_text('#!/bin/sh\nexec busybox grep "$@"\n')
    (tools / "grep").chmod(0o755)
    reply = run(search_request(HOST, [str(logs)], LogQuery(grep=b"a(3|23|4[57])@")), shell, f"{tools}:")
    assert numbers(reply) == [3, 23, 45, 47]
    assert [found.offset for found in parse_search(reply)] == [None] * 4


def test_times(logs: Path) -> None:
    since = datetime(2026, 11, 20, 19, 25, tzinfo=UTC).timestamp()
    until = datetime(2026, 11, 21, 19, 32, tzinfo=UTC).timestamp()
    query = LogQuery(since=since, until=until, last=3)
    reply = run(search_request(HOST, [str(logs)], query))
    assert "gz" not in {found.path.rpartition(".")[2] for found in parse_search(reply)}
    found = found_records(reply, query, log_parser("h", HOST, NOW))
    assert [record.recipient for record in found] == [b"a29@x.test", b"a30@x.test", b"a31@x.test"]
    assert found[0].file.endswith(".2.bz2")


def test_hostile_patterns_run_nothing(logs: Path, tmp_path: Path) -> None:
    for pattern in (b"$(touch made)", b"`touch made`", b"-e x -f /etc/passwd", b"'; touch made; '", b"a\\"):
        run(search_request(HOST, [str(logs)], LogQuery(grep=pattern)))
    assert not list(tmp_path.rglob("made"))
    assert not Path("/made").exists()


@pytest.mark.parametrize("shell", shells(*SHELLS))
def test_a_bad_pattern_is_said(logs: Path, shell: str) -> None:
    reply = run(search_request(HOST, [str(logs)], LogQuery(grep=b"a(b")), shell)
    with pytest.raises(UsageError, match="regular expression"):
        list(parse_search(reply))


@pytest.mark.parametrize("query", [LogQuery(grep=b""), LogQuery(grep=b"a\nb"), LogQuery(id="$(x)"), LogQuery(id="-v")])
def test_what_is_never_sent(query: LogQuery) -> None:
    with pytest.raises(UsageError):
        search_request(HOST, ["/var/log/mail.log"], query)


@pytest.fixture
def open_folders(tmp_path: Path) -> Iterator[None]:
    for folder in (tmp_path, *list(tmp_path.parents)[:3]):
        folder.chmod(folder.stat().st_mode | 0o711)
    tmp_path.chmod(0o755)
    yield


@as_another
def test_what_may_not_be_read_is_said(logs: Path, open_folders: None) -> None:
    logs.with_name("mail.log.1").chmod(0o600)
    reply = run(search_request(HOST, [str(logs)], LogQuery()), NOBODY)
    assert numbers(reply) == [*range(30), *range(40, 50)]
    assert len(unread(reply.sections)) == 1
    assert "mail.log.1 could not be read: cat: " in unread(reply.sections)[0]


@pytest.mark.parametrize("shell", shells(*SHELLS))
@pytest.mark.parametrize("query", [LogQuery(), LogQuery(grep=b"stat=Sent"), LogQuery(last=45)])
def test_what_could_not_be_unpacked_is_said(logs: Path, shell: str, query: LogQuery) -> None:
    packed = logs.with_name("mail.log.4.gz")
    packed.write_bytes(b"not packed at all")
    reply = run(search_request(HOST, [str(logs)], query), shell)
    assert numbers(reply) == list(range(10, 50))
    (told,) = unread(reply.sections)
    assert told.startswith(f"{packed} could not be read: ")
    assert "gzip" in told


@pytest.mark.parametrize("shell", shells(*(one for one in SHELLS if one != "busybox ash")))
def test_a_packer_that_the_host_lacks_is_said(logs: Path, tmp_path: Path, shell: str) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("cat", "dd", "expr", "grep", "gzip", "bzip2", "head", "ls", "sleep", "sort", "stat", "tail", "wc"):
        found = shutil.which(name)
        assert found
        (tools / name).symlink_to(found)
    (tools / "shell").symlink_to(shutil.which(shell) or "")
    reply = run(search_request(HOST, [str(logs)], LogQuery()), str(tools / "shell"), only=str(tools))
    assert numbers(reply) == [*range(10), *range(20, 50)]
    assert unread(reply.sections) == (f"{logs}.3.xz could not be read: the host has no xz",)


def test_odd_bytes_and_a_last_line_without_an_end(tmp_path: Path) -> None:
    log = tmp_path / "maillog"
    log.write_bytes(b"a\0b\r\n\xff\n\nlast")
    reply = run(search_request(HOST, [str(log)], LogQuery()))
    assert [(found.offset, found.line) for found in parse_search(reply)] == [
        (0, b"a\0b\r"), (5, b"\xff"), (7, b""), (8, b"last"),
    ]  # fmt: skip
    matched = run(search_request(HOST, [str(log)], LogQuery(grep=b".")))
    assert (8, b"last") in [(found.offset, found.line) for found in parse_search(matched)]


@as_another
def test_finding_logs(tmp_path: Path, open_folders: None) -> None:
    mail, closed = tmp_path / "mail.log", tmp_path / "closed.log"
    mail.touch()
    closed.touch()
    mail.chmod(0o644)
    closed.chmod(0o600)
    paths = [str(mail), str(closed), str(tmp_path / "none.log")]
    for shell in filter(installed, SHELLS):
        nobody = NOBODY.replace("dash", shell)
        read = play(find_logs(HOST, paths), partial(run, shell=nobody))
        assert read.value == (str(mail),)
        assert b"no cat: " in read.evidence[-1].output
    sudo = tmp_path / "sudo"
    sudo.write_text(f'#!/bin/sh\n[ "$1 $2" = "-n -l" ] && [ "${{4}} ${{5}} ${{6}} ${{7}}" = "-n 1000 -F {closed}" ]\n')
    sudo.chmod(0o755)
    identity = Identity("sendmail", "8.17", (), None, "oncall", (("sudo", str(sudo)),))
    read = play(find_logs(identity, paths), partial(run, shell=NOBODY))
    assert read.value == (str(mail), str(closed))
    assert play(find_logs(HOST, [str(closed)]), partial(run, shell=NOBODY)).value == ()


def test_what_is_no_file_is_no_log_and_holds_nobody_up(tmp_path: Path) -> None:
    pipe = tmp_path / "mail.log"
    os.mkfifo(pipe)
    for path in (str(pipe), "/dev/zero", str(tmp_path)):
        read = play(find_logs(HOST, [path]), run)
        assert read.value == ()
        assert b"not a regular file" in read.evidence[-1].output


def test_finding_logs_by_syslogs_rules() -> None:
    asked: list[bytes] = []

    def answer(request: Request) -> Reply:
        asked.append(request.data)
        if len(asked) == 1:
            return Reply((Section("rules", (), b"mail.*\t-/var/log/m.log\nmail.* /var/log/two\n"),), 0)
        told = (
            Section("log", ("/var/log/m.log",), b"no cat: denied\n"),
            Section("log", ("/var/log/two",), b"readable x\n"),
        )
        return Reply(told, 0)

    assert play(find_logs(HOST, []), answer).value == ("/var/log/two",)
    assert asked == [b"\n", b"\n/var/log/m.log\n/var/log/two\n"]


def record(at: float | None, text: bytes) -> LogRecord:
    return LogRecord("h", at, b"", b"", None, None, LogEvent.OTHER, text)


def test_merging() -> None:
    first = [record(None, b"a0"), record(1, b"a1"), record(None, b"a2"), record(5, b"a3"), record(4, b"a4")]
    second = [record(0.5, b"b0"), record(4.5, b"b1"), record(5, b"b2")]
    third = [record(None, b"c0")]
    assert [each.text for each in merge([first, second, third])] == [
        b"c0", b"b0", b"a0", b"a1", b"a2", b"b1", b"a3", b"a4", b"b2",
    ]  # fmt: skip


def test_numbered_lines_without_a_number_are_kept() -> None:
    section = Section("matches", ("/l",), b"12:a:b\nx:y\n:z\n")
    assert list(found_lines([section])) == [
        FoundLine("/l", 12, b"a:b"), FoundLine("/l", None, b"x:y"), FoundLine("/l", None, b":z"),
    ]  # fmt: skip


def test_a_file_that_is_being_packed_counts_once(logs: Path) -> None:
    logs.with_name("mail.log.1.gz").write_bytes(gzip.compress(logs.with_name("mail.log.1").read_bytes()))
    assert numbers(run(search_request(HOST, [str(logs)], LogQuery()))) == list(range(50))


@as_another
def test_packed_logs_through_sudo(logs: Path, tmp_path: Path, open_folders: None) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text(f'#!/bin/sh\n[ "$2" = -l ] && exit 0\nexec {tmp_path}/cat "$3"\n')
    sudo.chmod(0o755)
    shutil.copyfile("/bin/cat", tmp_path / "cat")
    (tmp_path / "cat").chmod(0o4755)
    identity = Identity("sendmail", "8.17", (), None, "oncall", (("sudo", str(sudo)),))
    for file in tmp_path.glob("mail.log*"):
        file.chmod(0o600)
    reply = run(search_request(identity, [str(logs)], LogQuery()), NOBODY)
    assert numbers(reply) == list(range(50))
    newest = run(search_request(identity, [str(logs)], LogQuery(last=13)), NOBODY)
    assert numbers(newest)[-13:] == list(range(37, 50))
