"""A cursor that nobody has moved yet stands on the first row, whatever row that is."""

from __future__ import annotations

from textual.content import Content

from mailtui.widgets.table_source import TableSource
from mailtui.widgets.virtual_table import VirtualTable


class FirstRow:
    """Keeps a table's cursor on its first row until a person moves it or opens something."""

    def __init__(self) -> None:
        self.moved = False

    def show(self, table: VirtualTable, source: TableSource, *, empty: Content | None = None) -> None:
        """Show another snapshot."""
        # the cursor is put on the first row after each snapshot: elsewhere it is by a person's hand
        self.moved = self.moved or bool(table.cursor_index)
        table.set_source(source, empty=empty)
        if not self.moved and len(source):
            table.move_to_key(source.key(0))
