"""This machine as a host: the same bootstrap and the same frames, over a local process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from mailtui.errors import TimedOut, Unreachable
from mailtui.procedure import Reply, Request
from mailtui.transport import frames
from mailtui.transport.contract import BOOTSTRAP, ByteStream, Event
from mailtui.transport.exchange import Exchange, OneShot, Stream
from mailtui.transport.gate import Gate
from mailtui.transport.pulse import Link, Pulse
from mailtui.transport.sockets import Socket

_LEAVE: Final = 3.0
"""Seconds within which the watchdog must have ended everything; then we do."""

_CONNECT: Final = 10.0


class _Process(asyncio.SubprocessProtocol):
    """A local process as the wire of one exchange."""

    def __init__(self, exchange: Exchange, link: Link) -> None:
        self._exchange = exchange
        self._link = link
        self._streams: asyncio.SubprocessTransport | None = None
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.SubprocessTransport):
            self._streams = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._link.heard()
        if fd == 1:
            self._exchange.received(data)
        else:
            self._exchange.complained(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1:
            self._exchange.drained()

    def process_exited(self) -> None:
        self.gone.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._exchange.lost(exc)

    def _pipe(self, fd: int) -> asyncio.BaseTransport | None:
        return None if self._streams is None else self._streams.get_pipe_transport(fd)

    def write(self, data: bytes) -> None:
        pipe = self._pipe(0)
        if isinstance(pipe, asyncio.WriteTransport) and not pipe.is_closing():
            pipe.write(data)

    def pause(self) -> None:
        pipe = self._pipe(1)
        if isinstance(pipe, asyncio.ReadTransport):
            pipe.pause_reading()

    def resume(self) -> None:
        pipe = self._pipe(1)
        if isinstance(pipe, asyncio.ReadTransport) and not pipe.is_closing():
            pipe.resume_reading()

    def close(self) -> None:
        for fd in (0, 1, 2):
            pipe = self._pipe(fd)
            if pipe is not None:
                pipe.close()

    async def reap(self) -> None:
        """Wait until the process is gone; where its watchdog fails, end its whole group."""
        if self._streams is None:
            return
        try:
            async with asyncio.timeout(_LEAVE):
                await self.gone.wait()
        except TimeoutError:
            self._kill()
            await self.gone.wait()
        finally:
            self._kill()
            self._streams.close()

    def _kill(self) -> None:
        if self._streams is not None and not self.gone.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._streams.get_pid(), signal.SIGKILL)


class LocalTransport:
    """Runs scripts on this machine."""

    def __init__(self, *, gate: Gate, silence: float = frames.SILENCE) -> None:
        self._gate = gate
        self._silence = silence
        self.link = Link()
        """What is known of the link's health."""
        self._pulse = Pulse(self.link)
        self._running: set[_Process] = set()
        self._closed = False

    async def _open(self, exchange: Exchange) -> _Process:
        if self._closed:
            raise Unreachable("the transport is closed")
        wire = _Process(exchange, self.link)
        await asyncio.get_running_loop().subprocess_exec(
            lambda: wire, "/bin/sh", "-c", BOOTSTRAP, start_new_session=True
        )
        self._running.add(wire)
        self._pulse.add(exchange)
        return wire

    async def _reap(self, exchange: Exchange, wire: _Process) -> None:
        self._pulse.discard(exchange)
        await wire.reap()
        self._running.discard(wire)

    async def run(self, request: Request) -> Reply:
        """Run a script to its end."""
        self._gate.admit(request)
        exchange = OneShot(request)
        wire = await self._open(exchange)
        try:
            return await exchange.reply(wire)
        finally:
            await self._reap(exchange, wire)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[AsyncIterator[Event]]:
        """Run a script that goes on until it is left."""
        self._gate.admit(request)
        exchange = Stream(request, silence=self._silence)
        wire = await self._open(exchange)
        try:
            await exchange.begin(wire)
            yield exchange
        finally:
            exchange.leave(orderly=exchange.ended)
            await self._reap(exchange, wire)

    async def open_stream(self, host: str, port: int) -> ByteStream:
        """Open a TCP connection from here."""
        try:
            async with asyncio.timeout(_CONNECT):
                reader, writer = await asyncio.open_connection(host, port)
        except TimeoutError:
            raise TimedOut(f"no answer from port {port} within {_CONNECT:g} s") from None
        except OSError as error:
            raise Unreachable(f"no connection to port {port}: {error.strerror or error}") from error
        return Socket(reader, writer)

    async def close(self) -> None:
        """End everything that still runs here."""
        self._closed = True
        for wire in list(self._running):
            wire.close()
        for wire in list(self._running):
            await wire.gone.wait()
