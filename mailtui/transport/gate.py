"""The one gate in front of every transport: what is not registered does not run, what changes needs the mode."""

from __future__ import annotations

from typing import Final

from mailtui.clock import SYSTEM, Clock
from mailtui.errors import Refused
from mailtui.procedure import REGISTRY, Registry, Request

ARMED: Final = 900.0
"""Seconds that a host stays armed (mode `ask`)."""


class Gate:
    """Decides whether a request may go to a host."""

    def __init__(
        self, registry: Registry = REGISTRY, *, read_only: bool = True, sealed: bool = False, clock: Clock = SYSTEM
    ) -> None:
        self._registry = registry
        self._open = not read_only
        self._clock = clock
        self._until: float | None = None
        self.sealed = sealed
        """True where nothing arms it: mode `read-only`, or `--read-only`."""

    @property
    def read_only(self) -> bool:
        """Tell whether nothing may be changed on the host now."""
        return self.sealed or not (self._open or self.armed)

    @property
    def armed(self) -> float:
        """Give the seconds that the host is armed for; 0 where it is not, or needs not be."""
        return 0.0 if self._until is None else max(0.0, self._until - self._clock.boottime())

    def arm(self, seconds: float = ARMED) -> None:
        """Let what changes the host pass for a while; raises Refused where the mode is `read-only`."""
        if self.sealed:
            raise Refused("the host is read-only here", "set its mode to ask or read-write, or leave out --read-only")
        self._until = self._clock.boottime() + seconds

    def disarm(self) -> None:
        """Let nothing pass again that changes the host, unless the mode is `read-write`."""
        self._until = None

    def admit(self, request: Request) -> None:
        """Return where the request may run.

        Raises Refused where the mode forbids it, and ValueError, a programming error, for an unregistered script or a
        NUL in the data.
        """
        script = request.script
        if not self._registry.holds(script):
            raise ValueError(f"script {script.name} is not registered, so it does not run on hosts")
        if b"\0" in request.data:
            raise ValueError(f"the data for script {script.name} holds a NUL, which no shell variable can")
        if script.changes and self.read_only:
            raise Refused(
                f"{script.name} changes the host, and the console is read-only here",
                "arm the host (mode ask or read-write), or run the command without --read-only",
            )
