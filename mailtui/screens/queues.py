"""The queues of all hosts as one list: what is done to it is one plan over all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from mailtui.keys import Scope
from mailtui.model import host_of
from mailtui.panes.bindings import bindings
from mailtui.panes.queue import QueuePane
from mailtui.screens.base import MailScreen


class QueueScreen(MailScreen):
    """A screen with a queue on it."""

    @property
    def queue(self) -> QueuePane:
        """The queue's pane."""
        return self.query_one(QueuePane)


class AllQueuesScreen(QueueScreen):
    """Every message of every host."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.ABOVE)

    def __init__(self, refreshes: Mapping[str, float], where: str = "") -> None:
        super().__init__(classes="queues")
        self._refreshes = dict(refreshes)
        self._where = where

    def body(self) -> Iterable[Widget]:
        """Give the one pane."""
        yield QueuePane(self.console.store, self._refreshes, clock=self.console.clock)

    def on_mount(self) -> None:
        """Show what the filter wants, where one was brought along."""
        if self._where:
            self.queue.set_filter(self._where)

    @property
    def chosen(self) -> str | None:
        """The host of the message under the cursor."""
        key = self.queue.chosen
        return host_of(key) if key is not None else None
