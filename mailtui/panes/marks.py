"""Which messages of a queue are marked: bound to the message as it was seen, never to a row or a bare id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from mailtui.model import QueueRow

MOVED: Final = 0.5
"""Seconds for which a row that came or changed under the cursor is not acted on."""


class Marks:
    """The marked messages of one queue; those that leave it, or whose id is another's now, drop out."""

    def __init__(self) -> None:
        self._seen: dict[str, float | None] = {}

    def __len__(self) -> int:
        return len(self._seen)

    @property
    def keys(self) -> frozenset[str]:
        """The keys of the marked messages."""
        return frozenset(self._seen)

    def replace(self, keys: Iterable[str], rows: Mapping[str, QueueRow]) -> None:
        """Mark exactly these; what was marked before stays the message that it was then."""
        seen = self._seen
        self._seen = {
            key: seen[key] if key in seen else rows[key].arrived_at for key in keys if key in seen or key in rows
        }

    def prune(self, rows: Mapping[str, QueueRow]) -> int:
        """Unmark what left the queue; gives how many did."""
        kept = {key: arrived for key, arrived in self._seen.items() if key in rows and rows[key].arrived_at == arrived}
        left = len(self._seen) - len(kept)
        if left:
            self._seen = kept
        return left

    def rows(self, rows: Mapping[str, QueueRow]) -> tuple[QueueRow, ...]:
        """Give the marked messages as they are in a picture of the queue, in its order of sight."""
        return tuple(rows[key] for key in self._seen if key in rows)


def left_words(count: int) -> str:
    """Say that marked messages are gone."""
    return f"{count:,} marked {'message has' if count == 1 else 'messages have'} left the queue"
