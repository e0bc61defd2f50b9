"""Counts of a queue by something: pure, for the group view."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mailtui.model import QueueRow, QueueState, domain_of, host_of


@dataclass(slots=True)
class Group:
    """Messages that share a value."""

    value: bytes
    count: int = 0
    recipients: int = 0
    size: int = 0
    oldest: float | None = None

    def take(self, row: QueueRow) -> None:
        """Count one message in."""
        self.count += 1
        self.recipients += row.nrcpt
        self.size += row.size or 0
        if row.arrived_at is not None and (self.oldest is None or row.arrived_at < self.oldest):
            self.oldest = row.arrived_at


Values = Callable[[QueueRow], Sequence[bytes]]

_DEFERRED = b"Deferred: "
_ADDRESS = re.compile(rb"<[^<>\s@]*@[^<>\s]*>")
_ANY_ADDRESS = b"<...>"
_NO_REASON = {
    b"(lost)": (QueueState.LOST,),
    b"(held)": (QueueState.HELD,),
    b"(not tried yet)": (QueueState.QUEUED,),
    b"(no reason kept)": (QueueState.ACTIVE, QueueState.DEFERRED),
}
"""What is said of messages without a reason, by their state."""
_BY_STATE = {state: words for words, states in _NO_REASON.items() for state in states}


def common_reason(row: QueueRow) -> bytes:
    """Give a reason without whom it is about, so that messages with the same trouble fall into one group."""
    if not row.reason:
        return _BY_STATE[row.state]
    return _ADDRESS.sub(_ANY_ADDRESS, row.reason.removeprefix(_DEFERRED))


BY: dict[str, Values] = {
    "reason": lambda row: (common_reason(row),),
    "domain": lambda row: row.domains or (b"(no domain)",),
    "sender": lambda row: (b"(unknown)" if row.sender is None else row.sender or b"<> (bounce)",),
    "sender domain": lambda row: (domain_of(row.sender or b"") or b"(none)",),
    "queue": lambda row: ((row.queue_group or row.queue).encode("utf-8", "backslashreplace"),),
    "state": lambda row: (row.state.value.encode(),),
    "host": lambda row: (host_of(row.key).encode("utf-8", "backslashreplace"),),
}
"""What a queue can be grouped by; a message with several recipient domains counts in each."""


def groups(rows: Iterable[QueueRow], by: str) -> list[Group]:
    """Count rows by value, the largest group first."""
    values = BY[by]
    found: dict[bytes, Group] = {}
    for row in rows:
        for value in values(row):
            group = found.get(value)
            if group is None:
                group = found[value] = Group(value)
            group.take(row)
    return sorted(found.values(), key=lambda group: (-group.count, group.value))


def expression(by: str, value: bytes, *, literal: Callable[[bytes], str], others: Iterable[bytes] = ()) -> str:
    """Give the filter expression that shows a group's messages; `literal` quotes a value.

    Where no value of the `others` holds what this one says, a short expression does.
    """
    match by:
        case "reason":
            return _reason(value, literal, tuple(others))
        case "domain":
            return f"domain={literal(value)}"
        case "sender":
            return "from=" + ('""' if value.startswith(b"<>") else literal(value))
        case "sender domain":
            return f"from~{literal(b'@' + re.escape(value) + b'$')}"
        case "queue":  # the group where the MTA has queue groups
            return f'(group={literal(value)} or group="" queue={literal(value)})'
        case _:
            return f"{by}={literal(value)}"


def _reason(value: bytes, literal: Callable[[bytes], str], others: Sequence[bytes]) -> str:
    if value in _NO_REASON:
        states = " or ".join(f"state={state.value}" for state in _NO_REASON[value])
        return f"not reason~. ({states})"
    pieces = value.split(_ANY_ADDRESS)
    telling = max(pieces, key=len).strip(b": ")
    if others and _is_told_apart(telling, value, others):
        return f"reason:{literal(telling)}"
    # a prefix that the value has itself was there twice
    prefix = re.escape(_DEFERRED) if value.startswith(_DEFERRED) else b"(Deferred: )?"
    whole = rb"<(?:\.\.\.|[^<>\s@]*@[^<>\s]*)>".join(map(re.escape, pieces))
    return "reason~" + literal(b"^" + prefix + whole + rb"\Z")


def _is_told_apart(telling: bytes, value: bytes, others: Sequence[bytes]) -> bool:
    # with a blank and without brackets it can stand in no address, which the values do not show
    if b" " not in telling or b"<" in telling or b">" in telling or telling.startswith(_DEFERRED):
        return False
    return not any(telling.lower() in other.lower() for other in others if other != value)
