"""What is sent to the terminal for a change is what Textual's own compositor would send, though less is rendered for it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest
from textual._compositor import ChopsUpdate, Compositor
from textual._context import active_app
from textual.geometry import Region

from mailtui.screens.painting import MOST, PartCompositor, first_lines
from mailtui.store import LogRead
from tests.pilot import world
from tests.pilot.test_console import console, press, settle, until

KEYS = (
    "down",
    "up",
    "pagedown",
    "tab",
    "3",
    "1",
    "2",
    "f",
    "w",
    "space",
    "z",
    "s",
    "end",
    "home",
    "question_mark",
    "escape",
)


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """Each part of a screen as it was painted, and as Textual would have painted it."""
    found: list[tuple[str, str]] = []
    painted = PartCompositor.render_partial_update

    def both(self: PartCompositor) -> ChopsUpdate | None:
        changed = [*self.rest, *sorted(self._dirty_regions.difference(self.rest), key=lambda each: (each.y, each.x))]
        now, rest = first_lines((each.intersection(self.size.region) for each in changed), MOST)
        ours = painted(self)
        assert self.rest == [each for each in rest if each]
        self._dirty_regions = set(now)
        theirs = Compositor.render_partial_update(self)
        if ours is not None and theirs is not None:
            terminal = active_app.get().console
            found.append((ours.render_segments(terminal), theirs.render_segments(terminal)))
        else:
            assert (ours, theirs) == (None, None)
        return ours

    monkeypatch.setattr(PartCompositor, "render_partial_update", both)
    yield found


@pytest.mark.parametrize("size", [(80, 24), (130, 36)])
async def test_a_part_is_painted_as_textual_would(frames: list[tuple[str, str]], size: tuple[int, int]) -> None:
    chance = random.Random(str(size))
    async with console(60, size=size) as (app, pilot):
        await press(pilot, "enter")
        for number in range(16):
            for _ in range(chance.randint(1, 3)):
                x, y = chance.randrange(size[0]), chance.randrange(size[1])
                app.screen.refresh(Region(x, y, chance.randint(1, 30), chance.randint(1, 5)))
                for widget in chance.sample(list(app.screen.query("*")), 2):
                    widget.refresh()
            await press(pilot, chance.choice(KEYS))
            if number % 5 == 0:
                line = b"Nov 24 20:00:%02d mx3 sendmail[7]: 6AMJeAMF00%04d: to=<a@b.test>, stat=Sent\n" % (
                    number,
                    number,
                )
                app.store.apply(LogRead("mx3", world.NOW, "/var/log/mail.log", number * 100, line, live=True))
            await settle(pilot)
    assert len(frames) > 5
    for ours, theirs in frames:
        assert ours == theirs


async def test_only_what_a_change_reaches_is_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line of one widget: nothing beside or beneath it is asked."""
    async with console(60) as (app, pilot):
        await press(pilot, "enter")
        compositor = app.screen._compositor
        assert isinstance(compositor, PartCompositor)
        header = app.screen.query_one("#header")
        compositor._dirty_regions = {header.region, app.screen.query_one("#resources").region}
        compositor._changed = tuple(compositor._dirty_regions)
        asked = [strips for _, _, strips in compositor._get_renders(app.screen.region)]
        compositor._changed = None
        whole = [strips for _, _, strips in Compositor._get_renders(compositor, app.screen.region)]
        assert sum(map(len, asked)) < sum(map(len, whole)) * 2 / 3


@pytest.mark.parametrize("most", [1, 7, 12, 100])
def test_regions_are_cut_after_so_many_lines(most: int) -> None:
    regions = [Region(0, 0, 80, 1), Region(0, 3, 40, 9), Region(40, 3, 40, 9), Region(0, 20, 80, 4)]
    now, rest = first_lines(regions, most)
    assert sum(each.height for each in now) == min(most, 23)
    assert _lines([*now, *rest]) == _lines(regions)


def _lines(regions: list[Region]) -> list[tuple[int, int, int]]:
    return sorted((y, each.x, each.right) for each in regions for y in each.line_range)


async def test_a_whole_screen_of_changes_is_painted_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part has few lines, all lines come in the end, and what waits on the loop has its turn in between."""
    parts: list[set[int]] = []
    turns: list[int] = []
    painted = PartCompositor.render_partial_update

    def counted(self: PartCompositor) -> ChopsUpdate | None:
        update = painted(self)
        if update is not None:
            parts.append({y for y, _, _ in update.spans})
            asyncio.get_running_loop().call_soon(turns.append, len(parts))
        return update

    async with console(60, size=(120, 36)) as (app, pilot):
        await press(pilot, "enter")
        await settle(pilot)
        monkeypatch.setattr(PartCompositor, "render_partial_update", counted)
        app.screen.refresh(*(Region(0, y, 120, 1) for y in range(36)))
        await until(pilot, lambda: set().union(*parts) == set(range(36)))
    assert max(map(len, parts)) <= MOST
    assert turns[:2] == [1, 2]


async def test_a_head_that_changes_always_lets_the_foot_be_painted() -> None:
    async with console(60, size=(120, 36)) as (app, pilot):
        await press(pilot, "enter")
        compositor = app.screen._compositor
        assert isinstance(compositor, PartCompositor)
        compositor._dirty_regions = {Region(0, 0, 120, 36 - 1)}
        seen: set[int] = set()
        for _ in range(4):
            update = compositor.render_partial_update()
            assert update is not None
            seen |= {y for y, _, _ in update.spans}
            compositor._dirty_regions = {Region(0, 0, 120, 20)}
        assert seen >= set(range(35))
