"""Home: all hosts, and what needs attention on any of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from mailtui.keys import Scope
from mailtui.panes.attention import AttentionPane
from mailtui.panes.bindings import bindings
from mailtui.panes.hosts import HostsPane
from mailtui.screens.base import MailScreen


class OverviewScreen(MailScreen):
    """All hosts."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.OVERVIEW)

    def __init__(self, refreshes: Mapping[str, float]) -> None:
        super().__init__(classes="overview")
        self._refreshes = refreshes

    def body(self) -> Iterable[Widget]:
        """Give hosts above, findings below."""
        yield HostsPane(self.console.store, self._refreshes, clock=self.console.clock)
        yield AttentionPane(self.console.store, clock=self.console.clock)

    @property
    def chosen(self) -> str | None:
        """The host under the cursor of the pane that has the focus."""
        pane = self.pane
        return pane.chosen if isinstance(pane, AttentionPane) else self.query_one(HostsPane).chosen

    def action_open(self) -> None:
        """Open what the cursor stands on."""
        pane = self.pane
        if isinstance(pane, HostsPane | AttentionPane):
            pane.action_open()

    def action_pane(self, name: str) -> None:
        """Go to a pane by name."""
        for pane in self.panes:
            if pane.id == name:
                self.focus_pane(pane)
