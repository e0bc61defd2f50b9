"""What all panes share: they see the store, pull snapshots when it says so, and ask the app by messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from typing import ClassVar

from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget

from mailtui.clock import SYSTEM, Clock
from mailtui.model import QueueRow, UndoSet
from mailtui.store import Store, Topic
from mailtui.text import show_line

PULL_EVERY = 0.1
"""Seconds between two pulls at least: a flood of changes makes ten repaints a second at most."""

_PHASES = cycle((0.0, 0.4, 0.8, 0.2, 0.6))
"""Parts of a second by which panes are apart: what would be painted in one long frame comes in several short ones."""

STALE_REFRESHES = 3
"""Data older than so many refreshes are shown as stale."""

SILENT = 6.0
"""Seconds after which a link that said nothing is shown as stale."""


class Ask(Message):
    """Something only the app can do; panes know neither fleet nor transport."""


class AskHost(Ask):
    """Open a host's screen, on one of its panes, its queue filtered by `where`."""

    def __init__(self, host: str, pane: str = "queue", where: str = "") -> None:
        super().__init__()
        self.host = host
        self.pane = pane
        self.where = where


class AskMessage(Ask):
    """Open a message's screen."""

    def __init__(self, host: str, key: str) -> None:
        super().__init__()
        self.host = host
        self.key = key


class AskGroups(Ask):
    """Count the queues of hosts by something."""

    def __init__(self, hosts: Sequence[str], where: str) -> None:
        super().__init__()
        self.hosts = tuple(hosts)
        self.where = where


class AskAction(Ask):
    """Plan an action on these messages of these hosts, as they were seen; `where` is the filter that showed them.

    What is done to a whole queue is asked of the hosts, with no messages.
    """

    def __init__(self, hosts: Sequence[str], action: str, rows: Sequence[QueueRow], where: str = "") -> None:
        super().__init__()
        self.hosts = tuple(hosts)
        self.action = action
        self.rows = tuple(rows)
        self.where = where


class AskMarks(Ask):
    """Mark messages in the queues beneath, or unmark them."""

    def __init__(self, keys: frozenset[str], *, marked: bool) -> None:
        super().__init__()
        self.keys = keys
        self.marked = marked


class AskUndo(Ask):
    """Undo a delete: this one, or the last one on these hosts."""

    def __init__(self, hosts: Sequence[str], kept: UndoSet | None = None) -> None:
        super().__init__()
        self.hosts = tuple(hosts)
        self.kept = kept


class AskKept(Ask):
    """Show the messages that a delete set aside."""

    def __init__(self, kept: UndoSet) -> None:
        super().__init__()
        self.kept = kept


class AskEvidence(Ask):
    """Show the raw command and output behind a topic of a host."""

    def __init__(self, host: str, topic: str) -> None:
        super().__init__()
        self.host = host
        self.topic = topic


class Stale(Message, bubble=False):
    """What a pane shows is no longer what the store holds."""


class Pane(Vertical):
    """A titled part of a screen that repaints when its topics change, and once a second for ages."""

    topics: ClassVar[frozenset[Topic]] = frozenset()
    """What it waits for."""

    evidence_topic: ClassVar[str] = ""
    """Whose raw output `e` shows here."""

    def __init__(self, store: Store, host: str | None = None, *, clock: Clock = SYSTEM, id: str | None = None) -> None:
        super().__init__(id=id, classes="pane")
        self.store = store
        self.host = host
        self.clock = clock
        self._waiting = False
        self._phase = next(_PHASES)
        self._titles = ("", "")
        self._unsubscribe: Callable[[], None] | None = None

    def on_mount(self) -> None:
        """Subscribe and paint what is known already."""
        self._unsubscribe = self.store.subscribe(self._changed)
        self.set_timer(self._phase or PULL_EVERY, lambda: self.set_interval(1.0, self._tick))
        self.pull()

    def on_unmount(self) -> None:
        """Stop listening."""
        if self._unsubscribe is not None:
            self._unsubscribe()

    def _changed(self, host: str, topic: Topic) -> None:
        if topic not in self.topics or self.host not in (None, host) or self._waiting:
            return
        self._waiting = True
        # whoever wrote to the store runs in another task: only a message comes over into ours
        self.post_message(Stale())

    def on_stale(self, event: Stale) -> None:
        """Pull soon: whatever else changes until then comes along."""
        event.stop()
        self.set_timer(PULL_EVERY * (1 + self._phase), self._pull_now)

    def _pull_now(self) -> None:
        self._waiting = False
        if self.is_attached and seen(self):
            self.pull()

    def _tick(self) -> None:
        if seen(self):
            self.tick()

    def pull(self) -> None:
        """Take a snapshot of the store and show it."""

    def tick(self) -> None:
        """Show the passing of a second: ages, staleness."""

    def set_title(self, title: str, subtitle: str = "") -> None:
        """Set what stands in the pane's border; a title that stays is not set again, for that paints the whole pane."""
        if (title, subtitle) != self._titles:
            self._titles = (title, subtitle)
            self.border_title = Content(show_line(title))
            self.border_subtitle = Content(show_line(subtitle))


def seen(widget: Widget) -> bool:
    """Tell whether a widget's screen can be seen: on top, or beneath a dialog.

    Others rest, and catch up when they come back: Textual paints the top screen again wherever one below it changes.
    """
    stack = widget.app.screen_stack
    top = next((screen for screen in reversed(stack) if not isinstance(screen, ModalScreen)), None)
    return widget.screen is top


def cell(text: bytes | str, style: str = "") -> Content:
    """Make a finished cell: safe text with one style of the theme."""
    safe = show_line(text, 4096)
    return Content.styled(safe, style) if style else Content(safe)
