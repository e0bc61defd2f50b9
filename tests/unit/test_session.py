"""A host's link, its samples, and the asking of many hosts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import pytest

from mailtui.config import Host
from mailtui.config import LogVia as Via
from mailtui.errors import NoMta, Unreachable, Unsupported, UsageError
from mailtui.model import Identity
from mailtui.mta import registry
from mailtui.mta.contract import Read
from mailtui.procedure import Begin, Data, End, Event, Procedure
from mailtui.session import Link, ask_all, connected, detect, sampled


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


class Nobody:
    """An adapter that finds nothing."""

    def detect(self) -> Procedure[Read[Identity | None]]:
        yield from ()
        return Read(None)


async def test_a_host_without_a_mail_server_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailtui.mta.registry.names", lambda: ("nobody",))
    monkeypatch.setattr("mailtui.mta.registry.adapter", lambda name: Nobody())
    async with connected(Host(name="here", transport="local")) as transport:
        with pytest.raises(NoMta, match="nobody"):
            await detect(transport)


def test_an_unknown_adapter_is_a_mistake_of_usage() -> None:
    with pytest.raises(UsageError, match="nope"):
        registry.adapter("nope")
    assert "sendmail" in registry.names()
    assert registry.adapter("sendmail").name == "sendmail"


async def test_logs_on_another_host_are_said_to_be_missing() -> None:
    host = Host(name="h", logs_via=(Via("loghost", "/var/log/remote/h.log"),))
    link = Link.__new__(Link)
    link.host = host
    with pytest.raises(Unsupported, match="loghost"):
        await link.find_logs()
