"""The window before anything is changed: what would be done, to what, by which commands; Cancel has the focus."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Input, Static

from mailtui.actions import VALID
from mailtui.clock import Clock
from mailtui.model import REASON_LENGTH, plain_reason
from mailtui.panes.pane import cell
from mailtui.screens.dialog import Dialog
from mailtui.text import show_line
from mailtui.widgets.fields import Field, Fields

DEAD: Final = 1.0
"""Seconds after which a window that opened can be confirmed: a key typed for something else must not do it."""

REPEATED: Final = 0.03
"""Seconds within which the same key again is no person's."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a plan says of itself, finished."""

    title: str
    """What would be done, to how many, where; it stands in the frame."""
    verb: str
    """What the button says."""
    fields: tuple[Field, ...]
    typed: str = ""
    """What must be typed to confirm; empty where `y` is enough."""
    other: str = ""
    """What `w` changes to, where there is another plan."""


class Typed(Input):
    """A line that takes typed characters alone: nothing pasted, no key that repeats by itself."""

    class PasteRefused(Message):
        """Something was pasted, and was not taken."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(id="plan-typed", compact=True)
        self._clock = clock
        self._last = ("", float("-inf"))

    async def _on_key(self, event: events.Key) -> None:
        last, self._last = self._last, (event.key, self._clock.monotonic())
        if event.key == last[0] and self._last[1] - last[1] < REPEATED:
            event.stop()
            event.prevent_default()

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self.post_message(self.PasteRefused())

    def action_paste(self) -> None:
        """Refuse the clipboard too."""
        self.post_message(self.PasteRefused())


class Reason(Input):
    """One line that says why, of what a mail server can log; it has the focus only while it is written."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,tab,shift+tab,up,down", "leave", "Leave", show=False, priority=True)
    ]

    class Left(Message):
        """It was written, or left as it was."""

    def __init__(self) -> None:
        words = "none; e writes one, for the journal and the host"
        super().__init__(id="plan-reason", compact=True, max_length=REASON_LENGTH, placeholder=words)
        # Tab goes to where a word must be typed, as everywhere: this is entered by its key alone
        self.can_focus = False

    @property
    def words(self) -> str:
        """What is sent of it."""
        return plain_reason(self.value)

    def write(self) -> None:
        """Take keys."""
        self.can_focus = True
        # at once: the next key may have been typed already, and a y must not confirm
        self.screen.set_focus(self)

    def on_blur(self) -> None:
        """Be left alone again, and show what is sent."""
        self.can_focus = False
        self.value = self.words
        self.post_message(self.Left())

    def _on_paste(self, event: events.Paste) -> None:
        # Textual's own refuses, without a word, what is longer than there is room for
        event.stop()
        event.prevent_default()
        self.insert_text_at_cursor(plain_reason(event.text)[: REASON_LENGTH - len(self.value)])

    def action_leave(self) -> None:
        """Give the keys back to the window."""
        if isinstance(self.screen, PlanScreen):
            self.screen.leave_reason()


class PlanScreen(Dialog[int]):
    """A plan to confirm; gives the number of the card that was confirmed, or nothing.

    Where it takes a reason, `reasoned` is told each one, and hands in the cards that go with it by `show_cards`: until
    then nothing can be confirmed, so that what is on show is what is done.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "confirm", "Confirm", show=False),
        Binding("w", "other", "Whole messages", show=False),
        # before what has the focus: of keys that come in one burst all after it belong to the reason
        Binding("e", "reason", "Reason", show=False, priority=True),
    ]
    AUTO_FOCUS: ClassVar[str | None] = "#plan-cancel"

    def __init__(
        self, cards: Sequence[Card], clock: Clock, reasoned: Callable[[PlanScreen, str], None] | None = None
    ) -> None:
        super().__init__(classes="plan")
        self._cards = cards
        self._reasoned = reasoned
        self._reason = ""
        """The reason of the cards on show."""
        self._at = 0
        self._clock = clock
        # also in suspend, when monotonic time stands still, a plan grows old
        self._made = (clock.monotonic(), clock.boottime())
        self._opened = self._made[0]
        self._last = float("-inf")
        self._said = ""

    @property
    def card(self) -> Card:
        """The plan on show."""
        return self._cards[self._at]

    def compose(self) -> ComposeResult:
        """Lay out the plan over what confirms it."""
        with Vertical(classes="dialog -danger", id="plan-dialog"):
            with VerticalScroll(id="plan-body", can_focus=False):
                yield Fields(self.card.fields)
            with Horizontal(id="plan-why"):
                yield Static(cell("reason"), id="plan-why-label")
                yield Reason()
            yield Static(id="plan-say")
            yield Typed(self._clock)
            with Horizontal(id="plan-buttons"):
                yield Button(cell("Cancel"), id="plan-cancel", compact=True)
                yield Button(cell(self.card.verb), id="plan-confirm", variant="error", compact=True, disabled=True)

    def on_mount(self) -> None:
        """Count the dead time down."""
        self.query_one("#plan-why").display = self._reasoned is not None
        self.set_interval(0.1, self.paint)
        self._show()

    def show_cards(self, cards: Sequence[Card], reason: str) -> None:
        """Show the same plans with another reason."""
        self._cards, self._reason = cards, reason
        self._opened = self._clock.monotonic()
        self.query_one(Fields).show_fields(self.card.fields)
        self.paint()

    def _show(self) -> None:
        """Show the plan that was chosen, as if it had just been opened."""
        self._opened = self._clock.monotonic()
        self._said = ""
        dialog = self.query_one("#plan-dialog")
        dialog.border_title = Content(show_line(self.card.title))
        dialog.border_subtitle = Content("↑ ↓ PgUp PgDn scroll  Esc cancels")
        self.query_one(Fields).show_fields(self.card.fields)
        self.query_one("#plan-confirm", Button).label = cell(self.card.verb)
        field = self.query_one(Typed)
        field.value = ""
        field.display = bool(self.card.typed)
        self.paint()

    # --- whether it may be confirmed --------------------------------------------------------------------------------

    @property
    def expired(self) -> bool:
        """Whether the plan is too old: the queue has moved on."""
        monotonic, boottime = self._made
        return self._clock.monotonic() - monotonic > VALID or self._clock.boottime() - boottime > VALID

    @property
    def dead(self) -> float:
        """Seconds until the window takes a confirmation."""
        return max(0.0, self._opened + DEAD - self._clock.monotonic())

    @property
    def _ready(self) -> bool:
        typed = not self.card.typed or self.query_one(Typed).value == self.card.typed
        return typed and not self.dead and not self.expired and not self._writing

    @property
    def _writing(self) -> bool:
        """Whether the reason is being written, or the cards on show are still those of another."""
        reason = self.query_one(Reason)
        return self.focused is reason or reason.words != self._reason

    def paint(self) -> None:
        """Say what confirms the plan now, or why nothing does."""
        if not self.is_mounted:
            return
        self.query_one("#plan-confirm", Button).disabled = not self._ready
        self.query_one(Typed).disabled = self.expired
        card = self.card
        if self.expired:
            words, style = "The plan is a minute old and the queue moves on: Esc, then the key again.", "$warning"
        elif self._writing:
            words, style = "Enter or Esc: that is the reason", "bold"
        elif self._said:
            words, style = self._said, "$warning"
        elif self.dead:
            words, style = f"Look first: {math.ceil(self.dead)} s", "$muted"
        elif card.typed:
            words, style = f"Type  {card.typed}  and Enter, or Esc (Tab goes there)", "bold"
        else:
            words, style = f"y: {card.verb}", "bold"
        if card.other and not self.expired:
            words += f"  ·  w: {card.other}"
        said = cell(words, style)
        self.query_one("#plan-say", Static).update(said)

    # --- keys and buttons -------------------------------------------------------------------------------------------

    def action_confirm(self) -> None:
        """Confirm, unless it is too early, too late, a key that repeats by itself, or a word is wanted."""
        now = self._clock.monotonic()
        last, self._last = self._last, now
        if now - last < REPEATED:
            return
        if self.card.typed and not self.expired:
            self.query_one(Typed).focus()
            return
        self._confirm()

    def _confirm(self) -> None:
        if self._ready:
            self.dismiss(self._at)
        else:
            self.paint()

    def action_other(self) -> None:
        """Show the other plan, where there is one."""
        if len(self._cards) > 1 and not self.expired:
            self._at = (self._at + 1) % len(self._cards)
            self._show()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave the letter to a line that is being written."""
        return action != "reason" or not isinstance(self.focused, Input)

    def action_reason(self) -> None:
        """Write why it is done."""
        if self._reasoned is not None and not self.expired:
            self.query_one(Reason).write()
            self.paint()

    def leave_reason(self) -> None:
        """Take the keys back, at once, and nothing as a confirmation for a while: what is typed may be the reason's."""
        self.set_focus(self.query_one("#plan-cancel"))
        self._opened = self._clock.monotonic()
        self.paint()

    @on(Reason.Left)
    def _reason_left(self, event: Reason.Left) -> None:
        event.stop()
        self._opened = self._clock.monotonic()
        self.paint()

    @on(Input.Changed, "#plan-reason")
    def _writes(self, event: Input.Changed) -> None:
        event.stop()
        words = self.query_one(Reason).words
        if self._reasoned is not None and words != self._reason:
            self._reasoned(self, words)
        self.paint()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "plan-confirm":
            self._confirm()
        else:
            self.dismiss(None)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not self._ready and not self.dead:
            self._said = f"that is not  {self.card.typed}"
        self._confirm()

    @on(Input.Changed, "#plan-typed")
    def _typing(self, event: Input.Changed) -> None:
        event.stop()
        self._said = ""
        self.paint()

    @on(Typed.PasteRefused)
    def _refused(self, event: Typed.PasteRefused) -> None:
        event.stop()
        self._said = "Pasting is refused here: type it"
        self.paint()
