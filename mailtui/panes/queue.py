"""One host's queue: sorted, filtered live, the cursor bound to the message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget

from mailtui import query
from mailtui.clock import SYSTEM, Clock
from mailtui.keys import Scope
from mailtui.model import QueueRow
from mailtui.panes import units
from mailtui.panes.bindings import bindings
from mailtui.panes.cells import QUEUE_COLUMNS, queue_cells
from mailtui.panes.filtered import FilteredPane
from mailtui.panes.health import queue_stale
from mailtui.panes.pane import AskGroups, AskMessage, cell
from mailtui.store import COLUMNS, HostView, Store, Topic, View
from mailtui.widgets.columns import Column
from mailtui.widgets.filter_bar import FilterBar
from mailtui.widgets.virtual_table import VirtualTable

SORTS = ("age", "reason", "to", "from", "size", "attempts", "state")
"""What `s` goes through; every heading can be clicked as well."""


class QueueSource:
    """A sorted, filtered picture of a queue; cells are made for visible rows alone."""

    columns: Sequence[Column] = QUEUE_COLUMNS

    def __init__(self, rows: Sequence[QueueRow], now: float) -> None:
        self._rows = rows
        self._now = now
        self._index: Mapping[Hashable, int] = {row.key: index for index, row in enumerate(rows)}

    def at(self, now: float) -> QueueSource:
        """Give the same rows with ages as of `now`."""
        later = QueueSource((), now)
        later._rows, later._index = self._rows, self._index
        return later

    def __len__(self) -> int:
        return len(self._rows)

    def key(self, index: int) -> Hashable:
        """Give the message's key."""
        return self._rows[index].key

    def index(self, key: Hashable) -> int | None:
        """Find a message."""
        return self._index.get(key)

    def cells(self, index: int) -> Sequence[Content]:
        """Give the cells of a message."""
        return queue_cells(self._rows[index], self._now)

    def row_style(self, index: int) -> str:
        """Give no style: the cells have theirs."""
        return ""


class QueuePane(FilteredPane[Callable[[QueueRow], bool]]):
    """The queue of one host."""

    topics = frozenset({Topic.QUEUE, Topic.LINK})
    evidence_topic = "queue"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.QUEUE)

    def __init__(self, store: Store, host: str, refresh: float, *, clock: Clock = SYSTEM) -> None:
        super().__init__(store, host, clock=clock, id="queue")
        self._refresh = refresh
        self._sort = ("age", True)
        self._shown: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """Lay out filter and table."""
        yield FilterBar(self.check, id="queue-filter")
        yield VirtualTable(QueueSource((), 0.0), empty=Content("reading the queue ..."), id="queue-table")

    @property
    def table(self) -> VirtualTable:
        """The table of messages."""
        return self.query_one(VirtualTable)

    @property
    def chosen(self) -> str | None:
        """The key of the message under the cursor."""
        key = self.table.cursor_key
        return key if isinstance(key, str) else None

    @property
    def _view(self) -> HostView:
        return self.store.host(self.host or "")

    # --- filter and order -------------------------------------------------------------------------------------------

    @property
    def list_view(self) -> Widget:
        """The table."""
        return self.table

    def compiled(self, text: str) -> Callable[[QueueRow], bool]:
        """Make a predicate over rows, ages as of now."""
        host = self.host or ""
        return query.parse(text, "queue").rows(
            host=host, now=self.clock.wall(), message=lambda row: self.store.decode(host, row)
        )

    def refilter(self) -> None:
        """Show what the filter wants."""
        self.pull()

    def action_sort(self) -> None:
        """Sort by the next column."""
        column, _ = self._sort
        following = SORTS[(SORTS.index(column) + 1) % len(SORTS)] if column in SORTS else SORTS[0]
        self._order(following)

    def action_reverse(self) -> None:
        """Turn the order round."""
        column, descending = self._sort
        self._sort = (column, not descending)
        self.pull()

    def on_virtual_table_sort_requested(self, event: VirtualTable.SortRequested) -> None:
        """Sort by the heading that was clicked; again turns it round."""
        event.stop()
        if event.column_id in COLUMNS:
            self._order(event.column_id)

    def _order(self, column: str) -> None:
        previous, descending = self._sort
        numeric = column in ("age", "size", "attempts", "tried")
        self._sort = (column, not descending if column == previous else numeric)
        self.pull()

    # --- painting ---------------------------------------------------------------------------------------------------

    def pull(self) -> None:
        """Sort and filter the newest picture in a thread and show it."""
        if self._shown == self._asked:
            self.tick()
        else:
            self._pull(self._asked)

    @property
    def _asked(self) -> tuple[object, ...]:
        """What the list depends on: it is made anew when this differs from what is shown."""
        view = self._view
        return view.table.version, self._sort, self.filter_text, self.filter_lifted, view.queue_at is None

    @work(exclusive=True, group="pull")
    async def _pull(self, asked: tuple[object, ...]) -> None:
        now, sort, table = self.clock.wall(), self._sort, self._view.table
        view = View(*sort, self.wanted)
        source = await asyncio.to_thread(lambda: QueueSource(table.rows(view), now))
        self._shown = asked
        self.table.sort = sort
        self.table.set_source(source, empty=self._why_empty())
        self._say(len(source))

    def tick(self) -> None:
        """Let ages grow."""
        source = self.table.source
        if isinstance(source, QueueSource) and len(source):
            self.table.set_source(source.at(self.clock.wall()))
        self._say(len(source))

    def _why_empty(self) -> Content:
        view = self._view
        if self.filter_text and not self.filter_lifted and len(view.table):
            return Content("no message matches the filter; Esc clears it")
        if view.queue_at is None:
            failure = view.failure("queue")
            return cell(failure.why if failure is not None else "the queue has not been read yet")
        if not view.table.complete:
            return Content("nothing could be read; see what is missing with e")
        return Content("the queue is empty")

    def _say(self, shown: int) -> None:
        view, now = self._view, self.clock.wall()
        total = len(view.table)
        counts = f"{total:,} messages" if shown == total else f"{shown:,} shown of {total:,}"
        notes = [counts, self.filter_words]
        if view.queue_at is not None and not view.table.complete:
            notes.append("INCOMPLETE")
        if queue_stale(view, now, self._refresh) and view.queue_at is not None:
            notes.append(f"STALE {units.age(now - view.queue_at)}")
        self.set_class(queue_stale(view, now, self._refresh), "-stale")
        missing = view.table.missing
        self.set_title(f"1 Queue: {' · '.join(note for note in notes if note)}", missing[0] if missing else "")

    @property
    def copied(self) -> str | None:
        """What `y` copies: the queue id."""
        row = self._view.table.by_key.get(self.chosen or "")
        return row.id if row is not None else None

    # --- going on ---------------------------------------------------------------------------------------------------

    def action_open(self) -> None:
        """Open the message under the cursor."""
        if self.chosen is not None and self.host is not None:
            self.post_message(AskMessage(self.host, self.chosen))

    def on_virtual_table_row_activated(self, event: VirtualTable.RowActivated) -> None:
        """Open the message that was activated."""
        event.stop()
        if self.host is not None:
            self.post_message(AskMessage(self.host, str(event.key)))

    def action_group(self) -> None:
        """Count the queue by reason, domain or sender."""
        if self.host is not None:
            self.post_message(AskGroups(self.host, "" if self.filter_lifted else self.filter_text))
