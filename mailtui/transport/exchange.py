"""One run of a script over a wire: the protocol's two sides in time, whatever the wire is made of.

A wire (an SSH channel, a local process) hands over what it receives; an exchange knows when the run has begun and
ended, keeps its memory bounded, and tells an orderly end (a farewell, so that only the watchdog leaves) from a cut
(no farewell, so that the watchdog ends everything on the host).
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from queue import SimpleQueue
from typing import Final, Protocol

from mailtui.errors import HostError, RestrictedShell, TimedOut, Unreachable
from mailtui.procedure import End, Reply, Request, Section
from mailtui.text import show_line
from mailtui.transport import frames
from mailtui.transport.contract import Event

BEGIN: Final = 20.0
"""Seconds until our shell must have reported."""

_AHEAD: Final = 1024 * 1024
"""Bytes of a stream that may wait here; then the wire is paused, and with it the program on the host."""

_LINGER: Final = 0.5
"""Seconds that an explanation on standard error may come after the end of standard output."""

_INLINE: Final = 256 * 1024
"""Output up to this size is taken apart at once; more of it in a thread, so that the loop stays free."""


class Wire(Protocol):
    """What carries one exchange: three standard streams."""

    def write(self, data: bytes) -> None:
        """Send bytes to standard input; a lost wire swallows them."""

    def pause(self) -> None:
        """Stop receiving standard output."""

    def resume(self) -> None:
        """Go on receiving standard output."""

    def close(self) -> None:
        """Close all three streams at once."""


class Exchange:
    """What one run has received so far; the base of one-shots and streams."""

    def __init__(self, request: Request, *, seconds: float | None, silence: float = frames.SILENCE) -> None:
        self.mark = frames.new_mark()
        self.request = request
        self._program = frames.program(request.script.text, self.mark, request.data, seconds=seconds, silence=silence)
        self._wire: Wire | None = None
        self._errors = b""
        self._failure: BaseException | None = None
        self.closed = False
        """True once nothing more will come."""
        self.answered: Callable[[int], None] | None = None
        """Told the number of each ping that the watchdog answers."""
        self._changed = asyncio.Event()
        self._linger: asyncio.TimerHandle | None = None

    def start(self, wire: Wire) -> None:
        """Send the program over a wire that is open."""
        self._wire = wire
        wire.write(self._program)

    def send(self, line: bytes) -> None:
        """Send a line to the watchdog."""
        if self._wire is not None and not self.closed:
            self._wire.write(line)

    def received(self, data: bytes) -> None:
        """Take bytes of standard output."""
        raise NotImplementedError

    def complained(self, data: bytes) -> None:
        """Take bytes of standard error; the watchdog's answers come there."""
        numbers, rest = frames.pongs(self._errors + data, self.mark)
        if self.answered is not None:
            for number in numbers:
                self.answered(number)
        self._errors = rest if len(rest) <= frames.NOISE else rest[: frames.NOISE // 2] + rest[-frames.NOISE // 2 :]

    def drained(self) -> None:
        """Take the end of standard output; what stands on standard error may still be on its way."""
        if self._linger is None and not self.closed:
            self._linger = asyncio.get_running_loop().call_later(_LINGER, self.lost, None)

    def lost(self, failure: BaseException | None) -> None:
        """Take the end of the wire."""
        if self._linger is not None:
            self._linger.cancel()
        if not self.closed:
            self.closed, self._failure = True, failure
            self._changed.set()

    def leave(self, *, orderly: bool) -> None:
        """Close the wire; without order the host side ends whatever still runs."""
        if self._wire is None:
            return
        if self._linger is not None:
            self._linger.cancel()
        if orderly:
            self.send(frames.BYE)
        self._wire.close()

    def _words(self, noise: bytes) -> str:
        """Give what the host printed instead of our shell's report, as one line of safe text."""
        said = b" ".join((self._errors + b"\n" + noise).split())
        return f": {show_line(said[:200])}" if said else ""

    def never_began(self, noise: bytes) -> HostError:
        """Explain a run that our shell never reported."""
        if self._failure is not None:
            return Unreachable(f"the connection was lost: {show_line(str(self._failure))}")
        if not self.closed:
            return TimedOut(f"the login shell did not start /bin/sh in time{self._words(noise)}", _SHELL_CURE)
        if _NO_PROCESS.search(self._errors) or _NO_PROCESS.search(noise):
            return Unreachable(f"the host has no process to spare{self._words(noise)}", _PROCESS_CURE)
        return RestrictedShell(f"the login shell does not run /bin/sh for us{self._words(noise)}", _SHELL_CURE)


_SHELL_CURE: Final = (
    "give the login a normal shell (bash, dash, zsh, tcsh, fish, ash), without ForceCommand or a restricted shell"
)

_NO_PROCESS: Final = re.compile(
    rb"fork: |(?:cannot|can't|unable to|failed to) fork|fork failed|resource temporarily unavailable|"
    rb"no more processes|cannot allocate memory|could not create child process",
    re.IGNORECASE,
)
"""What shells say of a host, or of a login, that is out of processes or memory: it passes."""

_PROCESS_CURE: Final = "look at the host's load and memory, and at the login's limit of processes (ulimit -u)"

_FLOOD_CURE: Final = "run the command on the host itself, and see what it prints"


class OneShot(Exchange):
    """A run that is read to its end."""

    def __init__(self, request: Request) -> None:
        super().__init__(request, seconds=request.limits.seconds + 1)
        self._chunks: list[bytes] = []
        self._size = 0
        self._finder = frames.EndFinder(self.mark)
        self._early = _Early(self.mark, request.take) if request.take is not None else None

    def received(self, data: bytes) -> None:
        """Keep the bytes, and look for the end mark."""
        if self._finder.ended or self._size > self.request.limits.output:
            return
        (self._chunks.append if self._early is None else self._early.feed)(data)
        self._size += len(data)
        if self._finder.feed(data) or self._size > self.request.limits.output:
            self._changed.set()

    async def reply(self, wire: Wire) -> Reply:
        """Run it over a wire and give its reply."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        taken = self._early.start() if self._early is not None else None
        try:
            self.start(wire)
            async with asyncio.timeout(self.request.limits.seconds) as limit:
                await self._changed.wait()
        except TimeoutError:
            if not limit.expired():
                raise
        finally:
            self.leave(orderly=self._finder.ended)
            if self._early is not None:
                self._early.feed(b"")
        took = loop.time() - began
        try:
            found = await (self._collect() if taken is None else taken)
        finally:
            # a channel and its exchange refer to each other: what the taker has made must not wait for the collector
            self._early, self.request = None, replace(self.request, take=None)
        if not self._finder.begun:
            raise self.never_began(found.noise)
        if limit.expired() and not self.request.script.changes:
            name, seconds = self.request.script.name, self.request.limits.seconds
            raise TimedOut(f"{name} did not end within {seconds:g} s; it was ended on the host")
        if self._size > self.request.limits.output and not self._finder.ended and not self.request.script.changes:
            name, size = self.request.script.name, self.request.limits.output
            raise TimedOut(f"{name} printed more than {size:,} bytes; it was ended on the host", _FLOOD_CURE)
        return Reply(found.sections, found.status, self._errors, found.noise, took)

    async def _collect(self) -> frames.Collected:
        if self._size <= _INLINE:
            return self._take_apart()
        return await asyncio.to_thread(self._take_apart)

    def _take_apart(self) -> frames.Collected:
        output = b"".join(self._chunks)[: self.request.limits.output + 1]
        self._chunks.clear()
        return frames.collect(output, self.mark)


class _Early:
    """Takes a run's output apart in a thread while more of it comes, and hands over each section that is whole."""

    def __init__(self, mark: str, take: Callable[[Section], Section]) -> None:
        self._chunks: SimpleQueue[bytes] = SimpleQueue()
        self._parser = frames.FrameParser(mark)
        self._take = take
        self._status: int | None = None

    def start(self) -> asyncio.Future[frames.Collected]:
        """Begin; the result comes once the end was fed."""
        return asyncio.get_running_loop().run_in_executor(None, self._work)

    def feed(self, chunk: bytes) -> None:
        """Take some bytes of output; b"" is its end."""
        self._chunks.put(chunk)

    def _work(self) -> frames.Collected:
        sections = tuple(map(self._take, frames.sections_of(self._events())))
        return frames.Collected(sections, self._status, self._parser.noise)

    def _events(self) -> Iterator[Event]:
        while chunk := self._chunks.get():
            for event in self._parser.feed(chunk):
                if isinstance(event, End):
                    self._status = event.status
                yield event
        yield from self._parser.close()


class Stream(Exchange):
    """A run whose events are read as they come."""

    def __init__(self, request: Request, *, silence: float = frames.SILENCE) -> None:
        super().__init__(request, seconds=None, silence=silence)
        self._ready: deque[Event] = deque()
        self._parser = frames.FrameParser(self.mark)
        self._waiting: deque[bytes] = deque()
        self._ahead = 0
        self._paused = False

    @property
    def ended(self) -> bool:
        """Tell whether the script has ended by itself and all of it was read."""
        return self._parser.ended

    def received(self, data: bytes) -> None:
        """Queue the bytes; when too many wait, hold the wire."""
        self._waiting.append(data)
        self._ahead += len(data)
        if self._ahead > _AHEAD and not self._paused and self._wire is not None:
            self._paused = True
            self._wire.pause()
        self._changed.set()

    async def begin(self, wire: Wire, *, within: float = BEGIN) -> None:
        """Start it over a wire and wait until our shell reports."""
        self.start(wire)
        try:
            async with asyncio.timeout(within):
                while not self._parser.begun and (events := await self._some()) is not None:
                    self._ready.extend(events)
        except TimeoutError:
            raise self.never_began(self._parser.noise) from None
        if not self._parser.begun:
            raise self.never_began(self._parser.noise)

    def __aiter__(self) -> AsyncIterator[Event]:
        """Give the events until the end; a cut raises Unreachable."""
        return self

    async def __anext__(self) -> Event:
        while not self._ready:
            if self._parser.ended:
                raise StopAsyncIteration
            events = await self._some()
            if events is not None:
                self._ready.extend(events)
            elif rest := self._parser.close():
                self._ready.extend(rest)
            else:
                why = show_line(str(self._failure or "the host ended it"))
                raise Unreachable(f"{self.request.script.name} was cut: {why}{self._words(b'')}")
        return self._ready.popleft()

    async def _some(self) -> list[Event] | None:
        """Give the events of what has come, waiting for the first; None at the end."""
        while not self._waiting:
            if self.closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        chunk = self._waiting.popleft() if len(self._waiting) == 1 else b"".join(self._waiting)
        self._waiting.clear()
        self._ahead = 0
        if self._paused and self._wire is not None:
            self._paused = False
            self._wire.resume()
        return self._parser.feed(chunk)
