"""Decides what became of messages that a host did not tell of, by what it lists afterwards: pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mailtui.actions import HostPlan
from mailtui.model import Code, ItemOutcome, Outcome, QueueListing, QueueRow, QueueState, UndoSet
from mailtui.session import Link
from mailtui.text import show_line


def decide(
    host: HostPlan, verb: str, link: Link, listing: QueueListing, vault: UndoSet | None, unknown: Sequence[ItemOutcome]
) -> Iterator[ItemOutcome]:
    """Give those outcomes that a complete listing, and for a delete the vault as it was before, leave no doubt of."""
    chosen = {each.target.key: each.target for each in host.chosen}
    seen = {each.target.key: each.row for each in host.chosen}
    rows = {row.key: row for row in listing.rows}
    ended = vault is None or not vault.busy
    kept = {} if vault is None else {each.key: each.state for each in vault.messages}
    for each in unknown:
        row = rows.get(each.key)
        same = row is not None and each.key in chosen and link.target(row).fingerprint == chosen[each.key].fingerprint
        if verb == "delete" and row is None and kept.get(each.key) == "kept":
            yield replace(each, outcome=Outcome.DONE, code=Code.MOVED, detail="")
        elif verb == "delete" and ended and same and kept.get(each.key, "queued") == "queued":
            yield replace(each, outcome=Outcome.FAILED, detail="still in the queue: not deleted")
        elif verb == "hold" and same and row is not None and row.state is QueueState.HELD:
            yield replace(each, outcome=Outcome.DONE, code=Code.HELD, detail="")
        elif verb == "live-retry" and row is None:
            yield replace(each, outcome=Outcome.DONE, code=Code.REQUESTED, detail="it has left the queue")
        elif verb == "live-retry" and same and row is not None and _later(row, seen[each.key]):
            detail = show_line(row.reason or b"")
            yield replace(each, outcome=Outcome.DONE, code=Code.DEFERRED, detail=detail)
        elif verb == "release" and same and row is not None and row.state is not QueueState.HELD:
            yield replace(each, outcome=Outcome.DONE, code=Code.RELEASED, detail="")


def tried(now: float | None, then: float | None) -> bool:
    """Tell whether a number or time of attempts has grown."""
    return now is not None and now > (then or 0)


def _later(row: QueueRow, seen: QueueRow) -> bool:
    """Tell whether a message that is still there has been tried since it was seen, and waits on."""
    again = tried(row.last_attempt_at, seen.last_attempt_at) or tried(row.attempts, seen.attempts)
    return again and row.state is not QueueState.ACTIVE
