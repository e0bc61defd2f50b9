"""A whole message of a queue row: its record decoded, and read anew with all headers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from mailtui.errors import Unreachable
from mailtui.model import (
    Client,
    Hold,
    HoldBy,
    Identity,
    Message,
    QueueRow,
    QueueState,
    Recipient,
    RecipientState,
    SpoolFile,
)
from mailtui.mta.contract import Evidence, Read
from mailtui.mta.sendmail import engine, mailq, rows, waiting
from mailtui.mta.sendmail.ids import ID
from mailtui.mta.sendmail.queuefile import QueueFile, dsn, parse, reasons, relay, shared
from mailtui.procedure import REGISTRY, Procedure, Request
from mailtui.text import show_line

SUDO_CAT: Final = REGISTRY.load(__package__, "sudocat.sh", "sendmail/sudocat")

_FILE: Final = re.compile(rb"^(\d{1,18}) ([0-7]{1,4}) (\d{1,18}) (/.*)$", re.MULTILINE)
_CLIENT: Final = re.compile(rb"(?:[^\[\]]*@)?([^\s\[\]@]*) ?(?:\[(?:IPv6:)?([0-9A-Fa-f.:]{2,45})\].*)?", re.DOTALL)


def decode(host: str, identity: Identity | None, row: QueueRow, now: float) -> Message:
    """Make the whole message of a row; `now` is the host's clock."""
    file = parse(row.raw) if row.format != rows.MAILQ else None
    entry = mailq.entry(row.raw) if row.format == rows.MAILQ else None
    if file is not None:
        recipients = _recipients(file)
        whole = row.format == rows.QF and file.complete
    else:
        recipients = _listed_recipients(entry) if entry is not None else ()
        whole = entry is not None and entry.note is None and not entry.cut
    # what is lost is never tried, so it never expires
    lifetime = identity.fact("queuereturn") if identity is not None and row.state is not QueueState.LOST else ""
    message = Message(
        key=row.key,
        id=row.id,
        host=host,
        instance="sendmail",
        queue=row.queue,
        queue_group=row.queue_group,
        directory=row.directory,
        state=row.state,
        hold=_hold(row, file, entry),
        size=row.size,
        arrived_at=row.arrived_at,
        expires_at=row.arrived_at + float(lifetime) if row.arrived_at is not None and lifetime else None,
        sender=row.sender,
        auth_user=(file.macro(b"{auth_authen}") or None) if file is not None else None,
        client=client(file) if file is not None else None,
        message_id=file.header(b"message-id") if file is not None else None,
        recipients=recipients,
        recipients_complete=whole,
        subject=file.header(b"subject") if file is not None else None,
        reason=row.reason,
        attempts=row.attempts,
        last_attempt_at=row.last_attempt_at,
        next_attempt=None,
        why_waiting=None,
    )
    mark, note = (entry.mark, entry.note) if entry is not None else (" ", None)
    return replace(message, why_waiting=waiting.why(message, identity, now, mark=mark, note=note))


def _recipients(file: QueueFile) -> tuple[Recipient, ...]:
    """Give each remaining recipient with its reason; what was tried once is deferred."""
    state = RecipientState.DEFERRED if file.attempts else RecipientState.PENDING
    return tuple(
        Recipient(each.address, RecipientState.DEFERRED if each.reason else state, reason, dsn(reason), relay(reason))
        for each, reason in zip(file.recipients, reasons(file), strict=True)
    )


def _listed_recipients(entry: mailq.MailqEntry) -> tuple[Recipient, ...]:
    """Give the recipients of a listing; the message's reason is theirs only where there is no doubt."""
    known = shared(entry.reason, [(each.address, each.reason) for each in entry.recipients])
    state = RecipientState.DEFERRED if entry.reason is not None else RecipientState.PENDING
    return tuple(
        Recipient(each.address, state, reason, dsn(reason), relay(reason))
        for each, reason in zip(entry.recipients, known, strict=True)
    )


def _hold(row: QueueRow, file: QueueFile | None, entry: mailq.MailqEntry | None) -> Hold | None:
    """Tell why a quarantined message is held; who quarantined it Sendmail does not keep."""
    if row.state is not QueueState.HELD:
        return None
    reason = file.quarantine if file is not None else entry.quarantine if entry is not None else None
    return Hold(HoldBy.UNKNOWN, reason or b"")


def client(file: QueueFile) -> Client | None:
    """Read the SMTP client from the macros (`$_`: ident@name [address])."""
    name, address = file.macro(b"{client_name}"), file.macro(b"{client_addr}")
    if not name and not address:
        found = _CLIENT.fullmatch(file.macro(b"_") or b"")
        name, address = (found[1], found[2]) if found else (None, None)
    if not name and not address:
        return None
    return Client(name or None, address.decode("ascii", "backslashreplace") if address else None)


def _files(lines: bytes, row: QueueRow) -> Iterator[SpoolFile]:
    """Read `SIZE MODE MTIME PATH` lines; those of a namesake in another directory are left out, and all others."""
    for size, mode, mtime, path in _FILE.findall(lines):
        if path.startswith(row.directory + b"/"):
            yield SpoolFile(path, int(size), int(mode, 8), float(mtime))


def show(host: str, identity: Identity, row: QueueRow, now: Callable[[], float]) -> Procedure[Read[Message]]:
    """Read one message's envelope and headers anew; raises Unreachable where it is gone.

    Where its file may not be read, the row that is known is decoded: `headers` stays empty.
    """
    evidence: tuple[Evidence, ...] = ()
    headers: tuple[tuple[bytes, bytes], ...] = ()
    files: tuple[SpoolFile, ...] = ()
    if row.format == rows.QF and ID.fullmatch(row.id):
        reply = yield from engine.ask(identity, "show", [row.id])
        answer = engine.contents(host, reply, identity)
        found = [each for each in answer.rows if each.key == row.key]
        if not found and answer.cut:
            raise Unreachable(f"the queue of {host} was not read to its end")
        if not found:
            raise Unreachable(f"{row.id} has left the queue of {host} since it was listed", "list the queue again")
        row = found[-1]
        headers = parse(row.raw).headers
        files = tuple(_files(reply.body("files"), row))
        path = show_line(row.directory)
        evidence = (Evidence(f"cat {path}/{row.identity[0]}f{row.id}", row.raw, reply.status),)
    elif row.format == rows.MAILQ:
        evidence = (Evidence(f"{identity.fact('sendmail')} -bp -v", row.raw, None),)
        if identity.fact("sudo_cat") and ID.fullmatch(row.id):
            read, shown = yield from _by_sudo(host, identity, row)
            row, headers, evidence = read, parse(read.raw).headers if read is not row else (), evidence + shown
    host_now = now() + (identity.clock_skew or 0.0)
    message = replace(decode(host, identity, row, host_now), headers=headers, files=files)
    why, shown = yield from waiting.ask(message, identity, host_now)
    return Read(replace(message, why_waiting=why), evidence + shown)


def _by_sudo(host: str, identity: Identity, row: QueueRow) -> Procedure[tuple[QueueRow, tuple[Evidence, ...]]]:
    """Read the control file of a listed message by `sudo cat`; the row as it was where there is none."""
    letter = {QueueState.HELD: "h", QueueState.LOST: "Q"}.get(row.state, "q")
    directory = row.directory.decode("utf-8", "surrogateescape")
    paths = [f"{directory}{below}/{letter}f{row.id}" for below in ("", "/qf")]
    lines = [identity.fact("sudo"), identity.fact("cat"), *paths]
    reply = yield Request(SUDO_CAT, "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))
    raw = reply.body("file")
    if reply.status != 0 or not raw.startswith(b"V"):
        return row, ()
    number = int(reply.named("file")[-1].args[0])
    where = rows.Directory("", row.directory, row.queue, row.queue_group, "ok", "", 0.0)
    full = rows.RowMaker(host).file(where, where.prefix(host), f"{letter}f{row.id}", row.identity, row.size, raw)
    return full._replace(state=row.state), (Evidence(f"sudo -n cat {show_line(paths[number])}", raw, reply.status),)
