"""What a table shows: an immutable snapshot of keyed rows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final, Protocol

from mailtui.widgets.cells import Cell
from mailtui.widgets.columns import Column

NEIGHBOURS: Final = 1000
"""Rows looked at on each side for what was next to a row that is gone."""


class TableSource(Protocol):
    """An immutable snapshot of rows; the table asks for visible rows only."""

    @property
    def columns(self) -> Sequence[Column]:
        """All columns, from left to right."""
        ...

    def __len__(self) -> int: ...

    def key(self, index: int) -> Hashable:
        """Give what identifies this row in this and in every later snapshot."""
        ...

    def index(self, key: Hashable) -> int | None:
        """Find the row of a key, None if it is not among the rows."""
        ...

    def cells(self, index: int) -> Sequence[Cell]:
        """Give one finished cell for each column."""
        ...

    def row_style(self, index: int) -> str:
        """Name the style beneath the whole row (see `LineView.style_for`), empty for the plain one."""
        ...


def successor(old: TableSource, row: int, new: TableSource) -> int:
    """Find where a cursor goes: to its own key, else to the nearest that came after it, else before it."""
    if not len(old) or not len(new):
        return 0
    after = range(row, min(row + NEIGHBOURS, len(old)))
    before = range(row - 1, max(-1, row - NEIGHBOURS), -1)
    for candidates in (after, before):
        for index in candidates:
            found = new.index(old.key(index))
            if found is not None:
                return found
    return min(row, len(new) - 1)
