"""The overview and the lines around the panes: what stands first, what is whole, what the last line offers."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from textual.widgets import Input

from mailtui.app import Console
from mailtui.keys import FILTERS, KEYS
from mailtui.model import LinkState, QueueListing, RunnerState
from mailtui.panes.attention import COLUMNS, AttentionPane, FindingSource, FindingTable
from mailtui.panes.cells import HOST_COLUMNS, QUEUE_COLUMNS, host_columns
from mailtui.panes.grouping import BY
from mailtui.panes.health import Finding, Rank
from mailtui.panes.hosts import HostsPane
from mailtui.panes.queue import QueuePane
from mailtui.query import parse
from mailtui.screens.footer import fitting
from mailtui.screens.help import HelpScreen
from mailtui.screens.host import HostScreen
from mailtui.screens.overview import OverviewScreen
from mailtui.store import Heard, LinkChanged, QueueRead, StatsRead
from mailtui.themes import available, load_theme, without_colors
from mailtui.widgets.columns import Column, place
from tests.pilot import world
from tests.pilot.test_console import console, press, screen_text, settle, until

NOW = world.NOW


def last_line(text: str) -> str:
    return text.rstrip("\n").rpartition("\n")[2].rstrip()


def _shows(app: Console, words: str) -> bool:
    return words in screen_text(app)


def line_with(text: str, words: str) -> str:
    return next(line for line in text.split("\n") if words in line)


# --- the last line


async def test_the_footer_is_whole_at_80_columns_and_names_what_matters() -> None:
    async with console(size=(80, 24)) as (app, pilot):
        await until(pilot, lambda: "Enter Open" in screen_text(app))
        assert last_line(screen_text(app)).split("  ")[:3] == [" Enter Open", "? Help", "q Quit"]
        await press(pilot, "enter")
        await until(pilot, lambda: "b Group" in screen_text(app))
        shown = " Enter Open  / Filter  b Group  ? Help  q Back  e Evidence  : Command  Tab Pane"
        assert last_line(screen_text(app)) == shown
        await press(pilot, "slash")
        await until(pilot, lambda: last_line(screen_text(app)) == " Enter keep  Esc clear")
        await press(pilot, "enter")
        await until(pilot, lambda: last_line(screen_text(app)) == shown)
        await press(pilot, "enter")
        await until(pilot, lambda: "h Back" in last_line(screen_text(app)))
        assert "q Overview" in last_line(screen_text(app))


async def test_the_footer_leaves_out_the_least_important_first() -> None:
    async with console(size=(40, 14)) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "b Group" in screen_text(app))
        assert last_line(screen_text(app)) == " Enter Open  / Filter  b Group  ? Help"
        await pilot.resize_terminal(120, 36)
        await until(pilot, lambda: "Ctrl+R Refresh" in last_line(screen_text(app)))


def test_keys_fit_whole_or_not_at_all() -> None:
    assert [fitting((5, 5, 5), width) for width in (0, 4, 8, 9, 13, 14, 99)] == [0, 1, 1, 2, 2, 3, 3]


# --- what needs attention


async def test_every_finding_is_whole_where_there_is_room() -> None:
    async with console(size=(120, 36)) as (app, _):
        text = " ".join(screen_text(app).split())
        assert "restart the mail server, or start its queue" in text
        assert "runner again" in text


async def test_the_finding_under_the_cursor_is_whole_at_80_by_24() -> None:
    async with console(size=(80, 24)) as (app, pilot):
        await press(pilot, "2")
        table = app.screen.query_one(FindingTable)
        seen = set()
        while table.cursor_key not in seen:
            seen.add(table.cursor_key)
            source = table.source
            assert isinstance(source, FindingSource)
            assert table.cursor_index is not None
            rows = source.rows_of(source.place_of(table.cursor_index))
            for words in (source.found(rows.start)[1].text, source.found(rows.start)[1].cure):
                shown = " ".join(" ".join(cell.plain for cell in source.cells(row)[2:]) for row in rows)
                assert all(word in shown for word in words.split())
            await press(pilot, "j")
        last = table.source
        assert isinstance(last, FindingSource)
        assert len(seen) == len({last.found(row) for row in range(len(last))}), "every finding was stood on"


def test_findings_are_wrapped_while_all_fit_and_then_only_the_chosen_one() -> None:
    found = [(f"h{n}", Finding(Rank.WARN, "word " * 9 + f"{n}", "help " * 7, about="x")) for n in range(3)]
    widths = {"what": 20, "cure": 12}
    whole = FindingSource(found, widths, 99)
    assert [len(whole.rows_of(n)) for n in range(3)] == [4, 4, 4]
    assert whole.place_of(5) == 1
    one = FindingSource(found, widths, 6, ("h1", "x", 0))
    assert [len(one.rows_of(n)) for n in range(3)] == [1, 4, 1]
    assert one.index(("h1", "x", 0)) == 1
    narrow = FindingSource(found[:1], {"what": 20}, 99)
    assert "help" in narrow.cells(len(narrow) - 1)[2].plain, "what helps stands below where it has no column"
    assert not any(column.sortable for column in (*COLUMNS, *HOST_COLUMNS)), "nothing sorts them"


async def test_enter_on_a_finding_opens_what_it_is_about() -> None:
    async with console() as (app, pilot):
        await press(pilot, "2")
        table = app.screen.query_one(FindingTable)
        for about, pane, words in (("service", "service", "DEAD"), ("lost", "queue", "/state=lost")):
            assert table.move_to_key(("mx3", about, 0))
            await press(pilot, "enter")
            assert isinstance(app.screen, HostScreen)
            assert app.screen.pane is not None
            assert (app.screen.host, app.screen.pane.id) == ("mx3", pane)
            await until(pilot, partial(_shows, app, words))
            await press(pilot, "0")
        assert app.screen.query_one(AttentionPane).chosen == "mx3"


async def test_a_host_stays_in_trouble_while_it_is_tried_again() -> None:
    async with console() as (app, pilot):
        before = screen_text(app)
        again = LinkChanged("mx7", NOW, LinkState.CONNECTING, "no route to host", "is the VPN up?", 4)
        app.store.apply(again)
        await until(pilot, lambda: "connecting" in screen_text(app))
        text = screen_text(app)
        assert "!!" in line_with(text, "mx7")
        assert "link: no route to host" in text
        rows = [[line.split()[2] for line in each.split("\n")[4:6]] for each in (before, text)]
        assert rows[0] == rows[1], "the hosts stand where they stood"


async def test_the_header_counts_silent_hosts() -> None:
    async with console() as (app, pilot):
        app.store.apply(StatsRead("mx1", NOW - 9, replace(world.stats(), taken_at=NOW - 9)))
        await until(pilot, lambda: "~ 1 silent" in screen_text(app))


# --- hosts


async def test_the_cursor_stands_on_the_first_host_until_it_is_moved() -> None:
    async with console() as (app, pilot):
        hosts = app.screen.query_one(HostsPane)
        app.store.apply(StatsRead("mx3", NOW, world.stats()))
        await until(pilot, lambda: hosts.table.source.key(0) == "mx7")
        assert hosts.chosen == "mx7"
        await press(pilot, "j")
        chosen = hosts.chosen
        app.store.apply(StatsRead("mx1", NOW, world.stats(RunnerState.DEAD)))
        await until(pilot, lambda: hosts.table.source.index("mx1") == 0)
        assert hosts.chosen == chosen


async def test_coming_back_the_cursor_stands_on_the_host_that_was_opened() -> None:
    async with console() as (app, pilot):
        await press(pilot, "enter", "0")
        app.store.apply(StatsRead("mx3", NOW, world.stats()))
        hosts = app.screen.query_one(HostsPane)
        await until(pilot, lambda: hosts.table.source.key(0) == "mx7")
        assert hosts.chosen == "mx3"


async def test_panes_of_the_overview_by_number_and_evidence_of_the_one_chosen() -> None:
    async with console() as (app, pilot):
        assert isinstance(app.screen, OverviewScreen)
        await press(pilot, "2", "j")
        assert isinstance(app.screen.pane, AttentionPane)
        assert app.screen.chosen == app.screen.pane.chosen
        await press(pilot, "1")
        assert isinstance(app.screen.pane, HostsPane)


@pytest.mark.parametrize("width", [38, 78])
def test_a_narrow_list_of_hosts_keeps_name_queue_and_age(width: int) -> None:
    shown = {placed.column.id: placed.width for placed in place(host_columns(["a" * 12, "mx1"]), width, 2)}
    assert shown["host"] == 12
    assert {"sign", "queue", "oldest"} <= set(shown)
    assert (width > 40) == ("service" in shown)


@pytest.mark.parametrize(("width", "to"), [(38, False), (58, False), (78, True), (118, True)])
def test_a_narrow_queue_keeps_its_reasons(width: int, to: bool) -> None:
    shown = {placed.column.id: placed.width for placed in place(QUEUE_COLUMNS, width, 2)}
    assert shown["reason"] >= 18
    assert ("to" in shown) == to


def test_a_column_yields_only_where_the_last_one_would_be_too_narrow() -> None:
    columns = (Column("a", "A", width=10), Column("b", "B", min_width=10, yields=True), Column("c", "C", min_width=20))
    assert [[placed.column.id for placed in place(columns, width)] for width in (42, 32, 31, 12)] == [
        ["a", "b", "c"],
        ["a", "b", "c"],
        ["a", "c"],
        ["a", "c"],
    ]


# --- a host's line


async def test_what_is_not_current_says_so_in_the_line_of_the_host() -> None:
    async with console() as (app, pilot):
        app.store.apply(LinkChanged("mx1", NOW, LinkState.RETRYING, "connection lost", "", 1, NOW + 3))
        app.open_host("mx1")
        await until(pilot, lambda: "was accepting" in screen_text(app))
        line = screen_text(app).split("\n")[1]
        assert "was 14 queued" in line
        assert "!! retry 3s" in line
        app.store.apply(Heard("mx1", NOW, 0.01))
        await press(pilot, "4")
        green = app.theme_variables["success"].lower()
        for strip in app.screen._compositor.render_strips()[-20:]:
            for segment in strip:
                if segment.text.strip() in ("running", "yes") and segment.style and segment.style.color:
                    assert segment.style.color.name != green


async def test_header_and_tabs_are_of_now_when_a_screen_comes_back() -> None:
    async with console() as (app, pilot):
        await press(pilot, "enter", "e")
        app.store.apply(StatsRead("mx3", NOW, world.stats()))
        await press(pilot, "escape")
        text = screen_text(app)
        assert "!! 1 in trouble" in text.split("\n")[0]
        assert "MSP runner dead" not in text.split("\n")[1]


async def test_zooming_says_how_to_come_back() -> None:
    async with console() as (app, pilot):
        await press(pilot, "enter", "z")
        assert "zoomed, z: back" in screen_text(app)
        await press(pilot, "z")
        assert "zoomed" not in screen_text(app)
        assert app.screen.query_one(QueuePane).size.height >= app.screen.query_one("#log").size.height


# --- help and palette


async def test_help_scrolls_while_one_can_search_and_tells_moving_first() -> None:
    async with console(size=(80, 24)) as (app, pilot):
        await press(pilot, "question_mark")
        assert isinstance(app.screen, HelpScreen)
        assert isinstance(app.focused, Input)
        assert "Moving in lists" in screen_text(app)
        view = app.screen.query_one("#help-list")
        await press(pilot, "down", "down", "up")
        assert view.scroll_offset.y == 1
        await press(pilot, "pagedown")
        assert view.scroll_offset.y == view.size.height
        await press(pilot, "pageup", "pageup")
        assert view.scroll_offset.y == 0
        await press(pilot, *"no link")
        assert "!!" in line_with(screen_text(app), "In trouble")
        await press(pilot, *"qq")
        assert "no match" in screen_text(app)


def test_what_help_says_of_filters_and_groups_is_true() -> None:
    for example, kind, _ in FILTERS:
        assert parse(example, kind)
        assert len(example) <= 15, "a wide label leaves little for the words"
    said = next(key.help for key in KEYS if key.id == "groups.by")
    assert said.rstrip(".").casefold().split(", ") == list(BY)


async def test_the_palette_offers_what_works_here_in_one_order() -> None:
    async with console(size=(80, 40)) as (app, pilot):
        await press(pilot, "enter", "colon")
        await until(pilot, lambda: "Host: mx1" in screen_text(app) or "Refresh" in screen_text(app))
        text = screen_text(app)
        assert text.index("Help (?)") < text.index("Quit (q)") < text.index("Zoom pane (z)")
        await press(pilot, *"sort")
        await until(pilot, lambda: "Sort (s)" in screen_text(app))
        assert "Reverse sort (S)" in screen_text(app)
        await press(pilot, "enter")
        await settle(pilot)
        assert app.screen.query_one(QueuePane).table.sort != ("age", True)


async def test_the_palette_draws_its_frame_in_ascii() -> None:
    async with console(ascii=True) as (app, pilot):
        await press(pilot, "colon")
        await until(pilot, lambda: "Help (?)" in screen_text(app))
        text = screen_text(app)
        assert text.isascii()
        assert "??" not in text


# --- without colours


def test_without_colours_what_warns_is_no_dimmer_than_the_rest() -> None:
    for path in available():
        spec = load_theme(path)
        plain = without_colors(spec)
        assert plain.colors.error == plain.colors.warning == plain.variables["held"] == spec.colors.foreground
        assert plain.variables["muted"] == spec.variables["muted"]


async def test_no_color_reaches_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with console() as (app, _):
        assert app.theme_variables["error"].lower() == app.theme_variables["foreground"].lower()
        assert "!!" in line_with(screen_text(app), " mx3 ")


async def test_a_paused_queue_is_marked_in_the_list() -> None:
    async with console() as (app, pilot):
        app.store.apply(QueueRead("mx1", NOW - 60, QueueListing(NOW, True, (), world.rows("mx1", 14))))
        await until(pilot, lambda: "~14" in line_with(screen_text(app), " mx1 "))
