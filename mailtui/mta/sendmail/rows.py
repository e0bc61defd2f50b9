"""From what the engine and `mailq` print to queue rows: fast, for a hundred thousand messages in a second."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote_from_bytes

from mailtui.model import QueueRow, QueueState, domain_of
from mailtui.mta.sendmail import mailq
from mailtui.mta.sendmail.queuefile import OTHERS, RECORD, envelope
from mailtui.procedure import Section
from mailtui.text import natural

QF: Final = "sendmail-qf/1"
"""Format of rows whose raw record is a control file without most headers."""
MAILQ: Final = "sendmail-mailq/1"
"""Format of rows whose raw record is a message's lines in `mailq`."""
ORPHAN: Final = "sendmail-df/1"
"""Format of rows that stand for a data file without a control file; their raw record is empty."""

UNFINISHED: Final = "~"
"""Last character of the identity of a control file that was read before its end was written."""

_STATES: Final = {"h": QueueState.HELD, "Q": QueueState.LOST, "d": QueueState.LOST}


@dataclass(frozen=True, slots=True)
class Directory:
    """A queue directory as the host told of it."""

    number: str
    path: bytes
    queue: str
    """`mqueue` or `mqueue-client`."""
    group: str | None
    state: str
    """`ok`, `denied` or `gone`."""
    times: str
    """Modification times of where its control and its data files lie; "" where they were not told."""
    now: float
    """The host's clock before the directory was read."""

    @property
    def settled(self) -> bool:
        """Tell whether its times prove anything: a change within their own granularity would not show."""
        return bool(self.times) and all(float(each) < self.now - 2 for each in self.times.split("."))

    def prefix(self, host: str) -> str:
        """Give what the keys of its messages begin with."""
        return f"{host}:{quote_from_bytes(self.path)}:"


class _Lowered(dict[bytes, bytes]):
    """Domains in lower case by how they were written, each made once."""

    def __missing__(self, written: bytes) -> bytes:
        self[written] = lowered = written.lower()
        return lowered


@dataclass(slots=True)
class RowMaker:
    """Makes the rows of one host; equal reasons and domains of one reading are the same objects."""

    host: str
    _domains: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    _reasons: dict[bytes, bytes] = field(default_factory=dict)
    _lowered: _Lowered = field(default_factory=_Lowered)
    unfinished: list[QueueRow] = field(default_factory=list)
    """Those of control files that were read while they were written, or are damaged."""

    def file(
        self, directory: Directory, prefix: str, name: str, version: str, size: int | None, raw: bytes
    ) -> QueueRow:
        """Make the row of a control file; `version` tells one writing of it from the next."""
        letter, queue_id = name[0], name[2:]
        arrived_at, last_attempt_at, attempts, sender, recipients, reason, quarantine = envelope(raw)
        state = _STATES.get(letter)
        if state is None:
            state = QueueState.DEFERRED if attempts else QueueState.QUEUED
        elif quarantine is not None and state is QueueState.HELD:
            reason = quarantine
        # a line that is only a dot: many a header ends with one too
        whole = raw.endswith(b"\n.\n") or raw == b".\n"
        if not whole:
            version += UNFINISHED  # read while it was written: no later version is equal to this one
        columns = (
            prefix + queue_id,
            queue_id,
            directory.queue,
            directory.group,
            directory.path,
            state,
            size,
            arrived_at,
            sender,
            recipients[0] if recipients else b"",
            len(recipients),
            self._domains_of(recipients),
            None if reason is None else self._reasons.setdefault(reason, reason),
            attempts,
            last_attempt_at,
            letter + version,
            raw,
            QF,
        )
        # past the class's own constructor, which takes as long as half of all this
        row = tuple.__new__(QueueRow, columns)
        if not whole:
            self.unfinished.append(row)
        return row

    def batch(self, directory: Directory, body: bytes) -> Iterator[QueueRow]:
        """Make the rows of a `rows` section: the usual files in one search, for this is what a big queue waits for."""
        prefix = directory.prefix(self.host)
        queue, group, path = directory.queue, directory.group, directory.path
        domains, reasons, lowered, new = self._domains, self._reasons, self._lowered.__getitem__, tuple.__new__
        deferred, queued = QueueState.DEFERRED, QueueState.QUEUED
        position, end, quoted = 0, len(body), b"\xff" in body
        for found in RECORD.finditer(body):
            start, stop = found.span()
            # What the search skipped is read by its length; what it found inside of that is no record.
            while position < start:
                row, position = self._any(directory, prefix, body, position)
                yield row
            if position > start:
                continue
            head, raw, created_at, last_try, attempts, reason, sender, own, address, domain, more = found.groups()
            name, inode, changed, data_size, length = head.decode().split()
            if int(length) != len(raw) or (quoted and b"\xff" in raw):  # it goes on behind its end, or is not plain
                row, position = self._any(directory, prefix, body, position)
                yield row
                continue
            position = stop
            if more:
                owns, behind = zip(*OTHERS.findall(more), strict=True)
                count, known = 1 + len(owns), tuple(dict.fromkeys(map(lowered, (domain, *behind))))
                if reason is None:
                    own = own or next(filter(None, owns), None)
                elif b"" in owns:
                    own = None  # as in `others`: the message's reason stands, for a recipient has none of its own
            else:
                count, known = 1, domains.get(domain) or domains.setdefault(domain, (domain.lower(),))
            if own is not None:
                reason = own
            queue_id, tries = name[2:], int(attempts)
            columns = (
                prefix + queue_id,
                queue_id,
                queue,
                group,
                path,
                deferred if tries else queued,
                None if data_size == "-1" else int(data_size),
                float(created_at),
                sender,
                address,
                count,
                known,
                None if reason is None else reasons.setdefault(reason, reason),
                tries,
                (float(last_try) or None) if tries else None,
                f"q{inode}.{changed}",
                raw,
                QF,
            )
            yield new(QueueRow, columns)
        while position < end:
            row, position = self._any(directory, prefix, body, position)
            yield row

    def _any(self, directory: Directory, prefix: str, body: bytes, position: int) -> tuple[QueueRow, int]:
        """Make the row of the record that begins at a place, whatever it looks like; gives where the next begins."""
        start = body.index(b"\n", position) + 1
        name, inode, changed, data_size, length = body[position:start].decode("ascii").split()
        stop = start + int(length)
        if stop < start:
            raise ValueError("a negative length")
        size = None if data_size == "-1" else int(data_size)
        return self.file(directory, prefix, name, f"{inode}.{changed}", size, body[start:stop]), stop

    def orphan(self, directory: Directory, name: str, version: str, size: int, changed: float) -> QueueRow:
        """Make the row of a data file that no control file goes with."""
        queue_id = name[2:]
        arrived_at = mailq.id_time(queue_id)
        if arrived_at is None or not arrived_at <= changed < arrived_at + 86_400:
            arrived_at = changed
        return QueueRow(
            key=directory.prefix(self.host) + queue_id,
            id=queue_id,
            queue=directory.queue,
            queue_group=directory.group,
            directory=directory.path,
            state=QueueState.LOST,
            size=size,
            arrived_at=arrived_at,
            sender=None,
            recipient=b"",
            nrcpt=0,
            domains=(),
            reason=None,
            attempts=None,
            last_attempt_at=None,
            identity="d" + version,
            raw=b"",
            format=ORPHAN,
        )

    def listed(
        self, directory: Directory, record: mailq.MailqRecord, view: str, now: float, zone: float
    ) -> QueueRow | None:
        """Make the row of a message that `mailq` showed in its plain (""), quarantined (Q) or lost (L) view."""
        entry = mailq.entry(record.raw)
        if entry is None or entry.note == b"job completed":
            return None
        states = {"Q": QueueState.HELD, "L": QueueState.LOST}
        waiting = QueueState.QUEUED if entry.reason is None else QueueState.DEFERRED
        state = states.get(view) or (QueueState.ACTIVE if entry.mark == "*" else waiting)
        addresses = [each.address for each in entry.recipients]
        return QueueRow(
            key=directory.prefix(self.host) + entry.id,
            id=entry.id,
            queue=directory.queue,
            queue_group=directory.group,
            directory=record.directory,
            state=state,
            size=entry.size,
            arrived_at=mailq.arrival(entry.date, entry.id, now, zone),
            sender=entry.sender,
            recipient=addresses[0] if addresses else b"",
            nrcpt=len(addresses),
            domains=self._domains_of(addresses),
            reason=entry.quarantine or entry.reason,
            attempts=None,
            last_attempt_at=None,
            identity=f"m{view}{zlib.crc32(record.raw):08x}",
            raw=record.raw,
            format=MAILQ,
        )

    def _domains_of(self, recipients: list[bytes]) -> tuple[bytes, ...]:
        if len(recipients) == 1:
            tail = recipients[0].rpartition(b"@")[2]
            known = self._domains.get(tail)
            if known is None or not known[0]:
                domain = domain_of(recipients[0])
                known = self._domains[tail] = (domain,)
            return known
        return tuple(dict.fromkeys(map(domain_of, recipients)))


def directories(sections: Iterable[Section]) -> dict[str, Directory]:
    """Read the `dir` sections of an answer of the engine, by number."""
    found: dict[str, Directory] = {}
    for section in sections:
        if section.name == "dir" and len(section.args) == 7:
            number, queue, group, state, control, data, now = section.args
            times = f"{control}.{data}" if None not in (natural(control), natural(data)) else ""
            path = section.body.removesuffix(b"\n")
            found[number] = Directory(number, path, queue, None if group == "-" else group, state, times, float(now))
    return found
