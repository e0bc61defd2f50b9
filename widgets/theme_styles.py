"""Styles of the theme for widgets that paint by themselves: each is resolved once."""

from __future__ import annotations

from typing import Any

from rich.style import Style
from textual.color import Color, ColorParseError
from textual.css.tokenizer import TokenError
from textual.style import Style as VisualStyle
from textual.widget import Widget

from mailtui.widgets.glyphs import Glyphs, glyphs_of


class ThemeStyles(Widget):
    """A widget that knows styles by their names in the theme."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
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

    def forget_painted(self) -> None:
        """Drop all cached lines: the styles or the width have changed."""

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
