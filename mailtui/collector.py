"""Python's collector of cyclic garbage, at times of our choosing instead of in the midst of a frame.

What is young is looked at by the loop's clock. A queue of 100,000 messages makes that long, for each container of its
rows leads to all of them: what was made while `bulk` work ran is therefore left out (gc.freeze) until all is looked at
anew, which is rare. None of it waits for that to be freed: rows lie in no cycles.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

EVERY: Final = 0.1
"""Seconds between two looks at what is young."""

MANY: Final = 2_000
"""Young objects that are worth a collection."""

FULL: Final = 600.0
"""Seconds between two looks at everything, which takes a tenth of a second and more with 100,000 messages."""


class Collector:
    """The collector of the running program; until it is `calm` Python's own ways are left alone."""

    def __init__(self) -> None:
        self._calm = False
        self._bulk = 0

    @contextmanager
    def bulk(self) -> Iterator[None]:
        """Leave out what is made meanwhile; for work on many rows, of which several may run at a time."""
        self._bulk += 1
        try:
            yield
        finally:
            self._bulk -= 1
            if self._calm and not self._bulk:
                gc.freeze()

    @contextmanager
    def calm(self) -> Iterator[None]:
        """Collect by the clock of the running loop, what lives from start-up on left out.

        Afterwards nothing is collected: the program ends, and one more look at everything would only delay that.
        """
        loop = asyncio.get_running_loop()
        gc.collect()
        gc.freeze()
        gc.disable()
        self._calm = True
        full = loop.time() + FULL
        handle: asyncio.TimerHandle | None = None

        def collect() -> None:
            nonlocal handle, full
            handle = loop.call_later(EVERY, collect)
            if self._bulk:
                return
            if loop.time() >= full:
                full = loop.time() + FULL
                gc.unfreeze()
                gc.collect()
                gc.freeze()
            elif gc.get_count()[0] > MANY:
                gc.collect(1)

        collect()
        try:
            yield
        finally:
            self._calm = False
            if handle is not None:
                handle.cancel()


COLLECTOR: Final = Collector()
"""The one of this program, as there is one gc."""
