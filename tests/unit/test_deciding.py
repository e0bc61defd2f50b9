"""A retry that was watched: what a listing tells of it afterwards, and how the execution hands it on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from mailtui.actions import Chosen, HostPlan, Plan, action
from mailtui.deciding import decide
from mailtui.execute import execute
from mailtui.journal import Journal
from mailtui.model import Acted, Code, ItemOutcome, Order, Outcome, QueueListing, QueueRow, QueueState, Target
from mailtui.session import Link
from tests.unit.cli_world import NOW, message
from tests.unit.cli_world import row as listed
from tests.unit.test_execute import KEY, FakeLink


def planned(link: FakeLink) -> tuple[Plan, HostPlan]:
    chosen = tuple(Chosen(row, link.target(row)) for row in link.rows.values())
    host = HostPlan("mx1", KEY, chosen)
    return Plan(action("live-retry"), Order(by="anna@desk"), (host,), link.clock.monotonic()), host


def seen(number: int = 1) -> QueueRow:
    return listed(message("mx1", number))._replace(attempts=3, last_attempt_at=NOW - 600, state=QueueState.DEFERRED)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"gone": True}, Code.REQUESTED),
        ({"attempts": 4, "last_attempt_at": NOW, "reason": b"450 later"}, Code.DEFERRED),
        ({}, None),
        ({"attempts": 4, "last_attempt_at": NOW, "state": QueueState.ACTIVE}, None),
        ({"arrived_at": NOW}, None),
    ],
)
def test_the_listing_decides_what_a_lost_link_left_open(change: dict[str, Any], code: Code | None) -> None:
    row = seen()
    link = FakeLink([row])
    _, host = planned(link)
    now = [] if change.pop("gone", False) else [row._replace(**change)]
    unknown = [ItemOutcome(row.key, row.id, Outcome.UNKNOWN, Code.TIMEOUT, "the link was lost in the act")]
    listing = QueueListing(NOW, True, (), tuple(now))
    found = list(decide(host, "live-retry", cast("Link", link), listing, None, unknown))
    assert [(each.outcome, each.code) for each in found] == ([(Outcome.DONE, code)] if code else [])


async def test_the_execution_hands_the_batch_to_what_watches_it_journal_first(tmp_path: Path) -> None:
    link = FakeLink([seen(1), seen(2)])
    plan, host = planned(link)
    journal = Journal(tmp_path, link.clock)
    kinds: list[list[str]] = []

    async def act(targets: Sequence[Target], order: Order) -> Acted:
        kinds.append([each["kind"] for each in journal.records()])
        return Acted(tuple(ItemOutcome(each.key, each.id, Outcome.DONE, Code.DELIVERED) for each in targets))

    result = await execute(plan, host, cast("Link", link), journal, act=act)
    assert {each.code for each in result.outcomes} == {Code.DELIVERED}
    assert kinds == [["intent"]], "one batch, after its intent"
    assert link.asked == []
    records = list(journal.records())
    assert [each["kind"] for each in records] == ["intent", "outcome"]
    assert {each["action"] for each in records} == {"live-retry"}
