"""The collector by the loop's clock: what is young goes soon, what is old later, and bulk work is left out of it."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Iterator

import pytest

from mailtui import collector
from mailtui.collector import Collector


class Ring:
    """Garbage that only a collector finds."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    gc.enable()
    gc.unfreeze()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_young_garbage_goes_by_the_clock() -> None:
    with Collector().calm():
        assert not gc.isenabled(), "never in the midst of a frame"
        garbage = weakref.ref(Ring())
        young = [Ring() for _ in range(collector.MANY)]
        await until(lambda: garbage() is None)
        assert len(young) == collector.MANY


async def test_old_garbage_goes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "FULL", 0.3)
    with Collector().calm():
        ring = Ring()
        gc.collect(1)
        gc.collect(1)  # it is old now
        garbage = weakref.ref(ring)
        del ring
        await until(lambda: garbage() is None)


async def test_what_bulk_work_made_is_not_looked_at_until_all_is(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Collector()
    looked: list[int] = []
    real = gc.collect
    with mine.calm():
        frozen = gc.get_freeze_count()

        def look(generation: int = 2) -> int:
            looked.append(generation)
            return real(generation)

        monkeypatch.setattr(gc, "collect", look)
        with mine.bulk(), mine.bulk():
            rows = [Ring() for _ in range(3 * collector.MANY)]
            await asyncio.sleep(3 * collector.EVERY)
            assert looked == [], "nobody looks while the work runs"
        assert gc.get_freeze_count() >= frozen + len(rows)
        garbage = weakref.ref(rows[0])
        rows.clear()
        young = [Ring() for _ in range(2 * collector.MANY)]
        await until(lambda: bool(looked))
        assert (set(looked), garbage() is None, len(young)) == ({1}, False, 2 * collector.MANY)
        monkeypatch.setattr(collector, "FULL", 0.0)
    with mine.calm():
        await until(lambda: garbage() is None)


async def test_where_nobody_is_calm_bulk_work_changes_nothing() -> None:
    frozen = gc.get_freeze_count()
    with Collector().bulk():
        assert gc.isenabled()
    assert (gc.isenabled(), gc.get_freeze_count()) == (True, frozen)


async def test_nothing_is_collected_any_more_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "EVERY", 0.01)
    with Collector().calm():
        pass
    asked: list[int] = []
    monkeypatch.setattr(gc, "collect", lambda generation=2: asked.append(generation))
    await asyncio.sleep(0.05)
    assert asked == []
