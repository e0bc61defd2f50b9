"""A fleet whose links do as they are told: what acting is tested with, over the real execution and a real journal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, cast

from textual.pilot import Pilot

from mailtui.app import Console, ConsoleOptions
from mailtui.clock import Clock
from mailtui.config import Host
from mailtui.errors import HostError, Refused
from mailtui.fleet import Fleet
from mailtui.journal import Journal
from mailtui.model import (
    CAPABILITIES,
    Acted,
    Capability,
    Code,
    Identity,
    ItemOutcome,
    KeptMessage,
    Message,
    Order,
    Outcome,
    QueueListing,
    QueueRow,
    QueueState,
    RemoteCommand,
    Spoken,
    Target,
    UndoSet,
)
from mailtui.mta.contract import QueueReading, Read
from mailtui.session import Link
from mailtui.store import HostFound, Store, View
from mailtui.transport.gate import Gate
from mailtui.widgets.virtual_table import VirtualTable
from tests.pilot import world

DONE = {
    "retry": Code.REQUESTED,
    "live-retry": Code.DELIVERED,
    "hold": Code.HELD,
    "release": Code.RELEASED,
    "delete": Code.MOVED,
    "bounce": Code.BOUNCED,
}


class Time:
    """A clock that goes on when told to."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.clock = Clock(
            wall=lambda: world.NOW + self.now - 1000.0, monotonic=lambda: self.now, boottime=lambda: self.now
        )

    def go(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class ActingLink:
    """A link to a host that does what it is asked, and remembers it."""

    gate: Gate
    clock: Clock
    store: Store
    host: str
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    instead: dict[str, tuple[Outcome, Code]] = field(default_factory=dict)
    """Outcomes of messages that are not as wanted."""
    fails: HostError | None = None
    waits: asyncio.Event | None = None
    dialogue: Sequence[Spoken] = ()
    """What is said where a retry is watched."""
    sets: list[UndoSet] = field(default_factory=list)
    undone: list[tuple[str, Order]] = field(default_factory=list)
    word: str = "6AM"
    host_key: str = "SHA256:abc"
    identity: Identity = field(default_factory=lambda: Identity("sendmail", "8.17.1", ("mta",), 0.0, "oncall"))

    def target(self, row: QueueRow) -> Target:
        return Target(row.key, row.id, row.queue, row.directory, row.state.value, row.identity.encode())

    def decode(self, row: QueueRow) -> Message:
        return self.store.decode(self.host, row)

    def commands(self, verb: str, targets: Sequence[Target], order: Order) -> tuple[RemoteCommand, ...]:
        why = (f"-Q{order.reason}",) if order.reason else ()
        return (RemoteCommand(("sendmail", f"-{verb}", self.word, *why), "\n".join(each.id for each in targets)),)

    def _pass(self) -> None:
        if self.gate.read_only:
            raise Refused("read-only", "arm it")

    async def act(self, verb: str, targets: Sequence[Target], order: Order) -> Acted:
        self._pass()
        self.asked.append((verb, tuple(each.key for each in targets)))
        self.orders.append(order)
        if self.waits is not None:
            await self.waits.wait()
        if self.fails is not None:
            raise self.fails
        if not targets:
            return Acted(requested=True)
        good = (Outcome.DONE, DONE[verb])
        return Acted(tuple(ItemOutcome(each.key, each.id, *self.instead.get(each.key, good)) for each in targets))

    async def live(
        self, targets: Sequence[Target], order: Order, heard: Callable[[Spoken], None], left: asyncio.Event
    ) -> Acted:
        """Say what stands in `dialogue`, then wait for `waits` or for `left`."""
        self._pass()
        self.asked.append(("live-retry", tuple(each.key for each in targets)))
        self.orders.append(order)
        for line in self.dialogue:
            heard(line)
        while self.waits is not None and not self.waits.is_set() and not left.is_set():
            await asyncio.sleep(0.01)
        if self.fails is not None:
            raise self.fails
        good = (Outcome.DONE, Code.REQUESTED if left.is_set() else DONE["live-retry"])
        return Acted(tuple(ItemOutcome(each.key, each.id, *self.instead.get(each.key, good)) for each in targets))

    async def undo_sets(self) -> tuple[UndoSet, ...]:
        return tuple(self.sets)

    async def undo(self, kept: UndoSet, order: Order) -> Acted:
        self._pass()
        self.undone.append((kept.undo_id, order))
        return Acted(tuple(ItemOutcome(each.key, each.id, Outcome.DONE, Code.RESTORED) for each in kept.messages))

    async def find_logs(self) -> Read[tuple[str, ...]]:
        raise Refused("no mail log that the login may read")

    async def queue(self, known: object = None) -> QueueReading:
        rows = tuple(self.store.host(self.host).table.by_key.values())
        return QueueReading(QueueListing(self.clock.wall(), True, (), rows))


class StillFleet(Fleet):
    """Runs what it is given, but connects to nothing."""

    links: dict[str, ActingLink]

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    def link(self, host: str) -> Link | None:
        return cast("Link | None", self.links.get(host))


def allow(store: Store, host: str, *refused: str) -> None:
    """Let the login do everything but these."""
    rights = tuple(
        Capability(name, name not in refused, f"no sudo for {name}", f"mailtui sudoers {host} --for {name}")
        for name in CAPABILITIES
    )
    identity = store.host(host).identity
    assert identity is not None
    store.apply(HostFound(host, world.NOW, identity, rights))


@dataclass
class Scene:
    """Everything that a test of acting looks at."""

    app: Console
    pilot: Pilot[None]
    time: Time
    fleet: StillFleet
    journal: Journal

    @property
    def link(self) -> ActingLink:
        return self.fleet.links["mx3"]

    async def press(self, *keys: str) -> None:
        """Press keys, each long after the one before."""
        for key in keys:
            self.time.go(0.6)
            await self.pilot.press(key)
            await settle(self.pilot)

    async def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end, f"not within a minute:\n{self.text}\n{self.toasts}"
            await self.pilot.pause(0.02)

    async def told(self, words: str) -> None:
        """Wait until a toast says so."""
        await self.until(lambda: words in self.toasts)

    @property
    def text(self) -> str:
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    @property
    def toasts(self) -> str:
        return "\n".join(each.message for each in self.app._notifications)


async def settle(pilot: Pilot[None]) -> None:
    """Wait until workers have ended and everything is painted."""
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    await pilot.pause()


@asynccontextmanager
async def scene(
    folder: Path,
    *,
    count: int = 40,
    hostile: bool = False,
    mode: str = "ask",
    size: tuple[int, int] = (120, 40),
    **options: Any,
) -> AsyncIterator[Scene]:
    """Run the console on mx3's queue."""
    time = Time()
    _, store = world.made(count, hostile)
    hosts = [Host(name=name, mode=mode) for name in ("mx1", "mx3", "mx7")]
    journal = Journal(folder / "journal", time.clock)
    fleet = StillFleet(hosts, store, time.clock, journal)
    fleet.links = {name: ActingLink(fleet.gate(name), time.clock, store, name) for name in ("mx1", "mx3")}
    for name in fleet.links:
        allow(store, name)
    async with fleet:
        app = Console(fleet, ConsoleOptions(**options), clock=time.clock)
        async with app.run_test(size=size) as pilot:
            await settle(pilot)
            app.open_host("mx3")
            await settle(pilot)
            table = app.screen.query_one("#queue-table", VirtualTable)
            rows = store.host("mx3").table.rows(View())
            table.move_to_key(next(row.key for row in rows if row.state is QueueState.DEFERRED))
            yield Scene(app, pilot, time, fleet, journal)


def kept(host: str = "mx3", undo_id: str = "u-1", states: Sequence[str] = ("kept", "kept"), **values: Any) -> UndoSet:
    """What a delete set aside."""
    messages = tuple(
        KeptMessage(f"{host}:/q:6AX{n:011d}", f"6AX{n:011d}", state, b"user%d@sender.test" % n, world.NOW + 3600)
        for n, state in enumerate(states)
    )
    told = {"at": world.NOW - 60, "by": "anna@desk", "until": world.NOW + 6 * 86400, "reason": "spam run", **values}
    return UndoSet(undo_id, host, messages=messages, **told)
