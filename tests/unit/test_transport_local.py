"""The bootstrap and its watchdog on this machine, under every inner shell; the tape, the driver, the back-off."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from mailtui.clock import SYSTEM
from mailtui.errors import (
    AuthenticationFailed,
    HostKeyRefused,
    MailtuiError,
    Misconfigured,
    NeedsInput,
    Refused,
    TimedOut,
    Unreachable,
)
from mailtui.procedure import Limits, Procedure, Registry, Reply, Request, Script, Section
from mailtui.transport import frames, local
from mailtui.transport.backoff import Backoff
from mailtui.transport.contract import BOOTSTRAP, Begin, Data, End
from mailtui.transport.drive import drive
from mailtui.transport.exchange import OneShot
from mailtui.transport.gate import Gate
from mailtui.transport.local import LocalTransport
from mailtui.transport.pulse import STALE, Link
from mailtui.transport.tape import TapeTransport
from tests.shells import shells

REGISTRY = Registry()


def script(name: str, text: str) -> Script:
    return REGISTRY.add(Script(f"test/{name}", text.encode()))


ENVIRONMENT = script(
    "environment",
    'section env "$LC_ALL" "$TZ" "${#MARK}"; printf %s "$PATH"; section where; pwd; section in; cat; section child; '
    "sh -c 'printf %s \"${#MARK}\"'; section silent; command -v _say >/dev/null && printf '%s' \"$_silence$_data\"",
)
LINES = script(
    "lines",
    "input first; section first; printf %s \"$first\"; section sorted; "
    "{ input a; input b; printf '%s\\n' \"$a\" \"$b\"; } | sort; section rest; "
    'while input line; do printf \'[%s]\' "$line"; done; section after; input none || echo over; '
    "(exit 4); printf 'no newline'",
)  # fmt: skip
ECHO = script("echo", "section a; echo hi")
STRAY = script("stray", "echo stray; section a; IFS=,; section b c d; exit 9")
DAEMON = script("daemon", "section a; sleep 600 & echo $!; exit 0")
HANG = script("hang", "section a; echo begun; sleep 600 & sleep 601")
STOPPED = script("stopped", "trap '' TERM; section a; echo $$; kill -STOP $$; sleep 600")
STATUS = script("status", "section a; kill -TERM $(sh -c 'echo $PPID')")
ENDS = script("ends", "section a; echo one; section b; echo two")
RECORDS = script(
    "records",
    "section a; for n in 1 2 3; do printf '%s =%s rec %s\\n%s\\n' \"$MARK\" $n x$n $(printf '%.*s' $n abc); done",
)


async def until(condition: Callable[[], bool], within: float = 3.0) -> None:
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.02)


def session(leader: int) -> list[str]:
    """Give the living processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(words[3]) == leader and words[0] != "Z":
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
    return found


@pytest.fixture
async def here() -> AsyncIterator[LocalTransport]:
    transport = LocalTransport(gate=Gate(REGISTRY))
    yield transport
    await transport.close()


async def test_what_a_script_finds(here: LocalTransport) -> None:
    reply = await here.run(Request(ENVIRONMENT, b"data\n"))
    env = reply.named("env")[0]
    assert env.args == ("C", "UTC", "32")
    assert env.body.decode().endswith(":/usr/local/sbin:/usr/sbin:/sbin:/usr/lib:/usr/libexec/sendmail")
    assert [reply.body(name) for name in ("where", "in", "child", "silent")] == [b"/\n", b"", b"32", b""]
    assert (reply.status, reply.stderr, reply.noise) == (0, b"", b"")
    assert 0 < reply.took < 5


async def test_input_is_read_in_order_wherever(here: LocalTransport) -> None:
    reply = await here.run(Request(LINES, b"one\\t\nz\na\n\n  spaces  \n\xff"))
    assert reply.body("first") == b"one\\t"
    assert reply.body("sorted") == b"a\nz\n"
    assert reply.body("rest") == b"[][  spaces  ][\xff]"
    assert reply.body("after") == b"over\nno newline"
    assert reply.status == 0


async def test_output_outside_of_sections(here: LocalTransport) -> None:
    reply = await here.run(Request(STRAY))
    assert reply.sections == (Section("", (), b"stray\n"), Section("a", (), b""), Section("b", ("c", "d"), b""))
    assert reply.status == 9


async def test_records_with_lengths(here: LocalTransport) -> None:
    reply = await here.run(Request(RECORDS))
    assert [(part.args, part.body) for part in reply.named("rec")] == [(("x1",), b"a"), (("x2",), b"ab"), (("x3",), b"abc")]  # fmt: skip


async def test_a_script_that_is_killed_has_a_status(here: LocalTransport) -> None:
    assert (await here.run(Request(STATUS))).status == 128 + signal.SIGTERM


async def test_what_a_script_leaves_running_on_purpose_stays(here: LocalTransport) -> None:
    """`sendmail -q` goes on in the background: an orderly end kills only the watchdog, and waits for nobody."""
    began = time.monotonic()
    reply = await here.run(Request(DAEMON))
    assert reply.status == 0
    assert time.monotonic() - began < 3
    pid = int(reply.body("a"))
    os.kill(pid, 0)
    await until(lambda: session(os.getsid(pid)) == ["sleep 600 "])
    os.kill(pid, signal.SIGKILL)


async def test_a_stream(here: LocalTransport) -> None:
    async with here.stream(Request(ENDS)) as events:
        found = [event async for event in events]
    assert found == [Begin("a", ()), Data(b"one\n"), Begin("b", ()), Data(b"two\n"), End(0)]


async def test_the_limit(here: LocalTransport) -> None:
    with pytest.raises(TimedOut, match=r"0\.2 s"):
        await here.run(Request(HANG, limits=Limits(seconds=0.2)))


class Pipe:
    """A wire that only sends, to a process of the test's own."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def pause(self) -> None:
        pass

    resume = close = pause


async def test_a_one_shot_is_limited_on_the_host_as_well() -> None:
    """A client that hangs, its connection open, ends nothing: the host does."""
    process = subprocess.Popen(["/bin/sh", "-c", BOOTSTRAP], stdin=-1, stdout=-1, start_new_session=True)
    OneShot(Request(HANG, limits=Limits(seconds=0.2))).start(Pipe(process))
    await until(lambda: any("sleep 601" in line for line in session(process.pid)))
    await until(lambda: not session(process.pid), within=6)
    await asyncio.to_thread(process.communicate, None, 20)


class Complaining(Pipe):
    """A wire whose host prints much to standard error, and then ends the run."""

    def __init__(self, exchange: OneShot) -> None:
        self._exchange = exchange

    def write(self, data: bytes) -> None:
        if data != frames.BYE:
            for piece in (b"first ", *[b"more " * 2000] * 50, b"last"):
                self._exchange.complained(piece)
            self._exchange.received(f"{self._exchange.mark} @begin 1\n{self._exchange.mark} @end 0\n".encode())


async def test_standard_error_is_bounded() -> None:
    """Its beginning and its end are kept: what was wrong stands in one of them."""
    exchange = OneShot(Request(ECHO))
    reply = await exchange.reply(Complaining(exchange))
    assert len(reply.stderr) == frames.NOISE
    assert (reply.stderr[:6], reply.stderr[-4:], reply.status) == (b"first ", b"last", 0)


async def test_where_the_watchdog_fails_we_end_everything(
    here: LocalTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_LEAVE", 0.1)
    leader = 0
    async with asyncio.timeout(10):
        async with here.stream(Request(STOPPED)) as events:
            async for event in events:
                if isinstance(event, Data):
                    leader = int(event.body)
                    break
            await until(lambda: any("sleep 600" in line for line in session(leader)))
        await until(lambda: not session(leader))


async def test_closed() -> None:
    transport = LocalTransport(gate=Gate(REGISTRY))
    await transport.close()
    with pytest.raises(Unreachable):
        await transport.run(Request(ECHO))


async def test_open_stream(here: LocalTransport) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    stream = await here.open_stream("127.0.0.1", port)
    assert await stream.read(100) == b"220 hello\r\n"
    await stream.write(b"QUIT\r\n")
    await stream.close()
    server.close()
    await server.wait_closed()
    with pytest.raises(Unreachable):
        await here.open_stream("127.0.0.1", port)


INNER = shells("dash", "bash", "bash --posix", "mksh", "busybox ash", "sh")


def started(shell: str, text: bytes, **limits: float) -> tuple[subprocess.Popen[bytes], str]:
    """Start the bootstrap with this shell in the place of /bin/sh."""
    mark = frames.new_mark()
    process = subprocess.Popen(
        ["/bin/sh", "-c", BOOTSTRAP.replace("/bin/sh", shell)], stdin=-1, stdout=-1, stderr=-1, start_new_session=True
    )
    assert process.stdin is not None
    process.stdin.write(frames.program(text, mark, b"$(a)`b`\\\n\n\x81\xfe\n\n", **limits))
    process.stdin.flush()
    return process, mark


@pytest.mark.parametrize("shell", INNER)
async def test_inner_shells(shell: str) -> None:
    process, mark = started(shell, ECHO.text + b'; input x; printf %s "$x"; section b; cat <&8; exit 5', seconds=60)
    assert process.stdin is not None
    for byte in b"ping 7\nbeat\nbye\n":
        process.stdin.write(bytes([byte]))
        process.stdin.flush()
    output, errors = await asyncio.to_thread(process.communicate, None, 20)
    found = frames.collect(output, mark)
    assert [part.body for part in found.sections] == [b"hi\n$(a)`b`\\", b"\n\x81\xfe\n\n"]
    assert (found.status, found.noise) == (5, b"")
    assert frames.pongs(errors, mark) == ([7], b"")
    await until(lambda: not session(process.pid), within=1)


@pytest.mark.parametrize("shell", INNER)
@pytest.mark.parametrize("cause", ["end-of-input", "silence", "limit"])
async def test_the_watchdog_ends_everything(shell: str, cause: str) -> None:
    limits = {"end-of-input": {}, "silence": {"silence": 0.4}, "limit": {"seconds": 0.4}}[cause]
    process, _ = started(shell, b"trap '' TERM; (trap : TERM; sleep 600; sleep 602) & sleep 601; sleep 603", **limits)
    await until(lambda: sum("sleep 60" in line for line in session(process.pid)) == 2, within=2)
    assert process.stdin is not None
    if cause == "end-of-input":
        process.stdin.close()
    await until(lambda: not session(process.pid))
    process.stdin.close()
    for pipe in (process.stdout, process.stderr):
        assert pipe is not None
        pipe.close()
    await asyncio.to_thread(process.wait)


@pytest.mark.parametrize("shell", INNER)
async def test_heartbeats_put_the_end_off(shell: str) -> None:
    process, mark = started(shell, b"section a; sleep 1.5; echo alive", silence=0.6)
    pipe = process.stdin
    assert pipe is not None

    def beat() -> None:
        for _ in range(12):
            pipe.write(frames.BEAT)
            pipe.flush()
            stop.wait(0.15)
        pipe.write(frames.BYE)
        pipe.flush()

    stop = threading.Event()
    await asyncio.to_thread(beat)
    output, _ = await asyncio.to_thread(process.communicate, None, 20)
    assert frames.collect(output, mark) == frames.Collected((Section("a", (), b"alive\n"),), 0, b"")
    await until(lambda: not session(process.pid), within=1)


@pytest.mark.parametrize("shell", INNER)
async def test_the_mark_is_on_no_command_line(shell: str) -> None:
    process, mark = started(shell, b"section a; sleep 5")
    await until(lambda: any("sleep 5" in line for line in session(process.pid)))
    assert not [line for line in session(process.pid) if mark in line]
    await asyncio.to_thread(process.communicate, None, 20)


def test_no_sleeper_is_left_behind_by_a_quick_run() -> None:
    """The sleepers' pids are known before anything can end, so a run of milliseconds leaves none."""
    processes = []
    for _ in range(20):
        process, _ = started("sh", b":", seconds=60)
        process.communicate(frames.BYE, timeout=20)
        processes.append(process.pid)
    deadline = time.monotonic() + 1
    while any(session(pid) for pid in processes):
        assert time.monotonic() < deadline


def steps(*requests: Request, fail: MailtuiError | None = None) -> Procedure[list[int]]:
    sizes = []
    for request in requests:
        reply = yield request
        sizes.append(len(reply.body("a")))
        threads.append(threading.current_thread() is threading.main_thread())
    if fail is not None:
        raise fail
    return sizes


threads: list[bool] = []


async def test_big_replies_are_read_in_a_thread() -> None:
    threads.clear()
    small, big = Reply((Section("a", (), b"x"),), 0), Reply((Section("a", (), b"x" * 1_000_000),), 0)
    transport = TapeTransport({ECHO.name: [small, big]})
    assert await drive(transport, steps(Request(ECHO, b"1\n"), Request(ECHO, b"2\n"))) == [1, 1_000_000]
    assert threads == [True, False]
    assert [request.data for request in transport.asked] == [b"1\n", b"2\n"]


async def test_errors_pass_through_the_driver() -> None:
    transport = TapeTransport({ECHO.name: Reply((), 0)})
    with pytest.raises(Refused):
        await drive(transport, steps(Request(ECHO), fail=Refused("no")))
    procedure = steps(Request(HANG))
    with pytest.raises(MailtuiError, match="no reply"):
        await drive(transport, procedure)
    with pytest.raises(StopIteration):
        next(procedure)
    assert await drive(transport, steps()) == []


async def test_the_tape_streams() -> None:
    transport = TapeTransport({ECHO.name: Reply((Section("a", ("b",), b"c"),), 3), HANG.name: Reply((), None)})
    async with transport.stream(Request(ECHO)) as events:
        assert [event async for event in events] == [Begin("a", ("b",)), Data(b"c"), End(3)]
    async with transport.stream(Request(HANG)) as events:
        with pytest.raises(Unreachable):
            await anext(events)
    with pytest.raises(Unreachable):
        await transport.open_stream("mx1", 25)
    await transport.close()
    with pytest.raises(Unreachable):
        await transport.run(Request(ECHO))


def test_back_off_doubles_up_to_a_minute() -> None:
    backoff = Backoff(chance=lambda: 0.0)
    waits = [backoff.failed(Unreachable("gone")) for _ in range(9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    jittered = Backoff(chance=lambda: 0.999999)
    assert [round(jittered.failed(TimedOut("late")) or 0) for _ in range(8)] == [1, 1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize(
    "error", [AuthenticationFailed("no"), HostKeyRefused("no"), Misconfigured("no"), NeedsInput("no")]
)
def test_never_again_after_a_refused_login(error: MailtuiError) -> None:
    assert Backoff().failed(error) is None


def test_a_connection_that_lasted_starts_afresh() -> None:
    now = 100.0
    backoff = Backoff(replace(SYSTEM, monotonic=lambda: now), lambda: 0.0)
    for _ in range(5):
        backoff.failed(Unreachable("gone"))
    backoff.connected()
    now += 5
    assert backoff.failed(Unreachable("gone")) == 32
    backoff.connected()
    now += 60
    assert backoff.failed(Unreachable("gone")) == 1


def test_a_silent_link_is_stale() -> None:
    now = 100.0
    link = Link(replace(SYSTEM, monotonic=lambda: now))
    seen: list[float | None] = []
    link.watch = lambda changed: seen.append(changed.latency)
    link.measured(0.012)
    now += STALE
    assert not link.stale
    now += 0.1
    assert (link.stale, seen) == (True, [0.012])
    link.heard()
    assert not link.stale


def test_an_idle_link_is_not_stale() -> None:
    now = 100.0
    link = Link(replace(SYSTEM, monotonic=lambda: now))
    link.idle = True
    now += 60
    assert not link.stale
    seen = []
    for received in (7.0, 4.9):
        link.probe = partial(float, received)
        seen.append((link.stale, link.silent))
    assert seen == [(True, 7.0), (False, 4.9)]


class Taker:
    """Keeps what it takes, as the reader of a big queue does."""

    def take(self, section: Section) -> Section:
        return section


async def test_what_a_taker_has_made_does_not_wait_for_the_collector() -> None:
    transport = LocalTransport(gate=Gate(REGISTRY, read_only=True))
    taker = Taker()
    seen = weakref.ref(taker)
    reply = await transport.run(Request(ENDS, take=taker.take))
    assert [section.body for section in reply.sections] == [b"one\n", b"two\n"]
    gc.disable()
    try:
        del taker
        assert seen() is None
    finally:
        gc.enable()
