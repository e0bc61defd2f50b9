"""Where the view stands in lines of unknown height: only lines near the screen are ever measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Place(NamedTuple):
    """A row on the screen: a line by its number and, where it is wrapped, which of its rows."""

    line: int
    row: int = 0


class Walker:
    """Moves over lines `first` to `end`, each as many rows high as `height_of` says when asked."""

    def __init__(self, first: int, end: int, height_of: Callable[[int], int]) -> None:
        self.first = first
        self.end = end
        self._height_of = height_of

    def bottom(self, rows: int) -> Place:
        """Give the top place from which the last row of the last line is at the foot of a screen of `rows`."""
        return self.up(Place(self.end), rows)

    def up(self, place: Place, rows: int) -> Place:
        """Go up by rows, at most to the first row of all."""
        line, row = place
        rows -= row
        row = 0
        while rows > 0 and line > self.first:
            line -= 1
            rows -= self._height_of(line)
        return Place(line, row - rows if rows < 0 else 0)

    def down(self, place: Place, rows: int) -> Place:
        """Go down by rows, at most past the last line."""
        line, row = place
        rows += row
        while line < self.end:
            height = self._height_of(line)
            if rows < height:
                return Place(line, rows)
            rows -= height
            line += 1
        return Place(self.end)

    def screen(self, top: Place, rows: int) -> list[Place]:
        """Give the places on a screen of `rows` that begins at `top`."""
        places: list[Place] = []
        line, row = top
        while len(places) < rows and line < self.end:
            height = self._height_of(line)
            places += [Place(line, r) for r in range(row, min(height, row + rows - len(places)))]
            line, row = line + 1, 0
        return places
