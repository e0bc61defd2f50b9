"""What a mail server says of a delivery while it runs, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    """Who speaks in a line, and how it answers."""

    CLIENT = "client"
    """Our mail server, to the other one."""
    GOOD = "good"
    """The other one: 2xx or 3xx."""
    LATER = "later"
    """The other one: 4xx."""
    NEVER = "never"
    """The other one: 5xx."""
    NOTE = "note"
    """Our mail server, of what it does."""
    SENT = "sent"
    """The same, of a recipient that was served."""
    DEFERRED = "deferred"
    """Of one that waits on."""
    FAILED = "failed"
    """Of one that is given up."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One line of a dialogue; what it held of secrets is gone."""

    side: Side
    text: bytes
