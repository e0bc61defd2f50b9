"""follow.sh for real, under every shell that may be a host's /bin/sh, over logs that grow and rotate."""

import asyncio
import bz2
import gzip
import lzma
import os
import shutil
import signal
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from mailtui.errors import Refused, UsageError
from mailtui.model import Identity, LogCursor
from mailtui.mta.contract import LogBlock, LogGap
from mailtui.mta.sendmail.follow import destinations, follow_parser, follow_request
from mailtui.procedure import Begin, Data, End, Event
from mailtui.transport.frames import FrameParser, new_mark, program
from tests.shells import shells

INNER = 'read -r n && s=$(dd bs=1 count=$n 2>/dev/null) && eval "$s"'
SHELLS = shells("dash", "bash", "busybox ash", "mksh")
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress}
HOST = Identity("sendmail", "8.17", (), None, "oncall", ())
NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups dash"
as_another = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="becomes another user")


class Log:
    """A log with numbered lines, and what is done to logs."""

    def __init__(self, folder: Path, name: str = "mail.log") -> None:
        self.path = folder / name
        self.path.touch()
        self.written = 0

    def write(self, lines: int, *, end: bytes = b"") -> None:
        with self.path.open("ab") as file:
            for _ in range(lines):
                file.write(b"Nov 22 19:23:33 sm1 sm-mta[1]: line %06d\n" % self.written)
                self.written += 1
            file.write(end)

    def rotate(self, to: str = ".1") -> Path:
        """Move the log away as logrotate does, older ones first, and make a new one."""
        for number in range(8, 0, -1):
            for packed in ("", ".gz", ".xz", ".zst", ".bz2"):
                old = Path(f"{self.path}.{number}{packed}")
                if old.exists():
                    old.rename(f"{self.path}.{number + 1}{packed}")
        target = Path(f"{self.path}{to}")
        self.path.rename(target)
        self.path.touch()
        return target

    def copytruncate(self) -> None:
        shutil.copyfile(self.path, f"{self.path}.1")
        os.truncate(self.path, 0)


def pack(path: Path, kind: str) -> None:
    """Compress as gzip and its like do: the time stays, the inode does not."""
    data, times = path.read_bytes(), path.stat()
    target = Path(f"{path}.{kind}")
    if kind == "zst":
        os.system(f"zstd -q {path} -o {target}")
    else:
        target.write_bytes(PACKERS[kind](data))
    os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))
    path.unlink()


class Follow:
    """A running follow.sh with all that its parser gave."""

    def __init__(self, log: Log, cursor: LogCursor | None, identity: Identity, group: int) -> None:
        self._pauses = log.path.parent / "pauses"
        self._group = group
        self.parser = follow_parser(identity, str(log.path), cursor)
        self.found: list[LogBlock | LogGap] = []
        self.ended = False
        self.error: Refused | None = None
        self._news = asyncio.Event()

    def take(self, frames: FrameParser, data: bytes) -> None:
        try:
            for event in frames.feed(data):
                self.found += self.parser.feed(event)
                self.ended = self.ended or isinstance(event, End)
        except Refused as error:
            self.error = error
        self._news.set()

    @property
    def blocks(self) -> list[LogBlock]:
        return [each for each in self.found if isinstance(each, LogBlock)]

    @property
    def gaps(self) -> list[str]:
        return [each.why for each in self.found if isinstance(each, LogGap)]

    @property
    def numbers(self) -> list[int]:
        return [int(line[-6:]) for block in self.blocks for line in block.lines.splitlines()]

    @property
    def cursor(self) -> LogCursor:
        return next(block.cursor for block in reversed(self.blocks) if block.cursor is not None)

    async def rounds(self, count: int) -> None:
        """Wait until follow.sh has looked so many times more."""
        before = self._pauses.stat().st_size
        async with asyncio.timeout(20):
            while self._pauses.stat().st_size < before + count:
                await asyncio.sleep(0.01)

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Keep the script from running, as a full pipe does."""
        os.killpg(self._group, signal.SIGSTOP)
        yield
        os.killpg(self._group, signal.SIGCONT)

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not reached():
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def following(
    log: Log, cursor: LogCursor | None = None, *, last: int = 10, shell: str = "dash", identity: Identity = HOST
) -> AsyncIterator[Follow]:
    """Run follow.sh as a transport does, only with short pauses."""
    pauses = log.path.parent / "bin"
    pauses.mkdir(exist_ok=True)
    sleep = pauses / "sleep"
    counted = log.path.parent / "pauses"
    counted.touch()
    counted.chmod(0o666)
    sleep.write_text(
        f'#!/bin/sh\ncase $1 in 0.5 | 1) printf . >>{counted}; set -- 0.03 ;; esac\nexec {shutil.which("sleep")} "$@"\n'
    )
    sleep.chmod(0o755)
    request = follow_request(identity, str(log.path), cursor, last)
    mark = new_mark()
    process = await asyncio.create_subprocess_exec(
        *shell.split(), "-c", INNER, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL, env={"PATH": f"{pauses}:{os.environ['PATH']}"}, start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(program(request.script.text, mark, request.data, silence=600))
    follow = Follow(log, cursor, identity, process.pid)
    frames = FrameParser(mark)
    output = process.stdout

    async def pump() -> None:
        while data := await output.read(65536):
            follow.take(frames, data)

    try:
        async with asyncio.TaskGroup() as group:
            pumping = group.create_task(pump())
            yield follow
            pumping.cancel()
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        process.stdin.close()


async def read_up_to(log: Log, cursor: LogCursor | None = None, shell: str = "dash") -> LogCursor:
    """Follow until all that is written has been seen, then leave; give the cursor."""
    async with following(log, cursor, last=1000, shell=shell) as follow:
        await follow.until(lambda: follow.numbers[-1:] == [log.written - 1])
        return follow.cursor


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


@pytest.mark.parametrize("shell", SHELLS)
async def test_growth_rotation_and_resumption(log: Log, shell: str) -> None:
    log.write(50)
    async with following(log, last=5, shell=shell) as follow:
        await follow.until(lambda: follow.numbers == [45, 46, 47, 48, 49])
        log.write(3, end=b"Nov 22 19:23:33 sm1 sm-mta[1]: li")
        await follow.until(lambda: follow.numbers[-1] == 52)
        with log.path.open("ab") as file:
            file.write(b"ne 000053\n")
        log.written += 1
        await follow.until(lambda: follow.numbers[-1] == 53)
        log.rotate()
        log.write(4)
        await follow.until(lambda: follow.numbers[-1] == 57)
        assert follow.numbers == list(range(45, 58))
        assert follow.gaps == []
        assert follow.blocks[0].live is False
        assert follow.blocks[-1].live is True
        cursor = follow.cursor
    where = os.stat(log.path)
    last = log.path.read_bytes()
    assert cursor == LogCursor(str(log.path), where.st_dev, where.st_ino, len(last), sha256(last[-256:]).hexdigest())
    log.write(2)
    pack(log.rotate(), "gz")
    log.write(2)
    async with following(log, cursor, shell=shell) as follow:
        await follow.until(lambda: follow.numbers[-1:] == [61])
        assert follow.numbers == [58, 59, 60, 61]
        assert follow.gaps == []
        log.copytruncate()
        log.write(1)
        await follow.until(lambda: follow.numbers[-1:] == [62])
        assert follow.numbers == list(range(58, 63))
        assert follow.gaps == ["the log was cut to nothing"]


async def test_offsets_are_those_of_the_file(log: Log) -> None:
    log.write(30)
    async with following(log, last=7) as follow:
        await follow.until(lambda: len(follow.numbers) == 7)
        log.write(5)
        await follow.until(lambda: len(follow.numbers) == 12)
    text = log.path.read_bytes()
    for block in follow.blocks:
        assert text[block.offset : block.offset + len(block.lines)] == block.lines


async def test_an_empty_log_and_no_last_lines(log: Log) -> None:
    async with following(log) as follow:
        await follow.until(lambda: follow.parser._live)
        log.write(2)
        await follow.until(lambda: follow.numbers == [0, 1])
    async with following(log, last=0) as follow:
        await follow.until(lambda: follow.parser._live)
        log.write(1)
        await follow.until(lambda: follow.numbers == [2])


async def test_a_log_that_appears_later(log: Log) -> None:
    log.path.unlink()
    async with following(log) as follow:
        log.path.parent.joinpath("mail.log.new").touch()
        log.path.touch()
        log.write(2)
        await follow.until(lambda: follow.numbers == [0, 1])


async def test_the_old_file_is_read_until_the_new_one_is_written(log: Log) -> None:
    log.write(3)
    async with following(log) as follow:
        await follow.until(lambda: len(follow.numbers) == 3)
        old = log.rotate()
        await follow.rounds(3)
        late = Log.__new__(Log)
        late.path, late.written = old, log.written
        late.write(5, end=b"Nov 22 line 000008")  # the logger still has it open, and dies within a line
        await follow.until(lambda: len(follow.numbers) == 8)
        log.written = late.written + 1
        log.write(1)
        await follow.until(lambda: follow.numbers[-1] == 9)
        assert follow.numbers == list(range(10))
        assert follow.gaps == []


async def test_nothing_of_the_old_file_is_left_behind(log: Log) -> None:
    log.write(3)
    async with following(log) as follow:
        await follow.until(lambda: len(follow.numbers) == 3)
        with follow.stalled():
            log.write(2)
            log.rotate()
            log.write(2)
        await follow.until(lambda: follow.numbers[-1] == 6)
        assert follow.numbers == list(range(7))
        assert follow.gaps == []


async def test_two_rotations_while_reading_was_stalled(log: Log) -> None:
    log.write(3)
    async with following(log) as follow:
        await follow.until(lambda: len(follow.numbers) == 3)
        with follow.stalled():
            past = log.path.stat().st_mtime - 100
            os.utime(log.path, (past, past))
            log.rotate()
            log.write(2)
            os.utime(log.path, (past + 10, past + 10))
            log.rotate()
            log.write(1)
        await follow.until(lambda: follow.numbers[-1] == 5)
        assert follow.numbers == list(range(6))
        assert follow.gaps == []


async def test_the_last_lines_of_a_log_that_grows_meanwhile(log: Log) -> None:
    log.write(20)
    tools = log.path.parent / "bin"
    tools.mkdir()
    (tools / "tail").write_text(
        f"#!/bin/sh\n[ \"$1\" = -n ] && echo 'Nov 22 19:23:33 sm1 sm-mta[1]: another line of its own 000020' >>{log.path}\n"
        f'exec {shutil.which("tail")} "$@"\n'
    )
    (tools / "tail").chmod(0o755)
    async with following(log, last=5) as follow:
        await follow.until(lambda: follow.numbers[-1:] == [20])
        assert follow.numbers == list(range(16, 21)) or follow.numbers == list(range(15, 21))
        assert follow.blocks[0].lines.startswith(b"Nov 22 ")


@pytest.mark.parametrize("kind", ["", "gz", "xz", "zst", "bz2"])
@pytest.mark.parametrize("rotations", [1, 2, 3])
async def test_rotations_while_away(log: Log, kind: str, rotations: int) -> None:
    log.write(40)
    cursor = await read_up_to(log)
    for _ in range(rotations):
        log.write(5)
        old = log.rotate()
        if kind:
            pack(old, kind)
    log.write(2)
    async with following(log, cursor) as follow:
        await follow.until(lambda: follow.numbers[-1:] == [log.written - 1])
        assert follow.numbers == list(range(40, log.written))
        assert follow.gaps == []
        log.write(1)
        await follow.until(lambda: follow.numbers[-1:] == [log.written - 1])


@pytest.mark.parametrize("name", ["maillog", "mail.log"])
async def test_dated_names(tmp_path: Path, name: str) -> None:
    log = Log(tmp_path, name)
    log.write(10)
    cursor = await read_up_to(log)
    log.write(1)
    log.rotate("-20261121")
    log.write(1)
    pack(log.rotate("-20261122"), "gz")
    log.write(1)
    async with following(log, cursor) as follow:
        await follow.until(lambda: follow.numbers == [10, 11, 12])
        assert follow.gaps == []


async def test_nothing_new_is_nothing_told(log: Log) -> None:
    log.write(4)
    cursor = await read_up_to(log)
    async with following(log, cursor) as follow:
        await follow.until(lambda: follow.parser._live)
        assert follow.found == []


async def test_an_incomplete_line_comes_whole_after_resumption(log: Log) -> None:
    log.write(4, end=b"Nov 22 li")
    async with following(log) as follow:
        await follow.until(lambda: len(follow.numbers) == 4)
        cursor = follow.cursor
    log.written += 1
    with log.path.open("ab") as file:
        file.write(b"ne 000004\n")
    async with following(log, cursor) as follow:
        await follow.until(lambda: follow.numbers == [4])


async def test_copytruncate_while_away(log: Log) -> None:
    log.write(20)
    cursor = await read_up_to(log)
    log.write(5)
    log.copytruncate()
    log.write(3)
    async with following(log, cursor) as follow:
        await follow.until(lambda: follow.numbers[-1:] == [27])
        assert follow.numbers == list(range(20, 28))
        assert follow.gaps == ["the log was cut to nothing"]


async def test_copytruncate_after_more_was_read_than_was_seen(log: Log) -> None:
    log.write(1)
    async with following(log) as follow:
        await follow.until(lambda: follow.numbers == [0])
        hook = log.path.parent / "hook"
        cat = log.path.parent / "bin" / "cat"
        # The log grows between the look at its size and its reading, as it does while a slow reader is waited for.
        hook.write_text("".join(f"Nov 22 19:23:33 sm1 sm-mta[1]: line {number:06d}\n" for number in range(2, 100)))
        cat.write_text(
            f"#!/bin/sh\n[ -e {hook} ] && [ $# = 0 ] && {shutil.which('cat')} {hook} >>{log.path} && rm {hook}\n"
            f'exec {shutil.which("cat")} "$@"\n'
        )
        cat.chmod(0o755)
        log.write(1)
        await follow.until(lambda: follow.numbers[-1] == 99)
        log.written = 100
        with follow.stalled():
            log.copytruncate()
            log.write(50)
        await follow.until(lambda: follow.numbers[-1] == 149)
        assert follow.numbers == list(range(150))
        assert follow.gaps == ["the log was cut to nothing"]


async def test_a_damaged_rotated_file_is_a_gap(log: Log) -> None:
    log.write(10)
    cursor = await read_up_to(log)
    log.write(10)
    log.rotate()
    log.write(5000)
    pack(log.rotate(), "gz")
    whole = Path(f"{log.path}.1.gz").read_bytes()
    Path(f"{log.path}.1.gz").write_bytes(whole[: len(whole) // 2])
    log.write(1)
    async with following(log, cursor) as follow:
        newest = b"line %06d\n" % (log.written - 1)
        await follow.until(lambda: follow.blocks[-1:] != [] and follow.blocks[-1].lines.endswith(newest))
        assert b"".join(block.lines for block in follow.blocks).startswith(
            b"Nov 22 19:23:33 sm1 sm-mta[1]: line 000010"
        )
        assert follow.gaps == ["a rotated file cannot be unpacked, or not to its end"]


async def test_a_foreign_sibling_is_not_taken_for_the_copy(log: Log) -> None:
    Path(f"{log.path}.1").write_bytes(b"something else entirely, and long enough to hold the offset\n" * 99)
    log.write(20)
    async with following(log) as follow:
        await follow.until(lambda: len(follow.numbers) == 10)
        os.truncate(log.path, 0)
        log.write(1)
        await follow.until(lambda: follow.numbers[-1] == 20)
        assert follow.numbers == list(range(10, 21))
        assert follow.gaps == ["the log was cut to nothing"]


async def test_a_reused_inode_is_no_proof(log: Log) -> None:
    log.write(10)
    cursor = await read_up_to(log)
    shutil.copyfile(log.path, f"{log.path}.1")
    with open(f"{log.path}.1", "ab") as old:
        old.write(b"Nov 22 19:23:33 sm1 sm-mta[1]: line 000010\n")
    os.truncate(log.path, 0)  # the same inode, and soon longer than the offset
    log.written = 11
    log.write(30)
    async with following(log, cursor) as follow:
        await follow.until(lambda: follow.numbers[-1:] == [40])
        assert follow.numbers == list(range(10, 41))
        assert follow.gaps == []


async def test_lost_lines_are_a_gap(log: Log) -> None:
    log.write(10)
    cursor = await read_up_to(log)
    log.write(1)
    log.rotate().unlink()
    log.written += 5
    log.write(2)
    async with following(log, cursor) as follow:
        await follow.until(lambda: follow.numbers[-1:] == [17])
        assert follow.numbers == [16, 17]
        assert len(follow.gaps) == 1
        assert isinstance(follow.found[0], LogGap)


async def test_many_lines_at_once(log: Log) -> None:
    log.write(1)
    cursor = await read_up_to(log)
    log.write(50_000)
    async with following(log, cursor) as follow:
        await follow.until(lambda: follow.numbers[-1:] == [50_000])
        assert follow.numbers == list(range(1, 50_001))


def sudo_host(folder: Path, allowed: bool) -> Identity:
    """Stand in for sudo: it knows the two commands that `mailtui sudoers --for logs` prints, and nothing else."""
    sudo = folder / "sudo"
    sudo.write_text(
        f"#!/bin/sh\nlog={folder}/root.log\n"
        f'case "$*" in\n'
        f'"-n -l "*"tail -n 1000 -F {folder}/mail.log" | "-n -l "*"cat {folder}/mail.log") exit {0 if allowed else 1} ;;\n'
        f'"-n "*"tail -n 1000 -F {folder}/mail.log") exec tail -n 1000 -F "$log" ;;\n'
        f'"-n "*"cat {folder}/mail.log") exec cat "$log" ;;\n'
        f"esac\nexit 1\n"
    )
    sudo.chmod(0o755)
    return Identity("sendmail", "8.17", (), None, "oncall", (("sudo", str(sudo)),))


def enterable(folder: Path) -> None:
    """Let other users into a temporary directory."""
    folder.chmod(0o755)
    for parent in folder.parents[:3]:
        parent.chmod(stat.S_IMODE(parent.stat().st_mode) | 0o711)


@as_another
@pytest.mark.parametrize("allowed", [False, True])
async def test_a_log_that_is_closed_by_a_rotation_is_said(log: Log, allowed: bool) -> None:
    log.path.chmod(0o644)
    log.write(3)
    enterable(log.path.parent)
    async with following(log, shell=NOBODY, identity=sudo_host(log.path.parent, allowed=allowed)) as follow:
        await follow.until(lambda: follow.numbers == [0, 1, 2])
        old = log.path.with_name("mail.log.1")
        log.path.rename(old)
        log.path.touch(0o600)
        log.write(1)
        await follow.until(lambda: follow.ended or follow.error is not None)
        assert follow.numbers == [0, 1, 2]
    if allowed:
        assert follow.error is None, "whoever begins again gets it through sudo"
    else:
        assert follow.error is not None
        assert "ermission denied" in str(follow.error)
        assert "adm" in (follow.error.cure or "")


@as_another
async def test_through_sudo(tmp_path: Path) -> None:
    identity = sudo_host(tmp_path, allowed=True)
    log = Log(tmp_path, "root.log")
    log.write(30)
    closed = Log(tmp_path)
    closed.path.chmod(0)
    enterable(tmp_path)
    nobody = NOBODY
    async with following(closed, last=4, shell=nobody, identity=identity) as follow:
        await follow.until(lambda: follow.numbers[-1:] == [29])
        log.write(2)
        await follow.until(lambda: follow.numbers[-1:] == [31])
        assert follow.numbers == list(range(26, 32))
        assert [block.live for block in follow.blocks] == [False, True]
        cursor = follow.cursor
    log.write(3)
    async with following(closed, cursor, shell=nobody, identity=identity) as follow:
        await follow.until(lambda: follow.numbers[-1:] == [34])
        assert follow.numbers == [32, 33, 34]
        assert follow.gaps == []
        cursor = follow.cursor
    log.write(1001)
    async with following(closed, cursor, shell=nobody, identity=identity) as follow:
        await follow.until(lambda: follow.numbers[-1:] == [1035])
        assert follow.numbers == list(range(36, 1036))
        assert len(follow.gaps) == 1
    async with following(closed, shell=nobody, identity=sudo_host(tmp_path, allowed=False)) as follow:
        await follow.until(lambda: follow.error is not None)
        assert "ermission denied" in str(follow.error)


@pytest.mark.parametrize("path", ["mail.log", "/var/../etc/shadow", "/var/log/a\nb", "/var/log/a\0b"])
def test_paths_that_are_refused(path: str) -> None:
    with pytest.raises(UsageError):
        follow_request(HOST, path, None, 10)


def test_a_cursor_that_the_host_could_not_check_is_checked_here() -> None:
    cursor = LogCursor("/l", 1, 2, 10, sha256(b"something").hexdigest())
    parser = follow_parser(HOST, "/l", cursor)
    events: list[Event] = [
        Begin("before", ()),
        Data(b"otherwise\n"),
        Begin("log", ("/l", "1", "2", "10")),
        Data(b"new\n"),
    ]
    found = [each for event in events for each in parser.feed(event)]
    assert [type(each) for each in found] == [LogGap, LogBlock]


def test_destinations_of_syslog_rules() -> None:
    debian = b"*.*;auth,authpriv.none\t\t-/var/log/syslog\nmail.*\t\t\t-/var/log/mail.log\nmail.err /var/log/mail.err\n"
    assert destinations(debian)[0] == ["/var/log/mail.log"]
    redhat = b"*.info;mail.none;authpriv.none;cron.none /var/log/messages\nmail.* -/var/log/maillog\n"
    assert destinations(redhat) == [
        ["/var/log/maillog"],
        ["/var/log/mail.log", "/var/log/mail"],
        ["/var/log/syslog", "/var/log/messages"],
    ]
    modern = b'mail.* action(type="omfile" file="/var/log/m/mail.log" sync="off")\n'
    assert destinations(modern)[0] == ["/var/log/m/mail.log"]
    condition = b"if $syslogfacility-text == 'mail' then -/var/log/sendmail.log\n"
    assert destinations(condition)[0] == ["/var/log/sendmail.log"]
    assert destinations(b"")[0] == ["/var/log/mail.log", "/var/log/maillog", "/var/log/mail"]
