"""When to try a host again: soon, then ever later, never all hosts at once, and never after a refused login."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from mailtui.clock import SYSTEM, Clock
from mailtui.errors import (
    AuthenticationFailed,
    ConfigError,
    HostKeyRefused,
    MailtuiError,
    Misconfigured,
    NeedsInput,
    RestrictedShell,
    UsageError,
)

FIRST: Final = 1.0
LAST: Final = 60.0

STEADY: Final = 30.0
"""Seconds that a connection must have lasted for the next failure to count as the first."""

HOPELESS: Final = (
    AuthenticationFailed,
    HostKeyRefused,
    NeedsInput,
    RestrictedShell,
    Misconfigured,
    ConfigError,
    UsageError,
)
"""What trying again cannot cure, and may make worse: OpenSSH 9.8 shuts out addresses that fail to log in."""


@dataclass(slots=True)
class Backoff:
    """One host's reconnect policy: 1 to 60 seconds, doubled at each failure, a random half of it taken off."""

    clock: Clock = SYSTEM
    chance: Callable[[], float] = random.random
    """Gives numbers from 0 up to 1."""
    failures: int = 0
    """Failures in a row."""
    _since: float | None = field(default=None, init=False)

    def connected(self) -> None:
        """Note that the connection stands."""
        self._since = self.clock.monotonic()

    def failed(self, error: MailtuiError) -> float | None:
        """Note a failure; gives the seconds to wait, or None where only a person can help."""
        if isinstance(error, HOPELESS):
            return None
        if self._since is not None and self.clock.monotonic() - self._since >= STEADY:
            self.failures = 0
        self._since = None
        ceiling = min(LAST, FIRST * 2.0 ** min(self.failures, 10))
        self.failures += 1
        return max(FIRST, ceiling * (1 - self.chance() / 2))
