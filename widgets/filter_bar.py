"""A line to type a filter into, checked at every key, with the fault shown beneath where it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static

from mailtui.widgets.cells import printable
from mailtui.widgets.glyphs import glyphs_of

QUIET_SECONDS: Final = 0.08
"""A filter is announced when no key came for so long."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a text, and from which character on if that is known."""

    message: str
    column: int | None = None


Check: TypeAlias = Callable[[str], Fault | str | None]
"""Says what is wrong with a text, None if nothing is."""

Unfinished: TypeAlias = Callable[[str], bool]
"""Tells whether a text, though valid, looks like the beginning of another."""


def fault_line(fault: Fault, text: str, shift: int, width: int, caret: str) -> Content:
    """Put a caret under the fault and the message after it, or before it where that does not fit.

    `shift` is where the first character of `text` stands.
    """
    message = printable(fault.message)
    line = " " * max(0, shift) + message
    if fault.column is not None:
        at = min(max(0, shift + cell_len(text[: max(0, fault.column)])), max(0, width - 1))
        if at + 2 + cell_len(message) <= width or at < cell_len(message) + 2:
            line = f"{' ' * at}{caret} {message}"
        else:
            line = f"{' ' * (at - 1 - cell_len(message))}{message} {caret}"
    return Content.styled(line, "$text-error").truncate(max(0, width), ellipsis=True)


class FilterBar(Widget):
    """One line of input; announces valid texts only, so that a half-typed one does not empty the list."""

    DEFAULT_CSS = """
    FilterBar {
        height: auto; width: 1fr; background: $panel;
        & Horizontal { height: 1; }
        & .filter-bar--prompt { width: auto; color: $primary; text-style: bold; padding: 0 0 0 1; background: $panel; }
        & Input { width: 1fr; border: none; padding: 0; height: 1; background: $panel; color: $foreground; }
        & Input:focus { border: none; background: $panel; }
        & .filter-bar--fault { height: 1; display: none; color: $text-error; }
        &.-fault .filter-bar--fault { display: block; }
        &.-fault .filter-bar--prompt { color: $text-error; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "escape", "Clear, close", show=False, id="filter.escape"),
    ]

    class FilterMessage(Message):
        """Something happened in this bar."""

        def __init__(self, bar: FilterBar, text: str) -> None:
            super().__init__()
            self.bar = bar
            self.text = text

        @property
        def control(self) -> FilterBar:
            """The bar, for `@on` with a selector."""
            return self.bar

    class FilterChanged(FilterMessage):
        """Another valid filter was typed."""

        def can_replace(self, message: Message) -> bool:
            """Only the last text counts."""
            return isinstance(message, FilterBar.FilterChanged) and message.bar is self.bar

    class FilterClosed(FilterMessage):
        """Done: Enter keeps `text` as the filter, Escape on an empty bar ends with none."""

    def __init__(
        self,
        check: Check,
        *,
        text: str = "",
        prompt: str = "/",
        placeholder: str = "",
        unfinished: Unfinished | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._check = check
        self._unfinished = unfinished or (lambda text: False)
        self._prompt = prompt
        self._placeholder = placeholder
        self._text = text
        self._announced = text
        self._quiet: Timer | None = None

    @property
    def text(self) -> str:
        """What is typed, valid or not."""
        return self._text

    @property
    def fault(self) -> Fault | None:
        """What is wrong with it."""
        found = self._check(self._text)
        return Fault(found) if isinstance(found, str) else found

    def compose(self) -> ComposeResult:
        """Prompt, input and the line for faults."""
        with Horizontal():
            yield Static(Content(self._prompt + " "), classes="filter-bar--prompt")
            yield Input(self._text, placeholder=self._placeholder, compact=True, select_on_focus=False)
        yield Static(classes="filter-bar--fault")

    def on_mount(self) -> None:
        """Check the text it starts with."""
        self._show_fault()

    def on_resize(self) -> None:
        """Put the caret in its place."""
        self._show_fault()

    def focus(self, scroll_visible: bool = True) -> FilterBar:
        """Let the person type."""
        self.query_one(Input).focus(scroll_visible)
        return self

    def set_text(self, text: str) -> None:
        """Replace what is typed, as if it had been typed."""
        self.query_one(Input).value = text

    def show_text(self, text: str) -> None:
        """Show a text that is in force already: it is not announced."""
        self._hush()
        self._text = self._announced = text
        self.set_text(text)
        self._show_fault()

    def action_escape(self) -> None:
        """Clear the text, or close if there is none."""
        if self._text:
            self.set_text("")
        else:
            self._announce()
            self.post_message(self.FilterClosed(self, ""))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value == self._text:
            return
        self._text = event.value
        self._show_fault()
        self._hush()
        self._quiet = self.set_timer(QUIET_SECONDS, self._pause)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self.fault is None:
            self._announce()
            self.post_message(self.FilterClosed(self, self._text))

    @on(Input.Blurred)
    def _left(self, event: Input.Blurred) -> None:
        """Announce what is typed when the keys go elsewhere."""
        event.stop()
        self._announce()

    def _pause(self) -> None:
        """Announce what is typed when no key came for a while, unless more is to be expected."""
        self._hush()
        if not self._unfinished(self._text):
            self._announce()

    def _hush(self) -> None:
        if self._quiet is not None:
            self._quiet.stop()
            self._quiet = None

    def _announce(self) -> None:
        self._hush()
        if self._text != self._announced and self.fault is None:
            self._announced = self._text
            self.post_message(self.FilterChanged(self, self._text))

    def _show_fault(self) -> None:
        fault = self.fault
        self.set_class(fault is not None, "-fault")
        if fault is not None:
            shift = len(self._prompt) + 2 - round(self.query_one(Input).scroll_x)
            line = fault_line(fault, self._text, shift, self.size.width, glyphs_of(self).caret)
            self.query_one(".filter-bar--fault", Static).update(line)
