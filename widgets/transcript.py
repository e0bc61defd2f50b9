"""Raw commands and their raw output, to scroll through."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from mailtui.widgets.cells import Cell
from mailtui.widgets.tail_view import TailView


class Lines:
    """Finished lines as a source of a tail view."""

    first = 0

    def __init__(self, lines: Sequence[Cell]) -> None:
        self._lines = lines

    def __len__(self) -> int:
        return len(self._lines)

    def line(self, number: int) -> Cell:
        """Give a line."""
        return self._lines[number]


class Transcript(TailView):
    """Shows finished lines from the top, wrapped, without cursor or following."""

    def __init__(
        self,
        lines: Sequence[Cell] = (),
        *,
        follow: bool = False,
        empty: Content | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(
            Lines(lines),
            cursor=False,
            follow=follow,
            wrap=True,
            empty=empty or Content("nothing was run"),
            id=id,
            classes=classes,
        )

    def badge(self) -> str:
        """Say nothing: a transcript is not paused, it is whole."""
        return ""

    def show_lines(self, lines: Sequence[Cell]) -> None:
        """Show other lines; the view stays where it is as far as there are lines."""
        self.set_source(Lines(lines))
