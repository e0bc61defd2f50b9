"""The raw command and its raw output behind what is on screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget

from mailtui.clock import SYSTEM, Clock
from mailtui.keys import Scope
from mailtui.panes import units
from mailtui.panes.bindings import bindings
from mailtui.panes.pane import Pane, cell
from mailtui.screens.base import MailScreen
from mailtui.store import Shown, Store, Topic
from mailtui.widgets.transcript import Transcript


def evidence_lines(shown: Sequence[Shown], now: float) -> list[Content]:
    """Make the lines of commands and outputs; pure."""
    lines: list[Content] = []
    for item in shown:
        status = "no exit status: cut off" if item.status is None else f"exit {item.status}"
        lines.append(cell(f"$ {item.command}", "bold $primary"))
        lines.append(cell(f"  {units.clock(item.at, now)}, {status}, {len(item.output):,} bytes", "$muted"))
        lines += [cell(line) for line in item.output.split(b"\n")]
    return lines


class EvidencePane(Pane):
    """Commands and outputs, to scroll through."""

    topics = frozenset({Topic.EVIDENCE})

    def __init__(self, store: Store, host: str, topic: str, *, clock: Clock = SYSTEM) -> None:
        super().__init__(store, host, clock=clock, id="evidence")
        self._topic = topic
        self._shown: tuple[Shown, ...] | None = None

    def compose(self) -> ComposeResult:
        """Lay out the transcript."""
        yield Transcript(empty=Content("nothing has been read for this yet"))

    def on_mount(self) -> None:
        """Freeze what stood behind the screen when it was asked for."""
        super().on_mount()
        now = self.clock.wall()
        self._shown = self.store.evidence(self.host or "", self._topic)
        self.query_one(Transcript).show_lines(evidence_lines(self._shown, now))
        self.set_title(f"Evidence: {self._topic} of {self.host}", "Esc goes back")


class EvidenceScreen(MailScreen):
    """Raw commands and outputs of one topic."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.ABOVE)

    def __init__(self, host: str, topic: str) -> None:
        super().__init__(classes="evidence")
        self.host = host
        self._topic = topic

    def body(self) -> Iterable[Widget]:
        """Give the one pane."""
        yield EvidencePane(self.console.store, self.host, self._topic, clock=self.console.clock)
