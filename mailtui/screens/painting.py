"""Paints what changed of a screen at the cost of what changed.

Textual's compositor asks every widget within the box around all changes for all its lines; of a console whose log grows
at one end and whose clock ticks at the other that is the whole screen, many times a second. Here only widgets that
overlap a change are asked, and only for the lines it reaches; what is sent to the terminal is the same, byte for byte
(tests/pilot/test_painting.py). And it is painted a few lines at a time: between two parts of a frame the event loop has
its turn, so that a whole screen of changes keeps nobody waiting.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from textual._compositor import ChopsUpdate, Compositor, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

MOST: Final = 12
"""Lines painted at once; one costs up to half a millisecond where every cell of it is new."""


def first_lines(regions: Iterable[Region], most: int) -> tuple[list[Region], list[Region]]:
    """Cut regions, in their order, into those of the first `most` lines and the rest."""
    now: list[Region] = []
    rest: list[Region] = []
    for region in regions:
        if most >= region.height:
            now.append(region)
        elif most > 0:
            first, second = region.split_horizontal(most)
            now.append(first)
            rest.append(second)
        else:
            rest.append(region)
        most -= region.height
    return now, rest


class PartCompositor(Compositor):
    """The compositor of a screen that changes in small parts."""

    def __init__(self) -> None:
        super().__init__()
        self._changed: tuple[Region, ...] | None = None
        self.rest: Sequence[Region] = ()
        """What changed and is not painted yet: its screen has it painted next."""

    def render_partial_update(self) -> ChopsUpdate | None:
        """Render of what changed since the last frame as much as is painted at once; None where nothing did."""
        # what was left comes first: a head that changes all the time must not keep the foot from being painted
        wanted = [*self.rest, *sorted(self._dirty_regions.difference(self.rest), key=lambda each: (each.y, each.x))]
        screen = self.size.region
        now, self.rest = first_lines((each.intersection(screen) for each in wanted if each.overlaps(screen)), MOST)
        self._dirty_regions = set(now)
        self._changed = tuple(now)
        try:
            return super().render_partial_update()
        finally:
            self._changed = None

    def render_full_update(self, simplify: bool = False) -> LayoutUpdate:
        """Render the whole screen, of which nothing is left then."""
        self.rest = ()
        return super().render_full_update(simplify)

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
