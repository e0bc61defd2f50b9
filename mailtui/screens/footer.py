"""The last line: the most important keys that work now, as many as fit whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from textual import events
from textual.app import ComposeResult
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

from mailtui.keys import KEYS
from mailtui.panes.queue import QueuePane
from mailtui.widgets.filter_bar import FilterBar

RANKS: Final = {key.action: key.footer for key in reversed(KEYS) if key.footer}
"""Rank of each action in the footer."""

AROUND: Final = 3
"""Blanks around a key and its words."""


def fitting(widths: Sequence[int], width: int) -> int:
    """Tell how many of these keys fit whole; the blank after the last may be cut."""
    used = 0
    for number, cells in enumerate(widths):
        used += cells
        if used > width + 1:
            return number
    return len(widths)


def _rank(action: str, acts: bool) -> int:
    """Give the place of an action; while something is marked, what can be done with it comes first."""
    rank = RANKS.get(action, len(RANKS))
    return rank - 100 if acts and action.startswith("act(") else rank


class KeyLine(Footer):
    """A footer that leaves out the least important keys instead of cutting the line."""

    def compose(self) -> ComposeResult:
        """Give the keys by rank, or those of the filter bar while it has the focus."""
        keys = list(self._of_filter() if self._filtering else self._of_screen())
        widths = [len(key.key_display) + len(key.description) + AROUND for key in keys]
        yield from keys[: fitting(widths, self.app.size.width)]

    def on_resize(self, event: events.Resize) -> None:
        """Choose anew for another width."""
        self.call_after_refresh(self.recompose)

    @property
    def _filtering(self) -> bool:
        focused = self.screen.focused
        return focused is not None and any(isinstance(node, FilterBar) for node in focused.ancestors)

    def _of_filter(self) -> Iterable[FooterKey]:
        for key, display, what in (("enter", "Enter", "keep"), ("escape", "Esc", "clear")):
            yield FooterKey(key, display, what, "").data_bind(compact=Footer.compact)

    def _of_screen(self) -> Iterable[FooterKey]:
        keys = [key for key in super().compose() if isinstance(key, FooterKey)]
        # a screen that is being opened or left has a footer before or after it has its panes
        acts = any(pane.marked for pane in self.screen.query(QueuePane))
        for key in sorted(keys, key=lambda key: _rank(key.action, acts)):
            if key.action == "leave":
                # it goes back to the overview, and quits from there alone
                stack = self.app.screen_stack
                depth = stack.index(self.screen) - 1 if self.screen in stack else 1
                key.description = ("Quit", "Back", "Overview")[min(2, depth)]
            yield key
