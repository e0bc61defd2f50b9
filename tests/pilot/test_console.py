"""The console over a made-up fleet: what keys do, what is on the screens."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.pilot import Pilot
from textual.widgets import Input

from mailtui.app import Console, ConsoleOptions
from mailtui.errors import HostError, Refused
from mailtui.keys import KEYS, Scope, spelled
from mailtui.logsearch import Found
from mailtui.model import Identity, LinkState, LogRecord, Message, QueueListing, QueueRow
from mailtui.mta.contract import LogQuery
from mailtui.panes.hosts import HostsPane
from mailtui.panes.log import LogPane, LogSource
from mailtui.panes.loglines import Styles, record_line
from mailtui.panes.pane import seen
from mailtui.screens import message
from mailtui.screens.evidence import EvidenceScreen
from mailtui.screens.groups import GroupsScreen
from mailtui.screens.help import HelpScreen
from mailtui.screens.host import HostScreen
from mailtui.screens.message import MessageLogPane, MessageScreen
from mailtui.screens.overview import OverviewScreen
from mailtui.store import Heard, LinkChanged, LogBuffer, LogRead, QueueRead, log
from mailtui.store.log import Block, Finder
from mailtui.widgets.filter_bar import FilterBar
from mailtui.widgets.transcript import Transcript
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
        await press(pilot, "enter", "slash", *"refused")
        await until(pilot, lambda: "shown of 240" in screen_text(app))
        await press(pilot, *" age>soon")
        await until(pilot, lambda: "duration" in screen_text(app))
        assert "shown of 240" in screen_text(app), "the last good filter stays"


async def test_groups_lead_to_their_messages() -> None:
    async with console() as (app, pilot):
        await press(pilot, "enter", "b")
        assert isinstance(app.screen, GroupsScreen)
        text = screen_text(app)
        assert "by reason: 6 groups" in text
        assert " REASON " in text
        assert "Connection refused" in text
        assert "(lost)" in text
        assert "450 4.2.0 <...>: Recipient" in text
        await press(pilot, "b")
        assert "by domain: 11 groups" in screen_text(app)
        assert " DOMAIN " in screen_text(app)
        await press(pilot, "enter")
        beneath = app.screen_stack[-1]
        assert isinstance(beneath, HostScreen)
        await until(pilot, lambda: "shown of 240" in screen_text(app))
        assert 'domain="dest' in screen_text(app)
        await press(pilot, "slash")
        assert beneath.query_one("#queue-filter Input", Input).value == beneath.queue.filter_text
        await press(pilot, *" age>9d", "enter")
        await until(pilot, lambda: "0 shown of 240" in screen_text(app))


class Gate:
    """Stands before every decoding of a message, shut or open, and counts who came."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passing = threading.Event()
        self.came = 0
        read = world.Formats.message

        def message(formats: world.Formats, host: str, identity: Identity | None, row: QueueRow) -> Message:
            self.came += 1
            self.passing.wait(60)
            return read(formats, host, identity, row)

        monkeypatch.setattr(world.Formats, "message", message)


async def test_a_filter_is_finished_though_the_queue_changes_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    async with console(size=(160, 36)) as (app, pilot):
        await press(pilot, "enter")
        assert isinstance(app.screen, HostScreen)
        pane = app.screen.queue
        pane.set_filter("subject:Invoice")
        await until(pilot, lambda: gate.came > 0)
        await until(pilot, lambda: "240 messages · filtering ..." in screen_text(app))
        assert "/subject" not in screen_text(app), "the old rows do not bear the new filter's words"
        for count in (238, 236, 234):
            app.store.apply(QueueRead("mx3", world.NOW, QueueListing(world.NOW, True, (), world.rows("mx3", count))))
            await until(pilot, lambda: not pane._waiting)
        assert gate.came == 1, "one search at a time"
        gate.passing.set()
        await until(pilot, lambda: "234 messages · /subject:Invoice" in screen_text(app))


async def test_a_search_that_is_wanted_no_more_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    async with console() as (app, pilot):
        await press(pilot, "enter")
        assert isinstance(app.screen, HostScreen)
        pane = app.screen.queue
        pane.set_filter("subject:Invoice")
        await until(pilot, lambda: gate.came > 0)
        await pilot.press("escape")
        gate.passing.set()
        await settle(pilot)
        assert isinstance(app.screen, HostScreen)
        await until(pilot, lambda: "1 Queue: 240 messages" in screen_text(app))
        assert "filtering" not in screen_text(app)
        assert gate.came == 1, "its thread went on"


async def test_only_rows_that_changed_are_filtered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    gate.passing.set()
    async with console(size=(160, 36)) as (app, pilot):
        await press(pilot, "enter", "slash", *"subject:Invoice", "enter")
        await until(pilot, lambda: "240 messages · /subject:Invoice" in screen_text(app))
        before = gate.came
        row = world.rows("mx3", 241)[-1]
        app.store.apply(QueueRead("mx3", world.NOW, QueueListing(world.NOW, True, (), (row,), (), partial=True)))
        await until(pilot, lambda: "241 messages · /subject:Invoice" in screen_text(app))
        assert gate.came == before + 1


async def test_a_field_name_being_typed_does_not_empty_the_list() -> None:
    async with console() as (app, pilot):
        await press(pilot, "enter", "slash")
        assert isinstance(app.screen, HostScreen)
        pane = app.screen.queue
        bar = pane.query_one(FilterBar)
        for key in "age>":
            await press(pilot, key)
            await until(pilot, lambda: bar._quiet is None)
            await settle(pilot)
            assert len(pane.table.source) == 240, bar.text
        await press(pilot, *"1h")
        await until(pilot, lambda: "/age>1h" in screen_text(app))
        await press(pilot, *["backspace"] * 3, "enter")
        await until(pilot, lambda: pane.filter_text == "age")
        await until(pilot, lambda: "no message matches" in screen_text(app))


@pytest.mark.parametrize("size", SIZES)
async def test_sorting_goes_through_the_columns_on_show_from_the_top(size: tuple[int, int]) -> None:
    async with console(size=size) as (app, pilot):
        await press(pilot, "enter", "z")
        assert isinstance(app.screen, HostScreen)
        table = app.screen.queue.table
        shown = [column.id for column in table.shown_columns]
        seen_by = set()
        for _ in shown:
            await press(pilot, "s")
            assert table.sort is not None
            seen_by.add(table.sort[0])
            heading = next(line for line in screen_text(app).split("\n") if "REASON" in line)
            assert heading.count("▲") + heading.count("▼") == 1, table.sort
            assert all(column.title in heading for column in table.shown_columns)
            assert table.cursor_index == 0, "nobody moved the cursor"
        assert seen_by == set(shown)


async def test_a_host_that_was_never_read_says_so_and_why() -> None:
    async with console() as (app, pilot):
        app.open_host("mx7")
        await settle(pilot)
        text = screen_text(app)
        assert "1 Queue: NOT READ · no route to host" in text
        assert "2 Log: NOT READ · no route to host" in text
        assert "0 messages" not in text
        assert "following" not in text
        assert text.count("is the VPN up?") >= 2
        await press(pilot, "b")
        assert "Queue NOT READ · no route to host" in screen_text(app)


async def test_the_log_of_a_silent_link_is_stale() -> None:
    async with console() as (app, pilot):
        await press(pilot, "enter")
        pane = app.screen.query_one(LogPane)
        app.store.apply(Heard("mx3", world.NOW - 40, 0.01))
        await until(pilot, lambda: "2 Log: STALE 40s · since 14:00" in screen_text(app))
        assert pane.has_class("-stale")
        app.store.apply(Heard("mx3", world.NOW, 0.01))
        await until(pilot, lambda: "2 Log: following · since 14:00" in screen_text(app))
        assert not pane.has_class("-stale")


@pytest.mark.parametrize(("key", "title"), [("enter", "Message 6AM"), ("b", "Queue by reason")])
async def test_screens_above_the_host_tell_of_a_silent_link_too(key: str, title: str) -> None:
    async with console(size=(160, 36)) as (app, pilot):
        await press(pilot, "enter", key)
        app.store.apply(Heard("mx3", world.NOW - 40, 0.01))
        await until(pilot, lambda: any(title in line and "STALE 40s" in line for line in screen_text(app).split("\n")))


async def test_a_message_says_why_its_headers_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    read = world.Formats.message
    monkeypatch.setattr(world.Formats, "message", lambda *args: replace(read(*args), headers=()))
    async with console(size=(160, 60)) as (app, pilot):
        await press(pilot, "enter", "enter")
        await until(pilot, lambda: "could not be read: " in screen_text(app))


async def test_headers_that_were_read_stay_while_the_message_is_tried_again() -> None:
    async with console(size=(160, 60)) as (app, pilot):
        await press(pilot, "enter", "enter")
        screen = app.screen
        assert isinstance(screen, MessageScreen)
        screen.show_message(replace(screen.message, headers=((b"X-Read", b"yes"),)))
        rows = [row._replace(attempts=77, last_attempt_at=world.NOW - 1) for row in world.rows("mx3", 240)]
        app.store.apply(QueueRead("mx3", world.NOW, QueueListing(world.NOW, True, (), tuple(rows))))
        await until(pilot, lambda: "77, last 1s ago" in screen_text(app))
        assert "X-Read" in screen_text(app)


async def test_the_hosts_logs_are_searched_for_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[LogQuery] = []
    answer: list[Found | HostError] = []
    ready = asyncio.Event()

    async def look(link: object, query: LogQuery, seconds: float) -> Found:
        asked.append(query)
        await ready.wait()
        if isinstance(answer[0], HostError):
            raise answer[0]
        return answer[0]

    monkeypatch.setattr("mailtui.logsearch.look", look)
    async with console(size=(160, 60)) as (app, pilot):
        monkeypatch.setattr(app.fleet, "link", lambda host: object())
        await press(pilot, "enter")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, MessageScreen))
        screen = app.screen
        assert isinstance(screen, MessageScreen)
        id_ = screen.message.id
        await until(pilot, lambda: "searching the host's logs" in screen_text(app))
        old = f"Nov 20 10:00:00 mx3 sm-mta[7]: {id_}: from=<old@x>"
        new = f"Nov 22 10:00:00 mx3 sm-mta[7]: {id_}: to=<new@x>"  # held already: it is shown once
        records = [world.Reader().record(line.encode()) for line in (old, new)]
        answer[:] = [Found(records, ("mail.log.2 could not be read: denied",))]
        app.store.apply(LogRead("mx3", world.NOW, "/var/log/mail.log", 10**6, f"{new}\n".encode(), True))
        ready.set()
        await until(pilot, lambda: "from=<old@x>" in screen_text(app))
        assert screen_text(app).count("to=<new@x>") == 1
        assert "mail.log.2 could not be read: denied" in screen_text(app)
        assert [each.id for each in asked] == [id_]
        later = f"Nov 22 10:00:05 mx3 sm-mta[8]: {id_}: to=<later@x>"
        app.store.apply(LogRead("mx3", world.NOW, "/var/log/mail.log", 10**6 + 200, f"{later}\n".encode(), True))
        await until(pilot, lambda: "to=<later@x>" in screen_text(app))
        assert "from=<old@x>" in screen_text(app)
        await press(pilot, "escape")
        answer[:] = [Refused("no mail log that the login may read")]
        await press(pilot, "enter")
        await until(pilot, lambda: "could not be searched: no mail log that the login may read" in screen_text(app))


class Held:
    """Something asked of a host that is answered only when it is released."""

    def __init__(self) -> None:
        self.released = asyncio.Event()
        self.asked = 0
        self.cancelled = 0

    async def wait(self) -> None:
        self.asked += 1
        try:
            await self.released.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


async def left_message(app: Console, pilot: Pilot[None], held: Held) -> MessageScreen:
    """Open a message, leave it while something is still asked for it, and let the answer come."""
    await press(pilot, "enter")
    await pilot.press("enter")
    await until(pilot, lambda: held.asked == 1)
    screen = app.screen
    assert isinstance(screen, MessageScreen)
    await pilot.press("escape")
    await until(pilot, lambda: not screen.is_attached)
    held.released.set()
    await settle(pilot)
    assert isinstance(app.screen, HostScreen)
    return screen


async def test_a_search_ends_with_the_message_it_was_for(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held()

    async def look(link: object, query: LogQuery, seconds: float) -> Found:
        await held.wait()
        return Found([], ())

    monkeypatch.setattr("mailtui.logsearch.look", look)
    async with console() as (app, pilot):
        monkeypatch.setattr(app.fleet, "link", lambda host: object())
        await left_message(app, pilot, held)
        assert app._exception is None
        assert held.cancelled == 1


async def test_reading_headers_ends_with_the_message_they_are_of(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held()

    async def show(host: str, key: str) -> Message:
        await held.wait()
        raise Refused("too late")

    async with console() as (app, pilot):
        monkeypatch.setattr(app.fleet, "show", show)
        await left_message(app, pilot, held)
        assert app._exception is None
        assert held.cancelled == 1


async def test_answers_for_a_message_that_is_left_change_nothing() -> None:
    async with console() as (app, pilot):
        await press(pilot, "enter", "enter")
        screen = app.screen
        assert isinstance(screen, MessageScreen)
        await press(pilot, "escape")
        await until(pilot, lambda: not screen.is_attached)
        screen.show_log([world.Reader().record(b"late")], ())
        screen.say_not_searched("late")
        screen.show_message(screen.message)
        screen.say_no_headers("late")
        await settle(pilot)
        assert app._exception is None
        assert isinstance(app.screen, HostScreen)


async def test_a_message_that_is_being_left_takes_answers_at_every_step() -> None:
    async with console() as (app, pilot):
        await press(pilot, "enter", "enter")
        screen = app.screen
        assert isinstance(screen, MessageScreen)
        app.pop_screen()
        steps = 0
        while screen.is_attached:  # its views are removed some steps before its panes, and these before itself
            screen.show_log([world.Reader().record(b"late")], ())
            screen.say_no_headers("late")
            await asyncio.sleep(0)
            steps += 1
        assert steps > 1
        await settle(pilot)
        assert app._exception is None


async def test_a_search_answered_behind_another_screen_is_shown_on_coming_back(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held()

    async def look(link: object, query: LogQuery, seconds: float) -> Found:
        await held.wait()
        return Found([world.Reader().record(b"found meanwhile")], ())

    monkeypatch.setattr("mailtui.logsearch.look", look)
    async with console(size=(160, 60)) as (app, pilot):
        monkeypatch.setattr(app.fleet, "link", lambda host: object())
        await press(pilot, "enter")
        await pilot.press("enter")
        await until(pilot, lambda: held.asked == 1)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, EvidenceScreen))
        held.released.set()
        await settle(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: "found meanwhile" in screen_text(app))


class Work:
    """Counts the blocks of the log that are searched and the log lines that are made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.searched: list[int] = []
        self.made = 0
        find, line, record = log.search, LogSource.line, record_line

        def search(block: Block, needle: bytes) -> Iterator[int]:
            self.searched.append(block.first)
            return find(block, needle)

        def held_line(source: LogSource, number: int) -> Sequence[Segment]:
            self.made += 1
            return line(source, number)

        def found_line(found: LogRecord, style: Styles) -> list[Segment]:
            self.made += 1
            return record(found, style)

        monkeypatch.setattr(log, "search", search)
        monkeypatch.setattr(LogSource, "line", held_line)
        monkeypatch.setattr(message, "record_line", found_line)

    def forget(self) -> None:
        self.searched, self.made = [], 0


def lines_of(id_: str, count: int) -> bytes:
    return b"".join(b"Nov 22 15:00:00 mx3 sm-mta[7]: %s: to=<n%d@x>\n" % (id_.encode(), n) for n in range(count))


async def test_log_lines_that_do_not_name_the_message_cost_only_their_own_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    work = Work(monkeypatch)
    async with console(size=(160, 60)) as (app, pilot):
        await press(pilot, "enter", "enter")
        screen = app.screen
        assert isinstance(screen, MessageScreen)
        id_, buffer, pane = screen.message.id, app.store.log("mx3"), screen.query_one(MessageLogPane)
        app.store.apply(LogRead("mx3", world.NOW, "/l", 0, lines_of(id_, 900), True))
        screen.show_log([world.Reader().record(each) for each in lines_of(id_, 500).split(b"\n")[:-1]], ())
        await settle(pilot)
        assert f"Log lines of {id_} (" in screen_text(app)
        assert "to=<n899@x>" in screen_text(app)
        await until(pilot, lambda: not pane._waiting)
        await settle(pilot)
        work.forget()
        source, shown, end = pane.query_one(Transcript).source, len(pane.query_one(Transcript).source), buffer.end
        app.store.apply(LogRead("mx3", world.NOW, "/l", 0, lines_of("6AMOTHER", 5000), True))
        pane.pull()
        assert pane.query_one(Transcript).source is source
        assert (work.searched, work.made) == ([end], 0)
        app.store.apply(LogRead("mx3", world.NOW, "/l", 0, lines_of(id_, 901).split(b"\n")[-2] + b"\n", True))
        await until(pilot, lambda: "to=<n900@x>" in screen_text(app))
        assert work.searched == [end, end + 5000]
        assert len(pane.query_one(Transcript).source) == shown + 1
        assert work.made <= 2 * 60, "only lines that are on screen are made"


def test_lines_of_a_message_are_made_when_they_are_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(monkeypatch)
    buffer = LogBuffer(world.Reader())
    buffer.append("/l", 0, lines_of("A1", 3), at=0.0, live=True)
    lines = message.MessageLines([world.Reader().record(b"found")], buffer, [0, 2], lambda name: Style())
    assert (lines.first, len(lines), work.made) == (0, 3, 0)
    assert ["".join(part.text for part in lines.line(number))[-9:] for number in range(3)] == [
        "found",
        "to=<n0@x>",
        "to=<n2@x>",
    ]
    assert work.made == 3


def test_a_found_line_that_was_cut_elsewhere_is_shown_once() -> None:
    long = b"Nov 22 15:00:00 mx3 sm-mta[7]: A1: to=<" + b"x" * 65000
    buffer = LogBuffer(world.Reader())
    buffer.append("/l", 0, long + b" [cut]\n" + long[:59000] + b"\n", at=0.0, live=True)
    assert message.newer_lines(buffer, [0, 1], Counter([message.same(long[:64000])])) == [1]


def test_lines_are_found_once_and_the_newest_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(monkeypatch)
    buffer = LogBuffer(world.Reader(), keep=60)
    finder = Finder(buffer, b"A1", limit=3)
    assert not finder.find()
    for lines, numbers, changed in (
        (b"to A1\nto B2\nof A1\n", [0, 2], True),
        (b"to B2\n", [0, 2], False),
        (b"at A1\nby A1\n", [2, 4, 5], True),
        (b"B2" * 12 + b"\n", [4, 5], True),
    ):
        work.forget()
        end = buffer.end
        buffer.append("/l", 0, lines, at=0.0, live=True)
        assert (finder.find(), finder.numbers, work.searched) == (changed, numbers, [end])
    assert not finder.find()
    assert buffer.containing(b"A1", start=5) == [5], "from within a block"


async def test_folded_headers_are_shown_unfolded() -> None:
    async with console(size=(160, 60)) as (app, pilot):
        await press(pilot, "enter", "enter")
        screen = app.screen
        assert isinstance(screen, MessageScreen)
        screen.show_message(
            replace(screen.message, headers=((b"Received", b"from a\n\tby b\r\n  with c\nnot folded"),))
        )
        await until(pilot, lambda: "from a by b with c<0a>not folded" in screen_text(app))


async def test_the_id_of_a_message_is_copied() -> None:
    async with console() as (app, pilot):
        await press(pilot, "enter", "enter")
        screen = app.screen
        assert isinstance(screen, MessageScreen)
        for pane in ("envelope", "message-log"):
            app.copy_to_clipboard("")
            await press(pilot, "y")
            assert app.clipboard == screen.message.id, pane
            await press(pilot, "tab")


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
        await press(pilot, "slash", *"nosuchword", "enter")
        await until(pilot, lambda: "no line matches; Esc clears" in screen_text(app))


async def test_the_lines_of_a_message_replace_a_filter_until_escape() -> None:
    async with console(size=(160, 36)) as (app, pilot):
        await press(pilot, "enter", "2", "slash", *"Sent", "enter")
        await until(pilot, lambda: "75 of 300 lines" in screen_text(app))
        await press(pilot, "enter", "enter")
        await until(pilot, lambda: '/id="6AM00000000296"' in screen_text(app))
        field = app.screen.query_one("#log-filter Input", Input)
        assert field.value == 'id="6AM00000000296"'
        await press(pilot, "escape")
        await until(pilot, lambda: "75 of 300 lines" in screen_text(app))
        assert field.value == "Sent"
        await press(pilot, "escape")
        await until(pilot, lambda: "/Sent" not in screen_text(app))


async def test_a_line_is_whole_while_wrapped() -> None:
    async with console() as (app, pilot):
        await press(pilot, "enter", "2", "z")
        assert "SENT" in screen_text(app)
        assert "sm-mta 6AM" in screen_text(app)
        await press(pilot, "w")
        assert "cipher=TLS_AES_256_GCM_SHA384" in screen_text(app)


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
        # two panes say so, each at its own part of a second
        await until(pilot, lambda: "silent 9s" in screen_text(app) and "was accepting" in screen_text(app))


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
        assert "queue not read" in screen_text(app)
        await press(pilot, "0")
        source = app.screen.query_one(HostsPane).table.source
        cells = source.cells(source.index("mx3") or 0)
        assert "?" in [str(each).strip() for each in cells], "nothing read is not nothing there"
        rows = tuple(world.rows("mx3", 12))
        app.store.apply(QueueRead("mx3", world.NOW, QueueListing(world.NOW, False, missing, rows)))
        await until(pilot, lambda: " 12+ " in screen_text(app))
        await press(pilot, "enter")
        await until(pilot, lambda: "12+ queued" in screen_text(app))


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
