"""The console's own keys on two real hosts: what is marked by hand, by range, by filter and by group is what the hosts change."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from mailtui.actions import ACTIONS
from mailtui.app import Console, ConsoleOptions
from mailtui.config import load
from mailtui.fleet import Fleet
from mailtui.journal import Journal
from mailtui.keys import KEYS
from mailtui.palette import KeyCommands
from mailtui.panes.queue import QueuePane
from mailtui.procedure import Request
from mailtui.screens.base import MailScreen
from mailtui.screens.groups import GroupsPane, GroupsScreen
from mailtui.screens.host import HostScreen
from mailtui.screens.journal import JournalScreen
from mailtui.screens.message import MessageScreen
from mailtui.screens.overview import OverviewScreen
from mailtui.screens.plan import PlanScreen, Typed
from mailtui.screens.undo import UndoScreen
from mailtui.store import View
from mailtui.transport.gate import Gate
from mailtui.widgets.virtual_table import VirtualTable
from tests.lab.harness import Lab
from tests.lab.test_truth_act import sink
from tests.lab.test_truth_act_commands import changing, inject, states, tried

pytestmark = pytest.mark.timeout(300, func_only=True)

PAIR = ("sm1-root", "sm2")
MACHINE = {"sm1-root": "sm1", "sm2": "sm2"}
COUNT = 50


@pytest.fixture(scope="module", autouse=True)
def fresh(lab: Lab) -> Iterator[None]:
    lab.restart("sm1", "sm2")
    yield
    lab.restart("sm1", "sm2")


class At:
    """A person at the console."""

    def __init__(self, app: Console, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    async def until(self, condition: Callable[[], bool], what: str = "") -> None:
        async with asyncio.timeout(90):
            try:
                while not condition():
                    await self.pilot.pause(0.05)
            except asyncio.CancelledError:
                print(f"waiting for {what}:\n{self.text}\n{self.toasts}")
                raise

    @property
    def text(self) -> str:
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    @property
    def toasts(self) -> list[str]:
        return [each.message for each in self.app._notifications]

    @property
    def queue(self) -> QueuePane:
        assert isinstance(self.app.screen, HostScreen), self.text
        return self.app.screen.queue

    def rows(self, host: str, name: str, state: str) -> int:
        """How many of these messages the console knows in a state."""
        table = self.app.store.host(host).table.rows(View())
        return sum(row.state.value == state and name.encode() in row.raw for row in table)

    def all_in(self, host: str, name: str, state: str) -> bool:
        return self.rows(host, name, state) == COUNT

    async def open(self, host: str, name: str, state: str = "deferred") -> None:
        """Open a host, its queue filtered by the messages' name, once all of them are on show."""
        if getattr(self.app.screen, "host", None) != host:
            self.app.open_host(host)
        await self.until(lambda: getattr(self.app.screen, "host", None) == host, host)
        await self.until(lambda: bool(self.app.screen.query(QueuePane)), "its panes")
        await self.until(partial(self.all_in, host, name, state), f"{COUNT} {state} on {host}")
        if not self.queue.filter_text:
            await self.pilot.press("slash", *f"to:{name}", "enter")
        await self.until(lambda: len(self.queue.table.source) == COUNT, "the filter")

    async def act(self, key: str, toast: str) -> None:
        """Press an action's key and confirm its plan as it asks for; wait until it has told what came of it."""
        self.app.clear_notifications()

        async def planned() -> None:
            while not isinstance(self.app.screen, PlanScreen):
                await self.pilot.press(key)  # a list that moved just now wants the key again
                for _ in range(20):
                    await self.pilot.pause(0.05)
                    if isinstance(self.app.screen, PlanScreen):
                        break

        async with asyncio.timeout(60):
            await planned()
        plan = self.app.screen
        assert isinstance(plan, PlanScreen)
        assert f"{COUNT} messages" in self.text, self.text
        await self.until(lambda: not plan.dead, "the dead time")
        if plan.card.typed:
            plan.query_one(Typed).focus()
            for char in plan.card.typed:
                await self.pilot.press(char)
                await self.pilot.pause(0.05)
            assert plan.query_one("#plan-typed", Input).value == plan.card.typed
            await self.pilot.press("enter")
        else:
            await self.pilot.press("y")
        await self.until(lambda: any(toast in each for each in self.toasts), toast)


@asynccontextmanager
async def console(lab: Lab, folder: Path) -> AsyncIterator[At]:
    hosts = [each for each in load(lab.all_config_path).hosts if each.name in PAIR]
    async with Fleet(hosts, journal=Journal(folder / "journal")) as fleet:
        app = Console(fleet, ConsoleOptions())
        async with app.run_test(size=(180, 50)) as pilot:
            yield At(app, pilot)


def control_files(lab: Lab, host: str, ids: list[str]) -> set[str]:
    """The first letters of the control files that these messages have on the host."""
    paths = lab.queue_files(MACHINE[host], "qhQ")
    found = {path.rpartition("/")[2][2:]: path.rpartition("/")[2][0] for path in paths}
    assert set(ids) <= set(found), "a message is nowhere"
    return {found[each] for each in ids}


def gone(lab: Lab, host: str, ids: list[str]) -> bool:
    left = str(lab.queue_files(MACHINE[host], "qhQ"))
    return not any(each in left for each in ids)


async def mark_all(at: At) -> None:
    await at.pilot.press("a")
    await at.until(lambda: len(at.queue.marked) == COUNT, "the marks")


async def mark_by_range(at: At) -> None:
    at.queue.table.action_first()
    await at.pilot.press("space")
    at.queue.table.action_last()
    await at.pilot.press("V")
    await at.until(lambda: len(at.queue.marked) == COUNT, "the range")


async def open_group(at: At, value: bytes) -> None:
    """Count by something until one group holds them all, and put the cursor there."""
    await at.pilot.press("b")
    await at.until(lambda: isinstance(at.app.screen, GroupsScreen), "the groups")
    table = at.app.screen.query_one(GroupsPane).query_one(VirtualTable)
    for _ in range(8):
        await at.until(lambda: len(table.source) > 0 and "counting" not in at.text, "the counts")
        if table.move_to_key(value):
            return
        await at.pilot.press("b")
        await at.pilot.pause(0.2)
    raise AssertionError(at.text)


async def test_hold_release_delete_undo_and_retry_by_keys(lab: Lab, tmp_path: Path) -> None:
    """Held by marks of a filter, released by group, deleted by range, brought back by `u`, retried by group: over both hosts."""
    name = f"keys{time.time_ns()}x"
    ids = await asyncio.to_thread(inject, lab, COUNT, name, "grey60.test")
    of = {host: ids[MACHINE[host]] for host in PAIR}
    async with console(lab, tmp_path) as at:
        for host in PAIR:
            await at.open(host, name)
            await mark_all(at)
            await at.act("o", f"held {COUNT}")
            assert control_files(lab, host, of[host]) == {"h"}, host
            await at.until(partial(at.all_in, host, name, "held"), "held on screen")

            await at.pilot.press("A")
            await open_group(at, b"grey60.test")
            await at.act("O", f"released {COUNT}")
            assert control_files(lab, host, of[host]) == {"q"}, host
            await at.pilot.press("escape")
            await at.open(host, name)

            before = await asyncio.to_thread(states, lab, MACHINE[host], of[host])
            await mark_by_range(at)
            await at.act("d", f"deleted {COUNT}")
            assert await asyncio.to_thread(states, lab, MACHINE[host], of[host]) == []
            await at.act("u", f"brought back {COUNT}")
            assert await asyncio.to_thread(states, lab, MACHINE[host], of[host]) == before

        await asyncio.to_thread(lab.exec, "sink", "touch /run/sink-accept-all")
        try:
            for host in PAIR:
                await at.open(host, name)
                await open_group(at, b"grey60.test")
                await at.act("r", "Retry on")
                await at.pilot.press("escape")
            for host in PAIR:
                await at.until(partial(gone, lab, host, of[host]), "delivered")
        finally:
            await asyncio.to_thread(lab.exec, "sink", "rm -f /run/sink-accept-all")
    for number in range(COUNT):
        accepted = sink(lab, f"{name}{number}@")
        assert len(accepted) == len(PAIR), (number, "each host's message once")


@dataclass
class Place:
    """A screen to press keys on, and how one comes there from the overview."""

    screen: type[Screen[None]]
    way: tuple[str, ...]


PLACES = (
    Place(OverviewScreen, ()),
    Place(HostScreen, ("1", "enter", "1", "a")),
    Place(GroupsScreen, ("1", "enter", "1", "b")),
    Place(MessageScreen, ("1", "enter", "1", "enter")),
    Place(UndoScreen, ("U",)),
    Place(JournalScreen, ("J",)),
)
ALL_KEYS = frozenset(key for row in KEYS for key in row.keys.split(",")) - {"q", "ctrl+q"}
ACTION_KEYS = frozenset(key for each in ACTIONS for key in each.key.split(","))


async def go(at: At, place: Place) -> None:
    """Come to a place again, wherever the last key led."""
    while not isinstance(at.app.screen, MailScreen) or isinstance(at.app.focused, Input):
        await at.pilot.press("escape")
        await at.pilot.pause(0.05)
    if type(at.app.screen) is place.screen:
        return
    at.app.action_overview()
    await at.until(lambda: type(at.app.screen) is OverviewScreen, "the overview")
    for key in place.way:
        await at.pilot.press(key)
        await at.pilot.pause(0.1)
    await at.until(lambda: type(at.app.screen) is place.screen, f"{place.screen.__name__}")


def offered(app: Console) -> dict[str, Callable[[], object]]:
    """What the palette offers here, by title."""
    return {title: run for title, _, run in KeyCommands(app.screen).commands()}


@pytest.mark.timeout(600, func_only=True)
async def test_a_read_only_console_sends_nothing_that_changes(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every key and every entry of the palette on every screen: no plan opens, and no request that changes passes."""
    name = f"ro{time.time_ns()}x"
    ids = [await asyncio.to_thread(lab.inject, "sm1", f"f{n}@sm1.lab.test", f"{name}{n}@full.test") for n in range(3)]
    await asyncio.to_thread(lab.wait, partial(tried, lab, "sm1", ids), 60, "tried")
    before, ran = await asyncio.to_thread(states, lab, "sm1", ids), await asyncio.to_thread(changing, lab)
    admit, passed, told = Gate.admit, Counter[bool](), False

    def admitted(gate: Gate, request: Request) -> None:
        admit(gate, request)
        passed[request.script.changes] += 1

    monkeypatch.setattr(Gate, "admit", admitted)
    tried_out, titles = set[str](), (*(each.title for each in ACTIONS), "Undo")
    hosts = [replace(each, mode="read-only") for each in load(lab.all_config_path).hosts if each.name == "sm1-root"]
    async with Fleet(hosts, journal=Journal(tmp_path / "journal")) as fleet:
        app = Console(fleet, ConsoleOptions(read_only=True))
        async with app.run_test(size=(100, 30)) as pilot:
            at = At(app, pilot)
            await at.until(lambda: at.rows("sm1-root", name, "deferred") == 3, "the queue")
            for place in PLACES:
                await go(at, place)
                for key in sorted(ACTION_KEYS | ALL_KEYS & app.screen.active_bindings.keys()):
                    await go(at, place)
                    await pilot.press(key)
                    await pilot.pause()
                    told = told or any("read-only" in each for each in at.toasts)
                    assert not isinstance(app.screen, PlanScreen), (place, key)
                await go(at, place)
                assert offered(app), place
                for entry in offered(app):
                    # what is offered everywhere is the same everywhere; what acts is tried on each screen
                    if entry.startswith("Quit") or (entry in tried_out and not entry.startswith(titles)):
                        continue
                    tried_out.add(entry)
                    await go(at, place)
                    if (run := offered(app).get(entry)) is None:  # the last one led to another pane
                        app.action_overview()
                        await go(at, place)
                        run = offered(app)[entry]
                    done = run()
                    if isinstance(done, Awaitable):
                        await done
                    await pilot.pause()
                    assert not isinstance(app.screen, PlanScreen), (place, entry)
    assert told, "why nothing was done"
    assert (passed[True], passed[False] > 0) == (0, True)
    assert await asyncio.to_thread(states, lab, "sm1", ids) == before
    assert await asyncio.to_thread(changing, lab) == ran
    assert not list(Journal(tmp_path / "journal").records())
