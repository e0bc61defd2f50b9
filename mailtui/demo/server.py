"""Real SSH servers on loopback: each runs a session's command with /bin/sh, as sshd does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

import asyncssh

SHELL: Final = "/bin/sh"
LOGIN: Final = "oncall"
"""The account that the generated configuration names; the key lets in, not the name."""
_CHUNK: Final = 64 * 1024
_GONE: Final = (asyncssh.Error, OSError)
"""What reading and writing raise when the other side is away."""
_SIGNALS: Final = (asyncssh.BreakReceived, asyncssh.SignalReceived, asyncssh.TerminalSizeChanged)
"""What a client may ask besides sending data; none reaches the command, as with sshd's root logins."""


class HostServer:
    """One host's SSH server; it knows the processes it started and ends them when it is closed."""

    def __init__(self, environment: Mapping[str, str], home: Path) -> None:
        self._environment = dict(environment)
        self._home = home
        self._groups: set[int] = set()
        self._sessions: set[asyncio.Event] = set()
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self.port = 0
        """The free port that was found; 0 before `start`."""

    async def start(self, host_key: asyncssh.SSHKey, client_key: asyncssh.SSHKey) -> None:
        """Listen on a free port of loopback for whoever holds the client key."""
        self._acceptor = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=lambda: _Door(self._connections),
            server_host_keys=[host_key],
            authorized_client_keys=asyncssh.import_authorized_keys(client_key.export_public_key().decode()),
            process_factory=self._serve,
            encoding=None,
            allow_pty=False,
            allow_scp=False,
            agent_forwarding=False,
            line_editor=False,
            gss_host=None,
            login_timeout=20,
        )
        self.port = self._acceptor.get_port()

    async def close(self) -> None:
        """Stop listening, drop all connections and kill what their sessions left running."""
        if self._acceptor is not None:
            self._acceptor.close()
        for connection in list(self._connections):
            connection.abort()
        for connection in list(self._connections):
            await connection.wait_closed()
        for group in self.running():
            _signal(group, signal.SIGKILL)
        for ended in list(self._sessions):
            await ended.wait()
        if self._acceptor is not None:
            await self._acceptor.wait_closed()

    def running(self) -> frozenset[int]:
        """Give the process groups that sessions started and that still live.

        Groups that are gone are dropped here, so that a number used anew is never taken for ours.
        """
        self._groups = {group for group in self._groups if _signal(group, 0)}
        return frozenset(self._groups)

    async def _serve(self, session: asyncssh.SSHServerProcess[bytes]) -> None:
        """Run a session's command; anything but a command is refused."""
        if session.command is None:
            session.stderr.write(b"The demo's hosts run commands only.\n")
            session.exit(1)
            return
        ended = asyncio.Event()
        self._sessions.add(ended)
        try:
            await self._run(session, session.command)
        finally:
            ended.set()
            self._sessions.discard(ended)
            self.running()

    async def _run(self, session: asyncssh.SSHServerProcess[bytes], command: str) -> None:
        """Run a command to its end; a closed channel closes its pipes and kills nothing."""
        output, output_end = os.pipe()
        errors, errors_end = os.pipe()
        try:
            shell = await asyncio.create_subprocess_exec(
                SHELL, "-c", command, stdin=asyncio.subprocess.PIPE, stdout=output_end, stderr=errors_end,
                env=self._environment, cwd=self._home, start_new_session=True, umask=0o077,
            )  # fmt: skip
        finally:
            os.close(output_end)
            os.close(errors_end)
        self._groups.add(shell.pid)
        async with _pipe(output) as (out, out_pipe), _pipe(errors) as (err, err_pipe), asyncio.TaskGroup() as group:
            feeding = group.create_task(_feed(session.stdin, shell.stdin))
            closing = group.create_task(_close_with(session, shell.stdin, out_pipe, err_pipe))
            passing = [
                group.create_task(_pass(out, session.stdout, out_pipe)),
                group.create_task(_pass(err, session.stderr, err_pipe)),
            ]
            status = await shell.wait()
            feeding.cancel()
            await asyncio.wait(passing)
            closing.cancel()
        with contextlib.suppress(*_GONE):
            if status < 0:
                session.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))
            else:
                session.exit(status)


class _Door(asyncssh.SSHServer):
    """Keeps the set of open connections; everything but a session is refused by asyncssh's defaults."""

    def __init__(self, connections: set[asyncssh.SSHServerConnection]) -> None:
        self._connections = connections
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._connections.discard(self._connection)


@contextlib.asynccontextmanager
async def _pipe(handle: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.ReadTransport]]:
    """Read a pipe as a stream; its transport can be closed while the writer lives, which then gets SIGPIPE."""
    reader = asyncio.StreamReader(limit=_CHUNK)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(handle, "rb", 0)
    )
    try:
        yield reader, transport
    finally:
        transport.close()


async def _feed(source: asyncssh.SSHReader[bytes], stdin: asyncio.StreamWriter | None) -> None:
    """Pass what the client sends to the command, then the end of it."""
    if stdin is None:
        return
    with contextlib.suppress(*_GONE):
        while True:
            try:
                data = await source.read(_CHUNK)
            except _SIGNALS:
                continue
            if not data:
                break
            stdin.write(data)
            await stdin.drain()
    stdin.close()


async def _pass(source: asyncio.StreamReader, sink: asyncssh.SSHWriter[bytes], pipe: asyncio.ReadTransport) -> None:
    """Pass what the command prints to the client, no faster than it reads."""
    with contextlib.suppress(*_GONE):
        while data := await source.read(_CHUNK):
            sink.write(data)
            await sink.drain()
    pipe.close()


async def _close_with(
    session: asyncssh.SSHServerProcess[bytes], stdin: asyncio.StreamWriter | None, *pipes: asyncio.ReadTransport
) -> None:
    """Close the command's pipes once the channel is closed."""
    await session.channel.wait_closed()
    if stdin is not None:
        stdin.close()
    for pipe in pipes:
        pipe.close()


def _signal(group: int, number: int) -> bool:
    """Signal a process group; tell whether there was one."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
