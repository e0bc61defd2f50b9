"""A search over many rows or lines: in a thread, which ends soon after the search is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import TypeVar

from mailtui.collector import COLLECTOR

R = TypeVar("R")
T = TypeVar("T")


class StoppedError(Exception):
    """The search is wanted no more."""


class Scan:
    """One search; cancelling who waits for it ends its thread too, which would else go on and keep others waiting."""

    def __init__(self, wish: Hashable) -> None:
        self.wish = wish
        """What is searched for: another wish makes this search vain."""
        self._stopped = False

    def stop(self) -> None:
        """End the thread at its next row."""
        self._stopped = True

    def watch(self, wanted: Callable[[T], bool]) -> Callable[[T], bool]:
        """Give a predicate that ends the thread once the search is stopped."""

        def watched(item: T) -> bool:
            if self._stopped:
                raise StoppedError
            return wanted(item)

        return watched

    async def run(self, work: Callable[[], R]) -> R:
        """Do the work in a thread and give what it found."""
        try:
            with COLLECTOR.bulk():
                return await asyncio.to_thread(work)
        except asyncio.CancelledError:
            self.stop()
            raise
