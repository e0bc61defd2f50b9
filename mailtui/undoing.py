"""Undoes a delete: journal first, one outcome for each message, as `execute` does for actions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from mailtui.actions import counts
from mailtui.errors import HostError, Refused, Unsupported
from mailtui.execute import HostResult
from mailtui.journal import Journal, JournalFault
from mailtui.model import Acted, Code, ItemOutcome, Order, Outcome, UndoSet
from mailtui.session import Link


async def undo(kept: UndoSet, link: Link, journal: Journal, order: Order) -> HostResult:
    """Put what a delete set aside back; raises JournalFault where the intent cannot be written: then nothing was done.

    A lost link makes every outcome `unknown`: the host's own manifest tells, when it is asked again.
    """
    back = [each for each in kept.messages if each.state in ("kept", "half")]
    fields: dict[str, Any] = {
        "action": "undo",
        "host": kept.host,
        "host_key": link.host_key,
        "mta": link.identity.mta,
        "mta_version": link.identity.version,
        "by": order.by,
        "held": order.held,
        "keys": [each.key for each in back],
        "ids": [each.id for each in back],
        "count": len(back),
        "undo_id": kept.undo_id,
    }
    journal_id = await asyncio.to_thread(journal.append, "intent", fields)
    result = HostResult(kept.host, (), journal_id=journal_id, undo_id=kept.undo_id)
    try:
        acted = await link.undo(kept, order)
    except HostError as error:
        refused = isinstance(error, Refused | Unsupported)
        outcome, code = (Outcome.FAILED, Code.DENIED) if refused else (Outcome.UNKNOWN, Code.TIMEOUT)
        acted = Acted(tuple(ItemOutcome(each.key, each.id, outcome, code, error.message) for each in back))
        cure = error.cure if refused else "the undo list tells what happened; nothing is repeated"
        result = replace(result, error=error.message, cure=cure)
    result = replace(result, outcomes=acted.outcomes)
    told = [
        {"key": each.key, "id": each.id, "outcome": each.outcome.value, "code": each.code.value}
        for each in acted.outcomes
    ]
    try:
        fields = {"action": "undo", "host": kept.host, "intent": journal_id, "undo_id": kept.undo_id, "outcomes": told}
        await asyncio.to_thread(journal.append, "outcome", {**fields, "counts": dict(counts(acted.outcomes))})
    except JournalFault as fault:
        return replace(result, error=result.error or fault.message, cure=result.cure or fault.cure)
    return result
