"""A view that follows the end of a growing list of lines and costs no more for a million of them."""

from __future__ import annotations

from time import monotonic
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.scrollbar import ScrollDown, ScrollTo, ScrollUp
from textual.strip import Strip

from mailtui.widgets.cells import fit, fold, segments_of
from mailtui.widgets.line_view import LineView
from mailtui.widgets.tail_source import TailSource
from mailtui.widgets.wrapping import Place, Walker

FLUSH_SECONDS: Final = 0.05
"""New lines are painted at most this often."""

WHEEL_ROWS: Final = 3
"""Rows a notch of the mouse wheel scrolls."""


class TailView(LineView):
    """Follows new lines; scrolling up pauses, and says how many lines came since."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "tail-view--cursor",
        "tail-view--cursor-blurred",
        "tail-view--cursor-sign",
        "tail-view--badge",
        "tail-view--wrapped",
        "tail-view--empty",
    }

    DEFAULT_CSS = """
    TailView {
        & > .tail-view--cursor { background: $block-cursor-background; }
        & > .tail-view--cursor-blurred { background: $block-cursor-blurred-background; }
        & > .tail-view--cursor-sign { color: $primary; }
        & > .tail-view--badge { color: $background; background: $accent; text-style: bold; }
        & > .tail-view--wrapped { color: $text-muted; }
        & > .tail-view--empty { color: $text-muted; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Down", show=False, id="tail.down"),
        Binding("k,up", "move(-1)", "Up", show=False, id="tail.up"),
        Binding("g,home", "first", "First", show=False, id="tail.first"),
        Binding("G,end", "last", "Follow", show=False, id="tail.last"),
        Binding("ctrl+f,pagedown", "page(1.0)", "Page down", show=False, id="tail.page_down"),
        Binding("ctrl+b,pageup", "page(-1.0)", "Page up", show=False, id="tail.page_up"),
        Binding("ctrl+d", "page(0.5)", "Half page down", show=False, id="tail.half_down"),
        Binding("ctrl+u", "page(-0.5)", "Half page up", show=False, id="tail.half_up"),
        Binding("f", "follow", "Follow", show=False, id="tail.follow"),
        Binding("w", "wrap", "Wrap", show=False, id="tail.wrap"),
        Binding("enter", "activate", "Open", show=False, id="tail.open"),
    ]

    following: reactive[bool] = reactive(True)
    """Whether the newest line stays in sight."""

    wrap: reactive[bool] = reactive(False)
    """Whether long lines are continued on the next row instead of being cut."""

    class TailMessage(Message):
        """Something happened in this view."""

        def __init__(self, view: TailView) -> None:
            super().__init__()
            self.view = view

        @property
        def control(self) -> TailView:
            """The view, for `@on` with a selector."""
            return self.view

    class FollowChanged(TailMessage):
        """The view was paused or follows again."""

        def __init__(self, view: TailView, following: bool) -> None:
            super().__init__(view)
            self.following = following

    class LineActivated(TailMessage):
        """Enter or a double click on a line."""

        def __init__(self, view: TailView, number: int) -> None:
            super().__init__(view)
            self.number = number

    def __init__(
        self,
        source: TailSource,
        *,
        cursor: bool = True,
        follow: bool = True,
        wrap: bool = False,
        empty: Content | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._source = source
        self._with_cursor = cursor
        self._empty = empty or Content("no lines yet")
        self._top = Place(source.first)
        self._seen_end = source.first + len(source)
        self._cursor = source.first
        self._rows: LRUCache[int, tuple[Strip, ...]] = LRUCache(1024)
        self._rows_width = 0
        self._screen: list[Place] | None = None
        self._flush_pending = False
        self._flushed = 0.0
        self.lines_built = 0
        """Lines turned into strips so far; tests and benches count work by it."""
        self.set_reactive(TailView.following, follow)
        self.set_reactive(TailView.wrap, wrap)

    # What the caller sees

    @property
    def source(self) -> TailSource:
        """The lines on show."""
        return self._source

    @property
    def top_line(self) -> int:
        """The number of the uppermost line on the screen."""
        places = self._places()
        return places[0].line if places else self._source.first

    @property
    def cursor_line(self) -> int | None:
        """The number of the line of the cursor; None while following or without a cursor."""
        if self.following or not self._with_cursor or not len(self._source):
            return None
        return self._cursor

    @property
    def new_lines(self) -> int:
        """Lines that came since the view was paused."""
        return 0 if self.following else max(0, self._end - self._seen_end)

    def set_source(self, source: TailSource, *, at: int | None = None) -> None:
        """Show other lines, paused with the line `at` in sight or, by default, as before."""
        self._source = source
        self.forget_painted()
        if not self.following:
            self._seen_end = self._end
        if at is not None:
            self.show_line(at)
        else:
            self._settle()

    def set_empty(self, text: Content) -> None:
        """Say something else where there are no lines."""
        if not text.is_same(self._empty):
            self._empty = text
            self.refresh()

    def badge(self) -> str:
        """Give what stands in the lower right corner while paused: how many lines came below what is seen."""
        new, places = self.new_lines, self._places()
        return f" {self.glyphs.down} +{new:,} new " if new and places and places[-1].line < self._end - 1 else ""

    def notify_lines(self) -> None:
        """Say that lines were added or dropped; many calls make one repaint."""
        if self._flush_pending or not self.is_attached:
            return
        if (wait := self._flushed + FLUSH_SECONDS - monotonic()) <= 0:
            self._flush()
        else:
            self._flush_pending = True
            self.set_timer(wait, self._flush)

    def show_line(self, number: int) -> None:
        """Pause with this line in the middle of the screen and the cursor on it."""
        if not len(self._source):
            return
        self.following = False
        self._cursor = min(max(number, self._source.first), self._end - 1)
        self._top = self._walker().up(Place(self._cursor), self._height // 2)
        self._settle()

    # Keys

    def action_move(self, rows: int) -> None:
        """Move the cursor by lines or, without one, the view by rows."""
        if not self._with_cursor:
            self._scroll(rows)
        elif self.following:
            if rows < 0:
                self.following = False
                self._move_cursor(self._cursor + rows)
        elif rows > 0 and self._cursor >= self._end - 1:
            self.following = True
        else:
            self._move_cursor(self._cursor + rows)

    def action_first(self) -> None:
        """Pause at the oldest line."""
        self.following = False
        self._cursor = self._source.first
        self._top = Place(self._source.first)
        self._settle()

    def action_last(self) -> None:
        """Follow again."""
        self.following = True

    def action_follow(self) -> None:
        """Pause or follow."""
        self.following = not self.following

    def action_wrap(self) -> None:
        """Wrap long lines or cut them."""
        self.wrap = not self.wrap

    def action_page(self, pages: float) -> None:
        """Scroll by pages."""
        self._scroll(int(pages * self._height) or (1 if pages > 0 else -1))

    def action_activate(self) -> None:
        """Open the line of the cursor; while following, pause first so that it is clear which one."""
        if not self._with_cursor or not len(self._source):
            return
        if self.following:
            self.following = False
        else:
            self.post_message(self.LineActivated(self, self._cursor))

    # Mouse and scroll bar

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll down."""
        self._wheel(event, WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll up."""
        self._wheel(event, -WHEEL_ROWS)

    def on_scroll_up(self, message: ScrollUp) -> None:
        """Page up: a click above the handle."""
        message.prevent_default()
        self.action_page(-1.0)

    def on_scroll_down(self, message: ScrollDown) -> None:
        """Page down: a click below the handle."""
        message.prevent_default()
        self.action_page(1.0)

    def on_scroll_to(self, message: ScrollTo) -> None:
        """Go where the handle was dragged."""
        message.prevent_default()
        if message.y is not None:
            self._go(Place(self._source.first + max(0, round(message.y))))

    def on_click(self, event: events.Click) -> None:
        """Pause with the cursor on the line; open it on a double click."""
        offset = event.get_content_offset(self)
        places = self._places()
        if offset is None or not self._with_cursor or offset.y >= len(places):
            return
        event.stop()
        self.following = False
        self._move_cursor(places[offset.y].line)
        if event.chain == 2:
            self.action_activate()

    # Changes

    def on_mount(self) -> None:
        """Find the end."""
        self._settle()

    def on_resize(self) -> None:
        """Measure lines anew."""
        self.forget_painted()
        self._settle()

    def watch_following(self, following: bool) -> None:
        """Remember where the view was paused, or jump to the end."""
        if not self.is_attached:
            return
        if not following:
            self._seen_end = self._end
            self._cursor = max(self._source.first, self._end - 1)
        self._settle()
        self.post_message(self.FollowChanged(self, following))

    def watch_wrap(self) -> None:
        """Lay the lines out anew, from the same top line."""
        self._top = Place(self._top.line)
        self.forget_painted()
        if self.is_attached:
            self._settle()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Do nothing: the place of the view is a line number, the scroll offset only shows it."""

    def forget_painted(self) -> None:
        """Drop the strips: other styles or another width."""
        self._rows.clear()
        self._screen = None

    # Where the view stands

    @property
    def _end(self) -> int:
        return self._source.first + len(self._source)

    @property
    def _height(self) -> int:
        return max(1, self.size.height)

    def _walker(self) -> Walker:
        return Walker(self._source.first, self._end, self._height_of)

    def _height_of(self, number: int) -> int:
        return len(self._strips(number)) if self.wrap else 1

    def _measured(self) -> int:
        """Give the width; on another one every line may have another height."""
        width = self.line_width
        if width != self._rows_width:
            self._rows_width = width
            self.forget_painted()
        return width

    def _places(self) -> list[Place]:
        if self._screen is None:
            self._screen = self._walker().screen(self._top, self._height)
        return self._screen

    def _flush(self) -> None:
        self._flush_pending = False
        self._flushed = monotonic()
        self._settle()
        for place in self._places() if self.is_attached else ():
            self._strips(place.line)  # now, so that the frame only has to paint them

    def _settle(self) -> None:
        """Bring the place within the lines that are there, show it on the scroll bar and repaint."""
        if not self.is_attached:
            return
        self._measured()
        bottom = self._walker().bottom(self._height)
        self._top = bottom if self.following else min(max(self._top, Place(self._source.first)), bottom)
        last = max(self._source.first, self._end - 1)
        self._cursor = last if self.following else min(max(self._cursor, self._source.first), last)
        self._screen = None
        self.set_extent(bottom.line - self._source.first + self._height)
        offset = self._top.line - self._source.first
        self.set_scroll(None, offset)
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.position = offset
        self.refresh()

    def _go(self, top: Place) -> None:
        """Put the view elsewhere, the cursor stays within it; past the end it follows."""
        bottom = self._walker().bottom(self._height)
        if top >= bottom and self._top >= bottom:
            self.following = True
            return
        self.following = False
        self._top = min(top, bottom)
        self._settle()
        places = self._places()
        if places:
            self._cursor = min(max(self._cursor, places[0].line), places[-1].line)

    def _scroll(self, rows: int) -> None:
        walker = self._walker()
        self._go(walker.down(self._top, rows) if rows > 0 else walker.up(self._top, -rows))

    def _wheel(self, event: events.MouseEvent, rows: int) -> None:
        event.stop()
        event.prevent_default()
        self._scroll(rows)

    def _move_cursor(self, number: int) -> None:
        self._cursor = min(max(number, self._source.first), max(self._source.first, self._end - 1))
        places = self._places()
        if places and self._cursor <= places[0].line:
            self._top = Place(self._cursor)
        elif places and self._cursor >= places[-1].line:
            self._top = self._walker().up(Place(self._cursor + 1), self._height)
        self._settle()

    # Painting

    def render_line(self, y: int) -> Strip:
        """Give one row, the last one with the badge over it."""
        width = self._measured()
        places = self._places()
        if y < len(places):
            place = places[y]
            strips = self._strips(place.line)
            strip = strips[place.row] if place.row < len(strips) else Strip.blank(width, self._ground)
            if self.cursor_line == place.line:
                strip = self._with_cursor_on(strip)
        else:
            strip = Strip.blank(width, self._ground) if places else self.text_row(self._empty, y, "tail-view--empty")
        if not self.following and y == self._height - 1 and places:
            return self._badged(strip, width)
        return strip

    @property
    def _ground(self) -> Style:
        return self.visual_style.rich_style

    def _strips(self, number: int) -> tuple[Strip, ...]:
        strips = self._rows.get(number)
        if strips is None:
            strips = self._rows[number] = self._build(number)
        return strips

    def _build(self, number: int) -> tuple[Strip, ...]:
        self.lines_built += 1
        ground = self._ground
        gutter = [Segment(" ", ground)] if self._with_cursor else []
        width = self._rows_width - len(gutter)
        if width <= 0:
            return (Strip(gutter),)
        segments = segments_of(self._source.line(number), self.visual_for)
        sign = Segment(f"{self.glyphs.wrapped} ", self.style_for("tail-view--wrapped"))
        rows = fold(segments, width, sign) if self.wrap else [segments]
        return tuple(Strip([*gutter, *fit(row, width, "left", ground, self.glyphs.ellipsis)]) for row in rows)

    def _with_cursor_on(self, strip: Strip) -> Strip:
        over = self.style_for(f"tail-view--cursor{'' if self.has_focus else '-blurred'}")
        sign = self._ground + over + self.style_for("tail-view--cursor-sign")
        rest = [Segment(text, style + over if style else over) for text, style, _ in strip][1:]
        return Strip([Segment(self.glyphs.cursor, sign), *rest])

    def _badged(self, strip: Strip, width: int) -> Strip:
        text = self.badge()
        if not text or len(text) > width:
            return strip
        badge = Segment(text, self._ground + self.style_for("tail-view--badge"))
        return Strip([*strip.crop(0, width - len(text)), badge])
