"""One host's log as it grows: followed, paused, filtered, coloured by what each line reports."""

from __future__ import annotations

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
from mailtui.panes.filtered import FilteredPane
from mailtui.panes.loglines import LINE, held_since, line_segments
from mailtui.panes.pane import AskMessage, cell
from mailtui.panes.scan import Scan, StoppedError
from mailtui.panes.unread import stale_note, why_unread
from mailtui.store import LogBuffer, Store, Topic
from mailtui.store.log import Block, matching
from mailtui.text import show_line
from mailtui.widgets.filter_bar import FilterBar
from mailtui.widgets.tail_view import TailView


class LogSource:
    """All lines of a log buffer, read when they come on screen; `whole` asks for their text as it stands."""

    def __init__(
        self, log: LogBuffer, style: Callable[[str], Style], whole: Callable[[], bool] = lambda: False
    ) -> None:
        self._log = log
        self._style = style
        self._whole = whole

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
        """Make a line; it is read only now, when it comes on screen."""
        if number < self._log.first:  # fell off the buffer between the layout and the painting
            return [Segment("(no longer held)", self._style("$muted"))]
        if self._log.is_gap(number):
            return [Segment(show_line(self._log.line(number), LINE), self._style("$warning bold"))]
        return line_segments(
            self._log.line(number),
            self._log.event(number),
            lambda: self._log.record(number),
            self._style,
            whole=self._whole(),
        )


class Matches(LogSource):
    """Only those lines of a log buffer whose numbers are given, ascending; a line's number is its place among them."""

    def __init__(
        self,
        log: LogBuffer,
        style: Callable[[str], Style],
        numbers: array[int],
        whole: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(log, style, whole)
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

    topics = frozenset({Topic.LOG, Topic.LINK})
    filter_kind = "log"
    evidence_topic = "log"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.LOG)

    def __init__(self, store: Store, host: str, *, clock: Clock = SYSTEM) -> None:
        super().__init__(store, host, clock=clock, id="log")
        self._searched: Callable[[LogRecord], bool] | None = None
        self._found: array[int] = array("Q")
        self._upto = 0
        self._scan: Scan | None = None
        self._before_line: str | None = None
        """The filter that was replaced by that for a line's message; Esc sets it again."""

    def compose(self) -> ComposeResult:
        """Lay out filter and view."""
        yield FilterBar(self.check, unfinished=self.unfinished, id="log-filter")
        yield TailView(_Nothing(), empty=Content("waiting for the log ..."), id="log-view")

    def on_mount(self) -> None:
        """Show the buffer; Textual has the base's own handler run as well."""
        self._show()

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

    def clear_filter(self) -> bool:
        """Clear the filter, or set that again which a line's message replaced."""
        before, self._before_line = self._before_line, None
        if before and self.filter_text:
            self.set_filter(before)
            return True
        return super().clear_filter()

    def on_filter_bar_filter_changed(self, event: FilterBar.FilterChanged) -> None:
        """What is typed is no line's filter; the base's handler filters."""
        self._before_line = None

    def _search(self) -> None:
        """Search the buffer anew for another filter, keeping the line in sight where it matches."""
        line = self.view.cursor_line
        number = self.view.source.number(line) if line is not None and isinstance(self.view.source, LogSource) else None
        self._searched, self._found, self._upto = self.wanted, array("Q"), 0
        if self._scan is not None:
            self._scan.stop()
            self._scan = None
        if self._searched is None:
            self._show(number)
        else:
            self._extend()
            self._say()

    def _extend(self) -> None:
        """Search lines not searched yet; a search under way is let finish, and takes the newest lines then."""
        if self._scan is None and self._searched is not None and self._upto < self.buffer.end:
            self._scan = Scan(None)
            self._search_lines(self._scan, self._searched)

    @work(exclusive=True, group="search")
    async def _search_lines(self, scan: Scan, wanted: Callable[[LogRecord], bool]) -> None:
        """Add the matches among lines not searched yet; the records are read in a thread."""
        watched, buffer = scan.watch(wanted), self.buffer
        try:
            while self._scan is scan and self._upto < buffer.end:
                start, end = max(self._upto, buffer.first), buffer.end
                blocks = list(buffer.blocks(start))

                def found(blocks: Sequence[Block] = blocks, start: int = start, end: int = end) -> array[int]:
                    numbers = (n for block in blocks for n in matching(block, watched, buffer.reader))
                    return array("Q", (n for n in numbers if start <= n < end))

                more = await scan.run(found)
                self._found = self._found + more
                self._upto = end
                self._show()
        except StoppedError:
            return
        finally:
            scan.stop()
            if self._scan is scan:
                self._scan = None
        self._say()

    def _show(self, at: int | None = None) -> None:
        style, whole = self.view.style_for, self._whole
        if self._searched is None:
            source = LogSource(self.buffer, style, whole)
        else:
            source = Matches(self.buffer, style, self._found, whole)
        self.view.set_source(source, at=at)
        self._say()

    def _whole(self) -> bool:
        return self.view.wrap

    # --- painting ---------------------------------------------------------------------------------------------------

    def pull(self) -> None:
        """Show new lines."""
        self._extend()
        self.view.notify_lines()
        self._say()

    def tick(self) -> None:
        """Show how long the log has been silent."""
        self._say()

    def _say(self) -> None:
        view, now = self.store.host(self.host or ""), self.clock.wall()
        why, cure = why_unread(view, "log", now)
        stale = stale_note(view, now)
        held = self.buffer.end - self.buffer.first
        self.view.set_empty(self._why_empty(why, cure))
        self.set_class(bool(stale) or bool(why), "-stale")
        if why and not held:
            self.set_title(f"2 Log: NOT READ · {why}", cure)
            return
        notes = ["NOT READ" if view.failure("log") is not None else stale]
        if not self.view.following:
            notes.append("paused: f follows")
        elif not any(notes) and not self.filter_text:
            notes.append("following")
        if self._searched is not None:
            searching = self._scan is not None and not self._upto
            notes.append("searching ..." if searching else f"{len(self._found):,} of {held:,} lines")
        notes += [held_since(self.buffer), self.filter_words]
        self.set_title(f"2 Log: {' · '.join(note for note in notes if note)}", why)

    def _why_empty(self, why: str, cure: str) -> Content:
        if self._searched is not None and self._upto:
            back = "Esc goes back" if self._before_line else "Esc clears"
            return Content(f"no line matches; {back}")
        if self._scan is not None:
            return Content("searching ...")
        if why:
            return cell("; ".join(part for part in (f"the log was not read: {why}", cure) if part))
        return Content("waiting for the log ...")

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
            before = self._before_line if self._before_line is not None else self.filter_text
            self.set_filter(f"id={query.literal(record.id.encode('utf-8', 'backslashreplace'))}")
            self._before_line = before
            self.notify(f"{show_line(record.id)} is no longer in the queue: its log lines; Esc goes back", markup=False)
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
