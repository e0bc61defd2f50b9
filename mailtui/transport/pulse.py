"""A link's health: when the host was last heard, and how long a line takes to its shell and back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from mailtui.clock import SYSTEM, Clock
from mailtui.transport import frames
from mailtui.transport.contract import HEARTBEAT
from mailtui.transport.exchange import Exchange

PING: Final = 2.5
"""Seconds between pings; with them a dead link shows before the 6 seconds after which data is stale."""

STALE: Final = 6.0
"""Seconds of silence after which nothing on screen may pass for current."""


class Link:
    """What is known of one connection's health; `watch` is called whenever it changes."""

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self.last_heard = clock.monotonic()
        """Monotonic time of the last bytes from the host."""
        self.latency: float | None = None
        """Seconds of the last round trip to the host's shell; None before the first."""
        self.watch: Callable[[Link], None] | None = None
        """Called after each measured round trip."""
        self.idle = False
        """True while nothing runs over the link, so that the host has no reason to speak."""
        self.probe: Callable[[], float | None] = lambda: None
        """Gives the seconds since the link itself received something, keepalives included; None: cannot tell."""

    def heard(self) -> None:
        """Note that something came from the host."""
        self.last_heard = self._clock.monotonic()

    def measured(self, latency: float) -> None:
        """Note a round trip."""
        self.latency = latency
        if self.watch is not None:
            self.watch(self)

    @property
    def silent(self) -> float:
        """Seconds since the host was last heard; none for an idle link that cannot tell."""
        passed = self._clock.monotonic() - self.last_heard
        received = self.probe()
        if received is None:
            return 0.0 if self.idle else passed
        return min(passed, received)

    @property
    def stale(self) -> bool:
        """Tell whether the silence is too long for anything on screen to pass for current."""
        return self.silent > STALE


class Pulse:
    """Sends heartbeats to all runs of one connection, and pings to the oldest."""

    def __init__(self, link: Link, clock: Clock = SYSTEM, *, beat: float = HEARTBEAT, every: float = PING) -> None:
        self._link = link
        self._clock = clock
        self._beat = beat
        self._every = every
        self._link.idle = True
        self._runs: dict[Exchange, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._since_beat = 0.0
        self._number = 0
        self._sent = 0.0

    def add(self, run: Exchange) -> None:
        """Keep a run alive from now on."""
        if not self._runs:
            self._link.idle = False
            self._link.heard()
        self._runs[run] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._every, self._tick)

    def discard(self, run: Exchange) -> None:
        """Stop keeping a run alive."""
        self._runs.pop(run, None)
        if not self._runs and self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._link.idle = True

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._every, self._tick)
        self._since_beat += self._every
        if self._since_beat >= self._beat:
            self._since_beat = 0.0
            for run in self._runs:
                run.send(frames.BEAT)
        run = next(iter(self._runs))
        run.answered = self._answered
        self._number += 1
        self._sent = self._clock.monotonic()
        run.send(frames.ping(self._number))

    def _answered(self, number: int) -> None:
        if number == self._number:
            self._link.measured(self._clock.monotonic() - self._sent)
