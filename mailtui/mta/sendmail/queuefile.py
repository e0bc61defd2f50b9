"""Sendmail's queue control file (qf, hf, Qf): bytes to records, at two depths.

`envelope` picks the columns of a queue row in one pass, for a hundred thousand files at a time; `parse` reads one file
whole. The format is sendmail/queue.c's readqf(): one line a field, its first byte the code; a line that begins with
white space continues the one above. Headers (`H?flags?Name: body`) come last, a lone `.` ends the file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

_COLUMNS: Final = re.compile(rb"^([TKNFSMRq])(.*)$", re.MULTILINE)
# The usual file, in the order of queueup(): three times as fast as looking at each line.
_USUAL: Final = re.compile(
    rb"V[0-9]++\nT([0-9]{1,15})\nK([0-9]{1,15})\nN([0-9]{1,9})\n(?:[PIBd].*\n)*+(?:M(.*)\n)?+(?:q(.*)\n)?+F(.*)\n"
    rb"(?:\$.*\n)*+S(.*)\n(?:A.*\n)?+(?:M(.*)\n)?+(?:C.*\n)?+(?:r.*\n)?+R[A-Za-z]*+:(.*)\n((?:[MCrR].*\n)*+)(?=[H.])"
)
# Each further recipient of the usual file: M where it has a reason of its own, C and r, R with a plain address.
_OTHER: Final = rb"(?:M%b\n)?+(?:[Cr].*\n)*+R[A-Za-z]*+:<[^<>@\n]++@%b>\n"
OTHERS: Final = re.compile(_OTHER % (rb"(.+)", rb"([^<>@\n]++)"))
RECORD: Final = re.compile(
    rb"(qf[0-9A-Za-z]{1,64} [0-9]{1,20} [0-9]{1,20} (?:-1|[0-9]{1,20}) [0-9]{1,10}\n)"
    rb"(V[0-9]++\nT([1-9][0-9]{0,14})\nK([0-9]{1,15})\nN([0-9]{1,9})\n(?:[PIBd].*\n)*+(?:M(.+)\n)?+F[^r\n]*+\n"
    rb"(?:\$.*\n)*+S<([^<>\n]++)>\n(?:A.*\n)?+(?:M(.+)\n)?+(?:C.*\n)?+(?:r.*\n)?+R[A-Za-z]*+:"
    rb"<([^<>@\n]++@([^<>@\n]++))>\n((?:" + _OTHER % (rb".+", rb"[^<>@\n]++") + rb")*+)(?:[H\t ].*\n)*+\.\n)"
)
"""The engine's head line and the usual file behind it: not held, plain addresses, no empty reasons, whole.

It is searched for in bytes that hosts and senders had a hand in: the head line is bounded and no line of the file can
stand for two codes, so that takes no longer than reading them.
"""
_MORE: Final = re.compile(rb"^([MR])(.*)$", re.MULTILINE)
_HEADER: Final = re.compile(rb"H(?:\?[^?\n]*\?)?([^:\n]*):[ \t]?(.*)", re.DOTALL)
_MACRO: Final = re.compile(rb"\$(\{[^}\n]*\}|.)(.*)", re.DOTALL)
_DSN: Final = re.compile(rb"(?:^|[^0-9.])([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.]*[0-9])")
_RELAY: Final = re.compile(
    rb"(?:refused by|timed out with|reset by|lost with|input from|read error from) ([0-9A-Za-z][0-9A-Za-z._:-]*)"
    rb"|(?:^|: )([0-9A-Za-z][0-9A-Za-z._-]*\.): "
)
_ADDRESSED: Final = re.compile(rb"<[^<>@]*@([^<>@]+)>")
# What is said of a recipient who is done: replies 5xx, and the texts of permanent exit codes (sysexits.c).
_FINAL: Final = re.compile(
    rb"5[0-9][0-9][ -]|(?:(?:user|host) unknown|service unavailable|data format error|command line usage error"
    rb"|addressee unknown|permission denied|remote protocol error)(?![ -~]*(?:deferred|try again))"
)
_QUOTED: Final = re.compile(rb"\xff([\x80-\x9f\xff])")
_SINGLE: Final = frozenset(bytes([code]) for code in b"VTKNPIFBMqSAdDZX!")
_NULL_SENDERS: Final = frozenset((b"", b"<>", b"MAILER-DAEMON"))


class Envelope(NamedTuple):
    """What a queue row shows of a control file."""

    arrived_at: float | None
    last_attempt_at: float | None
    attempts: int | None
    sender: bytes
    recipients: list[bytes]
    """Every remaining recipient, without angle brackets."""
    reason: bytes | None
    quarantine: bytes | None


@dataclass(frozen=True, slots=True)
class QueuedRecipient:
    """A remaining recipient as the control file has it."""

    address: bytes
    flags: bytes
    reason: bytes | None
    """Its own status (the M line before it); None where only the message has one."""
    original: bytes | None = None
    """ORCPT with its type (`RFC822; a@b`)."""
    controlling_user: bytes | None = None


@dataclass(frozen=True, slots=True)
class QueueFile:
    """A control file, read whole; lines of unknown codes are kept in `unknown`."""

    version: int | None
    created_at: float | None
    last_attempt_at: float | None
    attempts: int | None
    priority: int | None
    flags: bytes
    reason: bytes | None
    quarantine: bytes | None
    sender: bytes
    auth_sender: bytes | None
    """AUTH= parameter of MAIL FROM (A line)."""
    data_directory: bytes | None
    """Where the df lies when it is not beside the qf (d line)."""
    body_type: bytes | None
    macros: tuple[tuple[bytes, bytes], ...]
    recipients: tuple[QueuedRecipient, ...]
    headers: tuple[tuple[bytes, bytes], ...]
    unknown: tuple[bytes, ...]
    complete: bool
    """True where the final `.` stands; else the file was read while it was written, or is damaged."""

    def macro(self, name: bytes) -> bytes | None:
        """Give a macro's value by its name (`_`, `{auth_authen}`)."""
        return next((value for key, value in self.macros if key == name), None)

    def header(self, name: bytes) -> bytes | None:
        """Give the first header of this name, raw and unfolded as it stands."""
        name = name.lower()
        return next((value for key, value in self.headers if key.lower() == name), None)


def number(digits: bytes) -> int | None:
    """Read a decimal number; None where it is none (or absurdly long)."""
    text = digits.strip()
    return int(text) if len(text) <= 18 and text.removeprefix(b"-").isdigit() else None


def _time(digits: bytes) -> float | None:
    value = number(digits)
    return None if value is None or value <= 0 else float(value)


def bare(address: bytes) -> bytes:
    """Take the angle brackets off an address."""
    return address[1:-1] if address[:1] == b"<" and address[-1:] == b">" else address


def _recipient(value: bytes) -> bytes:
    """Take the address out of an R line: `flags:address` since version 1, the address alone before."""
    flags, colon, address = value.partition(b":")
    if colon and (not flags or flags.isalpha()):
        value = address
    return value[1:-1] if value[:1] == b"<" and value[-1:] == b">" else value


def own_sender(value: bytes, flags: bytes) -> bytes:
    """Give the envelope sender; b"" is the null sender, which Sendmail also writes as a flag of its own bounces."""
    return b"" if b"r" in flags or value in _NULL_SENDERS else bare(value)


def plain(record: bytes) -> bytes:
    """Take off the 0xFF that Sendmail puts before a byte of 0x80 to 0x9F (and 0xFF) to tell it from its own codes."""
    return _QUOTED.sub(rb"\1", record) if b"\xff" in record else record


def envelope(record: bytes) -> Envelope:
    """Pick the columns of a queue row; whatever is missing is None or empty."""
    record = plain(record)
    usual = _USUAL.match(record)
    if usual is None:
        return _envelope(record)
    created_at, last_try, tries, reason, quarantine, flags, sender, own, address, more = usual.groups()
    recipients = [bare(address)]
    if more:
        own = others(more, recipients, own, reason)
    attempts = int(tries)
    columns = (
        float(created_at) or None,
        (float(last_try) or None) if attempts else None,
        attempts,
        b"" if b"r" in flags else bare(sender) if sender not in _NULL_SENDERS else b"",
        recipients,
        reason if own is None else own,
        quarantine,
    )
    return tuple.__new__(Envelope, columns)


def others(lines: bytes, recipients: list[bytes], own: bytes | None, reason: bytes | None) -> bytes | None:
    """Add the recipients behind the first; gives the reason of their own that stands for the message, if one does."""
    first_own, without, own = own, own is None, None
    for code, value in _MORE.findall(lines):
        if code == b"M":
            own = value
            continue
        recipients.append(_recipient(value))
        if own is None:
            without = True
        elif first_own is None:
            first_own = own
        own = None
    return first_own if reason is None or not without else None


def _envelope(record: bytes) -> Envelope:
    """Pick the columns of any file, line by line."""
    created: float | None = None
    last: float | None = None
    attempts: int | None = None
    reason: bytes | None = None
    own: bytes | None = None
    first_own: bytes | None = None
    quarantine: bytes | None = None
    sender = flags = b""
    sender_seen = False
    without = 0
    recipients: list[bytes] = []
    for code, value in _COLUMNS.findall(record):
        if code == b"R":
            recipients.append(_recipient(value))
            if own is None:
                without += 1
            elif first_own is None:
                first_own = own
            own = None
        elif code == b"M":
            if sender_seen:
                own = value
            else:
                reason = value
        elif code == b"S":
            sender, sender_seen = value, True
        elif code == b"T":
            created = _time(value)
        elif code == b"K":
            last = _time(value)
        elif code == b"N":
            attempts = number(value)
        elif code == b"F":
            flags = value
        else:
            quarantine = value
    if first_own is not None and (reason is None or not without):
        # Each remaining recipient has its own: the message's may be that of one who is done (`User unknown`).
        reason = first_own
    sender = own_sender(sender, flags)
    return Envelope(created, last if attempts else None, attempts, sender, recipients, reason, quarantine)


def parse(record: bytes) -> QueueFile:
    """Read a whole control file; nothing in it makes this fail, and no line is lost."""
    single: dict[bytes, bytes] = {}
    unknown: list[bytes] = []
    macros: list[tuple[bytes, bytes]] = []
    headers: list[tuple[bytes, bytes]] = []
    recipients: list[QueuedRecipient] = []
    own: bytes | None = None
    original: bytes | None = None
    controlling: bytes | None = None
    complete = False
    for line in _lines(plain(record)):
        code, value = line[:1], line[1:]
        if line == b".":
            complete = True
        elif code == b"R":
            flags, colon, _ = value.partition(b":")
            flags = flags if colon and flags.isalpha() else b""
            recipients.append(QueuedRecipient(_recipient(value), flags, own, original, controlling))
            own = original = None
        elif code == b"M" and b"S" in single:
            unknown += [] if own is None else [b"M" + own]
            own = value
        elif code == b"r":
            unknown += [] if original is None else [b"r" + original]
            original = value
        elif code == b"C":
            controlling = value.lstrip(b":") or None
        elif code == b"H" and (header := _HEADER.fullmatch(line)):
            headers.append((header[1].rstrip(), header[2]))
        elif code == b"$" and (macro := _MACRO.fullmatch(line)):
            macros.append((macro[1], macro[2]))
        elif code in _SINGLE and code not in single:
            single[code] = value
        else:
            unknown.append(line)
    unknown += [] if own is None else [b"M" + own]
    unknown += [] if original is None else [b"r" + original]
    attempts = number(single.get(b"N", b""))
    flags = single.get(b"F", b"")
    return QueueFile(
        version=number(single.get(b"V", b"")),
        created_at=_time(single.get(b"T", b"")),
        last_attempt_at=_time(single.get(b"K", b"")) if attempts else None,
        attempts=attempts,
        priority=number(single.get(b"P", b"")),
        flags=flags,
        reason=single.get(b"M"),
        quarantine=single.get(b"q"),
        sender=own_sender(single.get(b"S", b""), flags),
        auth_sender=single.get(b"A"),
        data_directory=single.get(b"d"),
        body_type=single.get(b"B"),
        macros=tuple(macros),
        recipients=tuple(recipients),
        headers=tuple(headers),
        unknown=tuple(unknown),
        complete=complete,
    )


def _lines(record: bytes) -> list[bytes]:
    """Split into logical lines: what begins with white space belongs to the line above."""
    lines: list[bytes] = []
    for line in record.removesuffix(b"\n").split(b"\n") if record else []:
        if lines and line[:1] in (b" ", b"\t"):
            lines[-1] += b"\n" + line
        else:
            lines.append(line)
    return lines


def reasons(file: QueueFile) -> tuple[bytes | None, ...]:
    """Give each recipient's reason: its own, or the message's where that can only be meant for it."""
    return shared(file.reason, [(each.address, each.reason) for each in file.recipients])


def shared(status: bytes | None, recipients: Sequence[tuple[bytes, bytes | None]]) -> tuple[bytes | None, ...]:
    """Give each recipient (an address and its own status) its own status, or the message's where that is its too.

    The message's status is the last one that came up. It is a recipient's where it names the recipient's domain, or
    where all that have none of their own are of one domain (they share its connection) and it is not seen to be
    another's: the own status of a recipient, about an address of another domain, or final. Else the reason is unknown.
    """
    text = (status or b"").lower()
    if _FINAL.match(text):
        status, text = None, b""
    without = {_domain(address) for address, own in recipients if own is None}
    theirs = len(without) == 1 and all(own != status for _, own in recipients)
    theirs = theirs and without.issuperset(_ADDRESSED.findall(text))
    return tuple(
        own if own is not None else status if theirs or _names(text, _domain(address)) else None
        for address, own in recipients
    )


def _names(text: bytes, domain: bytes) -> bool:
    """Tell whether a status names a domain, or a host in it."""
    word = rb"(?<![a-z0-9-])%b(?![a-z0-9-]|\.[a-z0-9])"
    return bool(domain) and domain in text and re.search(word % re.escape(domain), text) is not None


def _domain(address: bytes) -> bytes:
    return address.rpartition(b"@")[2].lower()


def dsn(reason: bytes | None) -> str | None:
    """Find the enhanced status code (RFC 3463) that a reason holds."""
    found = _DSN.search(reason) if reason else None
    return found[1].decode("ascii") if found else None


def relay(reason: bytes | None) -> bytes | None:
    """Find the host that a reason of Sendmail's own making names (`Connection refused by mx.example.net.`)."""
    found = _RELAY.search(reason) if reason else None
    return (found[1] or found[2]).rstrip(b".") or None if found else None
