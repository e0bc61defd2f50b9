"""What was cut off: the host's queue and vault decide as far as they can, once, and that is on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest

from mailtui.actions import HostPlan, Plan, action
from mailtui.actions import choose as chosen_of
from mailtui.clock import Clock
from mailtui.entries import Left, page, unfinished
from mailtui.errors import HostError, Unreachable
from mailtui.execute import HostResult
from mailtui.journal import Journal, operator
from mailtui.model import (
    Acted,
    Code,
    Identity,
    ItemOutcome,
    KeptMessage,
    Order,
    Outcome,
    QueueListing,
    QueueRow,
    QueueState,
    Target,
    UndoSet,
)
from mailtui.mta.contract import QueueReading
from mailtui.session import Link
from mailtui.unfinished import carry_out, decide
from tests.pilot import world

NOW = world.NOW
ROWS = tuple(row for row in world.rows("mx3", 12) if row.state is QueueState.DEFERRED)[:3]


@dataclass
class Host:
    """A link to a host whose queue and vault hold what a test says."""

    rows: tuple[QueueRow, ...] = ROWS
    sets: tuple[UndoSet, ...] = ()
    complete: bool = True
    error: HostError | None = None
    acted: list[str] = field(default_factory=list)
    host_key: str = "SHA256:x"
    clock: Clock = field(default_factory=lambda: Clock(wall=lambda: NOW, monotonic=lambda: 1.0))
    identity: Identity = field(default_factory=lambda: Identity("sendmail", "8", (), 0.0, "root"))

    def target(self, row: QueueRow) -> Target:
        return Target(row.key, row.id, row.queue, row.directory, row.state.value, row.identity.encode())

    async def act(self, verb: str, targets: Sequence[Target], order: Order) -> Acted:
        self.acted.append(verb)
        return Acted(tuple(ItemOutcome(each.key, each.id, Outcome.DONE, Code.REQUESTED) for each in targets))

    async def queue(self, known: object = None) -> QueueReading:
        if self.error is not None:
            raise self.error
        return QueueReading(QueueListing(NOW, self.complete, (), self.rows))

    async def undo_sets(self) -> tuple[UndoSet, ...]:
        return self.sets


def vault(*states: str) -> UndoSet:
    told = zip(ROWS, states, strict=False)
    return UndoSet(
        "u-1", "mx3", NOW, "a@b", NOW + 9, "", tuple(KeptMessage(row.key, row.id, each) for row, each in told)
    )


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal", Clock(wall=lambda: NOW))


def cut(journal: Journal, verb: str, rows: Sequence[QueueRow] = ROWS) -> Left:
    """Begin an action as a console does that dies at once."""
    fields = {
        "action": verb,
        "host": "mx3",
        "host_key": "SHA256:x",
        "by": operator(),
        "undo_id": "u-1",
        "keys": [row.key for row in rows],
        "ids": [row.id for row in rows],
        "fingerprints": [journal.seal(row.identity.encode()) for row in rows],
        "process": "1-0",
    }
    journal.append("intent", fields)
    (left,) = unfinished(journal, NOW)
    return left


async def ask(left: Left, journal: Journal, host: Host, *, whole: bool = True) -> HostResult:
    rows = {row.key: row for row in host.rows}
    return await decide(left, cast(Link, host), journal, rows, whole=whole)


def came(result: HostResult) -> list[str]:
    return [f"{each.outcome}/{each.code}" for each in result.outcomes]


def left_open(journal: Journal) -> int:
    return sum(len(each.items) for each in unfinished(journal, NOW))


async def test_a_delete_is_decided_by_queue_and_vault(journal: Journal) -> None:
    left = cut(journal, "delete")
    result = await ask(left, journal, Host(rows=ROWS[1:], sets=(vault("kept", "queued", "queued"),)))
    assert came(result) == ["done/moved", "failed/timeout", "failed/timeout"]
    assert (result.undo_id, left_open(journal)) == ("u-1", 0)
    (entry,) = page(journal, NOW).entries
    assert entry.moved == 1
    assert [each["kind"] for each in journal.records()] == ["intent", "settled"]
    assert journal.verify() == []


async def test_a_message_that_took_over_an_id_decides_nothing(journal: Journal) -> None:
    left = cut(journal, "delete", ROWS[:1])
    other = ROWS[0]._replace(identity="another")
    result = await ask(left, journal, Host(rows=(other,), sets=(vault("queued"),)))
    assert came(result) == ["unknown/timeout"]
    assert left_open(journal) == 0, "it stays unknown, which is on record: nothing will ever tell"


async def test_a_delete_that_is_half_done_stays_open_until_it_is_mended(journal: Journal) -> None:
    left = cut(journal, "delete", ROWS[:1])
    result = await ask(left, journal, Host(rows=(), sets=(vault("half"),)))
    assert "half set aside" in result.error
    assert "U lists u-1" in result.cure
    assert left_open(journal) == 1
    result = await ask(left, journal, Host(rows=ROWS[:1], sets=(vault("queued"),)))
    assert came(result) == ["failed/timeout"]
    assert left_open(journal) == 0


async def test_a_delete_that_still_runs_on_the_host_stays_open(journal: Journal) -> None:
    left = cut(journal, "delete")
    host = Host(rows=ROWS[1:], sets=(replace(vault("kept", "queued", "queued"), busy=True),))
    result = await ask(left, journal, host)
    assert came(result) == ["done/moved", "unknown/timeout", "unknown/timeout"]
    assert (result.error, result.cure) == ("the delete still runs on the host", "it is asked again")
    assert left_open(journal) == 2, "what is known is on record, and only the rest is asked again"
    host.sets = (vault("kept", "queued", "queued"),)
    (left,) = unfinished(journal, NOW)
    assert came(await ask(left, journal, host)) == ["failed/timeout"] * 2
    assert left_open(journal) == 0


@pytest.mark.parametrize("verb", ["undo", "purge", "expire"])
async def test_an_undo_that_still_runs_on_the_host_stays_open(journal: Journal, verb: str) -> None:
    left = cut(journal, verb, ROWS[:2])
    result = await ask(left, journal, Host(sets=(replace(vault("queued", "kept"), busy=True),)))
    assert came(result) == ["unknown/timeout"] * 2
    assert (result.error, result.cure) == (f"the {verb} still runs on the host", "it is asked again")
    assert left_open(journal) == 2


async def test_holds_are_decided_by_the_queue(journal: Journal) -> None:
    left = cut(journal, "hold")
    held = ROWS[0]._replace(state=QueueState.HELD)
    result = await ask(left, journal, Host(rows=(held, *ROWS[1:])))
    assert came(result) == ["done/held", "unknown/timeout", "unknown/timeout"]
    assert left_open(journal) == 0


async def test_what_could_not_be_read_whole_or_at_all_is_asked_again(journal: Journal) -> None:
    left = cut(journal, "hold")
    assert "not all of the queue" in (await ask(left, journal, Host(complete=False), whole=False)).error
    assert "gone" in (await ask(left, journal, Host(error=Unreachable("gone")))).error
    assert left_open(journal) == 3


@pytest.mark.parametrize("verb", ["retry", "bounce", "teleport"])
async def test_what_no_queue_tells_stays_unknown_and_is_told_once(journal: Journal, verb: str) -> None:
    left = cut(journal, verb)
    assert came(await ask(left, journal, Host(), whole=False)) == ["unknown/timeout"] * 3
    assert left_open(journal) == 0


async def test_a_flush_has_no_messages_and_is_told_once(journal: Journal) -> None:
    left = cut(journal, "flush", ())
    host = Host()
    assert came(await ask(left, journal, host)) == ["unknown/timeout"]
    assert (left_open(journal), host.acted) == (0, [])


@pytest.mark.parametrize(
    ("verb", "states", "told"),
    [
        ("undo", ("queued", "kept"), ["done/restored", "failed/timeout"]),
        ("undo", None, ["unknown/timeout", "unknown/timeout"]),
        ("purge", None, ["done/gone", "done/gone"]),
        ("expire", ("kept", "half"), ["failed/timeout", "failed/timeout"]),
    ],
)
async def test_undo_and_purge_are_decided_by_the_vault(
    journal: Journal, verb: str, states: tuple[str, ...] | None, told: list[str]
) -> None:
    left = cut(journal, verb, ROWS[:2])
    sets = () if states is None else (vault(*states),)
    assert came(await ask(left, journal, Host(sets=sets))) == told
    assert left_open(journal) == 0


async def test_what_was_stopped_is_on_record_as_not_begun(journal: Journal) -> None:
    rows = tuple(row for row in world.rows("mx3", 1300) if row.state is QueueState.DEFERRED)
    host = Host(rows=rows)
    chosen, _ = chosen_of(action("retry"), rows, host.target)
    assert len(chosen) > 1000, "there is more than one batch"
    part = HostPlan("mx3", "SHA256:x", chosen)
    plan = Plan(action("retry"), Order(by=operator()), (part,), 1.0)
    result = await carry_out(plan, part, cast(Link, host), journal, stop=lambda: True)
    assert result.stopped
    assert host.acted == ["retry"]
    assert left_open(journal) == 0
    (entry,) = page(journal, NOW).entries
    assert entry.ended
    assert {f"{outcome}/{code}": count for outcome, code, count in entry.came} == {
        "done/requested": 10,
        "skipped/timeout": len(chosen) - 10,
    }
    assert replace(result, outcomes=()).journal_id == entry.id
