"""What found no channel was not begun: that is certain only where nothing at all was sent before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mailtui.errors import HostError, NotBegun, TimedOut
from mailtui.model import Order
from mailtui.procedure import Procedure, Reply, Request, Script
from mailtui.session import Link
from mailtui.transport.contract import Event, Transport
from mailtui.transport.drive import drive

FULL = NotBegun("mx1 had no free session", "raise MaxSessions")
SCRIPT = Script("test/not-begun", b"true")


class Full:
    """A transport that answers so many requests, and then has no channel."""

    def __init__(self, answered: int) -> None:
        self.answered = answered

    async def run(self, request: Request) -> Reply:
        if not self.answered:
            raise FULL
        self.answered -= 1
        return Reply((), 0)

    def stream(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        raise FULL


def asks() -> Procedure[None]:
    for _ in range(2):
        yield Request(SCRIPT)


@pytest.mark.parametrize(("answered", "kind"), [(0, NotBegun), (1, TimedOut)])
async def test_a_procedure_that_sent_something_has_begun(answered: int, kind: type[HostError]) -> None:
    with pytest.raises(TimedOut) as error:
        await drive(cast(Transport, Full(answered)), asks())
    assert type(error.value) is kind
    assert (error.value.message, error.value.cure) == (FULL.message, FULL.cure)


async def test_a_live_retry_that_found_no_channel_was_not_begun() -> None:
    """Told as begun, its messages would be unknown for ever."""
    mta: Any = SimpleNamespace(
        live_request=lambda *args: Request(SCRIPT), live_parser=lambda *args: SimpleNamespace(acted=lambda **more: None)
    )
    link: Any = SimpleNamespace(mta=mta, transport=Full(0), identity=None)
    with pytest.raises(NotBegun):
        await Link.live(link, (), Order(), lambda line: None, asyncio.Event())
