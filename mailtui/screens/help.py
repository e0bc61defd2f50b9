"""The keys that work here, searchable, made from the key table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from mailtui.keys import KEYS, LIST_KEYS, Scope, spelled
from mailtui.panes.bindings import bindings
from mailtui.panes.pane import cell
from mailtui.widgets.fields import Field, Fields


def help_fields(scopes: Sequence[Scope], wanted: str, remapped: dict[str, str]) -> list[Field]:
    """List the keys of these scopes first, then all others, that hold the wanted words; pure."""
    words = wanted.casefold().split()
    order = [*scopes, *(scope for scope in Scope if scope not in scopes)]
    fields: list[Field] = []
    for scope in order:
        rows = []
        for key in KEYS:
            keys = spelled(remapped.get(key.id, key.keys))
            text = f"{keys} {key.title} {key.help} {key.id}".casefold()
            if key.scope is scope and all(word in text for word in words):
                rows.append(Field(keys, Content.assemble(cell(key.help or key.title), "  ", cell(key.id, "$muted"))))
        if rows:
            fields += [Field(f"In {scope.value}" if scope in scopes else scope.value.capitalize()), *rows]
    rows = [
        Field(keys, cell(what))
        for keys, what in LIST_KEYS
        if all(word in f"{keys} {what}".casefold() for word in words)
    ]
    return [*fields, Field("In lists and logs"), *rows] if rows else fields


class HelpScreen(ModalScreen[None]):
    """A window with all keys."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.DIALOG)

    def __init__(self, scopes: Sequence[Scope], remapped: dict[str, str]) -> None:
        super().__init__(classes="help")
        self._scopes = scopes
        self._remapped = remapped

    def compose(self) -> ComposeResult:
        """Lay out search over list."""
        with Vertical(classes="dialog", id="help-dialog"):
            yield Input(placeholder="search keys", compact=True, id="help-search")
            with VerticalScroll(id="help-list"):
                yield Fields(help_fields(self._scopes, "", self._remapped))

    def on_mount(self) -> None:
        """Say how to leave."""
        dialog = self.query_one("#help-dialog")
        dialog.border_title = Content("Keys")
        dialog.border_subtitle = Content("Esc closes")

    @on(Input.Changed)
    def _search(self, event: Input.Changed) -> None:
        event.stop()
        self.query_one(Fields).show_fields(help_fields(self._scopes, event.value, self._remapped))
