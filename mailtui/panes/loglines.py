"""How a log line looks in a list: its time, what it reports as a word, and the telling parts first; pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from rich.segment import Segment
from rich.style import Style

from mailtui.model import LogEvent, LogRecord
from mailtui.panes import units
from mailtui.panes.cells import EVENT_STYLES
from mailtui.store import LogBuffer
from mailtui.text import show_line

LINE = 4096
"""Characters of a line that the list shows; the evidence shows all of it."""

WORDS = {
    LogEvent.RECEIVED: "RECEIVED",
    LogEvent.SENT: "SENT",
    LogEvent.DEFERRED: "DEFERRED",
    LogEvent.BOUNCED: "BOUNCED",
    LogEvent.REJECTED: "REJECTED",
    LogEvent.EXPIRED: "EXPIRED",
    LogEvent.QUEUED: "QUEUED",
    LogEvent.REMOVED: "REMOVED",
    LogEvent.QUARANTINED: "HELD",
    LogEvent.DISCARDED: "DISCARDED",
    LogEvent.CONNECT: "CONNECT",
    LogEvent.AUTH: "AUTH",
    LogEvent.TLS: "TLS",
    LogEvent.MILTER: "MILTER",
    LogEvent.REFUSING: "REFUSING",
    LogEvent.QUEUE_RUN: "QUEUE RUN",
    LogEvent.WARNING: "WARNING",
    LogEvent.ERROR: "ERROR",
}
"""What a line reports, so that it is told without colours too; a line not understood has none."""

WORD_CELLS = max(map(len, WORDS.values()))

HEAD = re.compile(
    r"([A-Z][a-z]{2} [ \d]\d|\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\S*) \S+ ([^\s\[:]{1,32})(?:\[\d+\])?: "
)
"""Date, time, host, program and pid, of which time and program are shown: the host is known, evidence has it all."""

_TRIED = (LogEvent.SENT, LogEvent.RECEIVED)
"""Events of which the address tells more than the words."""

Styles = Callable[[str], Style]


def line_segments(
    data: bytes, event: LogEvent, record: Callable[[], LogRecord], style: Styles, *, whole: bool
) -> list[Segment]:
    """Make a line of its telling parts or, for `whole` and where it was not understood, of its text as it stands."""
    text = show_line(data, LINE)
    head, word = HEAD.match(text), WORDS.get(event)
    colour = style(EVENT_STYLES.get(event, ""))
    if head is None:
        return [Segment(text, colour)]
    time, muted = Segment(f"{head[2]} ", style("$muted")), style("$muted")
    rest = [Segment(f"{head[3]} ", muted), Segment(text[head.end() :], colour)]
    if word is None:
        return [time, *rest]
    read = record() if event is LogEvent.AUTH or not whole else None
    if read is not None and event is LogEvent.AUTH and read.result is not None:
        word, colour = "AUTH FAIL", style("$error")
        rest[1] = Segment(rest[1].text, colour)
    told = Segment(f"{word:{WORD_CELLS}} ", colour + Style(bold=True))
    parts = _parts(read, event, colour, style) if read is not None and not whole else []
    return [time, told, *(parts or rest)]


def record_line(record: LogRecord, style: Styles) -> list[Segment]:
    """Make the line of a record that is already read, with its text as it stands."""
    return line_segments(record.text, record.event, lambda: record, style, whole=True)


def _parts(record: LogRecord, event: LogEvent, colour: Style, style: Styles) -> list[Segment]:
    """Give id, words and addresses of a line that tells of a message; nothing where the line says more than they."""
    words = _words(record, event)
    addresses = [
        f"{name}={show_line(value) or '<>'}"
        for name, value in (("from", record.sender), ("to", record.recipient))
        if value is not None
    ]
    if not addresses:
        return []
    if event is LogEvent.RECEIVED:
        addresses += [f"nrcpts={record.nrcpt or '?'}", f"size={units.size(record.size)}"]
    id_ = [Segment(f"{show_line(record.id)} ", style("$muted"))] if record.id is not None else []
    told = [Segment(words, colour)] if words else []
    about = [Segment("  ".join(addresses), style(""))]
    relay = [Segment(f"relay={show_line(record.relay)}", style("$muted"))] if record.relay else []
    ordered = [*about, *relay, *told] if event in _TRIED else [*told, *about, *relay]
    spaced = [piece for part in ordered for piece in (Segment("  "), part)][1:]
    return [*id_, *spaced]


def _words(record: LogRecord, event: LogEvent) -> str:
    result = record.result or b""
    if record.recipient:  # it stands beside the words
        result = result.replace(b"<" + record.recipient + b">: ", b"", 1)
    if event is LogEvent.DEFERRED:
        result = result.removeprefix(b"Deferred: ")
    elif event is LogEvent.SENT:
        result = result.removeprefix(b"Sent").lstrip()
    return show_line(result, LINE)


def held_since(log: LogBuffer) -> str:
    """Say from when on lines are held, in the host's own time: `since 14:02`, of another day with its date."""
    first = next(
        (head for number in range(log.first, min(log.first + 5, log.end)) if (head := _head(log, number))), None
    )
    if first is None:
        return ""
    last = _head(log, log.end - 1)
    day = f"{first[1]} " if last is not None and last[1] != first[1] else ""
    return f"since {day}{first[2][:5]}"


def _head(log: LogBuffer, number: int) -> re.Match[str] | None:
    return HEAD.match(show_line(log.line(number), 200))
