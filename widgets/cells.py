"""From finished Content or Segments to a run of Segments of an exact width in cells."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, TypeAlias

from rich.cells import cell_len, set_cell_size, split_graphemes
from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.style import Style as VisualStyle

Cell: TypeAlias = Content | Sequence[Segment]
"""What a caller hands in: styled and safe already, never a plain str."""

Align: TypeAlias = Literal["left", "right"]

ParseStyle: TypeAlias = Callable[[str | VisualStyle], VisualStyle]
"""Resolves the style names within Content."""

NULL_STYLE: Final = Style.null()

# A newline or tab would tear the line apart; joiners and variation selectors have another width in every terminal.
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200d\ufe00-\ufe0f\ud800-\udfff]")
_NO_WIDTH: Final = frozenset("\u200d" + "".join(map(chr, range(0xFE00, 0xFE10))))


def printable(text: str) -> str:
    """Replace what would move the cursor and drop what has no agreed width."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(lambda match: "" if match.group() in _NO_WIDTH else "\ufffd", text)


def segments_of(cell: Cell, parse_style: ParseStyle) -> list[Segment]:
    """Turn a finished cell into Segments of printable text; a plain str is refused."""
    if isinstance(cell, Content):
        if not cell.spans:
            return [Segment(printable(cell.plain), NULL_STYLE)]
        rendered = cell.render(end="", parse_style=parse_style)
        return [Segment(printable(text), style.rich_style) for text, style in rendered]
    _refuse_str(cell)
    return [Segment(printable(text), style or NULL_STYLE) for text, style, _ in cell]


def _refuse_str(cell: object) -> None:
    """A str passes for a sequence at run time, and nobody vouches for what is in it."""
    if isinstance(cell, str):
        raise TypeError("a cell is Content or Segments, never str")


def width_of(segments: Iterable[Segment]) -> int:
    """Give the width in cells."""
    return sum(cell_len(segment.text) for segment in segments)


def cut(segments: Sequence[Segment], width: int, ellipsis: str) -> list[Segment]:
    """Crop to exactly `width` cells, the last of them an ellipsis; the text is known to be wider."""
    room = width - 1
    kept: list[Segment] = []
    for segment in segments:
        cells = cell_len(segment.text)
        if cells > room:
            text = set_cell_size(segment.text, room)
            return [*kept, Segment(text + ellipsis, segment.style)]
        kept.append(segment)
        room -= cells
    return kept


def fit(segments: Sequence[Segment], width: int, align: Align, base: Style, ellipsis: str) -> list[Segment]:
    """Crop or pad to exactly `width` cells on top of the style `base`."""
    if width <= 0:
        return []
    spare = width - width_of(segments)
    if spare < 0:
        segments = cut(segments, width, ellipsis)
    fitted = [Segment(text, base + style if style else base) for text, style, _ in segments]
    if spare > 0:
        blank = Segment(" " * spare, base)
        if align == "right":
            fitted.insert(0, blank)
        else:
            fitted.append(blank)
    return fitted


def cut_before(segments: Sequence[Segment], width: int, mark: str, ellipsis: str) -> Sequence[Segment]:
    """Cut a too long text before its last `mark`, so that what follows stays: `ele~@mail.example` for `@`."""
    if len(segments) != 1 or width_of(segments) <= width:
        return segments
    text, style, _ = segments[0]
    at = text.rfind(mark)
    if at < 2:
        return segments
    room = max(1, width - 1 - cell_len(text[at:]))
    return [Segment(set_cell_size(text[:at], room) + ellipsis + text[at:], style)]


def fold(segments: Sequence[Segment], width: int, hang: Segment | None = None) -> list[list[Segment]]:
    """Break a line into rows of `width` cells, behind a blank where one is near; `hang` begins each further row.

    Nothing is lost: the blank stays at the end of its row. A wide character is never divided.
    """
    width = max(1, width)
    indent = cell_len(hang.text) if hang and width > 4 * cell_len(hang.text) else 0
    ends = deque(_row_ends([segment.text for segment in segments], width, width - indent))
    rows: list[list[Segment]] = [[]]
    before = 0
    for text, style, _ in segments:
        start = 0
        while ends and ends[0] < before + len(text):
            stop = ends.popleft() - before
            if stop > start:
                rows[-1].append(Segment(text[start:stop], style))
            rows.append([hang] if indent and hang else [])
            start = stop
        if start < len(text):
            rows[-1].append(Segment(text[start:], style))
        before += len(text)
    return rows


def _row_ends(texts: Sequence[str], first: int, further: int) -> Iterable[int]:
    """Yield where each row but the last ends in the joined texts; a blank in the second half of a row ends it."""
    text, room = "".join(texts), first
    if text.isascii():
        start = 0
        while len(text) - start > room:
            behind = text.rfind(" ", start, start + room) + 1
            start = behind if 2 * (behind - start) >= room else start + room
            yield start
            room = further
        return
    used = 0
    behind, before = 0, 0
    for start, stop, cells in _graphemes(texts):
        while used and used + cells > room:
            if 2 * before >= room:
                yield behind
                used -= before
            else:
                yield start
                used = 0
            room, before = further, 0
        used += cells
        if text[start:stop] == " ":
            behind, before = stop, used


def _graphemes(texts: Sequence[str]) -> Iterable[tuple[int, int, int]]:
    """Yield start and end of each character in the joined texts, and its cells; none reaches over two texts."""
    before = 0
    for text in texts:
        spans, _ = split_graphemes(text)
        yield from ((before + start, before + stop, cells) for start, stop, cells in spans)
        before += len(text)
