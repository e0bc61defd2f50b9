"""A pane with a filter bar above its list: opened by `/`, live, lifted and set again by `F`, cleared by Esc."""

from __future__ import annotations

import re
from typing import ClassVar, Final, Generic, TypeVar

from textual.widget import Widget

from mailtui import query
from mailtui.errors import UsageError
from mailtui.panes.pane import Pane
from mailtui.query.syntax import FilterError
from mailtui.text import show_line
from mailtui.widgets.filter_bar import Fault, FilterBar

T = TypeVar("T")

_LAST_WORD: Final = re.compile(r"(?:^|[\s(!])([A-Za-z_]+)\s*$")


class FilteredPane(Pane, Generic[T]):
    """A pane whose list shows what a filter wants; `T` is what an expression compiles to."""

    filter_kind: ClassVar[str] = "queue"
    """What the filter language is asked about."""

    filter_text = ""
    """The last good expression; empty for none."""
    filter_lifted = False
    """Whether the filter is off for now."""

    def compiled(self, text: str) -> T:
        """Make of an expression what the list needs, as of now; raises FilterError."""
        raise NotImplementedError

    def refilter(self) -> None:
        """Show the list anew: another filter is wanted."""
        raise NotImplementedError

    @property
    def list_view(self) -> Widget:
        """The list, which gets the keys when the bar closes."""
        raise NotImplementedError

    @property
    def wanted(self) -> T | None:
        """What the list is to show, compiled as of now; None for everything."""
        return self.compiled(self.filter_text) if self.filter_text and not self.filter_lifted else None

    @property
    def filter_words(self) -> str:
        """Say what is filtered, for a title."""
        if not self.filter_text:
            return ""
        return f"filter off: {self.filter_text}" if self.filter_lifted else f"/{self.filter_text}"

    def check(self, text: str) -> Fault | None:
        """Say what is wrong with an expression and where, None if nothing is; the filter bar asks."""
        text = text.strip()
        try:
            if text:
                self.compiled(text)
        except FilterError as error:
            words = f"{error.message}; {error.cure}" if error.cure else error.message
            return Fault(show_line(words), error.column - 1)
        except UsageError as error:
            return Fault(show_line(error.message))
        return None

    def unfinished(self, text: str) -> bool:
        """Tell whether the last word of an expression may be the beginning of a field's name; the filter bar asks."""
        found = _LAST_WORD.search(text)
        return found is not None and any(name.startswith(found[1].lower()) for name in query.names(self.filter_kind))

    def set_filter(self, text: str) -> None:
        """Show what matches, and the expression in the bar, so that it can be edited."""
        self.query_one(FilterBar).show_text(text)
        self.apply_filter(text)

    def apply_filter(self, text: str) -> None:
        """Show what matches; a faulty expression leaves the last good one."""
        if self.check(text) is None:
            self.filter_text, self.filter_lifted = text.strip(), False
            self.refilter()

    def clear_filter(self) -> bool:
        """Clear the filter; False where there was none."""
        had = bool(self.filter_text)
        if had:
            self.query_one(FilterBar).remove_class("-open")
            self.set_filter("")
        return had

    def action_filter(self) -> None:
        """Open the filter bar."""
        bar = self.query_one(FilterBar)
        bar.add_class("-open")
        bar.focus()

    def action_toggle_filter(self) -> None:
        """Lift the filter, or set it again."""
        self.filter_lifted = not self.filter_lifted and bool(self.filter_text)
        self.refilter()

    def on_filter_bar_filter_changed(self, event: FilterBar.FilterChanged) -> None:
        """Filter as it is typed."""
        event.stop()
        self.apply_filter(event.text)

    def on_filter_bar_filter_closed(self, event: FilterBar.FilterClosed) -> None:
        """Give the keys back to the list."""
        event.stop()
        event.bar.remove_class("-open")
        self.list_view.focus()
