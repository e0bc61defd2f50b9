"""The demo: a small fleet of mail hosts on this machine, behind a real SSH server, that needs no root and no network.

The fleet runs in a process of its own, so that a console shown beside it is as quick as with real hosts.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailtui.errors import MailtuiError, UsageError
from mailtui.text import show_line

_LOG = logging.getLogger(__name__)

_PATIENCE: Final = 60.0
"""Seconds that the fleet has to take itself away; a huge queue takes its time."""
MOST_HOSTS: Final = 50
"""Larger fleets are refused: each host is a server and a life of its own."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What `mailtui demo` is asked for."""

    hosts: int = 3
    messages: int = 600
    seed: int = 1
    rate: float = 1.0
    """How fast life goes: at 0 nothing comes or goes, 10 is ten times the traffic."""
    directory: Path | None = None
    """Where to make the fleet's directory; None is the system's place for temporary files."""
    serve_only: bool = False
    config_out: Path | None = None
    """With serve_only: where to write the configuration once all hosts answer."""

    def check(self) -> None:
        """Refuse what cannot be served (UsageError)."""
        if not 1 <= self.hosts <= MOST_HOSTS:
            raise UsageError(f"--hosts is {self.hosts}, but 1 to {MOST_HOSTS} hosts can be shown")
        if self.messages < 0:
            raise UsageError(f"--messages is {self.messages}, but a queue holds 0 messages or more")
        if self.rate < 0:
            raise UsageError(f"--rate is {self.rate}, but life goes on at 0 or more")
        if self.directory is not None and not self.directory.is_dir():
            raise UsageError(f"--directory {self.directory} is no directory")
        if self.serve_only and self.config_out is None:
            raise UsageError("--serve-only needs --config-out FILE: where to write the configuration")
        if self.config_out is not None:
            self._check_config_out(self.config_out)

    def _check_config_out(self, path: Path) -> None:
        if not self.serve_only:
            raise UsageError("--config-out goes with --serve-only", "the console gets its configuration by itself")
        if os.path.lexists(path):
            raise UsageError(f"--config-out {path} exists", "name a new file, or remove this one first")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise UsageError(
                f"--config-out {path}: {path.parent} is no directory that you may write to", "name another"
            )


def run_demo(options: DemoOptions, console: Callable[[Path], int]) -> int:
    """Serve a fleet until told to stop, or run a console beside it with the fleet's configuration.

    `console` gets the path of a configuration and returns the exit status; with `serve_only` it is not called.
    """
    options.check()
    if options.serve_only:
        return serve(options)
    with _served(options) as config:
        return console(config)


def serve(options: DemoOptions, *, ready: int | None = None) -> int:
    """Serve a fleet until SIGTERM, SIGINT or SIGHUP.

    A parent gives `ready`, a file handle that gets one byte once all hosts answer; its own end, even by SIGKILL, then
    shows as the end of our standard input and ends us too.
    """
    import asyncio

    from mailtui.demo.serving import serve_until_told

    return asyncio.run(serve_until_told(options, ready))


@contextlib.contextmanager
def _served(options: DemoOptions) -> Iterator[Path]:
    """Run the fleet in a process of its own; it leaves when we do, even when we are killed."""
    folder = Path(tempfile.mkdtemp(prefix="mailtui-config-"))
    config = folder / "config.yaml"
    command = [
        sys.executable, "-m", "mailtui.demo", "--serve-only", "--config-out", str(config),
        "--hosts", str(options.hosts), "--messages", str(options.messages), "--seed", str(options.seed),
        "--rate", str(options.rate), *(["--directory", str(options.directory)] if options.directory else []),
    ]  # fmt: skip
    ready, ready_end = os.pipe()
    try:
        # A session of its own: the terminal's Ctrl-C is for the console.
        fleet = subprocess.Popen(
            [*command, "--ready-fd", str(ready_end)],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, pass_fds=(ready_end,),
        )  # fmt: skip
        os.close(ready_end)
        up = threading.Event()
        words = threading.Thread(target=_pass_on, args=(fleet, up), daemon=True)
        words.start()
        try:
            if not os.read(ready, 1):
                words.join(_PATIENCE)
                raise MailtuiError("the demo's hosts did not start", "What kept them stands above.")
            up.set()
            yield config
        finally:
            _stop(fleet)
            words.join(_PATIENCE)
    finally:
        os.close(ready)
        shutil.rmtree(folder, ignore_errors=True)


def _pass_on(fleet: subprocess.Popen[bytes], up: threading.Event) -> None:
    """Show what the fleet says while it starts; afterwards it would be painted over the console, so it is logged."""
    if fleet.stderr is None:
        return
    with fleet.stderr:
        for line in fleet.stderr:
            words = show_line(line.rstrip())
            if up.is_set():
                _LOG.warning("the demo's fleet says: %s", words)
            else:
                sys.stderr.write(f"{words}\n")
                sys.stderr.flush()


def _stop(fleet: subprocess.Popen[bytes]) -> None:
    """Ask the fleet to leave, and wait until it has cleaned up."""
    fleet.send_signal(signal.SIGTERM)
    try:
        fleet.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        fleet.kill()
        fleet.wait()
    if fleet.stdin is not None:
        fleet.stdin.close()
