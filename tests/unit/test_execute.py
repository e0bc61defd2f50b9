"""Carrying out: the journal first, one outcome for each message, nothing twice, and the host has the last word."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from mailtui import execute as module
from mailtui.actions import CANARY, MANY, VALID, Chosen, HostPlan, Plan, action
from mailtui.clock import Clock
from mailtui.config import Host
from mailtui.errors import (
    DONE,
    FAILED,
    PARTLY,
    REFUSED,
    UNKNOWN,
    AuthenticationFailed,
    HostError,
    NotBegun,
    Refused,
    TimedOut,
    Unreachable,
    Unsupported,
)
from mailtui.execute import HostResult, Progress, execute, new_undo_id, settle, verdict
from mailtui.journal import Journal, JournalFault
from mailtui.model import (
    Acted,
    Capability,
    Code,
    Identity,
    ItemOutcome,
    KeptMessage,
    LogEvent,
    LogRecord,
    Message,
    Order,
    Outcome,
    QueueListing,
    QueueRow,
    QueueState,
    RemoteCommand,
    Target,
    UndoSet,
)
from mailtui.mta.contract import LogQuery, QueueReading, Read
from mailtui.procedure import Reply, Section
from mailtui.session import Link
from tests.unit.cli_world import NOW, message
from tests.unit.cli_world import row as listed

KEY = "SHA256:abc"
UNDO = "u-20261124T200000-0a1b2c"
DID = {"hold": Code.HELD, "release": Code.RELEASED, "delete": Code.MOVED, "bounce": Code.BOUNCED}


class FakeLink:
    """A host in memory: what an action changes its queue shows, until something is told to fail."""

    def __init__(self, rows: Sequence[QueueRow] = ()) -> None:
        self.host = Host(name="mx1")
        self.host_key = KEY
        self.identity = Identity("sendmail", "8.18.1", ("mta",), 0.0, "oncall")
        self.time = 1000.0
        self.clock = Clock(wall=lambda: NOW, monotonic=self._monotonic, boottime=self._monotonic)
        self.rows = {row.key: row for row in rows}
        self.complete = True
        self.kept: list[UndoSet] = []
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.listings = 0
        self.acting: Callable[[int, Sequence[Target]], Acted | None] = lambda number, targets: None
        """What a batch comes to in place of success, by its number; may raise."""
        self.dead: HostError | None = None
        self.listing: Callable[[int], None] = lambda number: None
        self.log: list[LogRecord] = []
        self.queries: list[LogQuery] = []
        self.mta = self

    def _monotonic(self) -> float:
        self.time += 0.01
        return self.time

    async def act(self, verb: str, targets: Sequence[Target], order: Order) -> Acted:
        self.asked.append((verb, tuple(each.key for each in targets)))
        instead = self.acting(len(self.asked), targets)
        if instead is not None:
            return instead
        for each in targets:
            if verb == "delete":
                del self.rows[each.key]
            elif verb in ("hold", "release"):
                state = QueueState.HELD if verb == "hold" else QueueState.QUEUED
                self.rows[each.key] = self.rows[each.key]._replace(state=state)
        code = DID.get(verb, Code.REQUESTED)
        return Acted(tuple(ItemOutcome(each.key, each.id, Outcome.DONE, code) for each in targets), verb == "flush")

    async def queue(self) -> QueueReading:
        self.listings += 1
        if self.dead is not None:
            raise self.dead
        self.listing(self.listings)
        return QueueReading(QueueListing(NOW + 5, self.complete, (), tuple(self.rows.values())))

    async def undo_sets(self) -> tuple[UndoSet, ...]:
        if self.dead is not None:
            raise self.dead
        return tuple(self.kept)

    def target(self, row: QueueRow) -> Target:
        return Target(row.key, row.id, row.queue, row.directory, row.state.value, b"print " + row.identity.encode())

    def decode(self, row: QueueRow) -> Message:
        return message("mx1", int(row.id))

    async def find_logs(self) -> Read[tuple[str, ...]]:
        return Read(("/var/log/mail.log",))

    async def search_logs(self, paths: Sequence[str], query: LogQuery, seconds: float = 120.0) -> Reply:
        self.queries.append(query)
        lines = b"".join(b"%d\n" % number for number in range(len(self.log)))
        return Reply((Section("file", tuple(paths), lines),), 0)

    def log_parser(self, host: str, identity: Identity, now: float) -> FakeLink:
        return self

    def record(self, line: bytes, file: str = "", offset: int | None = None) -> LogRecord:
        return self.log[int(line)]


class World:
    """A link, a journal and a plan, and what came of it."""

    def __init__(self, directory: Path, link: FakeLink, plan: Plan) -> None:
        self.link = link
        self.plan = plan
        self.host = plan.hosts[0]
        self.journal = Journal(directory / "journal", Clock(wall=lambda: NOW))
        self.steps: list[Progress] = []

    async def run(self, **more: Any) -> HostResult:
        return await execute(
            self.plan, self.host, cast("Link", self.link), self.journal, progress=self.steps.append, **more
        )

    async def settled(self, result: HostResult) -> HostResult:
        return await settle(self.plan, self.host, cast("Link", self.link), self.journal, result)

    def records(self, kind: str = "") -> list[dict[str, Any]]:
        return [each for each in self.journal.records() if kind in ("", each["kind"])]


Make = Callable[..., World]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(verb: str, count: int = 3, *, where: str = "", **changes: Any) -> World:
        state = QueueState.HELD if verb == "release" else QueueState.DEFERRED
        rows = [listed(message("mx1", number, state=state)) for number in range(1, count + 1)]
        link = FakeLink(rows)
        order = Order(reason="spam", by="root@laptop", undo_id=UNDO if verb == "delete" else "")
        chosen = tuple(Chosen(row, link.target(row)) for row in rows)
        host = replace(HostPlan("mx1", KEY, chosen), **changes)
        return World(tmp_path, link, Plan(action(verb), order, (host,), link.time, where))

    return made


def said(result: HostResult) -> list[tuple[Outcome, Code]]:
    return [(each.outcome, each.code) for each in result.outcomes]


def kept(world: World, state: str, *numbers: int) -> UndoSet:
    keys = [world.host.chosen[number].target for number in numbers]
    messages = tuple(KeptMessage(each.key, each.id, state) for each in keys)
    return UndoSet(UNDO, "mx1", NOW, "root@laptop", NOW + 77.0, "spam", messages)


# --- before anything runs


async def test_an_old_plan_is_refused(make: Make) -> None:
    world = make("hold")
    world.link.time += VALID + 1
    with pytest.raises(Refused, match="too old") as error:
        await world.run()
    assert error.value.cure
    assert (world.link.asked, world.records()) == ([], [])


@pytest.mark.parametrize("key", ["SHA256:other", ""])
async def test_another_host_key_is_refused(make: Make, key: str) -> None:
    world = make("hold")
    world.link.host_key = key
    with pytest.raises(Refused, match=f"its key is {key or 'none'}, it was {KEY}"):
        await world.run()
    assert (world.link.asked, world.records()) == ([], [])


@pytest.mark.parametrize(("verb", "ids"), [("delete", 3), ("flush", 1)])
async def test_a_login_that_may_not_is_asked_nothing(make: Make, verb: str, ids: int) -> None:
    lacking = Capability(verb, False, "sudo asks for a password", "mailtui sudoers mx1")
    world = make(verb, refused=lacking) if verb == "delete" else make(verb, refused=lacking, chosen=())
    result = await world.run()
    assert said(result) == [(Outcome.FAILED, Code.DENIED)] * ids
    assert (result.error, result.cure) == ("sudo asks for a password", "mailtui sudoers mx1")
    assert (world.link.asked, world.link.listings, world.records()) == ([], 0, [])
    assert verdict(result.outcomes) == REFUSED


async def test_nothing_chosen_is_nothing_asked(make: Make) -> None:
    left = ItemOutcome("k", "i", Outcome.DONE, Code.HELD, "it is held already")
    world = make("hold", chosen=(), skipped=(left,))
    assert (await world.run()).outcomes == (left,)
    assert (world.link.asked, world.records()) == ([], [])


async def test_the_intent_is_on_disk_before_the_first_request(make: Make) -> None:
    world = make("delete", commands=(RemoteCommand(("mv", "-Qmail of anna@one.example"), "00000000000001\n"),))
    world.plan = replace(world.plan, order=replace(world.plan.order, reason="spam by anna@one.example"))
    seen: list[dict[str, Any]] = []

    def look(number: int, targets: Sequence[Target]) -> None:
        seen.extend(world.records())

    world.link.acting = look
    result = await world.run()
    (intent,) = seen
    anna = world.journal.pseudonym(b"anna@one.example")
    assert intent["kind"] == "intent"
    assert intent["id"] == result.journal_id
    assert {name: intent[name] for name in ("action", "host", "host_key", "mta", "by", "reason", "count", "undo_id")} == {
        "action": "delete", "host": "mx1", "host_key": KEY, "mta": "sendmail", "by": "root@laptop",
        "reason": f"spam by {anna}", "count": 3, "undo_id": UNDO,
    }  # fmt: skip
    assert intent["keys"] == [each.target.key for each in world.host.chosen]
    assert intent["ids"] == [each.target.id for each in world.host.chosen]
    assert intent["fingerprints"] == [world.journal.seal(b"print 1")] * 3
    assert intent["commands"] == [{"argv": ["mv", f"-Qmail of {anna}"], "stdin": "00000000000001\n"}]


async def test_no_address_nor_subject_gets_into_the_journal(make: Make) -> None:
    where = 'from=anna@one.example or (subject:"secret plan" not to~bert) state=deferred age>1h greylisted'
    world = make("hold", where=where)
    await world.run()
    data = b"".join(path.read_bytes() for path in world.journal.directory.glob("*.jsonl"))
    for word in (b"anna", b"one.example", b"secret", b"bert", b"greylisted", b"sender.example", b"Hello", b"print 1"):
        assert word not in data, word
    (intent,) = world.records("intent")
    name = world.journal.pseudonym
    assert intent["where"] == (
        f"(from={name(b'anna@one.example')} or subject:{name(b'secret plan')} not (to~{name(b'bert')}) "
        f'state="deferred" age>"1h" {name(b"greylisted")})'
    )


async def test_without_a_journal_nothing_runs(make: Make) -> None:
    world = make("delete")
    world.journal.directory.mkdir(mode=0o700)
    world.journal.directory.chmod(0o777)
    with pytest.raises(JournalFault, match="open to others"):
        await world.run()
    assert (world.link.asked, world.link.listings) == ([], 0)


# --- batch by batch


async def test_each_batch_has_its_record_and_its_step(make: Make) -> None:
    world = make("hold", MANY + 1)
    result = await world.run()
    sizes = [CANARY, 500, 491]
    assert [len(keys) for _, keys in world.link.asked] == sizes
    assert [key for _, keys in world.link.asked for key in keys] == [each.target.key for each in world.host.chosen]
    assert [(step.host, step.done, step.total, len(step.outcomes)) for step in world.steps] == [
        ("mx1", 10, 1001, 10), ("mx1", 510, 1001, 500), ("mx1", 1001, 1001, 491),
    ]  # fmt: skip
    outcomes = world.records("outcome")
    assert [(each["counts"]["done"], each["intent"]) for each in outcomes] == [(n, result.journal_id) for n in sizes]
    assert outcomes[0]["outcomes"][0] == {
        "key": world.host.chosen[0].target.key, "id": "00000000000001", "outcome": "done", "code": "held",
    }  # fmt: skip
    assert said(result) == [(Outcome.DONE, Code.HELD)] * 1001
    assert world.journal.verify() == []


async def test_a_delete_says_under_what_and_until_when_it_can_be_undone(make: Make) -> None:
    world = make("delete")
    result = await world.run()
    assert (result.undo_id, result.undo_until) == (UNDO, NOW + world.plan.order.keep)
    world = make("delete")
    world.link.acting = lambda number, targets: Acted(
        tuple(ItemOutcome(each.key, each.id, Outcome.SKIPPED, Code.GONE) for each in targets)
    )
    result = await world.run()
    assert (result.undo_id, result.undo_until, said(result)) == ("", None, [(Outcome.SKIPPED, Code.GONE)] * 3)


async def test_what_the_plan_left_out_is_told_as_well(make: Make) -> None:
    left = ItemOutcome("k", "i", Outcome.SKIPPED, Code.OUTSIDE_FILTER, "2 of its recipients")
    result = await make("delete", skipped=(left,)).run()
    assert result.outcomes[0] == left
    assert len(result.outcomes) == 4


async def test_a_flush_is_one_request_without_messages(make: Make) -> None:
    world = make("flush", chosen=())
    result = await world.run()
    assert world.link.asked == [("flush", ())]
    assert (result.requested, result.outcomes, result.error) == (True, (), "")
    assert [each["kind"] for each in world.records()] == ["intent", "outcome"]
    assert verdict(result.outcomes) == DONE


async def test_a_flush_whose_link_is_lost_is_unknown(make: Make) -> None:
    def lost(number: int, targets: Sequence[Target]) -> Acted:
        raise Unreachable("the link was cut")

    world = make("flush", chosen=())
    world.link.acting = lost
    result = await world.run()
    assert (result.requested, said(result)) == (False, [(Outcome.UNKNOWN, Code.TIMEOUT)])
    assert verdict(result.outcomes) == UNKNOWN


@pytest.mark.parametrize("error", [Unreachable("cut", ""), TimedOut("slow", ""), AuthenticationFailed("no", "")])
async def test_a_lost_link_makes_its_batch_unknown_and_begins_no_other(make: Make, error: HostError) -> None:
    world = make("hold", MANY + 1)

    def lost(number: int, targets: Sequence[Target]) -> Acted | None:
        if number == 2:
            world.link.dead = error
            raise error
        return None

    world.link.acting = lost
    result = await world.run()
    assert len(world.link.asked) == 2
    assert said(result) == [
        *[(Outcome.DONE, Code.HELD)] * 10,
        *[(Outcome.UNKNOWN, Code.TIMEOUT)] * 500,
        *[(Outcome.SKIPPED, Code.TIMEOUT)] * 491,
    ]
    assert result.outcomes[-1].detail == "not begun: the link was lost before"
    assert (result.error, result.stopped) == (f"the link was lost in the act: {error.message}", False)
    assert "mailtui queue list mx1" in result.cure
    assert [each["counts"]["unknown"] for each in world.records("outcome")] == [0, 500]
    assert verdict(result.outcomes) == UNKNOWN


async def test_what_a_host_does_not_tell_is_unknown_and_ends_it(make: Make) -> None:
    world = make("retry", MANY + 1)

    def silent(number: int, targets: Sequence[Target]) -> Acted:
        stranger = ItemOutcome("another", "x", Outcome.DONE, Code.REQUESTED)
        told = (ItemOutcome(each.key, each.id, Outcome.DONE, Code.REQUESTED) for each in targets[1:])
        return Acted((*told, stranger))

    world.link.acting = silent
    result = await world.run()
    assert len(world.link.asked) == 1
    assert said(result)[:3] == [(Outcome.UNKNOWN, Code.TIMEOUT), *[(Outcome.DONE, Code.REQUESTED)] * 2]
    assert said(result)[10] == (Outcome.SKIPPED, Code.TIMEOUT)
    assert [each.key for each in result.outcomes] == [each.target.key for each in world.host.chosen]


@pytest.mark.parametrize("error", [Refused("read-only here", "arm it"), Unsupported("not built", "arm it")])
async def test_a_closed_gate_denies_all_that_is_left(make: Make, error: HostError) -> None:
    world = make("hold", MANY + 1)

    def refuse(number: int, targets: Sequence[Target]) -> Acted:
        raise error

    world.link.acting = refuse
    result = await world.run()
    assert len(world.link.asked) == 1
    assert set(said(result)) == {(Outcome.FAILED, Code.DENIED)}
    assert len(result.outcomes) == 1001
    assert (result.error, result.cure) == (error.message, "arm it")
    assert verdict(result.outcomes) == REFUSED


async def test_a_bug_is_not_taken_for_a_lost_link(make: Make) -> None:
    def bug(number: int, targets: Sequence[Target]) -> Acted:
        raise ValueError("a NUL in the data")

    world = make("hold")
    world.link.acting = bug
    with pytest.raises(ValueError, match="NUL"):
        await world.run()


async def test_stop_works_between_two_batches(make: Make) -> None:
    world = make("hold", MANY + 1)
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked == 2

    result = await world.run(stop=stop)
    assert [len(keys) for _, keys in world.link.asked] == [10, 500]
    assert (result.stopped, result.error) == (True, "")
    assert said(result)[509:511] == [(Outcome.DONE, Code.HELD), (Outcome.SKIPPED, Code.TIMEOUT)]
    assert result.outcomes[-1].detail == "not begun: stopped before"
    assert verdict(result.outcomes) == PARTLY


class Slow(FakeLink):
    """A host on which each batch takes until it is let go."""

    def __init__(self, rows: Sequence[QueueRow] = ()) -> None:
        super().__init__(rows)
        self.gates: list[asyncio.Event] = []
        self.came = asyncio.Condition()

    async def act(self, verb: str, targets: Sequence[Target], order: Order) -> Acted:
        gate = asyncio.Event()
        async with self.came:
            self.gates.append(gate)
            self.came.notify_all()
        await gate.wait()
        return await super().act(verb, targets, order)

    async def begun(self, count: int) -> None:
        async with self.came:
            await self.came.wait_for(lambda: len(self.gates) >= count)
        for _ in range(20):  # whoever would begin another batch has had its turn
            await asyncio.sleep(0)
        assert len(self.gates) == count


@pytest.mark.parametrize(("verb", "lanes"), [("delete", 3), ("hold", 1)])
async def test_the_first_batch_of_a_delete_goes_alone_and_then_three_at_once(make: Make, verb: str, lanes: int) -> None:
    world = make(verb, 2 * MANY)
    world.link = link = Slow([each.row for each in world.host.chosen])
    async with asyncio.TaskGroup() as group:
        running = group.create_task(world.run())
        await link.begun(1)
        for number in range(5):
            link.gates[number].set()
            await link.begun(min(5, number + 1 + lanes))
    result = running.result()
    assert [len(keys) for _, keys in link.asked] == [10, 500, 500, 500, 490]
    assert [len(each.outcomes) for each in world.steps] == [10, 500, 500, 500, 490]
    assert (world.steps[0].done, world.steps[-1].done) == (10, 2000)
    assert {each.outcome for each in result.outcomes} == {Outcome.DONE}
    assert sorted(each["counts"]["done"] for each in world.records("outcome")) == [10, 490, 500, 500, 500]


async def test_a_delete_that_is_cut_lets_what_runs_beside_it_end_and_begins_no_other(make: Make) -> None:
    world = make("delete", 3 * MANY)
    world.link = link = Slow([each.row for each in world.host.chosen])

    def lost(number: int, targets: Sequence[Target]) -> Acted | None:
        if number == 2:
            raise Unreachable("cut", "")
        return None

    link.acting = lost
    async with asyncio.TaskGroup() as group:
        running = group.create_task(world.run())
        await link.begun(1)
        link.gates[0].set()
        await link.begun(4)
        for gate in link.gates:
            gate.set()
    result = running.result()
    assert len(link.gates) == 4
    kinds = Counter(each.outcome for each in result.outcomes)
    assert kinds == {Outcome.DONE: 1010, Outcome.FAILED: 500, Outcome.SKIPPED: 1490}, (
        "what was cut is in the queue still"
    )
    assert [each.key for each in result.outcomes] == [each.target.key for each in world.host.chosen]
    assert sorted(each["counts"]["unknown"] for each in world.records("outcome")) == [0, 0, 0, 500]


async def test_a_delete_that_is_given_up_leaves_no_batch_behind(make: Make) -> None:
    world = make("delete", 2 * MANY)
    world.link = link = Slow([each.row for each in world.host.chosen])
    async with asyncio.TaskGroup() as group:
        running = group.create_task(world.run())
        await link.begun(1)
        link.gates[0].set()
        await link.begun(4)
        running.cancel()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_stop_before_the_only_batch_is_too_late(make: Make) -> None:
    world = make("hold")
    result = await world.run(stop=lambda: True)
    assert (result.stopped, said(result)) == (False, [(Outcome.DONE, Code.HELD)] * 3)


async def test_a_journal_that_fails_in_the_run_ends_it_and_loses_no_outcome(make: Make) -> None:
    world = make("delete", MANY + 1)

    def closing(number: int, targets: Sequence[Target]) -> None:
        world.journal.directory.chmod(0o777)

    world.link.acting = closing
    result = await world.run()
    assert len(world.link.asked) == 1
    assert said(result)[9:11] == [(Outcome.DONE, Code.MOVED), (Outcome.SKIPPED, Code.TIMEOUT)]
    assert result.outcomes[-1].detail == "not begun: the journal could not be written before"
    assert "open to others" in result.error
    assert result.cure.startswith("chmod 700")
    assert (result.undo_id, len(world.steps)) == (UNDO, 1)


# --- a slower run, and a patient one


def let_pass(world: World, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let pauses pass at once, on the world's clock; gives their lengths."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        world.link.time += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return pauses


def coded(*codes: Code) -> Callable[[int, Sequence[Target]], Acted]:
    """Let each message in turn come to one of these, the last again and again."""

    def act(number: int, targets: Sequence[Target]) -> Acted:
        code = codes[min(number, len(codes)) - 1]
        return Acted(tuple(ItemOutcome(each.key, each.id, Outcome.DONE, code) for each in targets))

    return act


async def test_a_pace_is_one_message_at_a_time(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make("retry", 3)
    pauses = let_pass(world, monkeypatch)
    began = world.link.time
    result = await world.run(pace=20.0)
    assert [len(keys) for _, keys in world.link.asked] == [1, 1, 1]
    assert world.link.time - began == pytest.approx(6.0, abs=0.5)
    assert max(pauses) <= module.STOP_SEEN
    assert said(result) == [(Outcome.DONE, Code.REQUESTED)] * 3


async def test_a_stop_ends_a_pause(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make("retry", 3)
    pauses = let_pass(world, monkeypatch)
    result = await world.run(pace=1.0, stop=lambda: len(pauses) >= 5)
    assert (len(world.link.asked), len(pauses), result.stopped) == (1, 5, True)
    assert said(result)[1:] == [(Outcome.SKIPPED, Code.TIMEOUT)] * 2


async def test_a_pace_stops_by_itself_when_more_is_deferred_than_delivered(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make("retry", 20)
    let_pass(world, monkeypatch)
    world.link.acting = coded(*[Code.DELIVERED] * 6, Code.DEFERRED)
    result = await world.run(pace=60.0)
    assert len(world.link.asked) == 12
    assert result.stopped
    assert result.error == "stopped by itself: of the last 10 messages 6 were deferred again"
    assert result.cure
    assert said(result)[12] == (Outcome.SKIPPED, Code.TIMEOUT)


@pytest.mark.parametrize("codes", [[Code.DEFERRED] * 9, [Code.DELIVERED, Code.DEFERRED] * 10, [Code.REQUESTED] * 20])
async def test_a_pace_goes_on_while_it_is_not_worse(
    make: Make, monkeypatch: pytest.MonkeyPatch, codes: list[Code]
) -> None:
    world = make("retry", len(codes))
    let_pass(world, monkeypatch)
    world.link.acting = coded(*codes)
    result = await world.run(pace=60.0)
    assert (len(world.link.asked), result.stopped, result.error) == (len(codes), False, "")


def logged(world: World, number: int, event: LogEvent) -> LogRecord:
    return LogRecord(
        host="mx1",
        at=NOW + 1,
        at_raw=b"",
        program=b"sendmail",
        pid=1,
        id=world.host.chosen[number].target.id,
        event=event,
        text=b"",
    )


async def test_waiting_tells_what_became_of_each(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make("retry", 6)
    let_pass(world, monkeypatch)
    rows = [each.row for each in world.host.chosen]

    def listing(number: int) -> None:
        if number == 1:
            world.link.rows[rows[0].key] = rows[0]._replace(last_attempt_at=NOW + 3, reason=b"451 \x1b[2J try later")
            del world.link.rows[rows[1].key]
        elif number == 2:
            world.link.rows[rows[2].key] = rows[2]._replace(attempts=99)
            del world.link.rows[rows[3].key]
            world.link.rows[rows[4].key] = rows[4]._replace(identity="another", last_attempt_at=NOW + 9)

    world.link.listing = listing
    world.link.log = [
        logged(world, 1, LogEvent.DEFERRED), logged(world, 1, LogEvent.SENT),
        logged(world, 3, LogEvent.BOUNCED), logged(world, 3, LogEvent.SENT), logged(world, 5, LogEvent.SENT),
    ]  # fmt: skip
    result = await world.run(wait=10.0)
    assert [each.code for each in result.outcomes] == [
        Code.DEFERRED, Code.DELIVERED, Code.DEFERRED, Code.BOUNCED, Code.REQUESTED, Code.REQUESTED,
    ]  # fmt: skip
    assert [each.detail for each in result.outcomes] == [
        "451 <1b>[2J try later", "", "450 4.7.1 greylisted", "", "it has left the queue", "",
    ]  # fmt: skip
    assert world.link.listings == 5
    (query,) = world.link.queries
    assert query.since == NOW - 2
    assert sorted((query.grep or b"").decode().split("|")) == sorted(rows[number].id for number in (1, 3, 4))


async def test_waiting_ends_when_nothing_is_left_to_wait_for(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make("retry", 2)
    let_pass(world, monkeypatch)
    world.link.listing = lambda number: world.link.rows.clear()
    result = await world.run(wait=3600.0)
    assert (world.link.listings, len(world.link.asked)) == (1, 1)
    assert [(each.code, each.detail) for each in result.outcomes] == [(Code.REQUESTED, "it has left the queue")] * 2


async def test_an_incomplete_listing_proves_no_delivery(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make("retry", 1)
    let_pass(world, monkeypatch)
    world.link.complete = False
    world.link.listing = lambda number: world.link.rows.clear()
    result = await world.run(wait=5.0)
    assert [(each.code, each.detail) for each in result.outcomes] == [(Code.REQUESTED, "")]
    assert world.link.queries == []


async def test_a_host_that_is_lost_while_waiting_loses_no_outcome(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make("retry", 2)
    let_pass(world, monkeypatch)
    world.link.dead = Unreachable("cut", "is the VPN up?")
    result = await world.run(wait=5.0)
    assert said(result) == [(Outcome.DONE, Code.REQUESTED)] * 2
    assert (result.error, result.cure) == ("the host could not be read again afterwards: cut", "is the VPN up?")
    assert not result.stopped


@pytest.mark.parametrize("more", [{"stop": lambda: True, "wait": 9.0}, {"wait": 0.0}])
async def test_nobody_waits_who_was_not_asked_to_or_was_stopped(
    make: Make, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    world = make("retry", 2)
    pauses = let_pass(world, monkeypatch)
    result = await world.run(**more)
    assert (pauses, world.link.listings, said(result)) == ([], 0, [(Outcome.DONE, Code.REQUESTED)] * 2)


async def test_a_log_that_cannot_be_read_says_nothing(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    async def none() -> Read[tuple[str, ...]]:
        return Read(())

    async def denied() -> Read[tuple[str, ...]]:
        raise Refused("no log")

    for find in (none, denied):
        world = make("bounce", 1)
        let_pass(world, monkeypatch)
        world.link.acting = coded(Code.REQUESTED)
        monkeypatch.setattr(world.link, "rows", {})
        monkeypatch.setattr(world.link, "find_logs", find)
        result = await world.run(wait=5.0)
        assert [(each.code, each.detail) for each in result.outcomes] == [(Code.REQUESTED, "it has left the queue")]


# --- the host has the last word


def cut(world: World, before: Callable[[], None] = lambda: None) -> None:
    """Let the link be lost in the act, once something has happened on the host."""

    def lost(number: int, targets: Sequence[Target]) -> Acted:
        before()
        raise Unreachable("the link was cut")

    world.link.acting = lost


async def test_a_delete_that_was_cut_is_decided_by_queue_and_vault(make: Make) -> None:
    world = make("delete", 7)
    rows = [each.row for each in world.host.chosen]

    def half() -> None:
        for number in (0, 1, 2):
            del world.link.rows[rows[number].key]
        world.link.rows[rows[4].key] = rows[4]._replace(identity="another")
        # the last is in both places: that decides nothing
        sets = (kept(world, "kept", 0, 6), kept(world, "half", 1, 5))
        world.link.kept = [
            replace(kept(world, "kept", 2), undo_id="u-another"),
            replace(sets[0], messages=sets[0].messages + sets[1].messages),
        ]

    cut(world, half)
    result = await world.run()
    unknown = (Outcome.UNKNOWN, Code.TIMEOUT)
    assert said(result) == [
        (Outcome.DONE, Code.MOVED), unknown, unknown, (Outcome.FAILED, Code.TIMEOUT), unknown, unknown, unknown,
    ]  # fmt: skip
    assert result.outcomes[3].detail == "still in the queue: not deleted"
    assert (result.undo_id, result.undo_until) == (UNDO, NOW + 77.0)
    assert len(world.link.asked) == 1
    (settled,) = world.records("settled")
    assert settled["intent"] == result.journal_id
    assert [(each["outcome"], each["code"]) for each in settled["outcomes"]] == [
        ("done", "moved"),
        ("failed", "timeout"),
    ]
    assert verdict(result.outcomes) == UNKNOWN


@pytest.mark.parametrize(
    ("verb", "state", "outcome"),
    [
        ("hold", QueueState.HELD, (Outcome.DONE, Code.HELD)),
        ("hold", QueueState.DEFERRED, (Outcome.UNKNOWN, Code.TIMEOUT)),
        ("release", QueueState.QUEUED, (Outcome.DONE, Code.RELEASED)),
        ("release", QueueState.HELD, (Outcome.UNKNOWN, Code.TIMEOUT)),
        ("retry", QueueState.DEFERRED, (Outcome.UNKNOWN, Code.TIMEOUT)),
        ("bounce", QueueState.DEFERRED, (Outcome.UNKNOWN, Code.TIMEOUT)),
    ],
)
async def test_what_was_cut_is_as_the_queue_shows_it(
    make: Make, verb: str, state: QueueState, outcome: tuple[Outcome, Code]
) -> None:
    world = make(verb, 2)
    first, second = (each.row for each in world.host.chosen)

    def change() -> None:
        world.link.rows = {
            first.key: first._replace(state=state),
            second.key: second._replace(state=state, identity="another"),
        }

    cut(world, change)
    result = await world.run()
    assert said(result) == [outcome, (Outcome.UNKNOWN, Code.TIMEOUT)]
    assert len(world.link.asked) == 1


async def test_while_a_delete_still_runs_on_the_host_nothing_is_told_as_left(make: Make) -> None:
    """Under sudo a batch outlives the link: what is in the queue now it may move in a second."""
    world = make("delete", 2)
    first, _ = (each.row for each in world.host.chosen)

    def begun() -> None:
        del world.link.rows[first.key]
        world.link.kept = [replace(kept(world, "kept", 0), busy=True)]

    cut(world, begun)
    result = await world.run()
    assert said(result) == [(Outcome.DONE, Code.MOVED), (Outcome.UNKNOWN, Code.TIMEOUT)]
    assert result.error.startswith("the link was lost")
    again = await world.settled(replace(result, error="", cure=""))
    assert said(again) == said(result)
    assert (again.error, again.cure) == ("the delete still runs on the host", "it is asked again")
    world.link.kept = [kept(world, "kept", 0)]
    last = await world.settled(replace(result, error="", cure=""))
    assert said(last) == [(Outcome.DONE, Code.MOVED), (Outcome.FAILED, Code.TIMEOUT)]
    assert (last.error, last.outcomes[1].detail) == ("", "still in the queue: not deleted")


async def test_a_listing_that_began_before_the_delete_ended_does_not_tell_what_it_left(make: Make) -> None:
    """The batch ends, and what it moved is purged, between the two readings: only a listing behind it would tell."""
    world = make("delete", 1)
    readings = 0

    class Ending(FakeLink):
        def end(self) -> None:
            nonlocal readings
            readings += 1
            if readings == 1:
                self.rows, self.kept = {}, []

        async def queue(self) -> QueueReading:
            found = await super().queue()
            self.end()
            return found

        async def undo_sets(self) -> tuple[UndoSet, ...]:
            found = await super().undo_sets()
            self.end()
            return found

    world.link = Ending([each.row for each in world.host.chosen])
    world.link.kept = [replace(kept(world, "queued", 0), busy=True)]
    cut(world)
    assert said(await world.run()) == [(Outcome.UNKNOWN, Code.TIMEOUT)]
    assert readings == 2


@pytest.mark.parametrize("verb", ["hold", "delete"])
async def test_a_batch_that_found_no_channel_was_not_begun(make: Make, verb: str) -> None:
    world = make(verb, MANY + 1)

    def full(number: int, targets: Sequence[Target]) -> Acted | None:
        if number == 2:
            raise NotBegun("mx1 had no free session", "raise MaxSessions")
        return None

    world.link.acting = full
    result = await world.run()
    rest = 500 + 491 if verb == "hold" else 500
    done = Code.HELD if verb == "hold" else Code.MOVED
    assert Counter(said(result)) == {(Outcome.DONE, done): MANY + 1 - rest, (Outcome.SKIPPED, Code.TIMEOUT): rest}
    assert {each.detail for each in result.outcomes if each.outcome is Outcome.SKIPPED} == {
        "not begun: there was no free session for it"
    }
    assert (result.error, result.cure) == ("mx1 had no free session", "raise MaxSessions")
    assert not result.stopped and verdict(result.outcomes) == PARTLY
    assert [each["counts"].get("unknown") for each in world.records("outcome") if each["counts"].get("unknown")] == []
    assert world.journal.verify() == []


async def test_where_the_first_finds_no_channel_nothing_was_done(make: Make) -> None:
    world = make("flush", chosen=())

    def full(number: int, targets: Sequence[Target]) -> Acted:
        raise NotBegun("mx1 had no free session", "raise MaxSessions")

    world.link.acting = full
    result = await world.run()
    assert (said(result), result.requested) == ([(Outcome.SKIPPED, Code.TIMEOUT)], False)
    assert verdict(result.outcomes) == FAILED
    assert "no free session" in result.error


async def test_an_incomplete_listing_decides_nothing(make: Make) -> None:
    world = make("delete", 2)
    cut(world)
    world.link.complete = False
    world.link.kept = [kept(world, "kept", 0)]
    assert said(await world.run()) == [(Outcome.UNKNOWN, Code.TIMEOUT)] * 2


async def test_a_new_link_settles_what_a_lost_one_left_open(make: Make) -> None:
    world = make("delete", 2)
    error = Unreachable("the link was cut")

    def lost(number: int, targets: Sequence[Target]) -> Acted:
        world.link.dead = error
        raise error

    world.link.acting = lost
    result = await world.run()
    assert said(result) == [(Outcome.UNKNOWN, Code.TIMEOUT)] * 2
    assert await world.settled(result) == result
    world.link.dead = None
    world.link.rows.clear()
    world.link.kept = [kept(world, "kept", 0, 1)]
    again = await world.settled(result)
    assert said(again) == [(Outcome.DONE, Code.MOVED)] * 2
    assert (again.undo_id, verdict(again.outcomes)) == (UNDO, DONE)
    assert await world.settled(again) == again
    assert len(world.link.asked) == 1
    assert world.journal.verify() == []


async def test_a_journal_that_fails_when_settling_loses_nothing(make: Make) -> None:
    world = make("hold", 1)
    cut(world)
    result = await world.run()
    world.link.rows = {key: row._replace(state=QueueState.HELD) for key, row in world.link.rows.items()}
    world.journal.directory.chmod(0o777)
    settled = await world.settled(replace(result, error="", cure=""))
    assert said(settled) == [(Outcome.DONE, Code.HELD)]
    assert "open to others" in settled.error


async def test_what_is_new_since_is_counted_and_left_alone(make: Make) -> None:
    world = make("hold", 2, where="from:sender.example state=deferred")

    def more(number: int) -> None:
        for each in (7, 9, 8):  # even ones are not deferred
            row = listed(message("mx1", each))
            world.link.rows[row.key] = row

    world.link.acting = coded(Code.HELD)
    world.link.listing = more
    result = await world.run()
    assert (result.new_since, result.error) == (2, "")
    assert len(world.link.asked[0][1]) == 2


async def test_what_the_plan_left_out_is_not_new(make: Make) -> None:
    rows = [listed(message("mx1", number)) for number in (1, 3)]
    left = ItemOutcome(rows[1].key, rows[1].id, Outcome.SKIPPED, Code.OUTSIDE_FILTER)
    world = make("retry", 1, where="state=deferred", skipped=(left,))
    world.link.rows = {row.key: row for row in rows}
    assert (await world.run()).new_since == 0


async def test_a_host_that_cannot_be_read_again_loses_no_outcome(make: Make) -> None:
    world = make("hold", 2, where="state=deferred")
    world.link.dead = TimedOut("slow", "look at its load")
    result = await world.run()
    assert said(result) == [(Outcome.DONE, Code.HELD)] * 2
    assert (result.error, result.cure) == ("the host could not be read again afterwards: slow", "look at its load")


async def test_without_a_filter_and_without_doubt_nothing_is_read_again(make: Make) -> None:
    world = make("hold", 2)
    await world.run()
    assert world.link.listings == 0


# --- what it comes to


def outcomes(*pairs: tuple[Outcome, Code]) -> list[ItemOutcome]:
    return [ItemOutcome(str(number), "i", *pair) for number, pair in enumerate(pairs)]


HELD = (Outcome.DONE, Code.HELD)
GONE = (Outcome.SKIPPED, Code.GONE)
CHANGED = (Outcome.SKIPPED, Code.CHANGED)
NOT_ALLOWED = (Outcome.FAILED, Code.DENIED)
OUTSIDE = (Outcome.SKIPPED, Code.OUTSIDE_FILTER)
DOUBT = (Outcome.UNKNOWN, Code.TIMEOUT)


@pytest.mark.parametrize(
    ("pairs", "code"),
    [
        ([], DONE),
        ([HELD, HELD], DONE),
        ([HELD, DOUBT, NOT_ALLOWED], UNKNOWN),
        ([DOUBT], UNKNOWN),
        ([HELD, NOT_ALLOWED], PARTLY),
        ([HELD, GONE], PARTLY),
        ([HELD, (Outcome.SKIPPED, Code.TIMEOUT)], PARTLY),
        ([NOT_ALLOWED, NOT_ALLOWED], REFUSED),
        ([NOT_ALLOWED, CHANGED], FAILED),
        ([GONE, CHANGED], FAILED),
        ([(Outcome.FAILED, Code.TIMEOUT)], FAILED),
        ([HELD, OUTSIDE], DONE),
        ([NOT_ALLOWED, OUTSIDE], REFUSED),
        ([OUTSIDE], FAILED),
    ],
)
def test_a_verdict_is_an_exit_code(pairs: list[tuple[Outcome, Code]], code: int) -> None:
    assert verdict(outcomes(*pairs)) == code


def test_an_undo_id_has_its_time_and_is_nobody_elses() -> None:
    clock = Clock(wall=lambda: 1795550400.9)
    made = {new_undo_id(clock) for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(r"u-20261124T200000-[0-9a-f]{6}", each) for each in made)
