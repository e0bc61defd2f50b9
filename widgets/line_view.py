"""What the big views share: theme styles, a calm scroll bar and a height that changes without a new layout."""

from __future__ import annotations

from typing import ClassVar

from textual.content import Content
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.strip import Strip
from textual.widget import Widget

from mailtui.widgets.cells import fit, fold, segments_of
from mailtui.widgets.theme_styles import ThemeStyles


class SolidScrollBar(ScrollBarRender):
    """A scroll bar of whole cells: no block characters, so that it also works in ASCII."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "]
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "]


# Textual's own switch, and it is for the whole program: one look everywhere.
ScrollBar.renderer = SolidScrollBar


# ScrollView first: Textual takes the style sheet of the first base alone
class LineView(ScrollView, ThemeStyles, can_focus=True, inherit_bindings=False):
    """A Line API view over content of any length; subclasses render one screen line at a time."""

    ALLOW_SELECT = False

    DEFAULT_CSS = """
    LineView {
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        background: $background;
        color: $foreground;
    }
    """

    @property
    def line_width(self) -> int:
        """Cells that a line may fill: all but the scroll bar."""
        return max(0, self.scrollable_content_region.width)

    def set_extent(self, height: int) -> None:
        """Set the height of the content; a layout is made only when the scroll bar comes or goes."""
        room = self.container_size.height
        size = Size(0, height)
        if size == self.virtual_size:
            return
        if not room or (height > room) != self.show_vertical_scrollbar:
            self.virtual_size = size
            return
        self.set_reactive(Widget.virtual_size, size)
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.window_virtual_size = height

    def repaint_line(self, y: int) -> None:
        """Have one line of the screen painted again."""
        self.refresh(Region(0, y, self.line_width, 1))

    def text_row(self, text: Content, y: int, component: str) -> Strip:
        """Give row `y` of a view that has nothing but a text to show: wrapped, from a third of the height on."""
        style, width = self.visual_style.rich_style + self.style_for(component), self.line_width
        rows = fold(segments_of(text, self.visual_for), width)
        at = y - max(0, min(self.size.height // 3, self.size.height - len(rows)))
        return Strip(fit(rows[at] if 0 <= at < len(rows) else (), width, "left", style, self.glyphs.ellipsis))
