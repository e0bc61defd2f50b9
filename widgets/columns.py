"""Columns of a table and how they share the width of the screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailtui.widgets.cells import Align

WIDE: Final = 100
"""From this width in cells on two blanks part the columns, below it one."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: either of a fixed `width` or, with `weight`, sharing what the others leave."""

    id: str
    title: str
    width: int | None = None
    """Fixed width in cells; None for a column that shares by weight."""
    weight: float = 1.0
    """Share of the spare width; of no meaning with a fixed width."""
    min_width: int = 4
    """A sharing column is never narrower; it is dropped first."""
    max_width: int | None = None
    """A sharing column is never wider."""
    priority: int = 0
    """Columns with the highest number are dropped first on narrow screens; 0 is never dropped."""
    yields: bool = False
    """Of priority 0, but dropped where the last column would have less than half its least width with it."""
    align: Align = "left"
    sortable: bool = True
    cut_before: str = ""
    """Of a too long cell what follows the last of these characters is kept; empty cuts at the end."""

    @property
    def least(self) -> int:
        """The smallest width it can be shown in."""
        return self.width if self.width is not None else self.min_width


@dataclass(frozen=True, slots=True)
class Placed:
    """A column that has found its place."""

    column: Column
    index: int
    """Which of the source's columns, and so which of its cells."""
    x: int
    width: int

    @property
    def end(self) -> int:
        """The first cell right of the column."""
        return self.x + self.width


def place(columns: Sequence[Column], width: int, left: int = 0) -> tuple[Placed, ...]:
    """Drop what does not fit, share what is left over, and give each column its place right of `left`."""
    gap = 2 if width >= WIDE else 1
    kept = _keep(columns, width - left, gap)
    spare = width - left - gap * max(0, len(kept) - 1) - sum(column.least for _, column in kept)
    extra = _share([column for _, column in kept], spare)
    placed: list[Placed] = []
    x = left
    for (index, column), more in zip(kept, extra, strict=True):
        cells = min(column.least + more, width - x)
        if cells <= 0:
            break
        placed.append(Placed(column, index, x, cells))
        x += cells + gap
    return tuple(placed)


def _keep(columns: Sequence[Column], width: int, gap: int) -> list[tuple[int, Column]]:
    kept = list(enumerate(columns))
    while sum(column.least for _, column in kept) + gap * (len(kept) - 1) > width:
        droppable = [item for item in kept if item[1].priority > 0]
        if not droppable:
            return _yielded(kept, width, gap)
        kept.remove(max(droppable, key=lambda item: (item[1].priority, item[0])))
    return kept


def _yielded(kept: list[tuple[int, Column]], width: int, gap: int) -> list[tuple[int, Column]]:
    """Drop, of columns that do not fit and are never dropped for less, those that yield to the last one."""
    for item in [item for item in kept[:-1] if item[1].yields]:
        last = width - sum(column.least + gap for _, column in kept[:-1])
        if last >= (kept[-1][1].least + 1) // 2:
            break
        kept = [other for other in kept if other is not item]
    return kept


def _share(columns: Sequence[Column], spare: int) -> list[int]:
    """Divide `spare` cells by weight; what a full column cannot take goes to the others."""
    extra = [0] * len(columns)
    open_ = [i for i, column in enumerate(columns) if column.width is None and column.weight > 0]
    while spare > 0 and open_:
        total = sum(columns[i].weight for i in open_)
        given = 0
        for i in tuple(open_):
            share = max(1, int(spare * columns[i].weight / total))
            limit = columns[i].max_width
            room = spare - given if limit is None else max(0, limit - columns[i].least - extra[i])
            taken = min(share, room, spare - given)
            extra[i] += taken
            given += taken
            if taken == room and limit is not None:
                open_.remove(i)
        if given == 0:
            break
        spare -= given
    return extra
