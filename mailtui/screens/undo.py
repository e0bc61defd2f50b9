"""What deletes set aside on all hosts, newest first; `u` brings a set back."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget

from mailtui.clock import SYSTEM, Clock
from mailtui.keys import Scope
from mailtui.model import UndoSet
from mailtui.panes import units
from mailtui.panes.bindings import bindings
from mailtui.panes.pane import AskKept, AskUndo, Pane, cell
from mailtui.screens.base import MailScreen
from mailtui.screens.cards import state_words
from mailtui.store import Store
from mailtui.widgets.columns import Column
from mailtui.widgets.virtual_table import VirtualTable

COLUMNS = (
    Column("host", "HOST", min_width=6, max_width=20, weight=1.0, sortable=False),
    Column("at", "DELETED", width=12, sortable=False),
    Column("count", "COUNT", width=7, align="right", sortable=False),
    Column("state", "STATE", width=11, sortable=False),
    Column("until", "UNTIL", width=12, priority=1, sortable=False),
    Column("by", "BY", min_width=8, max_width=24, weight=1.0, priority=3, sortable=False),
    Column("reason", "REASON, OR WHAT IS WRONG", min_width=16, weight=4.0, priority=2, sortable=False),
)
"""Columns of undo sets."""

STYLES = {"kept": "$success", "restored": "$muted", "interrupted": "bold $error", "broken": "bold $error"}
"""Theme style of each state."""


class UndoSource:
    """Undo sets as rows of a table."""

    columns: Sequence[Column] = COLUMNS

    def __init__(self, sets: Sequence[UndoSet], now: float) -> None:
        self.sets = tuple(sets)
        self._now = now
        self._index: Mapping[Hashable, int] = {self.key(index): index for index in range(len(self.sets))}

    def __len__(self) -> int:
        return len(self.sets)

    def key(self, index: int) -> Hashable:
        """Give host and undo id."""
        return self.sets[index].host, self.sets[index].undo_id

    def index(self, key: Hashable) -> int | None:
        """Find a set."""
        return self._index.get(key)

    def cells(self, index: int) -> Sequence[Content]:
        """Give the cells of a set."""
        kept, now = self.sets[index], self._now
        wrong = state_words(kept)
        left = kept.until - now
        until = units.clock(kept.until, now) if left > 0 else "over"
        return (
            cell(kept.host, "bold"),
            cell(units.clock(kept.at, now)),
            cell(units.count(kept.count), "bold" if kept.count else "$muted"),
            cell(kept.state, STYLES.get(kept.state, "")),
            cell(until, "$warning" if left < 86400 else ""),
            cell(kept.by, "$muted"),
            cell(wrong or kept.reason, "bold $error" if wrong else ""),
        )

    def row_style(self, index: int) -> str:
        """Give no style: the cells have theirs."""
        return ""


class UndoPane(Pane):
    """The table of undo sets."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.UNDO)

    def __init__(self, store: Store, *, clock: Clock = SYSTEM) -> None:
        super().__init__(store, clock=clock, id="undo")
        self._sets: tuple[UndoSet, ...] = ()

    def compose(self) -> ComposeResult:
        """Lay out the table."""
        yield VirtualTable(UndoSource((), 0.0), empty=Content("asking the hosts ..."))

    def on_mount(self) -> None:
        """Say what is going on."""
        super().on_mount()
        self.set_title("Undo: asking the hosts ...")

    def show_sets(self, sets: Sequence[UndoSet], failed: Sequence[str]) -> None:
        """Show what the hosts hold, and which of them could not be asked."""
        self._sets = tuple(sorted(sets, key=lambda kept: -kept.at))
        table = self.query_one(VirtualTable)
        empty = Content("no delete can be undone: nothing is set aside on any host")
        table.set_source(UndoSource(self._sets, self.clock.wall()), empty=empty)
        count = len(self._sets)
        title = f"Undo: {count:,} delete{'' if count == 1 else 's'} set aside"
        self.set_title(
            title, " · ".join(failed) or "u undoes; what is set aside expires only while mailtui is connected"
        )

    @property
    def chosen(self) -> UndoSet | None:
        """The set under the cursor."""
        at = self.query_one(VirtualTable).cursor_index
        return self._sets[at] if at is not None and at < len(self._sets) else None

    @property
    def copied(self) -> str | None:
        """What `y` copies: the undo id."""
        return self.chosen.undo_id if self.chosen is not None else None

    def action_open(self) -> None:
        """Show the messages of the set under the cursor."""
        if self.chosen is not None:
            self.post_message(AskKept(self.chosen))

    def on_virtual_table_row_activated(self, event: VirtualTable.RowActivated) -> None:
        """Show the messages of the set that was activated."""
        event.stop()
        self.action_open()

    def action_undo(self) -> None:
        """Ask for the set under the cursor to be brought back."""
        if self.chosen is not None:
            self.post_message(AskUndo((self.chosen.host,), self.chosen))


class UndoScreen(MailScreen):
    """All deletes that can be undone."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.ABOVE)

    def __init__(self) -> None:
        super().__init__(classes="undo")

    def body(self) -> Iterable[Widget]:
        """Give the one pane."""
        yield UndoPane(self.console.store, clock=self.console.clock)

    def show_sets(self, sets: Sequence[UndoSet], failed: Sequence[str]) -> None:
        """Show what the hosts hold."""
        self.query_one(UndoPane).show_sets(sets, failed)
