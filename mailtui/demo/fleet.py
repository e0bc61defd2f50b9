"""The demo's fleet: hosts made, served, kept alive and removed again without a trace."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Final

import asyncssh

from mailtui.demo import history
from mailtui.demo.life import Life
from mailtui.demo.machine import Machine
from mailtui.demo.maillog import MailLog, machine_zone
from mailtui.demo.place import own_directory
from mailtui.demo.server import LOGIN, HostServer
from mailtui.demo.world import World, shares

_STAND_INS: Final = "mailtui.demo.hostside"
_PROGRAMS: Final = ("listing.py", "acting.py", "burst.py")
_UPTIME: Final = 19 * 86_400.0
_PATH: Final = "/usr/local/bin:/usr/bin:/bin"


class DemoFleet:
    """Makes the hosts on entering and removes them, with whatever their sessions left running, on leaving."""

    def __init__(
        self, hosts: int = 3, messages: int = 600, seed: int = 1, directory: Path | None = None, rate: float = 1.0
    ) -> None:
        self._shares = shares(hosts, messages)
        self._seed = seed
        self._parent = directory
        self._rate = rate
        self._stack = contextlib.AsyncExitStack()
        self.directory = Path()
        """Where everything of the fleet lies; made on entering."""
        self.lives: dict[str, Life] = {}
        """What goes on on each host, by name."""
        self.servers: dict[str, HostServer] = {}
        """Each host's SSH server, by name."""
        self.progress: Callable[[int], None] = lambda made: None
        """Called from a thread with the number of messages made so far, now and then."""

    @property
    def config_path(self) -> Path:
        """Give the configuration that a console reads to reach the fleet."""
        return self.directory / "config.yaml"

    def root(self, host: str) -> Path:
        """Give a host's own directory."""
        return self.directory / host

    async def __aenter__(self) -> DemoFleet:
        async with contextlib.AsyncExitStack() as stack:
            self.directory = stack.enter_context(own_directory(self._parent))
            await asyncio.to_thread(self._build)
            await self._listen(stack)
            self._write_configuration()
            group = await stack.enter_async_context(asyncio.TaskGroup())
            for life in self.lives.values():
                task = group.create_task(life.run(), name=f"life of {life.world.name}")
                stack.callback(task.cancel)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @contextlib.asynccontextmanager
    async def burst(self, host: str, lines_per_second: int) -> AsyncIterator[asyncio.subprocess.Process]:
        """Append numbered lines to a host's log at this rate, from a process of its own, until left.

        At its end that process prints one JSON object: lines written, seconds, CPU seconds.
        """
        world = self.lives[host].world
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-IS", str(self.directory / "lib/burst.py"), str(world.log_path), host,
            str(lines_per_second), stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.PIPE, env={"PATH": _PATH},
        )  # fmt: skip
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()

    def _build(self) -> None:
        """Make stand-ins, hosts and their past."""
        self._write_stand_ins()
        now, zone = time.time(), machine_zone()
        for share in self._shares:
            world = World(self.root(share.name), share.name, share.character, self._seed)
            world.build(now, share.messages, self.progress)
            log = MailLog(world.log_path, world.name, zone, iso=share.character.iso)
            history.write_past(world, log, now)
            machine = Machine(world, now - _UPTIME)
            machine.begin(now)
            self.lives[share.name] = Life(world, log, machine, self._rate)

    def _write_stand_ins(self) -> None:
        for folder in ("bin", "lib"):
            (self.directory / folder).mkdir(mode=0o700)
        for source in resources.files(_STAND_INS).iterdir():
            if source.name.endswith(".sh"):
                target = self.directory / "bin" / source.name.removesuffix(".sh")
            elif source.name in _PROGRAMS:
                target = self.directory / "lib" / source.name
            else:
                continue
            target.write_bytes(source.read_bytes())
            target.chmod(0o700)

    async def _listen(self, stack: contextlib.AsyncExitStack) -> None:
        """Start a server for each host; keys live as long as the fleet."""
        client = asyncssh.generate_private_key("ssh-ed25519", comment="mailtui demo")
        keys = self.directory / "keys"
        keys.mkdir(mode=0o700)
        _private(keys / "client", client.export_private_key())
        known = []
        for name in self.lives:
            host_key = asyncssh.generate_private_key("ssh-ed25519")
            server = HostServer(self._environment(name), self.root(name) / "home")
            stack.push_async_callback(server.close)
            await server.start(host_key, client)
            public = host_key.export_public_key().decode().split()
            known.append(f"[127.0.0.1]:{server.port} {public[0]} {public[1]}\n")
            self.servers[name] = server
        _private(keys / "known_hosts", "".join(known).encode())

    def _environment(self, name: str) -> dict[str, str]:
        """Give what a login on this host finds in its environment; nothing of ours leaks into it."""
        root = self.root(name)
        return {
            "HOME": str(root / "home"),
            "USER": LOGIN,
            "LOGNAME": LOGIN,
            "SHELL": "/bin/sh",
            "PATH": f"{self.directory / 'bin'}:{_PATH}",
            "MAILTUI_PROC": str(root / "proc"),
            "MAILTUI_DEMO_NAME": name,
            "MAILTUI_DEMO_HOST": str(root),
            "MAILTUI_DEMO_LIB": str(self.directory / "lib"),
            "MAILTUI_DEMO_PYTHON": sys.executable,
        }

    def _write_configuration(self) -> None:
        """Write the configuration; JSON strings are YAML's double-quoted ones."""
        keys = self.directory / "keys"
        lines = ["version: 1", "hosts:"]
        for name, server in self.servers.items():
            log = json.dumps(str(self.lives[name].world.log_path))
            lines += [
                f"  {name}:",
                "    address: 127.0.0.1",
                f"    port: {server.port}",
                f"    user: {LOGIN}",
                f"    identity: {json.dumps(str(keys / 'client'))}",
                f"    known_hosts: {json.dumps(str(keys / 'known_hosts'))}",
                "    jump: none",
                "    tags: [demo]",
                f"    logs: [{log}]",
            ]
        lines += ["groups:", f"  fleet: [{', '.join(self.servers)}]", ""]
        _private(self.config_path, "\n".join(lines).encode())


def _private(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, content)
    finally:
        os.close(handle)
