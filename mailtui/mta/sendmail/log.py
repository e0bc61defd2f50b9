"""Sendmail's log: cheap event codes for whole blocks, full records for single lines.

An attempt's event follows its status code; a `DSN:`, `return to sender` or `postmaster notify` line, written when a
bounce is made, is `bounced` as well (`expired` where the reason is that time ran out) and carries the id of the message
that failed. What is no Sendmail line, or not understood, is `other` with its whole text.
"""

from __future__ import annotations

import re
from typing import Final

from mailtui.model import Identity, LogEvent, LogRecord
from mailtui.mta.sendmail import logfields
from mailtui.mta.sendmail.logfields import Fields
from mailtui.parsing.syslog import HEAD, Stamps, split_head

CODES: Final = {event: code for code, event in enumerate(LogEvent)}
"""Each event's code in what `events` gives."""

SESSIONS: Final = 4096
"""So many STARTTLS= and AUTH= lines make a generation; two generations are remembered."""

GENERATION: Final = 1800.0
"""Seconds after which a new generation begins: process ids come round again."""

_ID: Final = rb"(?:(?:[0-9A-Za-z]{8}[0-9]{4,12}+|NOQUEUE): )"
_ID_FIRST: Final = re.compile(rb"(?:([0-9A-Za-z]{8}[0-9]{4,12}+)|NOQUEUE): ")

# One match a line. Of a delivery attempt and of a received message, where nothing in it is quoted, only the telling
# characters are captured (`sn=4` of `dsn=4.7.1`, `ts=2` of `nrcpts=2`); of any other line the message with its newline.
# The look-behinds keep a message that merely begins with those characters from being taken for one.
_ATTEMPT: Final = (
    rb"to=[^\",\n]*+(?:,[^\", \n][^\",\n]*+)*+(?:, ctladdr=[^\",\n]*+)?+, delay=[^\",\n]*+(?:, xdelay=[^\",\n]*+)?+"
    rb"(?:, mailer=[^\",\n]*+)?+(?:, pri=[^\",\n]*+)?+(?:, relay=[^\",\n]*+)?+, d"
    rb"(?=sn=[245]\.\d{1,3}+\.\d{1,3}+, (?:stat=(?!queued|quar|disc)|reply=(?![^\n]*, stat=(?:queued|quar|disc))))"
)
_MESSAGE: Final = rb"from=[^\",\n]*+, size=\d++, class=-?\d++, (?:pri=\d++, )?+nrcp(?=ts=[1-9])"
_REJECT: Final = rb"ruleset=check_\w++, arg1=[^\",\n]*+, (?:arg2=[^\",\n]*+, )?+(?:relay=[^\",\n]*+, )?+rejec(?=t=)"
_LINE: Final = re.compile(
    rb"(?:" + HEAD + _ID + rb"?+(?:" + _ATTEMPT + rb"|" + _MESSAGE + rb"|" + _REJECT + rb")?+"
    rb"((?<=, d)sn=[245]|(?<=, nrcp)ts=[1-9]|(?<=, rejec)t=|STARTTLS|AUTH|Milter (?:add|insert|change|delete)"
    rb"|[^\n]*+\n)(?:(?<=\n)|[^\n]*+\n)|[^\n]*+\n)"
)
_SESSION: Final = re.compile(rb"(\[\d++\]: (?:STARTTLS|AUTH)=(?:server|client), relay=[^, \n]*+)([^\n]*+)")


class _Codes(dict[bytes, int]):
    """Codes by what `_LINE` captured; a message that is not in the table is read, and not remembered."""

    def __missing__(self, body: bytes) -> int:
        return CODES[logfields.tell(body[:-1]).event]


_BY_CAPTURE: Final = _Codes(
    {
        b"": CODES[LogEvent.OTHER],
        b"sn=2": CODES[LogEvent.SENT],
        b"sn=4": CODES[LogEvent.DEFERRED],
        b"sn=5": CODES[LogEvent.BOUNCED],
        **{b"ts=%d" % digit: CODES[LogEvent.RECEIVED] for digit in range(1, 10)},
        b"t=": CODES[LogEvent.REJECTED],
        b"STARTTLS": CODES[LogEvent.TLS],
        b"AUTH": CODES[LogEvent.AUTH],
        **{b"Milter " + act: CODES[LogEvent.MILTER] for act in (b"add", b"insert", b"change", b"delete")},
    }
)


class _Sessions:
    """STARTTLS= and AUTH= lines by process and peer, two generations of them.

    The key is the line's own beginning, so that a block's lines are taken over without looking at each.
    """

    def __init__(self) -> None:
        self._young: dict[bytes, bytes] = {}
        self._old: dict[bytes, bytes] = {}
        self._since: float | None = None

    def note(self, lines: bytes, at: float | None) -> None:
        """Take over what these lines hold; `at` is the time of the last of them."""
        if self._since is None:
            self._since = at
        passed = at - self._since if at is not None and self._since is not None else 0.0
        if passed > GENERATION or len(self._young) > SESSIONS:
            self._old = self._young if passed < 2 * GENERATION else {}
            self._young = {}
            self._since = at
        self._young.update(_SESSION.findall(lines))

    def find(self, kind: bytes, pid: int, relay: bytes) -> Fields:
        """Give what the latest such line of this process about this peer told."""
        key = b"[%d]: %b, relay=%b" % (pid, kind, relay.partition(b" ")[0])
        rest = self._young.get(key)
        if rest is None:
            rest = self._old.get(key)
        return Fields() if rest is None else logfields.tell(key.partition(b": ")[2] + rest).fields


class SendmailLog:
    """A `LogParser`: reads one host's lines, and joins STARTTLS= and AUTH= lines to the messages after them."""

    def __init__(self, host: str, identity: Identity | None, now: float) -> None:
        self._host = host
        self._stamps = Stamps(now, identity.fact("zone") if identity else "")
        self._sessions = _Sessions()

    def events(self, block: bytes) -> bytes:
        """Give one code a complete line, and remember the block's TLS and AUTH sessions for `record`."""
        end = block.rfind(b"\n") + 1
        if end < len(block):
            block = block[:end]
        if block:
            # Reading the last stamp also keeps the year right for whoever follows over New Year.
            last = split_head(block[block.rfind(b"\n", 0, -1) + 1 :])
            self._sessions.note(block, self._stamps.read(last.at_raw) if last else None)
        return bytes(map(_BY_CAPTURE.__getitem__, _LINE.findall(block)))

    def record(self, line: bytes, file: str = "", offset: int | None = None) -> LogRecord:
        """Read one line whole."""
        line = line.removesuffix(b"\n")
        head = split_head(line)
        if head is None or not head.program:
            at, at_raw = (self._stamps.read(head.at_raw), head.at_raw) if head else (None, b"")
            return LogRecord(self._host, at, at_raw, b"", None, None, LogEvent.OTHER, line, file=file, offset=offset)
        at = self._stamps.read(head.at_raw)
        found = _ID_FIRST.match(line, head.body)
        event, fields = logfields.tell(line[found.end() if found else head.body :])
        if event is LogEvent.TLS or event is LogEvent.AUTH:
            self._sessions.note(line, at)
        elif head.pid is not None:
            self._join(head.pid, fields)
        return LogRecord(
            self._host, at, head.at_raw, head.program, head.pid,
            found[1].decode() if found and found[1] else None,
            event, line, file=file, offset=offset, **fields,
        )  # fmt: skip

    def _join(self, pid: int, fields: Fields) -> None:
        """Give a message or an attempt the TLS, a message also the user, of its connection."""
        relay = fields.get("relay")
        if not relay:
            return
        if "delay" in fields:
            fields["tls"] = self._sessions.find(b"STARTTLS=client", pid, relay).get("tls")
        elif "nrcpt" in fields:
            fields["tls"] = self._sessions.find(b"STARTTLS=server", pid, relay).get("tls")
            fields["auth_user"] = self._sessions.find(b"AUTH=server", pid, relay).get("auth_user")


def log_parser(host: str, identity: Identity | None, now: float) -> SendmailLog:
    """Make a parser of one host's Sendmail log; `now` settles the year of classic stamps."""
    return SendmailLog(host, identity, now)
