"""One host's log as it grows: followed, paused, filtered, coloured by what each line reports."""

from __future__ import annotations

import asyncio
import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget

from mailtui import query
from mailtui.clock import SYSTEM, Clock
from mailtui.keys import Scope
from mailtui.model import LogRecord
from mailtui.panes.bindings import bindings
from mailtui.panes.cells import EVENT_STYLES
from mailtui.panes.filtered import FilteredPane
from mailtui.panes.pane import AskMessage
from mailtui.store import LogBuffer, Store, Topic
from mailtui.store.log import matching
from mailtui.text import show_line
from mailtui.widgets.filter_bar import FilterBar
from mailtui.widgets.tail_view import TailView

LINE = 4096
"""Characters of a line that the list shows; the evidence shows all of it."""


_HEAD = re.compile(
    r"(?:[A-Z][a-z]{2} [ \d]\d |\d{4}-\d\d-\d\dT)(\d\d:\d\d:\d\d)(?:\S*) \S+ ([^\s\[:]{1,32})(?:\[\d+\])?: "
)
"""Date, time, host, program and pid, of which time and program are shown: the host is known, evidence has it all."""


class LogSource:
    """All lines of a log buffer, coloured when they come on screen."""

    def __init__(self, log: LogBuffer, style: Callable[[str], Style]) -> None:
        self._log = log
        self._style = style

    @property
    def first(self) -> int:
        """Give the number of the oldest line."""
        return self._log.first

    def __len__(self) -> int:
        return self._log.end - self._log.first

    def number(self, line: int) -> int:
        """Give a line's number in the buffer."""
        return line

    def line(self, number: int) -> Sequence[Segment]:
        """Make a line: stamp and program quiet, the rest in the colour of its event."""
        if number < self._log.first:  # fell off the buffer between the layout and the painting
            return [Segment("(no longer held)", self._style("$muted"))]
        text = show_line(self._log.line(number), LINE)
        event = self._log.event(number)
        style = self._style("$warning bold" if self._log.is_gap(number) else EVENT_STYLES.get(event, ""))
        head = _HEAD.match(text)
        if head is None:
            return [Segment(text, style)]
        return [Segment(f"{head[1]} {head[2]} ", self._style("$muted")), Segment(text[head.end() :], style)]


class Matches(LogSource):
    """Only those lines of a log buffer whose numbers are given, ascending; a line's number is its place among them."""

    def __init__(self, log: LogBuffer, style: Callable[[str], Style], numbers: array[int]) -> None:
        super().__init__(log, style)
        self._numbers = numbers

    @property
    def first(self) -> int:
        """Give the place of the first match still held."""
        return bisect_left(self._numbers, self._log.first)

    def __len__(self) -> int:
        return len(self._numbers) - self.first

    def number(self, line: int) -> int:
        """Give the number in the buffer of the line at a place."""
        return self._numbers[line]

    def line(self, number: int) -> Sequence[Segment]:
        """Make the line at a place."""
        return super().line(self.number(number))


class LogPane(FilteredPane[Callable[[LogRecord], bool]]):
    """The log of one host."""

    topics = frozenset({Topic.LOG})
    evidence_topic = "log"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.LOG)

    def __init__(self, store: Store, host: str, *, clock: Clock = SYSTEM) -> None:
        super().__init__(store, host, clock=clock, id="log")
        self._searched: Callable[[LogRecord], bool] | None = None
        self._found: array[int] = array("Q")
        self._upto = 0

    def compose(self) -> ComposeResult:
        """Lay out filter and view."""
        yield FilterBar(self.check, id="log-filter")
        yield TailView(_Nothing(), empty=Content("waiting for the log ..."), id="log-view")

    def on_mount(self) -> None:
        """Show the buffer."""
        self._show()
        super().on_mount()

    @property
    def view(self) -> TailView:
        """The view of lines."""
        return self.query_one(TailView)

    @property
    def buffer(self) -> LogBuffer:
        """The host's log."""
        return self.store.log(self.host or "")

    # --- filter -----------------------------------------------------------------------------------------------------

    @property
    def list_view(self) -> Widget:
        """The view of lines."""
        return self.view

    def compiled(self, text: str) -> Callable[[LogRecord], bool]:
        """Make a predicate over records."""
        return query.parse(text, "log").records(now=self.clock.wall())

    def refilter(self) -> None:
        """Search the buffer for what the filter wants."""
        self._search()

    def _search(self) -> None:
        """Search the buffer anew for another filter, keeping the line in sight where it matches."""
        line = self.view.cursor_line
        number = self.view.source.number(line) if line is not None and isinstance(self.view.source, LogSource) else None
        self._searched, self._found, self._upto = self.wanted, array("Q"), 0
        if self._searched is None:
            self._show(number)
        else:
            self._extend()

    @work(exclusive=True, group="search")
    async def _extend(self) -> None:
        """Add the matches among lines not searched yet; the records are read in a thread."""
        wanted, buffer, start = self._searched, self.buffer, max(self._upto, self.buffer.first)
        if wanted is None:
            return
        end = buffer.end
        blocks = list(buffer.blocks(start))
        found = await asyncio.to_thread(
            lambda: array(
                "Q", (n for block in blocks for n in matching(block, wanted, buffer.reader) if start <= n < end)
            )
        )
        if self._searched is wanted:
            self._found = self._found + found
            self._upto = end
            self._show()

    def _show(self, at: int | None = None) -> None:
        if self._searched is None:
            source = LogSource(self.buffer, self.view.style_for)
        else:
            source = Matches(self.buffer, self.view.style_for, self._found)
        self.view.set_source(source, at=at)
        self._say()

    # --- painting ---------------------------------------------------------------------------------------------------

    def pull(self) -> None:
        """Show new lines."""
        if self._searched is not None:
            self._extend()
        self.view.notify_lines()
        self._say()

    def tick(self) -> None:
        """Show how long the log has been silent."""
        self._say()

    def _say(self) -> None:
        view = self.store.host(self.host or "")
        failure = view.failure("log")
        notes = [self.filter_words]
        if self._searched is not None:
            notes.append(f"{len(self._found):,} of {self.buffer.end - self.buffer.first:,} lines")
        if not self.view.following:
            notes.append("paused: f follows")
        if failure is not None:
            notes.append("NOT READ")
        self.set_title(
            f"2 Log: {' · '.join(note for note in notes if note) or 'following'}", failure.why if failure else ""
        )

    # --- going on ---------------------------------------------------------------------------------------------------

    def _record(self, line: int) -> LogRecord | None:
        source = self.view.source
        return self.buffer.record(source.number(line), self.host or "") if isinstance(source, LogSource) else None

    @property
    def copied(self) -> bytes | None:
        """What `y` copies: the line under the cursor, whole."""
        line = self.view.cursor_line
        record = self._record(line) if line is not None else None
        return record.text if record is not None else None

    def action_open(self) -> None:
        """Open the message that the line under the cursor is about."""
        line = self.view.cursor_line
        if line is not None:
            self._open(line)

    def on_tail_view_line_activated(self, event: TailView.LineActivated) -> None:
        """Open the message of the line that was activated."""
        event.stop()
        self._open(event.number)

    def _open(self, line: int) -> None:
        record = self._record(line)
        if record is None or record.id is None or self.host is None:
            self.notify("this line names no message", markup=False)
            return
        key = next((row.key for row in self.store.host(self.host).table.by_key.values() if row.id == record.id), None)
        if key is None:
            self.set_filter(f"id={query.literal(record.id.encode('utf-8', 'backslashreplace'))}")
            self.notify(f"{show_line(record.id)} is no longer in the queue: its log lines", markup=False)
        else:
            self.post_message(AskMessage(self.host, key))

    def on_tail_view_follow_changed(self, event: TailView.FollowChanged) -> None:
        """Say so in the title."""
        event.stop()
        self._say()


class _Nothing:
    """The lines of a log that is not there yet."""

    first = 0

    def __len__(self) -> int:
        return 0

    def line(self, number: int) -> Content:
        """Never asked for."""
        raise IndexError(number)
