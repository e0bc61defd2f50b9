"""A history chart one line high: levels for samples, gaps where samples are missing."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from mailtui.widgets.content_lines import ContentLines
from mailtui.widgets.glyphs import UNICODE, Glyphs


def trend_text(
    samples: Sequence[float | None],
    width: int,
    glyphs: Glyphs = UNICODE,
    *,
    low: float | None = 0.0,
    high: float | None = None,
) -> str:
    """Draw the newest samples at the right end of exactly `width` cells; None is a gap.

    More samples than cells are grouped, and the highest of a group is shown, so that no peak is lost. Without `low` or
    `high` the scale begins or ends at what is there.
    """
    if width <= 0:
        return ""
    groups = _group(samples, width)
    known = [value for value in groups if value is not None]
    if not known:
        return glyphs.gap * len(groups) + " " * (width - len(groups))
    floor = min(known) if low is None else low
    ceiling = max(known) if high is None else high
    drawn = "".join(glyphs.gap if value is None else _level(value, floor, ceiling, glyphs) for value in groups)
    return drawn.rjust(width)


def _group(samples: Sequence[float | None], width: int) -> list[float | None]:
    """Give at most `width` values, each the highest of an equal share of the samples."""
    count = len(samples)
    if count <= width:
        return list(samples)
    groups: list[float | None] = []
    for i in range(width):
        share = [value for value in samples[i * count // width : (i + 1) * count // width] if value is not None]
        groups.append(max(share) if share else None)
    return groups


def _level(value: float, floor: float, ceiling: float, glyphs: Glyphs) -> str:
    levels = glyphs.levels
    if ceiling <= floor:
        return levels[0]
    share = min(1.0, max(0.0, (value - floor) / (ceiling - floor)))
    return levels[min(len(levels) - 1, int(share * len(levels)))]


class Trend(ContentLines):
    """A labelled history chart: label, chart, and what the newest sample is, in words."""

    DEFAULT_CSS = """
    Trend { height: 1; width: 1fr; color: $foreground; }
    """

    def __init__(
        self,
        label: Content | None = None,
        *,
        style: str = "$primary",
        low: float | None = 0.0,
        high: float | None = None,
        label_width: int = 10,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._label = label or Content("")
        self._style = style
        self._low = low
        self._high = high
        self._label_width = label_width
        self._samples: tuple[float | None, ...] = ()
        self._text = Content("")

    def show_samples(self, samples: Sequence[float | None], text: Content) -> None:
        """Draw these samples, the newest last, with `text` at the right."""
        self._samples = tuple(samples)
        self._text = text
        self.lines_changed()

    def lay_lines(self, width: int) -> Sequence[Content]:
        """Draw the line."""
        label = self._label.truncate(min(self._label_width, width), ellipsis=True, pad=True)
        room = width - label.cell_length - self._text.cell_length - 2
        if room < 4:
            return [Content(" ").join([label, self._text]).truncate(width, ellipsis=True)]
        chart = trend_text(self._samples, room, self.glyphs, low=self._low, high=self._high)
        return [Content(" ").join([label, Content.styled(chart, self._style), self._text])]
