"""A host: its link, what runs on it, what the login may do there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LinkState(StrEnum):
    """A host's state as seen over the link; the values up to UNSUPPORTED are the host states of contract.md."""

    OK = "ok"
    UNREACHABLE = "unreachable"
    AUTH = "auth"
    HOST_KEY = "host-key"
    NEEDS_INPUT = "needs-input"
    REFUSED = "refused"
    RESTRICTED_SHELL = "restricted-shell"
    NO_MTA = "no-mta"
    UNSUPPORTED = "unsupported"
    CONNECTING = "connecting"
    """A first connection is being made."""
    RETRYING = "retrying"
    """The link is down; another attempt follows at `retry_at`."""


@dataclass(frozen=True, slots=True)
class Capability:
    """One thing that could be done on a host: may this login, and if not, why and what would allow it."""

    name: str
    allowed: bool
    why: str = ""
    cure: str = ""


CAPABILITIES = (
    "list", "read", "retry", "flush", "hold", "release", "delete", "undo", "bounce", "requeue", "logs", "stats",
    "config", "capture",
)  # fmt: skip
"""Their names, in the order they are shown."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What runs on a host, found once for each connection."""

    mta: str
    """Adapter name: sendmail, postfix, ..."""
    version: str
    instances: tuple[str, ...]
    clock_skew: float | None
    """The host's clock minus ours, seconds."""
    login: str
    """The account we are on the host."""
    facts: tuple[tuple[str, str], ...] = ()
    """What only the adapter reads again: paths, build flags, options; ordered name and value pairs."""

    def fact(self, name: str, default: str = "") -> str:
        """Give one of the adapter's facts."""
        return next((value for key, value in self.facts if key == name), default)
