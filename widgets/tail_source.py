"""What a tail view shows: numbered lines of which the oldest may be dropped."""

from __future__ import annotations

from typing import Protocol

from mailtui.widgets.cells import Cell


class TailSource(Protocol):
    """Numbered lines; old ones may be dropped, a line never changes."""

    @property
    def first(self) -> int:
        """The number of the oldest line still held."""
        ...

    def __len__(self) -> int: ...

    def line(self, number: int) -> Cell:
        """Give a finished line, `first <= number < first + len`."""
        ...
