"""What needs attention, over all hosts, worst first: each line says what is wrong and what would help."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Mapping, Sequence

from textual.app import ComposeResult
from textual.content import Content

from mailtui.clock import SYSTEM, Clock
from mailtui.panes.following import FirstRow
from mailtui.panes.health import SIGNS, STYLES, Finding, by_trouble, findings, unread
from mailtui.panes.pane import AskHost, Pane, cell
from mailtui.store import Store, Topic
from mailtui.widgets.columns import Column, place
from mailtui.widgets.row_painter import GUTTER
from mailtui.widgets.virtual_table import VirtualTable

COLUMNS = (
    Column("sign", "", width=2, sortable=False),
    Column("host", "HOST", min_width=8, max_width=24, weight=1.0, sortable=False),
    Column("what", "WHAT", min_width=30, weight=6.0, sortable=False),
    Column("cure", "WHAT HELPS", min_width=24, weight=5.0, priority=1, sortable=False),
)
"""Columns of the findings."""

Found = tuple[str, Finding]
"""A finding and whose it is."""

Cells = tuple[Content, ...]


def lines_of(host: str, finding: Finding, widths: Mapping[str, int]) -> list[Cells]:
    """Make as many lines as a finding needs at these widths; what helps goes below where it has no column."""
    *first, what, cure = _line_of(host, finding)
    whats, cures = [what], [cure]
    if widths.get("what", 0) > 1:
        whats = what.wrap(widths["what"])
    if widths.get("cure", 0) > 1:
        cures = cure.wrap(widths["cure"])
    elif finding.cure and widths.get("what", 0) > 1:
        whats, cures = [*whats, *cure.wrap(widths["what"])], []
    blank = Content("")
    height = max(1, len(whats), len(cures))
    whats, cures = [each + [blank] * (height - len(each)) for each in (whats, cures)]
    return [(*(first if n == 0 else (blank, blank)), whats[n], cures[n]) for n in range(height)]


def _line_of(host: str, finding: Finding) -> Cells:
    """Make the one line of a finding that the columns cut."""
    style = STYLES[finding.rank]
    return cell(SIGNS[finding.rank], style), cell(host), cell(finding.text, style), cell(finding.cure, "$muted")


class FindingSource:
    """Findings as rows of a table, those that are to be whole on several lines."""

    columns: Sequence[Column] = COLUMNS

    def __init__(self, found: Sequence[Found], widths: Mapping[str, int], room: int, chosen: Hashable = None) -> None:
        """Wrap every finding where all fit into so many rows, else the one chosen by its key."""
        # where there are more than the screen has rows, none of them is wrapped in vain
        fits = len(found) <= room
        wrapped = [lines_of(*one, widths) if fits or self._key(*one) == chosen else [_line_of(*one)] for one in found]
        if fits and sum(map(len, wrapped)) > room:
            wrapped = [
                lines if self._key(*one) == chosen else [_line_of(*one)]
                for one, lines in zip(found, wrapped, strict=True)
            ]
        self._found = tuple(found)
        self._lines = [line for lines in wrapped for line in lines]
        self._heads = [0]
        for lines in wrapped:
            self._heads.append(self._heads[-1] + len(lines))
        self._index: dict[Hashable, int] = {}
        for index in range(len(self._lines)):
            self._index.setdefault(self.key(index), index)

    @staticmethod
    def _key(host: str, finding: Finding) -> Hashable:
        return host, finding.about or finding.text, 0

    def __len__(self) -> int:
        return len(self._lines)

    def place_of(self, index: int) -> int:
        """Give the number of the finding that a row belongs to."""
        return bisect_right(self._heads, index) - 1

    def rows_of(self, place: int) -> range:
        """Give the rows of a finding."""
        place = min(max(place, 0), len(self._found) - 1)
        return range(self._heads[place], self._heads[place + 1])

    def found(self, index: int) -> Found:
        """Give the finding that a row belongs to."""
        return self._found[self.place_of(index)]

    def key(self, index: int) -> Hashable:
        """Give host, what it is about, and which line of it this is."""
        place = self.place_of(index)
        host, finding = self._found[place]
        return host, finding.about or finding.text, index - self._heads[place]

    def index(self, key: Hashable) -> int | None:
        """Find a row."""
        return self._index.get(key)

    def cells(self, index: int) -> Sequence[Content]:
        """Give the cells of a row."""
        return self._lines[index]

    def row_style(self, index: int) -> str:
        """Give no style: the cells have theirs."""
        return ""


class FindingTable(VirtualTable):
    """A table whose cursor goes from finding to finding, however many lines they have."""

    def action_move(self, rows: int) -> None:
        """Move the cursor by findings."""
        source = self.source
        if isinstance(source, FindingSource) and len(source):
            self._move(source.rows_of(source.place_of(self._cursor) + rows).start)

    def _place_cursor(self, index: int) -> None:
        source = self.source
        if isinstance(source, FindingSource):
            index = source.rows_of(source.place_of(index)).start
        super()._place_cursor(index)

    def _show_cursor(self) -> None:
        source = self.source
        if isinstance(source, FindingSource) and len(source):
            end = source.rows_of(source.place_of(self._cursor)).stop
            if end > self._top + self.page_rows:
                self._scroll_rows(end - self.page_rows)
        super()._show_cursor()


class AttentionPane(Pane):
    """Everything that is not as it should be."""

    topics = frozenset({Topic.LINK, Topic.QUEUE, Topic.STATS})
    evidence_topic = "host"

    def __init__(self, store: Store, *, clock: Clock = SYSTEM) -> None:
        super().__init__(store, clock=clock, id="attention")
        self._first = FirstRow()

    def compose(self) -> ComposeResult:
        """Lay out the table."""
        yield FindingTable(FindingSource((), {}, 0))

    @property
    def table(self) -> FindingTable:
        """The table of findings."""
        return self.query_one(FindingTable)

    @property
    def found(self) -> Found | None:
        """The finding under the cursor and whose it is."""
        source, index = self.table.source, self.table.cursor_index
        return source.found(index) if isinstance(source, FindingSource) and index is not None else None

    @property
    def chosen(self) -> str | None:
        """The host of the finding under the cursor."""
        return self.found[0] if self.found is not None else None

    @property
    def copied(self) -> str | None:
        """What `y` copies: the finding."""
        return f"{self.found[0]}: {self.found[1].text}" if self.found is not None else None

    def pull(self) -> None:
        """Show all findings anew."""
        now, table, views = self.clock.wall(), self.table, self.store.hosts()
        all_of_them = [(view, finding) for view in views for finding in findings(view, now)]
        all_of_them.sort(key=lambda item: by_trouble(item[0], item[1].rank, now))
        found = [(view.name, finding) for view, finding in all_of_them]
        chosen = table.cursor_key
        if not self._first.moved and not table.cursor_index and found:
            chosen = FindingSource(found[:1], {}, 1).key(0)
        widths = {placed.column.id: placed.width for placed in place(COLUMNS, table.line_width, GUTTER)}
        new = sum(map(unread, views))
        empty = (
            f"nothing so far; not read yet: {new} of {len(views)} hosts"
            if new
            else "nothing: all hosts are as they should be"
        )
        self._first.show(table, FindingSource(found, widths, table.page_rows, chosen), empty=Content(empty))
        self.set_title(f"2 Needs attention ({len(found)})")

    def tick(self) -> None:
        """Let ages grow."""
        self.pull()

    def on_resize(self) -> None:
        """Wrap for the new size."""
        self.call_after_refresh(self.pull)

    def on_virtual_table_cursor_moved(self, event: VirtualTable.CursorMoved) -> None:
        """Show the finding under the cursor whole."""
        event.stop()
        self.pull()

    def action_open(self) -> None:
        """Open what the finding under the cursor is about."""
        self.table.action_activate()

    def on_virtual_table_row_activated(self, event: VirtualTable.RowActivated) -> None:
        """Open the host concerned, where the trouble shows."""
        event.stop()
        source, index = self.table.source, self.table.source.index(event.key)
        if isinstance(source, FindingSource) and index is not None:
            host, finding = source.found(index)
            self._first.moved = True
            self.post_message(AskHost(host, finding.pane, finding.where))
