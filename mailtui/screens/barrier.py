"""The last barrier against escape sequences: a line filter on the app that no painted cell passes with a control in it.

Everything is made safe by `show` long before; a hit here is a bug of ours, replaced and counted (safety.md 3).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


class Barrier(LineFilter):
    """Replaces controls in painted segments by a question mark of the same width, and counts."""

    def __init__(self, hit: Callable[[], None]) -> None:
        super().__init__()
        self._hit = hit

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Give the segments without controls."""
        if not any(_CONTROL.search(segment.text) for segment in segments if not segment.control):
            return segments
        self._hit()
        return [
            segment if segment.control else Segment(_CONTROL.sub("?", segment.text), segment.style)
            for segment in segments
        ]


_ASCII_FOR: Final = str.maketrans(
    {
        "…": "~", "·": "-", "—": "-", "–": "-", "→": ">", "←": "<", "↑": "^", "↓": "v", "’": "'", "🔎": "> ",
        **dict.fromkeys("─━▔▁", "-"), **dict.fromkeys("│┃▏▕▎▊▌▐", "|"), **dict.fromkeys("╭╮╰╯┌┐└┘┏┓┗┛", "+"),
        **dict.fromkeys("█▀▄", "#"),
    }
)  # fmt: skip
"""What Textual draws frames and signs with, cell for cell."""


class AsciiOnly(LineFilter):
    """Replaces what an ASCII terminal cannot show, cell for cell."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Give the segments in ASCII."""
        if all(segment.text.isascii() for segment in segments):
            return segments
        return [segment if segment.control else Segment(_ascii(segment.text), segment.style) for segment in segments]


def _ascii(text: str) -> str:
    if text.isascii():
        return text
    return "".join(char if char.isascii() else "?" * cell_len(char) for char in text.translate(_ASCII_FOR))
