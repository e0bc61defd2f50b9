"""The one header line: what this is, what is wrong, the mode, the time."""

from __future__ import annotations

import time
from dataclasses import dataclass

from textual.content import Content
from textual.widgets import Static

from mailtui.clock import SYSTEM, Clock
from mailtui.panes.health import Rank, rank_of
from mailtui.panes.pane import seen
from mailtui.store import Store
from mailtui.text import show_line


@dataclass(slots=True)
class About:
    """What the header says of the console itself."""

    scope: str
    """Which hosts are shown: a group, a tag, `12 hosts`."""
    mode: str
    paused: bool = False
    hits: int = 0
    """Times the last barrier against escape sequences had to act: a bug of ours."""


class Header(Static):
    """One line, painted once a second."""

    def __init__(self, store: Store, about: About, *, clock: Clock = SYSTEM) -> None:
        super().__init__(id="header")
        self._store = store
        self._about = about
        self._clock = clock

    def on_mount(self) -> None:
        """Start the clock."""
        self.set_interval(1.0, self.paint)
        self.paint()

    def on_resize(self) -> None:
        """Use the new width."""
        self.paint()

    def paint(self) -> None:
        """Say how things stand now."""
        if not seen(self):
            return
        now = self._clock.wall()
        views = self._store.hosts()
        bad = sum(rank_of(view, now) is Rank.BAD for view in views)
        warn = sum(rank_of(view, now) is Rank.WARN for view in views)
        left = Content.assemble(("mailtui", "bold $primary"), "  ", show_line(self._about.scope))
        words: list[tuple[str, str]] = []
        if bad:
            words.append((f"! {bad} in trouble", "bold $error"))
        if warn:
            words.append((f"! {warn} to look at", "$warning"))
        if self._about.paused:
            words.append(("PAUSED", "bold $warning"))
        if self._about.hits:
            words.append((f"{self._about.hits} escapes stopped: please report", "bold $error"))
        words.append((self._about.mode, "$muted"))
        words.append((time.strftime("%H:%M:%S %Z", time.localtime(now)), "$muted"))
        right = Content("  ").join([Content.styled(show_line(text), style) for text, style in words])
        gap = max(1, self.size.width - left.cell_length - right.cell_length)
        self.update(Content.assemble(left, " " * gap, right), layout=False)
