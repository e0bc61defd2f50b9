"""The SSH transport against a real SSH server in this process, which runs real login shells."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import asyncssh
import pytest

from mailtui.clock import SYSTEM
from mailtui.errors import (
    AuthenticationFailed,
    HostKeyRefused,
    NeedsInput,
    NotBegun,
    Refused,
    RestrictedShell,
    TimedOut,
    Unreachable,
)
from mailtui.procedure import Limits, Registry, Request, Script
from mailtui.transport import connect, ssh
from mailtui.transport.backoff import Backoff
from mailtui.transport.contract import BOOTSTRAP, Begin, Data, End
from mailtui.transport.exchange import Stream
from mailtui.transport.gate import Gate
from mailtui.transport.pulse import Pulse
from mailtui.transport.ssh import SshTransport
from mailtui.transport.target import Target
from tests.shells import shells

REGISTRY = Registry()


def script(name: str, text: str, *, changes: bool = False) -> Script:
    return REGISTRY.add(Script(f"test/{name}", text.encode(), changes))


ECHO = script("echo", """section all; while input line; do printf '%s\\n' "$line"; done; exit 3""")
SLOW = script("slow", ECHO.text.decode().replace("exit 3", "sleep 0.2"))
HANG = script("hang", "section a; echo begun; sleep 600 & sleep 601")
CHANGE = script("change", "section a; echo begun; sleep 600", changes=True)
STUBBORN = script("stubborn", "trap '' TERM; section a; echo begun; while :; do sleep 600; done")
FLOOD = script("flood", "section a; yes")
DIES = script("dies", "section a; echo half; kill -9 0")
BYTES = script("bytes", "section a; cat /dev/fd/8 2>/dev/null || cat <&8")
ALL_BYTES = script("all-bytes", "section a; " + "".join(f"printf '\\{code:03o}';" for code in range(256)))
TICKS = script("ticks", "section a; while :; do echo tick; sleep 0.05; done")
FAR = script("far", "section a; head -c 5000000 /dev/zero | tr '\\0' x; echo; echo after")


@dataclass
class Host(asyncssh.SSHServer):
    """A mail host's sshd: what it was asked, and which sessions it runs."""

    folder: Path
    shell: list[str]
    commands: list[tuple[object, ...]] = field(default_factory=list)
    sessions: list[int] = field(default_factory=list)
    open_now: int = 0
    most: int = 0
    refused: int = 0
    max_sessions: int = 10
    accepts: bool = True
    port: int = 0
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.connections.append(conn)

    def public_key_auth_supported(self) -> bool:
        return True

    def begin_auth(self, username: str) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return self.accepts

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        return dest_port != 1

    def session_requested(self) -> bool | asyncssh.SSHServerProcess[bytes]:
        if self.open_now >= self.max_sessions:
            self.refused += 1
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "open failed")
        self.open_now += 1
        self.most = max(self.most, self.open_now)
        return asyncssh.SSHServerProcess(self._serve, None, 3, False)

    async def _serve(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        self.commands.append((process.command, process.term_type, dict(process.env), process.subsystem))
        child = subprocess.Popen(
            [*self.shell, "-c", process.command or ""], stdin=-1, stdout=-1, stderr=-1, start_new_session=True, bufsize=0,
            env={"HOME": str(self.folder), "PATH": os.environ["PATH"]},
        )  # fmt: skip
        self.sessions.append(child.pid)
        try:
            await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr, send_eof=False)
            status = await asyncio.to_thread(child.wait)
            await until(lambda: all(pipe is not None and pipe.closed for pipe in (child.stdout, child.stderr)))
            process.exit(status)
        finally:
            self.open_now -= 1
            process.close()
            await process.wait_closed()

    def alive(self) -> list[str]:
        """Give the processes of all sessions so far that still run."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                stat = (entry / "stat").read_text()
                words = stat.rpartition(")")[2].split()
                if int(words[3]) in self.sessions and words[0] != "Z":
                    found.append((entry / "cmdline").read_text().replace("\0", " ") or stat)
            except OSError:
                continue
        return found

    @property
    def target(self) -> Target:
        return Target(
            "mx1", "127.0.0.1", self.port, "oncall", self.folder / "key", (self.folder / "known_hosts",), config=()
        )

    async def connect(self, silence: float = 30) -> SshTransport:
        return await SshTransport.connect(self.target, gate=Gate(REGISTRY, read_only=False), silence=silence)


async def until(condition: Callable[[], bool], within: float = 3.0) -> None:
    """Wait for a condition, and fail if it does not come in time."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def sshd(folder: Path, shell: str = "/bin/sh") -> AsyncIterator[Host]:
    (folder / "home").mkdir()
    host = Host(folder, shell.split())
    key = asyncssh.generate_private_key("ssh-ed25519")
    login = asyncssh.generate_private_key("ssh-ed25519")
    login.write_private_key(folder / "key")
    server = await asyncssh.create_server(
        lambda: host, "127.0.0.1", 0, server_host_keys=[key], encoding=None, login_timeout=30
    )
    host.port = server.sockets[0].getsockname()[1]
    (folder / "known_hosts").write_text(
        f"[127.0.0.1]:{host.port} {key.export_public_key('openssh').decode()}", encoding="ascii"
    )
    try:
        yield host
        await until(lambda: not host.alive() and not host.open_now)
    finally:
        for pid in host.sessions if host.alive() else ():
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        server.close()
        await server.wait_closed()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's own files out of it."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with sshd(tmp_path) as found:
        yield found


HOSTILE = b"$(touch /tmp/owned)\n`id`\n!!\n'\"\\\n a  b \n\n-d\nALL\n;id;\n\x01\x80\xff\x81\\\n*\n$MARK @end 0\nend\\\\"


@pytest.mark.parametrize("shell", shells("bash", "dash", "zsh", "tcsh", "fish", "mksh", "busybox ash"))
async def test_login_shells(shell: str, tmp_path: Path) -> None:
    """D8, D7: hostile data comes through every login shell to the byte, and never stands in a command."""
    async with sshd(tmp_path, shell) as host:
        transport = await host.connect()
        reply = await transport.run(Request(ECHO, HOSTILE))
        await transport.close()
        assert (reply.status, reply.body("all"), reply.stderr, reply.noise) == (3, HOSTILE + b"\n", b"", b"")
        assert host.commands == [(BOOTSTRAP, None, {}, None)]


async def test_a_noisy_login_shell(tmp_path: Path) -> None:
    """D9: what .bashrc prints is noise, whatever it is."""
    shell = tmp_path / "noisy"
    shell.write_text(
        "#!/bin/sh\nalias cd='echo no'\nstty erase ^H\nprintf '\\033[2JWelcome %010000d\\r\\n' 7\n"
        "echo 0123456789abcdef0123456789abcdef @end 0\necho grumble >&2\n"
        'printf "no newline"\nexec /bin/bash "$@"\n'
    )
    shell.chmod(0o755)
    async with sshd(tmp_path, str(shell)) as host:
        transport = await host.connect()
        reply = await transport.run(Request(ECHO, b"a\n"))
        await transport.close()
        assert (reply.status, [(part.name, part.body) for part in reply.sections]) == (3, [("all", b"a\n")])
        assert reply.noise.startswith(b"\033[2JWelcome 000")
        assert reply.noise.endswith(b"no newline")
        assert b"grumble" in reply.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo This account is not available; exit 1", "This account is not available"),
        ("echo 'rbash: exec: restricted' >&2; exit 126", "restricted"),
        ("exit 0", "does not run /bin/sh"),
    ],
)
async def test_restricted_shells(text: str, words: str, tmp_path: Path) -> None:
    shell = tmp_path / "restricted"
    shell.write_text(f"#!/bin/sh\n{text}\n")
    shell.chmod(0o755)
    async with sshd(tmp_path, str(shell)) as host:
        transport = await host.connect()
        with pytest.raises(RestrictedShell) as refused:
            await transport.run(Request(ECHO))
        with pytest.raises(RestrictedShell):
            async with transport.stream(Request(TICKS)):
                pass
        await transport.close()
        assert words in refused.value.message
        assert refused.value.cure


@pytest.mark.parametrize(
    "words",
    [
        "/bin/sh: 1: Cannot fork",
        "bash: fork: retry: Resource temporarily unavailable",
        "sh: can't fork: Resource temporarily unavailable",
        "zsh: fork failed: resource temporarily unavailable",
        "No more processes.",
    ],
)
async def test_a_host_without_a_process_to_spare_is_tried_again(words: str, tmp_path: Path) -> None:
    shell = tmp_path / "busy"
    shell.write_text(f'#!/bin/sh\necho "{words}" >&2\nexit 2\n')
    shell.chmod(0o755)
    async with sshd(tmp_path, str(shell)) as host:
        transport = await host.connect()
        with pytest.raises(Unreachable, match="no process to spare") as busy:
            await transport.run(Request(ECHO))
        with pytest.raises(Unreachable, match="no process to spare"):
            async with transport.stream(Request(TICKS)):
                pass
        await transport.close()
        assert words in busy.value.message
        assert busy.value.cure
        assert Backoff().failed(busy.value) is not None


async def test_the_gate_is_asked_before_anything_is_sent(host: Host) -> None:
    transport = await SshTransport.connect(host.target, gate=Gate(REGISTRY))
    with pytest.raises(Refused):
        await transport.run(Request(CHANGE, limits=Limits(seconds=0.3)))
    with pytest.raises(Refused):
        async with transport.stream(Request(CHANGE)):
            pass
    await transport.close()
    assert host.commands == []


async def test_every_byte_comes_back(host: Host) -> None:
    """D4: bytes that are no text leave the connection standing, one-shot and stream."""
    transport = await host.connect()
    reply = await transport.run(Request(ALL_BYTES))
    assert reply.body("a") == bytes(range(256))
    async with transport.stream(Request(ALL_BYTES)) as events:
        found = [event async for event in events]
    assert b"".join(event.body for event in found if isinstance(event, Data)) == bytes(range(256))
    assert (found[0], found[-1]) == (Begin("a", ()), End(0))
    assert (await transport.run(Request(ECHO))).status == 3
    await transport.close()


async def test_five_megabytes_in_a_line(host: Host) -> None:
    """D5: no line is split or joined on the way."""
    transport = await host.connect()
    reply = await transport.run(Request(FAR))
    await transport.close()
    assert reply.body("a") == b"x" * 5_000_000 + b"\nafter\n"


async def test_much_data_goes_up(host: Host) -> None:
    data = b"".join(b"4AMKa1x%07d\n" % number for number in range(50_000))
    transport = await host.connect()
    reply = await transport.run(Request(BYTES, data))
    await transport.close()
    assert reply.body("a") == data


async def test_data_that_nobody_reads_holds_nothing_up(host: Host) -> None:
    transport = await host.connect()
    assert (await transport.run(Request(ALL_BYTES, b"x" * 1_000_000))).status == 0
    await transport.close()
    await until(lambda: not host.alive())


@pytest.mark.parametrize("stuck", [HANG, STUBBORN])
async def test_a_command_that_never_returns(stuck: Script, host: Host) -> None:
    """D23: ended here by time, and on the host within 3 s; the channel is free again."""
    transport = await host.connect()
    with pytest.raises(TimedOut):
        await transport.run(Request(stuck, limits=Limits(seconds=0.3)))
    await until(lambda: not host.alive())
    assert (await transport.run(Request(ECHO))).status == 3
    await transport.close()


async def test_a_change_that_does_not_return_has_an_unknown_outcome(host: Host) -> None:
    transport = await host.connect()
    reply = await transport.run(Request(CHANGE, limits=Limits(seconds=0.3)))
    await transport.close()
    assert (reply.status, reply.complete, reply.body("a")) == (None, False, b"begun\n")


async def test_a_command_that_prints_for_ever(host: Host) -> None:
    """D23: bounded by bytes."""
    transport = await host.connect()
    with pytest.raises(TimedOut, match="printed more than 1,000,000 bytes; it was ended on the host"):
        await transport.run(Request(FLOOD, limits=Limits(seconds=5, output=1_000_000)))
    await until(lambda: not host.alive())
    await transport.close()


async def test_a_command_that_ends_early(host: Host) -> None:
    """D23: killed on the host, the run has no end: its outcome is unknown, a stream raises."""
    transport = await host.connect()
    reply = await transport.run(Request(DIES))
    assert (reply.status, reply.body("a")) == (None, b"half\n")
    with pytest.raises(Unreachable, match="cut"):
        async with transport.stream(Request(DIES)) as events:
            async for _ in events:
                pass
    await transport.close()


async def test_a_stream_that_is_left(host: Host) -> None:
    transport = await host.connect()
    async with transport.stream(Request(TICKS)) as events:
        seen = b""
        async for event in events:
            seen += event.body if isinstance(event, Data) else b""
            if len(seen) > 20:
                break
    await until(lambda: not host.alive())
    await transport.close()


async def test_an_unread_stream_holds_the_host_not_our_memory(host: Host) -> None:
    transport = await host.connect()
    async with transport.stream(Request(FLOOD)) as events:
        await anext(events)
        assert isinstance(events, Stream)
        size = -1

        def at_rest() -> bool:
            nonlocal size
            before, size = size, events._ahead
            return size == before and size > 0

        for _ in range(20):
            await until(at_rest)
        assert size < 8_000_000
    await until(lambda: not host.alive())
    await transport.close()


async def test_a_cancelled_run_ends_on_the_host(host: Host) -> None:
    transport = await host.connect()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(transport.run(Request(HANG)))
        await until(lambda: any("601" in line for line in host.alive()))
        task.cancel()
    await until(lambda: not host.alive())
    await transport.close()


@pytest.mark.parametrize("request_", [Request(HANG), Request(STUBBORN)], ids=["hang", "stubborn"])
async def test_the_connection_is_aborted(request_: Request, host: Host) -> None:
    """D24: no farewell, no close: the host's watchdog sees the end of its input."""
    transport = await host.connect()
    async with transport.stream(request_) as events:
        await until(lambda: any("sleep" in line for line in host.alive()))
        assert transport._connection is not None
        transport._connection.abort()
        with pytest.raises(Unreachable):
            async for _ in events:
                pass
        assert transport.lost.is_set()
    with pytest.raises(Unreachable):
        await transport.run(Request(ECHO))
    await until(lambda: not host.alive())
    await transport.close()


async def test_a_run_whose_connection_is_lost_is_unknown(host: Host) -> None:
    transport = await host.connect()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(transport.run(Request(CHANGE)))
        await until(lambda: any("sleep 600" in line for line in host.alive()))
        assert transport._connection is not None
        transport._connection.abort()
    assert task.result().status is None
    await transport.close()


CLIENT = """
import asyncio, sys
from pathlib import Path
from mailtui.procedure import Registry, Request, Script
from mailtui.transport.gate import Gate
from mailtui.transport.ssh import SshTransport
from mailtui.transport.target import Target

async def main(folder, port):
    registry = Registry()
    hang = registry.add(Script("test/hang", b"section a; echo begun; sleep 600 & sleep 601"))
    target = Target("mx1", "127.0.0.1", port, "oncall", folder / "key", (folder / "known_hosts",), config=())
    transport = await SshTransport.connect(target, gate=Gate(registry))
    async with transport.stream(Request(hang)) as events:
        await anext(events)
        print("begun", flush=True)
        async for _ in events:
            pass

asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_the_console_is_killed(how: signal.Signals, host: Host) -> None:
    """D24: kill -9 of the client leaves nothing on the host."""
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLIENT, str(host.folder), str(host.port), stdout=-1
    )
    assert client.stdout is not None
    assert await client.stdout.readline() == b"begun\n"
    await until(lambda: any("sleep 601" in line for line in host.alive()))
    client.send_signal(how)
    await client.wait()
    await until(lambda: not host.alive())


async def test_a_half_open_link(host: Host) -> None:
    """D24: no end of input, only no heartbeat; the host side ends it by itself."""
    transport = await host.connect(silence=1)
    async with transport.stream(Request(HANG)) as events:
        await anext(events)
        await until(lambda: any("sleep 601" in line for line in host.alive()))
        await until(lambda: not host.alive(), within=4)
        with pytest.raises(Unreachable):
            async for _ in events:
                pass
    await transport.close()


async def test_heartbeats_keep_a_stream(host: Host) -> None:
    """The counterpart: with heartbeats it lives on past the silence."""
    transport = await host.connect(silence=1)
    transport._pulse = Pulse(transport.link, beat=0.2, every=0.2)
    began = time.monotonic()
    async with transport.stream(Request(TICKS)) as events:
        async for _ in events:
            if time.monotonic() - began > 2.5:
                break
        assert transport.link.latency is not None
        assert 0 < transport.link.latency < 1
        assert not transport.link.stale
    await transport.close()


async def test_an_idle_link_knows_when_it_was_heard(host: Host) -> None:
    transport = await host.connect()
    await transport.run(Request(ECHO))
    assert transport.link.idle
    received = transport.link.probe()
    if sys.platform == "linux":
        assert received is not None
    await until(lambda: transport.link.silent > 0.1 or received is None)
    assert not transport.link.stale
    await transport.close()


async def test_a_silent_peer_is_noticed(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """No end, no error, only silence: asked for a sign of life, it gives none, and the link is lost."""
    monkeypatch.setattr(connect, "KEEPALIVE", 0.1)
    transport = await host.connect()
    peer = host.connections[-1]._transport
    assert isinstance(peer, asyncio.Transport)
    peer.pause_reading()
    await until(transport.lost.is_set)
    with pytest.raises(Unreachable, match="closed"):
        await transport.run(Request(ECHO))
    peer.resume_reading()
    await transport.close()


async def test_six_channels_at_most(host: Host) -> None:
    """Twice as many are seen on the host at worst: a closed channel's shell takes a moment to leave."""
    host.max_sessions = 1000
    transport = await host.connect()
    replies = await asyncio.gather(*(transport.run(Request(SLOW, b"%d\n" % number)) for number in range(40)))
    await transport.close()
    assert [reply.body("all") for reply in replies] == [b"%d\n" % number for number in range(40)]
    assert host.most <= 2 * ssh.CHANNELS


@pytest.mark.parametrize("allowed", [1, 2])
async def test_max_sessions_makes_requests_wait(allowed: int, host: Host) -> None:
    """D27: a full sshd is waited for, not reported."""
    host.max_sessions = allowed
    transport = await host.connect()
    replies = await asyncio.gather(*(transport.run(Request(ECHO, b"%d\n" % number)) for number in range(6)))
    await transport.close()
    assert [reply.body("all") for reply in replies] == [b"%d\n" % number for number in range(6)]
    assert host.refused
    assert host.most <= allowed


async def test_no_session_at_all(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "_OPEN", 0.3)
    host.max_sessions = 0
    transport = await host.connect()
    with pytest.raises(NotBegun, match="no free session") as late:
        await transport.run(Request(ECHO))
    assert "MaxSessions" in late.value.cure
    await transport.close()


async def test_open_stream(host: Host) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 " + await reader.readline())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    transport = await host.connect()
    stream = await transport.open_stream("127.0.0.1", server.sockets[0].getsockname()[1])
    await stream.write(b"hello\n")
    assert await stream.read(100) == b"220 hello\n"
    await stream.close()
    with pytest.raises(Unreachable):
        await transport.open_stream("127.0.0.1", 1)
    await transport.close()
    server.close()
    await server.wait_closed()


async def test_a_tcp_connection_takes_a_channel(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "CHANNELS", 1)
    monkeypatch.setattr(ssh, "_OPEN", 0.3)
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport = await host.connect()
    for _ in range(2):
        stream = await transport.open_stream("127.0.0.1", port)
        with pytest.raises(NotBegun, match="no free session"):
            await transport.run(Request(ECHO))
        with pytest.raises(NotBegun, match="in use"):
            await transport.open_stream("127.0.0.1", port)
        await stream.close()
        await stream.close()
    with pytest.raises(Unreachable):
        await transport.open_stream("127.0.0.1", 1)
    monkeypatch.setattr(ssh, "_OPEN", 20)
    assert (await transport.run(Request(ECHO))).status == 3
    await transport.close()
    server.close()
    await server.wait_closed()


async def test_the_users_configuration_does_not_reach_the_session(host: Host, tmp_path: Path) -> None:
    """D12: RemoteCommand, RequestTTY, SendEnv, SetEnv and ForwardAgent take no effect."""
    config = tmp_path / "config"
    config.write_text(
        f"Host mx1\n HostName 127.0.0.1\n Port {host.port}\n User oncall\n IdentityFile {tmp_path}/key\n"
        f" UserKnownHostsFile {tmp_path}/known_hosts\n ForwardAgent yes\n RequestTTY force\n"
        " RemoteCommand echo owned\n SendEnv *\n SetEnv LC_ALL=tr_TR BASH_ENV=/tmp/x\n ForwardX11 yes\n"
        " Compression yes\n"
    )
    transport = await SshTransport.connect(Target("mx1", config=(config,)), gate=Gate(REGISTRY))
    reply = await transport.run(Request(ECHO, b"a\n"))
    await transport.close()
    assert (reply.status, reply.body("all")) == (3, b"a\n")
    assert host.commands == [(BOOTSTRAP, None, {}, None)]


async def test_through_a_jump_host(host: Host, tmp_path: Path) -> None:
    target = host.target
    config = tmp_path / "config"
    config.write_text(f"Host *\n IdentityFile {tmp_path}/key\n User oncall\n")
    target = Target(
        "inner", "127.0.0.1", host.port, "oncall", tmp_path / "key", target.known_hosts,
        jump=f"oncall@127.0.0.1:{host.port}", config=(config,),
    )  # fmt: skip
    now = 100.0
    clock = replace(SYSTEM, monotonic=lambda: now)
    transport = await SshTransport.connect(target, gate=Gate(REGISTRY), clock=clock)
    assert (await transport.run(Request(ECHO, b"a\n"))).body("all") == b"a\n"
    now += 60
    assert transport.link.silent == 0
    async with transport.stream(Request(HANG)) as events:
        await until(lambda: any("sleep 601" in line for line in host.alive()))
        await anext(events)
        now += 7
        # the jump host was heard just now; that says nothing of the host behind it
        assert transport.link.stale
    await transport.close()
    strange = tmp_path / "empty"
    strange.touch()
    with pytest.raises(HostKeyRefused):
        await SshTransport.connect(
            Target("inner", "127.0.0.1", host.port, "oncall", tmp_path / "key", (strange,),
                   jump=f"oncall@127.0.0.1:{host.port}", config=(config,)),
            gate=Gate(REGISTRY),
        )  # fmt: skip


async def test_a_refused_login_names_what_was_tried(host: Host) -> None:
    host.accepts = False
    with pytest.raises(AuthenticationFailed) as refused:
        await host.connect()
    assert "login oncall" in refused.value.message
    assert str(host.folder / "key") in refused.value.message
    assert "no agent" in refused.value.message
    assert "authorized_keys" in refused.value.cure


async def test_a_locked_key_needs_its_passphrase(host: Host) -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed here")
    (host.folder / "key").unlink()
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", host.folder / "key"], check=True, timeout=20
    )
    with pytest.raises(NeedsInput) as refused:
        await host.connect()
    assert refused.value.cure == f"ssh-add {host.folder / 'key'}"


async def test_nothing_listens(host: Host) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(Unreachable, match="nothing listens"):
        await SshTransport.connect(Target("mx1", "127.0.0.1", port, config=()), gate=Gate(REGISTRY))


async def test_the_name_does_not_resolve() -> None:
    with pytest.raises(Unreachable, match="does not resolve") as failed:
        await SshTransport.connect(Target("mx9.invalid", config=()), gate=Gate(REGISTRY))
    assert "Host entry" in failed.value.cure


class Mute(asyncio.Protocol):
    """A server that says one thing at most."""

    def __init__(self, banner: bytes | None) -> None:
        self._banner = banner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if self._banner is None:
            transport.close()
        else:
            transport.write(self._banner)


@pytest.mark.parametrize(
    ("banner", "error", "words"),
    [
        (b"", TimedOut, "did not let us in"),
        (b"SSH-2.0-silent\r\n", TimedOut, "did not let us in"),
        (b"220 mx1 ESMTP\r\n" * 2000, Unreachable, "ended before login"),
        (None, Unreachable, r"ended before login|hung up"),
    ],
    ids=["silent", "banner", "smtp", "hangs-up"],
)
async def test_servers_that_are_no_sshd(
    banner: bytes | None, error: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "LOGIN", 0.3)
    server = await asyncio.get_running_loop().create_server(lambda: Mute(banner), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(error, match=words):
        await SshTransport.connect(Target("mx1", "127.0.0.1", port, "root", config=()), gate=Gate(REGISTRY))
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    "weak",
    [
        {"encryption_algs": ["aes256-cbc"]},
        {"mac_algs": ["hmac-sha1"], "encryption_algs": ["aes256-ctr"]},
        {"kex_algs": ["diffie-hellman-group14-sha1"]},
    ],
    ids=["cbc", "sha1-mac", "sha1-kex"],
)
async def test_weak_methods_are_refused(weak: dict[str, list[str]], tmp_path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.create_server(asyncssh.SSHServer, "127.0.0.1", 0, server_host_keys=[key], **weak)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(Unreachable, match="safe"):
        await SshTransport.connect(Target("mx1", "127.0.0.1", port, "root", config=()), gate=Gate(REGISTRY))
    server.close()
    await server.wait_closed()
