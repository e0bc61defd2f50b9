"""One message: envelope, recipients each with its own reason, headers, and its log lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget

from mailtui.clock import SYSTEM, Clock
from mailtui.keys import Scope
from mailtui.model import Message
from mailtui.panes import units
from mailtui.panes.bindings import bindings
from mailtui.panes.cells import STATE_STYLES
from mailtui.panes.log import LogSource
from mailtui.panes.pane import Pane, cell
from mailtui.screens.base import MailScreen
from mailtui.store import Store, Topic
from mailtui.text import show_line
from mailtui.widgets.fields import Field, Fields
from mailtui.widgets.transcript import Transcript


def envelope_fields(message: Message, now: float) -> list[Field]:
    """Say what is known of a message, the reason first; pure."""
    state = message.state.value
    fields = [Field("state", cell(state, f"bold {STATE_STYLES[message.state]}".strip()))]
    if message.hold is not None:
        fields.append(Field("held because", cell(message.hold.reason or b"no reason given", "$held")))
    if message.reason:
        fields.append(Field("reason", cell(message.reason, STATE_STYLES[message.state])))
    if message.why_waiting:
        fields.append(Field("why waiting", cell(message.why_waiting)))
    fields += [
        Field("from", cell(message.sender or "<> (a bounce)")),
        Field("subject", cell(message.subject if message.subject is not None else "not readable for this login")),
        Field("Message-ID", cell(message.message_id or "-")),
        Field("size", cell(units.size(message.size))),
        Field("arrived", _when(message.arrived_at, now)),
        Field("attempts", cell(f"{units.count(message.attempts)}, last {_ago(message.last_attempt_at, now)}")),
    ]
    if message.next_attempt is not None:
        wait = message.next_attempt.not_before - now
        words = f"in {units.age(wait)}" if wait > 0 else "due now"
        fields.append(Field("next attempt", cell(f"{words} ({message.next_attempt.basis.value})")))
    if message.expires_at is not None:
        left = message.expires_at - now
        late = f"{units.age(-left)} past its lifetime: the next attempt is the last"
        style = "$warning" if left < 86400 else ""
        fields.append(Field("expires", cell(f"in {units.age(left)}" if left > 0 else late, style)))
    if message.auth_user:
        fields.append(Field("authenticated", cell(message.auth_user)))
    if message.client is not None:
        name, ip = show_line(message.client.name or b"?"), message.client.ip
        fields.append(Field("client", cell(f"{name} [{ip}]" if ip else name)))
    group = f" (group {message.queue_group})" if message.queue_group else ""
    fields.append(Field("queue", cell(f"{message.queue}{group}: {show_line(message.directory)}")))
    fields.append(Field("id", cell(message.id)))
    return fields


def recipient_fields(message: Message) -> list[Field]:
    """Give every remaining recipient with its own reason; pure."""
    count = len(message.recipients)
    whole = "" if message.recipients_complete else ", perhaps not all"
    fields = [Field(f"Recipients still to be served ({count}{whole})")]
    for recipient in message.recipients:
        style = "$warning" if recipient.reason else ""
        words = recipient.reason or b"not tried yet, or no reason kept"
        value = Content.assemble(cell(recipient.address), "\n", cell(words, style or "$muted"))
        fields.append(Field(recipient.state.value, value))
    return fields


def header_fields(message: Message) -> list[Field]:
    """Give the headers as they stand; pure."""
    if not message.headers:
        return []
    return [Field("Headers"), *(Field(str(cell(name).plain), cell(body)) for name, body in message.headers)]


def _when(at: float | None, now: float) -> Content:
    return cell(f"{units.clock(at, now)}, {_ago(at, now)}")


def _ago(at: float | None, now: float) -> str:
    return f"{units.age(now - at)} ago" if at is not None else "never"


class EnvelopePane(Pane):
    """Envelope, recipients and headers, to scroll through."""

    topics = frozenset({Topic.QUEUE})
    evidence_topic = "message"

    def __init__(self, store: Store, host: str, message: Message, *, clock: Clock = SYSTEM) -> None:
        super().__init__(store, host, clock=clock, id="envelope")
        self.message = message
        self.gone = False

    def compose(self) -> ComposeResult:
        """Lay out the fields."""
        with VerticalScroll(can_focus=True):
            yield Fields(id="envelope-fields")

    def show_message(self, message: Message) -> None:
        """Show a newer reading of the message, with its headers."""
        self.message = message
        self.paint()

    def pull(self) -> None:
        """Follow the message in the queue; when it leaves, say so and keep what was read."""
        newer = self.store.message(self.host or "", self.message.key)
        self.gone = newer is None
        if newer is not None and newer.last_attempt_at != self.message.last_attempt_at:
            self.message = newer
        self.paint()

    def paint(self) -> None:
        """Paint all fields."""
        now = self.clock.wall()
        fields: list[Field] = []
        if self.gone:
            fields.append(
                Field("LEFT THE QUEUE", cell("delivered, bounced or removed: its log lines tell", "$warning"))
            )
        fields += [*envelope_fields(self.message, now), *recipient_fields(self.message), *header_fields(self.message)]
        self.query_one(Fields).show_fields(fields)
        self.set_title(f"Message {self.message.id} on {self.host}")


class MessageLogPane(Pane):
    """The log lines of one queue id."""

    topics = frozenset({Topic.LOG})
    evidence_topic = "log"

    def __init__(self, store: Store, host: str, id_: str, *, clock: Clock = SYSTEM) -> None:
        super().__init__(store, host, clock=clock, id="message-log")
        self._queue_id = id_
        self._searched: tuple[int, int] = (-1, -1)

    def compose(self) -> ComposeResult:
        """Lay out the lines."""
        yield Transcript(follow=True, empty=Content("no line of the log that is held here names this message"))

    def pull(self) -> None:
        """Find the lines anew when the log has grown."""
        log = self.store.log(self.host or "")
        if self._searched == (log.first, log.end):
            return
        self._searched = (log.first, log.end)
        view = self.query_one(Transcript)
        source = LogSource(log, view.style_for)
        numbers: Sequence[int] = log.containing(self._queue_id.encode("utf-8", "backslashreplace"))
        view.show_lines([source.line(number) for number in numbers])
        self.set_title(f"Log lines of {self._queue_id} ({len(numbers)})")


class MessageScreen(MailScreen):
    """Everything of one message."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.MESSAGE)

    def __init__(self, host: str, message: Message) -> None:
        super().__init__(classes="message")
        self.host = host
        self.message = message

    def body(self) -> Iterable[Widget]:
        """Give envelope over log lines."""
        store, clock = self.console.store, self.console.clock
        yield EnvelopePane(store, self.host, self.message, clock=clock)
        yield MessageLogPane(store, self.host, self.message.id, clock=clock)

    def show_message(self, message: Message) -> None:
        """Show a newer reading, with headers."""
        self.query_one(EnvelopePane).show_message(message)
