"""Carries out plans: journal first, then batch by batch, one outcome for each message, the host read again at once."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

from mailtui import query
from mailtui.actions import Chosen, HostPlan, Plan, batches
from mailtui.clock import SYSTEM, Clock
from mailtui.deciding import decide, tried
from mailtui.errors import DONE, FAILED, PARTLY, REFUSED, UNKNOWN, HostError, NotBegun, Refused, Unsupported, UsageError
from mailtui.journal import Journal, JournalFault
from mailtui.model import Acted, Code, ItemOutcome, LogEvent, Order, Outcome, QueueListing, Target, UndoSet
from mailtui.mta.contract import LogQuery
from mailtui.parsing.logsearch import choose, found_lines
from mailtui.recording import intent_record, outcome_record
from mailtui.session import Link
from mailtui.text import show_line

LOOK_AGAIN: Final = 2.0
"""Seconds between two listings while `wait` lasts."""

STOP_SEEN: Final = 0.2
"""Seconds after which a pause sees that Stop was asked for."""

_LANES: Final = {"delete": 3}
"""Batches that may be under way at the same time: while the host syncs one, it works on the next, and another is on its
way. Stop lets those end that were begun."""

WINDOW: Final = 10
"""Outcomes that a paced run looks back on."""

LOOKED_UP: Final = 100
"""Messages that left the queue and are looked for in the log, at most."""

_WATCHED: Final = frozenset({"retry", "bounce"})
"""What `wait` waits for."""

_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9-]+")
"""Ids that stand for themselves in a pattern of the host's grep."""

_CODES: Final = {LogEvent.SENT: Code.DELIVERED, LogEvent.BOUNCED: Code.BOUNCED, LogEvent.EXPIRED: Code.BOUNCED}


Act = Callable[[Sequence[Target], Order], Awaitable[Acted]]
"""Does one batch."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an action is on one host."""

    host: str
    done: int
    total: int
    outcomes: tuple[ItemOutcome, ...]
    """Of the batch that ended last."""


@dataclass(frozen=True, slots=True)
class HostResult:
    """What an action came to on one host."""

    host: str
    outcomes: tuple[ItemOutcome, ...]
    """Of every message of the plan, those that it left out among them. A flush has none, unless it failed: then one
    without an id."""
    journal_id: str = ""
    undo_id: str = ""
    undo_until: float | None = None
    requested: bool = False
    stopped: bool = False
    """True where Stop left some of it undone."""
    new_since: int = 0
    """Messages that the plan's filter matches now and that it did not name."""
    error: str = ""
    """Why nothing, or not all, could be done."""
    cure: str = ""


def new_undo_id(clock: Clock = SYSTEM) -> str:
    """Make the id of a delete, under which it can be undone."""
    return f"u-{datetime.fromtimestamp(clock.wall(), UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


async def execute(
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
    """Do on one host what a plan says.

    Raises JournalFault where the intent cannot be written, and Refused where the plan is too old or the host another:
    then nothing was done. A lost link makes the rest of its batch `unknown`; one for which no channel came free was not
    begun, and ends it. Nothing is ever run twice.

    `wait` (retry, bounce) looks for so many seconds what became of messages that were only `requested`. One that left
    the queue is `delivered` or `bounced` only where the log says so, else it stays `requested`. `pace` does so many
    messages a minute, one by one, and ends by itself when of the last ten more were deferred than delivered.
    `act` does a batch in place of `link.act`.
    """
    if plan.expired(link.clock.monotonic()):
        raise Refused("the plan is too old: the queue has moved on since", "look at it again, and confirm anew")
    if link.host_key != host.fingerprint:
        raise Refused(
            f"{host.host} is not the host that the plan was made for: its key is {link.host_key or 'none'}, "
            f"it was {host.fingerprint or 'none'}",
            "find out why before anything is changed there, then make the plan anew",
        )
    if host.refused is not None:
        why = host.refused
        denied = _each(host.chosen, ItemOutcome("", "", Outcome.FAILED, Code.DENIED, why.why))
        return HostResult(host.host, (*host.skipped, *denied), error=why.why, cure=why.cure)
    if plan.action.of_messages and not host.chosen:
        return HostResult(host.host, host.skipped)
    run = _Run(plan, host, link, journal, progress, stop, act or partial(link.act, plan.action.id))
    await run.intend()
    await run.act(pace)
    if wait > 0 and plan.action.id in _WATCHED:
        await run.watch(wait)
    return await settle(plan, host, link, journal, run.result())


async def settle(plan: Plan, host: HostPlan, link: Link, journal: Journal, result: HostResult) -> HostResult:
    """Read the host again: decide `unknown` outcomes where its queue and vault do, and count what is new since.

    `execute` ends with it. Where the link was lost it decides nothing, and is called again with a link that is new.
    A host that cannot be read changes no outcome. Where the delete still runs there, what it has not moved stays
    `unknown`, with an error.
    """
    unknown = [each for each in result.outcomes if each.outcome is Outcome.UNKNOWN and each.key]
    if not unknown and not plan.where:
        return result
    vault: UndoSet | None = None
    try:
        # The vault first. What is in the queue was not deleted only if it is there once nothing of the delete runs
        # any more: the vault says when that is so, and the listing begins after that. What it holds by then, it holds.
        if unknown and plan.action.id == "delete":
            vault = next((each for each in await link.undo_sets() if each.undo_id == plan.order.undo_id), None)
        listing = (await link.queue()).listing
    except HostError as error:
        message, cure = _unread(error)
        return result if result.error else replace(result, error=message, cure=cure)
    if plan.where:
        result = replace(result, new_since=await asyncio.to_thread(_new_since, plan, host, link, listing))
    found = tuple(decide(host, plan.action.id, link, listing, vault, unknown)) if listing.complete else ()
    if vault is not None and vault.busy and len(found) < len(unknown) and not result.error:
        result = replace(result, error="the delete still runs on the host", cure="it is asked again")
    if not found:
        return result
    decided = {each.key: each for each in found}
    result = replace(result, outcomes=tuple(decided.get(each.key, each) for each in result.outcomes))
    if vault is not None and not result.undo_id and any(each.code is Code.MOVED for each in found):
        result = replace(result, undo_id=vault.undo_id, undo_until=vault.until)
    try:
        await asyncio.to_thread(
            journal.append,
            "settled",
            outcome_record(plan.action.id, host.host, result.journal_id, plan.order.undo_id, found),
        )
    except JournalFault as fault:
        return result if result.error else replace(result, error=fault.message, cure=fault.cure)
    return result


def verdict(outcomes: Sequence[ItemOutcome]) -> int:
    """Give the exit code of several outcomes (contract.md): any unknown 7, mixed 6, all denied 5, none done 1.

    What a filter was told to leave alone does not count, unless nothing else is there.
    """
    if any(each.outcome is Outcome.UNKNOWN for each in outcomes):
        return UNKNOWN
    counted = [each for each in outcomes if each.code is not Code.OUTSIDE_FILTER] or outcomes
    undone = [each for each in counted if each.outcome is not Outcome.DONE]
    if not undone:
        return DONE
    if len(undone) < len(counted):
        return PARTLY
    return REFUSED if all(each.code is Code.DENIED for each in undone) else FAILED


@dataclass
class _Run:
    """One action on one host, from its intent to its last batch."""

    plan: Plan
    host: HostPlan
    link: Link
    journal: Journal
    progress: Callable[[Progress], None]
    stop: Callable[[], bool]
    do: Act
    outcomes: dict[str, ItemOutcome] = field(default_factory=dict)
    rest: ItemOutcome | None = None
    """What becomes of each message that was not begun; set where the run ends early."""

    def __post_init__(self) -> None:
        self._result = HostResult(self.host.host, ())
        self._began = self.link.clock.wall()

    def result(self) -> HostResult:
        """Give what it came to, with one outcome for each message."""
        result = replace(self._result, outcomes=(*self.host.skipped, *self.outcomes.values()))
        if not any(each.code is Code.MOVED and each.outcome is Outcome.DONE for each in result.outcomes):
            return result
        return replace(result, undo_id=self.plan.order.undo_id, undo_until=self._began + self.plan.order.keep)

    async def intend(self) -> None:
        """Write down what is about to be done; raises JournalFault."""

        # sealing and syncing take their time, so they do it off the event loop
        intent = await asyncio.to_thread(intent_record, self.plan, self.host, self.link, self.journal)
        journal_id = await asyncio.to_thread(self.journal.append, "intent", intent)
        self._result = replace(self._result, journal_id=journal_id)

    async def act(self, pace: float | None) -> None:
        """Do batch after batch, until all are done or one of them, or the user, ends it."""
        chosen = self.host.chosen if self.plan.action.of_messages else ()
        groups: list[Sequence[Chosen]] = [[each] for each in chosen]
        if pace is None or not chosen:
            groups = batches(chosen) if chosen else [()]
        try:
            await self._all(groups, pace)
        except BaseExceptionGroup as faults:
            raise faults.exceptions[0] from None
        left = [each for each in chosen if each.target.key not in self.outcomes]
        if self.rest is not None and left:
            self.outcomes |= {each.key: each for each in _each(left, self.rest)}
        if chosen:  # in the plan's order: which of two batches ended first is of no interest
            self.outcomes = {each.target.key: self.outcomes[each.target.key] for each in chosen}

    async def _all(self, groups: Sequence[Sequence[Chosen]], pace: float | None) -> None:
        """Do these batches, as many at a time as the action allows; the first one goes alone."""
        lanes = 1 if pace is not None else _LANES.get(self.plan.action.id, 1)
        recent: deque[Code] = deque(maxlen=WINDOW)
        under_way: deque[asyncio.Task[tuple[ItemOutcome, ...]]] = deque()
        async with asyncio.TaskGroup() as group:
            for number, batch in enumerate(groups):
                if number and await self._pause(60.0 / pace if pace else 0.0):
                    self._end(_unbegun("stopped before"), stopped=True)
                    break
                under_way.append(group.create_task(self._batch(batch)))
                if number and len(under_way) < lanes:
                    continue
                recent += [each.code for each in self._step(await under_way.popleft())]
                deferred = recent.count(Code.DEFERRED)
                worse = pace is not None and len(recent) == WINDOW and deferred > recent.count(Code.DELIVERED)
                if worse and number + 1 < len(groups):
                    why = f"stopped by itself: of the last {WINDOW} messages {deferred} were deferred again"
                    cure = "look at their reasons; a slower --pace may help"
                    self._end(_unbegun("stopped before"), why, cure, stopped=True)
                if self.rest is not None:
                    break
            while under_way:
                self._step(await under_way.popleft())

    def _step(self, found: tuple[ItemOutcome, ...]) -> tuple[ItemOutcome, ...]:
        total = len(self.host.chosen) if self.plan.action.of_messages else 0
        self.progress(Progress(self.host.host, len(self.outcomes), total, found))
        return found

    async def watch(self, seconds: float) -> None:
        """See what becomes of what was only requested."""
        chosen = {each.target.key: each for each in self.host.chosen}
        until = self.link.clock.monotonic() + seconds
        gone: set[str] = set()
        while waiting := [each.key for each in self.outcomes.values() if _awaited(each) and each.key not in gone]:
            left = until - self.link.clock.monotonic()
            if left <= 0 or await self._pause(min(LOOK_AGAIN, left)):
                break
            try:
                listing = (await self.link.queue()).listing
            except HostError as error:
                self._end(self.rest, *_unread(error))
                break
            rows = {row.key: row for row in listing.rows}
            for key in waiting:
                row, seen = rows.get(key), chosen[key]
                if row is None or self.link.target(row).fingerprint != seen.target.fingerprint:
                    # what an incomplete listing does not hold may be there all the same
                    gone |= {key} if row is not None or listing.complete else set()
                elif tried(row.last_attempt_at, seen.row.last_attempt_at) or tried(row.attempts, seen.row.attempts):
                    reason = show_line(row.reason or b"")
                    self.outcomes[key] = replace(self.outcomes[key], code=Code.DEFERRED, detail=reason)
        said = await _logged(self.link, [self.outcomes[key].id for key in gone], self._began)
        for key in gone:
            each = self.outcomes[key]
            left_it = replace(each, detail="it has left the queue")
            self.outcomes[key] = replace(each, code=said[each.id], detail="") if each.id in said else left_it

    async def _pause(self, seconds: float) -> bool:
        """Wait; tells whether Stop was asked for, which ends the waiting."""
        until = self.link.clock.monotonic() + seconds
        while not self.stop():
            left = until - self.link.clock.monotonic()
            if left <= 0:
                return False
            await asyncio.sleep(min(left, STOP_SEEN))
        return True

    async def _batch(self, batch: Sequence[Chosen]) -> tuple[ItemOutcome, ...]:
        """Do one batch, once, and write down what came of it."""
        try:
            acted = await self.do(tuple(each.target for each in batch), self.plan.order)
        except (Refused, Unsupported) as error:
            denied = ItemOutcome("", "", Outcome.FAILED, Code.DENIED, error.message)
            self._end(denied, error.message, error.cure)
            found = _each(batch, denied)
        except NotBegun as error:
            unbegun = _unbegun("there was no free session for it")
            self._end(unbegun, error.message, error.cure)
            found = _each(batch, unbegun)
        except HostError as error:
            self._lost(error.message)
            found = _each(batch, _unknown("the link was lost in the act"))
        else:
            told = {each.key: each for each in acted.outcomes}
            unknown = _unknown("the host did not tell what became of it")
            found = tuple(told.get(each.target.key) or _each([each], unknown)[0] for each in batch)
            if not batch and not acted.requested:
                found = (unknown,)
            self._result = replace(self._result, requested=acted.requested)
            if any(each.outcome is Outcome.UNKNOWN for each in found):
                self._lost("the host did not tell of every message")
        self.outcomes |= {each.key: each for each in found}
        try:
            fields = outcome_record(
                self.plan.action.id, self.host.host, self._result.journal_id, self.plan.order.undo_id, found
            )
            await asyncio.to_thread(self.journal.append, "outcome", fields)
        except JournalFault as fault:
            # it is done, and must be told; but nothing more is done without a journal
            self._end(self.rest or _unbegun("the journal could not be written before"), fault.message, fault.cure)
        return found

    def _lost(self, why: str) -> None:
        host = self.host.host
        cure = f"nothing is repeated; `mailtui queue list {host}` and `mailtui undo list {host}` tell what happened"
        self._end(_unbegun("the link was lost before"), f"the link was lost in the act: {why}", cure)

    def _end(self, rest: ItemOutcome | None, error: str = "", cure: str = "", *, stopped: bool = False) -> None:
        """Let nothing more be done; the first error stays."""
        self.rest = rest
        if not self._result.error:
            self._result = replace(self._result, error=error, cure=cure)
        self._result = replace(self._result, stopped=self._result.stopped or stopped)


def _each(chosen: Sequence[Chosen], like: ItemOutcome) -> tuple[ItemOutcome, ...]:
    """Give all of them the same outcome; a flush, which is of none, has one without an id."""
    return tuple(replace(like, key=each.target.key, id=each.target.id) for each in chosen) or (like,)


def _unknown(detail: str) -> ItemOutcome:
    return ItemOutcome("", "", Outcome.UNKNOWN, Code.TIMEOUT, detail)


def _unbegun(why: str) -> ItemOutcome:
    return ItemOutcome("", "", Outcome.SKIPPED, Code.TIMEOUT, f"not begun: {why}")


def _awaited(each: ItemOutcome) -> bool:
    return each.outcome is Outcome.DONE and each.code is Code.REQUESTED


def _unread(error: HostError) -> tuple[str, str]:
    return f"the host could not be read again afterwards: {error.message}", error.cure


# --- reading the host again -----------------------------------------------------------------------------------------


def _new_since(plan: Plan, host: HostPlan, link: Link, listing: QueueListing) -> int:
    """Count what the plan's filter matches now and the plan did not name."""
    wanted = query.parse(plan.where, "queue").rows(host=host.host, now=listing.taken_at, message=link.decode)
    named = {each.target.key for each in host.chosen} | {each.key for each in host.skipped}
    return sum(row.key not in named and wanted(row) for row in listing.rows)


async def _logged(link: Link, ids: Sequence[str], since: float) -> dict[str, Code]:
    """Ask the log what became of messages that left the queue; what it does not tell is left out."""
    if not ids or len(ids) > LOOKED_UP or not all(_PLAIN_ID.fullmatch(each) for each in ids):
        return {}
    # the log has the host's own time, and classic stamps are cut to the second
    earliest = since + (link.identity.clock_skew or 0.0) - 2.0
    wanted = LogQuery(since=earliest, grep="|".join(ids).encode())
    try:
        paths = (await link.find_logs()).value
        if not paths:
            return {}
        reply = await link.search_logs(paths, wanted)
        parser = link.mta.log_parser(link.host.name, link.identity, link.clock.wall())
        records = choose(found_lines(reply.sections), parser.record, since=earliest)
    except (HostError, UsageError):
        return {}
    found: dict[str, Code] = {}
    for record in records:
        code = _CODES.get(record.event)
        if record.id is not None and record.id in ids and code and found.get(record.id) is not Code.BOUNCED:
            found[record.id] = code
    return found
