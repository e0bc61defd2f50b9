"""Counts of a queue by something: pure, for the group view."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mailtui.model import QueueRow, domain_of


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

BY: dict[str, Values] = {
    "reason": lambda row: (row.reason or b"(not tried yet)",),
    "domain": lambda row: row.domains or (b"(no domain)",),
    "sender": lambda row: (row.sender or b"<> (bounce)",),
    "sender domain": lambda row: (domain_of(row.sender) or b"(none)",),
    "queue": lambda row: ((row.queue_group or row.queue).encode("utf-8", "backslashreplace"),),
    "state": lambda row: (row.state.value.encode(),),
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


def expression(by: str, value: bytes, *, literal: Callable[[bytes], str]) -> str:
    """Give the filter expression that shows a group's messages; `literal` quotes a value."""
    match by:
        case "reason":
            return "not reason~." if value == b"(not tried yet)" else f"reason={literal(value)}"
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
