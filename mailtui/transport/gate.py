"""The one gate in front of every transport: what is not registered does not run, what changes needs the mode."""

from __future__ import annotations

from mailtui.errors import Refused
from mailtui.procedure import REGISTRY, Registry, Request


class Gate:
    """Decides whether a request may go to a host."""

    def __init__(self, registry: Registry = REGISTRY, *, read_only: bool = True) -> None:
        self._registry = registry
        self.read_only = read_only
        """True where nothing may be changed on the host; arming and disarming set it."""

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
