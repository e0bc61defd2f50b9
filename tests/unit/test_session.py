"""A host's link, its samples, and the asking of many hosts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import cast

import pytest

from mailtui.config import Host
from mailtui.config import LogVia as Via
from mailtui.errors import NoMta, TimedOut, Unreachable, Unsupported
from mailtui.model import Identity
from mailtui.mta import registry
from mailtui.mta.contract import Read
from mailtui.procedure import Begin, Data, End, Event, Procedure, Request
from mailtui.session import Detected, Link, ask_all, connected, detect, gate_of, sampled
from mailtui.transport.contract import Transport

IDENTITY = Identity("sendmail", "8.17", ("mta",), 0.0, "oncall")


async def stream(events: Sequence[Event]) -> AsyncIterator[Event]:
    for event in events:
        yield event


async def test_samples_are_cut_where_the_next_begins_or_one_ends() -> None:
    events: list[Event] = [
        Begin("sample", ("1",)), Begin("proc", ()), Data(b"a"), Data(b"b"), Begin("eos", ()),
        Begin("sample", ("2",)), Begin("proc", ()), Data(b"c"), Begin("sample", ("3",)),
    ]  # fmt: skip
    seen = []
    with pytest.raises(Unreachable, match="cut"):
        async with aclosing(sampled(stream(events))) as samples:
            async for sections in samples:
                seen += [[(section.name, section.args, section.body) for section in sections]]
    assert seen == [
        [("sample", ("1",), b""), ("proc", (), b"ab")],
        [("sample", ("2",), b""), ("proc", (), b"c")],
    ]


async def test_a_sampler_that_ends_by_itself_is_a_failure() -> None:
    with pytest.raises(Unreachable, match="status 3"):
        async for _ in sampled(stream([End(3)])):
            pass


async def test_every_host_answers_for_itself() -> None:
    async def ask(host: Host) -> str:
        if host.name == "down":
            raise Unreachable("no route", "is the VPN up?")
        if host.name == "slow":
            await asyncio.Event().wait()
        return host.name.upper()

    answers = await ask_all([Host(name="up"), Host(name="down"), Host(name="slow")], ask, 0.05)
    assert [answer.value for answer in answers] == ["UP", None, None]
    assert [answer.error.kind if answer.error else None for answer in answers] == [None, "unreachable", "unreachable"]
    assert answers[2].error is not None
    assert "within 0.05 s" in answers[2].error.message


async def test_a_sampler_that_hangs_is_said_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = asyncio.Event()

    class Hanging:
        @asynccontextmanager
        async def stream(self, request: Request) -> AsyncIterator[AsyncIterator[Event]]:
            async def events() -> AsyncIterator[Event]:
                yield Begin("sample", ("0",))
                await asyncio.Event().wait()

            try:
                yield events()
            finally:
                ended.set()

    monkeypatch.setattr("mailtui.session.SAMPLE_PATIENCE", 0.01)
    link = Link(Host(name="h"), cast("Transport", Hanging()), Detected(registry.adapter("sendmail"), IDENTITY, ()))
    with pytest.raises(TimedOut, match="no sample"):
        async with aclosing(link.samples(0.001)) as samples:
            await anext(samples)
    assert ended.is_set()


@pytest.mark.parametrize(("mode", "closed"), [("read-only", True), ("ask", True), ("read-write", False)])
def test_the_gate_lets_changes_through_in_read_write_alone(mode: str, closed: bool) -> None:
    assert gate_of(Host(name="h", mode=mode)).read_only is closed


class Nobody:
    """An adapter that finds nothing."""

    def detect(self, *, sudo: bool = True) -> Procedure[Read[Identity | None]]:
        yield from ()
        return Read(None)


async def test_a_host_without_a_mail_server_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailtui.mta.registry.names", lambda: ("nobody",))
    monkeypatch.setattr("mailtui.mta.registry.adapter", lambda name: Nobody())
    async with connected(Host(name="here", transport="local")) as transport:
        with pytest.raises(NoMta, match="nobody found on the host: looked for in the login's PATH") as none:
            await detect(transport)
    assert "`mta:`" not in none.value.cure


def test_an_unknown_adapter_is_its_hosts_trouble_alone() -> None:
    with pytest.raises(Unsupported, match="nope"):
        registry.adapter("nope")
    assert "sendmail" in registry.names()
    assert registry.adapter("sendmail").name == "sendmail"


async def test_a_host_whose_mail_server_has_no_adapter_stops_no_other() -> None:
    async def ask(host: Host) -> str:
        if host.mta == "auto":
            return host.name.upper()
        async with Link.open(host):
            raise AssertionError("there is no adapter")

    hosts = [Host(name="a", transport="local", mta="postfix"), Host(name="b")]
    answers = await ask_all(hosts, ask, 20)
    assert [answer.value for answer in answers] == [None, "B"]
    assert answers[0].error is not None
    assert (answers[0].error.kind, "mta: auto" in answers[0].error.cure) == ("unsupported", True)


async def test_logs_on_another_host_are_said_to_be_missing() -> None:
    host = Host(name="h", logs_via=(Via("loghost", "/var/log/remote/h.log"),))
    link = Link.__new__(Link)
    link.host = host
    with pytest.raises(Unsupported, match="loghost"):
        await link.find_logs()
