"""The log buffer: byte blocks as they came, line offsets and event codes beside them, a record made on demand."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from mailtui.model import LogEvent, LogRecord

EVENTS: Final = tuple(LogEvent)
"""Event by its one-byte code."""

CODES: Final = {event: code for code, event in enumerate(EVENTS)}
"""One-byte code by event."""

KEEP: Final = 64 * 1024 * 1024
"""Bytes of log kept for each host; older blocks fall off the front."""

RATE_LEAST: Final = 30.0
"""Seconds of live lines without which no rate is told: a few lines of the first moments are none."""
RATE_WINDOW: Final = 300.0
"""Seconds over which rates are counted."""


class LineReader(Protocol):
    """What the buffer needs to know of a host's log format (an adapter's LogParser has it)."""

    def events(self, block: bytes) -> bytes:
        """Give one event code a line."""

    def record(self, line: bytes, file: str = "", offset: int | None = None) -> LogRecord:
        """Read one line whole."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some complete lines of one file, in order."""

    first: int
    """Absolute number of its first line."""
    path: str
    offset: int
    lines: bytes
    starts: array[int]
    """Offset of each line in `lines`, and one past the end."""
    events: bytes
    gap: bool = False
    """True for the one line of ours that says where lines may be missing."""

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def end(self) -> int:
        """Number behind its last line."""
        return self.first + len(self)

    def line(self, index: int) -> bytes:
        """Give one line without its newline."""
        return self.lines[self.starts[index] : self.starts[index + 1]].rstrip(b"\n")


def _starts(lines: bytes) -> array[int]:
    starts = array("I", [0])
    find, at = lines.find, 0
    while (end := find(b"\n", at)) >= 0:
        at = end + 1
        starts.append(at)
    if at < len(lines):
        starts.append(len(lines))
    return starts


class LogBuffer:
    """The newest lines of one host's log. Lines are numbered from 0 and keep their number for life."""

    def __init__(self, reader: LineReader, keep: int = KEEP) -> None:
        self.reader = reader
        self._keep = keep
        self._blocks: deque[Block] = deque()
        self._firsts: list[int] = []
        self._bytes = 0
        self.end = 0
        """Number behind the newest line."""
        self._seen: deque[tuple[float, bytes]] = deque()

    @property
    def first(self) -> int:
        """Give the number of the oldest line still held."""
        return self._blocks[0].first if self._blocks else self.end

    def append(self, path: str, offset: int, lines: bytes, *, at: float, live: bool) -> None:
        """Add complete lines."""
        if not lines:
            return
        starts = _starts(lines)
        events = self.reader.events(lines)
        self._add(Block(self.end, path, offset, lines, starts, events))
        if live:
            self._seen.append((at, events))

    def gap(self, path: str, why: str) -> None:
        """Add a line of ours that says that lines may be missing here."""
        line = f"--- gap: {why} ---".encode()
        starts = array("I", [0, len(line)])
        self._add(Block(self.end, path, -1, line, starts, bytes([CODES[LogEvent.WARNING]]), gap=True))

    def _add(self, block: Block) -> None:
        self._blocks.append(block)
        self._firsts.append(block.first)
        self.end += len(block)
        self._bytes += len(block.lines)
        while self._bytes > self._keep and len(self._blocks) > 1:
            gone = self._blocks.popleft()
            self._bytes -= len(gone.lines)
            del self._firsts[0]

    def _find(self, number: int) -> tuple[Block, int]:
        if not self.first <= number < self.end:
            raise IndexError(number)
        block = self._blocks[bisect_right(self._firsts, number) - 1]
        return block, number - block.first

    def line(self, number: int) -> bytes:
        """Give a line's bytes; IndexError where it has fallen off."""
        block, index = self._find(number)
        return block.line(index)

    def event(self, number: int) -> LogEvent:
        """Give what a line reports, without reading it whole."""
        block, index = self._find(number)
        return EVENTS[block.events[index]]

    def is_gap(self, number: int) -> bool:
        """Tell whether the line is ours and marks a gap."""
        return self._find(number)[0].gap

    def record(self, number: int, host: str = "") -> LogRecord:
        """Read a line whole."""
        block, index = self._find(number)
        line = block.line(index)
        if block.gap:
            return LogRecord(host, None, b"", b"mailtui", None, None, LogEvent.WARNING, line, file=block.path)
        offset = block.offset + block.starts[index] if block.offset >= 0 else None
        return self.reader.record(line, block.path, offset)

    def tail(self, limit: int) -> tuple[str, bytes] | None:
        """Give the newest lines as they came, up to so many bytes of one file, and its path; None without any."""
        path, pieces, size = "", list[bytes](), 0
        for block in reversed(self._blocks):
            if block.gap or (pieces and (block.path != path or size >= limit)):
                break
            path, size = block.path, size + len(block.lines)
            pieces.append(block.lines)
        lines = b"".join(reversed(pieces))
        if len(lines) > limit:
            lines = lines[lines.find(b"\n", len(lines) - limit) + 1 :]
        return (path, lines) if lines else None

    def forget_rates(self) -> None:
        """Begin to count anew: for a time nobody looked, and what came then is not live."""
        self._seen.clear()

    def blocks(self, start: int = 0) -> Iterator[Block]:
        """Give the blocks that hold lines from number `start` on; safe to iterate in a thread (a copy)."""
        blocks = tuple(self._blocks)
        return iter(blocks[bisect_right(blocks, start, key=lambda block: block.end) :])

    def containing(self, needle: bytes, limit: int = 1000, start: int = 0) -> list[int]:
        """Give the numbers of the newest lines that hold these bytes, from number `start` on, oldest first."""
        found: deque[int] = deque(maxlen=limit)
        for block in self.blocks(start):
            found.extend(number for number in search(block, needle) if number >= start)
        return list(found)

    def rates(self, now: float) -> dict[LogEvent, float]:
        """Give events a minute over the last five minutes of live lines; empty while they tell of too short a time."""
        while self._seen and self._seen[0][0] < now - RATE_WINDOW:
            self._seen.popleft()
        if not self._seen or now - self._seen[0][0] < RATE_LEAST:
            return {}
        minutes = (now - self._seen[0][0]) / 60.0
        totals = [0] * len(EVENTS)
        for _, events in self._seen:
            for code in set(events):
                totals[code] += events.count(code)
        return {EVENTS[code]: total / minutes for code, total in enumerate(totals) if total}


class Finder:
    """The newest lines of a log that hold some bytes, followed as the log grows: no line is searched twice."""

    def __init__(self, log: LogBuffer, needle: bytes, limit: int = 1000) -> None:
        self.numbers: list[int] = []
        """Of those lines that are still held, ascending."""
        self._log = log
        self._needle = needle
        self._limit = limit
        self._upto = 0

    def find(self) -> bool:
        """Search what came since and drop what fell off; tell whether these are other lines now."""
        before = self.numbers
        came = self._log.containing(self._needle, self._limit, self._upto)
        self._upto = self._log.end
        held = before[bisect_left(before, self._log.first) :]
        self.numbers = [*held, *came][-self._limit :]
        return self.numbers != before


def search(block: Block, needle: bytes) -> Iterator[int]:
    """Give the numbers of a block's lines that hold these bytes."""
    at = block.lines.find(needle)
    while at >= 0:
        index = bisect_right(block.starts, at) - 1
        yield block.first + index
        at = block.lines.find(needle, block.starts[index + 1])


def matching(block: Block, wanted: Callable[[LogRecord], bool], reader: LineReader) -> Iterator[int]:
    """Give the numbers of a block's lines whose records are wanted."""
    for index in range(len(block)):
        offset = block.offset + block.starts[index] if block.offset >= 0 else None
        if block.gap or wanted(reader.record(block.line(index), block.path, offset)):
            yield block.first + index
