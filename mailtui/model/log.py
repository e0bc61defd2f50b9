"""Log lines, and where a followed log was read up to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LogEvent(StrEnum):
    """What a log line reports."""

    RECEIVED = "received"
    SENT = "sent"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    REJECTED = "rejected"
    EXPIRED = "expired"
    QUEUED = "queued"
    REMOVED = "removed"
    QUARANTINED = "quarantined"
    DISCARDED = "discarded"
    CONNECT = "connect"
    AUTH = "auth"
    TLS = "tls"
    MILTER = "milter"
    REFUSING = "refusing"
    QUEUE_RUN = "queue-run"
    WARNING = "warning"
    ERROR = "error"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One log line, with whatever could be read from it."""

    host: str
    at: float | None
    at_raw: bytes
    program: bytes
    pid: int | None
    id: str | None
    event: LogEvent
    text: bytes
    """The whole line as the host wrote it, without its newline."""
    sender: bytes | None = None
    recipient: bytes | None = None
    """Several recipients of one line are joined by commas, without angle brackets."""
    nrcpt: int | None = None
    relay: bytes | None = None
    dsn: str | None = None
    result: bytes | None = None
    delay: float | None = None
    size: int | None = None
    message_id: bytes | None = None
    client: bytes | None = None
    auth_user: bytes | None = None
    tls: bytes | None = None
    file: str = ""
    offset: int | None = None
    """Of the line's first byte in its file, uncompressed."""


@dataclass(frozen=True, slots=True)
class LogCursor:
    """Where a followed log was read up to, told so that a rotated or replaced file is recognised."""

    path: str
    device: int
    inode: int
    offset: int
    """Just behind the last complete line."""
    sha256: str
    """Of the up to 256 bytes before `offset`."""
