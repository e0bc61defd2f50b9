"""The queue table: columns to sort and filter by, the host's raw record behind each row, a message made on demand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final

from mailtui.model import QueueCounts, QueueListing, QueueRow, QueueState, host_of

WAITING: Final = (QueueState.ACTIVE, QueueState.QUEUED, QueueState.DEFERRED)
"""The states whose oldest age counts as the queue's age."""

BIG: Final = 20_000
"""Rows from which sorting and filtering belongs in a thread."""

Column = Callable[[QueueRow], Any]


def _number(value: float | None) -> float:
    return value if value is not None else float("-inf")


def _since(at: float | None) -> float:
    """Order by age: what is older is more, what is unknown least."""
    return -at if at is not None else float("-inf")


COLUMNS: Final[Mapping[str, Column]] = MappingProxyType(
    {
        "state": lambda row: row.state,
        "id": lambda row: row.id,
        "queue": lambda row: (row.queue, row.queue_group or "", row.directory),
        "age": lambda row: _since(row.arrived_at),
        "size": lambda row: _number(row.size),
        "from": lambda row: (row.sender or b"").lower(),
        "to": lambda row: row.recipient.lower(),
        "nrcpt": lambda row: row.nrcpt,
        "attempts": lambda row: _number(row.attempts),
        "tried": lambda row: _since(row.last_attempt_at),
        "reason": lambda row: row.reason or b"",
        "domain": lambda row: row.domains,
        "host": lambda row: host_of(row.key),
    }
)
"""What a queue can be sorted by; ages ascend from the youngest."""


@dataclass(frozen=True, slots=True)
class View:
    """How rows are wanted: which, in what order."""

    sort: str = "age"
    descending: bool = True
    where: Callable[[QueueRow], bool] | None = None


@dataclass(frozen=True, slots=True)
class QueueTable:
    """An immutable picture of one host's queue; a refresh makes a new one."""

    taken_at: float
    complete: bool
    missing: tuple[str, ...]
    by_key: Mapping[str, QueueRow]
    states: Mapping[QueueState, int]
    oldest: Mapping[QueueState, float]
    """Arrival time of each state's oldest message."""
    version: int = 0
    """Differs between any two pictures of one host."""
    _sorted: dict[tuple[str, bool], tuple[QueueRow, ...]] = field(default_factory=dict, compare=False, repr=False)
    _before: Mapping[tuple[str, bool], tuple[QueueRow, ...]] = field(default_factory=dict, compare=False, repr=False)
    """Orders of the pictures before: what is nearly sorted already sorts in no time, and sorting stops all threads."""

    @classmethod
    def build(cls, listing: QueueListing, base: QueueTable | None = None) -> QueueTable:
        """Make the table after a listing; a partial one changes `base`. Costs O(rows): belongs in a thread when big."""
        if listing.partial and base is not None:
            by_key = dict(base.by_key)
            for key in listing.removed:
                by_key.pop(key, None)
            by_key.update((row.key, row) for row in listing.rows)
        else:
            by_key = {row.key: row for row in listing.rows}
        version = base.version + 1 if base is not None else 1
        if listing.partial and base is not None and not listing.rows and not listing.removed:
            states, oldest, order = base.states, base.oldest, base._sorted
        else:
            states, oldest = _count(by_key.values())
            order = {}
        return cls(
            listing.taken_at,
            listing.complete,
            listing.missing,
            MappingProxyType(by_key),
            states,
            oldest,
            version,
            order,
            {**base._before, **base._sorted} if base is not None else {},
        )

    def __len__(self) -> int:
        return len(self.by_key)

    def rows(self, view: View) -> tuple[QueueRow, ...]:
        """Give the rows that a view wants; sorted orders are kept for the life of the table."""
        order = self._sorted.get((view.sort, view.descending))
        if order is None:
            order = tuple(sorted(self._nearly(view), key=order_of(view.sort), reverse=view.descending))
            self._sorted[view.sort, view.descending] = order
        return order if view.where is None else tuple(filter(view.where, order))

    def _nearly(self, view: View) -> Iterable[QueueRow]:
        """Give all rows, those first that stood in this order before."""
        before = self._before.get((view.sort, view.descending))
        if before is None:
            return self.by_key.values()
        current = self.by_key.get
        kept = [row for row in before if current(row.key) is row]
        if len(kept) < len(self.by_key):
            known = {row.key for row in kept}
            kept += [row for key, row in self.by_key.items() if key not in known]
        return kept

    def counts(self, now: float) -> QueueCounts:
        """Count the messages by state, with the ages of the oldest."""
        states = self.states
        return QueueCounts(
            active=states.get(QueueState.ACTIVE, 0),
            queued=states.get(QueueState.QUEUED, 0),
            deferred=states.get(QueueState.DEFERRED, 0),
            held=states.get(QueueState.HELD, 0),
            lost=states.get(QueueState.LOST, 0),
            oldest_age=self._age(WAITING, now),
            oldest_held_age=self._age((QueueState.HELD,), now),
            oldest_lost_age=self._age((QueueState.LOST,), now),
            complete=self.complete,
        )

    def _age(self, states: Sequence[QueueState], now: float) -> float | None:
        arrivals = [self.oldest[state] for state in states if state in self.oldest]
        return max(0.0, now - min(arrivals)) if arrivals else None


def order_of(sort: str) -> Callable[[QueueRow], Any]:
    """Give what rows are compared by in an order; equals stand by their keys."""
    column = COLUMNS[sort]
    return lambda row: (column(row), row.key)


_STATE_AND_ARRIVAL: Final[Callable[[QueueRow], tuple[QueueState, float | None]]] = attrgetter("state", "arrived_at")


def _count(rows: Iterable[QueueRow]) -> tuple[Mapping[QueueState, int], Mapping[QueueState, float]]:
    """Count the rows of each state, and find its oldest arrival; by lists, for one comparison a row takes longer."""
    arrivals: defaultdict[QueueState, list[float | None]] = defaultdict(list)
    for state, arrived in map(_STATE_AND_ARRIVAL, rows):
        arrivals[state].append(arrived)
    known = {state: [each for each in times if each is not None] for state, times in arrivals.items()}
    oldest = {state: min(times) for state, times in known.items() if times}
    return MappingProxyType({state: len(times) for state, times in arrivals.items()}), MappingProxyType(oldest)
