"""The demo's server process: makes the fleet, says where it is, waits for the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from mailtui.demo import DemoOptions
from mailtui.demo.fleet import DemoFleet
from mailtui.errors import UsageError

_SLOW = 5_000
"""From so many messages on, making them takes long enough to tell how far it is."""


async def serve_until_told(options: DemoOptions, ready: int | None = None) -> int:
    """Serve a fleet until a signal says stop, or where a parent gave a handle to say `ready` on, until it is gone."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    if ready is not None:
        loop.add_reader(sys.stdin.fileno(), stop.set)
    fleet = DemoFleet(options.hosts, options.messages, options.seed, options.directory, options.rate)
    if options.messages >= _SLOW:
        fleet.progress = lambda made: _say(f"{made:,} of {options.messages:,} messages made")
    async with fleet:
        with _written(options.config_out, fleet.config_path.read_bytes()):
            _say(f"{options.hosts} demo hosts are ready; configuration: {options.config_out}")
            if ready is not None:
                os.write(ready, b"1")
                os.close(ready)
            await stop.wait()
    return 0


@contextlib.contextmanager
def _written(path: Path | None, content: bytes) -> Iterator[None]:
    """Write the configuration to a new file and remove it at the end, unless another stands there by then."""
    if path is None:
        yield
        return
    try:
        made = _write(path, content)
    except OSError as error:
        cure = "name a new file in a directory that you may write to"
        raise UsageError(f"--config-out {path}: {error.strerror}", cure) from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if os.path.samestat(path.lstat(), made):
                path.unlink()


def _write(path: Path, content: bytes) -> os.stat_result:
    """Write a new file in one step: whoever waits for it never reads half of it, and none that exists is touched."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, content)
        # Unlike a rename, a link never replaces a file.
        os.link(temporary, path)
        return os.fstat(handle)
    finally:
        os.close(handle)
        temporary.unlink()


def _say(text: str) -> None:
    sys.stderr.write(f"mailtui demo: {text}\n")
    sys.stderr.flush()
