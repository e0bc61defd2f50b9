"""Actions on queued messages: what is asked of a host, and what came of it, one outcome for each message."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """How an action on one message ended."""

    DONE = "done"
    """It is as it was wanted, or was so already."""
    SKIPPED = "skipped"
    """Left alone on purpose; the code says why."""
    FAILED = "failed"
    UNKNOWN = "unknown"
    """The link died in the act: only a new listing tells. Never repeated by itself."""


class Code(StrEnum):
    """What became of one message (contract.md, actions)."""

    REQUESTED = "requested"
    DELIVERED = "delivered"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    HELD = "held"
    RELEASED = "released"
    MOVED = "moved"
    """Set aside in the vault on the host."""
    RESTORED = "restored"
    GONE = "gone"
    """It had left the queue before."""
    CHANGED = "changed"
    """Its id is another message's now, or it is in another state than it was shown in."""
    IN_DELIVERY = "in-delivery"
    LOCKED = "locked"
    DENIED = "denied"
    OUTSIDE_FILTER = "outside-filter"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Target:
    """A message as it was seen when the action was planned; the host holds it against what is there at run time."""

    key: str
    id: str
    queue: str
    directory: bytes
    state: str
    """A `QueueState` value."""
    fingerprint: bytes
    """The adapter's own: what a reused id would not have. Empty where it could not be read: then nothing is done."""


@dataclass(frozen=True, slots=True)
class Order:
    """How an action is to be done; what does not apply to it stays at its default."""

    reason: str = ""
    """Printable ASCII, at most 100 characters, as `plain_reason` leaves it."""
    by: str = ""
    """Who does it: the operator's account and machine."""
    undo_id: str = ""
    """Under which a delete is kept."""
    keep: float = 7 * 86400.0
    """Seconds that a delete can be undone."""
    held: bool = False
    """True where an undo restores as held."""
    forget: bool = False
    """True where a flush also forgets the host status."""


@dataclass(frozen=True, slots=True)
class RemoteCommand:
    """What a shipped script executes on a host after sudo, ids included."""

    argv: tuple[str, ...]
    stdin: str = ""


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """What became of one message."""

    key: str
    id: str
    outcome: Outcome
    code: Code
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Acted:
    """What one batch came to."""

    outcomes: tuple[ItemOutcome, ...] = ()
    requested: bool = False
    """True for what has no outcome for each message (flush)."""


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message in the vault of a host."""

    key: str
    id: str
    state: str
    """`kept`; `half`: a delete was cut short and not all its files are aside; `queued`: it never left, or is back;
    `broken`: a file of it is nowhere."""
    sender: bytes | None = None
    expires_at: float | None = None
    """When its own lifetime in the queue is over; None where that is not known."""


@dataclass(frozen=True, slots=True)
class UndoSet:
    """What one delete set aside on one host; the host's own manifest says so."""

    undo_id: str
    host: str
    at: float
    by: str
    until: float
    reason: str
    messages: tuple[KeptMessage, ...] = field(default=())
    busy: bool = False
    """True while its delete, or somebody's undo or purge of it, goes on on the host."""

    @property
    def count(self) -> int:
        """Give the number of messages that an undo would bring back."""
        return sum(each.state in ("kept", "half") for each in self.messages)

    @property
    def state(self) -> str:
        """Give `kept`, `interrupted` (a delete was cut short), `broken` or `restored`."""
        states = {each.state for each in self.messages}
        if "broken" in states:
            return "broken"
        if "half" in states or ("kept" in states and "queued" in states):
            return "interrupted"
        return "kept" if "kept" in states else "restored"


REASON_LENGTH = 100
"""Characters of a reason: it stands on a command line, in the log and in every listing."""


def plain_reason(text: str) -> str:
    """Give a reason that a mail server can log and list: one line of printable ASCII, cut."""
    words = "".join(each if " " <= each <= "~" else "?" for each in " ".join(text.split()))
    return words[:REASON_LENGTH].strip()
