"""Finds adapters by name: those of this package and strangers' enter by the same door, an entry point."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from mailtui.errors import UsageError

if TYPE_CHECKING:
    from mailtui.mta.contract import Mta

GROUP = "mailtui.mta"
"""Entry point group of adapters; each entry is an object that fulfils `mta.contract.Mta`."""


@cache
def names() -> tuple[str, ...]:
    """Give the names of all adapters that are installed."""
    return tuple(sorted({*(entry.name for entry in entry_points(group=GROUP)), "sendmail"}))


@cache
def adapter(name: str) -> Mta:
    """Load one adapter; an unknown name is a UsageError."""
    if name == "sendmail":  # also there where mailtui runs from a checkout that was never installed
        from mailtui.mta.sendmail import MTA

        return MTA
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            found: Mta = entry.load()
            return found
    raise UsageError(f"no adapter for {name!r}", f"one of: {', '.join(names())}")
