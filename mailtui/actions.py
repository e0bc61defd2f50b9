"""What can be done to queued mail: one table, from which keys, dialogs, palette, commands and help come, and the plan.

A plan is frozen: the messages it names, as they were seen, on the hosts as they were known, for a minute. Making one
touches nothing; `mailtui.execute` carries it out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mailtui.model import Capability, Code, ItemOutcome, Order, Outcome, QueueRow, RemoteCommand, Target

VALID: Final = 60.0
"""Seconds that a plan may be carried out after it was made."""

BATCH: Final = 500
"""Messages of one batch; Stop works between two."""

CANARY: Final = 10
"""Messages of the first batch where there are more than `MANY`."""

MANY: Final = 1000

LIVE: Final = 10
"""Messages that one person can watch at once."""

TYPED_FROM: Final = 101
"""Messages from which on an undoable delete wants a typed word, not `y`."""

SAMPLES: Final = 3


class Danger(StrEnum):
    """What an action can do to mail."""

    REVERSIBLE = "reversible"
    """Nothing is lost by it."""
    UNDOABLE = "undoable"
    """It can be undone until its grace time ends."""
    IRREVERSIBLE = "irreversible"


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One action: a row of the table."""

    id: str
    """The verb of adapters and of `mailtui queue`."""
    title: str
    key: str
    """In Textual's spelling."""
    danger: Danger
    capability: str
    """Name in `CAPABILITIES` that the login must have."""
    help: str
    of_messages: bool = True
    """False for what is done to a host's whole queue."""
    whole: bool = False
    """True where a message with recipients that a filter does not match is left alone, unless asked for."""
    states: frozenset[str] = frozenset({"queued", "deferred", "active"})
    """Of messages it is meant for; others are skipped as `changed`, or are done already."""
    done: Code = Code.REQUESTED
    """What it comes to."""
    most: int = 0
    """Messages that it takes at most; 0 is any number."""
    live: bool = False
    """True where a person watches the host do it, line by line; only the console offers it."""


_WAITING: Final = frozenset({"queued", "deferred", "active"})

ACTIONS: Final = (
    ActionSpec("retry", "Retry", "r", Danger.REVERSIBLE, "retry", "Try to deliver now, whatever host status and ages say."),
    ActionSpec("live-retry", "Live retry", "R", Danger.REVERSIBLE, "retry", "Try to deliver now, and watch the whole dialogue with the other side.", most=LIVE, live=True),
    ActionSpec("flush", "Flush queue", "f", Danger.REVERSIBLE, "flush", "Run the whole queue now.", of_messages=False),
    ActionSpec("hold", "Hold", "o", Danger.REVERSIBLE, "hold", "Quarantine: nothing tries it until it is released.", done=Code.HELD),
    ActionSpec("release", "Release", "O", Danger.REVERSIBLE, "release", "Give held mail back to the queue.", states=frozenset({"held"}), done=Code.RELEASED),
    ActionSpec("delete", "Delete", "d,delete", Danger.UNDOABLE, "delete", "Set aside; `u` brings it back until its grace time ends.", whole=True, states=_WAITING | {"held", "lost"}, done=Code.MOVED),
    ActionSpec("bounce", "Bounce", "B", Danger.IRREVERSIBLE, "bounce", "Return to the sender now.", whole=True, done=Code.BOUNCED),
)  # fmt: skip
"""Every action on queued mail, in the order of menus."""


def action(name: str) -> ActionSpec:
    """Give an action by its id; raises KeyError."""
    return next(each for each in ACTIONS if each.id == name) if name in _NAMES else _unknown(name)


_NAMES: Final = frozenset(each.id for each in ACTIONS)


def _unknown(name: str) -> ActionSpec:
    raise KeyError(name)


def refused(spec: ActionSpec, capabilities: Iterable[Capability]) -> Capability | None:
    """Give the capability that a login lacks for an action, with its why and cure; None where it may."""
    found = next((each for each in capabilities if each.name == spec.capability), None)
    if found is None:
        return Capability(
            spec.capability, False, "it is not known yet whether this login may", "wait until the rights are read"
        )
    return None if found.allowed else found


@dataclass(frozen=True, slots=True)
class Chosen:
    """One message that is to be acted on: its row, its target, and whether a filter matches only some recipients."""

    row: QueueRow
    target: Target
    outside: int = 0
    """Recipients that the filter does not match."""
    expires_at: float | None = None
    ours: bool = True
    """False where its sender is nobody of the host: a bounce would go to a stranger."""


@dataclass(frozen=True, slots=True)
class HostPlan:
    """What is to be done on one host."""

    host: str
    fingerprint: str
    """Of the host key that was seen; "" for the local transport. Another key at run time: nothing is done."""
    chosen: tuple[Chosen, ...]
    skipped: tuple[ItemOutcome, ...] = ()
    """Left out already, and why."""
    commands: tuple[RemoteCommand, ...] = ()
    refused: Capability | None = None
    """What the login lacks; then nothing is asked of the host."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a plan card shows."""

    messages: int
    hosts: int
    senders: tuple[tuple[bytes, int], ...]
    """The most frequent, each with its count."""
    sender_count: int
    domain_count: int
    size: int
    oldest: float | None
    """Arrival of the oldest."""
    samples: tuple[QueueRow, ...]
    outside_messages: int
    """Left out because a filter matches only some of their recipients."""
    outside_recipients: int
    expired: int
    """Past their lifetime: one attempt after a release or an undo, then they bounce."""
    strangers: int
    """Senders to whom a bounce would be backscatter."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An action, frozen."""

    action: ActionSpec
    order: Order
    hosts: tuple[HostPlan, ...]
    made_at: float
    """Monotonic."""
    where: str = ""
    """The filter that chose, where one did."""

    def expired(self, now: float) -> bool:
        """Tell whether it may no longer be carried out."""
        return now - self.made_at > VALID

    @property
    def count(self) -> int:
        """Give the number of messages it will act on."""
        return sum(len(each.chosen) for each in self.hosts if each.refused is None)

    @property
    def typed(self) -> str:
        """Give what must be typed to confirm; "" where `y` is enough."""
        undoable = self.action.danger is Danger.UNDOABLE
        if self.action.danger is Danger.REVERSIBLE or (undoable and self.count < TYPED_FROM):
            return ""
        names = [each.host for each in self.hosts if each.refused is None]
        return f"{names[0]} {self.count}" if len(names) == 1 else f"{len(names)} hosts {self.count}"


def choose(
    spec: ActionSpec,
    rows: Iterable[QueueRow],
    target: Callable[[QueueRow], Target],
    *,
    outside: Callable[[QueueRow], int] = lambda row: 0,
    whole: bool = False,
    lifetime: float | None = None,
    ours: Callable[[QueueRow], bool] = lambda row: True,
) -> tuple[tuple[Chosen, ...], tuple[ItemOutcome, ...]]:
    """Sort the rows of one host into those to act on and those left out, with why.

    `outside` counts the recipients that the filter does not match, `whole` takes such messages along all the same.
    """
    chosen: list[Chosen] = []
    skipped: list[ItemOutcome] = []
    for row in rows:
        seen = target(row)
        beyond = outside(row)
        left_out = _left_out(spec, row, seen, beyond if spec.whole and not whole else 0)
        if left_out is not None:
            skipped.append(left_out)
            continue
        expires = None if lifetime is None or row.arrived_at is None else row.arrived_at + lifetime
        chosen.append(Chosen(row, seen, beyond, expires, ours(row)))
    return tuple(chosen), tuple(skipped)


def _left_out(spec: ActionSpec, row: QueueRow, seen: Target, outside: int) -> ItemOutcome | None:
    """Say why a message is not acted on; None where it is."""

    def skip(code: Code, detail: str, outcome: Outcome = Outcome.SKIPPED) -> ItemOutcome:
        return ItemOutcome(seen.key, seen.id, outcome, code, detail)

    if spec.id == "hold" and row.state == "held":
        return skip(Code.HELD, "it is held already", Outcome.DONE)
    if spec.id == "release" and row.state in _WAITING:
        return skip(Code.RELEASED, "it is not held", Outcome.DONE)
    if row.state not in spec.states:
        cure = {"held": "release it first", "lost": "its files are damaged: it can only be deleted"}.get(row.state, "")
        return skip(Code.CHANGED, f"it is {row.state.value}{': ' + cure if cure else ''}")
    if outside:
        return skip(
            Code.OUTSIDE_FILTER, f"{outside} of its recipients are outside the filter; --whole-messages takes it along"
        )
    if spec.id == "bounce" and not row.sender:
        return skip(Code.DENIED, "it has no sender to return to: a bounce itself")
    if not seen.fingerprint:
        return skip(
            Code.DENIED,
            "its control file could not be read, so it cannot be told from another of its id",
            Outcome.FAILED,
        )
    return None


def summary(plan: Plan, now: float | None = None) -> Summary:
    """Count what a plan is about; `now` is the wall clock, against which lifetimes are held."""
    rows = [each for host in plan.hosts if host.refused is None for each in host.chosen]
    skipped = [each for host in plan.hosts for each in host.skipped if each.code is Code.OUTSIDE_FILTER]
    senders = Counter(each.row.sender or b"" for each in rows)
    arrivals = [each.row.arrived_at for each in rows if each.row.arrived_at is not None]
    return Summary(
        messages=len(rows),
        hosts=sum(host.refused is None for host in plan.hosts),
        senders=tuple(senders.most_common(SAMPLES)),
        sender_count=len(senders),
        domain_count=len({domain for each in rows for domain in each.row.domains}),
        size=sum(each.row.size or 0 for each in rows),
        oldest=min(arrivals, default=None),
        samples=tuple(each.row for each in rows[:SAMPLES]),
        outside_messages=len(skipped),
        outside_recipients=sum(each.outside for each in rows),
        expired=sum(now is not None and each.expires_at is not None and each.expires_at < now for each in rows),
        strangers=sum(not each.ours for each in rows),
    )


def batches(chosen: Sequence[Chosen], *, size: int = BATCH) -> list[Sequence[Chosen]]:
    """Cut a host's messages into batches: a first one of ten where there are more than a thousand."""
    if not chosen:
        return []
    first = CANARY if len(chosen) > MANY else 0
    starts = [0, *range(first, len(chosen), size)] if first else list(range(0, len(chosen), size))
    return [chosen[start:end] for start, end in zip(starts, [*starts[1:], len(chosen)], strict=True)]


def counts(outcomes: Iterable[ItemOutcome]) -> Mapping[str, int]:
    """Count outcomes; every one of the four is there."""
    found = Counter(each.outcome.value for each in outcomes)
    return {each.value: found[each.value] for each in Outcome}
