"""What the journal keeps of a plan and of what came of it: no address and no stranger's word, but pseudonyms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from mailtui import query
from mailtui.actions import HostPlan, Plan, counts
from mailtui.journal import Journal
from mailtui.model import ItemOutcome
from mailtui.query.syntax import And, Node, Not, Or, Term
from mailtui.session import Link

_OPEN: Final = frozenset({
    "id", "key", "queue", "group", "directory", "state", "held_by", "instance", "host", "nrcpt", "size", "age",
    "attempts",
})  # fmt: skip
"""Filter fields whose value names nobody; of all others the journal keeps a pseudonym."""


def intent_record(plan: Plan, host: HostPlan, link: Link, journal: Journal) -> dict[str, Any]:
    """Say what is about to be done, without an address in it; raises JournalFault."""
    targets = [each.target for each in host.chosen]
    where = query.parse(plan.where, "queue").node if plan.where else None
    return {
        "action": plan.action.id,
        "host": host.host,
        "host_key": host.fingerprint,
        "mta": link.identity.mta,
        "mta_version": link.identity.version,
        "by": plan.order.by,
        "reason": journal.veiled(plan.order.reason),
        "where": "" if where is None else _filter(where, journal),
        "keys": [each.key for each in targets],
        "ids": [each.id for each in targets],
        "fingerprints": [journal.seal(each.fingerprint) for each in targets],
        "commands": [
            {"argv": [journal.veiled(word) for word in each.argv], "stdin": journal.veiled(each.stdin)}
            for each in host.commands
        ],
        "count": len(targets),
        "undo_id": plan.order.undo_id,
    }


def outcome_record(
    action: str, host: str, intent: str, undo_id: str, outcomes: Sequence[ItemOutcome]
) -> dict[str, Any]:
    """Say what came of it, by codes alone: details may hold a stranger's words."""
    return {
        "action": action,
        "host": host,
        "intent": intent,
        "undo_id": undo_id,
        "outcomes": [{"key": each.key, "id": each.id, "outcome": each.outcome, "code": each.code} for each in outcomes],
        "counts": dict(counts(outcomes)),
    }


def _filter(node: Node, journal: Journal) -> str:
    """Write a filter with pseudonyms in the place of all values that may name somebody, subjects among them."""
    match node:
        case And(terms=terms):
            return " ".join(_filter(each, journal) for each in terms)
        case Or(terms=terms):
            return f"({' or '.join(_filter(each, journal) for each in terms)})"
        case Not(term=term):
            return f"not ({_filter(term, journal)})"
        case Term():
            value = query.literal(node.value) if node.field in _OPEN else journal.pseudonym(node.value)
            return f"{node.field}{node.operator}{value}"
