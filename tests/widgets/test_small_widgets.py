"""Meters, trends, status lines, fields, and the pure functions below the big views."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.content import Content
from textual.style import Style as VisualStyle
from textual.widget import Widget

from mailtui.widgets import (
    Column,
    Field,
    Fields,
    Level,
    Meter,
    Reading,
    Side,
    StatusItem,
    StatusLine,
    Trend,
    bar_text,
    trend_text,
)
from mailtui.widgets.cells import fit, fold, printable, segments_of, width_of
from mailtui.widgets.columns import place
from mailtui.widgets.fields import lay_out
from mailtui.widgets.glyphs import ASCII, UNICODE, Glyphs
from mailtui.widgets.status_line import arrange

Frame = Callable[[App[Any]], Awaitable[None]]
ScreenLines = Callable[[App[Any]], list[str]]
texts = st.text(st.sampled_from("ab 日本🎉é\u0301\u200d\ufe0f\n\x1b☃"), max_size=40)
segment_lists = st.lists(texts.map(lambda text: Segment(printable(text), Style(bold=True))), max_size=5)


class Shown(App[None]):
    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.widget = widget

    def compose(self) -> ComposeResult:
        yield self.widget


# Cells


@given(segment_lists, st.integers(0, 50), st.sampled_from(["left", "right"]))
def test_fit_is_exactly_as_wide_as_asked(segments: list[Segment], width: int, align: Any) -> None:
    assert width_of(fit(segments, width, align, Style(), "…")) == width


@given(segment_lists, st.integers(2, 30))
def test_fold_loses_nothing_and_is_never_too_wide(segments: list[Segment], width: int) -> None:
    rows = fold(segments, width)
    assert all(width_of(row) <= width for row in rows)
    assert "".join(s.text for row in rows for s in row) == "".join(s.text for s in segments)


@given(segment_lists, st.integers(9, 30))
def test_fold_with_a_hang_loses_nothing(segments: list[Segment], width: int) -> None:
    hang = Segment("> ")
    rows = fold(segments, width, hang)
    assert all(width_of(row) <= width for row in rows)
    assert all(row[0] is hang for row in rows[1:])
    assert "".join(s.text for row in rows for s in row if s is not hang) == "".join(s.text for s in segments)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("delay=1, stat=Deferred by mx", ["delay=1, ", "stat=Deferred ", "by mx"]),
        ("a " + "x" * 30, ["a " + "x" * 12, "x" * 14, "xxxx"]),
        ("日本 word 日本語 last", ["日本 word ", "日本語 last"]),
    ],
)
def test_fold_breaks_at_a_blank_where_one_is_near(text: str, rows: list[str]) -> None:
    for segments in ([Segment(text)], [Segment(text[:7]), Segment(text[7:])]):
        assert ["".join(s.text for s in row) for row in fold(segments, 14)] == rows


def test_what_is_cut_ends_with_the_ellipsis_and_keeps_its_style() -> None:
    red = Style(color="red")
    fitted = fit([Segment("abc", red), Segment("def", red)], 5, "left", Style(bold=True), "~")
    assert "".join(s.text for s in fitted) == "abcd~"
    assert all(s.style == Style(bold=True, color="red") for s in fitted)
    assert "".join(s.text for s in fit([Segment("日本語")], 4, "left", Style(), "~")) == "日 ~"
    assert "".join(s.text for s in fit([Segment("ab")], 4, "right", Style(), "~")) == "  ab"


def test_controls_become_visible_and_joiners_go() -> None:
    assert printable("a\nb\tc\x1b\x9b\u2028") == "a\ufffdb\ufffdc\ufffd\ufffd\ufffd"
    assert printable("☃\ufe0f\u200d!") == "☃!"


def test_cells_are_content_or_segments_and_never_str() -> None:
    def parse(style: str | VisualStyle) -> VisualStyle:
        return VisualStyle(bold=True) if style == "strong" else VisualStyle()

    shown = segments_of(Content.assemble("a", ("b", "strong")), parse)
    assert [(s.text, bool(s.style and s.style.bold)) for s in shown] == [("a", False), ("b", True)]
    assert segments_of([Segment("x")], parse)[0].text == "x"
    wrong: Any = "text"
    with pytest.raises(TypeError, match="never str"):
        segments_of(wrong, parse)


# Columns


columns = st.lists(
    st.builds(
        Column,
        id=st.just("c"),
        title=st.just("C"),
        width=st.none() | st.integers(1, 20),
        weight=st.sampled_from([0.0, 1.0, 2.5]),
        min_width=st.integers(1, 20),
        max_width=st.none() | st.integers(20, 40),
        priority=st.integers(0, 3),
    ),
    max_size=8,
)


@given(columns, st.integers(0, 220))
def test_columns_never_overlap_nor_leave_the_screen(given: list[Column], width: int) -> None:
    placed = place(given, width, 2)
    assert all(a.end < b.x for a, b in pairwise(placed))
    assert all(p.x >= 2 and p.end <= width and p.width > 0 for p in placed)
    for p in placed[:-1]:
        assert p.width >= p.column.least
        assert p.column.width is None or p.width == p.column.width
        assert p.column.max_width is None or p.width <= max(p.column.max_width, p.column.least)


@given(columns, st.integers(0, 220))
def test_a_column_is_dropped_only_after_all_less_important_ones(given: list[Column], width: int) -> None:
    kept = {p.index for p in place(given, width, 2)}
    if any(column.priority == 0 and i not in kept for i, column in enumerate(given)):
        return
    dropped = [column.priority for i, column in enumerate(given) if i not in kept]
    assert all(column.priority <= min(dropped) for i, column in enumerate(given) if i in kept and dropped)


def test_weights_share_what_is_left_and_limits_pass_it_on() -> None:
    a = Column("a", "A", weight=1, min_width=10)
    b = Column("b", "B", weight=3, min_width=10)
    assert [p.width for p in place((a, b), 61)] == [20, 40]
    c = Column("c", "C", weight=3, min_width=10, max_width=15)
    assert [p.width for p in place((a, c), 61)] == [45, 15]
    assert [p.x for p in place((a, b), 120)][1] - place((a, b), 120)[0].end == 2


# Meter


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@given(share=st.none() | st.floats(-1, 5), width=st.integers(0, 50))
def test_a_bar_is_as_wide_as_asked(glyphs: Glyphs, share: float | None, width: int) -> None:
    full, empty = bar_text(share, width, glyphs)
    assert cell_len(full) + cell_len(empty) == width
    assert not (share is not None and share > 0 and width) or full


def test_bars() -> None:
    assert bar_text(0.5, 4) == ("━━", "──")
    assert bar_text(0.0, 4) == ("", "────")
    assert bar_text(0.001, 4) == ("╸", "───")
    assert bar_text(2.0, 4) == ("━━━━", "")
    assert bar_text(0.5, 4, ASCII) == ("##", "..")


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (Reading(30, 100, Level.OK, "3 of 10 GB"), ["spool", "30%", "ok", "3 of 10 GB"]),
        (Reading(90, 100, Level.WARN), ["90%", "! high"]),
        (Reading(100, 100, Level.BAD, word="exhausted"), ["100%", "! exhausted"]),
        (Reading(1, 100, Level.STALE, "42 s ago"), ["1%", "~ stale", "42 s ago"]),
        (Reading(None, None, Level.UNKNOWN), ["? unknown"]),
        (Reading(5, None, Level.OK, "5, no limit"), ["ok", "5, no limit"]),
        (Reading(5, 0, Level.OK), ["ok"]),
    ],
)
async def test_a_meter_says_its_state_in_words(
    reading: Reading, words: list[str], painted_frame: Frame, screen_lines: ScreenLines
) -> None:
    meter = Meter(Content("spool"))
    app = Shown(meter)
    async with app.run_test(size=(80, 5)) as pilot:
        meter.show_reading(reading)
        await painted_frame(app)
        line = screen_lines(app)[0]
        assert [word for word in words if word not in line] == []
        for width in (1, 5, 12, 20, 30, 200):
            await pilot.resize_terminal(width, 5)
            await painted_frame(app)
            assert cell_len(screen_lines(app)[0]) == width
            if width >= 30:
                assert words[1 if len(words) > 2 else 0].split()[-1] in screen_lines(app)[0]


# Trend


@given(st.lists(st.none() | st.floats(-1e9, 1e9), max_size=200), st.integers(0, 80), st.sampled_from([None, 0.0]))
def test_a_trend_is_as_wide_as_asked(samples: list[float | None], width: int, low: float | None) -> None:
    for glyphs in (UNICODE, ASCII):
        assert cell_len(trend_text(samples, width, glyphs, low=low)) == width


def test_trends() -> None:
    assert trend_text([0, 1, 2, 3, 4, 5, 6, 7], 8) == "▁▂▃▄▅▆▇█"
    assert trend_text([0, None, 7], 5) == "  ▁·█"
    assert trend_text([None, None], 3) == "·· "
    assert trend_text([], 3) == "   "
    assert trend_text([5, 5, 5], 3) == "███"
    assert trend_text([0, 0], 2) == "▁▁"
    assert trend_text([5, 5], 2, low=None) == "▁▁"
    assert trend_text([0, 7], 2, ASCII) == "_#"
    assert trend_text([7], 1, high=100) == "▁"
    assert trend_text([-1.0, 5e-324], 2) == "▁█"


def test_grouping_keeps_the_peak_and_full_gaps() -> None:
    samples = [0.0] * 50 + [9.0] + [0.0] * 49
    assert trend_text(samples, 10).count("█") == 1
    assert trend_text([1.0] * 10 + [None] * 10 + [1.0] * 10, 3) == "█·█"


async def test_a_trend_widget(painted_frame: Frame, screen_lines: ScreenLines) -> None:
    trend = Trend(Content("queue"))
    app = Shown(trend)
    async with app.run_test(size=(60, 5)) as pilot:
        trend.show_samples([1, 2, None, 3], Content("1,284"))
        await painted_frame(app)
        assert screen_lines(app)[0].rstrip().endswith("▃▆·█ 1,284")
        for width in (1, 8, 14, 300):
            await pilot.resize_terminal(width, 5)
            await painted_frame(app)


# Status line


ITEMS = (
    StatusItem(Content("mailtui")),
    StatusItem(Content("fleet: prod"), priority=3),
    StatusItem(Content("2 alerts"), Side.CENTRE, 1),
    StatusItem(Content("read-only"), Side.RIGHT, 2),
    StatusItem(Content("14:02:31"), Side.RIGHT, 4),
)


@given(st.integers(0, 150))
def test_a_status_line_is_as_wide_as_asked(width: int) -> None:
    assert arrange(ITEMS, width).cell_length == width


def test_the_least_important_items_go_first() -> None:
    shown = {width: arrange(ITEMS, width).plain for width in (100, 50, 40, 30, 20, 10, 4)}
    assert shown[100].split() == ["mailtui", "fleet:", "prod", "2", "alerts", "read-only", "14:02:31"]
    assert shown[100].index("2 alerts") == 46
    assert "14:02:31" not in shown[50]
    assert "fleet" in shown[50]
    assert "fleet" not in shown[40]
    assert "2 alerts" in shown[30]
    assert "read-only" not in shown[20]
    assert shown[10] == "mailtui   "
    assert shown[4] == "mai…"


async def test_a_status_line_shows_other_items(painted_frame: Frame, screen_lines: ScreenLines) -> None:
    line = StatusLine(ITEMS)
    app = Shown(line)
    async with app.run_test(size=(60, 5)):
        line.show_items([StatusItem(Content("[b]other[/b]"))])
        await painted_frame(app)
        assert screen_lines(app)[0].strip() == "[b]other[/b]"
        line.show_items([])
        await painted_frame(app)
        assert screen_lines(app)[0].strip() == ""


# Fields


FIELDS = (
    Field("Envelope"),
    Field("sender", Content("<olga@example.org>")),
    Field("reason", Content("word " * 30)),
    Field("Recipients"),
    Field("to", Content("日本" * 40)),
)


@given(st.integers(0, 120))
def test_fields_never_leave_their_width(width: int) -> None:
    assert all(line.cell_length <= width for line in lay_out(FIELDS, width))


def test_labels_are_aligned_and_values_continue_beneath_themselves() -> None:
    lines = [line.plain for line in lay_out(FIELDS, 40)]
    assert lines[0] == "Envelope"
    assert lines[1] == "sender  <olga@example.org>"
    assert lines[2].startswith("reason  word word")
    assert lines[3].startswith("        word")
    assert lines[lines.index("Recipients") - 1] == ""
    assert "".join(lines).count("word") == 30


async def test_fields_are_as_high_as_they_need(painted_frame: Frame, screen_lines: ScreenLines) -> None:
    fields = Fields(FIELDS)
    app = Shown(fields)
    async with app.run_test(size=(60, 30)) as pilot:
        await painted_frame(app)
        assert fields.size.height == len(lay_out(FIELDS, fields.size.width))
        fields.show_fields((*FIELDS, Field("size", Content("12 K"))))
        await painted_frame(app)
        assert "12 K" in "\n".join(screen_lines(app))
        for width in (1, 2, 5, 300):
            await pilot.resize_terminal(width, 30)
            await painted_frame(app)
            assert fields.size.height >= 1
