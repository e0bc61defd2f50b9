"""The idle control: our table in a bare Textual app, with nothing to do but to follow the cursor."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from textual.app import App, ComposeResult
from textual.content import Content

from mailtui import themes
from mailtui.widgets.columns import Column
from mailtui.widgets.virtual_table import VirtualTable


class Rows:
    """A thousand rows that never change."""

    columns: Sequence[Column] = (Column("a", "A", width=12), Column("b", "B", width=40))

    def __len__(self) -> int:
        return 1000

    def key(self, index: int) -> Hashable:
        return index

    def index(self, key: Hashable) -> int | None:
        return key if isinstance(key, int) else None

    def cells(self, index: int) -> Sequence[Content]:
        return (Content(f"row {index}"), Content("nothing happens here"))

    def row_style(self, index: int) -> str:
        return ""


class Control(App[None]):
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.default_variables(dark=True)

    def compose(self) -> ComposeResult:
        yield VirtualTable(Rows(), empty=Content("nothing"))

    def on_mount(self) -> None:
        self.query_one(VirtualTable).focus()


if __name__ == "__main__":
    Control().run()
