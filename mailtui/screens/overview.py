"""Home: all hosts, and what needs attention on any of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from textual.widget import Widget

from mailtui.panes.attention import AttentionPane
from mailtui.panes.hosts import HostsPane
from mailtui.screens.base import MailScreen


class OverviewScreen(MailScreen):
    """All hosts."""

    def __init__(self, refreshes: Mapping[str, float]) -> None:
        super().__init__(classes="overview")
        self._refreshes = refreshes

    def body(self) -> Iterable[Widget]:
        """Give hosts above, findings below."""
        yield HostsPane(self.console.store, self._refreshes, clock=self.console.clock)
        yield AttentionPane(self.console.store, clock=self.console.clock)

    @property
    def chosen(self) -> str | None:
        """The host under the cursor."""
        return self.query_one(HostsPane).chosen
