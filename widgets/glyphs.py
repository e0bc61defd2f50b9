"""The few signs that widgets draw, once for Unicode terminals and once for those with ASCII alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from textual.dom import DOMNode

ASCII_CLASS: Final = "-ascii"
"""CSS class on the App that makes all widgets draw ASCII only: `app.add_class(ASCII_CLASS)`."""


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One set of signs; every one is exactly one cell wide."""

    ellipsis: str
    """Stands where text was cut off."""
    cursor: str
    """Before the row of the cursor."""
    mark: str
    """Before a marked row."""
    ascending: str
    descending: str
    separator: str
    """Between items of a status line."""
    caret: str
    """Under the character that is wrong."""
    down: str
    """New lines are waiting below."""
    wrapped: str
    """Before the continuation of a wrapped line."""
    full: str
    empty: str
    parts: tuple[str, ...]
    """Partly filled cells of a meter, from least to most, without empty and full."""
    levels: tuple[str, ...]
    """Heights of a trend chart, from lowest to highest."""
    gap: str
    """A sample that is missing from a trend chart."""


UNICODE: Final = Glyphs(
    ellipsis="…",
    cursor="▌",
    mark="●",
    ascending="▲",
    descending="▼",
    separator="│",
    caret="▲",
    down="↓",
    wrapped="↳",
    full="━",
    empty="─",
    parts=("╸",),
    levels=("▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"),
    gap="·",
)
"""For terminals that speak UTF-8."""

ASCII: Final = Glyphs(
    ellipsis="~",
    cursor=">",
    mark="*",
    ascending="^",
    descending="v",
    separator="|",
    caret="^",
    down="v",
    wrapped="\\",
    full="#",
    empty=".",
    parts=(),
    levels=("_", ".", "-", "=", "+", "*", "%", "#"),
    gap=" ",
)
"""For LC_ALL=C and for people who ask for it."""


def glyphs_of(node: DOMNode) -> Glyphs:
    """Give the signs that the app of this node wants drawn."""
    return ASCII if node.app.has_class(ASCII_CLASS) else UNICODE
