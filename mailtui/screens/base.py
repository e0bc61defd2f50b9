"""What all screens share: one header line, panes, a footer from the key table, and the moving between panes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widget import Widget

from mailtui.keys import Scope
from mailtui.panes.bindings import bindings
from mailtui.panes.pane import Pane
from mailtui.screens.footer import KeyLine
from mailtui.screens.header import Header
from mailtui.screens.painting import PartCompositor
from mailtui.screens.tabs import PaneTabs

if TYPE_CHECKING:
    from mailtui.app import Console


class MailScreen(Screen[None]):
    """A screen of the console."""

    # the pane to start with takes the focus itself; until then no hidden filter may swallow keys typed ahead
    AUTO_FOCUS: ClassVar[str | None] = ""
    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.PANES)
    NARROW: ClassVar[int] = 100
    """Under this width one pane shows at a time."""

    def __init__(self, *, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self._compositor = self._parts = PartCompositor()

    @property
    def console(self) -> Console:
        """The app this screen belongs to."""
        return cast("Console", self.app)

    def compose(self) -> ComposeResult:
        """Lay out header, panes and footer."""
        yield Header(self.console.store, self.console.about, clock=self.console.clock)
        yield from self.body()
        yield KeyLine(show_command_palette=False)

    def body(self) -> Iterable[Widget]:
        """Give what stands between header and footer."""
        return ()

    @property
    def panes(self) -> list[Pane]:
        """The panes of this screen, in order."""
        return list(self.query(Pane))

    @property
    def pane(self) -> Pane | None:
        """The pane that has the focus."""
        focused = self.focused
        if focused is None:
            return None
        return next((node for node in focused.ancestors_with_self if isinstance(node, Pane)), None)

    def on_mount(self) -> None:
        """Put the focus into the first pane, unless the screen chose another."""
        if self.panes and not any(pane.has_class("-current") for pane in self.panes):
            self.focus_pane(self.panes[0])

    def on_screen_resume(self) -> None:
        """Catch up with what happened while another screen was on top."""
        for pane in self.panes:
            pane.pull()
        self.paint_lines()

    def _compositor_refresh(self) -> None:
        super()._compositor_refresh()
        if self._parts.rest:
            # by the loop, and not at once: whatever waits there has its turn before
            asyncio.get_running_loop().call_soon(self.call_later, self._paint_rest)

    def _paint_rest(self) -> None:
        """Paint what the last frame left."""
        if self.is_current and self._parts.rest:
            if self.app._batch_count:
                self.refresh(*self._parts.rest)
            else:
                self._compositor_refresh()

    def paint_lines(self) -> None:
        """Paint the lines above the panes as of now."""
        for line in self.query("Header, PaneTabs"):
            if isinstance(line, Header | PaneTabs):
                line.paint()

    def on_resize(self) -> None:
        """Choose between one pane and all."""
        self.set_class(self.size.width < self.NARROW, "-narrow")
        self.paint_lines()

    def focus_pane(self, pane: Pane) -> None:
        """Give a pane the focus, and on a narrow screen the whole of it."""
        for other in self.panes:
            other.set_class(other is pane, "-current")
        self.paint_lines()
        view = pane.query("VirtualTable, TailView, VerticalScroll").first()
        if all(node.display for node in view.ancestors_with_self):
            # at once: the next key may have been typed already, and must not act on the pane left behind
            self.set_focus(view)
        else:
            # a pane that was hidden until now takes the focus only when it is laid out
            self.call_after_refresh(view.focus)

    def step_pane(self, step: int) -> None:
        """Go to the next or previous pane."""
        panes = self.panes
        if panes:
            at = panes.index(self.pane) if self.pane in panes else 0
            self.focus_pane(panes[(at + step) % len(panes)])

    def go_back(self) -> bool:
        """Undo the innermost thing (a filter); False where there is nothing to undo and the screen may go."""
        pane = self.pane
        clear = getattr(pane, "clear_filter", None)
        return bool(clear is not None and clear())
