"""The console over a made-up fleet: what keys do, what is on the screens."""

from __future__ import annotations

import contextvars
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from mailtui.app import Console, ConsoleOptions
from mailtui.keys import KEYS, Scope, spelled
from mailtui.model import LinkState, QueueListing
from mailtui.panes.hosts import HostsPane
from mailtui.panes.pane import seen
from mailtui.screens.evidence import EvidenceScreen
from mailtui.screens.groups import GroupsScreen
from mailtui.screens.help import HelpScreen
from mailtui.screens.host import HostScreen
from mailtui.screens.message import MessageScreen
from mailtui.screens.overview import OverviewScreen
from mailtui.store import Heard, LinkChanged, LogRead, QueueRead
from mailtui.widgets.virtual_table import VirtualTable
from tests.pilot import world

SIZES = ((80, 24), (120, 36), (200, 60))


@asynccontextmanager
async def console(
    count: int = 240, hostile: bool = False, size: tuple[int, int] = (120, 36), **options: Any
) -> AsyncIterator[tuple[Console, Pilot[None]]]:
    fleet = world.fleet(count, hostile)
    app = Console(fleet, ConsoleOptions(**options), clock=fleet.clock)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        yield app, pilot


async def settle(pilot: Pilot[None]) -> None:
    """Wait until workers have ended and everything is painted."""
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    await pilot.pause()


async def press(pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    """Wait for a condition; pytest's own time limit ends a vain wait."""
    while not condition():
        await pilot.pause(0.02)


def screen_text(app: Console) -> str:
    return "\n".join("".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips())


@pytest.mark.parametrize("size", SIZES)
async def test_the_overview_says_who_is_in_trouble_and_why(size: tuple[int, int]) -> None:
    async with console(size=size) as (app, _):
        text = screen_text(app)
        assert "! 2 in trouble" in text
        assert "MSP runner" in text
        assert "retry 8s" in text
        assert "no route to host" in text
        assert text.index(" mx3 ") < text.index(" mx1 "), "hosts in trouble come first"


@pytest.mark.parametrize("size", SIZES)
async def test_enter_opens_the_host_and_its_panes_by_number(size: tuple[int, int]) -> None:
    async with console(size=size) as (app, pilot):
        await press(pilot, "enter")
        assert isinstance(app.screen, HostScreen)
        assert "240 messages" in screen_text(app)
        assert "MSP runner dead" in screen_text(app), "the worst is said on every width"
        await press(pilot, "2")
        assert "2 Log: following" in screen_text(app)
        await press(pilot, "3")
        assert "Spool" in screen_text(app)
        await press(pilot, "4")
        assert "DEAD" in screen_text(app)
        assert app.screen.pane is not None
        assert app.screen.pane.id == "service"
        await press(pilot, "tab")
        assert app.screen.pane.id == "queue"
        await press(pilot, "h")
        assert isinstance(app.screen, OverviewScreen)


async def test_the_cursor_stays_with_its_message_over_a_refresh_sort_and_filter() -> None:
    async with console() as (app, pilot):
        await press(pilot, "enter", "j", "j", "j")
        assert isinstance(app.screen, HostScreen)
        table = app.screen.query_one("#queue-table", VirtualTable)
        chosen = table.cursor_key
        kept = tuple(row for row in world.rows("mx3", 240) if row.key == chosen or row.attempts)
        app.store.apply(QueueRead("mx3", world.NOW, QueueListing(world.NOW, True, (), kept)))
        await until(pilot, lambda: len(table.source) == len(kept))
        assert table.cursor_key == chosen
        await press(pilot, "s", "S")
        assert table.cursor_key == chosen
        await press(pilot, "slash", *"refused", "enter")
        await until(pilot, lambda: len(table.source) < len(kept))
        assert f"shown of {len(kept)}" in screen_text(app)
        await press(pilot, "F")
        assert len(table.source) == len(kept)
        await press(pilot, "F", "escape")
        assert len(table.source) == len(kept)
        assert isinstance(app.screen, HostScreen)


async def test_a_fault_in_a_filter_is_shown_and_the_list_stays() -> None:
    async with console() as (app, pilot):
        await press(pilot, "enter", "slash", *"age>soon")
        await until(pilot, lambda: "duration" in screen_text(app))
        assert "shown of 240" in screen_text(app), "the last good filter stays"


async def test_groups_lead_to_their_messages() -> None:
    async with console() as (app, pilot):
        await press(pilot, "enter", "b")
        assert isinstance(app.screen, GroupsScreen)
        text = screen_text(app)
        assert "by reason" in text
        assert "Connection refused" in text
        await press(pilot, "b")
        assert "by domain" in screen_text(app)
        await press(pilot, "enter")
        assert isinstance(app.screen, HostScreen)
        await until(pilot, lambda: "shown of 240" in screen_text(app))
        assert 'domain="dest' in screen_text(app)


@pytest.mark.parametrize("size", SIZES)
async def test_enter_on_a_message_shows_envelope_recipients_and_log_lines(size: tuple[int, int]) -> None:
    async with console(size=size) as (app, pilot):
        await press(pilot, "enter", "slash", *"nrcpt=2", "enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, MessageScreen))
        await settle(pilot)
        text = screen_text(app)
        assert "Recipients still to be served (2)" in text
        assert "more0@example.net" in text
        await press(pilot, "tab")
        assert "Log lines of 6AM" in screen_text(app)
        await press(pilot, "escape")
        assert isinstance(app.screen, HostScreen)


async def test_a_message_that_leaves_the_queue_says_so_and_stays() -> None:
    async with console() as (app, pilot):
        await press(pilot, "enter", "enter")
        assert isinstance(app.screen, MessageScreen)
        app.store.apply(QueueRead("mx3", world.NOW, QueueListing(world.NOW, True, (), ())))
        await until(pilot, lambda: "LEFT THE QUEUE" in screen_text(app))


async def test_evidence_shows_the_raw_command_and_output() -> None:
    async with console() as (app, pilot):
        await press(pilot, "enter", "e")
        assert isinstance(app.screen, EvidenceScreen)
        text = screen_text(app)
        assert "$ sendmail -bp -v" in text
        assert "<1b>[2J/var/spool" in text


async def test_the_log_pauses_counts_and_follows_again() -> None:
    async with console() as (app, pilot):
        await press(pilot, "enter", "2", "k")
        app.store.apply(LogRead("mx3", world.NOW, "/var/log/mail.log", 0, world.log_lines(312), True))
        await until(pilot, lambda: "+312 new" in screen_text(app))
        await press(pilot, "f")
        assert "+312 new" not in screen_text(app)
        assert "following" in screen_text(app)


async def test_a_log_filter_keeps_matching_lines_also_new_ones() -> None:
    async with console() as (app, pilot):
        await press(pilot, "enter", "2", "slash", *"Sent", "enter")
        await until(pilot, lambda: "75 of 300 lines" in screen_text(app))
        app.store.apply(LogRead("mx3", world.NOW, "/var/log/mail.log", 0, world.log_lines(4), True))
        await until(pilot, lambda: "76 of 304 lines" in screen_text(app))
        await press(pilot, "escape")
        assert "following" in screen_text(app)


async def test_changes_come_from_tasks_that_know_nothing_of_the_app() -> None:
    async with console() as (app, pilot):
        await press(pilot, "enter")
        listing = QueueListing(world.NOW, True, (), world.rows("mx3", 9))
        contextvars.Context().run(app.store.apply, QueueRead("mx3", world.NOW, listing))
        contextvars.Context().run(app.store.apply, LogRead("mx3", world.NOW, "/l", 0, world.log_lines(9), True))
        await until(pilot, lambda: "9 messages" in screen_text(app))
        await press(pilot, "escape")


async def test_what_is_old_is_called_stale() -> None:
    async with console() as (app, pilot):
        app.store.apply(LinkChanged("mx3", world.NOW, LinkState.RETRYING, "connection lost", "", 1, world.NOW + 3))
        old = replace(QueueListing(world.NOW, True, (), world.rows("mx3", 9)))
        app.store.apply(QueueRead("mx3", world.NOW - 90, old))
        await press(pilot, "enter")
        await until(pilot, lambda: "STALE 1m" in screen_text(app))
        await press(pilot, "0")
        assert "was MSP runner dead" in screen_text(app)


async def test_a_link_that_says_nothing_makes_its_numbers_stale() -> None:
    async with console() as (app, pilot):
        app.store.apply(Heard("mx1", world.NOW - 9, 0.01))
        await until(pilot, lambda: "silent 9s" in screen_text(app))
        assert "was accepting" in screen_text(app)


async def test_a_screen_that_cannot_be_seen_rests_and_catches_up() -> None:
    async with console() as (app, pilot):
        overview = app.screen
        hosts = overview.query_one(HostsPane)
        await press(pilot, "enter")
        before = hosts.table.source
        app.store.apply(Heard("mx1", world.NOW - 9, 0.01))
        hosts._tick()
        assert hosts.table.source is before, "below an opaque screen nothing is painted"
        await press(pilot, "question_mark")
        host_screen = app.screen_stack[-2]
        assert seen(host_screen), "beneath a dialog the screen is still looked at"
        await press(pilot, "escape", "0")
        assert hosts.table.source is not before
        assert "silent 9s" in screen_text(app)


async def test_an_incomplete_queue_says_what_is_missing() -> None:
    async with console() as (app, pilot):
        missing = ("mqueue could not be entered: see mailtui sudoers mx3",)
        app.store.apply(QueueRead("mx3", world.NOW, QueueListing(world.NOW, False, missing, ())))
        await press(pilot, "enter")
        await until(pilot, lambda: "INCOMPLETE" in screen_text(app))
        assert "could not be entered" in screen_text(app)
        await press(pilot, "0")
        assert "0+" in screen_text(app), "a count that is not whole is never shown as one"


async def test_help_lists_every_key_and_can_be_searched() -> None:
    async with console(size=(200, 60)) as (app, pilot):
        await press(pilot, "enter", "question_mark")
        assert isinstance(app.screen, HelpScreen)
        assert "In queue" in screen_text(app)
        await press(pilot, *"evidence")
        text = screen_text(app)
        assert "The raw command and its raw output" in text
        assert "Half a page" not in text
        await press(pilot, "escape")
        assert isinstance(app.screen, HostScreen)


async def test_keys_can_be_remapped_by_id() -> None:
    async with console(keys=(("queue.group", "x"),)) as (app, pilot):
        await press(pilot, "enter", "x")
        assert isinstance(app.screen, GroupsScreen)


async def test_zoom_gives_a_pane_the_screen_and_takes_it_back() -> None:
    async with console() as (app, pilot):
        await press(pilot, "enter", "z")
        assert "Resources" not in screen_text(app)
        await press(pilot, "z")
        assert "Resources" in screen_text(app)


async def test_hosts_are_switched_without_going_back() -> None:
    async with console() as (app, pilot):
        await press(pilot, "enter", "right_square_bracket")
        assert isinstance(app.screen, HostScreen)
        assert app.screen.host == "mx7"
        await press(pilot, "left_square_bracket", "left_square_bracket")
        assert app.screen.host == "mx1"
        await press(pilot, "q")
        assert isinstance(app.screen, OverviewScreen)


@pytest.mark.parametrize("theme", ["mailtui-dark", "mailtui-light", "mailtui-high-contrast"])
async def test_every_theme_shows_every_screen(theme: str) -> None:
    async with console(theme=theme) as (app, pilot):
        assert app.theme == theme
        await press(pilot, "enter", "enter", "escape", "b", "escape", "e")


async def test_ascii_draws_no_other_character() -> None:
    async with console(ascii=True) as (app, pilot):
        assert screen_text(app).isascii()
        await press(pilot, "enter")
        assert screen_text(app).isascii()


async def test_resizing_through_every_shape_breaks_nothing() -> None:
    async with console() as (app, pilot):
        await press(pilot, "enter")
        for width, height in ((1, 1), (500, 200), (59, 14), (99, 30), (100, 30), (80, 24)):
            await pilot.resize_terminal(width, height)
            await settle(pilot)
        assert "240 messages" in screen_text(app)


def test_no_key_of_the_table_stands_twice_where_both_would_work() -> None:
    for scope in Scope:
        here = [key for entry in KEYS if entry.scope in (Scope.APP, scope) for key in entry.keys.split(",")]
        assert scope is Scope.DIALOG or len(here) == len(set(here)), scope
    assert len({key.id for key in KEYS}) == len(KEYS)


def test_keys_are_spelled_as_people_do() -> None:
    assert spelled("ctrl+p,colon") == "Ctrl+P :"
    assert spelled("shift+tab") == "Shift+Tab"
