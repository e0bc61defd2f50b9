"""One host over SSH: one connection, a few channels, the same bootstrap on each."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import asyncssh

from mailtui.clock import SYSTEM, Clock
from mailtui.errors import NotBegun, Refused, TimedOut, Unreachable
from mailtui.procedure import Reply, Request
from mailtui.text import show_line
from mailtui.transport import frames
from mailtui.transport.connect import connect, gateway, shut
from mailtui.transport.contract import BOOTSTRAP, ByteStream, Event
from mailtui.transport.exchange import Exchange, OneShot, Stream
from mailtui.transport.gate import Gate
from mailtui.transport.pulse import Link, Pulse
from mailtui.transport.sockets import Socket
from mailtui.transport.target import Resolved, Target, resolve

CHANNELS: Final = 6
"""Channels a connection; sshd's MaxSessions is 10 by default, and others share the connection's host."""

_OPEN: Final = 20.0
"""Seconds to wait for a free channel, ours or the host's."""

_TCP: Final = 15.0

_QUICKACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)

_TCP_INFO: Final[int | None] = getattr(socket, "TCP_INFO", None) if sys.platform == "linux" else None

_LAST_DATA_RECV: Final = 52
"""Where tcpi_last_data_recv stands in Linux's struct tcp_info."""

_SMALL: Final = 4096

_ACKNOWLEDGE: Final = (0.001, 0.004, 0.016)
"""Seconds after asking for a channel at which sshd's first words after the login are acknowledged."""


class _Channel(asyncssh.SSHClientSession[bytes]):
    """An SSH channel as the wire of one exchange."""

    def __init__(self, exchange: Exchange, came: Callable[[int], None], slots: asyncio.Semaphore) -> None:
        self._exchange = exchange
        self._came = came
        self._slots = slots
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._holds_slot = True
        self._abandoned = False

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """Take the channel that was opened."""
        self._channel = chan
        if self._abandoned:
            chan.close()

    def abandon(self) -> None:
        """Give up a channel that may still be opening."""
        self._abandoned = True
        self.close()
        self._free()

    def _free(self) -> None:
        if self._holds_slot:
            self._holds_slot = False
            self._slots.release()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Pass output on."""
        self._came(len(data))
        if datatype == asyncssh.EXTENDED_DATA_STDERR:
            self._exchange.complained(data)
        else:
            self._exchange.received(data)

    def eof_received(self) -> bool:
        """Keep standard input open: the channel is closed by us, or when the host's shell leaves."""
        self._exchange.drained()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Free the channel's place."""
        self._free()
        self._exchange.lost(exc)

    def write(self, data: bytes) -> None:
        """Send bytes to standard input."""
        if self._channel is not None and not self._channel.is_closing():
            self._channel.write(data)

    def pause(self) -> None:
        """Stop reading, so that the window fills and the host's program waits."""
        if self._channel is not None:
            self._channel.pause_reading()

    def resume(self) -> None:
        """Go on reading."""
        if self._channel is not None:
            self._channel.resume_reading()

    def close(self) -> None:
        """Close the channel."""
        if self._channel is not None:
            self._channel.resume_reading()
            self._channel.close()


class SshTransport:
    """Runs scripts on one host over one connection; when that is lost, a new transport takes its place."""

    def __init__(self, target: Target, *, gate: Gate, clock: Clock = SYSTEM, silence: float = frames.SILENCE) -> None:
        self.target = target
        self.link = Link(clock)
        """What is known of the link's health."""
        self.lost = asyncio.Event()
        """Set when the connection is gone, whoever closed it."""
        self._gate = gate
        self._silence = silence
        self._pulse = Pulse(self.link, clock)
        self._slots = asyncio.Semaphore(CHANNELS)
        self._stack = AsyncExitStack()
        self._connection: asyncssh.SSHClientConnection | None = None
        self._resolved: Resolved | None = None
        self._socket: socket.socket | None = None
        self._failure: Exception | None = None

    @classmethod
    async def connect(
        cls, target: Target, *, gate: Gate, clock: Clock = SYSTEM, silence: float = frames.SILENCE
    ) -> SshTransport:
        """Connect to a host and log in.

        Raises Unreachable, Misconfigured, TimedOut, AuthenticationFailed, HostKeyRefused, NeedsInput.
        """
        transport = cls(target, gate=gate, clock=clock, silence=silence)
        await transport._open()
        return transport

    async def _open(self) -> None:
        self._resolved = await resolve(self.target)
        async with AsyncExitStack() as stack:
            tunnel = await stack.enter_async_context(gateway(self._resolved))
            self._connection = await connect(self._resolved, tunnel=tunnel, lost=self._was_lost)
            stack.push_async_callback(shut, self._connection)
            self._stack = stack.pop_all()
        self._socket = self._connection.get_extra_info("socket")
        if tunnel is None:
            # else it would tell of the jump host, whose keepalives come though this host is silent
            self.link.probe = self._received
        self.link.heard()

    def _received(self) -> float | None:
        """Give the seconds since TCP received something, where the kernel tells; keepalives come every 5 seconds."""
        if _TCP_INFO is None or self._socket is None:
            return None
        try:
            info = self._socket.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 104)
        except OSError:
            return None
        milliseconds: int = struct.unpack_from("=I", info, _LAST_DATA_RECV)[0]
        return milliseconds / 1000

    def _came(self, size: int) -> None:
        """Note that something came."""
        self.link.heard()
        if size < _SMALL:
            self._acknowledge()

    def _acknowledge(self) -> None:
        """Make TCP acknowledge small pieces at once.

        sshd leaves Nagle's algorithm on for sessions without a terminal, so its next small piece waits for our
        acknowledgement, which Linux puts off for 40 ms.
        """
        if _QUICKACK is not None and self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def _was_lost(self, failure: Exception | None) -> None:
        self._failure = failure
        self.lost.set()

    @property
    def place(self) -> str:
        """The host in messages, with its address."""
        return self._resolved.place if self._resolved is not None else self.target.name

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the host's key."""
        key = self._connection.get_server_host_key() if self._connection is not None else None
        return key.get_fingerprint("sha256") if key is not None else ""

    def _gone(self) -> Unreachable:
        why = f": {show_line(str(self._failure))}" if self._failure is not None else ""
        return Unreachable(f"{self.place}: the connection is closed{why}")

    async def _channel(self, exchange: Exchange) -> _Channel:
        """Open a channel for an exchange, waiting for one of ours or of the host's to become free.

        NotBegun is certain: a program is sent only over a channel that was given out from here. One that is opened too
        late is closed, and all that runs behind it is the bootstrap, which finds the end of its input.
        """
        delay = 0.05
        tries = 0
        try:
            async with asyncio.timeout(_OPEN):
                while True:
                    tries += 1
                    wire = await self._try_channel(exchange)
                    if wire is not None:
                        return wire
                    await asyncio.sleep(delay)
                    delay = min(2 * delay, 1.0)
        except TimeoutError:
            raise NotBegun(
                f"{self.place} had no free session within {_OPEN:g} s, asked {tries} times",
                "raise MaxSessions in its sshd_config (10 by default), or close other uses of this connection",
            ) from None

    async def _try_channel(self, exchange: Exchange) -> _Channel | None:
        """Open a channel; None where the host has none to give just now."""
        await self._slots.acquire()
        wire = _Channel(exchange, self._came, self._slots)
        taken = False
        try:
            if self._connection is None or self.lost.is_set():
                raise self._gone()
            opening = self._connection.create_session(
                lambda: wire, BOOTSTRAP, env={}, send_env=[], request_pty=False, term_type=None, encoding=None
            )
            for delay in _ACKNOWLEDGE:
                asyncio.get_running_loop().call_later(delay, self._acknowledge)
            await asyncio.shield(opening)
            taken = True
        except asyncssh.ChannelOpenError as error:
            if self.lost.is_set():
                raise self._gone() from error
            if error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
                raise Refused(f"{self.place} opens no session: {show_line(error.reason)}") from error
            return None
        except asyncssh.Error as error:
            raise Unreachable(f"{self.place}: {show_line(error.reason or type(error).__name__)}") from error
        except OSError as error:
            raise Unreachable(f"{self.place}: {show_line(str(error))}") from error
        finally:
            if not taken:
                wire.abandon()
        return wire

    async def run(self, request: Request) -> Reply:
        """Run a script to its end."""
        self._gate.admit(request)
        exchange = OneShot(request)
        wire = await self._channel(exchange)
        self._pulse.add(exchange)
        try:
            return await exchange.reply(wire)
        finally:
            self._pulse.discard(exchange)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[AsyncIterator[Event]]:
        """Run a script that goes on until it is left."""
        self._gate.admit(request)
        exchange = Stream(request, silence=self._silence)
        wire = await self._channel(exchange)
        self._pulse.add(exchange)
        try:
            await exchange.begin(wire)
            yield exchange
        finally:
            self._pulse.discard(exchange)
            exchange.leave(orderly=exchange.ended)

    async def open_stream(self, host: str, port: int) -> ByteStream:
        """Open a TCP connection from the host to somewhere."""
        try:
            async with asyncio.timeout(_OPEN):
                await self._slots.acquire()
        except TimeoutError:
            raise NotBegun(f"{self.place}: all {CHANNELS} channels of the connection are in use") from None
        connected = False
        try:
            reader, writer = await self._tcp(host, port)
            connected = True
        finally:
            if not connected:
                self._slots.release()
        return Socket(reader, writer, self._slots.release)

    async def _tcp(self, host: str, port: int) -> tuple[asyncssh.SSHReader[bytes], asyncssh.SSHWriter[bytes]]:
        if self._connection is None or self.lost.is_set():
            raise self._gone()
        try:
            async with asyncio.timeout(_TCP):
                reader, writer = await self._connection.open_connection(host, port, encoding=None)
        except TimeoutError:
            raise TimedOut(f"{self.place} got no answer from port {port} within {_TCP:g} s") from None
        except asyncssh.ChannelOpenError as error:
            if error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
                raise Refused(
                    f"{self.place} forwards no TCP: {show_line(error.reason)}",
                    "allow it in its sshd_config: AllowTcpForwarding local, PermitOpen",
                ) from error
            raise Unreachable(f"{self.place} cannot reach port {port}: {show_line(error.reason)}") from error
        except (asyncssh.Error, OSError) as error:
            raise Unreachable(f"{self.place}: {show_line(str(error))}") from error
        return reader, writer

    async def close(self) -> None:
        """Close the connection and everything that runs over it."""
        await self._stack.aclose()
