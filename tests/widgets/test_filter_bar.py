"""The filter bar announces valid texts only, in time but not at every key, and shows where a fault is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.widgets import Button, Input

from mailtui.widgets import Fault, FilterBar
from mailtui.widgets.filter_bar import fault_line

Frame = Callable[[App[Any]], Awaitable[None]]
ScreenLines = Callable[[App[Any]], list[str]]


def check(text: str) -> Fault | str | None:
    if "!!" in text:
        return "never twice"
    at = text.find("?")
    return None if at < 0 else Fault("no questions", at)


class Shown(App[None]):
    def __init__(self, text: str = "", unfinished: Callable[[str], bool] | None = None) -> None:
        super().__init__()
        self.bar = FilterBar(check, text=text, unfinished=unfinished)
        self.changed: list[str] = []
        self.closed: list[str] = []

    def compose(self) -> ComposeResult:
        yield self.bar
        yield Button("elsewhere")

    def on_mount(self) -> None:
        self.bar.focus()

    def on_filter_bar_filter_changed(self, message: FilterBar.FilterChanged) -> None:
        self.changed.append(message.text)

    def on_filter_bar_filter_closed(self, message: FilterBar.FilterClosed) -> None:
        self.closed.append(message.text)


async def quiet(app: Shown, painted_frame: Frame) -> None:
    await painted_frame(app)
    while app.bar._quiet is not None:
        await painted_frame(app)
    await painted_frame(app)


async def test_keys_in_a_row_make_one_filter(painted_frame: Frame) -> None:
    app = Shown()
    async with app.run_test(size=(60, 10)) as pilot:
        await pilot.press(*"olga")
        await quiet(app, painted_frame)
        assert app.changed[-1] == "olga"
        assert len(app.changed) <= 2
        assert app.bar.text == "olga"


async def test_a_faulty_text_is_not_announced_but_explained(painted_frame: Frame, screen_lines: ScreenLines) -> None:
    app = Shown()
    async with app.run_test(size=(60, 10)) as pilot:
        await pilot.press("a", "b", "question_mark")
        await quiet(app, painted_frame)
        assert "ab?" not in app.changed
        lines = screen_lines(app)
        assert lines[0].index("?") == lines[1].index("▲")
        assert "no questions" in lines[1]
        await pilot.press("enter")
        await pilot.pause()
        assert app.closed == []
        await pilot.press("backspace", "c")
        await quiet(app, painted_frame)
        assert app.changed[-1] == "abc"
        assert "no questions" not in "\n".join(screen_lines(app))


async def test_enter_announces_at_once_and_closes() -> None:
    app = Shown()
    async with app.run_test(size=(60, 10)) as pilot:
        await pilot.press("a", "enter")
        await pilot.pause()
        assert app.changed[-1:] == ["a"]
        assert app.closed == ["a"]


async def test_escape_clears_then_closes(painted_frame: Frame) -> None:
    app = Shown("from:olga")
    async with app.run_test(size=(60, 10)) as pilot:
        await pilot.press("escape")
        await quiet(app, painted_frame)
        assert app.changed == [""]
        assert app.closed == []
        await pilot.press("escape")
        await pilot.pause()
        assert app.closed == [""]


async def test_escape_twice_before_the_pause_still_says_that_the_filter_is_gone() -> None:
    app = Shown("from:olga")
    async with app.run_test(size=(60, 10)) as pilot:
        await pilot.press("escape", "escape")
        await pilot.pause()
        assert app.changed == [""]
        assert app.closed == [""]


async def test_a_text_from_outside_counts_as_typed(painted_frame: Frame) -> None:
    app = Shown()
    async with app.run_test(size=(60, 10)):
        app.bar.set_text("to:x")
        await quiet(app, painted_frame)
        assert app.changed == ["to:x"]
        assert app.query_one(Input).value == "to:x"


async def test_a_text_in_force_already_is_shown_and_not_announced(painted_frame: Frame) -> None:
    app = Shown()
    async with app.run_test(size=(60, 10)) as pilot:
        app.bar.show_text("to:x")
        await quiet(app, painted_frame)
        assert app.query_one(Input).value == "to:x"
        assert app.changed == []
        await pilot.press("end", "y")
        await quiet(app, painted_frame)
        assert app.changed == ["to:xy"]


@pytest.mark.parametrize("done", ["enter", "tab"])
async def test_the_beginning_of_something_is_announced_only_when_done(done: str, painted_frame: Frame) -> None:
    app = Shown(unfinished=lambda text: text.endswith("age"))
    async with app.run_test(size=(60, 10)) as pilot:
        await pilot.press(*"page")
        await quiet(app, painted_frame)
        assert "page" not in app.changed
        await pilot.press(done)
        await quiet(app, painted_frame)
        assert app.changed[-1] == "page"


async def test_a_text_it_starts_with_is_checked_but_not_announced(
    painted_frame: Frame, screen_lines: ScreenLines
) -> None:
    app = Shown("!!")
    async with app.run_test(size=(60, 10)):
        await quiet(app, painted_frame)
        assert "never twice" in screen_lines(app)[1]
        assert app.changed == []


async def test_any_size_of_screen(painted_frame: Frame) -> None:
    app = Shown("a? long text with a fault at its beginning")
    async with app.run_test(size=(60, 10)) as pilot:
        for size in ((1, 1), (2, 2), (500, 200), (20, 5)):
            await pilot.resize_terminal(*size)
            await painted_frame(app)


@pytest.mark.parametrize(
    ("column", "width", "line"),
    [
        (0, 40, "   ^ no questions"),
        (5, 40, "        ^ no questions"),
        (22, 30, "            no questions ^"),
        (200, 30, "                no questions ^"),
        (None, 40, "   no questions"),
        (2, 8, "     ^ …"),
    ],
)
def test_the_caret_stands_under_the_fault(column: int | None, width: int, line: str) -> None:
    text = "x" * 300
    assert fault_line(Fault("no questions", column), text, 3, width, "^").plain == line


def test_the_caret_counts_cells() -> None:
    assert fault_line(Fault("m", 2), "日本?", 3, 40, "^").plain == "       ^ m"
