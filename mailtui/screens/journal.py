"""What was done from here, on all hosts, newest first, and what came of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import ClassVar, Final, Literal

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from mailtui.clock import SYSTEM, Clock
from mailtui.keys import Scope
from mailtui.model import Entry, JournalPage
from mailtui.panes import units
from mailtui.panes.bindings import bindings
from mailtui.panes.pane import Ask, Pane, cell
from mailtui.screens.base import MailScreen
from mailtui.screens.journaltext import Vaults, came_style, came_words, title_of, undo_cells
from mailtui.store import Store
from mailtui.widgets.columns import Column
from mailtui.widgets.virtual_table import VirtualTable

COLUMNS = (
    Column("at", "TIME", width=12, sortable=False),
    Column("action", "ACTION", width=11, sortable=False),
    Column("host", "HOST", min_width=6, max_width=20, weight=0.5, sortable=False),
    Column("count", "COUNT", width=7, align="right", sortable=False),
    Column("came", "WHAT CAME OF IT", min_width=22, weight=8.0, sortable=False),
    Column("undo", "UNDO UNTIL", width=12, priority=1, sortable=False),
    Column("reason", "REASON", min_width=12, max_width=40, weight=2.0, priority=2, sortable=False),
    Column("by", "BY", min_width=8, max_width=24, weight=1.0, priority=3, sortable=False),
    Column("undo_id", "UNDO ID", width=25, priority=4, sortable=False),
)
"""Columns of the journal."""

FAULTS: Final = 5
"""Places of a broken chain that are listed; how many more there are is said."""

HINTS: Final = "Enter shows all of it · u undoes a delete · v verifies"


class AskJournal(Ask):
    """Read the journal (anew, or one older month more), verify it, show or undo one of its entries."""

    def __init__(self, wish: Literal["read", "older", "verify", "open", "undo"], entry: Entry | None = None) -> None:
        super().__init__()
        self.wish = wish
        self.entry = entry


class JournalSource:
    """Entries as rows of a table."""

    columns: Sequence[Column] = COLUMNS

    def __init__(self, entries: Sequence[Entry], vaults: Vaults, now: float) -> None:
        self.entries = tuple(entries)
        self._vaults = vaults
        self._now = now
        self._index: Mapping[Hashable, int] = {self.key(index): index for index in range(len(self.entries))}

    def __len__(self) -> int:
        return len(self.entries)

    def key(self, index: int) -> Hashable:
        """Give month and id of the record."""
        return self.entries[index].month, self.entries[index].id

    def index(self, key: Hashable) -> int | None:
        """Find an entry."""
        return self._index.get(key)

    def cells(self, index: int) -> Sequence[Content]:
        """Give the cells of an entry."""
        entry = self.entries[index]
        until, undo_id = undo_cells(entry, self._vaults, self._now)
        return (
            cell(units.clock(entry.at, self._now)),
            cell(title_of(entry), "bold"),
            cell(entry.host),
            cell(units.count(entry.count), "bold" if entry.count else "$muted"),
            cell(came_words(entry), came_style(entry)),
            until,
            cell(entry.reason),
            cell(entry.by, "$muted"),
            undo_id,
        )

    def row_style(self, index: int) -> str:
        """Give no style: the cells have theirs."""
        return ""


class JournalPane(Pane):
    """The table of entries, and beneath it what is said of the whole journal."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.JOURNAL)

    def __init__(self, store: Store, *, clock: Clock = SYSTEM) -> None:
        super().__init__(store, clock=clock, id="journal")
        self.page = JournalPage(())
        self.vaults = Vaults()

    def compose(self) -> ComposeResult:
        """Lay out the table over what is said."""
        yield VirtualTable(JournalSource((), self.vaults, 0.0), empty=Content("reading the journal ..."))
        yield Static(id="journal-say")

    def on_mount(self) -> None:
        """Say what is going on."""
        super().on_mount()
        self.set_title("Journal: reading ...", HINTS)
        self.query_one("#journal-say").display = False

    # --- what it shows ----------------------------------------------------------------------------------------------

    def show_page(self, page: JournalPage, vaults: Vaults) -> None:
        """Show what was read, and what the hosts hold for an undo."""
        self.page, self.vaults = page, vaults
        empty = Content("nothing was done from here yet: every action stands here before it runs")
        table = self.query_one(VirtualTable)
        table.set_source(JournalSource(page.entries, vaults, self.clock.wall()), empty=empty)
        count = len(page.entries)
        words = [f"Journal: {count:,} action{'' if count == 1 else 's'}"]
        if page.older and not page.cut:
            words.append(f"older: {_months(len(page.older))} (o reads on)")
        elif page.older:
            words.append(f"older: {_months(len(page.older))}")
        self.set_title(" · ".join(words), HINTS)
        if page.cut:
            self.say(f"What was done earlier in {page.cut} is too much to show: mailtui journal --since tells it.")
        elif page.unreadable:
            lines = f"{page.unreadable:,} line{'' if page.unreadable == 1 else 's'}"
            self.say(f"{lines} of the journal cannot be read: v tells which.", "$warning")

    def show_vaults(self, vaults: Vaults) -> None:
        """Show what the hosts hold for an undo."""
        self.vaults = vaults
        self.query_one(VirtualTable).set_source(JournalSource(self.page.entries, vaults, self.clock.wall()))

    def show_fault(self, message: str, cure: str) -> None:
        """Say why the journal cannot be read, and what helps; what was read before stays."""
        if not self.page.entries:
            self.query_one(VirtualTable).set_source(
                JournalSource((), self.vaults, 0.0), empty=Content("the journal cannot be read")
            )
            self.set_title("Journal", HINTS)
        self.say(f"{message[:1].upper()}{message[1:]}.\nWhat helps: {cure}", "bold $error")

    def show_verified(self, faults: Sequence[str]) -> None:
        """Say whether every record follows the one before it, and where not."""
        now = self.clock.wall()
        if not faults:
            self.say(f"Verified at {units.clock(now, now)}: every record follows the one before it.", "$success")
            return
        places = f"{len(faults):,} place{'' if len(faults) == 1 else 's'}"
        lines = [f"The journal does not hold at {places}: that was not written by mailtui so."]
        lines += [f"  {each}" for each in faults[:FAULTS]]
        if len(faults) > FAULTS:
            lines.append(f"  and {len(faults) - FAULTS:,} more: mailtui journal verify lists them all")
        self.say("\n".join(lines), "bold $error")

    def say(self, text: str, style: str = "$muted") -> None:
        """Say something of the whole journal, beneath the table."""
        said = self.query_one("#journal-say", Static)
        said.update(Content("\n").join([cell(line, style) for line in text.split("\n")]))
        said.display = True

    # --- keys -------------------------------------------------------------------------------------------------------

    @property
    def chosen(self) -> Entry | None:
        """The entry under the cursor."""
        at = self.query_one(VirtualTable).cursor_index
        return self.page.entries[at] if at is not None and at < len(self.page.entries) else None

    @property
    def copied(self) -> str | None:
        """What `y` copies: the undo id, else the record's own."""
        return (self.chosen.undo_id or self.chosen.id) if self.chosen is not None else None

    def action_open(self) -> None:
        """Show the entry under the cursor whole."""
        if self.chosen is not None:
            self.post_message(AskJournal("open", self.chosen))

    def on_virtual_table_row_activated(self, event: VirtualTable.RowActivated) -> None:
        """Show the entry that was activated whole."""
        event.stop()
        self.action_open()

    def action_undo(self) -> None:
        """Ask for the delete under the cursor to be undone."""
        if self.chosen is not None:
            self.post_message(AskJournal("undo", self.chosen))

    def action_verify(self) -> None:
        """Hold every record against the one before it."""
        self.say("Verifying: every record is held against the one before it ...")
        self.post_message(AskJournal("verify"))

    def action_older(self) -> None:
        """Read one older month more."""
        if self.page.older and not self.page.cut:
            self.say(f"Reading {self.page.older[0]} ...")
            self.post_message(AskJournal("older"))
        else:
            self.say("There is nothing older to read here.")


def _months(count: int) -> str:
    return f"{count:,} month{'' if count == 1 else 's'}"


class JournalScreen(MailScreen):
    """The journal."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.ABOVE)

    def __init__(self) -> None:
        super().__init__(classes="journal")

    def body(self) -> Iterable[Widget]:
        """Give the one pane."""
        yield JournalPane(self.console.store, clock=self.console.clock)

    @property
    def journal(self) -> JournalPane:
        """The journal's pane."""
        return self.query_one(JournalPane)

    def on_screen_resume(self) -> None:
        """Read what was written meanwhile."""
        super().on_screen_resume()
        for pane in self.panes:
            pane.post_message(AskJournal("read"))
