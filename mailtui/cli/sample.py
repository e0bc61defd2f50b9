"""One whole sample of a host: what its sampling script tells, and from queue and log what that leaves open."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from mailtui import logsearch
from mailtui.errors import HostError
from mailtui.model import LogEvent, LogRecord, QueueCounts, QueueListing, QueueState, Rates, Stats
from mailtui.mta.contract import LogQuery

if TYPE_CHECKING:
    from mailtui.session import Link

T = TypeVar("T")

WINDOW = 300.0
"""Seconds of log that rates are counted over."""
LINES = 5000
"""Newest lines of log that are read for them; on a host that writes more, they cover less time."""
SEARCH_TIME = 30.0

WAITING = (QueueState.ACTIVE, QueueState.QUEUED, QueueState.DEFERRED)
"""States whose oldest mail counts as the queue's age."""


async def take(link: Link) -> Stats:
    """Sample a host; its queue and rates are None where neither the script nor the login could read them."""
    async with asyncio.TaskGroup() as group:
        sampling = group.create_task(tried(link.stats()))
        counting = group.create_task(tried(queue(link)))
        rating = group.create_task(tried(rates(link)))
    stats = sampling.result()
    if isinstance(stats, HostError):
        raise stats
    counts, flow = counting.result(), rating.result()
    # The script counts names, which do not tell what was tried and how old it is; a listing does.
    if not isinstance(counts, HostError) and (counts.complete or stats.queue is None):
        stats = replace(stats, queue=counts)
    if stats.rates == Rates() and not isinstance(flow, HostError):
        stats = replace(stats, rates=flow)
    return stats


async def tried(asked: Awaitable[T]) -> T | HostError:
    """Give an answer, or the host's error as a value."""
    try:
        return await asked
    except HostError as error:
        return error


async def queue(link: Link) -> QueueCounts:
    """Count a host's queue."""
    return counts((await link.queue()).listing)


def counts(listing: QueueListing) -> QueueCounts:
    """Count a listing by state, with the age of the oldest."""
    states = Counter(row.state for row in listing.rows)

    def oldest(*wanted: QueueState) -> float | None:
        arrived = (row.arrived_at for row in listing.rows if row.state in wanted)
        first = min((at for at in arrived if at is not None), default=None)
        return None if first is None else max(0.0, listing.taken_at - first)

    return QueueCounts(
        active=states[QueueState.ACTIVE],
        queued=states[QueueState.QUEUED],
        deferred=states[QueueState.DEFERRED],
        held=states[QueueState.HELD],
        lost=states[QueueState.LOST],
        oldest_age=oldest(*WAITING),
        oldest_held_age=oldest(QueueState.HELD),
        oldest_lost_age=oldest(QueueState.LOST),
        complete=listing.complete,
    )


async def rates(link: Link) -> Rates:
    """Count the newest lines of a host's log."""
    now = link.clock.wall() + (link.identity.clock_skew or 0.0)
    found = await logsearch.look(link, LogQuery(since=now - WINDOW, last=LINES), SEARCH_TIME)
    return per_minute(found.records, now)


def per_minute(found: Sequence[LogRecord], now: float) -> Rates:
    """Give messages a minute over the window, or over what the lines cover where they are too many for it."""
    span = WINDOW
    first = next((each.at for each in found if each.at is not None), None)
    if len(found) >= LINES and first is not None:
        span = max(1.0, now - first)
    events = Counter(each.event for each in found)
    minutes = span / 60
    return Rates(
        received=events[LogEvent.RECEIVED] / minutes,
        delivered=events[LogEvent.SENT] / minutes,
        deferred=events[LogEvent.DEFERRED] / minutes,
        bounced=events[LogEvent.BOUNCED] / minutes,
        rejected=events[LogEvent.REJECTED] / minutes,
    )
