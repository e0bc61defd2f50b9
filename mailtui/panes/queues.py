"""Which queues a pane shows, one host's or those of several, and how it stands with reading them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from mailtui import query
from mailtui.model import QueueRow, host_of
from mailtui.panes import units
from mailtui.panes.health import queue_stale, silent
from mailtui.panes.unread import why_unread
from mailtui.store import HostView, QueuesTable, Store

Matches = Callable[[QueueRow], bool]


class Queues:
    """The queues of these hosts, as the store holds them now."""

    def __init__(self, store: Store, refreshes: Mapping[str, float]) -> None:
        self._store = store
        self._refreshes = dict(refreshes)
        """Seconds between two readings, by host."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts, in the order of the configuration."""
        return tuple(self._refreshes)

    @property
    def many(self) -> bool:
        """Whether it must be said which host a message is on."""
        return len(self._refreshes) > 1

    @property
    def _views(self) -> list[HostView]:
        return [self._store.host(host) for host in self._refreshes]

    @property
    def picture(self) -> QueuesTable:
        """All that was read."""
        return QueuesTable({view.name: view.table for view in self._views if view.queue_at is not None})

    @property
    def version(self) -> tuple[object, ...]:
        """What a list of them depends on: it differs between any two pictures."""
        return tuple((view.table.version, view.queue_at is None) for view in self._views)

    @property
    def identities(self) -> tuple[object, ...]:
        """By what the records are decoded: where it differs, a filter may match other messages."""
        return tuple(view.identity for view in self._views)

    def at(self, rows: Iterable[QueueRow]) -> tuple[str, ...]:
        """Give the hosts that these messages are on; where there are none, the first."""
        found = {host_of(row.key) for row in rows}
        return tuple(host for host in self.hosts if host in found) or self.hosts[:1]

    def matcher(self, text: str, now: float) -> Matches:
        """Make a predicate over rows, ages as of now; raises FilterError."""
        parsed = query.parse(text, "queue")
        each = {
            host: parsed.rows(host=host, now=now, message=partial(self._store.decode, host)) for host in self._refreshes
        }
        return (lambda row: each[host_of(row.key)](row)) if self.many else each[self.hosts[0]]

    # --- how it stands with reading them ----------------------------------------------------------------------------

    @property
    def unread(self) -> tuple[str, ...]:
        """The hosts whose queue was not read."""
        return tuple(view.name for view in self._views if view.queue_at is None)

    def why_unread(self, now: float) -> tuple[str, str]:
        """Say why a queue was not read, and what helps; of several with the host's name, where it is known."""
        for view in self._views:
            if view.queue_at is None:
                why, cure = why_unread(view, "queue", now)
                if why:
                    return (f"{view.name}: {why}" if self.many else why), cure
        return "", ""

    def stale(self, now: float) -> bool:
        """Tell whether any of what is shown is too old to be called current."""
        return bool(self._stale(now))

    def notes(self, now: float) -> Sequence[str]:
        """Say what else must be known of the list: what is not in it, and what of it is old."""
        unread, picture, stale = self.unread, self.picture, self._stale(now)
        if not self.many:
            age = [f"STALE {units.age(now - _as_of(view, now))}" for view in stale]
            return [*(["INCOMPLETE"] if picture.incomplete else []), *age]
        parts = (
            ("NOT READ", unread),
            ("INCOMPLETE", picture.incomplete),
            ("STALE", [view.name for view in stale]),
        )
        return [f"{word} {_named(hosts)}" for word, hosts in parts if hosts]

    def hint(self, now: float) -> str:
        """Say what helps against what is not in the list, one thing of it."""
        if self.unread:
            why, cure = self.why_unread(now)
            return "; ".join(part for part in (why, cure) if part)
        return next(iter(self.picture.missing), "")

    def _stale(self, now: float) -> list[HostView]:
        return [view for view in self._views if queue_stale(view, now, self._refreshes[view.name])]


def _as_of(view: HostView, now: float) -> float:
    """Give when what is shown was last known to be so."""
    times = [view.queue_at, view.heard_at if silent(view, now) else None]
    return min((each for each in times if each is not None), default=now)


def _named(hosts: Sequence[str]) -> str:
    """Name hosts while they are few."""
    return ", ".join(hosts) if len(hosts) <= 3 else f"{len(hosts)} hosts"
