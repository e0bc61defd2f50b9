"""What the big views share: theme styles, a calm scroll bar and a height that changes without a new layout."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual.color import Color, ColorParseError
from textual.content import Content
from textual.css.tokenizer import TokenError
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.strip import Strip
from textual.style import Style as VisualStyle
from textual.widget import Widget

from mailtui.widgets.cells import fit, fold, segments_of
from mailtui.widgets.glyphs import Glyphs, glyphs_of


class SolidScrollBar(ScrollBarRender):
    """A scroll bar of whole cells: no block characters, so that it also works in ASCII."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "]
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "]


# Textual's own switch, and it is for the whole program: one look everywhere.
ScrollBar.renderer = SolidScrollBar


class LineView(ScrollView, can_focus=True, inherit_bindings=False):
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

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._styles_by_name: dict[str, Style] = {}
        self._visuals: dict[str | VisualStyle, VisualStyle] = {}
        self._known_glyphs: Glyphs | None = None

    def style_for(self, name: str) -> Style:
        """Give the rich style of a component class, a theme variable (`warning`) or a definition (`bold $warning`).

        A name that the theme does not know is the plain style: a poor user theme must not end the program.
        """
        style = self._styles_by_name.get(name)
        if style is None:
            style = self._styles_by_name[name] = self._resolve(name)
        return style

    def visual_for(self, style: str | VisualStyle) -> VisualStyle:
        """Resolve a style within Content to opaque colours on the background of this view."""
        visual = self._visuals.get(style)
        if visual is None:
            visual = self._visuals[style] = self._opaque(self._parse(style) if isinstance(style, str) else style)
        return visual

    @property
    def glyphs(self) -> Glyphs:
        """The signs to draw with."""
        if self._known_glyphs is None:
            self._known_glyphs = glyphs_of(self)
        return self._known_glyphs

    @property
    def line_width(self) -> int:
        """Cells that a line may fill: all but the scroll bar."""
        return max(0, self.scrollable_content_region.width)

    def forget_painted(self) -> None:
        """Drop all cached lines: the styles or the width have changed."""

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

    def notify_style_update(self) -> None:
        """Forget what was painted with other styles."""
        super().notify_style_update()
        self._styles_by_name.clear()
        self._visuals.clear()
        self._known_glyphs = None
        self.forget_painted()

    def _resolve(self, name: str) -> Style:
        if "--" in name:
            return self._component(name)
        definition = f"${name}" if name and " " not in name and "$" not in name else name
        return self.visual_for(definition).rich_style

    def _component(self, name: str) -> Style:
        """Give what the CSS says of a component class and no more, blended onto the background of this view."""
        styles = self.get_component_styles(name)
        background = self.background_colors[1] + styles.background if styles.has_rule("background") else None
        color = styles.color if styles.has_rule("color") else None
        visual = self._opaque(VisualStyle(background, color))
        return visual.rich_style + styles.text_style

    def _parse(self, definition: str) -> VisualStyle:
        try:
            return self.app.stylesheet.parse_style(definition)
        except (TokenError, ColorParseError):
            return VisualStyle.null()

    def _opaque(self, style: VisualStyle) -> VisualStyle:
        color = style.foreground
        if color is None or (color.a == 1 and not color.auto):
            return style
        ground: Color = style.background or self.background_colors[1]
        if color.auto:
            color = ground.get_contrast_text(color.a)
        rest = VisualStyle(style.background, ground + color)
        return style.without_color + rest
