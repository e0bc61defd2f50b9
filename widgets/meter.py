"""How much of something is used: label, bar, figures, and the state in a word and a sign besides the colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from textual.content import Content

from mailtui.widgets.content_lines import ContentLines
from mailtui.widgets.glyphs import UNICODE, Glyphs

BAR_MAX: Final = 40
"""A longer bar tells no more."""


BAR_FROM: Final = 16
"""A bar is drawn if so many cells are left for it and the figures."""

PERCENT_WIDTH: Final = 4
STATE_WIDTH: Final = 7


class Level(StrEnum):
    """How bad a reading is."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    STALE = "stale"
    """The reading is too old to be taken for the present."""
    UNKNOWN = "unknown"
    """There is no reading."""


_SIGNS: Final = {Level.OK: " ", Level.WARN: "!", Level.BAD: "!!", Level.STALE: "~", Level.UNKNOWN: "?"}
_WORDS: Final = {Level.OK: "ok", Level.WARN: "high", Level.BAD: "full", Level.STALE: "stale", Level.UNKNOWN: "unknown"}
_STYLES: Final = {
    Level.OK: "$text-success",
    Level.WARN: "$text-warning",
    Level.BAD: "bold $text-error",
    Level.STALE: "$text-muted",
    Level.UNKNOWN: "$text-muted",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One measurement to show."""

    used: float | None
    """None if it could not be told."""
    limit: float | None
    """What `used` is a part of; None if there is no limit or it is not known."""
    level: Level
    text: str = ""
    """The figures, such as `12.3 of 30 GB`."""
    word: str = ""
    """The state in a word, if another than the usual one fits better."""

    @property
    def share(self) -> float | None:
        """How much of the limit is used, None if that cannot be told."""
        if self.used is None or not self.limit or self.limit < 0:
            return None
        return self.used / self.limit


def bar_text(share: float | None, width: int, glyphs: Glyphs = UNICODE) -> tuple[str, str]:
    """Draw a bar of exactly `width` cells: its filled and its empty part."""
    if share is None or width <= 0:
        return "", glyphs.empty * max(0, width)
    steps = len(glyphs.parts) + 1
    filled = round(min(1.0, max(0.0, share)) * width * steps)
    if share > 0:
        filled = max(1, filled)
    whole, part = divmod(filled, steps)
    full = glyphs.full * whole + (glyphs.parts[part - 1] if part else "")
    return full, glyphs.empty * (width - len(full))


class Meter(ContentLines):
    """A bar with label, share in percent, figures and state."""

    DEFAULT_CSS = """
    Meter { height: 1; width: 1fr; color: $foreground; }
    """

    def __init__(
        self,
        label: Content,
        *,
        label_width: int = 10,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._label = label
        self._label_width = label_width
        self._reading = Reading(None, None, Level.UNKNOWN)

    @property
    def reading(self) -> Reading:
        """What is on show."""
        return self._reading

    def show_reading(self, reading: Reading) -> None:
        """Show another measurement."""
        if reading != self._reading:
            self._reading = reading
            self.lines_changed()

    def lay_lines(self, width: int) -> Sequence[Content]:
        """Draw the line; the bar's place depends on the width alone, so that meters beneath each other line up."""
        reading = self._reading
        share = reading.share
        style = _STYLES[reading.level]
        label = self._label.truncate(min(self._label_width, width), ellipsis=True, pad=True)
        percent = "" if share is None else f"{share * 100:.0f}%"
        word = f"{_SIGNS[reading.level]} {reading.word or _WORDS[reading.level]}"
        rest = width - self._label_width - 2 - PERCENT_WIDTH - STATE_WIDTH
        parts = [label, Content(f"{percent:>{PERCENT_WIDTH}}"), Content.styled(f"{word:<{STATE_WIDTH}}", style)]
        if rest >= BAR_FROM:
            parts.insert(1, self._bar(share, min(rest // 3, BAR_MAX), style))
        if reading.text and rest > 1:
            parts.append(Content.styled(reading.text, "$text-muted"))
        if rest < 0:
            parts = [label, Content.styled(word, style)]
        return [Content(" ").join(parts).truncate(width, ellipsis=True)]

    def _bar(self, share: float | None, width: int, style: str) -> Content:
        full, empty = bar_text(share, width, self.glyphs)
        return Content.assemble((full, style), (empty, "$border-blurred"))
