"""Marks, plans, confirmations, outcomes and undo, over the real execution with links that do as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.events import Paste
from textual.widgets import Button, Input, Static

from mailtui.actions import ACTIONS
from mailtui.app import Console, ConsoleOptions
from mailtui.clock import Clock
from mailtui.config import Host
from mailtui.errors import Unreachable
from mailtui.fleet import Fleet
from mailtui.journal import Journal
from mailtui.keys import KEYS, Scope
from mailtui.model import Code, Outcome, QueueListing
from mailtui.panes.queue import QueuePane
from mailtui.screens.footer import KeyLine
from mailtui.screens.groups import GroupsScreen
from mailtui.screens.help import HelpScreen
from mailtui.screens.host import HostScreen
from mailtui.screens.message import MessageScreen
from mailtui.screens.plan import PlanScreen
from mailtui.screens.progress import LinesScreen, ProgressScreen
from mailtui.screens.undo import UndoScreen
from mailtui.store import QueueRead
from mailtui.text import show_line
from mailtui.transport.gate import Gate
from tests.pilot import world
from tests.pilot.acting_world import ActingLink, Scene, StillFleet, Time, allow, kept, scene, settle
from tests.pilot.hostile_app import PAYLOADS
from tests.pilot.hostile_world import ALL, host_names, hostile_fleet, text

KEY_OF = {each.id: each.key.split(",")[0] for each in ACTIONS}
SIZES = ((80, 24), (120, 36), (200, 60))


def pane(at: Scene) -> QueuePane:
    assert isinstance(at.app.screen, HostScreen)
    return at.app.screen.queue


def plan(at: Scene) -> PlanScreen:
    assert isinstance(at.app.screen, PlanScreen), at.text
    return at.app.screen


def said(at: Scene) -> str:
    return str(at.app.screen.query_one("#plan-say", Static).content)


async def confirm(at: Scene) -> None:
    """Wait out the dead time and press y."""
    at.time.go(1.1)
    await at.press("y")


async def read(at: Scene, count: int, *, without: frozenset[str] = frozenset(), moved: bool = False) -> None:
    """Have the host tell its queue anew."""
    rows = tuple(row for row in world.rows("mx3", count) if row.key not in without)
    if moved:
        rows = tuple(row._replace(identity=f"{row.identity}'") for row in rows)
    at.app.store.apply(QueueRead("mx3", world.NOW, QueueListing(world.NOW, True, (), rows)))
    await at.until(lambda: not pane(at)._waiting)
    await settle(at.pilot)


# --- marks ----------------------------------------------------------------------------------------------------------


async def test_marks_stay_with_their_messages_over_refresh_sort_and_filter(tmp_path: Path) -> None:
    async with scene(tmp_path, size=(160, 40)) as at:
        await at.press("space", "j", "space")
        marked = pane(at).marked
        assert len(marked) == 2
        assert "2 marked · 40 shown · 40 total" in at.text
        await read(at, 44, moved=True)
        await at.press("s", "S", "slash", *"domain=dest3.test", "enter")
        await at.until(lambda: "2 marked · 4 shown · 44 total" in at.text)
        assert pane(at).marked == marked
        await at.press("a")
        assert len(pane(at).marked) in (5, 6)
        assert marked < pane(at).marked
        await at.press("escape")
        assert "marked · 44 shown" in at.text
        await at.press("A")
        assert "44 messages" in at.text


async def test_ranges_are_marked(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.press("space", "j", "j", "V")
        assert len(pane(at).marked) == 4
        await at.press("A", "shift+down", "shift+down")
        assert len(pane(at).marked) == 3


async def test_a_marked_message_that_leaves_drops_out_and_that_is_said(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.press("space", "space")
        gone = min(pane(at).marked)
        await read(at, 40, without=frozenset({gone}))
        assert len(pane(at).marked) == 1
        assert gone not in pane(at).marked
        await at.told("1 marked message has left the queue")


async def test_a_message_that_took_over_a_marked_id_is_not_marked(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.press("space")
        (key,) = pane(at).marked
        rows = tuple(row._replace(arrived_at=world.NOW) if row.key == key else row for row in world.rows("mx3", 40))
        at.app.store.apply(QueueRead("mx3", world.NOW, QueueListing(world.NOW, True, (), rows)))
        await at.until(lambda: not pane(at).marked)
        await at.told("left the queue")


async def test_marks_that_are_gone_do_not_hand_the_key_to_the_cursor(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.press("space")
        await read(at, 40, without=pane(at).marked)
        await at.pilot.press("d")
        await settle(at.pilot)
        await at.told("the list moved: press again")
        assert isinstance(at.app.screen, HostScreen)


async def test_a_row_that_changed_under_the_cursor_is_not_acted_on(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        at.time.go(5)
        await read(at, 40, moved=True)
        at.time.go(0.4)
        await at.pilot.press("o")
        await settle(at.pilot)
        await at.told("the list moved: press again")
        assert isinstance(at.app.screen, HostScreen)
        at.time.go(0.2)
        await at.pilot.press("o")
        await settle(at.pilot)
        assert plan(at).card.title == "Hold 1 message on mx3"


# --- plans ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_a_plan_says_what_would_be_done(tmp_path: Path, size: tuple[int, int]) -> None:
    async with scene(tmp_path, size=size) as at:
        await at.press("space", "space", "space", "d")
        card = plan(at).card
        assert card.title == "Delete 3 messages on mx3"
        told = "\n".join(f"{each.label} {each.value.plain if each.value else ''}" for each in card.fields)
        for words in ("messages 3 on mx3", "senders", "domains", "together, the oldest waits", "user", "->", "u or U brings",
                      "arms mx3 for 15 minutes", "sendmail -delete"):  # fmt: skip
            assert words in told, words
        assert "Delete 3 messages on mx3" in at.text
        assert "Cancel" in at.text
        assert "Look first" in at.text
        assert at.app.focused is at.app.screen.query_one("#plan-cancel")
        await at.pilot.press("enter")
        await settle(at.pilot)
        assert isinstance(at.app.screen, HostScreen)
        assert len(pane(at).marked) == 3, "what was cancelled stays marked"
        assert at.link.asked == []
        assert list(at.journal.records()) == []


async def test_a_plan_is_confirmed_armed_journalled_done_and_told(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.press("space", "space", "space")
        keys = pane(at).marked
        one, two, _ = sorted(keys)
        at.link.instead = {one: (Outcome.SKIPPED, Code.IN_DELIVERY), two: (Outcome.SKIPPED, Code.CHANGED)}
        await at.press("d")
        await confirm(at)
        await at.until(lambda: "Delete on mx3" in at.toasts)
        assert at.link.asked == [("delete", tuple(at.link.asked[0][1]))]
        assert set(at.link.asked[0][1]) == keys
        await at.told("deleted 1, skipped 2: 1 changed, 1 in delivery")
        await at.told("u brings back")
        assert [each["kind"] for each in at.journal.records()] == ["intent", "outcome"]
        assert at.link.orders[0].undo_id.startswith("u-")
        await at.until(lambda: "ARMED mx3 15 min" in at.text)
        assert at.fleet._attendants["mx3"]._refresh.is_set(), "the host is read again at once"
        assert pane(at).marked == frozenset()
        at.time.go(60)
        await at.until(lambda: "ARMED mx3 14 min" in at.text)
        await at.press("d")
        assert all(each.label != "arms" for each in plan(at).card.fields), "it is armed already"
        await at.press("escape", "X")
        await at.until(lambda: "ARMED" not in at.text)
        await at.press("L")
        assert isinstance(at.app.screen, LinesScreen)
        assert "in-delivery" in at.text


@pytest.mark.parametrize(("wait", "done"), [(0.0, False), (0.9, False), (1.1, True)])
async def test_y_before_the_dead_time_does_nothing(tmp_path: Path, wait: float, done: bool) -> None:
    async with scene(tmp_path) as at:
        await at.press("o")
        plan(at)
        assert at.app.screen.query_one("#plan-confirm", Button).disabled
        at.time.go(wait)
        await at.pilot.press("y")
        await settle(at.pilot)
        assert isinstance(at.app.screen, PlanScreen) is not done
        await at.until(lambda: bool(at.link.asked) is done)


async def test_a_y_that_repeats_by_itself_does_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.press("o")
        for _ in range(60):
            at.time.go(0.025)
            await at.pilot.press("y")
        assert isinstance(at.app.screen, PlanScreen)
        await confirm(at)
        await at.until(lambda: bool(at.link.asked))


@pytest.mark.parametrize("size", SIZES)
async def test_many_deletes_want_a_typed_word(tmp_path: Path, size: tuple[int, int]) -> None:
    async with scene(tmp_path, count=150, size=size) as at:
        await at.press("a", "d")
        assert plan(at).card.typed == "mx3 150"
        await confirm(at)
        assert isinstance(at.app.screen, PlanScreen), "y is not enough"
        field = at.app.screen.query_one(Input)
        assert at.app.focused is field
        await at.press(*"mx3 15", "enter")
        assert "that is not  mx3 150" in at.text
        assert at.link.asked == []
        at.time.go(0.6)
        await at.pilot.press("0")
        at.time.go(0.02)
        await at.pilot.press("0")
        await settle(at.pilot)
        assert field.value == "mx3 150", "the second 0 came by itself"
        await at.press("enter")
        await at.until(lambda: bool(at.link.asked))
        assert len(at.link.asked[0][1]) == 150


async def test_nothing_can_be_pasted_into_a_confirmation(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.press("B")
        assert plan(at).card.typed == "mx3 1"
        at.time.go(2)
        await at.press("tab")
        field = at.app.screen.query_one(Input)
        assert at.app.focused is field
        at.app.post_message(Paste("mx3 1"))
        await settle(at.pilot)
        assert field.value == ""
        assert "Pasting is refused" in at.text
        at.app.copy_to_clipboard("mx3 1")
        await at.press("ctrl+v")
        assert field.value == ""
        await at.press("enter")
        assert isinstance(at.app.screen, PlanScreen)
        assert at.link.asked == []


async def test_a_plan_older_than_a_minute_must_be_made_again(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.press("o")
        plan(at)
        at.time.go(61)
        await at.until(lambda: "a minute old" in said(at))
        await at.press("y")
        assert isinstance(at.app.screen, PlanScreen)
        assert at.app.screen.query_one("#plan-confirm", Button).disabled
        await at.press("escape", "o")
        await confirm(at)
        await at.until(lambda: bool(at.link.asked))


async def test_messages_with_recipients_outside_the_filter_are_left_alone_unless_asked_for(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.press("slash", *"domain=dest3.test", "enter")
        await at.until(lambda: "4 shown of 40" in at.text)
        await at.press("a", "d")
        before = plan(at).card
        assert "left alone" in {each.label for each in before.fields}
        at.time.go(5)
        await at.press("w")
        after = plan(at).card
        assert after.title == "Delete 4 messages on mx3"
        assert before.title != after.title
        assert "whole" in {each.label for each in after.fields}
        at.time.go(0.1)
        assert plan(at).dead > 0, "another plan is looked at first too"


async def test_what_there_is_nothing_to_do_for_is_said(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.press("slash", *"state=deferred", "enter")
        await at.until(lambda: "shown of 40" in at.text)
        await at.press("O")
        assert isinstance(at.app.screen, HostScreen)
        await at.told("Release: nothing to do")
        await at.told("it is not held")


async def test_a_whole_queue_is_flushed(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.press("f")
        assert plan(at).card.title == "Flush queue of mx3"
        await confirm(at)
        await at.until(lambda: "Flush queue on mx3: asked for" in at.toasts)
        assert at.link.asked == [("flush", ())]


async def test_a_group_is_acted_on_or_marked(tmp_path: Path) -> None:
    async with scene(tmp_path, size=(160, 40)) as at:
        await at.press("b", "o")
        title = plan(at).card.title
        await at.press("escape", "space")
        assert isinstance(at.app.screen, GroupsScreen)
        assert " marked · mx3" in at.text
        await at.press("escape")
        marked = pane(at).marked
        assert f"{len(marked)} marked" in at.text
        left = sum(at.app.store.host("mx3").table.by_key[key].state.value in ("held", "lost") for key in marked)
        assert title == f"Hold {len(marked) - left} messages on mx3"


async def test_an_open_message_is_acted_on_while_it_is_that_message(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.press("enter")
        screen = at.app.screen
        assert isinstance(screen, MessageScreen)
        await at.press("o")
        await confirm(at)
        await at.until(lambda: at.link.asked == [("hold", (screen.message.key,))])
        await at.until(lambda: "held 1" in at.toasts)
        screen.message = replace(screen.message, arrived_at=1.0)
        await at.press("d")
        assert at.app.screen is screen
        await at.told("the message has left the queue")


# --- what is not allowed --------------------------------------------------------------------------------------------


async def test_read_only_sends_nothing_whatever_is_pressed(tmp_path: Path) -> None:
    async with scene(tmp_path, mode="read-only") as at:
        await at.until(lambda: "read-only" in at.text)
        at.link.sets = [kept()]
        for key in (*KEY_OF.values(), "u"):
            await at.press(key)
            assert isinstance(at.app.screen, HostScreen), key
        assert at.toasts.count("mx3 is read-only here; set its mode to ask or read-write") == len(KEY_OF) + 1
        nodes = {each.binding.id: each.node for each in at.app.screen.active_bindings.values()}
        for entry in KEYS:
            if entry.scope is Scope.QUEUE and entry.palette and entry.action.startswith("act("):
                await at.app.run_action(entry.action, nodes[entry.id])
                await settle(at.pilot)
                assert isinstance(at.app.screen, HostScreen), entry.id
        await at.press("enter")
        for key in KEY_OF.values():
            await at.press(key)
        assert isinstance(at.app.screen, MessageScreen)
        await at.press("escape", "U", "u")
        assert isinstance(at.app.screen, UndoScreen)
        assert (at.link.asked, at.link.undone, list(at.journal.records())) == ([], [], [])


async def test_what_the_login_may_not_do_says_why_and_what_helps(tmp_path: Path) -> None:
    async with scene(tmp_path, size=(160, 60)) as at:
        allow(at.app.store, "mx3", "delete", "undo")
        await at.press("d", "u")
        assert isinstance(at.app.screen, HostScreen)
        await at.told("Delete on mx3: no sudo for delete; mailtui sudoers mx3 --for delete")
        await at.told("mailtui sudoers mx3 --for undo")
        await at.press("question_mark", *"queue.delete")
        assert not at.link.asked
        await at.press(*["backspace"] * 12, *"sudo")
        assert isinstance(at.app.screen, HelpScreen)


async def test_help_greys_what_is_refused_here(tmp_path: Path) -> None:
    async with scene(tmp_path, size=(160, 60)) as at:
        allow(at.app.store, "mx3", "delete")
        await at.press("question_mark", *"set aside")
        assert "not here: no" in at.text


async def test_without_a_journal_or_a_link_nothing_is_asked(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        links, at.fleet.links = at.fleet.links, {}
        await at.press("o")
        await at.told("there is no link to mx3 now")
        at.fleet.links, at.fleet.journal = links, None
        await at.press("o")
        await at.told("no journal")
        assert isinstance(at.app.screen, HostScreen)


async def test_a_journal_that_cannot_be_written_stops_it_before_the_host(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        (tmp_path / "journal").write_text("a file in the way")
        await at.press("o")
        await confirm(at)
        await at.until(lambda: "Hold on mx3" in at.toasts)
        await at.told("journal")
        assert at.link.asked == []


# --- while it runs, and after ---------------------------------------------------------------------------------------


async def test_what_takes_longer_shows_how_far_it_is_and_can_be_stopped(tmp_path: Path) -> None:
    async with scene(tmp_path, count=1200) as at:
        at.link.waits = asyncio.Event()
        await at.press("a", "r")
        await confirm(at)
        await at.until(lambda: isinstance(at.app.screen, ProgressScreen))
        await at.until(lambda: "0 of " in at.text)
        await at.press("s")
        assert "after this batch" in at.text
        await at.press("escape")
        await at.until(lambda: "Retry: 0/" in at.text)
        await at.press("r")
        await at.told("Retry still runs on mx3")
        at.link.waits.set()
        await at.until(lambda: "Retry on mx3" in at.toasts)
        assert len(at.link.asked) == 1, "the first ten, and then it was stopped"
        await at.told("requested 10")


async def test_leaving_is_asked_twice_while_something_runs(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        at.link.waits = asyncio.Event()
        await at.press("o")
        await confirm(at)
        await at.until(lambda: bool(at.link.asked))
        await at.until(lambda: isinstance(at.app.screen, ProgressScreen))
        await at.press("escape", "0", "q")
        assert at.app.is_running
        await at.told("an action still runs")
        at.link.waits.set()
        await at.until(lambda: "held 1" in at.toasts)


async def test_an_unknown_outcome_stays_in_sight_until_the_host_decides(tmp_path: Path) -> None:
    async with scene(tmp_path, size=(160, 40)) as at:
        at.link.fails = Unreachable("cut in the act")
        await at.press("o")
        await confirm(at)
        await at.until(lambda: "Hold on mx3: unknown 1" in at.toasts)
        await at.until(lambda: "1 unknown" in at.text)
        key = at.link.asked[0][1][0]
        rows = tuple(
            row._replace(state=type(row.state)("held")) if row.key == key else row for row in world.rows("mx3", 40)
        )
        at.fleet.links["mx3"] = ActingLink(at.fleet.gate("mx3"), at.time.clock, at.app.store, "mx3")
        at.app.store.apply(QueueRead("mx3", world.NOW, QueueListing(world.NOW, True, (), rows)))
        await at.until(lambda: "Hold, now known on mx3: held 1" in at.toasts)
        await at.until(lambda: "1 unknown" not in at.text)
        assert at.link.asked == [], "nothing is run twice"


# --- undo -----------------------------------------------------------------------------------------------------------


async def test_u_brings_back_what_was_deleted_last(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.press("u")
        await at.told("nothing was deleted on mx3 from here")
        await at.press("d")
        await confirm(at)
        await at.until(lambda: "deleted 1" in at.toasts)
        undo_id = at.link.orders[0].undo_id
        at.link.sets = [kept(undo_id="u-other"), kept(undo_id=undo_id)]
        await at.press("u")
        assert plan(at).card.title == "Undo: bring back 2 messages on mx3"
        await confirm(at)
        await at.until(lambda: "brought back 2" in at.toasts)
        assert [each[0] for each in at.link.undone] == [undo_id]
        assert [each["action"] for each in at.journal.records()] == ["delete", "delete", "undo", "undo"]


@pytest.mark.parametrize("size", SIZES)
async def test_the_undo_list_tells_of_all_hosts_the_newest_first(tmp_path: Path, size: tuple[int, int]) -> None:
    async with scene(tmp_path, size=size) as at:
        at.link.sets = [
            kept(undo_id="u-old", at=world.NOW - 900),
            kept(undo_id="u-cut", at=world.NOW - 100, states=("half", "queued", "kept")),
        ]
        at.fleet.links["mx1"].sets = [kept("mx1", "u-broken", ("broken", "kept"), at=world.NOW - 500)]
        await at.press("U")
        screen = at.app.screen
        assert isinstance(screen, UndoScreen)
        shown = at.text
        assert shown.index("interrupted") < shown.index("broken") < shown.rindex("mx3")
        assert "mx7: no link" in shown
        assert size[0] < 120 or "1 half moved: undo mends" in shown
        await at.press("u")
        card = plan(at).card
        assert "interrupted" in {each.label for each in card.fields}
        await at.press("escape", "enter")
        assert isinstance(at.app.screen, LinesScreen)
        assert "half" in at.text
        await at.press("escape", "j", "j", "u")
        await confirm(at)
        await at.until(lambda: [each[0] for each in at.link.undone] == ["u-old"])
        await at.until(lambda: "brought back 2" in at.toasts)


# --- strangers ------------------------------------------------------------------------------------------------------


def clickable(app: Console) -> list[str]:
    strips = app.screen._compositor.render_strips()
    return [
        each.text
        for strip in strips
        for each in strip
        if each.style is not None and (each.style.link or "@click" in each.style.meta)
    ]


async def test_nothing_of_strangers_gets_through_any_window(tmp_path: Path) -> None:
    time, name, word = Time(), host_names()[0], text(ALL)
    store = hostile_fleet().store
    hosts = [Host(name=each) for each in host_names()]
    fleet = StillFleet(hosts, store, time.clock, Journal(tmp_path / "journal", time.clock))
    link = ActingLink(fleet.gate(name), time.clock, store, name, word=word)
    fleet.links = {name: link}
    allow(store, name)
    link.sets = [
        replace(kept(name, f"u-{word}", ("half", "broken")), by=f"by {word}", reason=f"why {word}"),
    ]
    link.sets[0] = replace(
        link.sets[0],
        messages=tuple(replace(each, id=f"6A{word}", sender=ALL) for each in link.sets[0].messages),
    )
    async with fleet:
        app = Console(fleet, ConsoleOptions(), clock=time.clock)
        async with app.run_test(size=(160, 50)) as pilot:
            at = Scene(app, pilot, time, fleet, Journal(tmp_path / "journal", time.clock))
            await settle(pilot)
            app.open_host(name)
            await settle(pilot)
            await at.press("a", "d")
            assert "<1b>" in at.text
            pages = at.text
            for _ in range(4):
                await at.press("pagedown")
                pages += at.text
                assert clickable(app) == []
            assert show_line(PAYLOADS["markup"]) in pages
            await at.press("escape", "A", "o")
            link.fails = Unreachable(f"lost {word}", f"cure {word}")
            await confirm(at)
            await at.until(lambda: "unknown" in at.toasts)
            await at.told("<1b>")
            assert not any(each in at.toasts for each in ("\x1b", "\x07", "\u202e"))
            await at.press("L")
            assert "<1b>" in at.text
            assert clickable(app) == []
            await at.press("escape", "U")
            assert "<1b>" in at.text
            await at.press("enter")
            assert "<1b>" in at.text
            await at.press("escape", "u")
            assert "<1b>" in at.text
            assert clickable(app) == []
            assert app.about.hits == 0, "something is painted without show()"


async def test_a_window_closes_itself_alone(tmp_path: Path) -> None:
    """It is told twice that it is over where it ends just as it opens; the screen beneath must stay."""
    async with scene(tmp_path) as at:
        for _ in range(2):
            window = ProgressScreen("Delete on mx3", 9, lambda: None)
            at.app.push_screen(window)
            window.finish()
            window.finish()
            window.on_screen_resume()
            await settle(at.pilot)
            assert isinstance(at.app.screen, HostScreen)


async def test_the_footer_asks_no_queue_that_is_not_there_yet_or_any_more(tmp_path: Path) -> None:
    """Keys change while a screen is opened or left: its panes may be gone before its last line."""
    async with scene(tmp_path) as at:
        await pane(at).remove()
        at.app.screen.query_one(KeyLine).refresh(recompose=True)
        await settle(at.pilot)
        assert "Help" in at.text


# --- the fleet ------------------------------------------------------------------------------------------------------


async def test_a_bug_in_an_action_ends_neither_the_link_nor_the_console(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:

        async def bug() -> None:
            raise ZeroDivisionError

        before = at.app.store.host("mx3").link
        at.fleet.run("mx3", "action", bug)
        await at.until(lambda: at.app.store.host("mx3").failure("action") is not None)
        assert at.app.store.host("mx3").link == before
        await at.press("o")
        assert isinstance(at.app.screen, PlanScreen)


async def test_what_runs_is_cut_when_the_fleet_is_left(tmp_path: Path) -> None:
    cut = False

    async def endless() -> None:
        nonlocal cut
        try:
            await asyncio.Event().wait()
        finally:
            cut = True

    async with StillFleet([Host(name="mx3")], None, Time().clock) as fleet:
        fleet.run("mx3", "action", endless)
        await asyncio.sleep(0)
    assert cut


async def test_a_host_that_was_armed_stays_so_over_a_reconnection(monkeypatch: pytest.MonkeyPatch) -> None:
    gates: list[Gate | None] = []
    twice = asyncio.Event()

    @asynccontextmanager
    async def opened(host: Host, clock: Clock, gate: Gate | None = None) -> AsyncIterator[None]:
        gates.append(gate)
        if len(gates) > 1:
            twice.set()
        if gates:
            raise Unreachable("no route")
        yield

    monkeypatch.setattr("mailtui.session.Link.open", opened)
    async with Fleet([Host(name="mx3")]) as fleet:
        fleet.gate("mx3").arm()
        async with asyncio.timeout(20):
            while not twice.is_set():
                fleet.retry()
                await asyncio.sleep(0)
    assert all(each is gates[0] for each in gates)
    assert gates[0] is not None
    assert gates[0].armed
