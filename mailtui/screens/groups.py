"""Queues counted by reason, domain, sender or host; Enter shows a group's messages."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from mailtui import actions, query
from mailtui.clock import SYSTEM, Clock
from mailtui.keys import Scope
from mailtui.model import QueueRow
from mailtui.panes import units
from mailtui.panes.bindings import bindings
from mailtui.panes.grouping import BY, Group, expression, groups
from mailtui.panes.pane import AskAction, AskMarks, Pane, cell
from mailtui.panes.queues import Queues
from mailtui.panes.scan import Scan, StoppedError
from mailtui.screens.base import MailScreen
from mailtui.store import Store, Topic, View
from mailtui.text import show_line
from mailtui.widgets.columns import Column
from mailtui.widgets.virtual_table import VirtualTable

COLUMNS = (
    Column("count", "COUNT", width=7, align="right", sortable=False),
    Column("share", "SHARE", width=5, align="right", priority=2, sortable=False),
    Column("oldest", "OLDEST", width=6, align="right", priority=1, sortable=False),
    Column("size", "SIZE", width=6, align="right", priority=3, sortable=False),
    Column("value", "VALUE", min_width=20, weight=1.0, sortable=False),
)
"""Columns of the groups; the last is called what they are grouped by."""


class GroupSource:
    """Rows of groups, as a table wants them."""

    def __init__(self, found: Sequence[Group], total: int, now: float, by: str) -> None:
        self.columns: Sequence[Column] = (*COLUMNS[:-1], replace(COLUMNS[-1], title=by.upper()))
        self.values = tuple(group.value for group in found)
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
    """Counts of one host's queue, or of those of several together."""

    topics = frozenset({Topic.QUEUE, Topic.LINK})
    evidence_topic = "queue"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.GROUPS)

    def __init__(self, store: Store, refreshes: Mapping[str, float], where: str, *, clock: Clock = SYSTEM) -> None:
        self.queues = Queues(store, refreshes)
        super().__init__(store, None if self.queues.many else self.queues.hosts[0], clock=clock, id="groups")
        self._where = where
        self._by = "reason"
        self._shown: tuple[object, ...] = ()
        self._counted = (0, 0)
        self._marked: frozenset[str] = frozenset()
        """Messages marked from here."""
        self._scan: Scan | None = None

    def compose(self) -> ComposeResult:
        """Lay out the table."""
        yield VirtualTable(GroupSource((), 0, 0.0, self._by), empty=Content("counting ..."))

    def pull(self) -> None:
        """Count anew, in a thread; a count under way is let finish, and takes the newest picture then."""
        if self._scan is not None and self._scan.wish != self._by:
            self._scan.stop()
            self._scan = None
        if self._scan is None and self._shown != self._asked:
            self._scan = Scan(self._by)
            self._count(self._scan)
        self._say()

    def tick(self) -> None:
        """Say how old the counts are."""
        self._say()

    @property
    def _asked(self) -> tuple[object, ...]:
        return self.queues.version, self._by

    @work(exclusive=True)
    async def _count(self, scan: Scan) -> None:
        try:
            while (asked := self._asked) != self._shown and self._scan is scan:
                await self._look(scan, asked)
        except StoppedError:
            return
        finally:
            scan.stop()
            if self._scan is scan:
                self._scan = None

    async def _look(self, scan: Scan, asked: tuple[object, ...]) -> None:
        """Count one picture and show it."""
        now, by, table = self.clock.wall(), self._by, self.queues.picture
        where = scan.watch(self.queues.matcher(self._where, now)) if self._where else None

        def counted() -> tuple[list[Group], int]:
            rows = table.rows(View(where=where))
            return groups(rows, by), len(rows)

        found, total = await scan.run(counted)
        other = bool(self._shown) and self._shown[1] != by
        self._shown, self._counted = asked, (len(found), total)
        view = self.query_one(VirtualTable)
        view.set_source(GroupSource(found, total, now, by), empty=self._why_empty())
        if other:
            view.action_first()
        self._say()

    def _why_empty(self) -> Content:
        queues = self.queues
        if queues.unread == queues.hosts:
            why, cure = queues.why_unread(self.clock.wall())
            what = "the queues were not read" if queues.many else "the queue was not read"
            return cell("; ".join(part for part in (what, why, cure) if part))
        if self._where:
            return Content("no message matches the filter")
        return Content("all queues are empty" if queues.many else "the queue is empty")

    def _say(self) -> None:
        queues, now, found = self.queues, self.clock.wall(), self._counted
        self.set_class(queues.stale(now), "-stale")
        if queues.unread == queues.hosts:
            notes = ["NOT READ", queues.why_unread(now)[0]]
        elif self._shown[1:2] != (self._by,):
            notes = [f"by {self._by}: counting ..."]
        else:
            notes = [f"by {self._by}: {found[0]:,} groups", f"{found[1]:,} messages", *queues.notes(now)]
        if self._marked:
            notes.append(f"{len(self._marked):,} marked")
        notes += [self.host or f"{len(queues.hosts)} hosts", f"/{self._where}" if self._where else ""]
        title = f"Queue{'s' if queues.many else ''} {' · '.join(note for note in notes if note)}"
        self.set_title(title, "b: group by the next")

    def action_next_by(self) -> None:
        """Group by the next thing."""
        names = [each for each in BY if each != "host" or self.queues.many]
        self._by = names[(names.index(self._by) + 1) % len(names)]
        self.query_one(VirtualTable).clear_marks()
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

    def _expression(self, value: bytes) -> str:
        where = f"({self._where}) " if self._where else ""
        source = self.query_one(VirtualTable).source
        others = source.values if isinstance(source, GroupSource) else ()
        return where + expression(self._by, value, literal=query.literal, others=others)

    def _choose(self, value: bytes) -> None:
        self.post_message(GroupChosen(self._expression(value)))

    @work(exclusive=True, group="members")
    async def _with_members(self, value: bytes, then: Callable[[bytes, tuple[QueueRow, ...]], None]) -> None:
        """Find the messages of a group, in a thread, and go on with them."""
        now, by, table = self.clock.wall(), self._by, self.queues.picture
        wanted = self.queues.matcher(self._where, now) if self._where else None
        scan = Scan((by, value))

        def member(row: QueueRow) -> bool:
            return value in BY[by](row) and (wanted is None or wanted(row))

        then(value, await scan.run(lambda: table.rows(View(where=scan.watch(member)))))

    def action_mark(self) -> None:
        """Mark the messages of the group under the cursor in the queue, or unmark them."""
        key = self.query_one(VirtualTable).cursor_key
        if isinstance(key, bytes):
            self._with_members(key, self._mark)

    def _mark(self, value: bytes, rows: tuple[QueueRow, ...]) -> None:
        keys = frozenset(row.key for row in rows)
        table = self.query_one(VirtualTable)
        marked = value not in table.marked
        self._marked = self._marked | keys if marked else self._marked - keys
        table.toggle_mark(value)
        self.post_message(AskMarks(keys, marked=marked))
        if table.cursor_key == value:
            table.action_move(1)
        self._say()

    def action_act(self, action: str) -> None:
        """Ask for an action on the messages of the marked groups, else on those of the group under the cursor."""
        if self._marked:
            rows = self.queues.picture.by_key
            found = tuple(rows[key] for key in sorted(self._marked) if key in rows)
            self._ask(action, found, self._where)
            return
        key = self.query_one(VirtualTable).cursor_key
        if not isinstance(key, bytes):
            return
        title = actions.action(action).title

        def ask(value: bytes, rows: tuple[QueueRow, ...]) -> None:
            self._ask(action, rows, self._expression(value))

        self.notify(f"{show_line(title)}: this group", timeout=2, markup=False)
        self._with_members(key, ask)

    def _ask(self, action: str, rows: Sequence[QueueRow], where: str) -> None:
        self.post_message(AskAction(self.queues.at(rows), action, rows, where))


class GroupsScreen(MailScreen):
    """The queues of hosts, counted."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.ABOVE)

    def __init__(self, refreshes: Mapping[str, float], where: str) -> None:
        super().__init__(classes="groups")
        self.host = next(iter(refreshes)) if len(refreshes) == 1 else None
        self._refreshes = dict(refreshes)
        self._where = where

    def body(self) -> Iterable[Widget]:
        """Give the one pane."""
        yield GroupsPane(self.console.store, self._refreshes, self._where, clock=self.console.clock)
