"""Paints what changed of a screen at the cost of what changed.

Textual's compositor asks every widget within the box around all changes for all its lines; of a console whose log grows
at one end and whose clock ticks at the other that is the whole screen, many times a second. Here only widgets that
overlap a change are asked, and only for the lines it reaches; what is sent to the terminal is the same, byte for byte
(tests/pilot/test_painting.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip


class PartCompositor(Compositor):
    """The compositor of a screen that changes in small parts."""

    def __init__(self) -> None:
        super().__init__()
        self._changed: tuple[Region, ...] | None = None

    def render_partial_update(self) -> ChopsUpdate | None:
        """Render what changed since the last frame; None where nothing did."""
        self._changed = tuple(self._dirty_regions)
        try:
            return super().render_partial_update()
        finally:
            self._changed = None

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        if self._changed is None:
            yield from super()._get_renders(crop)
            return
        for widget, (region, clip) in self.visible_widgets.items():
            shown = region.intersection(clip)
            reached = [shown.intersection(each) for each in self._changed if each.overlaps(shown)]
            if reached:
                top, bottom = min(each.y for each in reached), max(each.bottom for each in reached)
                part = Region(shown.x, top, shown.width, bottom - top)
                yield region, part, widget.render_lines(part.translate((-region.x, -region.y)))
