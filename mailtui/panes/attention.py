"""What needs attention, over all hosts, worst first: each line says what is wrong and what would help."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from textual.app import ComposeResult
from textual.content import Content

from mailtui.clock import SYSTEM, Clock
from mailtui.panes.health import SIGNS, STYLES, Finding, findings
from mailtui.panes.pane import AskHost, Pane, cell
from mailtui.store import Store, Topic
from mailtui.widgets.columns import Column
from mailtui.widgets.virtual_table import VirtualTable

COLUMNS = (
    Column("sign", "", width=1, sortable=False),
    Column("host", "HOST", min_width=8, max_width=24, weight=1.0, sortable=False),
    Column("what", "WHAT", min_width=30, weight=6.0, sortable=False),
    Column("cure", "WHAT HELPS", min_width=24, weight=5.0, priority=1, sortable=False),
)
"""Columns of the findings."""


class FindingSource:
    """Rows of findings, as a table wants them."""

    columns: Sequence[Column] = COLUMNS

    def __init__(self, found: Sequence[tuple[str, Finding]]) -> None:
        self._found = tuple(found)
        self._index: Mapping[Hashable, int] = {self.key(index): index for index in range(len(self._found))}

    def __len__(self) -> int:
        return len(self._found)

    def key(self, index: int) -> Hashable:
        """Give host and text."""
        host, finding = self._found[index]
        return host, finding.text.partition(":")[0]

    def index(self, key: Hashable) -> int | None:
        """Find a finding."""
        return self._index.get(key)

    def cells(self, index: int) -> Sequence[Content]:
        """Give the cells of a finding."""
        host, finding = self._found[index]
        style = STYLES[finding.rank]
        return cell(SIGNS[finding.rank], style), cell(host), cell(finding.text, style), cell(finding.cure, "$muted")

    def row_style(self, index: int) -> str:
        """Give no style: the cells have theirs."""
        return ""


class AttentionPane(Pane):
    """Everything that is not as it should be."""

    topics = frozenset({Topic.LINK, Topic.QUEUE, Topic.STATS})
    evidence_topic = "host"

    def __init__(self, store: Store, *, clock: Clock = SYSTEM) -> None:
        super().__init__(store, clock=clock, id="attention")

    def compose(self) -> ComposeResult:
        """Lay out the table."""
        yield VirtualTable(FindingSource(()), empty=Content("nothing: all hosts are as they should be"))

    def pull(self) -> None:
        """Show all findings anew."""
        now = self.clock.wall()
        found = [(view.name, finding) for view in self.store.hosts() for finding in findings(view, now)]
        found.sort(key=lambda item: (item[1].rank, item[0]))
        self.query_one(VirtualTable).set_source(FindingSource(found))
        self.set_title(f"2 Needs attention ({len(found)})")

    def tick(self) -> None:
        """Let ages grow."""
        self.pull()

    def on_virtual_table_row_activated(self, event: VirtualTable.RowActivated) -> None:
        """Open the host concerned, where the trouble shows."""
        event.stop()
        if isinstance(event.key, tuple):
            host, what = event.key
            self.post_message(AskHost(str(host), "service" if what in ("service", "spool") else "queue"))
