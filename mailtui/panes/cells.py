"""From records to finished cells: pure functions, where the look of a row lives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rich.cells import cell_len
from textual.content import Content

from mailtui.model import LogEvent, QueueCounts, QueueRow, QueueState, Rates, host_of
from mailtui.panes import units
from mailtui.panes.health import (
    SIGNS,
    STYLES,
    Rank,
    link_words,
    queue_stale,
    rank_of,
    service_words,
    silent,
    stats_stale,
)
from mailtui.panes.pane import cell
from mailtui.store import HostView
from mailtui.text import show_line
from mailtui.widgets.columns import Column

STATE_STYLES = {
    QueueState.ACTIVE: "$success",
    QueueState.QUEUED: "",
    QueueState.DEFERRED: "$warning",
    QueueState.HELD: "$held",
    QueueState.LOST: "$error",
}
"""Theme style of each queue state; the word always stands beside it."""

EVENT_STYLES = {
    LogEvent.SENT: "$success",
    LogEvent.RECEIVED: "$event-received",
    LogEvent.DEFERRED: "$warning",
    LogEvent.BOUNCED: "$error",
    LogEvent.REJECTED: "$event-rejected",
    LogEvent.EXPIRED: "$error",
    LogEvent.QUARANTINED: "$held",
    LogEvent.DISCARDED: "$accent",
    LogEvent.REFUSING: "$error",
    LogEvent.ERROR: "$error",
    LogEvent.WARNING: "$warning",
    LogEvent.TLS: "$muted",
    LogEvent.AUTH: "$event-auth",
    LogEvent.CONNECT: "$muted",
    LogEvent.QUEUE_RUN: "$muted",
    LogEvent.OTHER: "$muted",
}
"""Theme style of a log line by what it reports."""

HOST_COLUMNS = (
    Column("sign", "", width=2, sortable=False),
    Column("host", "HOST", min_width=4, max_width=4, weight=1.0, sortable=False),
    Column("mta", "MTA", width=8, priority=8, sortable=False),
    Column("link", "LINK", width=11, priority=1, sortable=False),
    Column("service", "SERVICE", min_width=16, weight=2.0, max_width=36, priority=2, sortable=False),
    Column("queue", "QUEUE", width=8, align="right", sortable=False),
    Column("oldest", "OLDEST", width=6, align="right", sortable=False),
    Column("held", "HELD", width=6, align="right", priority=7, sortable=False),
    Column("deferred", "DEFER%", width=6, align="right", priority=6, sortable=False),
    Column("in", "IN/min", width=6, align="right", priority=4, sortable=False),
    Column("out", "OUT/min", width=7, align="right", priority=4, sortable=False),
    Column("load", "LOAD", width=5, align="right", priority=3, sortable=False),
    Column("trend", "QUEUE 1h", width=16, priority=5, sortable=False),
)
"""Columns of the list of hosts; the pane gives the names the width they need."""

LONGEST_NAME = 30
"""Cells that a host's name may take in the list."""


def host_columns(names: Iterable[str]) -> tuple[Column, ...]:
    """Give the columns for these hosts: their names are whole before anything else has room."""
    cells = min(LONGEST_NAME, max((cell_len(show_line(name)) for name in names), default=0))
    return tuple(
        replace(column, min_width=max(4, cells), max_width=max(4, cells)) if column.id == "host" else column
        for column in HOST_COLUMNS
    )


QUEUE_COLUMNS = (
    Column("state", "STATE", width=8),
    Column("id", "ID", width=14, priority=4),
    Column("age", "AGE", width=6, align="right"),
    Column("size", "SIZE", width=5, align="right", priority=5),
    Column("from", "FROM", min_width=18, weight=2.0, max_width=40, priority=1, cut_before="@"),
    Column("to", "TO", min_width=18, weight=2.0, max_width=40, yields=True, cut_before="@"),
    Column("attempts", "TRIES", width=5, align="right", priority=3),
    Column("tried", "TRIED", width=6, align="right", priority=6),
    Column("queue", "QUEUE", width=13, priority=7),
    Column("reason", "REASON", min_width=44, weight=5.0),
)
"""Columns of a queue."""

_QUEUE_HOST = Column("host", "HOST", min_width=4)


def queue_columns(hosts: Sequence[str]) -> tuple[Column, ...]:
    """Give the columns of a queue; of those of several hosts with a column for their names."""
    if not hosts:
        return QUEUE_COLUMNS
    cells = max(4, min(LONGEST_NAME, max(cell_len(show_line(name)) for name in hosts)))
    return (replace(_QUEUE_HOST, width=cells), *QUEUE_COLUMNS)


def total_words(counts: QueueCounts | None) -> str:
    """Say how many messages wait: `12+` where more may lie in what could not be read, `?` where nothing could be."""
    if counts is None:
        return "-"
    if counts.complete:
        return units.count(counts.total)
    return f"{units.count(counts.total)}+" if counts.total else "?"


def host_cells(view: HostView, rates: Rates, trend: Content, now: float, refresh: float) -> tuple[Content, ...]:
    """Make the cells of one host."""
    rank = rank_of(view, now)
    link, link_rank = link_words(view, now)
    service, service_rank = service_words(view)
    counts = view.counts(now)
    stale = queue_stale(view, now, refresh)
    muted = "$stale" if stale else ""
    old_stats = stats_stale(view, now, refresh)
    sampled = "$stale" if old_stats or silent(view, now) else ""
    if old_stats:
        service, service_rank = f"was {service}", Rank.STALE
    waiting = counts.active + counts.queued + counts.deferred if counts is not None else 0
    old = counts is not None and counts.oldest_age is not None and counts.oldest_age > 3600
    total = total_words(counts)
    # a word or sign beside the colour: on a screen without colours an old number must not pass for today's
    mark = "~" if stale else ""
    load = view.stats.load if view.stats is not None else None
    return (
        cell(SIGNS[rank], STYLES[rank]),
        cell(view.name, "bold" if not stale else muted),
        cell(view.identity.mta if view.identity is not None else "-", "$muted"),
        cell(link, STYLES[link_rank]),
        cell(service, STYLES[service_rank]),
        cell(mark + total, muted or ("bold" if waiting else "")),
        cell(units.age(counts.oldest_age if counts is not None else None), muted or ("$warning" if old else "")),
        cell(
            units.count(counts.held) if counts is not None else "-",
            muted or ("$held" if counts and counts.held else ""),
        ),
        cell(units.percent(counts.deferred / counts.total if counts is not None and counts.total else None), muted),
        cell(units.rate(rates.received), sampled),
        cell(units.rate(rates.delivered), sampled),
        cell(f"{load[0]:.2f}" if load is not None else "-", sampled),
        trend,
    )


def short_reason(row: QueueRow) -> bytes:
    """Give the reason without what the columns beside it say already: that it is deferred, and for whom."""
    reason = (row.reason or b"").removeprefix(b"Deferred: ")
    return reason.replace(b"<" + row.recipient + b">: ", b"", 1) if row.recipient else reason


def sender_words(sender: bytes | None) -> bytes | str:
    """Give a sender for a person: the null sender and one that is not known are told apart."""
    return "(unknown)" if sender is None else sender or "<> (bounce)"


def queue_cells(row: QueueRow, now: float, *, named: bool = False) -> tuple[Content, ...]:
    """Make the cells of one queued message, with its host where that is to be named."""
    more = f" +{row.nrcpt - 1}" if row.nrcpt > 1 else ""
    tried = now - row.last_attempt_at if row.last_attempt_at else None
    return (
        *([cell(host_of(row.key), "bold")] if named else []),
        cell(row.state.value, STATE_STYLES[row.state]),
        cell(row.id, "$muted"),
        cell(units.age(now - row.arrived_at if row.arrived_at is not None else None)),
        cell(units.size(row.size), "$muted"),
        cell(sender_words(row.sender), "" if row.sender else "$muted"),
        cell(row.recipient + more.encode()),
        cell(units.count(row.attempts), "$muted"),
        cell(units.age(tried), "$muted"),
        cell(row.queue_group or row.queue, "$muted"),
        cell(short_reason(row), STATE_STYLES[row.state]),
    )
