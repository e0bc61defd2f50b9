"""The line under the header of a host: its name, its link, and its panes by number."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from mailtui.clock import SYSTEM, Clock
from mailtui.panes import units
from mailtui.panes.cells import total_words
from mailtui.panes.health import SIGNS, STYLES, Rank, link_words, queue_stale, service_words, stats_stale
from mailtui.panes.pane import cell, seen
from mailtui.store import Store
from mailtui.text import show_line

NAMES = ("Queue", "Log", "Resources", "Service")
"""The panes, in the order of their numbers."""


class PaneTabs(Static):
    """Which host this is and how it stands, in one line."""

    def __init__(self, host: str, store: Store, refresh: float, *, clock: Clock = SYSTEM) -> None:
        super().__init__(id="tabs")
        self._host = host
        self._refresh_every = refresh
        self._store = store
        self._clock = clock

    def on_mount(self) -> None:
        """Paint every second."""
        self.set_interval(1.0, self.paint)
        self.paint()

    def _narrow(self, now: float) -> None:
        """Name the panes that are hidden, and by which key they come."""
        view = self._store.host(self._host)
        said, rank = link_words(view, now)
        service, service_rank = service_words(view)
        if rank is Rank.OK and service_rank is Rank.BAD:
            said, rank = service, service_rank
        said = f"{SIGNS[rank]} {said}".strip()
        tabs = [
            Content.styled(f"{number} {name}", "bold $primary" if pane.has_class("-current") else "$muted")
            for number, (name, pane) in enumerate(zip(NAMES, self.screen.query(".pane"), strict=False), 1)
        ]
        host = Content.styled(show_line(self._host), "bold")
        words = Content.styled(show_line(said), STYLES[rank] or "$muted")
        self.update(Content("  ").join([host, words, Content(" "), *tabs]), layout=False)

    def paint(self) -> None:
        """Say how the host stands now."""
        if not seen(self):
            return
        now = self._clock.wall()
        view = self._store.host(self._host)
        if self.screen.has_class("-narrow"):
            self._narrow(now)
            return
        link, link_rank = link_words(view, now)
        service, service_rank = service_words(view)
        service_style = STYLES[service_rank] or "$success"
        if stats_stale(view, now, self._refresh_every):
            service, service_style = f"was {service}", "$stale"
        counts = view.counts(now)
        version = f"{view.identity.mta} {view.identity.version}" if view.identity is not None else "mail server unknown"
        total = total_words(counts)
        queued = f"{total} queued" if total[0].isdigit() else "queue not read"
        oldest = (
            f"oldest {units.age(counts.oldest_age)}" if counts is not None and counts.oldest_age is not None else ""
        )
        old = queue_stale(view, now, self._refresh_every)
        parts = [
            Content.styled(show_line(self._host), "bold"),
            Content.styled(show_line(version), "$muted"),
            Content.styled(show_line(f"{SIGNS[link_rank]} {link}".strip()), STYLES[link_rank] or "$muted"),
            Content.styled(show_line(service), service_style),
            cell(f"was {queued}" if old else queued, "$stale" if old else ""),
            cell(oldest, "$stale" if old else ""),
        ]
        self.update(Content("  ").join([part for part in parts if part.plain]), layout=False)
