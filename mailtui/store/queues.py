"""The queues of several hosts as one: nothing is copied, and a message is still that of its host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

from mailtui.model import QueueRow, host_of
from mailtui.store.queue import QueueTable, View, order_of


class _Rows(Mapping[str, QueueRow]):
    """The messages of all tables by key."""

    def __init__(self, tables: Mapping[str, QueueTable]) -> None:
        self._tables = tables

    def __getitem__(self, key: str) -> QueueRow:
        return self._tables[host_of(key)].by_key[key]

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(table.by_key for table in self._tables.values())

    def __len__(self) -> int:
        return sum(map(len, self._tables.values()))


class QueuesTable:
    """An immutable picture of the queues of one or several hosts, by host; those that were not read are left out."""

    def __init__(self, tables: Mapping[str, QueueTable]) -> None:
        self._tables = dict(tables)
        one = len(self._tables) == 1
        self.by_key: Mapping[str, QueueRow] = next(iter(self._tables.values())).by_key if one else _Rows(self._tables)
        """Every message."""

    def __len__(self) -> int:
        return len(self.by_key)

    @property
    def incomplete(self) -> tuple[str, ...]:
        """The hosts of which not all could be read."""
        return tuple(host for host, table in self._tables.items() if not table.complete)

    @property
    def missing(self) -> tuple[str, ...]:
        """What could not be read, and how to get it."""
        named = len(self._tables) > 1
        return tuple(
            f"{host}: {each}" if named else each for host, table in self._tables.items() for each in table.missing
        )

    def rows(self, view: View) -> tuple[QueueRow, ...]:
        """Give the rows that a view wants, in its order over all hosts; costly, as that of one table is."""
        parts = [table.rows(view) for table in self._tables.values()]
        if len(parts) == 1:
            return parts[0]
        # each part is in order already, which makes sorting a merge
        return tuple(sorted(chain.from_iterable(parts), key=order_of(view.sort), reverse=view.descending))
