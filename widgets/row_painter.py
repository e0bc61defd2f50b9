"""From the cells of a row to a strip of the screen's width, built again only when something about the row changed."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.cache import FIFOCache
from textual.content import Content
from textual.strip import Strip

from mailtui.widgets.cells import Cell, cut_before, fit, fold, segments_of
from mailtui.widgets.columns import Column, Placed, place
from mailtui.widgets.line_view import LineView

GUTTER: Final = 2
"""Cells left of the first column: the sign of the cursor and that of a mark."""

KEPT_ROWS: Final = 1024
"""Strips of rows kept for scrolling back."""


class Look(NamedTuple):
    """What a row looks like apart from its cells."""

    style: str
    at_cursor: bool
    focused: bool
    marked: bool


@dataclass(frozen=True, slots=True)
class _Painted:
    cells: tuple[tuple[Segment, ...], ...]
    look: Look
    strip: Strip


class RowPainter:
    """Paints header, rows and the text of an empty table for one view."""

    def __init__(self, view: LineView) -> None:
        self._view = view
        # Not LRUCache: Textual's keeps the first value that a key was given.
        self._painted: FIFOCache[Hashable, _Painted] = FIFOCache(KEPT_ROWS)
        self._placed: tuple[Placed, ...] = ()
        self._placed_for: tuple[int, tuple[Column, ...]] | None = None
        self.rows_built = 0
        """Rows turned into strips so far; tests and benches count work by it."""

    def forget(self) -> None:
        """Drop all strips: other styles."""
        self._painted.clear()

    def place(self, columns: Sequence[Column]) -> tuple[Placed, ...]:
        """Give the columns their places on the present width."""
        width = self._view.line_width
        wanted = (width, tuple(columns))
        if self._placed_for != wanted:
            self._placed_for = wanted
            self._placed = place(columns, width, GUTTER)
            self._painted.clear()
        return self._placed

    def header(self, placed: Sequence[Placed], sort: tuple[str, bool] | None) -> Strip:
        """Paint the headings, with a sign at the one that sorts."""
        view, glyphs = self._view, self._view.glyphs
        base = self._ground + view.style_for("virtual-table--header")
        sorted_style = self._ground + view.style_for("virtual-table--header-sorted")
        by, down = sort or ("", False)
        segments: list[Segment] = []
        x = 0
        for number, cell in enumerate(placed):
            column = cell.column
            segments.append(Segment(" " * (cell.x - x), base))
            title, style, x = column.title, base, cell.end
            if column.id == by:
                sign = glyphs.descending if down else glyphs.ascending
                style = sorted_style
                end = placed[number + 1].x if number + 1 < len(placed) else view.line_width
                if cell_len(title) < cell.width:
                    title += sign
                elif x < end:  # no room beside the heading: the sign stands in the gap behind the column
                    segments += fit([Segment(title)], cell.width, column.align, style, glyphs.ellipsis)
                    segments.append(Segment(sign, style))
                    x += 1
                    continue
                else:
                    title = title[: cell.width - 1] + sign
            segments += fit([Segment(title)], cell.width, column.align, style, glyphs.ellipsis)
        return Strip(segments, x).adjust_cell_length(view.line_width, base)

    def row(self, key: Hashable, cells: Sequence[Cell], look: Look, placed: Sequence[Placed]) -> Strip:
        """Paint a row, or give the strip of before if neither cells nor look differ."""
        finished = tuple(tuple(segments_of(cell, self._view.visual_for)) for cell in cells)
        painted = self._painted.get(key)
        if painted is not None and painted.look == look and painted.cells == finished:
            return painted.strip
        strip = self._build(finished, look, placed)
        self._painted[key] = _Painted(finished, look, strip)
        return strip

    def blank(self) -> Strip:
        """Paint a line without a row."""
        return Strip.blank(self._view.line_width, self._ground)

    def empty(self, text: Content, y: int) -> Strip:
        """Paint line `y` of a table without rows: the text, centred, in the upper third."""
        view = self._view
        width = view.line_width
        style = self._ground + view.style_for("virtual-table--empty")
        rows = fold(segments_of(text, view.visual_for), max(1, width - 4))
        first = max(1, (view.size.height - len(rows)) // 3)
        if not first <= y < first + len(rows):
            return self.blank()
        line = Strip([Segment(text, style + own if own else style) for text, own, _ in rows[y - first]])
        left = max(0, (width - line.cell_length) // 2)
        return Strip([Segment(" " * left, style), *line]).adjust_cell_length(width, style)

    @property
    def _ground(self) -> Style:
        return self._view.visual_style.rich_style

    def _build(self, cells: Sequence[Sequence[Segment]], look: Look, placed: Sequence[Placed]) -> Strip:
        self.rows_built += 1
        view, glyphs = self._view, self._view.glyphs
        base = self._ground
        if look.style:
            base += view.style_for(look.style)
        sign = base
        if look.at_cursor:
            blurred = "" if look.focused else "-blurred"
            base += view.style_for(f"virtual-table--cursor{blurred}")
            sign = base + view.style_for(f"virtual-table--cursor-sign{blurred}")
        segments = [
            Segment(glyphs.cursor if look.at_cursor else " ", sign),
            Segment(glyphs.mark if look.marked else " ", base + view.style_for("virtual-table--mark")),
        ]
        x = GUTTER
        for cell in placed:
            if cell.x > x:
                segments.append(Segment(" " * (cell.x - x), base))
            content, mark = cells[cell.index], cell.column.cut_before
            if mark:
                content = cut_before(content, cell.width, mark, glyphs.ellipsis)
            segments += fit(content, cell.width, cell.column.align, base, glyphs.ellipsis)
            x = cell.end
        return Strip(segments, x).adjust_cell_length(view.line_width, base)
