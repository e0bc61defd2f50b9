"""Making a host trusted: its key is fetched, compared by fingerprint, and kept in our own known_hosts file."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncssh

from mailtui.errors import HostKeyRefused, TimedOut, Unreachable
from mailtui.text import show_line
from mailtui.transport.connect import gateway
from mailtui.transport.hostkeys import fingerprint, state_file
from mailtui.transport.target import HOST_KEYS, NO_KEX, Target, config_files, resolve

_FETCH: Final = 20.0


@dataclass(frozen=True, slots=True)
class HostKey:
    """A host's key as it was shown, trusted by nobody yet."""

    host: str
    """The name for known_hosts, with the port where it is not 22."""
    line: str
    """Kind and key in the form of known_hosts."""
    fingerprint: str


async def fetch_key(target: Target) -> HostKey:
    """Ask a host for its key, without logging in.

    Raises Unreachable or TimedOut; for the hosts on the way, what `connect` raises.
    """
    resolved = await resolve(target)
    try:
        async with gateway(resolved) as tunnel, asyncio.timeout(_FETCH):
            key = await asyncssh.get_server_host_key(
                resolved.host,
                resolved.port,
                tunnel=tunnel,
                config=config_files(target),
                kex_algs=NO_KEX,
                server_host_key_algs=list(HOST_KEYS),
            )
    except TimeoutError:
        raise TimedOut(f"{resolved.place} showed no host key within {_FETCH:g} s") from None
    except (OSError, asyncssh.Error) as error:
        raise Unreachable(f"{resolved.place} shows no host key: {show_line(str(error))}") from error
    if key is None:
        raise Unreachable(f"{resolved.place} shows no host key")
    line = key.export_public_key("openssh").decode().split()
    return HostKey(resolved.known_as, " ".join(line[:2]), fingerprint(key))


async def trust(target: Target, wanted: str) -> HostKey:
    """Trust a host's key from now on, if it has the fingerprint that the user has compared.

    Raises HostKeyRefused for another fingerprint.
    """
    key = await fetch_key(target)
    if key.fingerprint != wanted:
        raise HostKeyRefused(
            f"{target.name} shows {key.fingerprint}, not {show_line(wanted)}",
            "compare the fingerprint on the host itself, on its console or through someone who is there",
            offered=key.fingerprint,
            known=(wanted,),
        )
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
