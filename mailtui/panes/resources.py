"""One host's resources: load, CPU, memory, spool, network, processes, each with its last minutes."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from mailtui.clock import SYSTEM, Clock
from mailtui.model import Stats
from mailtui.panes import units
from mailtui.panes.health import stats_stale
from mailtui.panes.pane import Pane, cell
from mailtui.store import Store, Topic
from mailtui.widgets.meter import Level, Meter, Reading
from mailtui.widgets.trend import Trend

GAP = 3.0
"""Refreshes without a sample after which a chart shows a gap."""

HIGH, FULL = 0.80, 0.95
"""Shares from which a meter says high, and full."""


def share_level(used: float, limit: float, stale: bool = False) -> Level:
    """Judge a share."""
    if stale:
        return Level.STALE
    share = used / limit if limit else 0.0
    return Level.BAD if share >= FULL else Level.WARN if share >= HIGH else Level.OK


def readings(stats: Stats | None, stale: bool) -> dict[str, Reading]:
    """Make the meters' readings of a sample; pure."""
    unknown = Reading(None, None, Level.UNKNOWN)
    found = dict.fromkeys(("cpu", "memory", "swap", "spool", "inodes"), unknown)
    if stats is None:
        return found
    if stats.cpu_percent is not None:
        cpus = f"{stats.cpus} CPUs" if stats.cpus is not None else ""
        found["cpu"] = Reading(stats.cpu_percent, 100.0, share_level(stats.cpu_percent, 100.0, stale), cpus)
    if stats.memory is not None:
        used = stats.memory.total - stats.memory.available
        text = f"{units.size(used)} of {units.size(stats.memory.total)}"
        found["memory"] = Reading(used, stats.memory.total, share_level(used, stats.memory.total, stale), text)
    spool = stats.spool
    if spool is not None:
        used = spool.bytes_total - spool.bytes_free
        text = f"{units.size(spool.bytes_free)} free"
        found["spool"] = Reading(used, spool.bytes_total, share_level(used, spool.bytes_total, stale), text)
        if spool.inodes_total and spool.inodes_free is not None:
            used = spool.inodes_total - spool.inodes_free
            text = f"{units.count(spool.inodes_free)} free"
            found["inodes"] = Reading(used, spool.inodes_total, share_level(used, spool.inodes_total, stale), text)
    return found


def charts(
    samples: Sequence[Stats], lengths: Sequence[tuple[float, int]], refresh: float
) -> dict[str, tuple[float | None, ...]]:
    """Make the charts' values of samples, one column each, and None where some are missing; pure."""
    found: dict[str, list[float | None]] = {name: [] for name, _ in ResourcesPane.TRENDS}
    at, before = 0, None
    for stats in samples:
        while at + 1 < len(lengths) and lengths[at + 1][0] <= stats.taken_at:
            at += 1
        known = lengths[at : at + 1] if lengths and lengths[at][0] <= stats.taken_at else ()
        values = (
            stats.load[0] if stats.load is not None else None,
            stats.network.smtp_connections,
            None if stats.network.rx_per_s is None else stats.network.rx_per_s + (stats.network.tx_per_s or 0.0),
            known[0][1] if known else None,
        )
        for (name, _), value in zip(ResourcesPane.TRENDS, values, strict=True):
            if before is not None and stats.taken_at - before > GAP * refresh:
                found[name].append(None)
            found[name].append(None if value is None else float(value))
        before = stats.taken_at
    return {name: tuple(values) for name, values in found.items()}


class ResourcesPane(Pane):
    """Meters and small charts."""

    topics = frozenset({Topic.STATS, Topic.LINK})
    evidence_topic = "stats"
    METERS = (("cpu", "CPU"), ("memory", "Memory"), ("spool", "Spool"), ("inodes", "Inodes"))
    TRENDS = (("load", "Load"), ("connections", "SMTP conns"), ("network", "Network"), ("queue", "Queue"))

    def __init__(self, store: Store, host: str, refresh: float, *, clock: Clock = SYSTEM) -> None:
        super().__init__(store, host, clock=clock, id="resources")
        self._refresh = refresh
        self._seen: float | None = None

    def compose(self) -> ComposeResult:
        """Lay out meters over charts."""
        with VerticalScroll(can_focus=True):
            for name, label in self.METERS:
                yield Meter(Content(label), id=f"meter-{name}")
            for name, label in self.TRENDS:
                yield Trend(Content(label), id=f"trend-{name}")

    def pull(self) -> None:
        """Show the newest sample."""
        view, now = self.store.host(self.host or ""), self.clock.wall()
        stats = view.stats
        stale = stats_stale(view, now, self._refresh)
        for name, reading in readings(stats, stale).items():
            for meter in self.query(f"#meter-{name}").results(Meter):
                meter.show_reading(reading)
        if stats is not None and stats.taken_at != self._seen:
            self._seen = stats.taken_at
            self._draw(stats)
        age = f"STALE {units.age(now - stats.taken_at)}" if stale and stats is not None else ""
        failure = view.failure("stats")
        self.set_class(stale, "-stale")
        self.set_title(f"3 Resources {age}".rstrip(), failure.why if failure is not None else "")

    def tick(self) -> None:
        """Notice when the sample grows old."""
        self.pull()

    def _draw(self, stats: Stats) -> None:
        """Draw the charts: only a new sample changes them."""
        host = self.host or ""
        words, past = self._words(stats), charts(self.store.samples(host), self.store.trend(host), self._refresh)
        for name, _ in self.TRENDS:
            self.query_one(f"#trend-{name}", Trend).show_samples(past[name], words[name])

    def _words(self, stats: Stats) -> dict[str, Content]:
        network = stats.network
        load = " ".join(f"{value:.2f}" for value in stats.load) if stats.load is not None else "-"
        counts = self.store.host(self.host or "").counts(stats.taken_at)
        down, up = units.size(network.rx_per_s), units.size(network.tx_per_s)
        return {
            "load": cell(load),
            "connections": cell(units.count(network.smtp_connections)),
            "network": cell(f"in {down}/s out {up}/s"),
            "queue": cell(units.count(counts.total if counts is not None else None)),
        }
