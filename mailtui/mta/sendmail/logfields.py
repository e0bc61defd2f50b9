"""What stands in the message of a Sendmail log line: which event it reports and its fields.

Values come from strangers: an address, a reply or a Message-ID may hold commas, quotes, `to=` and `stat=`. So fields
are read in the order in which Sendmail writes them, never searched for, and the last one runs to the end of the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple, TypedDict

from mailtui.model import LogEvent

# Sendmail doubles every backslash it logs (str2prt): a quote within quotes stands as \\". What ends in the middle of a
# word was no closing quote, but the first of a later value: the address was shortened and lost its own.
_QUOTED: Final = rb'"(?:[^"\\]++|\\\\(?:\\\\|.)|\\)*+"(?=[@.,:%!>\s]|\Z)'
_BRACKETED: Final = rb"<(?:" + _QUOTED + rb'|[^"<>\s])*+>'
_PAIR: Final = re.compile(
    rb"(\w+)=((?:[^,\"<]++|" + _BRACKETED + rb"|" + _QUOTED + rb"|<|,(?! ))*+)(?:, |$)", re.DOTALL
)
_LOOSE_PAIR: Final = re.compile(rb"(\w+)=(.*?)(?:, (?=\w+=)|$)", re.DOTALL)
_ADDRESS: Final = re.compile(_BRACKETED + rb"|(?:" + _QUOTED + rb"|[^,\"])++|\"", re.DOTALL)
_DELAY: Final = re.compile(rb"(?:(\d{1,6})\+)?(\d{1,4}):(\d\d):(\d\d)")
_FROM_TAIL: Final = re.compile(
    rb"(, msgid=<[^>]*>|.*?)((?:, (?:bodytype|proto|daemon|tls_verify|auth|relay)=[^,]*)*)$", re.DOTALL
)
_REPLY_CODE: Final = re.compile(rb"\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b")
_NOTICE: Final = re.compile(
    rb"[0-9A-Za-z]{8}[0-9]{4,12}: (DSN|return to sender|postmaster notify|sender notify): (.*)", re.DOTALL
)
_REFUSED_ADDRESS: Final = re.compile(rb"(" + _BRACKETED + rb"|\S+)\.\.\. (.*)", re.DOTALL)
_AUTH_FAILED: Final = re.compile(rb"AUTH [^:]*: (.*?)(?:, user=(.*))?, relay=([^,]*)$", re.DOTALL)
_CLIENT: Final = rb"(\S*) ?(\[[0-9A-Fa-f.:]+\](?: \(may be forged\))?)"
_CLIENT_FIRST: Final = re.compile(_CLIENT + rb"(?: did not issue |: (?:VRFY|EXPN|ETRN) |: probable )")
_CLIENT_LAST: Final = re.compile(rb"(?:connect|lost input channel|unexpected close on connection) from " + _CLIENT)


class Fields(TypedDict, total=False):
    """Fields of a `LogRecord` that its message tells."""

    sender: bytes | None
    recipient: bytes | None
    nrcpt: int | None
    relay: bytes | None
    dsn: str | None
    result: bytes | None
    delay: float | None
    size: int | None
    message_id: bytes | None
    client: bytes | None
    auth_user: bytes | None
    tls: bytes | None


class Told(NamedTuple):
    """A message's event and fields."""

    event: LogEvent
    fields: Fields


def addresses(value: bytes) -> bytes:
    """Take the angle brackets off one or several addresses; they stay joined by commas."""
    return b",".join(
        found[1:-1] if found[:1] == b"<" and found[-1:] == b">" else found for found in _ADDRESS.findall(value)
    )


def pairs(body: bytes, last: frozenset[bytes]) -> tuple[dict[bytes, bytes], bytes]:
    """Read `key=value, ` in order; a key of `last` ends it and is given back with all that follows.

    Of a key that comes twice the first counts.
    """
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(body):
        pair = _PAIR.match(body, at) or _LOOSE_PAIR.match(body, at)
        if pair is None or pair[1] in last:
            return found, body[at:]
        found.setdefault(pair[1], pair[2])
        at = pair.end()
    return found, b""


def number(value: bytes | None) -> int | None:
    """Read digits; None where it is anything else."""
    return int(value) if value is not None and value.isdigit() and len(value) < 20 else None


def duration(value: bytes | None) -> float | None:
    """Read Sendmail's `D+HH:MM:SS`."""
    found = _DELAY.fullmatch(value or b"")
    if not found:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def code_of(reply: bytes) -> str | None:
    """Give the enhanced status code at the start of an SMTP reply."""
    found = _REPLY_CODE.match(reply)
    return found[1].decode() if found else None


def _last_words(rest: bytes) -> bytes:
    """Give what `stat=` says, out of `reply=..., stat=...` whose two values may hold `, stat=` themselves.

    A deferral repeats the reply in its stat; everywhere else stat is the last one.
    """
    if rest.startswith(b"stat="):
        return rest[5:]
    text = rest.partition(b"=")[2]
    split = text.rfind(b", stat=")
    if split < 0:
        return b""
    at = text.find(b", stat=")
    while 0 <= at < split:
        if text.startswith(b"Deferred: " + text[: min(at, 60)], at + 7):
            return text[at + 7 :]
        at = text.find(b", stat=", at + 1)
    return text[split + 7 :]


_CLASSES: Final = {b"2": LogEvent.SENT, b"4": LogEvent.DEFERRED, b"5": LogEvent.BOUNCED}
_STATS: Final = (
    (b"queued", LogEvent.QUEUED),
    (b"quarantined", LogEvent.QUARANTINED),
    (b"discarded", LogEvent.DISCARDED),
)
_STATS_WITHOUT_DSN: Final = (
    (b"Sent", LogEvent.SENT),
    (b"Deferred", LogEvent.DEFERRED),
    (b"Please try again later", LogEvent.DEFERRED),
    (b"User unknown", LogEvent.BOUNCED),
    (b"Host unknown", LogEvent.BOUNCED),
    (b"Service unavailable", LogEvent.BOUNCED),
    (b"Local configuration error", LogEvent.BOUNCED),
    (b"Remote protocol error", LogEvent.BOUNCED),
    (b"Data format error", LogEvent.BOUNCED),
    (b"Insufficient permission", LogEvent.BOUNCED),
    (b"Cannot ", LogEvent.BOUNCED),
    (b"unknown mailer error", LogEvent.BOUNCED),
)


def delivery_event(dsn: bytes, stat: bytes) -> LogEvent:
    """Tell what became of an attempt: by the status code's class, as a remote server cannot write that."""
    for prefix, event in _STATS:
        if stat.startswith(prefix):
            return event
    if dsn[:1] in _CLASSES:
        return _CLASSES[dsn[:1]]
    return next((event for prefix, event in _STATS_WITHOUT_DSN if stat.startswith(prefix)), LogEvent.OTHER)


_DELIVERY_ENDS: Final = frozenset((b"reply", b"stat", b"quarantine"))


def _delivery(body: bytes) -> Told:
    found, rest = pairs(body, _DELIVERY_ENDS)
    stat = _last_words(rest)
    dsn = found.get(b"dsn", b"")
    fields = Fields(
        recipient=addresses(found.get(b"to", b"")),
        relay=found.get(b"relay"),
        dsn=dsn.decode("ascii", "replace") or None,
        result=stat or None,
        delay=duration(found.get(b"delay")),
    )
    event = delivery_event(dsn, stat)
    if (
        event is LogEvent.OTHER and stat and b"mailer" not in found
    ):  # refused after its DATA: nobody tried to deliver it
        event = LogEvent.REJECTED
    return Told(event, fields)


def _received(body: bytes) -> Told:
    found, rest = pairs(body, frozenset((b"msgid", b"bodytype", b"proto", b"daemon", b"relay")))
    text, tail = split.groups() if (split := _FROM_TAIL.match(b", " + rest)) else (b"", b"")
    last = dict(pair.partition(b"=")[::2] for pair in tail.split(b", ")[1:])
    nrcpt = number(found.get(b"nrcpts"))
    relay = last.get(b"relay")
    fields = Fields(
        sender=addresses(found.get(b"from", b"")),
        size=number(found.get(b"size")),
        nrcpt=nrcpt,
        message_id=text[8:] if text.startswith(b", msgid=") else None,
        relay=relay,
        client=relay,
    )
    # Without a recipient it was a connection that led to no message.
    return Told(LogEvent.CONNECT if nrcpt == 0 else LogEvent.RECEIVED, fields)


_CHECK_ENDS: Final = frozenset((b"reject", b"quarantine", b"discard"))
_OUTGOING_CHECKS: Final = (b"tls_server", b"tls_rcpt", b"try_tls")
_ACTIONS: Final = (
    (b"reject=", LogEvent.REJECTED),
    (b"tempfail", LogEvent.REJECTED),
    (b"quarantine=", LogEvent.QUARANTINED),
    (b"discard", LogEvent.DISCARDED),
)


def _action(rest: bytes, otherwise: LogEvent) -> tuple[LogEvent, bytes | None]:
    for prefix, event in _ACTIONS:
        if rest.startswith(prefix):
            return event, rest.partition(b"=")[2] or None
    return otherwise, None


def _ruleset(body: bytes) -> Told:
    found, rest = pairs(body, _CHECK_ENDS)
    event, result = _action(rest, LogEvent.OTHER)
    relay = found.get(b"relay")
    fields = Fields(relay=relay, result=result, dsn=code_of(result or b""))
    name, first = found.get(b"ruleset", b""), addresses(found.get(b"arg1", b""))
    if name in _OUTGOING_CHECKS:  # a server that we deliver to did not satisfy us: nobody's mail was refused
        return Told(LogEvent.TLS, fields)
    fields["client"] = relay
    if name == b"check_rcpt":
        fields["recipient"] = first
    elif name == b"check_mail":
        fields["sender"] = first
    return Told(event, fields)


_MILTER_CHANGES: Final = (b"Milter add", b"Milter insert", b"Milter change", b"Milter delete")


def _milter(body: bytes) -> Told:
    if body.startswith(_MILTER_CHANGES):
        return Told(LogEvent.MILTER, Fields())
    if body.startswith(b"Milter ("):
        broken = any(word in body for word in (b"): error", b"): timeout", b"): to error state", b"): init failed"))
        return Told(LogEvent.ERROR if broken else LogEvent.MILTER, Fields())
    found, rest = pairs(body.removeprefix(b"Milter: "), _CHECK_ENDS | {b"tempfail"})
    while rest and not rest.startswith(tuple(prefix for prefix, _ in _ACTIONS)):  # `data, reject=`: the stage is bare
        rest = rest.partition(b", ")[2]
    event, result = _action(rest, LogEvent.MILTER)
    fields = Fields(result=result, dsn=code_of(result or b""))
    if b"to" in found:
        fields["recipient"] = addresses(found[b"to"])
    if b"from" in found:
        fields["sender"] = addresses(found[b"from"])
    return Told(event, fields)


def _starttls(body: bytes) -> Told:
    side, _, rest = body.partition(b", ")
    found, _ = pairs(rest, frozenset())
    relay = found.get(b"relay")
    fields = Fields(relay=relay, client=relay if side == b"STARTTLS=server" else None)
    if b"version" in found:
        words = [found.get(b"version", b""), found.get(b"cipher", b""), found.get(b"bits", b"")]
        fields["tls"] = b" ".join(word for word in [*words, b"verify=" + found.get(b"verify", b"")] if word)
    else:
        fields["result"] = rest or None
    return Told(LogEvent.TLS, fields)


def _auth(body: bytes) -> Told:
    if body.startswith(b"AUTH="):
        side, _, rest = body.partition(b", ")
        found, _ = pairs(rest, frozenset())
        relay, user = found.get(b"relay"), found.get(b"authid")
        return Told(
            LogEvent.AUTH, Fields(relay=relay, client=relay if side == b"AUTH=server" else None, auth_user=user)
        )
    if failed := _AUTH_FAILED.match(body):
        result, user, relay = failed.groups()
        return Told(LogEvent.AUTH, Fields(result=result, auth_user=user, relay=relay, client=relay))
    return Told(LogEvent.AUTH, Fields(result=body.partition(b": ")[2] or None))


def _collect(body: bytes) -> Told:
    found, _ = pairs(body.removeprefix(b"collect: "), frozenset())
    fields = Fields(relay=found.get(b"relay"), client=found.get(b"relay"), result=found.get(b"info"))
    if b"from" in found:
        fields["sender"] = addresses(found[b"from"])
    if found.keys() >= {b"info", b"status"}:
        return Told(LogEvent.REJECTED, fields)
    return Told(LogEvent.WARNING, fields)


def _expired(reason: bytes) -> bool:
    return reason.startswith((b"Cannot send message for", b"Message could not be delivered for", b"Cannot send within"))


def _notice(kind: bytes, reason: bytes) -> Told:
    """Read the line that tells of a new message about an old one: a bounce, unless it says it is only a warning."""
    fields = Fields(result=reason)
    if kind == b"sender notify" or reason.startswith(b"Warning: "):
        return Told(LogEvent.WARNING, fields)
    if reason.startswith(b"Return receipt"):
        return Told(LogEvent.OTHER, fields)
    return Told(LogEvent.EXPIRED if _expired(reason) else LogEvent.BOUNCED, fields)


def _syserr(body: bytes) -> Told:
    return Told(LogEvent.ERROR, Fields(result=body.partition(b": ")[2] or body))


def _quarantined(body: bytes) -> Told:
    return Told(LogEvent.QUARANTINED, Fields(result=body.partition(b"=")[2] or None))


_KINDS: Final[tuple[tuple[bytes, Callable[[bytes], Told]], ...]] = (
    (b"to=", _delivery),
    (b"from=", _received),
    (b"ruleset=", _ruleset),
    (b"STARTTLS", _starttls),
    (b"AUTH", _auth),
    (b"Milter", _milter),
    (b"milter=", _milter),
    (b"collect: ", _collect),
    (b"SYSERR", _syserr),
    (b"quarantine=", _quarantined),
)
"""How a message is read that begins so."""

_STARTS: Final = (
    (b"done;", LogEvent.REMOVED),
    (b"discarded", LogEvent.DISCARDED),
    (b"unquarantine", LogEvent.QUEUED),
    (b"clone", LogEvent.QUEUED),
    (b"split: ", LogEvent.QUEUED),
    (b"rejecting connections on daemon", LogEvent.REFUSING),
    (b"refusing connections", LogEvent.REFUSING),
    (b"deferring connections on daemon", LogEvent.REFUSING),
    (b"delaying connections on daemon", LogEvent.REFUSING),
    (b"accepting connections again", LogEvent.CONNECT),
    (b"runqueue:", LogEvent.QUEUE_RUN),
    (b"grew WorkList", LogEvent.QUEUE_RUN),
    (b"Authentication-Warning:", LogEvent.WARNING),
    (b"timeout waiting for input", LogEvent.WARNING),
    (b"lost input channel", LogEvent.WARNING),
    (b"unexpected close on connection", LogEvent.WARNING),
    (b"stopping daemon", LogEvent.WARNING),
    (b"restarting ", LogEvent.WARNING),
    (b"rejecting commands from", LogEvent.REJECTED),
    (b"connect from", LogEvent.CONNECT),
    (b"low on space", LogEvent.ERROR),
    (b"low on available", LogEvent.ERROR),
    (b"Losing ", LogEvent.ERROR),
    (b"Warning: ", LogEvent.WARNING),
    (b"WARNING: ", LogEvent.WARNING),
    (b"TLS: error", LogEvent.TLS),
    (b"throttling ", LogEvent.WARNING),
)
"""Messages without fields that begin so."""

_HOLDS: Final = (
    (b" did not issue MAIL/EXPN/VRFY/ETRN during connection", LogEvent.CONNECT),
    (b"possible SMTP attack", LogEvent.WARNING),
    (b"probable open proxy", LogEvent.WARNING),
    (b"savemail panic", LogEvent.ERROR),
)
"""Messages that begin with a client's or a file's name and hold this."""


_KIND_STARTS: Final = tuple(prefix for prefix, _ in _KINDS)
_PLAIN_STARTS: Final = tuple(prefix for prefix, _ in _STARTS)


def tell(body: bytes) -> Told:
    """Read a message, without the queue id before it; what is not understood is an `other` without fields."""
    if body.startswith(_KIND_STARTS):
        return next(kind for prefix, kind in _KINDS if body.startswith(prefix))(body)
    if notice := _NOTICE.match(body):
        return _notice(notice[1], notice[2])
    if body.startswith(_PLAIN_STARTS):
        event = next(event for prefix, event in _STARTS if body.startswith(prefix))
        return Told(event, _with_client(_CLIENT_LAST.match(body)))
    if refused := _REFUSED_ADDRESS.match(body):
        fields = Fields(recipient=addresses(refused[1]), result=refused[2], dsn=code_of(refused[2]))
        return Told(LogEvent.REJECTED, fields)
    client = _with_client(_CLIENT_FIRST.match(body))
    event = next((event for needle, event in _HOLDS if needle in body), LogEvent.OTHER)
    return Told(LogEvent.CONNECT if client and event is LogEvent.OTHER else event, client)


def _with_client(found: re.Match[bytes] | None) -> Fields:
    return Fields(client=b" ".join(part for part in found.groups() if part)) if found else Fields()
