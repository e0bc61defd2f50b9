"""What an adapter of a mail server is: sans-I/O procedures and pure parsers, no sockets, no store."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from mailtui.model import (
    Acted,
    Capability,
    Identity,
    LogCursor,
    LogRecord,
    Message,
    Order,
    QueueListing,
    QueueRow,
    RemoteCommand,
    Spoken,
    Stats,
    Target,
    UndoSet,
)
from mailtui.procedure import Event, Procedure, Request, Section

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Evidence:
    """A raw command and its raw output, as the host gave it; what `e` shows."""

    command: str
    """What ran on the host, as one would type it there."""
    output: bytes
    status: int | None


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """A result together with the evidence it was read from."""

    value: T
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownQueue:
    """What a refresh may build on: the rows of the last complete reading and the adapter's own notes of it."""

    identities: Mapping[str, str]
    """Message key -> `QueueRow.identity`."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """Adapter's own: for Sendmail each directory's modification time."""


@dataclass(frozen=True, slots=True)
class QueueReading:
    """A listing, its evidence, and the notes that the next refresh wants back."""

    listing: QueueListing
    evidence: tuple[Evidence, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What `logs` searches on the host."""

    since: float | None = None
    until: float | None = None
    grep: bytes | None = None
    """POSIX ERE over raw bytes, run on the host."""
    id: str | None = None
    """A queue id, already held against the adapter's pattern."""
    last: int | None = None
    """At most so many of the newest matching lines."""


@dataclass(frozen=True, slots=True)
class LogBlock:
    """Complete lines of a followed log."""

    path: str
    offset: int
    """Of the first line's first byte in its file; -1 where the host cannot tell."""
    lines: bytes
    cursor: LogCursor | None
    """Where to go on after these lines; None where the host cannot tell."""
    live: bool
    """False for what stood in the log before the following began."""


@dataclass(frozen=True, slots=True)
class LogGap:
    """Lines of a followed log may be missing here."""

    path: str
    why: str


class FollowParser(Protocol):
    """Turns the events of a following stream into blocks of complete lines and gaps."""

    def feed(self, event: Event) -> Sequence[LogBlock | LogGap]:
        """Take in one event."""


class LiveParser(Protocol):
    """Turns the events of a retry that is watched into its dialogue and its outcomes."""

    def feed(self, event: Event) -> Sequence[Spoken]:
        """Take in one event; raises Refused where the host said that nothing was done."""

    def acted(self, *, stopped: bool) -> Acted:
        """Give one outcome for each message; `stopped` where somebody stopped watching, else the link was lost."""


class LogParser(Protocol):
    """Turns one host's log lines into records; keeps what it must remember between lines (STARTTLS by pid)."""

    def events(self, block: bytes) -> bytes:
        """Give one `LogEvent` code a complete line of the block: its index in `tuple(LogEvent)`, cheaply."""

    def record(self, line: bytes, file: str = "", offset: int | None = None) -> LogRecord:
        """Read one line whole; what it does not understand becomes an `other` record with the text."""


class Mta(Protocol):
    """A mail server's adapter."""

    name: str
    title: str
    id_pattern: re.Pattern[str]
    """Every queue id that may be sent to a host matches it whole."""

    def detect(self, *, sudo: bool = True) -> Procedure[Read[Identity | None]]:
        """Find the mail server: version, build flags, paths, queues; None where it is not this one.

        Without `sudo` it is neither asked for nor noted, so nothing later runs it.
        """

    def capabilities(self, identity: Identity, logs: Sequence[str] = ()) -> Procedure[Read[tuple[Capability, ...]]]:
        """Find what this login may do; asks `sudo -n -l`, never runs a refused command.

        `logs` are those that the configuration names. A cure may say HOST where the host's name belongs.
        """

    def list_queue(self, host: str, identity: Identity, known: KnownQueue | None) -> Procedure[QueueReading]:
        """Read the whole queue, or with `known` only what changed."""

    def decode(self, host: str, identity: Identity | None, row: QueueRow) -> Message:
        """Make the whole message of a row."""

    def show(self, host: str, identity: Identity, row: QueueRow) -> Procedure[Read[Message]]:
        """Read one message's envelope and headers anew."""

    def stats_request(self, identity: Identity, interval: float) -> Request:
        """Give the request of the long-lived sampling stream; each sample is one `sample` section."""

    def stats_parser(self, host: str, identity: Identity) -> StatsParser:
        """Make the parser of the sampling stream's sections."""

    def find_logs(self, identity: Identity, configured: Sequence[str]) -> Procedure[Read[tuple[str, ...]]]:
        """Find the log files of this mail server, newest configuration first; empty where none can be read."""

    def follow_request(self, identity: Identity, path: str, cursor: LogCursor | None, last: int) -> Request:
        """Give the request that follows a log from a cursor (or its last lines); see parsing of its sections there."""

    def follow_parser(self, identity: Identity, path: str, cursor: LogCursor | None) -> FollowParser:
        """Make the parser of a following stream."""

    def search_request(self, identity: Identity, paths: Sequence[str], query: LogQuery) -> Request:
        """Give the request that searches current, rotated and compressed logs; a section `file PATH` for each file."""

    def log_parser(self, host: str, identity: Identity | None, now: float) -> LogParser:
        """Make a parser of this mail server's log lines; `now` settles the year of classic stamps."""

    def target(self, row: QueueRow) -> Target:
        """Give what an action is aimed at: the message with the fingerprint that a reused id would not have."""

    def commands(
        self, identity: Identity, verb: str, targets: Sequence[Target], order: Order
    ) -> tuple[RemoteCommand, ...]:
        """Give the literal commands that a batch executes on the host; what a plan and `--dry-run` show.

        Raises Refused where the login has no means for just this verb.
        """

    def act(self, identity: Identity, verb: str, targets: Sequence[Target], order: Order) -> Procedure[Acted]:
        """Do one batch: retry, hold, release, delete, bounce (of targets) or flush (of none).

        Each target is held against what is on the host first. What the host did not tell of is `unknown`.
        """

    def live_request(self, identity: Identity, targets: Sequence[Target], order: Order) -> Request:
        """Give the request of a stream that retries messages and passes their dialogue on; raises Refused.

        Each target is held against what is on the host first. The delivery itself ends with nothing that we do.
        """

    def live_parser(self, targets: Sequence[Target]) -> LiveParser:
        """Make the parser of that stream; no secret passes it."""

    def undo_sets(self, host: str, identity: Identity) -> Procedure[Read[tuple[UndoSet, ...]]]:
        """Read what the vault on the host holds."""

    def undo(self, host: str, identity: Identity, kept: UndoSet, order: Order) -> Procedure[Acted]:
        """Put what a delete set aside back where it came from, as held where the order says so."""

    def purge(self, identity: Identity, undo_ids: Sequence[str]) -> Procedure[tuple[str, ...]]:
        """Destroy what these deletes set aside, for good; gives the undo ids that are gone now."""

    def sudoers(self, identity: Identity, features: Sequence[str], *, helper: bool, logs: Sequence[str] = ()) -> str:
        """Print minimal sudoers lines (and with `helper` the root-owned helper) for these features.

        `logs` are those that the configuration names. A feature without a line is named in a comment, with the reason.
        """


class StatsParser(Protocol):
    """Turns samples into `Stats`; keeps the previous sample for rates."""

    def feed(self, sections: Sequence[Section], taken_at: float) -> Stats:
        """Read one sample (all sections between two `sample` marks)."""

    def evidence(self) -> tuple[Evidence, ...]:
        """Give what was read last of each thing that is sampled, with the command that would show it."""
