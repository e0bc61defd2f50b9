"""The fleet over links that behave as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mailtui.clock import SYSTEM, Clock
from mailtui.config import Host
from mailtui.errors import AuthenticationFailed, HostError, Refused, Unreachable
from mailtui.fleet import CONNECTS_AT_ONCE, Fleet
from mailtui.journal import Journal
from mailtui.model import Capability, Identity, LinkState, LogCursor, QueueListing, Stats
from mailtui.mta.contract import Evidence, KnownQueue, LogBlock, LogGap, QueueReading, Read
from mailtui.store import Store, Topic
from mailtui.transport.gate import Gate
from tests.pilot import world

CURSOR = LogCursor("/log", 1, 2, 3, "hash")


class Health:
    latency = 0.01
    silent = 0.0


class Wire:
    link = Health()


@dataclass
class Script:
    """What a host does: one entry a connection."""

    connects: list[HostError | None] = field(default_factory=list)
    logs_error: HostError | None = None
    bug: bool = False
    no_log: bool = False
    logs: tuple[str, ...] = ("/log",)
    opened: int = 0
    at_once: int = 0
    most: int = 0
    known: list[KnownQueue | None] = field(default_factory=list)
    cursors: list[LogCursor | None] = field(default_factory=list)
    cut: asyncio.Event = field(default_factory=asyncio.Event)
    hold: asyncio.Event | None = None
    missing: tuple[str, ...] = ()


class FakeLink:
    """A link that answers at once."""

    transport = Wire()
    evidence = (Evidence("sendmail -d0.10", b"Version 8.17", 0),)
    identity = Identity("sendmail", "8.17", ("mta",), 0.0, "oncall")

    def __init__(self, script: Script) -> None:
        self.script = script

    async def capabilities(self) -> Read[tuple[Capability, ...]]:
        return Read((Capability("list", True), Capability("undo", True)))

    async def queue(self, known: KnownQueue | None) -> QueueReading:
        if self.script.bug:
            raise ZeroDivisionError("a bug of ours")
        self.script.known.append(known)
        rows = world.rows("h", 3)
        if known is not None:
            assert known.identities[rows[0].key] == rows[0].identity
            assert len(known.identities) == len(list(known.identities)) == 3
            return QueueReading(QueueListing(1.0, not self.script.missing, self.script.missing, (), partial=True))
        return QueueReading(QueueListing(1.0, not self.script.missing, self.script.missing, rows), notes={"/q": "1"})

    async def samples(self, interval: float) -> AsyncGenerator[Read[Stats], None]:
        yield Read(world.stats(), (Evidence("df -Pk /var/spool", b"42", None),))
        await self.script.cut.wait()
        raise Unreachable("cut")

    async def find_logs(self) -> Read[tuple[str, ...]]:
        if self.script.logs_error is not None:
            raise self.script.logs_error
        return Read(() if self.script.no_log else self.script.logs)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Fleet]:
    def make(scripts: dict[str, Script], clock: Clock = SYSTEM, **values: float) -> Fleet:
        @asynccontextmanager
        async def opened(host: Host, clock: Clock, gate: Gate) -> AsyncIterator[FakeLink]:
            script = scripts[host.name]
            script.opened += 1
            everyone = list(scripts.values())
            everyone[0].at_once += 1
            everyone[0].most = max(everyone[0].most, everyone[0].at_once)
            try:
                if script.hold is not None:
                    await script.hold.wait()
                error = script.connects.pop(0) if script.connects else None
                if error is not None:
                    raise error
            finally:
                everyone[0].at_once -= 1
            yield FakeLink(script)

        async def followed(
            link: FakeLink, path: str, cursor: LogCursor | None, last: int
        ) -> AsyncGenerator[LogBlock | LogGap, None]:
            link.script.cursors.append(cursor)
            yield LogBlock(path, 0, b"a line\n", CURSOR, live=False)
            yield LogGap(path, "truncated")
            await link.script.cut.wait()
            raise Unreachable("cut")

        monkeypatch.setattr("mailtui.session.Link.open", opened)
        monkeypatch.setattr("mailtui.fleet.followed", followed)
        refresh = values.get("refresh", 0.01)
        hosts = [
            Host(name=name, refresh=refresh, logs=script.logs[1:] and script.logs) for name, script in scripts.items()
        ]
        return Fleet(hosts, Store(world.Formats(), list(scripts)), clock, journal=Journal(Path("/nonexistent")))

    return make


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


Play = Callable[..., Fleet]


async def test_every_source_of_a_host_reaches_the_store(play: Play) -> None:
    script = Script()
    async with play({"h": script}) as fleet:
        await until(lambda: len(script.known) > 1)
        await until(lambda: fleet.store.log("h").end == 2)
        view = fleet.store.host("h")
        assert view.link.state is LinkState.OK
        assert view.latency == 0.01
        assert view.capabilities == (Capability("list", True), Capability("undo", True))
        assert len(view.table) == 3
        assert view.stats is not None
        assert fleet.store.log("h").is_gap(1)
        assert fleet.store.evidence("h", "host")[0].command == "sendmail -d0.10"
        assert script.known[0] is None
        assert script.known[1] is not None
        assert script.known[1].notes == {"/q": "1"}


async def test_a_lost_link_is_made_again_and_the_log_goes_on_at_its_cursor(play: Play) -> None:
    script = Script()
    async with play({"h": script}) as fleet:
        await until(lambda: script.cursors)
        states: list[LinkState] = []
        details: set[tuple[LinkState, str]] = set()

        def note(host: str, topic: Topic) -> None:
            link = fleet.store.host(host).link
            states.append(link.state)
            details.add((link.state, link.detail))

        fleet.store.subscribe(note)
        script.cut.set()
        await until(lambda: LinkState.RETRYING in states)
        assert fleet.store.host("h").link.retry_at is not None
        script.cut.clear()
        fleet.retry("h")
        await until(lambda: len(script.cursors) > 1)
        assert script.cursors[:2] == [None, CURSOR]
        assert (LinkState.CONNECTING, "cut") in details, "why it is connecting again stays to be seen"
        assert len(fleet.store.host("h").table) == 3, "what was read stays"


async def test_a_refused_login_is_never_tried_again_by_itself(play: Play) -> None:
    script = Script(connects=[AuthenticationFailed("no key fits", "add one")] * 2)
    async with play({"h": script}) as fleet:
        await until(lambda: fleet.store.host("h").link.state is LinkState.AUTH)
        assert fleet.store.host("h").link.cure == "add one"
        assert fleet.store.host("h").link.retry_at is None
        await asyncio.sleep(0)
        assert script.opened == 1
        fleet.retry()
        await until(lambda: script.opened == 2)


async def test_what_was_asked_during_an_attempt_does_not_undo_the_back_off(play: Play) -> None:
    script = Script(connects=[AuthenticationFailed("no key fits")] * 2, hold=asyncio.Event())
    async with play({"h": script}) as fleet:
        await until(lambda: script.opened == 1)
        fleet.retry("h")
        assert script.hold is not None
        script.hold.set()
        await until(lambda: fleet.store.host("h").link.state is LinkState.AUTH)
        for _ in range(20):
            await asyncio.sleep(0)
        assert script.opened == 1


async def test_a_job_that_a_bug_ended_begins_anew_when_asked(play: Play) -> None:
    script = Script(bug=True)
    async with play({"h": script}) as fleet:
        await until(lambda: "ZeroDivisionError" in fleet.store.host("h").link.detail)
        script.bug = False
        fleet.retry("h")
        await until(lambda: fleet.store.host("h").link.state is LinkState.OK)
        await until(lambda: script.known)


async def test_an_incomplete_queue_is_built_on_too_but_read_whole_again_in_time(play: Play) -> None:
    script = Script(missing=("a stray file",))
    times = iter(range(0, 10**9, 10))
    async with play({"h": script}, clock=Clock(monotonic=lambda: float(next(times)))) as fleet:
        await until(lambda: len(script.known) > 12)
        assert fleet.store.host("h").table.missing == ("a stray file",)
    kinds = [known is None for known in script.known]
    assert kinds[:2] == [True, False]
    assert True in kinds[2:], "what was in the way may be gone"


async def test_one_source_that_fails_stops_no_other(play: Play) -> None:
    script = Script(logs_error=Refused("the log is not readable", "mailtui sudoers h --for logs"))
    async with play({"h": script}) as fleet:
        await until(lambda: fleet.store.host("h").failure("log"))
        await until(lambda: len(script.known) > 2)
        failure = fleet.store.host("h").failure("log")
        assert failure is not None
        assert failure.cure == "mailtui sudoers h --for logs"
        assert fleet.store.host("h").link.state is LinkState.OK


async def test_a_host_without_a_readable_log_says_so_and_goes_on(play: Play) -> None:
    script = Script(no_log=True)
    async with play({"h": script}) as fleet:
        await until(lambda: fleet.store.host("h").failure("log"))
        await until(lambda: len(script.known) > 2)
        assert fleet.store.host("h").link.state is LinkState.OK


async def test_all_logs_that_are_configured_are_followed(play: Play) -> None:
    script = Script(logs=("/one", "/two"))
    async with play({"h": script}) as fleet:
        await until(
            lambda: {block.path for block in fleet.store.log("h").blocks() if not block.gap} == {"/one", "/two"}
        )
        script.cut.set()
        await until(lambda: fleet.store.host("h").link.state is LinkState.RETRYING)
        assert fleet.store.host("h").link.detail == "cut"


async def test_a_bug_in_one_host_ends_no_other(play: Play) -> None:
    bad, good = Script(bug=True), Script()
    async with play({"bad": bad, "good": good}) as fleet:
        await until(lambda: "ZeroDivisionError" in fleet.store.host("bad").link.detail)
        seen = len(good.known)
        await until(lambda: len(good.known) > seen + 1)


async def test_at_most_four_connections_are_made_at_once(play: Play) -> None:
    hold = asyncio.Event()
    scripts = {f"h{n}": Script(hold=hold) for n in range(12)}
    async with play(scripts) as fleet:
        await until(lambda: scripts["h0"].at_once == CONNECTS_AT_ONCE)
        hold.set()
        await until(lambda: all(view.link.state is LinkState.OK for view in fleet.store.hosts()))
        assert scripts["h0"].most == CONNECTS_AT_ONCE


async def test_paused_queues_are_not_read_until_resumed(play: Play) -> None:
    script = Script()
    async with play({"h": script}) as fleet:
        await until(lambda: script.known)
        fleet.pause(True)
        seen, version = len(script.known), fleet.store.version
        # the pulse goes on: once it was told twice, a hundred refreshes would have come
        await until(lambda: fleet.store.version >= version + 2)
        assert len(script.known) <= seen + 1
        seen = len(script.known)
        fleet.retry("h")
        await until(lambda: len(script.known) == seen + 1)
        fleet.pause(False)
        await until(lambda: len(script.known) > seen + 1)


async def test_a_message_is_read_over_the_open_link_alone(play: Play) -> None:
    script = Script(hold=asyncio.Event())
    async with play({"h": script}) as fleet:
        with pytest.raises(Unreachable, match="left the queue"):
            await fleet.show("h", "gone")


def test_the_hosts_are_configured_by_name(play: Play) -> None:
    made: Sequence[str] = [host.name for host in play({"a": Script(), "b": Script()}).hosts]
    assert made == ["a", "b"]


async def test_deletes_past_their_time_go_only_while_changes_may_pass(
    play: Callable[..., Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def expire(link: FakeLink, journal: Journal, by: str) -> tuple[str, ...]:
        asked.append(by)
        return ()

    monkeypatch.setattr("mailtui.fleet.expire", expire)
    monkeypatch.setattr("mailtui.fleet.LOOK", 0.001)
    script = Script()
    async with play({"h": script}) as fleet:
        await until(lambda: len(script.known) > 5 and fleet.store.host("h").capabilities)
        assert asked == [], "mode ask, and nobody has armed the host"
        fleet.gate("h").arm()
        await until(lambda: asked)
        assert len(asked) == 1
