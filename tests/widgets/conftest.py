"""What the widget tests share: reading the screen as text."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from rich.cells import split_graphemes
from textual.app import App


def lines(app: App[Any]) -> list[str]:
    """Give the screen as text, one string a line."""
    return [strip.text for strip in app.screen._compositor.render_strips()]


def grid(line: str) -> list[str]:
    """Give one entry a cell: the character, and an empty one in the second cell of a wide one."""
    spans, _ = split_graphemes(line)
    cells: list[str] = []
    for start, stop, width in spans:
        if width == 0 and cells:
            cells[-1] += line[start:stop]
        else:
            cells += [line[start:stop], *[""] * (width - 1)]
    return cells


async def frame(app: App[Any]) -> None:
    """Wait until all that is asked for now has been painted."""
    for _ in range(2):
        painted = asyncio.Event()
        app.call_after_refresh(painted.set)
        await painted.wait()


@pytest.fixture
def painted_frame() -> Callable[[App[Any]], Awaitable[None]]:
    return frame


@pytest.fixture
def screen_lines() -> Callable[[App[Any]], list[str]]:
    return lines


@pytest.fixture
def cell_grid() -> Callable[[str], list[str]]:
    return grid
