"""Making a host trusted: its key is fetched, compared by fingerprint, and kept in our own known_hosts file."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncssh

from mailtui.errors import HostError, HostKeyRefused, TimedOut, Unreachable
from mailtui.text import show_line
from mailtui.transport import hostkeys
from mailtui.transport.connect import CONNECT, Client, broken, connect, late, no_connection, options_of, shut
from mailtui.transport.hostkeys import fingerprint, state_file
from mailtui.transport.target import HOST_KEYS, Resolved, Target, resolve

FETCH: Final = 20.0
"""Seconds that a host has to show its key, unless the caller says otherwise."""


@dataclass(frozen=True, slots=True)
class HostKey:
    """A host's key as it was shown, trusted by nobody yet."""

    host: str
    """The name for known_hosts, with the port where it is not 22."""
    line: str
    """Kind and key in the form of known_hosts."""
    fingerprint: str
    trusted: bool
    """True where a known_hosts file holds it already."""
    hop: str = ""
    """The host on the way whose key it is, the first that is not trusted; none where it is the host's own."""


async def fetch_key(target: Target, seconds: float = FETCH, wanted: str | None = None) -> HostKey:
    """Ask a host for its key, without logging in: for one that is trusted already, or has a fingerprint, if it has one.

    Where a host on the way to it is not trusted, it is that one's key. Raises Unreachable or TimedOut, HostKeyRefused
    where the SSH configuration lets any key do; for the hosts on the way, what else `connect` raises.
    """
    resolved = await resolve(target)
    limit = asyncio.get_running_loop().time() + seconds
    tunnel: asyncssh.SSHClientConnection | None = None
    try:
        async with asyncio.timeout_at(limit), AsyncExitStack() as stack:
            for hop in resolved.hops:
                way = await resolve(hop)
                try:
                    tunnel = await connect(way, tunnel=tunnel)
                except HostKeyRefused:
                    return await _asked(way, tunnel, limit, wanted)
                stack.push_async_callback(shut, tunnel)
            return await _asked(resolved, tunnel, limit, wanted)
    except HostError:
        raise
    except TimeoutError:
        raise TimedOut(
            f"{resolved.place} showed no host key within {seconds:g} s", "raise --timeout, or look at its load"
        ) from None


async def _asked(
    resolved: Resolved, tunnel: asyncssh.SSHClientConnection | None, limit: float, wanted: str | None
) -> HostKey:
    """Ask the host at the end of a tunnel for the key that is trusted or wanted, and else for any."""
    known = hostkeys.trusted(await asyncio.to_thread(hostkeys.known_hosts, resolved), resolved)
    plain = tuple(name for name in known.algorithms() if name in HOST_KEYS)
    for algorithms in dict.fromkeys((plain, HOST_KEYS)):
        key = await _shown(resolved, tunnel, algorithms, limit)
        if wanted is None or fingerprint(key) == wanted:
            break
    line = key.export_public_key("openssh").decode().split()
    is_known = key in known.keys and key not in known.revoked
    hop = show_line(resolved.place) if resolved.target.behind else ""
    return HostKey(resolved.known_as, " ".join(line[:2]), fingerprint(key), is_known, hop)


async def _shown(
    resolved: Resolved, tunnel: asyncssh.SSHClientConnection | None, algorithms: tuple[str, ...], limit: float
) -> asyncssh.SSHKey:
    """Connect as if no key were known, so that the host's key is refused before any login, and give that key."""
    loop = asyncio.get_running_loop()
    stands = False

    def connected() -> None:
        nonlocal stands
        stands = True
        until.reschedule(limit)

    client = Client(connected, lambda _: None)
    options = options_of(resolved, asyncssh.SSHKnownHosts()) | {
        "server_host_key_algs": list(algorithms),
        "client_keys": None,
        "agent_identities": None,
    }
    try:
        async with asyncio.timeout_at(min(limit, loop.time() + CONNECT)) as until:
            connection = await asyncssh.connect(
                resolved.target.host, tunnel=tunnel, client_factory=lambda: client, **options
            )
            connection.abort()
    except TimeoutError as error:
        if not until.expired():
            raise no_connection(resolved, error) from error
        if stands or loop.time() >= limit:
            raise
        raise late(resolved, stands) from None
    except asyncssh.HostKeyNotVerifiable:
        pass  # as it must be: nothing was known
    except asyncssh.Error as error:
        raise broken(resolved, error) from error
    except OSError as error:
        raise no_connection(resolved, error) from error
    if client.offered is None:
        raise Unreachable(f"{resolved.place} shows no host key")
    return client.offered


async def trust(target: Target, wanted: str, seconds: float = FETCH) -> HostKey:
    """Trust a host's key from now on, if it has the fingerprint that the user has compared.

    Raises HostKeyRefused for another fingerprint.
    """
    key = await fetch_key(target, seconds, wanted)
    if key.fingerprint != wanted:
        raise HostKeyRefused(
            f"{key.hop or target.name} shows {key.fingerprint}, not {show_line(wanted)}",
            "compare the fingerprint on the host itself, on its console or through someone who is there",
            offered=key.fingerprint,
            known=(wanted,),
        )
    if not key.trusted:
        await asyncio.to_thread(_remember, state_file(), key)
    return key


def _remember(path: Path, key: HostKey) -> None:
    """Write a key into our file, in place of what stood there for this host."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    kept = [line for line in _lines(path) if line.split(" ", 1)[0] != key.host]
    new = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in [*kept, f"{key.host} {key.line}"])
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _lines(path: Path) -> Iterable[str]:
    """Read our file, unless it is something else that somebody put there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise HostKeyRefused(f"{path} is not ours to read: {error.strerror}", f"look at {path}, and move it") from error
    with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise HostKeyRefused(f"{path} is no file", f"look at {path}, and move it")
        return file.read().splitlines()
