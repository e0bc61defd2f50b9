"""The table keeps its cursor on a key, its marks on keys, its columns straight and its work small."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widgets import Input

from mailtui.widgets import Cell, Column, VirtualTable
from mailtui.widgets.table_source import successor

ScreenLines = Callable[[App[Any]], list[str]]
COLUMNS = (
    Column("id", "ID", width=8),
    Column("size", "SIZE", width=6, align="right", priority=2, sortable=False),
    Column("who", "WHO", min_width=8, priority=1),
    Column("why", "WHY", min_width=8),
)


class Rows:
    """Rows by number, counting how often cells were asked for."""

    columns: Sequence[Column] = COLUMNS

    def __init__(self, keys: Sequence[int], texts: dict[int, str] | None = None, style: str = "") -> None:
        self._keys = keys
        self._where: dict[int, int] | None = None if isinstance(keys, range) else {k: i for i, k in enumerate(keys)}
        self._texts = texts or {}
        self._style = style
        self.asked = 0

    def __len__(self) -> int:
        return len(self._keys)

    def key(self, index: int) -> Hashable:
        return self._keys[index]

    def index(self, key: Hashable) -> int | None:
        assert isinstance(key, int)
        if self._where is not None:
            return self._where.get(key)
        return self._keys.index(key) if key in self._keys else None

    def cells(self, index: int) -> Sequence[Cell]:
        self.asked += 1
        key = self._keys[index]
        return (
            [Segment(f"id{key}")],
            Content(str(key * 7)),
            Content(f"who{key}@example.net"),
            Content(self._texts.get(key, f"why {key}")),
        )

    def row_style(self, index: int) -> str:
        return self._style


class Shown(App[None]):
    def __init__(self, source: Rows, empty: Content | None = None) -> None:
        super().__init__()
        self.table = VirtualTable(source, empty=empty)
        self.seen: list[Message] = []

    def compose(self) -> ComposeResult:
        yield self.table
        yield Input()

    CSS = "VirtualTable { height: 1fr; } Input { height: 1; border: none; }"

    def on_mount(self) -> None:
        self.table.focus()

    def on_virtual_table_cursor_moved(self, message: VirtualTable.CursorMoved) -> None:
        self.seen.append(message)

    def on_virtual_table_row_activated(self, message: VirtualTable.RowActivated) -> None:
        self.seen.append(message)

    def on_virtual_table_sort_requested(self, message: VirtualTable.SortRequested) -> None:
        self.seen.append(message)

    def on_virtual_table_marks_changed(self, message: VirtualTable.MarksChanged) -> None:
        self.seen.append(message)


def cursor(app: Shown) -> Hashable | None:
    return app.table.cursor_key


def scrolls(app: Shown) -> bool:
    return app.table.show_vertical_scrollbar


def screen_line(table: VirtualTable) -> int:
    index = table.cursor_index
    assert index is not None
    return index - table.scroll_offset.y


@pytest.mark.parametrize(
    ("keys", "at"),
    [
        ("j", 1),
        ("j down j k up", 1),
        ("k", 0),
        ("G", 999),
        ("end k", 998),
        ("G g", 0),
        ("end home", 0),
        ("ctrl+f", 18),
        ("pagedown pageup", 0),
        ("ctrl+f ctrl+f ctrl+b", 18),
        ("ctrl+d", 9),
        ("ctrl+d ctrl+d ctrl+u", 9),
        ("G ctrl+d j", 999),
    ],
)
async def test_keys_move_the_cursor(keys: str, at: int) -> None:
    app = Shown(Rows(range(1000)))
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.press(*keys.split())
        assert cursor(app) == at
        assert 0 <= screen_line(app.table) < app.table.page_rows


async def test_a_half_page_keeps_the_cursor_on_its_screen_line() -> None:
    app = Shown(Rows(range(1000)))
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.press("j", "j", "j", "ctrl+d")
        assert screen_line(app.table) == 3


async def test_left_and_right_and_h_and_l_are_left_to_the_app() -> None:
    app = Shown(Rows(range(10)))
    async with app.run_test(size=(80, 20)):
        assert not {"left", "right", "h", "l", "d", "space"} & set(app.table._bindings.key_to_bindings)


async def test_the_cursor_follows_its_key_through_a_new_order() -> None:
    app = Shown(Rows(range(1000)))
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.press("ctrl+f", "ctrl+f", "j", "j", "j")
        key, line = app.table.cursor_key, screen_line(app.table)
        app.table.set_source(Rows(range(999, -1, -1)))
        await pilot.pause()
        assert cursor(app) == key
        assert screen_line(app.table) == line
        app.table.set_source(Rows([*range(5000, 5300), *range(1000)]))
        await pilot.pause()
        assert cursor(app) == key
        assert screen_line(app.table) == line


async def test_the_cursor_of_a_vanished_key_goes_to_the_next_one() -> None:
    app = Shown(Rows(range(100)))
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.press("j", "j", "j")
        app.table.set_source(Rows([0, 1, 2, *range(6, 100)]))
        assert cursor(app) == 6
        app.table.set_source(Rows([0, 1, 2]))
        assert cursor(app) == 2
        app.table.set_source(Rows([]))
        assert cursor(app) is None
        assert app.table.cursor_index is None
        await pilot.press("enter", "j", "k", "G", "ctrl+d")
        app.table.set_source(Rows([8, 9]))
        await pilot.pause()
        assert cursor(app) == 8
        moved = [m.key for m in app.seen if isinstance(m, VirtualTable.CursorMoved)]
        assert moved[-1] == 8
        assert not [m for m in app.seen if isinstance(m, VirtualTable.RowActivated)]


def test_successor_falls_back_to_the_same_row_where_a_whole_block_is_gone() -> None:
    assert successor(Rows(range(10_000)), 2000, Rows([*range(500), *range(9000, 10_000)])) == 1499
    assert successor(Rows(range(10_000)), 5, Rows(range(20_000, 20_010))) == 5


@given(st.lists(st.integers(0, 30), unique=True), st.lists(st.integers(0, 30), unique=True), st.integers(0, 30))
def test_successor_is_a_row_and_the_key_itself_if_it_is_there(old: list[int], new: list[int], row: int) -> None:
    row = min(row, max(0, len(old) - 1))
    at = successor(Rows(old), row, Rows(new))
    assert 0 <= at < max(1, len(new))
    if old and old[row] in new:
        assert new[at] == old[row]


async def test_marks_stay_with_their_keys() -> None:
    app = Shown(Rows(range(100)))
    async with app.run_test(size=(80, 20)) as pilot:
        app.table.toggle_mark()
        await pilot.press("j", "j", "j")
        app.table.mark_range()
        assert app.table.marked == {0, 1, 2, 3}
        app.table.set_source(Rows(range(99, -1, -1)))
        assert app.table.marked == {0, 1, 2, 3}
        app.table.set_source(Rows([50, 60]))
        assert app.table.marked == {0, 1, 2, 3}
        app.table.toggle_mark(2)
        app.table.set_source(Rows(range(5)))
        await pilot.pause()
        shown = [line for line in app.screen._compositor.render_strips() if "●" in line.text]
        assert [line.text.split()[0].lstrip("▌●") for line in shown] == ["id0", "id1", "id3"]
        app.table.clear_marks()
        assert app.table.marked == frozenset()
        await pilot.pause()
        marks = [m.marked for m in app.seen if isinstance(m, VirtualTable.MarksChanged)]
        assert marks == [{0}, {0, 1, 2, 3}, {0, 1, 3}, set()]


async def test_signs_of_cursor_and_marks_come_and_go_at_once(
    screen_lines: ScreenLines, painted_frame: Callable[[App[Any]], Awaitable[None]]
) -> None:
    app = Shown(Rows(range(9)))
    async with app.run_test(size=(80, 20)) as pilot:
        for marks, cursor_at in ((["▌●", "  "], 0), (["▌ ", "  "], 0), (["  ", "▌●"], 1)):
            app.table.action_move(cursor_at)
            app.table.toggle_mark()
            await painted_frame(app)
            assert [line[:2] for line in screen_lines(app)[1:3]] == marks
        await pilot.press("k")
        await painted_frame(app)
        assert [line[:2] for line in screen_lines(app)[1:3]] == ["▌ ", " ●"]


async def test_a_range_without_a_start_marks_the_row_alone() -> None:
    app = Shown(Rows(range(9)))
    async with app.run_test(size=(80, 20)):
        app.table.move_to_key(4)
        app.table.mark_range()
        assert app.table.marked == {4}


async def test_move_to_key() -> None:
    app = Shown(Rows(range(1000)))
    async with app.run_test(size=(80, 20)) as pilot:
        assert app.table.move_to_key(777)
        assert not app.table.move_to_key(-1)
        await pilot.pause()
        assert cursor(app) == 777


async def test_a_heading_asks_for_a_sort_and_shows_it(screen_lines: ScreenLines) -> None:
    app = Shown(Rows(range(1000)))
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.click(app.table, offset=(3, 0))
        await pilot.click(app.table, offset=(14, 0))
        asked = [m.column_id for m in app.seen if isinstance(m, VirtualTable.SortRequested)]
        assert asked == ["id"]
        app.table.sort = ("id", False)
        await pilot.pause()
        assert "ID▲" in screen_lines(app)[0]
        app.table.sort = ("why", True)
        await pilot.pause()
        assert "WHY▼" in screen_lines(app)[0]
        assert "ID▲" not in screen_lines(app)[0]


async def test_the_sign_of_the_sort_stands_behind_a_heading_as_wide_as_its_column(screen_lines: ScreenLines) -> None:
    class Narrow(Rows):
        columns = (Column("tries", "TRIES", width=5, align="right"), Column("size", "SIZE", width=4))

    app = Shown(Narrow(range(9)))
    async with app.run_test(size=(13, 20)) as pilot:
        app.table.sort = ("tries", True)
        await pilot.pause()
        assert screen_lines(app)[0] == "  TRIES▼SIZE "
        app.table.sort = ("size", False)
        await pilot.pause()
        assert screen_lines(app)[0] == "  TRIES SIZE▲"


async def test_what_is_cut_before_a_mark_keeps_what_follows_it(screen_lines: ScreenLines) -> None:
    class Addresses(Rows):
        columns = (Column("why", "WHY", width=20, cut_before="@"),)

        def cells(self, index: int) -> Sequence[Cell]:
            return (Content(["eleonora.longname@freemail.example", "a@b.example", "x@" + "long." * 9][index]),)

    app = Shown(Addresses(range(3)))
    async with app.run_test(size=(40, 20)) as pilot:
        await pilot.pause()
        lines = [line[2:22] for line in screen_lines(app)[1:4]]
        assert lines == ["el…@freemail.example", "a@b.example         ", "x@long.long.long.lo…"]


async def test_it_knows_what_it_shows_and_whether_a_person_moved_it() -> None:
    app = Shown(Rows(range(100)))
    async with app.run_test(size=(24, 20)) as pilot:
        assert [column.id for column in app.table.shown_columns] == ["id", "why"]
        assert not app.table.moved
        app.table.set_source(Rows(range(-5, 100)))
        await pilot.pause()
        assert app.table.cursor_index == 5
        assert not app.table.moved, "the cursor only followed its key"
        for keys, moved in (("j", True), ("g", False), ("pagedown", True), ("home", False), ("G", True)):
            await pilot.press(keys)
            assert app.table.moved == moved, keys


async def test_enter_and_double_click_open_the_row() -> None:
    app = Shown(Rows(range(1000)))
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.press("j", "enter")
        await pilot.click(app.table, offset=(5, 6))
        assert cursor(app) == 5
        await pilot.double_click(app.table, offset=(5, 8))
        assert [m.key for m in app.seen if isinstance(m, VirtualTable.RowActivated)] == [1, 7]


async def test_the_wheel_takes_the_cursor_along() -> None:
    app = Shown(Rows(range(1000)))
    async with app.run_test(size=(80, 20)) as pilot:
        table = app.table
        for _ in range(4):
            await pilot._post_mouse_events([_scroll_down()], table, offset=(5, 5))
        await pilot.pause()
        assert table.scroll_offset.y > 0
        assert screen_line(table) == 0


def _scroll_down() -> Any:
    from textual.events import MouseScrollDown

    return MouseScrollDown


async def test_cursor_moves_are_coalesced_and_end_at_the_truth() -> None:
    app = Shown(Rows(range(1000)))
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        app.seen.clear()
        for _ in range(100):
            app.table.action_move(1)
        await pilot.pause()
        moved = [m.key for m in app.seen if isinstance(m, VirtualTable.CursorMoved)]
        assert moved[-1] == 100
        assert len(moved) < 100


@pytest.mark.parametrize(("width", "titles"), [(20, "ID WHY"), (34, "ID WHO WHY"), (80, "ID SIZE WHO WHY")])
async def test_columns_go_by_priority(width: int, titles: str, screen_lines: ScreenLines) -> None:
    app = Shown(Rows(range(10)))
    async with app.run_test(size=(width, 20)):
        assert screen_lines(app)[0].split() == titles.split()


HOSTILE = {
    1: "山田太郎 日本語のとても長い理由です これは切られます、どこかで必ず切られます、きっと切られます",
    2: "🎉🎉🎉 👩‍👩‍👧 ☃️ e\u0301e\u0301",
    3: "a\nb\tc\x1b[31mred\x07\u2028x\x9b31m",
    4: "[red]not markup[/red] [/] [",
    5: "x" * 5000,
    6: "",
}


@pytest.mark.parametrize("width", [24, 30, 60, 61, 120, 200])
async def test_no_text_shears_the_columns(
    width: int, screen_lines: ScreenLines, cell_grid: Callable[[str], list[str]]
) -> None:
    class Wide(Rows):
        columns = (*COLUMNS, Column("end", "END", width=3))

        def cells(self, index: int) -> Sequence[Cell]:
            who = Content(HOSTILE.get(self._keys[index], "plain"))
            return (*super().cells(index)[:2], who, [Segment(HOSTILE.get(self._keys[index], ""))], Content("END"))

    app = Shown(Wide(range(8)))
    async with app.run_test(size=(width, 14)):
        shown = [cell_grid(line) for line in screen_lines(app)[:9]]
        assert {len(cells) for cells in shown} == {width}
        header = "".join(c or "\0" for c in shown[0])
        assert len({"".join(cells[header.rindex("END") :]) for cells in shown}) == 1
        assert not [cells for cells in shown if any(c and (c < " " or "\x7f" <= c <= "\x9f") for c in cells)]


async def test_markup_is_text(screen_lines: ScreenLines) -> None:
    app = Shown(Rows(range(8), HOSTILE))
    async with app.run_test(size=(120, 14)):
        assert "[red]not markup[/red] [/] [" in screen_lines(app)[5]


async def test_what_is_cut_says_so(screen_lines: ScreenLines) -> None:
    app = Shown(Rows(range(8), HOSTILE))
    async with app.run_test(size=(60, 14)):
        assert screen_lines(app)[6].rstrip().endswith("xxx…")


async def test_the_empty_text_is_shown_and_changes(screen_lines: ScreenLines) -> None:
    app = Shown(Rows([]), Content("no rows match; Esc clears the filter"))
    async with app.run_test(size=(80, 20)) as pilot:
        assert "no rows match; Esc clears the filter" in "\n".join(screen_lines(app))
        app.table.set_source(Rows([]), empty=Content("reading"))
        await pilot.pause()
        text = "\n".join(screen_lines(app))
        assert "reading" in text
        assert "no rows match" not in text
        assert "WHO" in text


async def test_painting_a_million_rows_is_the_work_of_a_thousand() -> None:
    work = []
    for count in (1_000, 1_000_000):
        source = Rows(range(count))
        app = Shown(source)
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            first = (source.asked, app.table.rows_built)
            await pilot.press("G", "g", "ctrl+f")
            work.append((first, source.asked, app.table.rows_built))
    assert work[0] == work[1]
    assert work[0][0][1] <= 40


async def test_a_new_snapshot_paints_only_what_changed(
    monkeypatch: pytest.MonkeyPatch, painted_frame: Callable[[App[Any]], Awaitable[None]]
) -> None:
    app = Shown(Rows(range(1000)))
    async with app.run_test(size=(120, 40)):
        await painted_frame(app)
        built = app.table.rows_built
        painted: list[int] = []
        original = app.table.render_line

        def render_line(y: int) -> Any:
            painted.append(y)
            return original(y)

        monkeypatch.setattr(app.table, "render_line", render_line)
        app.table.set_source(Rows(range(1000), {5: "another reason", 900: "unseen"}))
        await painted_frame(app)
        assert app.table.rows_built - built == 1
        assert painted == [6]
        painted.clear()
        app.table.set_source(Rows(range(1000), {5: "another reason", 901: "unseen"}))
        await painted_frame(app)
        assert painted == []


async def test_the_cursor_is_seen_with_and_without_focus() -> None:
    app = Shown(Rows(range(10)))
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.pause()

        def ground(y: int) -> Any:
            style = list(app.table.render_line(y))[3].style
            assert style is not None
            return style.bgcolor

        focused, plain = ground(1), ground(2)
        app.query_one(Input).focus()
        await pilot.pause()
        assert len({focused, ground(1), plain}) == 3
        assert ground(2) == plain


async def test_a_row_style_lies_under_the_whole_row() -> None:
    app = Shown(Rows(range(10), style="bold $error"))
    async with app.run_test(size=(80, 20)):
        strip = app.table.render_line(3)
        assert all(segment.style is not None and segment.style.bold for segment in strip)
        assert app.table.style_for("error").color == app.table.style_for("$error").color
        assert app.table.style_for("no-such-variable") == app.table.style_for("")
        assert app.table.style_for("[[") == app.table.style_for("")


async def test_another_theme_repaints_with_its_colours() -> None:
    app = Shown(Rows(range(10), style="error"))
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        before = list(app.table.render_line(3))[3].style
        app.theme = "textual-light"
        await pilot.pause()
        assert list(app.table.render_line(3))[3].style != before


async def test_any_size_of_screen() -> None:
    app = Shown(Rows(range(300), HOSTILE))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("G")
        for size in ((1, 1), (2, 2), (3, 5), (500, 200), (1, 200), (500, 1), (80, 24), (10, 10)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert cursor(app) == 299
            if size[1] > 3:
                assert 0 <= screen_line(app.table) < app.table.page_rows


async def test_growing_from_nothing_shows_the_scroll_bar_and_the_rows(screen_lines: ScreenLines) -> None:
    app = Shown(Rows([]))
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        assert not scrolls(app)
        app.table.set_source(Rows(range(100)))
        await pilot.pause()
        assert scrolls(app)
        assert "id17 " in screen_lines(app)[18]
        app.table.set_source(Rows(range(500)))
        await pilot.pause()
        assert app.table.vertical_scrollbar.window_virtual_size == 501
        assert app.table.virtual_size == Size(0, 501)


async def test_a_source_may_be_set_before_the_table_is_mounted() -> None:
    app = Shown(Rows([]))
    app.table.set_source(Rows(range(5)))
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        assert cursor(app) == 0
