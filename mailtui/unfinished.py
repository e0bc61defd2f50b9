"""Actions without an end on record: what was not begun is noted, what a console left open its host decides."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from mailtui.actions import ACTIONS, ActionSpec, Chosen, Danger, HostPlan, Plan
from mailtui.entries import Left
from mailtui.execute import Act, HostResult, Progress, execute, settle
from mailtui.journal import Journal, JournalFault
from mailtui.model import Code, ItemOutcome, Order, Outcome, QueueRow, UndoSet
from mailtui.recording import outcome_record
from mailtui.session import Link

_BY_VAULT: Final = frozenset({"undo", "purge", "expire"})
"""Verbs whose end the host's vault tells, and its queue does not."""

_OTHER: Final = b"\0another"
"""A fingerprint that no message has."""


async def carry_out(
    plan: Plan,
    host: HostPlan,
    link: Link,
    journal: Journal,
    *,
    progress: Callable[[Progress], None] = lambda step: None,
    stop: Callable[[], bool] = lambda: False,
    wait: float = 0.0,
    pace: float | None = None,
    act: Act | None = None,
) -> HostResult:
    """Execute a plan, and note in the journal which messages were not begun, so that its intent is not left open."""
    told: set[str] = set()

    def step(done: Progress) -> None:
        told.update(each.key for each in done.outcomes)
        progress(done)

    result = await execute(plan, host, link, journal, progress=step, stop=stop, wait=wait, pace=pace, act=act)
    planned = {each.target.key for each in host.chosen}
    rest = [each for each in result.outcomes if each.key in planned and each.key not in told]
    if rest and result.journal_id:
        # where the journal cannot be written that is told already, and the next start decides
        with contextlib.suppress(JournalFault):
            fields = outcome_record(plan.action.id, host.host, result.journal_id, plan.order.undo_id, rest)
            await asyncio.to_thread(journal.append, "outcome", fields)
    return result


async def decide(left: Left, link: Link, journal: Journal, rows: Mapping[str, QueueRow], *, whole: bool) -> HostResult:
    """Have the host tell how an action ended, and note that in the journal.

    `rows` is the queue as it was read last, `whole` whether all of it could be. What is unknown then stays so for good,
    and is noted too, unless reading again or an undo may change it: then the result has an error with its cure.
    Raises JournalFault, HostError.
    """
    entry = left.entry
    unknown = tuple(ItemOutcome(key, name, Outcome.UNKNOWN, Code.TIMEOUT) for key, name, _ in left.items)
    result = HostResult(entry.host, unknown, entry.id, entry.undo_id)
    if entry.action in _BY_VAULT:
        kept = await _kept(link, entry.undo_id)
        if kept is not None and kept.busy:
            return replace(result, error=f"the {entry.action} still runs on the host", cure="it is asked again")
        found = [_vaulted(entry.action, each, kept) for each in unknown]
        return await _note(left, journal, replace(result, outcomes=tuple(found)), found)
    spec = next((each for each in ACTIONS if each.id == entry.action), None) or _stranger(entry.action)
    plan, host = await asyncio.to_thread(_plan, spec, left, link, journal, rows)
    result = await settle(plan, host, link, journal, result)
    rest = [each for each in result.outcomes if each.outcome is Outcome.UNKNOWN]
    if result.error or not rest:
        return result
    if spec.id in ("hold", "release", "delete") and not whole:
        return replace(
            result, error="not all of the queue could be read", cure="see what the host screen says is missing"
        )
    if spec.id == "delete" and (half := _half(await _kept(link, entry.undo_id), rest)):
        return replace(result, error=f"{half:,} half set aside", cure=f"U lists {entry.undo_id}, and undo mends it")
    return await _note(left, journal, result, rest)


def _plan(
    spec: ActionSpec, left: Left, link: Link, journal: Journal, rows: Mapping[str, QueueRow]
) -> tuple[Plan, HostPlan]:
    """Make the plan anew as far as deciding needs it: only seals of its fingerprints are on record."""
    chosen = []
    for key, _, seal in left.items:
        row = rows.get(key)
        if row is not None:
            seen = link.target(row)
            same = bool(seen.fingerprint) and journal.seal(seen.fingerprint) == seal
            chosen.append(Chosen(row, seen if same else replace(seen, fingerprint=_OTHER)))
    entry = left.entry
    host = HostPlan(entry.host, left.host_key, tuple(chosen))
    return Plan(spec, Order(by=entry.by, undo_id=entry.undo_id), (host,), link.clock.monotonic()), host


def _stranger(verb: str) -> ActionSpec:
    """Stand in for a verb that this mailtui does not know: nothing is decided of it."""
    return ActionSpec(verb, verb, "", Danger.REVERSIBLE, verb, "")


async def _kept(link: Link, undo_id: str) -> UndoSet | None:
    return next((each for each in await link.undo_sets() if each.undo_id == undo_id), None)


def _half(kept: UndoSet | None, rest: Sequence[ItemOutcome]) -> int:
    """Count the messages of which only some files are set aside."""
    states = {} if kept is None else {each.key: each.state for each in kept.messages}
    return sum(states.get(each.key) == "half" for each in rest)


def _vaulted(verb: str, each: ItemOutcome, kept: UndoSet | None) -> ItemOutcome:
    """Decide one message of an undo or a purge by what is set aside now."""
    state = None if kept is None else next((one.state for one in kept.messages if one.key == each.key), None)
    if verb == "undo" and state == "queued":
        return replace(each, outcome=Outcome.DONE, code=Code.RESTORED)
    if verb != "undo" and kept is None:
        return replace(each, outcome=Outcome.DONE, code=Code.GONE)
    if state in ("kept", "half"):
        return replace(each, outcome=Outcome.FAILED, detail="still set aside")
    return each


async def _note(left: Left, journal: Journal, result: HostResult, told: Sequence[ItemOutcome]) -> HostResult:
    fields = outcome_record(left.entry.action, left.entry.host, left.entry.id, left.entry.undo_id, told)
    await asyncio.to_thread(journal.append, "settled", fields)
    return result
