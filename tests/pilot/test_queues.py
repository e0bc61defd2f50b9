"""The queues of all hosts as one list, and one plan over several hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailtui.model import Code, Outcome, QueueListing, QueueState, host_of
from mailtui.screens.groups import GroupsScreen
from mailtui.screens.message import MessageScreen
from mailtui.screens.plan import PlanScreen
from mailtui.screens.queues import AllQueuesScreen
from mailtui.store import QueueRead, QueuesTable, QueueTable, View
from tests.pilot import world
from tests.pilot.acting_world import Scene, kept, scene


def listing(host: str, count: int) -> QueueListing:
    return QueueListing(world.NOW, True, (), tuple(world.rows(host, count)))


async def all_queues(at: Scene, count: int = 8) -> AllQueuesScreen:
    """Show the queues of mx1 and mx3 together; mx7 has no link."""
    at.app.store.apply(QueueRead("mx1", world.NOW, listing("mx1", count)))
    await at.press("Q")
    screen = at.app.screen
    assert isinstance(screen, AllQueuesScreen), at.text
    await at.until(lambda: len(screen.queue.table.source) >= count + 40)
    return screen


async def confirm(at: Scene) -> None:
    at.time.go(1.1)
    await at.press("y")


def test_tables_together_give_every_row_in_one_order() -> None:
    tables = {host: QueueTable.build(listing(host, 7)) for host in ("mx1", "mx3")}
    both = QueuesTable(tables)
    assert len(both) == 14
    assert {*both.by_key} == {key for table in tables.values() for key in table.by_key}
    for sort in ("age", "size", "from", "host", "reason"):
        for down in (True, False):
            rows = both.rows(View(sort, down))
            assert {row.key for row in rows} == {*both.by_key}
            assert rows == QueueTable.build(
                QueueListing(world.NOW, True, (), tuple(row for host in tables for row in world.rows(host, 7)))
            ).rows(View(sort, down))
    assert {host_of(row.key) for row in both.rows(View(where=lambda row: row.key.startswith("mx1:")))} == {"mx1"}
    assert "nowhere:q:1" not in both.by_key


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_all_queues_are_one_list_and_say_what_is_missing(tmp_path: Path, size: tuple[int, int]) -> None:
    async with scene(tmp_path, size=size) as at:
        screen = await all_queues(at)
        assert screen.queue.table.shown_columns[0].id == "host"
        assert "Queues of 3 hosts: 48 messages" in at.text
        assert "NOT READ mx7" in at.text
        await at.press("slash", *"host=mx1", "enter")
        await at.until(lambda: "8 shown of 48" in at.text)
        await at.press("enter")
        assert isinstance(at.app.screen, MessageScreen)
        assert at.app.screen.host == "mx1"


async def test_the_filter_of_a_host_comes_along(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.press("slash", *"domain=dest3.test", "enter")
        await at.press("Q")
        assert isinstance(at.app.screen, AllQueuesScreen)
        assert at.app.screen.queue.filter_text == "domain=dest3.test"


async def test_one_plan_over_two_hosts_holds_on_both_and_tells_once(tmp_path: Path) -> None:
    async with scene(tmp_path, size=(140, 50)) as at:
        screen = await all_queues(at)
        await at.press("slash", *"state=deferred", "enter", "a")
        rows = [screen.queue._rows[key] for key in screen.queue.marked]
        wanted = {host: sum(host_of(row.key) == host for row in rows) for host in ("mx1", "mx3")}
        assert all(wanted.values())
        await at.press("o")
        assert isinstance(at.app.screen, PlanScreen), at.text
        assert f"Hold {len(rows)} messages on 2 hosts" in at.text
        assert f"mx3 {wanted['mx3']}, mx1 {wanted['mx1']}" in at.text
        assert "confirming arms mx1, mx3" in at.text
        await confirm(at)
        await at.told(f"Hold on 2 hosts: held {len(rows)}")
        for host, count in wanted.items():
            link = at.fleet.links[host]
            assert [verb for verb, _ in link.asked] == ["hold"]
            assert sum(len(keys) for _, keys in link.asked) == count
            assert all(host_of(key) == host for _, keys in link.asked for key in keys)
        assert not screen.queue.marked
        assert sum("Hold on" in each.message for each in at.app._notifications) == 1


async def test_a_host_that_takes_no_part_is_named_and_stops_no_other(tmp_path: Path) -> None:
    async with scene(tmp_path, size=(140, 50), mode="read-write") as at:
        await all_queues(at)
        del at.fleet.links["mx1"]
        await at.press("a", "r")
        assert "mx1 (8 messages): there is no link to it now" in at.text
        await confirm(at)
        await at.until(lambda: bool(at.link.asked))
        assert {host_of(key) for _, keys in at.link.asked for key in keys} == {"mx3"}


async def test_one_host_that_fails_is_told_beside_the_others(tmp_path: Path) -> None:
    async with scene(tmp_path, size=(140, 50), mode="read-write") as at:
        screen = await all_queues(at)
        bad = next(row for row in screen.queue._rows.values() if host_of(row.key) == "mx1" and row.state == "deferred")
        at.fleet.links["mx1"].instead[bad.key] = (Outcome.SKIPPED, Code.CHANGED)
        await at.press("slash", *"state=deferred", "enter", "a", "o")
        await confirm(at)
        await at.until(lambda: "Hold on 2 hosts: held" in at.toasts)
        assert "skipped 1" in at.toasts


async def test_flush_of_all_hosts_is_one_plan(tmp_path: Path) -> None:
    async with scene(tmp_path, size=(140, 50), mode="read-write") as at:
        await all_queues(at)
        await at.press("f")
        assert "Flush queue of 2 hosts" in at.text
        assert "mx7: " in at.text
        await confirm(at)
        await at.told("Flush queue on 2 hosts: asked for")
        assert [link.asked for link in at.fleet.links.values()] == [[("flush", ())]] * 2


async def test_a_delete_on_two_hosts_is_undone_on_both_at_once(tmp_path: Path) -> None:
    async with scene(tmp_path, size=(140, 50), mode="read-write") as at:
        screen = await all_queues(at)
        one = [
            next(
                row.key
                for row in screen.queue._rows.values()
                if host_of(row.key) == host and row.state is QueueState.DEFERRED
            )
            for host in ("mx1", "mx3")
        ]
        screen.queue.set_marked(one)
        await at.press("d")
        await confirm(at)
        await at.told("Delete on 2 hosts: deleted 2")
        (undo_id,) = {order.undo_id for link in at.fleet.links.values() for order in link.orders}
        for host, link in at.fleet.links.items():
            link.sets = [kept(host, undo_id, ("kept",))]
        await at.press("u")
        assert "bring back 2 messages on 2 hosts" in at.text
        await confirm(at)
        await at.told("Undo on 2 hosts: brought back 2")
        assert [[each[0] for each in link.undone] for link in at.fleet.links.values()] == [[undo_id]] * 2


async def test_live_retry_watches_one_host(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        screen = await all_queues(at)
        screen.queue.set_marked(
            [next(key for key in screen.queue._rows if host_of(key) == host) for host in ("mx1", "mx3")]
        )
        await at.press("R")
        await at.told("watches one host at a time")


async def test_groups_count_over_hosts_and_by_host(tmp_path: Path) -> None:
    async with scene(tmp_path, size=(140, 50)) as at:
        await all_queues(at)
        await at.press("b")
        assert isinstance(at.app.screen, GroupsScreen)
        await at.until(lambda: "48 messages" in at.text)
        await at.press(*("b",) * 6)
        await at.until(lambda: "by host: 2 groups" in at.text)
        await at.press("j", "enter")
        assert isinstance(at.app.screen, AllQueuesScreen)
        await at.until(lambda: "8 shown of 48" in at.text)
