"""Time as a parameter: stale, back-off and expiry are tested without waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


def _boottime() -> float:
    """Seconds since boot with suspended time, where the system tells (Linux); else the monotonic clock."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime(clock) if clock is not None else time.monotonic()


@dataclass(frozen=True, slots=True)
class Clock:
    """Three clocks, all in seconds."""

    wall: Callable[[], float] = time.time
    """POSIX time, for what is shown and stored."""
    monotonic: Callable[[], float] = time.monotonic
    """For durations and deadlines; stands still while a Linux laptop sleeps."""
    boottime: Callable[[], float] = _boottime
    """As monotonic, but goes on in suspend: a jump against it means every link is dead."""


SYSTEM = Clock()
"""The machine's own clocks."""
