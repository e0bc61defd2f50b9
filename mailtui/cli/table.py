"""Tables for people: aligned columns of safe text; colour and cutting to the window only on a terminal."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mailtui.text import Safe, show_line

GAP = "  "
STYLES = {"bad": "31", "warn": "33", "ok": "32", "dim": "2", "head": "1"}
"""What a cell can be, as the terminal's own colours."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: a heading, where its value stands in the record, and how that is written."""

    title: str
    field: str
    """Name in the record; dots lead into objects."""
    form: Callable[[Any], str | bytes] | None = None
    """Makes text of the value; None where it is text or a number already."""
    right: bool = False
    style: Callable[[Any], str] | None = None
    """Names the style of a value; "" for none."""


def paint(rows: Iterable[Mapping[str, Any]], columns: tuple[Column, ...], color: str) -> Iterator[str]:
    """Give a table's lines: a heading and the rows."""
    cells: list[list[tuple[Safe, str]]] = [[cell(row, column) for column in columns] for row in rows]
    widths = [max([width(column.title), *(width(line[at][0]) for line in cells)]) for at, column in enumerate(columns)]
    room = window()
    colored = in_color(color)
    yield line_of([(show_line(column.title), "head") for column in columns], columns, widths, room, colored)
    for line in cells:
        yield line_of(line, columns, widths, room, colored)


def paint_line(text: str, style: str, color: str) -> str:
    """Give one line of safe text, in a style where colour is wanted."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m\n" if style and in_color(color) else f"{text}\n"


def cell(row: Mapping[str, Any], column: Column) -> tuple[Safe, str]:
    """Give a value's safe text and its style."""
    value: Any = row
    for name in column.field.split("."):
        value = value.get(name) if value is not None else None
    style = column.style(value) if column.style is not None else ""
    if column.form is not None:
        return show_line(column.form(value)), style
    if value is None:
        return show_line("-"), style
    return show_line(value if isinstance(value, (bytes, str)) else str(value)), style


def line_of(
    cells: list[tuple[Safe, str]], columns: tuple[Column, ...], widths: list[int], room: int | None, colored: bool
) -> str:
    """Set one line; the last column is neither padded nor, where the window is known, wider than its rest."""
    parts: list[str] = []
    used = 0
    last = len(columns) - 1
    for at, ((text, style), column, wide) in enumerate(zip(cells, columns, widths, strict=True)):
        if at == last and room is not None:
            text = clip(text, max(room - used, 8))
        blank = " " * (wide - width(text))
        padded = f"{blank}{text}" if column.right else f"{text}{blank}" if at != last else text
        parts.append(f"\x1b[{STYLES[style]}m{padded}\x1b[0m" if colored and style else padded)
        used += wide + len(GAP)
    return GAP.join(parts).rstrip(" ") + "\n"


def width(text: str) -> int:
    """Give how many cells of a terminal a safe text takes."""
    if text.isascii():
        return len(text)
    return sum(cells_of(char) for char in text)


def cells_of(char: str) -> int:
    """Give how many cells one character takes."""
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def clip(text: Safe, room: int) -> Safe:
    """Cut a text to so many cells, marking the cut."""
    if width(text) <= room:
        return text
    kept = 0
    for at, char in enumerate(text):
        kept += cells_of(char)
        if kept > room - 1:
            return show_line(f"{text[:at]}{mark()}")
    return text


def mark() -> str:
    """Give the sign of a cut: an ellipsis where the output can hold it."""
    return "…" if (sys.stdout.encoding or "").lower().replace("-", "") == "utf8" else "~"


def window() -> int | None:
    """Give the terminal's width; None where standard output is none, so that nothing is cut."""
    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else None


def in_color(color: str) -> bool:
    """Tell whether to colour: as asked, else only on a terminal that can and by someone who wants it."""
    if color != "auto":
        return color == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("CLICOLOR_FORCE", "0") != "0":
        return True
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
