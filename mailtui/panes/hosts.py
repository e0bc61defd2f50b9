"""The list of hosts: link and mail server apart, counts, ages, rates, load, and the queue's last hour."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from textual.app import ComposeResult
from textual.content import Content

from mailtui.clock import SYSTEM, Clock
from mailtui.panes.cells import HOST_COLUMNS, host_cells, host_columns
from mailtui.panes.following import FirstRow
from mailtui.panes.health import by_trouble, rank_of
from mailtui.panes.pane import AskHost, Pane
from mailtui.store import Store, Topic
from mailtui.widgets.columns import Column
from mailtui.widgets.trend import trend_text
from mailtui.widgets.virtual_table import VirtualTable

TREND_CELLS = 16
"""Width of the little chart in the list."""


def hour(samples: Sequence[tuple[float, int]], now: float) -> list[float | None]:
    """Cut an hour of samples into `TREND_CELLS` equal spans: the highest of each, None where there was none."""
    span = 3600.0 / TREND_CELLS
    spans: list[float | None] = [None] * TREND_CELLS
    for at, value in samples:
        place = TREND_CELLS - 1 - int((now - at) / span)
        if 0 <= place < TREND_CELLS:
            spans[place] = max(float(value), spans[place] or 0.0)
    return spans


class HostSource:
    """Rows of hosts, as a table wants them."""

    def __init__(
        self,
        names: Sequence[str],
        rows: Sequence[Sequence[Content]],
        columns: Sequence[Column] = HOST_COLUMNS,
    ) -> None:
        self.columns = columns
        self._names = tuple(names)
        self._rows = tuple(rows)
        self._index: Mapping[Hashable, int] = {name: index for index, name in enumerate(self._names)}

    def __len__(self) -> int:
        return len(self._names)

    def key(self, index: int) -> Hashable:
        """Give the host's name."""
        return self._names[index]

    def index(self, key: Hashable) -> int | None:
        """Find a host."""
        return self._index.get(key)

    def cells(self, index: int) -> Sequence[Content]:
        """Give the cells of a host."""
        return self._rows[index]

    def row_style(self, index: int) -> str:
        """Give no style: the cells have theirs."""
        return ""


class HostsPane(Pane):
    """All hosts, those in trouble first."""

    topics = frozenset({Topic.LINK, Topic.QUEUE, Topic.STATS})
    evidence_topic = "host"

    def __init__(self, store: Store, refreshes: Mapping[str, float], *, clock: Clock = SYSTEM) -> None:
        super().__init__(store, clock=clock, id="hosts")
        self._refreshes = refreshes
        self._height = 0
        self._first = FirstRow()

    def compose(self) -> ComposeResult:
        """Lay out the table."""
        yield VirtualTable(HostSource((), ()), empty=Content("no hosts"), id="hosts-table")

    @property
    def table(self) -> VirtualTable:
        """The table of hosts."""
        return self.query_one(VirtualTable)

    @property
    def chosen(self) -> str | None:
        """The host under the cursor."""
        key = self.table.cursor_key
        return key if isinstance(key, str) else None

    def pull(self) -> None:
        """Show every host anew."""
        now = self.clock.wall()
        views = sorted(self.store.hosts(), key=lambda view: by_trouble(view, rank_of(view, now), now))
        glyphs = self.table.glyphs
        rows = [
            host_cells(
                view,
                self.store.rates(view.name, now),
                Content.styled(trend_text(hour(self.store.trend(view.name), now), TREND_CELLS, glyphs), "$muted"),
                now,
                self._refreshes.get(view.name, 5.0),
            )
            for view in views
        ]
        names = [view.name for view in views]
        self._first.show(self.table, HostSource(names, rows, host_columns(names)))
        height = max(6, len(views) + 4)
        if height != self._height:
            self._height = height
            self.styles.max_height = height
        self.set_title(f"1 Hosts ({len(views)})")

    def tick(self) -> None:
        """Let ages grow."""
        self.pull()

    @property
    def copied(self) -> str | None:
        """What `y` copies: the host's name."""
        return self.chosen

    def action_open(self) -> None:
        """Open the host under the cursor."""
        self.table.action_activate()

    def on_virtual_table_row_activated(self, event: VirtualTable.RowActivated) -> None:
        """Open the host that was activated."""
        event.stop()
        self._first.moved = True
        self.post_message(AskHost(str(event.key)))
