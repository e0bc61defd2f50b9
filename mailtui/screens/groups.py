"""One host's queue counted by reason, domain or sender; Enter shows a group's messages."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from mailtui import query
from mailtui.clock import SYSTEM, Clock
from mailtui.keys import Scope
from mailtui.panes import units
from mailtui.panes.bindings import bindings
from mailtui.panes.grouping import BY, Group, expression, groups
from mailtui.panes.pane import Pane, cell
from mailtui.screens.base import MailScreen
from mailtui.store import Store, Topic, View
from mailtui.widgets.columns import Column
from mailtui.widgets.virtual_table import VirtualTable

COLUMNS = (
    Column("count", "COUNT", width=7, align="right", sortable=False),
    Column("share", "SHARE", width=5, align="right", priority=2, sortable=False),
    Column("oldest", "OLDEST", width=6, align="right", priority=1, sortable=False),
    Column("size", "SIZE", width=6, align="right", priority=3, sortable=False),
    Column("value", "VALUE", min_width=20, weight=1.0, sortable=False),
)
"""Columns of the groups."""


class GroupSource:
    """Rows of groups, as a table wants them."""

    columns: Sequence[Column] = COLUMNS

    def __init__(self, found: Sequence[Group], total: int, now: float) -> None:
        self._groups = found
        self._total = total
        self._now = now
        self._index: Mapping[Hashable, int] = {group.value: index for index, group in enumerate(found)}

    def __len__(self) -> int:
        return len(self._groups)

    def key(self, index: int) -> Hashable:
        """Give the group's value."""
        return self._groups[index].value

    def index(self, key: Hashable) -> int | None:
        """Find a group."""
        return self._index.get(key)

    def cells(self, index: int) -> Sequence[Content]:
        """Give the cells of a group."""
        group = self._groups[index]
        return (
            cell(units.count(group.count), "bold"),
            cell(units.percent(group.count / self._total if self._total else None), "$muted"),
            cell(units.age(self._now - group.oldest if group.oldest is not None else None)),
            cell(units.size(group.size), "$muted"),
            cell(group.value),
        )

    def row_style(self, index: int) -> str:
        """Give no style."""
        return ""


class GroupChosen(Message):
    """The messages of a group are wanted: an expression for the queue's filter."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where


class GroupsPane(Pane):
    """Counts of one host's queue."""

    topics = frozenset({Topic.QUEUE})
    evidence_topic = "queue"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.GROUPS)

    def __init__(self, store: Store, host: str, where: str, *, clock: Clock = SYSTEM) -> None:
        super().__init__(store, host, clock=clock, id="groups")
        self._where = where
        self._by = "reason"

    def compose(self) -> ComposeResult:
        """Lay out the table."""
        yield VirtualTable(GroupSource((), 0, 0.0), empty=Content("the queue is empty"))

    def pull(self) -> None:
        """Count anew, in a thread."""
        self._count()

    @work(exclusive=True)
    async def _count(self) -> None:
        host, now, by = self.host or "", self.clock.wall(), self._by
        table = self.store.host(host).table
        parsed = query.parse(self._where, "queue") if self._where else None
        wanted = parsed.rows(host=host, now=now, message=lambda row: self.store.decode(host, row)) if parsed else None

        def counted() -> tuple[list[Group], int]:
            rows = table.rows(View(where=wanted))
            return groups(rows, by), len(rows)

        found, total = await asyncio.to_thread(counted)
        self.query_one(VirtualTable).set_source(GroupSource(found, total, now))
        within = f" of /{self._where}" if self._where else ""
        self.set_title(
            f"{self.host}: {total:,} messages{within} by {by}: {len(found):,} groups", "b: group by the next"
        )

    def action_next_by(self) -> None:
        """Group by the next thing."""
        names = list(BY)
        self._by = names[(names.index(self._by) + 1) % len(names)]
        self.pull()

    def action_open(self) -> None:
        """Show the messages of the group under the cursor."""
        key = self.query_one(VirtualTable).cursor_key
        if isinstance(key, bytes):
            self._choose(key)

    def on_virtual_table_row_activated(self, event: VirtualTable.RowActivated) -> None:
        """Show the messages of the group that was activated."""
        event.stop()
        if isinstance(event.key, bytes):
            self._choose(event.key)

    def _choose(self, value: bytes) -> None:
        where = f"({self._where}) " if self._where else ""
        self.post_message(GroupChosen(where + expression(self._by, value, literal=query.literal)))


class GroupsScreen(MailScreen):
    """The queue of one host, counted."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.MESSAGE)

    def __init__(self, host: str, where: str) -> None:
        super().__init__(classes="groups")
        self.host = host
        self._where = where

    def body(self) -> Iterable[Widget]:
        """Give the one pane."""
        yield GroupsPane(self.console.store, self.host, self._where, clock=self.console.clock)
