"""A block of labels and values, the labels aligned, long values continued beneath themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from textual.content import Content

from mailtui.widgets.content_lines import ContentLines

LABEL_MAX: Final = 24
"""Longer labels are cut."""


@dataclass(frozen=True, slots=True)
class Field:
    """One label and its value; without a value it is the heading of what follows."""

    label: str
    value: Content | None = None


def lay_out(fields: Sequence[Field], width: int) -> list[Content]:
    """Give the finished lines of the block for this width."""
    if width <= 0:
        return []
    labels = [len(field.label) for field in fields if field.value is not None]
    column = min(max(labels, default=0), LABEL_MAX, max(4, width * 2 // 5))
    lines: list[Content] = []
    for field in fields:
        if field.value is None:
            if lines:
                lines.append(Content(""))
            lines.append(Content.styled(field.label, "bold $text-primary").truncate(width, ellipsis=True))
            continue
        label = Content.styled(field.label, "$text-muted").truncate(column, ellipsis=True, pad=True)
        room = width - column - 2
        rows = field.value.wrap(room) if room > 1 else [field.value.first_line.truncate(max(0, room))]
        for number, row in enumerate(rows or [Content("")]):
            lines.append(Content.assemble(label if number == 0 else " " * column, "  ", row).truncate(width))
    return lines


def _same(old: Sequence[Field], new: Sequence[Field]) -> bool:
    """Tell whether two blocks would be drawn alike."""
    return len(old) == len(new) and all(
        one.label == two.label
        and (
            one.value is two.value or (one.value is not None and two.value is not None and one.value.is_same(two.value))
        )
        for one, two in zip(old, new, strict=True)
    )


class Fields(ContentLines):
    """Shows fields as high as they need to be."""

    DEFAULT_CSS = """
    Fields { height: auto; width: 1fr; color: $foreground; padding: 0 1; }
    """

    def __init__(self, fields: Sequence[Field] = (), *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._fields = tuple(fields)

    def show_fields(self, fields: Sequence[Field]) -> None:
        """Show other fields; a new layout is made only when the height changes, and nothing when all stays."""
        if not _same(self._fields, fields):
            self._fields = tuple(fields)
            self.lines_changed()

    def lay_lines(self, width: int) -> Sequence[Content]:
        """Lay the block out."""
        return lay_out(self._fields, width)
