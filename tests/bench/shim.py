"""The console with a clock on its event loop: run as `python -m tests.bench.shim`, with mailtui's own arguments.

Measures the thread's CPU time of each callback. SIGUSR1 begins the measurement and SIGUSR2 ends it: what comes after, as
the screen is left, is measured apart. The end of the program writes all to the file named by MAILTUI_BENCH_OUT.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from mailtui.cli import main
from mailtui.store import LogBuffer

TOP = 12
slices: list[float] = []
longest: list[tuple[float, str]] = []
leaving: list[float] = []
lines = [0]
began = [0.0]
ended = [0.0]
collecting = [0.0, 0.0]
_run: Callable[[asyncio.Handle], None] = getattr(asyncio.Handle, "_run")  # noqa: B009
_append = LogBuffer.append


def collected(phase: str, info: dict[str, int]) -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    now = time.thread_time()
    if phase == "start":
        collecting[0] = now
    else:
        collecting[1] += now - collecting[0]


def timed(handle: asyncio.Handle) -> None:
    start, before = time.thread_time(), collecting[1]
    try:
        _run(handle)
    finally:
        took = time.thread_time() - start
        if ended[0]:
            leaving.append(took)
        elif began[0]:
            slices.append(took)
            if took > 0.004 and (len(longest) < TOP or took > longest[-1][0]):
                spent = 1000 * (collecting[1] - before)
                longest.append((took, named(handle) + (f" (of it {spent:.1f} ms garbage collection)" if spent else "")))
                longest.sort(reverse=True)
                del longest[TOP:]


def named(handle: asyncio.Handle) -> str:
    callback = getattr(handle, "_callback")  # noqa: B009
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        return f"{owner.get_name()}: {getattr(owner.get_coro(), '__qualname__', '')}"
    return getattr(callback, "__qualname__", repr(callback))


def counted(buffer: LogBuffer, path: str, offset: int, data: bytes, *, at: float, live: bool) -> None:
    _append(buffer, path, offset, data, at=at, live=live)
    lines[0] += data.count(b"\n")


def begin(*_: object) -> None:
    slices.clear()
    longest.clear()
    lines[0], began[0] = 0, time.monotonic()


def end(*_: object) -> None:
    ended[0] = time.monotonic()


if __name__ == "__main__":
    setattr(asyncio.Handle, "_run", timed)  # noqa: B010
    setattr(LogBuffer, "append", counted)  # noqa: B010
    gc.callbacks.append(collected)
    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, end)
    try:
        status = main()
    finally:
        found = {
            "slices": sorted(slices),
            "longest": longest,
            "lines": lines[0],
            "seconds": ended[0] - began[0],
            "leaving": max(leaving, default=0.0),
        }
        Path(os.environ["MAILTUI_BENCH_OUT"]).write_text(json.dumps(found))
    sys.exit(status)
