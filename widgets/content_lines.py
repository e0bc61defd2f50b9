"""A few lines of finished content: of those that change each is painted alone, the others stay as they are."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.geometry import Region, Size
from textual.strip import Strip

from mailtui.widgets.cells import fit, segments_of
from mailtui.widgets.theme_styles import ThemeStyles


class ContentLines(ThemeStyles):
    """A widget as high as its lines; subclasses say what they are for a width."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._width = -1
        self._laid: Sequence[Content] = ()
        self._strips: dict[int, Strip] = {}
        self.lines_built = 0
        """Lines turned into strips so far; tests and benches count work by it."""

    def lay_lines(self, width: int) -> Sequence[Content]:
        """Give the lines for this width, as they are now."""
        raise NotImplementedError

    def lines_changed(self) -> None:
        """Have those lines painted again that are others now; a new layout is made only when their number changes."""
        before, width = self._laid, self.size.width
        self._width, self._laid = width, self.lay_lines(width)
        if width <= 0 or len(before) != len(self._laid):
            # what had no room yet, or took none, finds its height in the layout
            self._strips.clear()
            self.refresh(layout=True)
            return
        for y, (old, new) in enumerate(zip(before, self._laid, strict=True)):
            if old is not new and not old.is_same(new):
                self._strips.pop(y, None)
                self.refresh(Region(0, self.gutter.top + y, self.outer_size.width, 1))

    def render(self) -> Content:
        """Give the whole of it."""
        return Content("\n").join(self.lay_lines(self.size.width))

    def render_line(self, y: int) -> Strip:
        """Paint a line, unless it is painted already."""
        width = self.size.width
        if width != self._width:
            self._width, self._laid = width, self.lay_lines(width)
            self._strips.clear()
        strip = self._strips.get(y)
        if strip is None:
            self.lines_built += 1
            segments = segments_of(self._laid[y], self.visual_for) if y < len(self._laid) else ()
            strip = Strip(fit(segments, width, "left", self.visual_style.rich_style, self.glyphs.ellipsis), width)
            self._strips[y] = strip
        return strip

    def forget_painted(self) -> None:
        """Drop all strips: other styles."""
        self._width = -1

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as there are at this width."""
        return max(1, len(self.lay_lines(width)))
