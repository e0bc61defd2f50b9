"""Finds adapters by name: those of this package and strangers' enter by the same door, an entry point."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from mailtui.errors import Unsupported

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
    """Load one adapter; raises Unsupported for a name that none has: its host suffers, no other."""
    if name == "sendmail":  # also there where mailtui runs from a checkout that was never installed
        from mailtui.mta.sendmail import MTA

        return MTA
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            found: Mta = entry.load()
            return found
    raise Unsupported(
        f"no adapter for {name!r} is installed",
        f"write `mta: auto` for this host, or one of: {', '.join(names())}; or install the plug-in that brings it",
    )
