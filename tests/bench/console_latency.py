"""The console under load, in a real pty: 100,000 messages on screen while the log grows by 5,000 lines a second.

The lines come through SSH and the parser, from a paced writer in a process of its own. Told are the longest slice of the
event loop (thread time, so other programs do not count), and a key press to its frame beside an idle control app.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mailtui.config import Host, load
from tests.bench.measure import Report, percentile
from tests.bench.screen import DOWN, UP, Screen

MESSAGES = int(os.environ.get("MESSAGES", "100000"))
RATE = int(os.environ.get("LINES", "5000"))
PRESSES = int(os.environ.get("PRESSES", "300"))
LONGEST = 16.0
"""Milliseconds of thread time that one callback may take: a frame's."""


@contextmanager
def demo(folder: Path) -> Iterator[Host]:
    """Serve one demo host, in a process of its own."""
    config = folder / "config.yaml"
    command = [sys.executable, "-m", "mailtui.demo", "--serve-only", "--config-out", str(config),
               "--hosts", "1", "--messages", str(MESSAGES), "--rate", "1", "--directory", str(folder)]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + 300
            while not config.exists():
                assert process.poll() is None and time.monotonic() < end, "the demo did not start"
                time.sleep(0.1)
            yield load(config).hosts[0]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


@contextmanager
def burst(host: Host) -> Iterator[None]:
    """Have the host's log grow."""
    log = Path(host.logs[0])
    script = next(parent for parent in log.parents if parent.name == host.name).parent / "lib" / "burst.py"
    command = [sys.executable, "-IS", str(script), str(log), host.name, str(RATE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            print("  writer:", process.communicate()[0].decode())


def measure(folder: Path, host: Host) -> tuple[dict[str, Any], list[float], list[float]]:
    """Give what the loop's clock told, and the seconds of each press on the console and on the control."""
    out = folder / "slices.json"
    environment = {"MAILTUI_BENCH_OUT": str(out), "XDG_STATE_HOME": str(folder)}
    console = Screen([sys.executable, "-m", "tests.bench.shim", "-C", str(folder / "config.yaml")], environment)
    control = Screen([sys.executable, "-m", "tests.bench.control"], {})
    ours: list[float] = []
    theirs: list[float] = []
    try:
        console.until(rb"Queue: [0-9,]{5,} messages", 120)
        control.until(b"row 20", 60)
        console.drain(8.0)
        for screen in (console, control):
            screen.calibrate()
        with burst(host):
            end = time.monotonic() + 5
            while time.monotonic() < end:
                console.drain(0.05)
                control.drain(0.01)
            console.process.send_signal(signal.SIGUSR1)
            for number in range(PRESSES):
                key = UP if number % 2 else DOWN
                theirs.append(control.press(key))
                ours.append(console.press(key))
                console.drain(0.05 + number % 7 / 100)  # not in step with the console's own clock
            console.process.send_signal(signal.SIGUSR2)
        control.close(b"\x11")
        console.close(b"qqq")
    except BaseException:
        for screen in (console, control):  # one without its terminal would go round and round
            screen.process.kill()
        raise
    return json.loads(out.read_text()), ours, theirs


def run(report: Report) -> None:
    with tempfile.TemporaryDirectory(prefix="mailtui-bench-") as name, demo(Path(name)) as host:
        found, ours, theirs = measure(Path(name), host)
    slices = [1000 * each for each in found["slices"]]
    report.note("log lines read by the console", f"{found['lines'] / found['seconds']:,.0f} a second, {RATE:,} written")
    report.most(
        f"longest of {len(slices):,} loop slices, {MESSAGES:,} messages on screen",
        slices[-1],
        LONGEST,
        " ms",
        must=True,
    )
    report.note("loop slices p99 / p99.9", f"{percentile(slices, 99):.1f} / {percentile(slices, 99.9):.1f} ms")
    report.note("longest slice as the screen is left", f"{1000 * found['leaving']:.1f} ms")
    for took, what in found["longest"]:
        print(f"    {1000 * took:6.1f} ms  {what}")
    for who, seconds in (("console under load", ours), ("idle control", theirs)):
        shown = " / ".join(f"{1000 * percentile(seconds, each):.1f}" for each in (50, 95, 99))
        report.note(f"{len(seconds)} presses to frame, p50 / p95 / p99, {who}", f"{shown} ms")


if __name__ == "__main__":
    from tests.bench.measure import main

    main(run)
