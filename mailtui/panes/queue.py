"""The queue of one host, or those of several as one: sorted, filtered live, the cursor bound to the message."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import ClassVar, NamedTuple

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget

from mailtui import actions
from mailtui.clock import SYSTEM, Clock
from mailtui.keys import Scope
from mailtui.model import QueueRow, host_of
from mailtui.panes.bindings import bindings
from mailtui.panes.cells import queue_cells, queue_columns
from mailtui.panes.filtered import FilteredPane
from mailtui.panes.marks import MOVED, Marks, left_words
from mailtui.panes.pane import AskAction, AskGroups, AskMessage, AskUndo, cell
from mailtui.panes.queues import Queues
from mailtui.panes.scan import Scan, StoppedError
from mailtui.store import COLUMNS, QueuesTable, Store, Topic, View
from mailtui.text import show_line
from mailtui.widgets.columns import Column
from mailtui.widgets.filter_bar import FilterBar
from mailtui.widgets.virtual_table import VirtualTable

SAY_AFTER = 0.15
"""Seconds of sorting or filtering after which it is said that the list is not that of the filter yet."""

_TIMED = re.compile(r"age\b", re.IGNORECASE)
"""What a filter says whose matches change by the time alone."""


class Wish(NamedTuple):
    """What is to be shown of a queue."""

    sort: tuple[str, bool]
    filter_text: str
    filter_lifted: bool


class QueueSource:
    """A sorted, filtered picture of a queue; cells are made for visible rows alone."""

    def __init__(self, rows: Sequence[QueueRow], now: float, *, hosts: Sequence[str] = ()) -> None:
        self.columns: Sequence[Column] = queue_columns(hosts)
        self._hosts = tuple(hosts)
        self._rows = rows
        self._now = now
        self._index: Mapping[Hashable, int] = {row.key: index for index, row in enumerate(rows)}

    def at(self, now: float) -> QueueSource:
        """Give the same rows with ages as of `now`."""
        later = QueueSource((), now, hosts=self._hosts)
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
        return queue_cells(self._rows[index], self._now, named=bool(self._hosts))

    def row_style(self, index: int) -> str:
        """Give no style: the cells have theirs."""
        return ""


class QueuePane(FilteredPane[Callable[[QueueRow], bool]]):
    """The queues of hosts; of several each message names its own."""

    topics = frozenset({Topic.QUEUE, Topic.LINK})
    evidence_topic = "queue"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.QUEUE)

    def __init__(self, store: Store, refreshes: Mapping[str, float], *, clock: Clock = SYSTEM) -> None:
        self.queues = Queues(store, refreshes)
        super().__init__(store, None if self.queues.many else self.queues.hosts[0], clock=clock, id="queue")
        self._sort = ("age", True)
        self._shown: tuple[object, ...] = ()
        self._shown_wish: Wish | None = None
        self._shown_table: QueuesTable | None = None
        self._scan: Scan | None = None
        self._marks = Marks()
        self._moved_at = float("-inf")
        """When another row came under the cursor, or that one changed (monotonic)."""

    def compose(self) -> ComposeResult:
        """Lay out filter and table."""
        yield FilterBar(self.check, unfinished=self.unfinished, id="queue-filter")
        yield VirtualTable(self._source((), 0.0), empty=Content("reading the queue ..."), id="queue-table")

    @property
    def table(self) -> VirtualTable:
        """The table of messages."""
        return self.query_one(VirtualTable)

    @property
    def chosen(self) -> str | None:
        """The key of the message under the cursor."""
        key = self.table.cursor_key
        return key if isinstance(key, str) else None

    def _source(self, rows: Sequence[QueueRow], now: float) -> QueueSource:
        return QueueSource(rows, now, hosts=self.queues.hosts if self.queues.many else ())

    @property
    def _rows(self) -> Mapping[str, QueueRow]:
        """All messages of the picture on show."""
        return (self._shown_table if self._shown_table is not None else self.queues.picture).by_key

    @property
    def _under(self) -> QueueRow | None:
        """The message under the cursor, as it is shown."""
        return self._rows.get(self.chosen or "")

    # --- filter and order -------------------------------------------------------------------------------------------

    @property
    def list_view(self) -> Widget:
        """The table."""
        return self.table

    def compiled(self, text: str) -> Callable[[QueueRow], bool]:
        """Make a predicate over rows, ages as of now."""
        return self.queues.matcher(text, self.clock.wall())

    def refilter(self) -> None:
        """Show what the filter wants."""
        self.pull()

    def action_sort(self) -> None:
        """Sort by the next column that is shown."""
        shown = [column.id for column in self.table.shown_columns if column.id in COLUMNS]
        column, _ = self._sort
        following = shown[(shown.index(column) + 1) % len(shown)] if column in shown else (shown or [column])[0]
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
        """Sort and filter the newest picture in a thread and show it.

        What runs already for the same wish is let finish, and takes the newest picture then: a queue that changes
        faster than it is searched would else never be shown.
        """
        if self._scan is not None and self._scan.wish != self._wish:
            self._scan.stop()
            self._scan = None
        if self._scan is None and self._shown != self._asked:
            self._scan = Scan(self._wish)
            self._pull(self._scan)
            self.set_timer(SAY_AFTER, self._say)
        elif len(self.table.source):
            self._say()  # the ages grow by the second alone
        else:
            self.tick()

    @property
    def _wish(self) -> Wish:
        return Wish(self._sort, self.filter_text, self.filter_lifted)

    @property
    def _asked(self) -> tuple[object, ...]:
        """What the list depends on: it is made anew when this differs from what is shown."""
        return self.queues.version, self.queues.identities, self._wish

    @work(exclusive=True, group="pull")
    async def _pull(self, scan: Scan) -> None:
        try:
            while (asked := self._asked) != self._shown and self._scan is scan:
                await self._look(scan, asked)
        except StoppedError:
            return
        finally:
            scan.stop()
            if self._scan is scan:
                self._scan = None
        self._say()

    async def _look(self, scan: Scan, asked: tuple[object, ...]) -> None:
        """Show one picture."""
        now, wish, table = self.clock.wall(), self._wish, self.queues.picture
        wanted = self.wanted
        where = scan.watch(self._known(wanted, asked)) if wanted is not None else None
        source = await scan.run(lambda: self._source(table.rows(View(*wish.sort, where)), now))
        resorted = self._shown_wish is not None and self._shown_wish.sort != wish.sort
        before = self._under
        dropped = [self.table.source, self._shown_table, where]
        where = None
        self._shown, self._shown_wish, self._shown_table = asked, wish, table
        self.table.sort = wish.sort
        self.table.set_source(source, empty=self._why_empty())
        if resorted and not self.table.moved:
            self.table.action_first()
        self._follow_marks(before)
        self._say()
        await asyncio.to_thread(dropped.clear)  # a hundred thousand rows take milliseconds to go

    def _known(self, wanted: Callable[[QueueRow], bool], asked: tuple[object, ...]) -> Callable[[QueueRow], bool]:
        """Make a predicate that asks again only for rows that are not the same as when the same filter was shown."""
        source, before = self.table.source, self._shown_table
        if (
            before is None
            or self._shown[1:2] != asked[1:2]
            or not self._same_filter()
            or _TIMED.search(self.filter_text)
        ):
            return wanted
        rows, matched = before.by_key, source.index
        return lambda row: matched(row.key) is not None if rows.get(row.key) is row else wanted(row)

    def _same_filter(self) -> bool:
        shown = self._shown_wish or Wish(self._sort, "", filter_lifted=False)
        return shown[1:] == self._wish[1:]

    def tick(self) -> None:
        """Let ages grow."""
        source = self.table.source
        if isinstance(source, QueueSource) and len(source):
            self.table.set_source(source.at(self.clock.wall()))
        elif self._shown_wish == self._wish:
            self.table.set_source(source, empty=self._why_empty())
        self._say()

    def _why_empty(self) -> Content:
        queues, picture = self.queues, self.queues.picture
        if queues.unread == queues.hosts:
            words = "; ".join(part for part in queues.why_unread(self.clock.wall()) if part)
            if not words:
                return Content("reading the queues ..." if queues.many else "reading the queue ...")
            return cell(f"the queue{'s were' if queues.many else ' was'} not read: {words}")
        if self.filter_text and not self.filter_lifted and len(picture):
            return Content("no message matches the filter; Esc clears it")
        if picture.incomplete or queues.unread:
            return Content("nothing could be read; see what is missing with e")
        return Content("all queues are empty" if queues.many else "the queue is empty")

    def _say(self) -> None:
        queues, now = self.queues, self.clock.wall()
        name = f"Queues of {len(queues.hosts)} hosts" if queues.many else "1 Queue"
        self.set_class(queues.stale(now) or queues.unread == queues.hosts, "-stale")
        if queues.unread == queues.hosts:
            why, cure = queues.why_unread(now)
            self.set_title(f"{name}: NOT READ{' · ' + why if why else ' yet'}", cure)
            return
        notes = [self._counted, *queues.notes(now)]
        if self._shown_wish == self._wish:
            notes.append(self.filter_words)
        else:  # the rows on show are not those of the filter that is in force now
            notes.append("sorting ..." if self._same_filter() else "filtering ...")
        self.set_title(f"{name}: {' · '.join(note for note in notes if note)}", queues.hint(now))

    @property
    def _counted(self) -> str:
        total, marked = len(self._rows), len(self._marks)
        known = self._shown_wish == self._wish
        shown = len(self.table.source)
        if marked:
            return " · ".join([f"{marked:,} marked", *([f"{shown:,} shown"] if known else []), f"{total:,} total"])
        if not known:
            return f"{total:,} messages"
        return f"{total:,} messages" if shown == total else f"{shown:,} shown of {total:,}"

    @property
    def copied(self) -> str | None:
        """What `y` copies: the queue id."""
        row = self._under
        return row.id if row is not None else None

    # --- marks and actions -------------------------------------------------------------------------------------------

    @property
    def marked(self) -> frozenset[str]:
        """The keys of the marked messages."""
        return self._marks.keys

    def set_marked(self, keys: Iterable[str]) -> None:
        """Mark exactly these messages, as they are shown."""
        before = bool(self._marks)
        self._marks.replace(keys, self._rows)
        self.table.set_marked(self._marks.keys)
        self._say()
        if before != bool(self._marks):
            self.screen.refresh_bindings()

    def _follow_marks(self, before: QueueRow | None) -> None:
        """Hold marks and cursor against a new picture."""
        under = self._under
        if before is None or under is None or (before.key, before.identity) != (under.key, under.identity):
            self._moved_at = self.clock.monotonic()
        left = self._marks.prune(self._rows)
        if left:
            # an action meant for them must not fall on the message under the cursor
            self._moved_at = self.clock.monotonic()
            self.table.set_marked(self._marks.keys)
            self.screen.refresh_bindings()
            self.notify(show_line(left_words(left)), severity="warning", markup=False)

    def _take_marks(self) -> None:
        """Take over what the table was told to mark."""
        self.set_marked(key for key in self.table.marked if isinstance(key, str))

    def action_mark(self) -> None:
        """Mark or unmark the message under the cursor and go on to the next."""
        self.table.toggle_mark()
        self._take_marks()
        self.table.action_move(1)

    def action_mark_on(self, step: int) -> None:
        """Mark the message under the cursor and the one next to it."""
        keys = {*self._marks.keys, self.chosen or ""}
        self.table.action_move(step)
        self.set_marked({*keys, self.chosen or ""})

    def action_mark_range(self) -> None:
        """Mark all from the message marked last to this one."""
        self.table.mark_range()
        self._take_marks()

    def action_mark_all(self) -> None:
        """Mark all that is shown."""
        if self._shown_wish != self._wish:
            self.notify("the list is not that of the filter yet: press again", severity="warning", markup=False)
            return
        source = self.table.source
        self.set_marked({*self._marks.keys, *(str(source.key(index)) for index in range(len(source)))})

    def action_unmark(self) -> None:
        """Unmark everything."""
        self.table.clear_marks()
        self.set_marked(())

    def action_act(self, action: str) -> None:
        """Ask for an action on what is marked, else on the message under the cursor."""
        rows: tuple[QueueRow, ...] = ()
        hosts = self.queues.hosts
        if actions.action(action).of_messages:
            under = self._under
            moved = self.clock.monotonic() - self._moved_at < MOVED or self._shown_wish != self._wish
            if not self._marks and moved:
                self.notify("the list moved: press again", severity="warning", markup=False)
                return
            rows = self._marks.rows(self._rows) if self._marks else () if under is None else (under,)
            hosts = self.queues.at(rows)
        self.post_message(AskAction(hosts, action, rows, "" if self.filter_lifted else self.filter_text))

    def action_undo(self) -> None:
        """Ask for the last delete on these hosts to be undone."""
        self.post_message(AskUndo(self.queues.hosts))

    # --- going on ---------------------------------------------------------------------------------------------------

    def action_open(self) -> None:
        """Open the message under the cursor."""
        if self.chosen is not None:
            self.post_message(AskMessage(host_of(self.chosen), self.chosen))

    def on_virtual_table_row_activated(self, event: VirtualTable.RowActivated) -> None:
        """Open the message that was activated."""
        event.stop()
        self.post_message(AskMessage(host_of(str(event.key)), str(event.key)))

    def action_group(self) -> None:
        """Count the queue by reason, domain or sender."""
        self.post_message(AskGroups(self.queues.hosts, "" if self.filter_lifted else self.filter_text))
