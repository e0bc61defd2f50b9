"""What a search of logs gave: its lines with file and offset, its records chosen and merged by time."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from mailtui.errors import UsageError
from mailtui.model import LogRecord
from mailtui.parsing.lines import LineSplitter
from mailtui.procedure import Section
from mailtui.text import natural, show_line


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A line that a search found."""

    path: str
    offset: int | None
    """In its file, uncompressed; None where the host could not tell."""
    line: bytes
    log: int = 0
    """Which of the logs it stands in: each keeps its own order."""


def found_lines(sections: Iterable[Section]) -> Iterator[FoundLine]:
    """Give a search's lines in the order of the log; raises UsageError where the host's grep refused the pattern."""
    log = 0
    for section in sections:
        if section.name == "log":
            log += 1
        if section.name == "refused":
            why = show_line(section.body.strip())
            raise UsageError(f"the pattern is no regular expression to the host's grep: {why}")
        if section.name == "lines" and len(section.args) >= 2 and (at := natural(section.args[-1])) is not None:
            yield from _whole(" ".join(section.args[:-1]), at, section.body, log)
        elif section.name == "matches":
            yield from _numbered(" ".join(section.args), section.body, log)
        elif section.name == "file":
            path = " ".join(section.args)
            for found in _whole(path, 0, section.body, log):
                yield FoundLine(path, None, found.line, log)


def _whole(path: str, offset: int, body: bytes, log: int) -> Iterator[FoundLine]:
    """Cut bytes that lie together into lines; what is too long is cut short, as it is when following."""
    splitter = LineSplitter(offset)
    for block in [*splitter.feed(body), *splitter.finish()]:
        at = block.offset
        for line in block.data.split(b"\n")[:-1]:
            yield FoundLine(path, at, line, log)
            at += len(line) + 1


def _numbered(path: str, body: bytes, log: int) -> Iterator[FoundLine]:
    """Read `OFFSET:LINE`; a line without an offset is kept as it is."""
    for found in _whole(path, 0, body, log):
        number, colon, line = found.line.partition(b":")
        if colon and number.isdigit() and len(number) < 19:
            yield FoundLine(path, int(number), line, log)
        else:
            yield FoundLine(path, None, found.line, log)


def unread(sections: Iterable[Section]) -> tuple[str, ...]:
    """Give what the login could not read, one sentence each; a search with any of them is not complete."""
    return tuple(
        f"{show_line(' '.join(section.args))} could not be read: {show_line(section.body.strip()) or 'no reason given'}"
        for section in sections
        if section.name == "unread"
    )


def choose(
    found: Iterable[FoundLine],
    read: Callable[[bytes, str, int | None], LogRecord],
    *,
    since: float | None = None,
    until: float | None = None,
    id: str | None = None,
    last: int | None = None,
) -> list[LogRecord]:
    """Read the lines of one host that lie in the time asked for, and at most the last so many of them.

    A line without a time belongs to the line before it. Several logs are merged by time.
    """
    logs: list[deque[LogRecord]] = []
    for _, lines in groupby(found, attrgetter("log")):
        kept: deque[LogRecord] = deque(maxlen=last)
        at: float | None = None
        for line in lines:
            record = read(line.line, line.path, line.offset)
            at = record.at if record.at is not None else at
            if at is not None and ((since is not None and at < since) or (until is not None and at > until)):
                continue
            if id is None or record.id == id or id.encode() in record.text:
                kept.append(record)
        logs.append(kept)
    return list(deque(merge(logs), maxlen=last))


def merge(streams: Sequence[Iterable[LogRecord]]) -> Iterator[LogRecord]:
    """Merge several logs by time, lazily; each keeps its own order, and what has no time keeps its neighbour."""
    return (record for _, _, _, record in heapq.merge(*(_timed(each, found) for each, found in enumerate(streams))))


def _timed(stream: int, found: Iterable[LogRecord]) -> Iterator[tuple[float, int, int, LogRecord]]:
    """Put before each record what it is ordered by; the first ones without a time wait for the first that has one."""
    latest: float | None = None
    waiting: list[LogRecord] = []
    number = 0
    for record in found:
        if record.at is None and latest is None:
            waiting.append(record)
            continue
        if record.at is not None:
            latest = record.at if latest is None else max(latest, record.at)
        for each in (*waiting, record):
            yield latest or 0.0, stream, number, each
            number += 1
        waiting.clear()
    for each in waiting:
        yield float("-inf"), stream, number, each
        number += 1
