"""The keys that work here, searchable, made from the key table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input

from mailtui.keys import FILTERS, KEYS, LEGEND, LIST_KEYS, PLAN_KEYS, Key, Scope, spelled
from mailtui.panes.pane import cell
from mailtui.screens.dialog import Dialog
from mailtui.widgets.fields import Field, Fields


def help_fields(
    scopes: Sequence[Scope], wanted: str, remapped: dict[str, str], refused: Mapping[str, str] | None = None
) -> list[Field]:
    """List moving, the keys of these scopes, signs, filters and all other keys that hold the wanted words; pure.

    Keys of actions that are `refused` here, by id, are grey and say why.
    """
    no = refused or {}
    words = wanted.casefold().split()

    def found(rows: Iterable[tuple[str, str, str]]) -> list[Field]:
        return [
            Field(label, _value(what, name, no.get(name, "")))
            for label, what, name in rows
            if all(word in f"{label} {what} {name}".casefold() for word in words)
        ]

    def keys(scope: Scope) -> list[tuple[str, str, str]]:
        rows = [key for key in KEYS if key.scope is scope]
        return [(spelled(remapped.get(key.id, key.keys)), _said(key), key.id) for key in rows]

    others = [scope for scope in Scope if scope not in (*scopes, Scope.APP, Scope.DIALOG)]
    blocks = [
        ("Moving in lists and logs", found((label, what, "") for label, what in LIST_KEYS)),
        *((f"In {scope.value}", found(keys(scope))) for scope in scopes),
        ("Everywhere", found(keys(Scope.APP))),
        ("In a plan, and while it is carried out", found((label, what, "") for label, what in PLAN_KEYS)),
        ("Signs", found((sign, what, "") for sign, what in LEGEND)),
        ("Filters", found((example, what, "") for example, _, what in FILTERS)),
        *((scope.value.capitalize(), found(keys(scope))) for scope in others),
        ("In this window", found(keys(Scope.DIALOG))),
    ]
    return [field for title, rows in blocks if rows for field in (Field(title), *rows)] or [Field("no match")]


def _value(what: str, name: str, why: str) -> Content:
    if why:
        return Content.assemble(cell(f"{what}  not here: {why}", "$muted"))
    return Content.assemble(cell(what), ("  ", ""), cell(name, "$muted")) if name else cell(what)


def _said(key: Key) -> str:
    """Say what a key does: its title, and the sentence where there is one."""
    return f"{key.title}: {_plain(key.help)}" if key.help else key.title


def _plain(text: str) -> str:
    """Give a sentence without the quotes that documentation puts around keys."""
    return text.replace("`", "")


class HelpScreen(Dialog[None]):
    """A window with all keys."""

    def __init__(self, scopes: Sequence[Scope], remapped: dict[str, str], refused: Mapping[str, str]) -> None:
        super().__init__(classes="help")
        self._scopes = scopes
        self._remapped = remapped
        self._refused = refused

    def compose(self) -> ComposeResult:
        """Lay out search over list."""
        with Vertical(classes="dialog", id="help-dialog"):
            yield Input(placeholder="search keys, signs, filters", compact=True, id="help-search")
            with VerticalScroll(id="help-list"):
                yield Fields(help_fields(self._scopes, "", self._remapped, self._refused))

    def on_mount(self) -> None:
        """Say how to leave."""
        dialog = self.query_one("#help-dialog")
        dialog.border_title = Content("Keys")
        dialog.border_subtitle = Content("↑ ↓ PgUp PgDn scroll  Esc closes")

    @on(Input.Changed)
    def _search(self, event: Input.Changed) -> None:
        event.stop()
        self.query_one(Fields).show_fields(help_fields(self._scopes, event.value, self._remapped, self._refused))
