"""Nothing of ours stays on a host: after quitting, after kill -9, after a cut cable."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Set
from contextlib import contextmanager
from functools import partial

import pytest

from tests.lab.harness import Lab
from tests.lab.truth import command, environment, gone, ours, pids

FLEET = """
import asyncio, sys
from pathlib import Path
from mailtui.config import load, resolve
from mailtui.fleet import Fleet

async def main():
    async with Fleet(resolve(load(Path(sys.argv[1])), ["sm1-root"])):
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""

LIMIT = 35.0
"""Seconds after which nothing may be left, whatever happened."""


class Client:
    """One way to look at a host, as a process of its own in its own terminal."""

    def __init__(self, lab: Lab, kind: str) -> None:
        self.kind = kind
        words = {
            "logs": command(lab, "logs", "sm1-root", "-f", "-o", "jsonl"),
            "console": command(lab, "sm1-root"),
            "fleet": [sys.executable, "-c", FLEET, str(lab.config_path)],
        }[kind]
        self.terminal, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        self.running = subprocess.Popen(
            words,
            stdin=subprocess.PIPE if kind == "fleet" else inner,
            stdout=inner,
            stderr=inner,
            env=environment({"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "36"}),
            start_new_session=True,
        )
        os.close(inner)
        self.shown = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while block := os.read(self.terminal, 65536):
                self.shown += block
        except OSError:
            return  # the other end of the terminal is gone

    def quit(self) -> int:
        """End it as a person does; its exit code."""
        if self.kind == "logs":
            self.running.send_signal(signal.SIGINT)
        elif self.kind == "fleet":
            assert self.running.stdin is not None
            self.running.stdin.close()
        else:
            for _ in range(100):  # from wherever one is: first to the overview, then out
                os.write(self.terminal, b"q")
                try:
                    return self.running.wait(0.5)
                except subprocess.TimeoutExpired:
                    continue
        return self.running.wait(20)

    def end(self) -> None:
        self.running.kill()
        self.running.wait()
        self._reader.join(5)
        os.close(self.terminal)
        if self.running.stdin is not None and not self.running.stdin.closed:
            self.running.stdin.close()


def sessions(lab: Lab) -> dict[int, int]:
    """sshd's session processes, each with how many of ours run below it at this moment."""
    found = lab.processes("sm1")
    parents = {each.pid: each.parent for each in found}
    counts = {each.pid: 0 for each in found if re.match("sshd: [^ ]+@", each.command)}
    for each in found:
        above = each.parent
        while above in parents and above not in counts:
            above = parents[above]
        if above in counts and each.pid not in counts:
            counts[above] += 1
    return counts


def working(lab: Lab, others: Set[int], least: int) -> bool:
    """Tell whether a session that is none of the others has so many processes."""
    return any(count >= least for pid, count in sessions(lab).items() if pid not in others)


@contextmanager
def clients(lab: Lab) -> Iterator[list[Client]]:
    """All three at work: each has something of its own on the host."""
    started: list[Client] = []
    try:
        for kind, least in (("logs", 2), ("console", 4), ("fleet", 4)):
            others = sessions(lab).keys()
            started.append(Client(lab, kind))
            lab.wait(partial(working, lab, others, least), 30, f"{kind} at work")
            assert started[-1].running.poll() is None, started[-1].shown
        yield started
    finally:
        for client in started:
            client.end()


@pytest.fixture
def before(lab: Lab) -> set[int]:
    return pids(lab, "sm1")


def test_after_quitting(lab: Lab, before: set[int]) -> None:
    with clients(lab) as started:
        codes = {client.kind: client.quit() for client in started}
        assert codes == {"logs": 130, "console": 0, "fleet": 0}, [client.shown[-500:] for client in started]
        gone(lab, "sm1", before, LIMIT)


def test_after_kill(lab: Lab, before: set[int]) -> None:
    with clients(lab) as started:
        for client in started:
            client.running.kill()
            client.running.wait()
        gone(lab, "sm1", before, LIMIT)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
def test_told_to_end_it_gives_the_terminal_back(lab: Lab, before: set[int], ending: signal.Signals) -> None:
    others = sessions(lab).keys()
    client = Client(lab, "console")
    try:
        lab.wait(partial(working, lab, others, 4), 30)
        lab.wait(lambda: b"\x1b[?1049h" in client.shown, 20)
        client.running.send_signal(ending)
        client.running.wait(10)
        lab.wait(lambda: b"\x1b[?1049l" in client.shown, 5, "the alternate screen to be left")
        gone(lab, "sm1", before, LIMIT)
    finally:
        client.end()


def test_after_a_cut_cable(lab: Lab, before: set[int]) -> None:
    with clients(lab) as started:
        lab.cut("sm1")
        try:
            cut = time.monotonic()
            assert ours(lab, "sm1", before), "the cut itself ends nothing"
            gone(lab, "sm1", before, LIMIT)
            assert time.monotonic() - cut <= LIMIT + 1
            for client in started:
                client.running.kill()
                client.running.wait()
        finally:
            lab.mend("sm1")
    lab.wait(lambda: lab.ssh("sm1", "true").returncode == 0, 20)
    gone(lab, "sm1", before, 10)
