"""One message: envelope, recipients each with its own reason, headers, and its log lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Final

from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget

from mailtui.clock import SYSTEM, Clock
from mailtui.keys import Scope
from mailtui.model import LogRecord, Message
from mailtui.panes import units
from mailtui.panes.bindings import bindings
from mailtui.panes.cells import STATE_STYLES, sender_words
from mailtui.panes.log import LogSource
from mailtui.panes.loglines import Styles, held_since, record_line
from mailtui.panes.pane import AskAction, Pane, cell, seen
from mailtui.panes.unread import stale_note
from mailtui.screens.base import MailScreen
from mailtui.store import LogBuffer, Store, Topic
from mailtui.store.log import Finder
from mailtui.text import show_line
from mailtui.widgets.fields import Field, Fields
from mailtui.widgets.transcript import Transcript

LONGEST_SUBJECT: Final = 4096
"""Bytes of a subject that is decoded; a longer one is no subject for people."""

LINES: Final = 1000
"""Lines of a message that are looked for at most: the newest that the host's logs hold, and the newest held here."""

_SAME: Final = 60_000
"""Bytes by which a line found and a line held are the same: a host's grep may cut a long one elsewhere than we do."""

_MACRO: Final = re.compile(rb"(?<![\x80-\xff])\x81(?=[A-Za-z{])")
"""How Sendmail's queue files write the `$` of a macro; a byte of UTF-8 never stands so."""

_FOLD: Final = re.compile(rb"\r?\n[ \t]+")
"""Where a header goes on in the next line (RFC 5322, 2.2.3)."""


def subject_words(raw: bytes) -> bytes | str:
    """Give a subject with its encoded words (RFC 2047) decoded; as it stands where that cannot be done."""
    if b"=?" not in raw or len(raw) > LONGEST_SUBJECT:
        return raw
    from email.errors import HeaderParseError
    from email.header import decode_header

    try:
        parts = decode_header(raw.decode("utf-8", "backslashreplace"))
        decoded = "".join(
            part if isinstance(part, str) else part.decode(charset or "raw-unicode-escape", "backslashreplace")
            for part, charset in parts
        )
    except (HeaderParseError, LookupError, ValueError):
        return raw
    return decoded or raw


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
        Field("from", cell(sender_words(message.sender))),
        Field("subject", _subject(message)),
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


def header_fields(message: Message, why_none: str = "") -> list[Field]:
    """Give the headers unfolded, Sendmail's macros as `$g`; or why there are none. Pure."""
    if not message.headers:
        return [Field("Headers"), Field("", cell(why_none, "$warning"))] if why_none else []
    return [
        Field("Headers"),
        *(
            Field(str(cell(name).plain), cell(_FOLD.sub(b" ", _MACRO.sub(b"$", body))))
            for name, body in message.headers
        ),
    ]


def _subject(message: Message) -> Content:
    return cell(subject_words(message.subject) if message.subject is not None else "not readable for this login")


def _when(at: float | None, now: float) -> Content:
    return cell(f"{units.clock(at, now)}, {_ago(at, now)}")


def _ago(at: float | None, now: float) -> str:
    return f"{units.age(now - at)} ago" if at is not None else "never"


def shows(pane: Pane) -> bool:
    """Tell whether an answer may be painted now; else the pane is painted when it is mounted or seen again, or never.

    A pane that was removed stays mounted to Textual, and its view is gone some steps before it is detached itself; but
    its screen leaves the stack first of all.
    """
    return pane.is_mounted and pane.is_attached and seen(pane)


class EnvelopePane(Pane):
    """Envelope, recipients and headers, to scroll through."""

    topics = frozenset({Topic.QUEUE, Topic.LINK})
    evidence_topic = "message"

    def __init__(self, store: Store, host: str, message: Message, *, clock: Clock = SYSTEM) -> None:
        super().__init__(store, host, clock=clock, id="envelope")
        self.message = message
        self.gone = False
        self.why_no_headers = "reading them ..."

    def compose(self) -> ComposeResult:
        """Lay out the fields."""
        with VerticalScroll(can_focus=True):
            yield Fields(id="envelope-fields")

    def show_message(self, message: Message) -> None:
        """Show a newer reading of the message, with its headers."""
        self.message = message
        self.why_no_headers = "none could be read; see what is missing with e"
        self._repaint()

    def say_no_headers(self, why: str) -> None:
        """Say why the headers could not be read."""
        self.why_no_headers = f"could not be read: {why}"
        self._repaint()

    def _repaint(self) -> None:
        if shows(self):
            self.paint()

    @property
    def copied(self) -> str:
        """What `y` copies: the queue id."""
        return self.message.id

    def tick(self) -> None:
        """Let ages grow."""
        self.paint()

    def pull(self) -> None:
        """Follow the message in the queue; when it leaves, say so and keep what was read."""
        newer = self.store.message(self.host or "", self.message.key)
        self.gone = newer is None
        if newer is not None and newer.last_attempt_at != self.message.last_attempt_at:
            # the queue tells of no headers: those that were read stay
            subject = newer.subject if newer.subject is not None else self.message.subject
            self.message = replace(newer, headers=self.message.headers, files=self.message.files, subject=subject)
        self.paint()

    def paint(self) -> None:
        """Paint all fields."""
        now, view = self.clock.wall(), self.store.host(self.host or "")
        fields: list[Field] = []
        if self.gone:
            fields.append(
                Field("LEFT THE QUEUE", cell("delivered, bounced or removed: its log lines tell", "$warning"))
            )
        fields += [*envelope_fields(self.message, now), *recipient_fields(self.message)]
        fields += header_fields(self.message, self.why_no_headers)
        self.query_one(Fields).show_fields(fields)
        stale = stale_note(view, now)
        self.set_class(bool(stale), "-stale")
        notes = (f"Message {self.message.id} on {self.host}", stale)
        self.set_title(" · ".join(filter(None, notes)), view.link.detail if stale else "")


def same(line: bytes) -> bytes:
    """Give that of a line by which it is told from others."""
    return line[:_SAME]


def newer_lines(log: LogBuffer, numbers: Iterable[int], found: Mapping[bytes, int]) -> list[int]:
    """Give the numbers of those held lines that are not among the ones, each so many times, that a search found."""
    known = Counter(found)
    newer: list[int] = []
    for number in numbers:
        line = same(log.line(number))
        if known[line]:
            known[line] -= 1
        else:
            newer.append(number)
    return newer


class MessageLines:
    """What a tail view shows of a message: lines that a search found, then held ones, made when they come on screen."""

    first = 0

    def __init__(self, found: Sequence[LogRecord], log: LogBuffer, newer: Sequence[int], style: Styles) -> None:
        self._found = found
        self._newer = newer
        self._style = style
        self._held = LogSource(log, style, lambda: True)

    def __len__(self) -> int:
        return len(self._found) + len(self._newer)

    def line(self, number: int) -> Sequence[Segment]:
        """Make a line."""
        if number < len(self._found):
            return record_line(self._found[number], self._style)
        return self._held.line(self._newer[number - len(self._found)])


class MessageLogPane(Pane):
    """The log lines of one queue id: what the host's logs hold of it, then what came since."""

    topics = frozenset({Topic.LOG, Topic.LINK})
    evidence_topic = "log"

    def __init__(self, store: Store, host: str, id_: str, *, clock: Clock = SYSTEM) -> None:
        super().__init__(store, host, clock=clock, id="message-log")
        self._queue_id = id_
        self._buffer = store.log(host)
        self._finder = Finder(self._buffer, id_.encode("utf-8", "backslashreplace"), LINES)
        self._found: Sequence[LogRecord] | None = None
        self._known: Counter[bytes] = Counter()
        self._lines: MessageLines | None = None
        """What is on show; None where it is to be put together anew."""
        self._note = "searching the host's logs ..."

    def compose(self) -> ComposeResult:
        """Lay out the lines."""
        yield Transcript(follow=True, empty=Content("no line of the log that was read names this message"))

    def show_log(self, records: Sequence[LogRecord], missing: Sequence[str]) -> None:
        """Show what the host's logs hold of the message, and what of them could not be read."""
        self._found, self._known = records, Counter(same(record.text) for record in records)
        self._again("; ".join(missing))

    def say_not_searched(self, why: str) -> None:
        """Say why the host's logs could not be searched."""
        self._again(f"the host's logs could not be searched: {why}")

    def _again(self, note: str) -> None:
        self._note, self._lines = note, None
        if shows(self):
            self.pull()

    def pull(self) -> None:
        """Show other lines where some came or fell off: few changes of a busy log are about this message."""
        if self._finder.find() or self._lines is None:
            view = self.query_one(Transcript)
            newer = newer_lines(self._buffer, self._finder.numbers, self._known)
            self._lines = MessageLines(self._found or (), self._buffer, newer, view.style_for)
            view.set_source(self._lines)
        self.tick()

    def tick(self) -> None:
        """Say how many lines there are, what was searched for them and whether they still come."""
        stale = stale_note(self.store.host(self.host or ""), self.clock.wall())
        self.set_class(bool(stale), "-stale")
        since = held_since(self._buffer) if self._found is None else ""
        count = len(self._lines) if self._lines is not None else 0
        notes = (
            f"Log lines of {self._queue_id} ({count})", stale, f"log held {since}" if since else "", self._note,
        )  # fmt: skip
        self.set_title(" · ".join(filter(None, notes)), self._note)

    @property
    def copied(self) -> str:
        """What `y` copies: the queue id."""
        return self._queue_id


class MessageScreen(MailScreen):
    """Everything of one message."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.ABOVE, Scope.MESSAGE)

    def __init__(self, host: str, message: Message) -> None:
        super().__init__(classes="message")
        self.host = host
        self.message = message
        store, clock = self.console.store, self.console.clock
        self._envelope = EnvelopePane(store, host, message, clock=clock)
        self._log = MessageLogPane(store, host, message.id, clock=clock)

    def body(self) -> Iterable[Widget]:
        """Give envelope over log lines."""
        yield self._envelope
        yield self._log

    def show_message(self, message: Message) -> None:
        """Show a newer reading, with headers."""
        self._envelope.show_message(message)

    def say_no_headers(self, why: str) -> None:
        """Say why the headers could not be read."""
        self._envelope.say_no_headers(why)

    def show_log(self, records: Sequence[LogRecord], missing: Sequence[str]) -> None:
        """Show what the host's logs hold of the message, and what of them could not be read."""
        self._log.show_log(records, missing)

    def say_not_searched(self, why: str) -> None:
        """Say why the host's logs could not be searched."""
        self._log.say_not_searched(why)

    def action_act(self, action: str) -> None:
        """Ask for an action on this message, unless its id is another's by now."""
        row = self.console.store.host(self.host).table.by_key.get(self.message.key)
        if row is None or row.arrived_at != self.message.arrived_at:
            self.notify("the message has left the queue", severity="warning", markup=False)
            return
        self.post_message(AskAction((self.host,), action, (row,)))
