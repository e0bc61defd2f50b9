"""Sendmail's `mailq` in all its forms (`-bp`, with `-v`, `-qQ`, `-qL`, `-Ac`): bytes to entries.

The format is sendmail/queue.c's print_single_queue(). Widths grow with long ids and sizes; addresses are cut and their
odd bytes shown as `\\ooo`; reasons are cut (60 characters, 100 with `-v`) and raw; dates lack the year. Messages of
Sendmail's own may stand between or in the middle of lines: they are kept as `stray` lines.
"""

from __future__ import annotations

import calendar
import re
import time
from dataclasses import dataclass, field
from typing import Final

# Every version's ids end in digits (a process number), so an `X` behind them is a mark; others are taken as they stand.
_ID: Final = rb"([0-9A-Za-z]{7,62}[0-9]|[0-9A-Za-z]{8,63}(?=[*? -]))"
_DATE: Final = rb"((?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2})"
_BODY: Final = rb"([*X?\- ]) *(-?[0-9]+) (?: *(-?[0-9]+)[+ ])?" + _DATE + rb" (.*)"

_START: Final = re.compile(rb" *" + _ID + _BODY, re.DOTALL)
_NOTE: Final = re.compile(rb" *" + _ID + rb"[*X?\- ]? \((.*)\)", re.DOTALL)
_BROKEN: Final = re.compile(rb" *" + _ID + rb"((?:\1|[*X?\- ]?[a-zA-Z]+): .*)", re.DOTALL)
_REST: Final = re.compile(_BODY, re.DOTALL)
_DIRECTORY: Final = re.compile(rb"\t\t(/.*) \(([0-9]+) requests?(?:, only ([0-9]+) printed)?\)", re.DOTALL)
_EMPTY: Final = re.compile(rb"(/.*) is empty", re.DOTALL)
_TOTAL: Final = re.compile(rb"\t\tTotal requests: ([0-9]+)")
_HEADING: Final = re.compile(rb"-+Q-ID-+ .*|M[ST][PA] Queue status\.\.\.", re.DOTALL)
_REASON: Final = re.compile(rb"    ([ 0-9A-Za-z-]{10})(?:   \((.*)\))?", re.DOTALL)
_RECIPIENT: Final = re.compile(rb"\t{5}[\t ](.*)", re.DOTALL)
_OWN_REASON: Final = re.compile(rb"\t\t \((.*)\)", re.DOTALL)
_QUARANTINE: Final = re.compile(rb"     QUARANTINE: (.*)", re.DOTALL)
_ESCAPE: Final = re.compile(rb"\\(\\|[0-3][0-7]{2})")

SENDER_WIDTH: Final = {False: 39, True: 78}
"""Columns of a sender before it is cut, without and with `-v`."""
RECIPIENT_WIDTH: Final = {False: 38, True: 71}
"""Columns of a recipient before it is cut, without and with `-v`."""


@dataclass(frozen=True, slots=True)
class MailqRecord:
    """One message's lines as they stand in the listing, and the directory they were listed under."""

    directory: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class MailqRecipient:
    """A recipient as `mailq` shows it."""

    address: bytes
    reason: bytes | None = None


@dataclass(frozen=True, slots=True)
class MailqEntry:
    """One message of the listing."""

    id: str
    mark: str
    """`*` being delivered, `-` too young, `X` load too high, `?` lost, else a blank."""
    size: int | None
    priority: int | None
    date: bytes
    """As shown: `Sun Nov 22 19:23`, with `-v` without the weekday."""
    sender: bytes
    quarantine: bytes | None
    reason: bytes | None
    recipients: tuple[MailqRecipient, ...]
    note: bytes | None
    """What stands in place of a message: `no control file`, `job completed`, `permission denied`."""
    cut: bool
    """True where an address fills its column, so that its end may be missing."""
    unknown: tuple[bytes, ...]


@dataclass(slots=True)
class MailqParser:
    """Groups the lines of a listing, fed in any split; `directories`, `total` and `stray` are right after `close`."""

    directories: list[tuple[bytes, int, bool]] = field(default_factory=list)
    """Each directory listed: path, announced requests, and whether all of them were printed."""
    total: int | None = None
    """Sum of all announced totals; None where none was printed, so that the listing was cut."""
    stray: list[bytes] = field(default_factory=list)
    """Lines that belong to no message: Sendmail's complaints."""
    split: bool = False
    """True where a directory keeps its files in subdirectories by kind."""
    _rest: bytes = b""
    _directory: bytes = b""
    _lines: list[bytes] = field(default_factory=list)

    def feed(self, block: bytes) -> list[MailqRecord]:
        """Take a block of any size and give the messages that it completed."""
        *lines, self._rest = (self._rest + block).split(b"\n")
        return [record for line in lines for record in self._line(line)]

    def close(self) -> list[MailqRecord]:
        """Take the end of the listing and give the message that was open."""
        last, self._rest = self._rest, b""
        return [*(self._line(last) if last else ()), *self._flush()]

    def _flush(self) -> list[MailqRecord]:
        lines, self._lines = self._lines, []
        return [MailqRecord(self._directory, b"\n".join(lines))] if lines else []

    def _line(self, line: bytes) -> list[MailqRecord]:
        if not line:
            return []
        if _START.fullmatch(line) or _NOTE.fullmatch(line) or _BROKEN.fullmatch(line):
            done = self._flush()
            self._lines = [line]
            return done
        if self._lines and line[:1] in b"\t *-?X" and not line.startswith((b"\t\t/", b"\t\tT", b"--")):
            self._lines.append(line)
            return []
        done = self._flush()
        if found := _DIRECTORY.fullmatch(line):
            self._directory = self._path(found[1])
            self.directories.append((self._directory, int(found[2]), found[3] is None))
        elif found := _EMPTY.fullmatch(line):
            self.directories.append((self._path(found[1]), 0, True))
        elif found := _TOTAL.fullmatch(line):
            self.total = (self.total or 0) + int(found[1])
        elif not _HEADING.fullmatch(line):
            self.stray.append(line)
        return done

    def _path(self, shown: bytes) -> bytes:
        """Take off the `/df` that Sendmail shows for a directory split by kind of file."""
        path = shown.removesuffix(b"/df")
        self.split = self.split or path != shown
        return path


def unescape(text: bytes) -> bytes:
    """Undo the listing's way of showing odd bytes (`\\303\\251`, doubled backslash)."""
    if b"\\" not in text:
        return text
    return _ESCAPE.sub(lambda found: b"\\" if found[1] == b"\\" else bytes([int(found[1], 8)]), text)


def entry(raw: bytes) -> MailqEntry | None:
    """Read one message's lines; None where they begin with no queue id."""
    first, *lines = raw.split(b"\n")
    note: bytes | None = None
    if not (start := _START.fullmatch(first)):
        broken = _BROKEN.fullmatch(first)
        found = broken or _NOTE.fullmatch(first)
        if not found:
            return None
        note = found[2].strip()
        if broken and lines and (rest := _REST.fullmatch(lines[0])):
            # A complaint of Sendmail's broke the line behind the id; the line after it goes on with size and date.
            start = _START.fullmatch(found[1] + rest[0])
            lines = lines[1:]
        if start is None:
            return MailqEntry(found[1].decode(), " ", None, None, b"", b"", None, None, (), note, False, tuple(lines))
    verbose = start[4] is not None
    quarantine: bytes | None = None
    reason: bytes | None = None
    recipients: list[MailqRecipient] = []
    unknown: list[bytes] = []
    cut = _is_cut(start[6], SENDER_WIDTH[verbose])
    for line in lines:
        if found := _RECIPIENT.fullmatch(line):
            if found[1].startswith(b"(---") and found[1].endswith(b"---)"):
                continue
            cut = cut or _is_cut(found[1], RECIPIENT_WIDTH[verbose])
            recipients.append(MailqRecipient(_address(found[1])))
        elif (found := _OWN_REASON.fullmatch(line)) and recipients:
            recipients[-1] = MailqRecipient(recipients[-1].address, found[1])
        elif found := _QUARANTINE.fullmatch(line):
            quarantine = found[1]
        elif found := _REASON.fullmatch(line):
            reason = found[2]
        else:
            unknown.append(line)
    size = int(start[3])
    return MailqEntry(
        id=start[1].decode(),
        mark=start[2].decode(),
        size=size if size >= 0 else None,
        priority=int(start[4]) if verbose else None,
        date=start[5],
        sender=b"" if (sender := _address(start[6])) == b"MAILER-DAEMON" else sender,
        quarantine=quarantine,
        reason=reason,
        recipients=tuple(recipients),
        note=note,
        cut=cut,
        unknown=tuple(unknown),
    )


def _address(text: bytes) -> bytes:
    """Read an address as shown; a cut one has lost its closing bracket."""
    text = unescape(text)
    return text[1 : -1 if text[-1:] == b">" else None] if text[:1] == b"<" else text


def _is_cut(text: bytes, width: int) -> bool:
    return text[-1:] != b">" if text[:1] == b"<" else len(text) >= width - 3  # an escape that does not fit is left out


_BASE60: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
_MONTHS: Final = b"JanFebMarAprMayJunJulAugSepOctNovDec"
_DAY: Final = 86_400.0


def id_time(queue_id: str) -> float | None:
    """Read the time (UTC) that an id of Sendmail 8.12 and later was made at; None for others.

    Its first six characters are year modulo 60, month, day, hour, minute and second, each a digit of base 60.
    """
    digits = [_BASE60.find(char) for char in queue_id[:6]]
    if len(queue_id) < 14 or min(digits) < 0:
        return None
    year, month, day, hour, minute, second = digits
    if month > 11 or not 1 <= day <= 31 or hour > 23:
        return None
    return float(calendar.timegm((2020 + year, month + 1, day, hour, minute, second)))


def arrival(shown: bytes, queue_id: str, now: float, zone: float) -> float | None:
    """Give the time of arrival: to the second from the id where that agrees with the date shown, else to the minute.

    `zone` is the host's offset from UTC in seconds; the year is the latest that does not lie in the future. An id is
    made when the envelope begins, mostly a few seconds before the time of arrival is taken, so the date shown decides,
    give or take a change of zone.
    """
    text = shown[-12:]
    month = _MONTHS.find(text[:3]) // 3 + 1
    if len(text) < 12 or not month:
        return None
    day, hour, minute = int(text[4:6]), int(text[7:9]), int(text[10:12])
    year = time.gmtime(now + zone).tm_year
    shown_at = calendar.timegm((year, month, day, hour, minute, 0)) - zone
    if shown_at > now + _DAY:
        shown_at = calendar.timegm((year - 1, month, day, hour, minute, 0)) - zone
    made_at = id_time(queue_id)
    if made_at is not None and abs(made_at - shown_at) <= 3660 and (made_at - shown_at) % 900 < 60:
        return made_at
    return float(shown_at)
