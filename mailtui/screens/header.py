"""The one header line: what this is, what is wrong, the mode, the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from textual.widgets import Static

from mailtui.clock import SYSTEM, Clock
from mailtui.model import LinkState
from mailtui.panes.health import SIGNS, STYLES, Rank, rank_of, silent
from mailtui.panes.pane import cell, seen
from mailtui.store import Store
from mailtui.widgets.status_line import Side, StatusItem, arrange


@dataclass(frozen=True, slots=True)
class Mode:
    """Whether a host may be changed, in words."""

    words: str
    danger: bool = False
    """True while a host is armed."""


@dataclass(slots=True)
class About:
    """What the header says of the console itself."""

    scope: str
    """Which hosts are shown: a group, a tag, `12 hosts`."""
    mode: Callable[[str | None], Mode]
    """Says whether a host may be changed; of all hosts without one."""
    doing: Callable[[], str]
    """Says what is being changed now, and what of it has no known end."""
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
        ranks = [rank_of(view, now) for view in views]
        # a link that is down counts as trouble already
        quiet = sum(view.link.state is LinkState.OK and silent(view, now) for view in views)
        screen = self.screen
        zoomed = screen.has_class("-zoomed") and (not screen.has_class("-narrow") or screen.has_class("overview"))
        host = getattr(screen, "host", None)
        mode = self._about.mode(host)
        self.set_class(mode.danger, "-armed")
        screen.set_class(mode.danger and host is not None, "-armed")
        words = (
            ("mailtui", "bold $primary", Side.LEFT, 4),
            (self._about.scope, "", Side.LEFT, 6),
            ("zoomed, z: back" if zoomed else "", "bold $primary", Side.LEFT, 3),
            (_counted(Rank.BAD, ranks.count(Rank.BAD), "in trouble"), STYLES[Rank.BAD], Side.RIGHT, 0),
            (_counted(Rank.WARN, ranks.count(Rank.WARN), "to look at"), STYLES[Rank.WARN], Side.RIGHT, 1),
            (_counted(Rank.STALE, quiet, "silent"), STYLES[Rank.STALE], Side.RIGHT, 1),
            ("PAUSED" if self._about.paused else "", "bold $warning", Side.RIGHT, 1),
            (
                f"{hits} escapes stopped: please report" if (hits := self._about.hits) else "",
                "bold $error",
                Side.RIGHT,
                2,
            ),
            (self._about.doing(), "bold $error", Side.RIGHT, 1),
            (mode.words, "bold $error" if mode.danger else "$muted", Side.RIGHT, 1 if mode.danger else 5),
            (time.strftime("%H:%M:%S %Z", time.localtime(now)), "$muted", Side.RIGHT, 7),
        )
        items = [StatusItem(cell(text, style), side, priority) for text, style, side, priority in words]
        self.update(arrange(items, self.size.width), layout=False)


def _counted(rank: Rank, count: int, what: str) -> str:
    return f"{SIGNS[rank]} {count} {what}" if count else ""
