"""Records of the model as the objects of contract.md: every field there, null where it is not known.

Text of strangers stays `bytes` here; the writer of a format decides how it becomes text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mailtui.cli.times import age, iso, seconds

if TYPE_CHECKING:
    from mailtui.config import Host
    from mailtui.errors import HostError
    from mailtui.model import (
        Capability,
        ItemOutcome,
        LogRecord,
        Message,
        QueueCounts,
        Recipient,
        RemoteCommand,
        Service,
        SpoolFile,
        Stats,
        UndoSet,
    )

Object = dict[str, Any]
"""A JSON object in the making."""


def error(fault: HostError) -> Object:
    """Give why a host could not be read."""
    return {"kind": fault.kind, "message": fault.message, "cure": fault.cure}


def host(entry: Host) -> Object:
    """Give a configured host (`hosts list`)."""
    return {
        "name": entry.name,
        "address": entry.address,
        "user": entry.user,
        "port": entry.port,
        "mta": entry.mta,
        "mode": entry.mode,
        "tags": list(entry.tags),
        "groups": list(entry.groups),
    }


def file(found: SpoolFile) -> Object:
    """Give a file that a queued message consists of, its mode in octal as `ls` and `chmod` have it."""
    return {"path": found.path, "size": found.size, "mode": f"{found.mode:04o}", "mtime": iso(found.mtime)}


def message(found: Message, taken_at: float) -> Object:
    """Give a queued message; its age is that at `taken_at`."""
    hold, client, attempt = found.hold, found.client, found.next_attempt
    return {
        "key": found.key,
        "id": found.id,
        "host": found.host,
        "instance": found.instance,
        "queue": found.queue,
        "queue_group": found.queue_group,
        "directory": found.directory,
        "state": found.state,
        "hold": None
        if hold is None
        else {"by": hold.by, "reason": hold.reason, "since": iso(hold.since), "durable": hold.durable},
        "size": found.size,
        "arrived_at": iso(found.arrived_at),
        "age": age(taken_at, found.arrived_at),
        "expires_at": iso(found.expires_at),
        "sender": found.sender,
        "auth_user": found.auth_user,
        "client": None if client is None else {"name": client.name, "ip": client.ip},
        "message_id": found.message_id,
        "recipients": [recipient(each) for each in found.recipients],
        "recipients_complete": found.recipients_complete,
        "domains": list(found.domains),
        "subject": found.subject,
        "reason": found.reason,
        "cluster": None,
        "attempts": found.attempts,
        "last_attempt_at": iso(found.last_attempt_at),
        "next_attempt": None if attempt is None else {"not_before": iso(attempt.not_before), "basis": attempt.basis},
        "why_waiting": found.why_waiting,
    }


def recipient(found: Recipient) -> Object:
    """Give one recipient."""
    return {
        "address": found.address,
        "state": found.state,
        "reason": found.reason,
        "dsn": found.dsn,
        "relay": found.relay,
    }


def log(found: LogRecord) -> Object:
    """Give one log line."""
    return {
        "host": found.host,
        "at": iso(found.at),
        "at_raw": found.at_raw,
        "program": found.program,
        "pid": found.pid,
        "id": found.id,
        "event": found.event,
        "sender": found.sender,
        "recipient": found.recipient,
        "nrcpt": found.nrcpt,
        "relay": found.relay,
        "dsn": found.dsn,
        "result": found.result,
        "delay": seconds(found.delay),
        "size": found.size,
        "message_id": found.message_id,
        "client": found.client,
        "auth_user": found.auth_user,
        "tls": found.tls,
        "text": found.text,
        "file": found.file,
        "offset": found.offset,
    }


def capabilities(found: Sequence[Capability]) -> Object:
    """Give what a login may do, each with its why and cure."""
    return {each.name: {"allowed": each.allowed, "why": each.why, "cure": each.cure} for each in found}


def stats(name: str, found: Stats) -> Object:
    """Give one sample of a host."""
    memory, spool, processes = found.memory, found.spool, found.processes
    return {
        "host": name,
        "taken_at": iso(found.taken_at),
        "service": service(found.service),
        "limits": [
            {"name": each.name, "used": number(each.used), "limit": number(each.limit)} for each in found.limits
        ],
        "load": None if found.load is None else [number(each) for each in found.load],
        "cpus": found.cpus,
        "cpu_percent": number(found.cpu_percent),
        "memory": None
        if memory is None
        else {"total": memory.total, "available": memory.available, "swap_used": memory.swap_used},
        "spool": None
        if spool is None
        else {
            "path": spool.path,
            "bytes_total": spool.bytes_total,
            "bytes_free": spool.bytes_free,
            "inodes_total": spool.inodes_total,
            "inodes_free": spool.inodes_free,
        },
        "network": {
            "rx_per_s": number(found.network.rx_per_s),
            "tx_per_s": number(found.network.tx_per_s),
            "smtp_connections": found.network.smtp_connections,
        },
        "processes": None if processes is None else {"total": processes.total, "mta": processes.mta},
        "queue": None if found.queue is None else counts(found.queue),
        "rates": {
            "received": number(found.rates.received),
            "delivered": number(found.rates.delivered),
            "deferred": number(found.rates.deferred),
            "bounced": number(found.rates.bounced),
            "rejected": number(found.rates.rejected),
        },
        "uptime": seconds(found.uptime),
    }


def service(found: Service) -> Object:
    """Give the state of the mail server itself."""
    return {
        "daemon": found.daemon,
        "listening": list(found.listening),
        "accepting": found.accepting,
        "why_not": found.why_not,
        "queue_runners": [
            {
                "queue": each.queue,
                "state": each.state,
                "interval": seconds(each.interval),
                "last_run_at": iso(each.last_run_at),
            }
            for each in found.queue_runners
        ],
    }


def counts(found: QueueCounts) -> Object:
    """Give how many messages stand where, and the oldest of them."""
    return {
        "active": found.active,
        "queued": found.queued,
        "deferred": found.deferred,
        "held": found.held,
        "lost": found.lost,
        "total": found.total,
        "complete": found.complete,
        "oldest_age": seconds(found.oldest_age),
        "oldest_held_age": seconds(found.oldest_held_age),
        "oldest_lost_age": seconds(found.oldest_lost_age),
    }


def number(value: float | None) -> float | None:
    """Give a measured number to three places; None for what JSON has no number for."""
    return seconds(value)


# --- actions --------------------------------------------------------------------------------------------------------


def command(found: RemoteCommand) -> Object:
    """Give a command as the shipped script executes it on the host."""
    return {"argv": list(found.argv), "stdin": found.stdin}


def outcome(found: ItemOutcome) -> Object:
    """Give what became of one message; its key is null where no such message was there."""
    return {
        "id": found.id,
        "key": found.key or None,
        "outcome": found.outcome,
        "code": found.code,
        "detail": found.detail,
    }


def undo_set(found: UndoSet) -> Object:
    """Give what one delete set aside on one host."""
    return {
        "undo_id": found.undo_id,
        "host": found.host,
        "at": iso(found.at),
        "by": found.by,
        "until": iso(found.until),
        "count": found.count,
        "state": found.state,
        "busy": found.busy,
    }
