"""One line with items at the left, in the middle and at the right; the least important go where it is narrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget


class Side(StrEnum):
    """Where on the line an item stands."""

    LEFT = "left"
    CENTRE = "centre"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class StatusItem:
    """One finished piece of the line."""

    content: Content
    side: Side = Side.LEFT
    priority: int = 0
    """The highest number goes first where it is narrow; 0 stays as long as there is any room."""


def arrange(items: Sequence[StatusItem], width: int, gap: int = 2) -> Content:
    """Lay the items out on exactly `width` cells, leaving out and at last cropping what does not fit."""
    kept = [item for item in items if item.content]
    while len(kept) > 1 and _needed(kept, gap) > width:
        kept.remove(max(reversed(kept), key=lambda item: item.priority))
    left, centre, right = (_joined(kept, side, gap) for side in Side)
    left = left.truncate(width, ellipsis=True)
    free = width - left.cell_length
    right = right.truncate(max(0, free), ellipsis=True)
    free -= right.cell_length
    if not centre or centre.cell_length + 2 > free:
        return Content.assemble(left, " " * max(0, free), right)
    # In the middle of the screen if that is free, else in the middle of what is free.
    start = (width - centre.cell_length) // 2 - left.cell_length
    before = min(max(1, start), free - centre.cell_length - 1)
    return Content.assemble(left, " " * before, centre, " " * (free - before - centre.cell_length), right)


def _needed(items: Sequence[StatusItem], gap: int) -> int:
    return sum(item.content.cell_length + gap for item in items) - gap


def _joined(items: Sequence[StatusItem], side: Side, gap: int) -> Content:
    return Content(" " * gap).join([item.content for item in items if item.side is side])


class StatusLine(Widget):
    """A header or status line."""

    DEFAULT_CSS = """
    StatusLine { height: 1; width: 1fr; background: $panel; color: $foreground; padding: 0 1; }
    """

    def __init__(self, items: Sequence[StatusItem] = (), *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._items = tuple(items)

    def show_items(self, items: Sequence[StatusItem]) -> None:
        """Show other items."""
        if tuple(items) != self._items or any(
            not new.content.is_same(old.content) for new, old in zip(items, self._items, strict=True)
        ):
            self._items = tuple(items)
            self.refresh()

    def render(self) -> Content:
        """Draw the line."""
        return arrange(self._items, self.size.width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One line."""
        return 1
