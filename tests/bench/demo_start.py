"""How long `make demo` takes on a fresh clone, beside `pip install` of the locked requirements alone.

    python -m tests.bench.demo_start [PAIRS]

Both in turn, each in a new clone of what is committed here, on the same machine and with the same pip cache; the first
pair, which fills the cache, does not count. The demo runs in a terminal; it has opened when the first host's row is on
the screen, and is useful when that row has its queue.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from dataclasses import dataclass
from pathlib import Path

import pyte

ROOT = Path(__file__).parents[2]
PYTHON = os.environ.get("PYTHON", "python3")
SIZE = (120, 36)
PATIENCE = 300.0
GOAL = 5.0
"""Seconds that the demo may take longer than pip alone."""
ROW = re.compile(r"^│[▌ !~]{1,8}mx\d ")
"""A host of the demo in the overview."""
FILLED = re.compile(ROW.pattern + r".* \d+ ms .* [\d,]+ +\S+[hmds]\S* ")
"""The same with its link, queue and oldest message."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Seconds from `make demo` until the first row, and until it tells something."""

    row: float
    filled: float


def clone(folder: Path) -> Path:
    """Give a new clone of what is committed."""
    subprocess.run(["git", "clone", "--quiet", ROOT, folder / "clone"], check=True)
    return folder / "clone"


def installing() -> float:
    """Seconds that pip needs for the locked requirements, in a virtual environment that exists already."""
    with tempfile.TemporaryDirectory() as folder:
        here = clone(Path(folder))
        subprocess.run([PYTHON, "-m", "venv", here / ".venv"], check=True)
        command = [str(here / ".venv/bin/pip"), "install", "--quiet", "--require-hashes", "-r", "requirements/run.txt"]
        began = time.perf_counter()
        subprocess.run(command, cwd=here, check=True, stderr=subprocess.DEVNULL)
        return time.perf_counter() - began


def opening() -> Opened:
    """Run `make demo` in a new clone and a new terminal."""
    with tempfile.TemporaryDirectory() as folder:
        return watched(clone(Path(folder)), ["make", "demo", f"PYTHON={PYTHON}"])


def watched(folder: Path, command: list[str]) -> Opened:
    """Run a command in a terminal until the first host's row tells something; then quit as a person does."""
    screen = pyte.Screen(*SIZE)
    stream = pyte.ByteStream(screen)
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    began = time.perf_counter()
    child = subprocess.Popen(
        command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    row = None
    try:
        while time.perf_counter() - began < PATIENCE:
            if not select.select([ours], [], [], 1)[0]:
                continue
            try:
                stream.feed(os.read(ours, 65536))
            except OSError:  # it has ended
                break
            now = time.perf_counter() - began
            if row is None and any(ROW.match(line) for line in screen.display):
                row = now
            if row is not None and any(FILLED.match(line) for line in screen.display):
                return Opened(row, now)
        raise AssertionError("no host's row:\n" + "\n".join(screen.display))
    finally:
        leave(ours, child)


def leave(terminal: int, child: subprocess.Popen[bytes]) -> None:
    """Press q, read on until the program has ended, and end it where it does not."""
    os.write(terminal, b"q")
    until = time.monotonic() + 10
    while child.poll() is None and time.monotonic() < until:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                os.read(terminal, 65536)
            except OSError:
                break
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGTERM)
    child.wait(10)
    os.close(terminal)


def measure(count: int = 3) -> float:
    """Measure pairs, print the figures; by how many seconds the demo takes longer than pip (the median of the pairs)."""
    found = [(installing(), opening()) for _ in range(count + 1)][1:]
    more = statistics.median(opened.row - install for install, opened in found)
    say("pip install of the locked requirements alone", [install for install, _ in found])
    say("make demo on a fresh clone, to the first host's row", [opened.row for _, opened in found])
    say("the same, to that row with its queue", [opened.filled for _, opened in found])
    print(f"make demo takes longer than pip by {more:.2f} s (at most {GOAL:g})", flush=True)
    return more


def say(what: str, seconds: list[float]) -> None:
    """Print one row."""
    print(
        f"{what:52} {statistics.median(seconds):6.2f} s   ({', '.join(f'{each:.2f}' for each in seconds)})", flush=True
    )


if __name__ == "__main__":
    sys.exit(measure(int(sys.argv[1]) if sys.argv[1:] else 3) > GOAL)
