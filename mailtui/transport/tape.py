"""A transport without a host: answers each script from recorded replies."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from mailtui.errors import MailtuiError, Unreachable
from mailtui.procedure import Reply, Request
from mailtui.transport.contract import Begin, ByteStream, Data, End, Event
from mailtui.transport.gate import Gate
from mailtui.transport.pulse import Link


class TapeTransport:
    """Plays recorded replies; `asked` keeps what was asked for, in order."""

    def __init__(self, replies: Mapping[str, Reply | Iterable[Reply]], *, gate: Gate | None = None) -> None:
        self._gate = gate
        self._replies = {name: deque([reply] if isinstance(reply, Reply) else reply) for name, reply in replies.items()}
        self._closed = False
        self.link = Link()
        """The tape's health: always good."""
        self.link.idle = True
        self.asked: list[Request] = []
        """All requests so far."""

    def _next(self, request: Request) -> Reply:
        """Give the script's next reply; its last one answers for ever after."""
        if self._closed:
            raise Unreachable("the transport is closed")
        if self._gate is not None:
            self._gate.admit(request)
        self.asked.append(request)
        replies = self._replies.get(request.script.name)
        if not replies:
            raise MailtuiError(f"the tape has no reply for {request.script.name}")
        return replies.popleft() if len(replies) > 1 else replies[0]

    async def run(self, request: Request) -> Reply:
        """Give the next recorded reply to this script."""
        return self._next(request)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[AsyncIterator[Event]]:
        """Give the next recorded reply as events; one without a status is cut at its end."""
        yield _events(request, self._next(request))

    async def open_stream(self, host: str, port: int) -> ByteStream:
        """Refuse: a tape reaches nobody."""
        raise Unreachable("a recording opens no connections")

    async def close(self) -> None:
        """Answer nothing more."""
        self._closed = True


async def _events(request: Request, reply: Reply) -> AsyncIterator[Event]:
    for section in reply.sections:
        yield Begin(section.name, section.args)
        if section.body:
            yield Data(section.body)
    if reply.status is None:
        raise Unreachable(f"{request.script.name} was cut")
    yield End(reply.status)
