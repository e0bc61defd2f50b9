"""The change feed: every mutation of the store as a frozen, versioned, serialisable record (docs/adr/0001)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from mailtui.errors import MailtuiError
from mailtui.model import Capability, Identity, LinkState, QueueListing, Stats
from mailtui.store.codec import from_plain, to_plain

FORMAT: Final = 1
"""Format number of an encoded change."""


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The link to a host came up, went down or is being made."""

    host: str
    at: float
    state: LinkState
    detail: str = ""
    """Why, in our words."""
    cure: str = ""
    attempt: int = 0
    """Attempts since the link was last up."""
    retry_at: float | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """The host answered: the link is alive, with this round trip."""

    host: str
    at: float
    latency: float | None


@dataclass(frozen=True, slots=True)
class HostFound:
    """What runs on a host and what the login may do there."""

    host: str
    at: float
    identity: Identity
    capabilities: tuple[Capability, ...]


@dataclass(frozen=True, slots=True)
class QueueRead:
    """A host's queue was read, whole or in part."""

    host: str
    at: float
    listing: QueueListing


@dataclass(frozen=True, slots=True)
class StatsRead:
    """A host's service and resources were sampled."""

    host: str
    at: float
    stats: Stats


@dataclass(frozen=True, slots=True)
class LogRead:
    """Complete lines came from a followed log."""

    host: str
    at: float
    path: str
    offset: int
    """Of the first line's first byte in the file; -1 where the host cannot tell."""
    lines: bytes
    live: bool
    """False for what stood in the log before we looked: it says nothing of the present rate."""


@dataclass(frozen=True, slots=True)
class LogGapped:
    """Lines of a followed log may be missing here."""

    host: str
    at: float
    path: str
    why: str


@dataclass(frozen=True, slots=True)
class SourceFailed:
    """One of a host's sources (queue, stats, log) could not be read; the last good data stay and grow stale."""

    host: str
    at: float
    source: str
    why: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class EvidenceRead:
    """The raw command and raw output behind what is shown of a topic."""

    host: str
    at: float
    topic: str
    command: str
    output: bytes
    status: int | None


Change = (
    LinkChanged
    | Heard
    | HostFound
    | QueueRead
    | StatsRead
    | LogRead
    | LogGapped
    | SourceFailed
    | EvidenceRead
)  # fmt: skip
"""Every kind of change."""

_KINDS: Final[dict[str, type[Change]]] = {
    kind.__name__: kind
    for kind in (
        LinkChanged,
        Heard,
        HostFound,
        QueueRead,
        StatsRead,
        LogRead,
        LogGapped,
        SourceFailed,
        EvidenceRead,
    )
}


def encode(change: Change) -> bytes:
    """Write a change as one line of ASCII JSON: `[format, kind, fields]`."""
    line = [FORMAT, type(change).__name__, to_plain(change)]
    return json.dumps(line, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes) -> Change:
    """Read what `encode` wrote; raises MailtuiError for another format or a broken line."""
    try:
        number, kind, fields = json.loads(line)
        if number != FORMAT:
            raise MailtuiError(f"change of format {number}; this mailtui reads format {FORMAT}", "update mailtui")
        return from_plain(_KINDS[kind], fields)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MailtuiError(f"not a change: {error}") from error
