"""One host: queue, log, resources, service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Grid
from textual.widget import Widget

from mailtui.keys import Scope
from mailtui.panes.bindings import bindings
from mailtui.panes.log import LogPane
from mailtui.panes.queue import QueuePane
from mailtui.panes.resources import ResourcesPane
from mailtui.panes.service import ServicePane
from mailtui.screens.queues import QueueScreen
from mailtui.screens.tabs import PaneTabs


class HostScreen(QueueScreen):
    """Everything of one host."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.HOST)

    def __init__(self, host: str, refresh: float, pane: str = "queue", where: str = "") -> None:
        super().__init__(classes="host")
        self.host = host
        self._refresh_every = refresh
        self._first = pane
        self._where = where

    def body(self) -> Iterable[Widget]:
        """Give the queue over its whole width, the log beneath it, resources and service beside that."""
        store, clock = self.console.store, self.console.clock
        yield PaneTabs(self.host, store, self._refresh_every, clock=clock)
        with Grid(id="host-body"):
            yield QueuePane(store, {self.host: self._refresh_every}, clock=clock)
            yield LogPane(store, self.host, clock=clock)
            yield ResourcesPane(store, self.host, self._refresh_every, clock=clock)
            yield ServicePane(store, self.host, self._refresh_every, clock=clock)

    def on_mount(self) -> None:
        """Start in the pane asked for."""
        self.action_pane(self._first)
        if self._where:
            self.queue.set_filter(self._where)

    def action_pane(self, name: str) -> None:
        """Go to a pane by name."""
        for pane in self.panes:
            if pane.id == name:
                self.focus_pane(pane)
