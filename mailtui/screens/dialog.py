"""What all windows above a screen share: keys to close and to scroll."""

from __future__ import annotations

from typing import ClassVar, Final, TypeVar

from textual.await_complete import AwaitComplete
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from mailtui.keys import Scope
from mailtui.panes.bindings import bindings

PAGE: Final = 10
"""Lines that stand for a whole page in an action."""

T = TypeVar("T")


class Dialog(ModalScreen[T]):
    """A window whose one long part scrolls, whatever has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.DIALOG)

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Close this window where it is on top; Textual's own closes whatever is, so two calls close two screens."""
        return super().dismiss(result) if self.is_active else AwaitComplete()

    def action_scroll(self, lines: int) -> None:
        """Scroll; ten lines stand for a page."""
        view = self.query(VerticalScroll).first()
        rows = lines if abs(lines) < PAGE else (max(1, view.size.height - 1) * lines) // PAGE
        view.scroll_relative(y=rows, animate=False)
