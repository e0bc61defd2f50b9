"""Queued messages, and the listing of a queue."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class QueueState(StrEnum):
    """Where a queued message stands."""

    ACTIVE = "active"
    """Being delivered now."""
    QUEUED = "queued"
    """Not tried yet."""
    DEFERRED = "deferred"
    """Tried, and to be tried again."""
    HELD = "held"
    """Quarantined, frozen or on hold: nothing tries it."""
    LOST = "lost"
    """The MTA cannot use its files: Sendmail's Qf and orphans, Postfix's corrupt, Exim's -H without -D."""


class RecipientState(StrEnum):
    """What is known of one recipient."""

    PENDING = "pending"
    DEFERRED = "deferred"
    DONE = "done"
    FAILED = "failed"


class HoldBy(StrEnum):
    """Who holds a message."""

    OPERATOR = "operator"
    MTA = "mta"
    FILTER = "filter"
    UNKNOWN = "unknown"


class Basis(StrEnum):
    """How the next attempt's time is known."""

    EXACT = "exact"
    RETRY_RULE = "retry-rule"
    QUEUE_RUN = "queue-run-estimate"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient of a queued message."""

    address: bytes
    state: RecipientState
    reason: bytes | None = None
    dsn: str | None = None
    """Enhanced status code (RFC 3463) where the reason holds one."""
    relay: bytes | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Why and by whom a message is held."""

    by: HoldBy
    reason: bytes
    since: float | None = None
    durable: bool = True
    """False where a restart of the MTA forgets it (OpenSMTPD)."""


@dataclass(frozen=True, slots=True)
class Client:
    """The SMTP client a message came from."""

    name: bytes | None
    ip: str | None


@dataclass(frozen=True, slots=True)
class SpoolFile:
    """A file that a queued message consists of."""

    path: bytes
    size: int
    mode: int
    """Permission bits."""
    mtime: float


@dataclass(frozen=True, slots=True)
class NextAttempt:
    """The earliest time of the next delivery attempt and how it is known."""

    not_before: float
    basis: Basis


@dataclass(frozen=True, slots=True)
class Message:
    """A queued message with all that its host tells of it."""

    key: str
    """Stable: host, queue directory and id; opaque but for the host, which `host_of` gives."""
    id: str
    host: str
    instance: str
    queue: str
    queue_group: str | None
    directory: bytes
    state: QueueState
    hold: Hold | None
    size: int | None
    arrived_at: float | None
    expires_at: float | None
    sender: bytes | None
    """Without angle brackets; b"" is the null sender, None one that is not known."""
    auth_user: bytes | None
    client: Client | None
    message_id: bytes | None
    recipients: tuple[Recipient, ...]
    recipients_complete: bool
    subject: bytes | None
    """Raw header body, as in the queue file; None where it could not be read."""
    reason: bytes | None
    attempts: int | None
    last_attempt_at: float | None
    next_attempt: NextAttempt | None
    why_waiting: str | None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """Name and raw body, in order, where the headers were read."""
    files: tuple[SpoolFile, ...] = ()
    """Where they were looked at."""

    @property
    def domains(self) -> tuple[bytes, ...]:
        """Give the recipients' domains, lower case, each once, in order."""
        return tuple(dict.fromkeys(domain_of(recipient.address) for recipient in self.recipients))


def domain_of(address: bytes) -> bytes:
    """Give an address's domain in lower case; b"" where it has none."""
    return address.rpartition(b"@")[2].lower() if b"@" in address else b""


def host_of(key: str) -> str:
    """Give the host that a message's key names."""
    return key.partition(":")[0]


class QueueRow(NamedTuple):
    """A queued message as the store keeps it: columns to sort and filter by, and the raw record to decode on demand."""

    key: str
    id: str
    queue: str
    queue_group: str | None
    directory: bytes
    state: QueueState
    size: int | None
    arrived_at: float | None
    sender: bytes | None
    """As a message's."""
    recipient: bytes
    """The first remaining recipient."""
    nrcpt: int
    domains: tuple[bytes, ...]
    """Of all remaining recipients, lower case, each once."""
    reason: bytes | None
    attempts: int | None
    last_attempt_at: float | None
    identity: str
    """Changes when the host's file does (Sendmail: file name and inode); what a refresh compares."""
    raw: bytes
    """The host's own record of it; the adapter named by `format` decodes it."""
    format: str
    """Name of the decoder: `sendmail-qf/1`, `sendmail-mailq/1`."""


@dataclass(frozen=True, slots=True)
class QueueListing:
    """All that one reading of a host's queue told."""

    taken_at: float
    complete: bool
    missing: tuple[str, ...]
    """What could not be read and how to get it, one sentence each; empty when complete."""
    rows: tuple[QueueRow, ...]
    """Every message, or only the new and changed ones when `partial`."""
    removed: tuple[str, ...] = ()
    """Keys gone since the listing that `partial` refers to."""
    partial: bool = False


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """How many messages stand where, and how old they are (seconds)."""

    active: int = 0
    queued: int = 0
    deferred: int = 0
    held: int = 0
    lost: int = 0
    oldest_age: float | None = None
    """Of active, queued and deferred mail only."""
    oldest_held_age: float | None = None
    oldest_lost_age: float | None = None
    complete: bool = True

    @property
    def total(self) -> int:
        """Give the number of all messages."""
        return self.active + self.queued + self.deferred + self.held + self.lost
