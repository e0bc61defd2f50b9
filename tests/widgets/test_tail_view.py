"""The tail follows, pauses, counts what is new, wraps lazily and stays cheap at a million lines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.content import Content
from textual.events import MouseScrollDown, MouseScrollUp
from textual.message import Message
from textual.scrollbar import ScrollTo

from mailtui.widgets import Cell, TailView, Transcript
from mailtui.widgets.wrapping import Place, Walker

ScreenLines = Callable[[App[Any]], list[str]]
Frame = Callable[[App[Any]], Awaitable[None]]


class Log:
    """Lines that say their number, `long` times over."""

    def __init__(self, count: int, long: int = 1, first: int = 0) -> None:
        self.end = first + count
        self.first = first
        self.long = long
        self.asked = 0

    def __len__(self) -> int:
        return self.end - self.first

    def line(self, number: int) -> Cell:
        assert self.first <= number < self.end
        self.asked += 1
        return [Segment(f"line {number} " * self.long)]


class Shown(App[None]):
    CSS = "TailView { height: 1fr; }"

    def __init__(self, view: TailView) -> None:
        super().__init__()
        self.view = view
        self.seen: list[Message] = []

    def compose(self) -> ComposeResult:
        yield self.view

    def on_mount(self) -> None:
        self.view.focus()

    def on_tail_view_line_activated(self, message: TailView.LineActivated) -> None:
        self.seen.append(message)

    def on_tail_view_follow_changed(self, message: TailView.FollowChanged) -> None:
        self.seen.append(message)

    def activated(self) -> list[int]:
        return [m.number for m in self.seen if isinstance(m, TailView.LineActivated)]


def follows(app: Shown) -> bool:
    return app.view.following


async def flushed(app: Shown, painted_frame: Frame) -> None:
    app.view.notify_lines()
    while app.view._flush_pending:
        await asyncio.sleep(0.005)
    await painted_frame(app)


async def test_it_follows_at_the_start_and_as_lines_come(screen_lines: ScreenLines, painted_frame: Frame) -> None:
    log = Log(100)
    app = Shown(TailView(log))
    async with app.run_test(size=(40, 10)):
        await painted_frame(app)
        assert screen_lines(app)[-1].split() == ["line", "99"]
        log.end += 5
        await flushed(app, painted_frame)
        assert screen_lines(app)[-1].split() == ["line", "104"]
        assert app.view.cursor_line is None


async def test_going_up_pauses_and_says_what_is_new(screen_lines: ScreenLines, painted_frame: Frame) -> None:
    log = Log(100)
    app = Shown(TailView(log))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("k")
        await painted_frame(app)
        assert app.view.cursor_line == 98
        assert screen_lines(app)[-1].split() == ["line", "99"], "nothing covers the newest line"
        log.end += 1312
        await flushed(app, painted_frame)
        assert screen_lines(app)[-1].rstrip().endswith("↓ +1,312 new")
        assert screen_lines(app)[0].split()[1] == "90"
        await pilot.press("f")
        await painted_frame(app)
        assert screen_lines(app)[-1].split() == ["line", "1411"]
        assert [m.following for m in app.seen if isinstance(m, TailView.FollowChanged)] == [False, True]


@pytest.mark.parametrize("resume", ["f", "G", "end"])
@pytest.mark.parametrize("pause", ["k", "up", "ctrl+u", "ctrl+b", "pageup", "g", "home", "f", "enter"])
async def test_keys_that_pause_and_resume(pause: str, resume: str) -> None:
    app = Shown(TailView(Log(100)))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press(pause)
        assert not follows(app)
        await pilot.press(resume)
        assert follows(app)


@pytest.mark.parametrize("down", ["j", "ctrl+d", "pagedown"])
async def test_going_down_past_the_end_resumes(down: str) -> None:
    app = Shown(TailView(Log(100)))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("k", "k", "k")
        assert not follows(app)
        for _ in range(4):
            assert not follows(app)
            await pilot.press(down)
            if follows(app):
                break
        assert follows(app)


async def test_paging() -> None:
    app = Shown(TailView(Log(100)))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("g")
        assert app.view.top_line == 0
        await pilot.press("ctrl+f")
        assert app.view.top_line == 10
        await pilot.press("ctrl+d")
        assert app.view.top_line == 15
        await pilot.press("ctrl+u", "ctrl+u")
        assert app.view.top_line == 5
        assert app.view.cursor_line == 14
        await pilot.press("ctrl+b")
        assert app.view.top_line == 0


async def test_the_cursor_moves_and_takes_the_view_along() -> None:
    app = Shown(TailView(Log(100)))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("g", *["j"] * 12)
        assert app.view.cursor_line == 12
        assert app.view.top_line == 3
        for _ in range(12):
            app.view.action_move(-1)
        assert app.view.top_line == 0


async def test_enter_first_pauses_then_opens_the_line() -> None:
    app = Shown(TailView(Log(100)))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("enter")
        assert app.view.cursor_line == 99
        await pilot.pause()
        assert app.activated() == []
        await pilot.press("k", "enter")
        await pilot.pause()
        assert app.activated() == [98]


async def test_a_click_pauses_there_and_a_double_click_opens() -> None:
    app = Shown(TailView(Log(100)))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.click(app.view, offset=(5, 4))
        assert app.view.cursor_line == 94
        await pilot.double_click(app.view, offset=(5, 2))
        await pilot.pause()
        assert app.activated() == [92]


async def test_without_a_cursor_the_keys_scroll() -> None:
    app = Shown(TailView(Log(100), cursor=False))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("k", "k", "enter")
        assert app.view.top_line == 88
        assert app.view.cursor_line is None
        await pilot.press("j")
        assert app.view.top_line == 89
        assert not app.seen or app.activated() == []


async def test_the_wheel_and_the_scroll_bar() -> None:
    app = Shown(TailView(Log(1000)))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot._post_mouse_events([MouseScrollUp], app.view, offset=(5, 5))
        assert app.view.top_line == 987
        assert not follows(app)
        app.view.post_message(ScrollTo(y=500, animate=False))
        await pilot.pause()
        assert app.view.top_line == 500
        assert app.view.vertical_scrollbar.position == 500
        await pilot._post_mouse_events([MouseScrollDown], app.view, offset=(5, 5))
        assert app.view.top_line == 503


async def test_a_paused_view_stays_on_its_line_while_old_lines_are_dropped(
    screen_lines: ScreenLines, painted_frame: Frame
) -> None:
    log = Log(1000)
    app = Shown(TailView(log))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("ctrl+b", "ctrl+b")
        top = app.view.top_line
        log.first, log.end = 500, 1500
        await flushed(app, painted_frame)
        assert app.view.top_line == top
        assert screen_lines(app)[0].split()[1] == str(top)
        log.first, log.end = 1200, 2200
        await flushed(app, painted_frame)
        assert app.view.top_line == 1200
        assert app.view.cursor_line == 1200
        assert app.view.new_lines == 1200


async def test_wrap_keeps_the_top_line_and_shows_all(screen_lines: ScreenLines, painted_frame: Frame) -> None:
    log = Log(1000, long=10)
    app = Shown(TailView(log))
    async with app.run_test(size=(40, 20)) as pilot:
        await pilot.press("ctrl+b")
        await painted_frame(app)
        top = app.view.top_line
        assert screen_lines(app)[0].rstrip().endswith("…")
        await pilot.press("w")
        await painted_frame(app)
        assert app.view.top_line == top
        text = screen_lines(app)
        assert text[1].strip().startswith("↳")
        first = "".join(line.rstrip().replace(" ↳ ", "") for line in text[:4])
        assert first.count(f"{top}") >= 9
        await pilot.press("w")
        assert app.view.top_line == top


async def test_wrap_can_be_switched_off_within_a_wrapped_line(screen_lines: ScreenLines, painted_frame: Frame) -> None:
    app = Shown(TailView(Log(100, long=10), wrap=True, cursor=False))
    async with app.run_test(size=(40, 20)) as pilot:
        await pilot.press("g", "j", "w")
        await painted_frame(app)
        assert app.view.top_line == 0
        assert screen_lines(app)[0].startswith("line 0 ")


async def test_wrap_measures_only_lines_near_the_screen() -> None:
    log = Log(1_000_000, long=10)
    app = Shown(TailView(log, wrap=True))
    async with app.run_test(size=(40, 20)) as pilot:
        await pilot.press("ctrl+u", "ctrl+u", "g", "G", "k", "w", "w")
        assert log.asked < 500


async def test_a_line_higher_than_the_screen_can_be_read_to_its_end(painted_frame: Frame) -> None:
    log = Log(3, long=200)
    app = Shown(TailView(log, wrap=True, cursor=False))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("g")
        seen = {app.view._places()[0]}
        for _ in range(400):
            app.view.action_move(1)
            seen.update(app.view._places())
            if follows(app):
                break
        assert follows(app)
        heights = [app.view._height_of(n) for n in range(3)]
        assert min(heights) > 10
        assert seen == {Place(n, row) for n in range(3) for row in range(heights[n])}


async def test_a_million_lines_cost_what_a_thousand_do(painted_frame: Frame) -> None:
    work = []
    for count in (1_000, 1_000_000):
        log = Log(count)
        app = Shown(TailView(log))
        async with app.run_test(size=(120, 40)) as pilot:
            await painted_frame(app)
            await pilot.press("ctrl+b", "g", "G")
            work.append((log.asked, app.view.lines_built))
    assert work[0] == work[1]


async def test_many_notices_make_few_repaints(monkeypatch: pytest.MonkeyPatch, painted_frame: Frame) -> None:
    log = Log(100)
    app = Shown(TailView(log))
    async with app.run_test(size=(40, 10)):
        await painted_frame(app)
        flushes = 0
        original = app.view._flush

        def count() -> None:
            nonlocal flushes
            flushes += 1
            original()

        monkeypatch.setattr(app.view, "_flush", count)
        for _ in range(5000):
            log.end += 1
            app.view.notify_lines()
        await flushed(app, painted_frame)
        assert 1 <= flushes <= 3
        assert app.view.top_line == 5090


async def test_show_line_and_another_source(screen_lines: ScreenLines, painted_frame: Frame) -> None:
    app = Shown(TailView(Log(1000)))
    async with app.run_test(size=(40, 11)):
        app.view.show_line(500)
        await painted_frame(app)
        assert app.view.cursor_line == 500
        assert screen_lines(app)[5].startswith("▌line 500")
        app.view.set_source(Log(50, long=2), at=20)
        await painted_frame(app)
        assert app.view.cursor_line == 20
        assert screen_lines(app)[5].startswith("▌line 20 line 20")
        app.view.set_source(Log(3))
        await painted_frame(app)
        assert app.view.cursor_line == 2
        app.view.set_source(Log(0))
        app.view.show_line(7)
        await painted_frame(app)
        assert app.view.cursor_line is None


async def test_empty(screen_lines: ScreenLines, painted_frame: Frame) -> None:
    app = Shown(TailView(Log(0), empty=Content("no lines match")))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("k", "j", "g", "G", "ctrl+d", "ctrl+u", "enter", "w", "f", "f")
        await painted_frame(app)
        assert "no lines match" in "\n".join(screen_lines(app))
        await pilot.press("enter")
        assert app.activated() == []


async def test_the_empty_text_changes_and_is_wrapped(screen_lines: ScreenLines, painted_frame: Frame) -> None:
    app = Shown(TailView(Log(0)))
    async with app.run_test(size=(20, 10)):
        app.view.set_empty(Content("the log was not read: no route to host"))
        await painted_frame(app)
        text = " ".join("\n".join(screen_lines(app)).split())
        assert "the log was not read: no route to host" in text


async def test_a_style_name_in_content_and_hostile_text(screen_lines: ScreenLines, painted_frame: Frame) -> None:
    class Odd(Log):
        def line(self, number: int) -> Cell:
            if number % 2:
                return Content.assemble(("[bold]", "$error"), "\x1b[2J日本", ("語\n\t", "$no-such"), "e\u0301" * 50)
            return [Segment("🎉" * 100, self_style)]

    view = TailView(Odd(20))
    app = Shown(view)
    async with app.run_test(size=(41, 10)) as pilot:
        self_style = view.style_for("bold $warning")
        for wrap in (False, True):
            view.wrap = wrap
            await painted_frame(app)
            strips = app.screen._compositor.render_strips()
            assert {strip.cell_length for strip in strips} == {41}
            assert not [c for strip in strips for c in strip.text if c < " " or c == "\x7f"]
        await pilot.press("g")
        assert "[bold]" in "\n".join(screen_lines(app))


async def test_a_plain_str_is_refused() -> None:
    class Wrong(Log):
        def line(self, number: int) -> Any:
            return "text"

    app = Shown(TailView(Wrong(3)))
    with pytest.raises(TypeError, match="never str"):
        async with app.run_test(size=(40, 10)):
            pass


async def test_any_size_of_screen(painted_frame: Frame) -> None:
    app = Shown(TailView(Log(300, long=9)))
    async with app.run_test(size=(80, 24)) as pilot:
        for wrap in (False, True):
            for following in (True, False):
                app.view.wrap, app.view.following = wrap, following
                for size in ((1, 1), (2, 2), (3, 5), (500, 200), (1, 200), (500, 1), (80, 24)):
                    await pilot.resize_terminal(*size)
                    await painted_frame(app)
                    places = app.view._places()
                    assert 0 < len(places) <= size[1]
                    if following:
                        assert places[-1].line == 299


async def test_notices_before_it_is_mounted_are_harmless() -> None:
    log = Log(3)
    view = TailView(log)
    log.end = 9
    view.notify_lines()
    view.set_source(log)
    app = Shown(view)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        assert view._places()[-1].line == 8


async def test_a_transcript_starts_at_the_top_wrapped(screen_lines: ScreenLines, painted_frame: Frame) -> None:
    transcript = Transcript([Content.styled("$ mailq -v", "bold"), *(Content(f"out {n} " * 12) for n in range(50))])
    app = Shown(transcript)
    async with app.run_test(size=(40, 10)) as pilot:
        await painted_frame(app)
        assert screen_lines(app)[0].startswith("$ mailq -v")
        assert screen_lines(app)[2].startswith("↳")
        assert "paused" not in screen_lines(app)[-1]
        await pilot.press("j")
        await painted_frame(app)
        assert screen_lines(app)[0].startswith("out 0")
        transcript.show_lines([Content("only")])
        await painted_frame(app)
        assert screen_lines(app)[0].startswith("only")


heights = st.lists(st.integers(1, 9), min_size=0, max_size=20)


@given(heights, st.integers(1, 30), st.integers(0, 5))
def test_the_bottom_screen_ends_with_the_last_row(sizes: list[int], rows: int, first: int) -> None:
    walker = Walker(first, first + len(sizes), lambda line: sizes[line - first])
    screen = walker.screen(walker.bottom(rows), rows)
    assert len(screen) == min(rows, sum(sizes))
    if sizes:
        assert screen[-1] == Place(first + len(sizes) - 1, sizes[-1] - 1)


@given(heights, st.integers(0, 60), st.integers(0, 60))
def test_down_and_up_again_is_the_same_place(sizes: list[int], start: int, rows: int) -> None:
    walker = Walker(0, len(sizes), lambda line: sizes[line])
    total = sum(sizes)
    at = walker.down(Place(0), min(start, total))
    assert walker.up(walker.down(at, rows), min(rows, max(0, total - start))) == at
    everything = walker.screen(Place(0), total)
    assert [walker.down(Place(0), n) for n in range(total)] == everything
