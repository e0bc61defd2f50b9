"""A retry while it is watched: what the mail server and the other side say, as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from mailtui.clock import SYSTEM, Clock
from mailtui.keys import Scope
from mailtui.model import Side, Spoken
from mailtui.panes import units
from mailtui.panes.bindings import bindings
from mailtui.panes.pane import Pane, cell
from mailtui.screens.base import MailScreen
from mailtui.store import Store
from mailtui.widgets.cells import Cell
from mailtui.widgets.transcript import Transcript

MOST: Final = 20_000
"""Lines that are kept; the other side may be one that never ends."""

STYLES: Final = {
    Side.CLIENT: "$primary",
    Side.GOOD: "$success",
    Side.LATER: "$warning",
    Side.NEVER: "$error",
    Side.NOTE: "$muted",
    Side.SENT: "bold $success",
    Side.DEFERRED: "bold $warning",
    Side.FAILED: "bold $error",
}
"""Who speaks is told by colour; `>>>` and the codes tell it without."""


class Talk:
    """A retry under way: what was said so far, and how it stands; its screen may come and go."""

    def __init__(self, host: str, ids: Sequence[str], stop: Callable[[], None], clock: Clock) -> None:
        self.host = host
        self.ids = tuple(ids)
        self.lines: list[Cell] = []
        self.screen: LiveScreen | None = None
        """Where it is shown now."""
        self.over = False
        self._stop = stop
        self._clock = clock
        self._began = clock.monotonic()
        self._stopping = False
        self._ended = Content("")

    def hear(self, line: Spoken) -> None:
        """Add a line."""
        if not line.text and not self.lines:
            return  # sendmail begins with an empty one
        if len(self.lines) < MOST:
            self.lines.append(cell(line.text, STYLES[line.side]))
        elif len(self.lines) == MOST:
            self.lines.append(cell(f"({MOST:,} lines are shown; it says more)", "$warning"))
        if self.screen is not None:
            self.screen.grow()

    def end(self, words: str, style: str) -> None:
        """Note how it ended."""
        self.over = True
        how = "no longer watched after" if self._stopping else "ended after"
        self._ended = Content.assemble(cell(f"{how} {self._age}: ", "$muted"), cell(words, style))
        if self.screen is not None:
            self.screen.show_end()

    def stop(self) -> None:
        """Watch no more; the delivery goes on."""
        self._stopping = True
        self._stop()

    @property
    def _age(self) -> str:
        return units.age(self._clock.monotonic() - self._began)

    @property
    def title(self) -> str:
        """Name it."""
        what = self.ids[0] if len(self.ids) == 1 else f"{len(self.ids)} messages"
        return f"Live retry of {what} on {self.host}"

    @property
    def state(self) -> Content:
        """Say how it stands."""
        if self.over:
            return self._ended
        note = "stopping to watch ..." if self._stopping else "s stops watching, the delivery itself goes on"
        return Content.assemble(cell(f"running {self._age}", "bold $primary"), cell(f"  {note}", "$muted"))


class LivePane(Pane):
    """How it stands, over the dialogue."""

    def __init__(self, store: Store, talk: Talk, *, clock: Clock = SYSTEM) -> None:
        super().__init__(store, talk.host, clock=clock, id="live")
        self._talk = talk

    def compose(self) -> ComposeResult:
        """Lay out state and dialogue."""
        yield Static(id="live-state")
        yield Transcript(self._talk.lines, follow=True, empty=Content("waiting for what sendmail says ..."))

    @property
    def copied(self) -> str:
        """What `y` copies: the queue ids."""
        return " ".join(self._talk.ids)

    def grow(self) -> None:
        """Show lines that came."""
        for view in self.query(Transcript):
            view.notify_lines()

    def tick(self) -> None:
        """Let the seconds grow, or say how it ended."""
        for line in self.query("#live-state").results(Static):
            line.update(self._talk.state)
        self.set_title(self._talk.title, "Esc goes back" if self._talk.over else "Esc goes back, it goes on")
        if self._talk.over:
            for view in self.query(Transcript):
                view.set_empty(Content("sendmail said nothing"))

    def pull(self) -> None:
        """Show how it stands."""
        self.tick()


class LiveScreen(MailScreen):
    """One retry that is watched."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.ABOVE, Scope.LIVE)

    def __init__(self, store: Store, talk: Talk, clock: Clock) -> None:
        super().__init__(classes="live")
        self.host = talk.host
        self.talk = talk
        self._live = LivePane(store, talk, clock=clock)

    def body(self) -> Iterable[Widget]:
        """Give the one pane."""
        yield self._live

    def on_mount(self) -> None:
        """Be told of lines; the base's own handler runs as well."""
        self.talk.screen = self

    def on_unmount(self) -> None:
        """Be told of no more."""
        if self.talk.screen is self:
            self.talk.screen = None

    def grow(self) -> None:
        """Show lines that came."""
        self._live.grow()

    def show_end(self) -> None:
        """Show how it ended."""
        self._live.tick()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer Stop only while there is something to stop."""
        return not self.talk.over if action == "stop" else super().check_action(action, parameters)

    def action_stop(self) -> None:
        """Watch no more; the delivery goes on."""
        self.talk.stop()
        self._live.tick()
