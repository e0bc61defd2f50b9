"""Applies changes; everything else only reads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Protocol, assert_never

from mailtui.model import (
    Capability,
    Identity,
    LinkState,
    LogEvent,
    Message,
    QueueCounts,
    QueueListing,
    QueueRow,
    Rates,
    Stats,
)
from mailtui.store.changes import (
    Change,
    EvidenceRead,
    Heard,
    HostFound,
    LinkChanged,
    LogGapped,
    LogRead,
    QueueRead,
    SourceFailed,
    StatsRead,
)
from mailtui.store.log import LineReader, LogBuffer
from mailtui.store.queue import QueueTable

TREND: Final = 720
"""Samples kept of a host's queue length: an hour at five seconds."""

SAMPLES: Final = 120
"""Samples kept of a host's service and resources: ten minutes at five seconds."""

EVIDENCE: Final = 512 * 1024
"""Bytes of raw output kept for each topic; what is cut is said."""

LOG_EVIDENCE: Final = 64 * 1024
"""Bytes of the newest log lines that are shown as they came."""

EMPTY: Final = QueueTable.build(QueueListing(0.0, complete=False, missing=(), rows=()))
"""The table of a host whose queue has not been read yet."""


class Topic(StrEnum):
    """What a subscriber may wait for."""

    LINK = "link"
    QUEUE = "queue"
    STATS = "stats"
    LOG = "log"
    EVIDENCE = "evidence"


class Formats(Protocol):
    """What the store must be told of mail servers: how to read their records."""

    def message(self, host: str, identity: Identity | None, row: QueueRow) -> Message:
        """Make the whole message of a row."""

    def log_reader(self, host: str, identity: Identity | None) -> LineReader:
        """Make the reader of a host's log lines."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Raw command and output behind a topic."""

    at: float
    command: str
    output: bytes
    status: int | None


@dataclass(frozen=True, slots=True)
class HostView:
    """An immutable picture of one host."""

    name: str
    link: LinkChanged
    heard_at: float | None = None
    latency: float | None = None
    identity: Identity | None = None
    capabilities: tuple[Capability, ...] = ()
    table: QueueTable = EMPTY
    queue_at: float | None = None
    """When the queue was last read; None before the first time."""
    stats: Stats | None = None
    failures: tuple[SourceFailed, ...] = ()
    """Sources that could not be read at their last attempt."""

    def counts(self, now: float) -> QueueCounts | None:
        """Count the queue; None before it was read."""
        return self.table.counts(now) if self.queue_at is not None else None

    def failure(self, source: str) -> SourceFailed | None:
        """Give why a source could not be read, if so."""
        return next((failure for failure in self.failures if failure.source == source), None)


@dataclass(slots=True)
class _Host:
    """Everything of one host; only the store touches it."""

    view: HostView
    log: LogBuffer | None = None
    trend: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=TREND))
    samples: deque[Stats] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    evidence: dict[str, list[Shown]] = field(default_factory=dict)


Subscriber = Callable[[str, Topic], None]


class Store:
    """What is known of all hosts."""

    def __init__(self, formats: Formats, hosts: Iterable[str] = ()) -> None:
        self._formats = formats
        self._hosts: dict[str, _Host] = {}
        self._subscribers: list[Subscriber] = []
        self.version = 0
        """Rises with every change."""
        for name in hosts:
            self._host(name)

    # --- reading ----------------------------------------------------------------------------------------------------

    def hosts(self) -> tuple[HostView, ...]:
        """Give a picture of every host, in the order they were named."""
        return tuple(host.view for host in self._hosts.values())

    def host(self, name: str) -> HostView:
        """Give a picture of one host; KeyError where there is none of this name."""
        return self._hosts[name].view

    def log(self, name: str) -> LogBuffer:
        """Give a host's log buffer (appended to between two reads, never changed)."""
        host = self._hosts[name]
        if host.log is None:
            host.log = LogBuffer(self._formats.log_reader(name, host.view.identity))
        return host.log

    def message(self, name: str, key: str) -> Message | None:
        """Make the whole message of a key; None where it is gone."""
        view = self._hosts[name].view
        row = view.table.by_key.get(key)
        return self.decode(name, row) if row is not None else None

    def decode(self, name: str, row: QueueRow) -> Message:
        """Make the whole message of a row."""
        return self._formats.message(name, self._hosts[name].view.identity, row)

    def trend(self, name: str) -> tuple[tuple[float, int], ...]:
        """Give a host's queue length over time, oldest first."""
        return tuple(self._hosts[name].trend)

    def evidence(self, name: str, topic: str) -> tuple[Shown, ...]:
        """Give the raw commands and outputs behind a topic, as last read; of a log its newest lines as they came."""
        host = self._hosts[name]
        shown = tuple(host.evidence.get(topic, ()))
        if topic == "log" and host.log is not None and (tail := host.log.tail(LOG_EVIDENCE)):
            path, lines = tail
            shown += (Shown(host.view.heard_at or 0.0, f"tail -c {len(lines)} {path}", lines, None),)
        return shown

    def samples(self, name: str) -> tuple[Stats, ...]:
        """Give a host's last samples of service and resources, oldest first."""
        return tuple(self._hosts[name].samples)

    def rates(self, name: str, now: float) -> Rates:
        """Give messages a minute: the MTA's own counters where they can be read, else counted from the live log."""
        stats = self._hosts[name].view.stats
        if stats is not None and stats.rates != Rates():
            return stats.rates
        seen: Mapping[LogEvent, float] = self.log(name).rates(now)
        if not seen:
            return Rates()
        return Rates(
            received=seen.get(LogEvent.RECEIVED, 0.0),
            delivered=seen.get(LogEvent.SENT, 0.0),
            deferred=seen.get(LogEvent.DEFERRED, 0.0),
            bounced=seen.get(LogEvent.BOUNCED, 0.0),
        )

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Have `subscriber(host, topic)` called after each change; returns how to end it. It must not block."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    # --- writing ----------------------------------------------------------------------------------------------------

    def prepare(self, change: QueueRead) -> QueueTable:
        """Build the table that a queue change leads to: the costly part of `apply`, safe in a thread."""
        host = self._hosts.get(change.host)
        base = host.view.table if host is not None and host.view.queue_at is not None else None
        return QueueTable.build(change.listing, base)

    def apply(self, change: Change, prepared: QueueTable | None = None) -> None:
        """Take in one change; `prepared` is what `prepare` made of it, while no other change of its queue came."""
        host = self._host(change.host)
        topic = self._take(host, change, prepared)
        self.version += 1
        for subscriber in tuple(self._subscribers):
            subscriber(change.host, topic)

    def _host(self, name: str) -> _Host:
        if name not in self._hosts:
            self._hosts[name] = _Host(HostView(name, LinkChanged(name, 0.0, LinkState.CONNECTING)))
        return self._hosts[name]

    def _take(self, host: _Host, change: Change, prepared: QueueTable | None) -> Topic:
        match change:
            case LinkChanged():
                if change.state is LinkState.OK and host.log is not None:
                    host.log.forget_rates()
                heard_at = change.at if change.state is LinkState.OK else host.view.heard_at
                host.view = replace(host.view, link=change, heard_at=heard_at)
                return Topic.LINK
            case Heard():
                host.view = replace(host.view, heard_at=change.at, latency=change.latency or host.view.latency)
                return Topic.LINK
            case HostFound():
                self._found(host, change)
                return Topic.LINK
            case QueueRead():
                table = prepared if prepared is not None else self.prepare(change)
                host.view = replace(_mended(host.view, "queue"), table=table, queue_at=change.at)
                host.trend.append((change.at, len(table)))
                return Topic.QUEUE
            case StatsRead():
                host.view = replace(_mended(host.view, "stats"), stats=change.stats, heard_at=change.at)
                host.samples.append(change.stats)
                return Topic.STATS
            case LogRead():
                host.view = _mended(host.view, "log")
                self.log(change.host).append(change.path, change.offset, change.lines, at=change.at, live=change.live)
                return Topic.LOG
            case LogGapped():
                self.log(change.host).gap(change.path, change.why)
                return Topic.LOG
            case SourceFailed():
                others = _mended(host.view, change.source)
                host.view = replace(others, failures=(*others.failures, change))
                return Topic.LINK
            case EvidenceRead():
                self._show(host, change)
                return Topic.EVIDENCE
            case _:
                assert_never(change)

    def _found(self, host: _Host, change: HostFound) -> None:
        known = host.view.identity
        host.view = replace(host.view, identity=change.identity, capabilities=change.capabilities)
        if known is None or known.facts != change.identity.facts:
            reader = self._formats.log_reader(change.host, change.identity)
            if host.log is None:
                host.log = LogBuffer(reader)
            else:
                host.log.reader = reader

    def _show(self, host: _Host, change: EvidenceRead) -> None:
        output = change.output
        if len(output) > EVIDENCE:
            output = output[:EVIDENCE] + b"\n[%d bytes more]\n" % (len(output) - EVIDENCE)
        shown = host.evidence.setdefault(change.topic, [])
        if shown and shown[-1].at != change.at:
            shown.clear()
        shown.append(Shown(change.at, change.command, output, change.status))


def _mended(view: HostView, source: str) -> HostView:
    """Give the view without the failure of one source."""
    if not view.failures:
        return view
    return replace(view, failures=tuple(failure for failure in view.failures if failure.source != source))
