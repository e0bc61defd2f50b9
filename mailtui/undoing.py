"""Undoes, purges and expires deletes: journal first, one outcome for each message, as `execute` does for actions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from mailtui.actions import counts
from mailtui.errors import HostError, NotBegun, Refused, Unsupported
from mailtui.execute import HostResult
from mailtui.journal import Journal, JournalFault
from mailtui.model import Code, ItemOutcome, KeptMessage, Order, Outcome, UndoSet
from mailtui.session import Link

Act = Callable[[], Awaitable[Sequence[ItemOutcome]]]


async def undo(kept: UndoSet, link: Link, journal: Journal, order: Order) -> HostResult:
    """Put what a delete set aside back; raises JournalFault, and has done nothing, where it cannot be written down."""

    async def act() -> Sequence[ItemOutcome]:
        return (await link.undo(kept, order)).outcomes

    return await journalled("undo", kept, link, journal, order, act)


async def expire(link: Link, journal: Journal, by: str) -> tuple[str, ...]:
    """Destroy what was set aside whole and is past its grace time on the host's clock; gives the undo ids gone.

    A delete that was cut short stays: a person has to decide on it. Raises HostError and JournalFault.
    """
    now = link.clock.wall() + (link.identity.clock_skew or 0.0)
    gone: list[str] = []
    for kept in await link.undo_sets():
        if kept.until < now and kept.state in ("kept", "restored"):

            async def act(kept: UndoSet = kept) -> Sequence[ItemOutcome]:
                gone.extend(await link.purge([kept.undo_id]))
                return ()

            await journalled("expire", kept, link, journal, Order(by=by), act)
    return tuple(gone)


def aside(kept: UndoSet) -> tuple[KeptMessage, ...]:
    """Give the messages that an undo would bring back."""
    return tuple(each for each in kept.messages if each.state in ("kept", "half"))


async def journalled(verb: str, kept: UndoSet, link: Link, journal: Journal, order: Order, act: Act) -> HostResult:
    """Do something to what a delete set aside; raises JournalFault, and has done nothing, where it cannot be written.

    A lost link makes every outcome `unknown`: the host's own manifest tells, when it is asked again.
    """
    about = {"action": verb, "host": kept.host, "undo_id": kept.undo_id}
    fields: dict[str, Any] = {
        **about,
        "host_key": link.host_key,
        "mta": link.identity.mta,
        "mta_version": link.identity.version,
        "by": order.by,
        "held": order.held,
        "keys": [each.key for each in aside(kept)],
        "ids": [each.id for each in aside(kept)],
        "count": len(aside(kept)),
    }
    journal_id = await asyncio.to_thread(journal.append, "intent", fields)
    result = HostResult(kept.host, (), journal_id, kept.undo_id, kept.until)
    try:
        result = replace(result, outcomes=tuple(await act()))
    except (Refused, Unsupported) as error:
        result = replace(result, error=error.message, cure=error.cure)
        result = replace(result, outcomes=_all(kept, Outcome.FAILED, Code.DENIED, error.message))
    except NotBegun as error:
        result = replace(result, error=error.message, cure=error.cure)
        why = "not begun: there was no free session for it"
        result = replace(result, outcomes=_all(kept, Outcome.SKIPPED, Code.TIMEOUT, why))
    except HostError as error:
        cure = f"`mailtui undo list {kept.host}` tells what happened; nothing is repeated"
        result = replace(result, error=error.message, cure=cure)
        result = replace(result, outcomes=_all(kept, Outcome.UNKNOWN, Code.TIMEOUT, "the link was lost in the act"))
    told = [
        {"key": each.key, "id": each.id, "outcome": each.outcome.value, "code": each.code.value}
        for each in result.outcomes
    ]
    after = {**about, "intent": journal_id, "outcomes": told, "counts": dict(counts(result.outcomes))}
    try:
        await asyncio.to_thread(journal.append, "outcome", after)
    except JournalFault as fault:  # it is done, and must be told
        return replace(result, error=result.error or fault.message, cure=result.cure or fault.cure)
    return result


def _all(kept: UndoSet, outcome: Outcome, code: Code, detail: str) -> tuple[ItemOutcome, ...]:
    return tuple(ItemOutcome(each.key, each.id, outcome, code, detail) for each in aside(kept))
