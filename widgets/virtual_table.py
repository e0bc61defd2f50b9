"""A table of any length that paints what is on screen and keeps its cursor on a key, never on a row number."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from mailtui.widgets.columns import Column
from mailtui.widgets.line_view import LineView
from mailtui.widgets.row_painter import Look, RowPainter
from mailtui.widgets.table_source import TableSource, successor


class VirtualTable(LineView):
    """Rows of finished cells with a header, a cursor bound to a key, marks and sorting by heading."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "virtual-table--header",
        "virtual-table--header-sorted",
        "virtual-table--cursor",
        "virtual-table--cursor-blurred",
        "virtual-table--cursor-sign",
        "virtual-table--cursor-sign-blurred",
        "virtual-table--mark",
        "virtual-table--empty",
    }

    DEFAULT_CSS = """
    VirtualTable {
        & > .virtual-table--header { color: $text-muted; background: $surface; text-style: bold; }
        & > .virtual-table--header-sorted { color: $foreground; background: $surface; text-style: bold; }
        & > .virtual-table--cursor { background: $block-cursor-background; }
        & > .virtual-table--cursor-blurred { background: $block-cursor-blurred-background; }
        & > .virtual-table--cursor-sign { color: $primary; }
        & > .virtual-table--cursor-sign-blurred { color: $text-muted; }
        & > .virtual-table--mark { color: $accent; text-style: bold; }
        & > .virtual-table--empty { color: $text-muted; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Down", show=False, id="list.down"),
        Binding("k,up", "move(-1)", "Up", show=False, id="list.up"),
        Binding("g,home", "first", "First", show=False, id="list.first"),
        Binding("G,end", "last", "Last", show=False, id="list.last"),
        Binding("ctrl+f,pagedown", "page(1.0)", "Page down", show=False, id="list.page_down"),
        Binding("ctrl+b,pageup", "page(-1.0)", "Page up", show=False, id="list.page_up"),
        Binding("ctrl+d", "page(0.5)", "Half page down", show=False, id="list.half_down"),
        Binding("ctrl+u", "page(-0.5)", "Half page up", show=False, id="list.half_up"),
        Binding("enter", "activate", "Open", show=False, id="list.open"),
    ]

    sort: reactive[tuple[str, bool] | None] = reactive(None)
    """Which column the rows are sorted by, and whether downward; the caller sorts, this is the sign in the header."""

    class TableMessage(Message):
        """Something happened in this table."""

        def __init__(self, table: VirtualTable) -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> VirtualTable:
            """The table, for `@on` with a selector."""
            return self.table

    class CursorMoved(TableMessage):
        """The cursor came to another key, None where there are no rows."""

        def __init__(self, table: VirtualTable, key: Hashable | None) -> None:
            super().__init__(table)
            self.key = key

        def can_replace(self, message: Message) -> bool:
            """Only the last of many moves counts."""
            return isinstance(message, VirtualTable.CursorMoved) and message.table is self.table

    class RowActivated(TableMessage):
        """Enter or a double click on a row."""

        def __init__(self, table: VirtualTable, key: Hashable) -> None:
            super().__init__(table)
            self.key = key

    class SortRequested(TableMessage):
        """A click on a heading; the caller sorts and sets `sort`."""

        def __init__(self, table: VirtualTable, column_id: str) -> None:
            super().__init__(table)
            self.column_id = column_id

    class MarksChanged(TableMessage):
        """Another set of rows is marked."""

        def __init__(self, table: VirtualTable, marked: frozenset[Hashable]) -> None:
            super().__init__(table)
            self.marked = marked

    def __init__(
        self,
        source: TableSource,
        *,
        empty: Content | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._source = source
        self._empty = empty or Content("nothing here")
        self._cursor = 0
        self._marked: frozenset[Hashable] = frozenset()
        self._mark_anchor: Hashable | None = None
        self._painter = RowPainter(self)
        self._on_screen: list[Strip] = []
        self._held = False
        self.moved = False
        """Whether a person moved the cursor or the view since it was put on the first row."""

    # What the caller sees

    @property
    def source(self) -> TableSource:
        """The rows on show."""
        return self._source

    @property
    def cursor_index(self) -> int | None:
        """The row of the cursor in the present source, None where there are no rows."""
        return self._cursor if len(self._source) else None

    @property
    def cursor_key(self) -> Hashable | None:
        """The key of the cursor, None where there are no rows."""
        return self._source.key(self._cursor) if len(self._source) else None

    @property
    def marked(self) -> frozenset[Hashable]:
        """The marked keys, also those that no row shows now."""
        return self._marked

    @property
    def rows_built(self) -> int:
        """Rows turned into strips so far; tests and benches count work by it."""
        return self._painter.rows_built

    @property
    def shown_columns(self) -> tuple[Column, ...]:
        """The columns that the present width has room for."""
        return tuple(placed.column for placed in self._painter.place(self._source.columns))

    @property
    def page_rows(self) -> int:
        """Rows that fit on the screen beneath the header."""
        return max(1, self.size.height - 1)

    def set_source(self, source: TableSource, *, empty: Content | None = None) -> None:
        """Show another snapshot: the cursor stays with its key on its screen line, unchanged rows are not painted.

        Where the key is gone the cursor goes to the row that was next.
        """
        old, row = self._source, self._cursor
        key = self.cursor_key
        line = row - self._top
        self._source = source
        if empty is not None:
            self._empty = empty
        self._cursor = successor(old, row, source)
        if not self.is_attached:
            return
        self._held = True
        self.set_extent(len(source) + 1)
        self._scroll_rows(self._cursor - line)
        self._held = False
        self._show_cursor()
        self._repaint_changed()
        if self.cursor_key != key:
            self.post_message(self.CursorMoved(self, self.cursor_key))

    def move_to_key(self, key: Hashable) -> bool:
        """Put the cursor on this key; False if no row has it."""
        index = self._source.index(key)
        if index is None:
            return False
        self._move(index)
        return True

    def set_marked(self, keys: Iterable[Hashable]) -> None:
        """Mark exactly these keys."""
        marked = frozenset(keys)
        if marked != self._marked:
            self._marked = marked
            self._repaint_changed()
            self.post_message(self.MarksChanged(self, marked))

    def toggle_mark(self, key: Hashable | None = None) -> None:
        """Mark or unmark a key, by default that of the cursor; a range starts here."""
        key = self.cursor_key if key is None else key
        if key is not None:
            self._mark_anchor = key
            self.set_marked(self._marked ^ {key})

    def mark_range(self) -> None:
        """Mark all rows from the last one toggled to the cursor."""
        anchor = None if self._mark_anchor is None else self._source.index(self._mark_anchor)
        if anchor is None:
            self.toggle_mark()
            return
        low, high = sorted((anchor, self._cursor))
        self.set_marked(self._marked.union(self._source.key(index) for index in range(low, high + 1)))

    def clear_marks(self) -> None:
        """Unmark everything."""
        self._mark_anchor = None
        self.set_marked(())

    # Keys

    def action_move(self, rows: int) -> None:
        """Move the cursor by rows."""
        self.moved = True
        self._move(self._cursor + rows)

    def action_first(self) -> None:
        """Go to the first row."""
        self.moved = False
        self._move(0)

    def action_last(self) -> None:
        """Go to the last row."""
        self.moved = True
        self._move(len(self._source) - 1)

    def action_page(self, pages: float) -> None:
        """Move view and cursor by pages, so that the cursor stays on its screen line."""
        self.moved = True
        rows = int(pages * self.page_rows) or (1 if pages > 0 else -1)
        self._held = True
        self._scroll_rows(self._top + rows)
        self._held = False
        self._move(self._cursor + rows)

    def action_activate(self) -> None:
        """Open the row of the cursor."""
        key = self.cursor_key
        if key is not None:
            self.post_message(self.RowActivated(self, key))

    # Mouse, focus and size

    def on_click(self, event: events.Click) -> None:
        """Move to the row, open it on a double click, or ask for a sort by the heading."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        event.stop()
        if offset.y == 0:
            for placed in self._painter.place(self._source.columns):
                if placed.x <= offset.x <= placed.end and placed.column.sortable:
                    self.post_message(self.SortRequested(self, placed.column.id))
                    return
            return
        index = self._top + offset.y - 1
        if index < len(self._source):
            self.moved = True
            self._move(index)
            if event.chain == 2:
                self.action_activate()

    def on_focus(self) -> None:
        """Show the cursor as active."""
        self._repaint_row(self._cursor)

    def on_blur(self) -> None:
        """Show the cursor as resting."""
        self._repaint_row(self._cursor)

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self.set_extent(len(self._source) + 1)
        self._show_cursor()

    def on_mount(self) -> None:
        """Set the height of the content and say where the cursor is."""
        self.set_extent(len(self._source) + 1)
        self.post_message(self.CursorMoved(self, self.cursor_key))

    def watch_sort(self) -> None:
        """Move the sign in the header."""
        self.repaint_line(0)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Take the cursor along when the view moves by wheel or scroll bar."""
        super().watch_scroll_y(old_value, new_value)
        if not self._held and len(self._source):
            top = self._top
            within = min(max(self._cursor, top), min(top + self.page_rows, len(self._source)) - 1)
            self.moved = self.moved or within != self._cursor
            self._place_cursor(within)

    # Painting

    def forget_painted(self) -> None:
        """Drop the strips: other styles."""
        self._painter.forget()

    def render_line(self, y: int) -> Strip:
        """Give the header or a row."""
        strip = self._strip(y)
        if y >= len(self._on_screen):
            self._on_screen.extend([Strip([])] * (y + 1 - len(self._on_screen)))
        self._on_screen[y] = strip
        return strip

    @property
    def _top(self) -> int:
        return self.scroll_offset.y

    def _strip(self, y: int) -> Strip:
        source = self._source
        placed = self._painter.place(source.columns)
        if y == 0:
            return self._painter.header(placed, self.sort)
        if not len(source):
            return self._painter.empty(self._empty, y)
        index = self._top + y - 1
        if index >= len(source):
            return self._painter.blank()
        key = source.key(index)
        look = Look(source.row_style(index), index == self._cursor, self.has_focus, key in self._marked)
        return self._painter.row(key, source.cells(index), look, placed)

    def _repaint_row(self, index: int) -> None:
        y = index - self._top + 1
        if 0 < y <= self.page_rows:
            self.repaint_line(y)

    def _repaint_changed(self) -> None:
        """Have those screen lines painted again that differ from what was painted there."""
        shown = self._on_screen
        for y in range(self.size.height):
            if y >= len(shown) or shown[y] != self._strip(y):
                self.repaint_line(y)

    # Cursor and scrolling

    def _move(self, index: int) -> None:
        if len(self._source):
            self._place_cursor(min(max(index, 0), len(self._source) - 1))
            self._show_cursor()

    def _place_cursor(self, index: int) -> None:
        if index != self._cursor:
            self._repaint_row(self._cursor)
            self._cursor = index
            self._repaint_row(index)
            self.post_message(self.CursorMoved(self, self.cursor_key))

    def _show_cursor(self) -> None:
        top = self._top
        if self._cursor < top:
            self._scroll_rows(self._cursor)
        elif self._cursor >= top + self.page_rows:
            self._scroll_rows(self._cursor - self.page_rows + 1)

    def _scroll_rows(self, top: int) -> None:
        self.scroll_to(y=max(0, top), animate=False, force=True)
