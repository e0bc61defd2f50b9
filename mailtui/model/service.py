"""The mail server's service and its host's resources."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mailtui.model.queue import QueueCounts


class Accepting(StrEnum):
    """Whether a mail server takes mail right now."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class RunnerState(StrEnum):
    """Whether a queue runner is alive."""

    RUNNING = "running"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class QueueRunner:
    """A process that is to try a queue again at an interval."""

    queue: str
    state: RunnerState
    interval: float | None
    last_run_at: float | None


@dataclass(frozen=True, slots=True)
class Service:
    """The mail server itself: does it run, listen, accept."""

    daemon: bool | None
    """None where it could not be told."""
    listening: tuple[str, ...]
    """`address:port`, IPv6 in brackets."""
    accepting: Accepting
    why_not: str | None
    queue_runners: tuple[QueueRunner, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of the MTA and how much of it is used."""

    name: str
    used: float
    limit: float


@dataclass(frozen=True, slots=True)
class Memory:
    """Main memory and swap in bytes."""

    total: int
    available: int
    swap_used: int


@dataclass(frozen=True, slots=True)
class Spool:
    """The file system that the queue lies on."""

    path: str
    bytes_total: int
    bytes_free: int
    inodes_total: int | None
    inodes_free: int | None


@dataclass(frozen=True, slots=True)
class Network:
    """Bytes a second over all interfaces but loopback, and SMTP connections that are open."""

    rx_per_s: float | None
    tx_per_s: float | None
    smtp_connections: int | None


@dataclass(frozen=True, slots=True)
class Processes:
    """Processes on the host and those of the MTA."""

    total: int
    mta: int


@dataclass(frozen=True, slots=True)
class Rates:
    """Messages a minute, from the log or the MTA's own counters; None where neither could be read."""

    received: float | None = None
    delivered: float | None = None
    deferred: float | None = None
    bounced: float | None = None
    rejected: float | None = None


@dataclass(frozen=True, slots=True)
class Stats:
    """One sample of a host: service, resources and, where known, its queue."""

    taken_at: float
    service: Service
    limits: tuple[Limit, ...]
    load: tuple[float, float, float] | None
    cpus: int | None
    cpu_percent: float | None
    memory: Memory | None
    spool: Spool | None
    network: Network
    processes: Processes | None
    queue: QueueCounts | None
    rates: Rates
    uptime: float | None
