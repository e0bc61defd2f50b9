"""The table of actions, who is chosen and who left out, batches, what must be typed, and what a plan card counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtui.actions import (
    ACTIONS,
    BATCH,
    CANARY,
    MANY,
    TYPED_FROM,
    VALID,
    Chosen,
    Danger,
    HostPlan,
    Plan,
    action,
    batches,
    choose,
    counts,
    refused,
    summary,
)
from mailtui.model import (
    CAPABILITIES,
    Capability,
    Code,
    ItemOutcome,
    Order,
    Outcome,
    QueueRow,
    QueueState,
    Target,
)
from tests.unit.cli_world import message
from tests.unit.cli_world import row as listed

DENIED = Capability("delete", False, "sudo asks for a password", "mailtui sudoers h --delete")


def row(number: int, state: QueueState = QueueState.DEFERRED, **changes: Any) -> QueueRow:
    return listed(message("h", number, state=state))._replace(**changes)


def target(row: QueueRow) -> Target:
    return Target(row.key, row.id, row.queue, row.directory, row.state.value, b"print of " + row.id.encode())


def chosen(count: int) -> tuple[Chosen, ...]:
    return tuple(Chosen(each, target(each)) for each in (row(number) for number in range(count)))


def plan(name: str, *hosts: HostPlan) -> Plan:
    return Plan(action(name), Order(), hosts, 100.0)


def host(count: int, name: str = "mx1", **more: Any) -> HostPlan:
    return HostPlan(name, "SHA256:x", chosen(count), **more)


# --- the table


def test_every_action_has_its_own_key_and_a_capability_that_logins_have() -> None:
    assert [each.id for each in ACTIONS] == ["retry", "live-retry", "flush", "hold", "release", "delete", "bounce"]
    keys = [key for each in ACTIONS for key in each.key.split(",")]
    assert len(keys) == len(set(keys))
    assert {each.capability for each in ACTIONS} <= set(CAPABILITIES)
    assert all(each.help.endswith(".") and each.title for each in ACTIONS)


def test_what_can_lose_mail_is_known_as_such() -> None:
    assert {each.id: each.danger for each in ACTIONS if each.danger is not Danger.REVERSIBLE} == {
        "delete": Danger.UNDOABLE,
        "bounce": Danger.IRREVERSIBLE,
    }
    assert {each.id for each in ACTIONS if each.whole} == {"delete", "bounce"}
    assert [each.id for each in ACTIONS if not each.of_messages] == ["flush"]


def test_an_unknown_action_is_no_action() -> None:
    assert action("hold").title == "Hold"
    with pytest.raises(KeyError, match="nuke"):
        action("nuke")


def test_a_right_that_is_not_known_is_none() -> None:
    spec = action("delete")
    assert refused(spec, [Capability("delete", True)]) is None
    assert refused(spec, [Capability("hold", True), DENIED]) is DENIED
    unknown = refused(spec, [Capability("hold", True)])
    assert unknown is not None
    assert (unknown.allowed, unknown.name, bool(unknown.why), bool(unknown.cure)) == (False, "delete", True, True)


# --- who is chosen

WAITING = {QueueState.QUEUED, QueueState.DEFERRED, QueueState.ACTIVE}


@pytest.mark.parametrize(
    ("verb", "acted", "already", "code"),
    [
        ("retry", WAITING, set(), None),
        ("hold", WAITING, {QueueState.HELD}, Code.HELD),
        ("release", {QueueState.HELD}, WAITING, Code.RELEASED),
        ("delete", set(QueueState), set(), None),
        ("bounce", WAITING, set(), None),
    ],
)
@pytest.mark.parametrize("state", list(QueueState))
def test_each_state_is_acted_on_is_so_already_or_is_left_alone(
    verb: str, acted: set[QueueState], already: set[QueueState], code: Code | None, state: QueueState
) -> None:
    found, left = choose(action(verb), [row(1, state)], target)
    if state in acted:
        assert ([each.row.id for each in found], left) == ([row(1).id], ())
        return
    assert found == ()
    (outcome,) = left
    assert (outcome.key, outcome.id, bool(outcome.detail)) == (row(1).key, row(1).id, True)
    expected = (Outcome.DONE, code) if state in already else (Outcome.SKIPPED, Code.CHANGED)
    assert (outcome.outcome, outcome.code) == expected


def test_a_cure_stands_with_what_is_left_alone() -> None:
    _, (held,) = choose(action("retry"), [row(1, QueueState.HELD)], target)
    _, (lost,) = choose(action("release"), [row(1, QueueState.LOST)], target)
    assert held.detail == "it is held: release it first"
    assert lost.detail == "it is lost: its files are damaged: it can only be deleted"


@pytest.mark.parametrize(("verb", "left_out"), [("delete", True), ("bounce", True), ("hold", False), ("retry", False)])
def test_a_message_with_other_recipients_is_left_alone_where_it_would_be_lost_to_them(
    verb: str, left_out: bool
) -> None:
    rows = [row(1), row(2)]
    found, left = choose(action(verb), rows, target, outside=lambda each: 3 if each.id == rows[1].id else 0)
    if left_out:
        assert [each.row.id for each in found] == [rows[0].id]
        assert [(each.id, each.outcome, each.code) for each in left] == [
            (rows[1].id, Outcome.SKIPPED, Code.OUTSIDE_FILTER)
        ]
        assert left[0].detail.startswith("3 of its recipients")
    else:
        assert ([each.outside for each in found], left) == ([0, 3], ())
    found, left = choose(action(verb), rows, target, outside=lambda each: 3, whole=True)
    assert ([each.outside for each in found], left) == ([3, 3], ())


@pytest.mark.parametrize("sender", [b"", None])
def test_what_has_no_sender_is_not_bounced(sender: bytes | None) -> None:
    found, left = choose(action("bounce"), [row(1, sender=sender)], target)
    assert (found, [(each.outcome, each.code) for each in left]) == ((), [(Outcome.SKIPPED, Code.DENIED)])
    assert len(choose(action("delete"), [row(1, sender=sender)], target)[0]) == 1


@pytest.mark.parametrize("verb", [each.id for each in ACTIONS if each.of_messages])
def test_without_a_fingerprint_nothing_is_done(verb: str) -> None:
    state = QueueState.HELD if verb == "release" else QueueState.DEFERRED

    def blind(row: QueueRow) -> Target:
        return Target(row.key, row.id, row.queue, row.directory, row.state.value, b"")

    found, left = choose(action(verb), [row(1, state)], blind)
    assert (found, [(each.outcome, each.code) for each in left]) == ((), [(Outcome.FAILED, Code.DENIED)])


def test_a_lifetime_counts_from_arrival() -> None:
    rows = [row(1, arrived_at=1000.0), row(2, arrived_at=None)]
    found, _ = choose(
        action("release"), [each._replace(state=QueueState.HELD) for each in rows], target, lifetime=500.0
    )
    assert [each.expires_at for each in found] == [1500.0, None]
    found, _ = choose(action("delete"), rows, target, ours=lambda each: each.id == rows[0].id)
    assert [(each.expires_at, each.ours) for each in found] == [(None, True), (None, False)]


@given(st.lists(st.sampled_from(list(QueueState)), max_size=20), st.sampled_from(ACTIONS))
def test_every_row_is_chosen_or_left_out_once(states: Sequence[QueueState], spec: Any) -> None:
    rows = [row(number, state) for number, state in enumerate(states)]
    found, left = choose(spec, rows, target)
    assert sorted([*(each.target.key for each in found), *(each.key for each in left)]) == sorted(
        each.key for each in rows
    )


# --- plans


def test_a_plan_is_valid_for_a_minute() -> None:
    made = plan("hold", host(1))
    assert not made.expired(100.0 + VALID)
    assert made.expired(100.1 + VALID)


@pytest.mark.parametrize(
    ("verb", "count", "typed"),
    [
        ("retry", 5000, ""),
        ("hold", 5000, ""),
        ("release", 5000, ""),
        ("delete", TYPED_FROM - 1, ""),
        ("delete", TYPED_FROM, "mx1 101"),
        ("bounce", 1, "mx1 1"),
    ],
)
def test_what_must_be_typed(verb: str, count: int, typed: str) -> None:
    assert plan(verb, host(count)).typed == typed


def test_all_hosts_count_for_what_must_be_typed_but_not_those_that_refuse() -> None:
    half = TYPED_FROM // 2
    assert plan("delete", host(half), host(half, "mx2")).typed == ""
    assert plan("delete", host(half), host(half + 1, "mx2")).typed == "2 hosts 101"
    both = plan("delete", host(TYPED_FROM), host(7, "mx2", refused=DENIED))
    assert (both.count, both.typed) == (101, "mx1 101")
    assert plan("flush", HostPlan("mx1", "", ()), HostPlan("mx2", "", ())).typed == ""


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (1, [1]),
        (BATCH, [BATCH]),
        (BATCH + 1, [BATCH, 1]),
        (MANY, [BATCH, BATCH]),
        (MANY + 1, [CANARY, BATCH, MANY + 1 - BATCH - CANARY]),
    ],
)
def test_batches_begin_with_a_few_where_there_are_many(count: int, sizes: list[int]) -> None:
    everything = chosen(count)
    cut = batches(everything)
    assert [len(each) for each in cut] == sizes
    assert [each for batch in cut for each in batch] == list(everything)


def test_batches_are_as_big_as_asked() -> None:
    assert [len(each) for each in batches(chosen(7), size=3)] == [3, 3, 1]


def test_a_card_counts_what_will_be_done_alone() -> None:
    rows = [
        row(1, sender=b"a@x", size=10, arrived_at=50.0, domains=(b"one", b"two")),
        row(2, sender=b"a@x", size=None, arrived_at=None, domains=(b"two",)),
        row(3, sender=None, size=5, arrived_at=20.0, domains=()),
        row(4, sender=b"b@x", size=1, arrived_at=30.0, domains=(b"three",)),
    ]
    left = ItemOutcome("k", "i", Outcome.SKIPPED, Code.OUTSIDE_FILTER)
    done = ItemOutcome("l", "j", Outcome.DONE, Code.HELD)
    seen = tuple(Chosen(each, target(each), outside=number, ours=number != 1) for number, each in enumerate(rows))
    made = plan("delete", HostPlan("mx1", "", seen, (left, done)), host(9, "mx2", refused=DENIED))
    card = summary(made)
    assert (card.messages, card.hosts, card.size, card.oldest) == (4, 1, 16, 20.0)
    assert card.senders[0] == (b"a@x", 2)
    assert (card.sender_count, card.domain_count, len(card.samples)) == (3, 3, 3)
    assert (card.outside_messages, card.strangers) == (1, 1)


def test_a_card_of_nothing_is_empty() -> None:
    card = summary(plan("delete", HostPlan("mx1", "", ())))
    assert (card.messages, card.size, card.oldest, card.senders, card.samples) == (0, 0, None, (), ())


def test_all_four_outcomes_are_counted() -> None:
    outcomes = [ItemOutcome(str(number), "i", Outcome.FAILED, Code.DENIED) for number in range(2)]
    assert counts(outcomes) == {"done": 0, "skipped": 0, "failed": 2, "unknown": 0}
