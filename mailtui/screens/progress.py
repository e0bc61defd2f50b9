"""How far an action is, with Stop; and what became of each message of the last ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button

from mailtui.clock import SYSTEM, Clock
from mailtui.keys import Scope
from mailtui.panes.bindings import bindings
from mailtui.panes.pane import Pane, cell
from mailtui.screens.base import MailScreen
from mailtui.screens.dialog import Dialog
from mailtui.store import Store
from mailtui.text import show_line
from mailtui.widgets.fields import Field, Fields
from mailtui.widgets.transcript import Transcript

METER = 30
"""Cells of the bar."""


class ProgressScreen(Dialog[None]):
    """One action under way; Esc hides the window, the action goes on."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("s", "stop", "Stop", show=False)]
    AUTO_FOCUS: ClassVar[str | None] = "#progress-hide"

    def __init__(self, title: str, total: int, stop: Callable[[], None]) -> None:
        super().__init__(classes="progress")
        self._title = title
        self._total = total
        self._stop = stop
        self._done = 0
        self._words = ""
        self._stopping = False
        self._over = False
        self._fields = Fields()

    def compose(self) -> ComposeResult:
        """Lay out counts over buttons."""
        with Vertical(classes="dialog -danger", id="progress-dialog"):
            with VerticalScroll(can_focus=False):
                yield self._fields
            with Horizontal(id="progress-buttons"):
                yield Button(cell("Hide"), id="progress-hide", compact=True)
                yield Button(cell("Stop (s)"), id="progress-stop", variant="error", compact=True)

    def on_mount(self) -> None:
        """Show how far it is."""
        dialog = self.query_one("#progress-dialog")
        dialog.border_title = Content(show_line(self._title))
        dialog.border_subtitle = Content("Esc hides this, it goes on")
        self.paint()

    def show(self, done: int, words: str) -> None:
        """Show how far it is now."""
        self._done, self._words = done, words
        self.paint()

    def finish(self) -> None:
        """Close, now or as soon as it is seen again: it is over."""
        self._over = True
        if self.is_current:
            self.dismiss(None)

    def on_screen_resume(self) -> None:
        """Close, where it is over."""
        if self._over:
            self.dismiss(None)

    def paint(self) -> None:
        """Draw the bar."""
        full = METER * self._done // self._total if self._total else 0
        bar = Content.assemble(("━" * full, "$primary"), ("━" * (METER - full), "$rule"))
        said = f"{self._done:,} of {self._total:,}"
        fields = [Field("done", Content.assemble(bar, "  ", cell(said))), Field("so far", cell(self._words or "-"))]
        if self._stopping:
            fields.append(Field("stop", cell("after this batch: what runs is let finish", "$warning")))
        self._fields.show_fields(fields)

    def action_stop(self) -> None:
        """Have it stop after the batch that runs."""
        self._stopping = True
        self._stop()
        self.paint()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "progress-stop":
            self.action_stop()
        else:
            self.dismiss(None)


class OutcomesPane(Pane):
    """Finished lines, to scroll through."""

    def __init__(self, store: Store, title: str, lines: Sequence[Content], *, clock: Clock = SYSTEM) -> None:
        super().__init__(store, clock=clock, id="outcomes")
        self._title = title
        self._lines = lines

    def compose(self) -> ComposeResult:
        """Lay out the lines."""
        yield Transcript(empty=Content("nothing was done yet"))

    def on_mount(self) -> None:
        """Show them."""
        super().on_mount()
        self.query_one(Transcript).show_lines(self._lines)
        self.set_title(self._title, "Esc goes back")


class LinesScreen(MailScreen):
    """Finished lines on a screen of their own: outcomes, or the messages of an undo set."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.ABOVE)

    def __init__(self, title: str, lines: Sequence[Content]) -> None:
        super().__init__(classes="outcomes")
        self._title = title
        self._lines = lines

    def body(self) -> Iterable[Widget]:
        """Give the one pane."""
        yield OutcomesPane(self.console.store, self._title, self._lines, clock=self.console.clock)
