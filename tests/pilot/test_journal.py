"""The journal's screen, what a console that was killed left open, and the reason that a plan card takes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.events import Key, Paste
from textual.widgets import Button, Input, Static

from mailtui import entries
from mailtui.errors import Unreachable
from mailtui.journal import Journal, operator
from mailtui.model import JournalPage, KeptMessage, QueueListing, QueueState, UndoSet
from mailtui.screens.help import HelpScreen
from mailtui.screens.host import HostScreen
from mailtui.screens.journal import JournalScreen
from mailtui.screens.overview import OverviewScreen
from mailtui.screens.plan import DEAD, PlanScreen, Reason
from mailtui.screens.progress import LinesScreen, ProgressScreen
from mailtui.store import QueueRead
from tests.pilot import world
from tests.pilot.acting_world import Scene, Time, kept, scene, settle
from tests.pilot.hostile_app import PAYLOADS

SIZES = ((80, 24), (120, 36), (200, 60))
ROWS = tuple(row for row in world.rows("mx3", 40) if row.state is QueueState.DEFERRED)[:2]


def journal_of(at: Scene) -> JournalScreen:
    assert isinstance(at.app.screen, JournalScreen), at.text
    return at.app.screen


def plan(at: Scene) -> PlanScreen:
    assert isinstance(at.app.screen, PlanScreen), at.text
    return at.app.screen


def commands(at: Scene) -> str:
    return "\n".join(each.value.plain for each in plan(at).card.fields if each.value is not None)


async def confirm(at: Scene) -> None:
    """Wait out the dead time and press y."""
    at.time.go(1.1)
    await at.press("y")


async def shown(at: Scene, count: int) -> None:
    """Open the journal and wait until so many actions are on show, and the hosts have told what they hold."""
    await at.until(lambda: not isinstance(at.app.screen, ProgressScreen))  # of what took long on a busy machine
    await at.press("J")
    await at.until(lambda: len(journal_of(at).journal.page.entries) == count)
    await settle(at.pilot)


def before(folder: Path, verb: str = "delete", host: str = "mx3", **fields: Any) -> str:
    """Begin an action as a console does that is killed at once."""
    journal = Journal(folder / "journal", Time().clock)
    told = {
        "action": verb,
        "host": host,
        "host_key": "SHA256:abc",
        "by": operator(),
        "keys": [row.key for row in ROWS],
        "ids": [row.id for row in ROWS],
        "fingerprints": [journal.seal(row.identity.encode()) for row in ROWS],
        "count": len(ROWS),
        "undo_id": "u-9",
        "process": "1-0",
    }
    return journal.append("intent", told | fields)


# --- the screen -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_what_was_done_is_listed_newest_first_and_shown_whole(tmp_path: Path, size: tuple[int, int]) -> None:
    async with scene(tmp_path, size=size) as at:
        await at.press("space", "space", "d", "e", *"spam run", "enter")
        await confirm(at)
        await at.until(lambda: "Delete on mx3" in at.toasts)
        await at.until(lambda: isinstance(at.app.screen, HostScreen))
        at.time.go(60)
        await at.press("o")
        await confirm(at)
        await at.until(lambda: "Hold on mx3" in at.toasts)
        at.app.clear_notifications()
        at.link.sets = [kept(undo_id=at.link.orders[0].undo_id)]
        await shown(at, 2)
        assert [each.action for each in journal_of(at).journal.page.entries] == ["hold", "delete"]
        for words in ("Journal: 2 actions", "TIME", "Hold", "Delete", "mx3", "held 1", "deleted 2"):
            assert words in at.text, words
        assert ("spam run" in at.text) is (size[0] >= 120)
        assert ("u-20" in at.text) is (size[0] >= 200)
        await at.press("j", "enter")
        await at.until(lambda: isinstance(at.app.screen, LinesScreen))
        await settle(at.pilot)
        for words in ("Delete 2 on mx3", "deleted 2", operator(), "spam run", "SHA256:abc", "sendmail 8.17.1",
                      "u brings back 2 until", "sendmail -delete 6AM '-Qspam run'", at.link.orders[0].undo_id):  # fmt: skip
            assert words in at.text, words
        if size[1] > 24:
            for row in journal_keys(at):
                assert row in at.text
        await at.press("escape")
        journal_of(at)


def journal_keys(at: Scene) -> Iterator[str]:
    """Give the ids of the messages of the first intent."""
    yield from next(iter(at.journal.records()))["ids"]


async def test_it_opens_from_everywhere_and_never_twice(tmp_path: Path) -> None:
    async with scene(tmp_path, size=(160, 40)) as at:
        await shown(at, 0)
        assert "nothing was done from here yet" in at.text
        depth = len(at.app.screen_stack)
        await at.press("J")
        assert len(at.app.screen_stack) == depth
        await at.press("question_mark", *"one older month")
        assert isinstance(at.app.screen, HelpScreen)
        assert "Read one older month more" in at.text
        await at.press("escape", "escape")
        assert isinstance(at.app.screen, HostScreen)
        await at.press("0")
        assert isinstance(at.app.screen, OverviewScreen)
        await at.press("J")
        journal_of(at)
        await at.press("h", "colon", *"journal")
        await at.until(lambda: "Journal (J)" in at.text)


async def test_u_undoes_the_delete_under_the_cursor_as_the_undo_list_does(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.press("space", "space", "d")
        await confirm(at)
        await at.until(lambda: "Delete on mx3" in at.toasts)
        undo_id = at.link.orders[0].undo_id
        at.link.sets = [kept(undo_id=undo_id)]
        await shown(at, 1)
        await at.press("u")
        await at.until(lambda: isinstance(at.app.screen, PlanScreen))
        assert plan(at).card.title == "Undo: bring back 2 messages on mx3"
        assert not at.app.screen.query_one("#plan-why").display, "an undo takes no reason"
        await confirm(at)
        await at.until(lambda: "Undo on mx3: brought back 2" in at.toasts)
        assert [each for each, _ in at.link.undone] == [undo_id]
        await at.until(lambda: len(journal_of(at).journal.page.entries) == 2)
        at.link.sets = [kept(undo_id=undo_id, states=("queued", "queued"))]
        await at.press("J", "j")
        await at.until(lambda: "undone" in at.text)
        await at.press("u")
        await at.told("there is nothing to bring back of it")
        at.link.sets = []
        await at.press("u")
        await at.told(f"mx3 holds nothing of {undo_id} any more")
        await at.press("k", "u")
        await at.told("Undo cannot be undone from here")
        journal_of(at)


async def test_what_a_host_does_not_hold_or_nobody_can_ask_is_said(tmp_path: Path) -> None:
    for host, undo_id, came in (("mx3", "u-gone", "moved"), ("mx7", "u-off", "moved"), ("sm9", "u-far", "moved"), ("mx3", "u-none", "denied")):  # fmt: skip
        intent = before(tmp_path, host=host, undo_id=undo_id)
        outcome = "done" if came == "moved" else "failed"
        told = [{"key": row.key, "id": row.id, "outcome": outcome, "code": came} for row in ROWS]
        Journal(tmp_path / "journal", Time().clock).append("outcome", {"intent": intent, "outcomes": told})
    async with scene(tmp_path, size=(200, 40)) as at:
        await shown(at, 4)
        assert "gone" in at.text
        assert "not asked" in at.text
        await at.press("u")
        await at.told("nothing was set aside by this delete")
        await at.press("j", "u")
        await at.told("sm9 is none of this console's hosts; `mailtui undo u-far` looks for it")
        await at.press("j", "u")
        await at.told("there is no link to mx7 now, and it alone knows")
        await at.press("enter")
        await at.until(lambda: "mx7 is not connected: it alone knows" in at.text)
        await at.press("escape", "j", "u")
        await at.told("mx3 holds nothing of u-gone any more")
        at.link.fails = Unreachable("cut")
        journal_of(at)


async def test_the_chain_is_verified_and_a_break_is_told_with_its_place(tmp_path: Path) -> None:
    for _ in range(9):
        before(tmp_path)
    async with scene(tmp_path) as at:
        await shown(at, 9)
        await at.press("v")
        await at.until(lambda: "every record follows the one before it" in at.text)
        (path,) = (tmp_path / "journal").glob("*.jsonl")
        lines = path.read_text().splitlines()
        path.write_text("\n".join([line.replace('"count":2', '"count":3') for line in lines[:9]]) + "\nhalf a li\n")
        await at.press("v")
        await at.until(lambda: "does not hold at" in at.text)
        assert "line 1 was changed after it was written" in at.text
        assert "more: mailtui journal verify lists them all" in at.text
        await at.press("J")
        await at.until(lambda: "1 line of the journal cannot be read: v tells which" in at.text)


async def test_a_journal_that_cannot_be_read_is_told_with_its_cure(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir(mode=0o700)
    (tmp_path / "journal" / "2026-11.jsonl").mkdir()
    async with scene(tmp_path, size=(80, 24)) as at:
        await at.told("2026-11.jsonl is no file")
        await at.press("J")
        await at.until(lambda: "What helps:" in at.text)
        assert "the journal cannot be read" in at.text
        assert "move it" in at.text
        await at.press("v")
        await at.until(lambda: "is no file" in at.text)
        at.fleet.journal = None
        await at.press("J")
        await at.until(lambda: "There is no journal here" in at.text)


async def test_an_entry_that_is_gone_meanwhile_is_said(tmp_path: Path) -> None:
    before(tmp_path)
    async with scene(tmp_path) as at:
        await at.until(lambda: at.app.acting.running.left == 0)
        await shown(at, 1)
        for path in (tmp_path / "journal").glob("*.jsonl"):
            path.unlink()
        await at.press("enter")
        await at.told("its month was erased")


async def test_older_months_come_on_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()
    time.go(-70 * 86400)
    for _ in range(3):
        Journal(tmp_path / "journal", time.clock).append("intent", {"action": "hold", "host": "mx3", "process": "1-0"})
        time.go(33 * 86400)
    monkeypatch.setattr(entries, "FIRST", 1)
    async with scene(tmp_path) as at:
        await shown(at, 1)
        await at.until(lambda: "older: 2 months (o reads on)" in at.text)
        await at.press("o")
        await at.until(lambda: "older: 1 month (o reads on)" in at.text)
        await at.press("o")
        await at.until(lambda: "Journal: 3 actions" in at.text)
        assert "older" not in at.text.splitlines()[1]
        await at.press("o")
        await at.until(lambda: "nothing older" in at.text)


async def test_reading_and_verifying_never_hold_up_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: dict[str, threading.Thread] = {}
    read, verify = entries.page, Journal.verify

    def reading(*words: Any) -> JournalPage:
        threads["read"] = threading.current_thread()
        return read(*words)

    def verifying(journal: Journal) -> Any:
        threads["verify"] = threading.current_thread()
        return verify(journal)

    monkeypatch.setattr(entries, "page", reading)
    monkeypatch.setattr(Journal, "verify", verifying)
    before(tmp_path)
    async with scene(tmp_path) as at:
        await shown(at, 1)
        await at.press("v")
        await at.until(lambda: "every record follows" in at.text)
    assert len(threads) == 2
    assert threading.main_thread() not in threads.values()


@pytest.mark.parametrize("size", SIZES)
async def test_nothing_of_a_journal_reaches_the_terminal_as_anything_but_text(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    for raw in PAYLOADS.values():
        odd = raw.decode("utf-8", "surrogateescape")
        before(
            tmp_path, host=odd, reason=odd, where=odd, ids=[odd, odd], keys=[odd, f"{odd}2"], undo_id=odd, mta=odd,
            commands=[{"argv": [odd], "stdin": odd}],
        )  # fmt: skip
    async with scene(tmp_path, size=size) as at:
        await shown(at, len(PAYLOADS))
        await at.press("enter", "escape", "j", "u", "enter")
        await at.until(lambda: isinstance(at.app.screen, LinesScreen))
        assert at.app.about.hits == 0


# --- the next start says what happened ------------------------------------------------------------------------------


async def test_what_was_cut_off_is_told_decided_by_the_host_and_never_told_again(tmp_path: Path) -> None:
    before(tmp_path)
    async with scene(tmp_path, size=(160, 40)) as at:
        await at.told("1 action was cut off: Delete of 2 messages on mx3")
        await at.told("Delete on mx3, cut off, is now known: failed 2: 2 not done")
        assert [each["kind"] for each in at.journal.records()] == ["intent", "settled"]
        await at.until(lambda: "unknown" not in at.text.splitlines()[0])
        assert at.link.asked == [], "nothing is run twice"
        await shown(at, 1)
        assert "failed 2" in at.text
    async with scene(tmp_path) as at:
        await settle(at.pilot)
        assert "cut off" not in at.toasts


async def test_what_no_host_can_tell_yet_stays_in_sight(tmp_path: Path) -> None:
    before(tmp_path, host="mx7")
    before(tmp_path, "hold", host="mx7")
    before(tmp_path, host="not-here")
    async with scene(tmp_path, size=(160, 40)) as at:
        await at.told("2 actions were cut off, the last: Hold of 2 messages on mx7")
        await at.until(lambda: "4 unknown" in at.text)
        await shown(at, 3)
        assert at.text.count("CUT OFF: 2 unknown") == 3
        await at.press("enter")
        await at.until(lambda: "Whoever did it died in the act: the queue and vault of not-here decide" in at.text)
        assert "no word" in at.text


async def test_another_host_of_that_name_decides_nothing(tmp_path: Path) -> None:
    before(tmp_path, host_key="SHA256:other")
    async with scene(tmp_path, size=(160, 40)) as at:
        await at.told("1 action was cut off")
        await at.until(lambda: not at.app.acting.past._deciding)
        assert "2 unknown" in at.text
        assert [each["kind"] for each in at.journal.records()] == ["intent"]


async def test_what_stays_unknown_is_told_once_with_its_cure(tmp_path: Path) -> None:
    before(tmp_path, "retry")
    async with scene(tmp_path) as at:
        await at.told("Retry on mx3, cut off, stays unknown: unknown 2; trying again does no harm: r")
    async with scene(tmp_path) as at:
        await settle(at.pilot)
        assert "cut off" not in at.toasts


async def test_a_host_that_could_not_tell_is_asked_again_a_minute_later(tmp_path: Path) -> None:
    half = UndoSet("u-9", "mx3", world.NOW, "", world.NOW + 9, "", (KeptMessage("mx3:gone", "gone", "half"),))
    async with scene(tmp_path, size=(160, 40)) as at:
        at.link.sets = [half]
        before(tmp_path, keys=["mx3:gone"], ids=["gone"], fingerprints=["x"], count=1)
        at.app.acting.past.look_back()
        await at.told("Delete on mx3, cut off: 1 half set aside; U lists u-9, and undo mends it")
        at.app.clear_notifications()
        read(at)
        await at.until(lambda: not at.app.acting.past._deciding)
        assert "half set aside" not in at.toasts
        at.time.go(61)
        at.link.sets = [replace(half, messages=(KeptMessage("mx3:gone", "gone", "kept"),))]
        read(at)
        await at.told("Delete on mx3, cut off, is now known: deleted 1")


def read(at: Scene) -> None:
    """Have the host tell its queue anew."""
    listing = QueueListing(world.NOW, True, (), tuple(world.rows("mx3", 40)))
    at.app.store.apply(QueueRead("mx3", world.NOW, listing))


# --- why --------------------------------------------------------------------------------------------------------------


async def test_a_reason_goes_into_the_commands_shown_and_into_what_is_sent(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.press("o")
        assert "-Q" not in commands(at)
        assert "none; e writes one" in at.text
        at.time.go(2)
        await at.press("e", *"spam ", "y", "w")
        field = plan(at).query_one(Reason)
        assert field.value == "spam yw", "keys of the window are letters here"
        assert plan(at).query_one("#plan-confirm", Button).disabled
        assert "that is the reason" in str(plan(at).query_one("#plan-say", Static).content)
        await at.until(lambda: "'-Qspam yw'" in commands(at))
        await at.press("escape")
        assert plan(at).query_one("#plan-cancel").has_focus, "Esc leaves the field first"
        await confirm(at)
        await at.until(lambda: bool(at.link.asked))
        assert at.link.orders[0].reason == "spam yw"
        assert next(iter(at.journal.records()))["reason"] == "spam yw"


async def test_a_key_right_after_the_reason_confirms_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.press("o")
        at.time.go(5)
        await at.press("e", *"spam", "enter")
        await at.pilot.press("y")
        await settle(at.pilot)
        plan(at)
        assert at.link.asked == []
        await at.press("escape")
        assert isinstance(at.app.screen, HostScreen)
        assert list(at.journal.records()) == []


async def test_a_reason_is_plain_whatever_is_pasted(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.press("d", "e")
        at.app.post_message(Paste("Müll\x1b[2J" + "x" * 200))
        await at.until(lambda: plan(at).query_one(Reason).value != "")
        await at.press("enter")
        await at.until(lambda: plan(at).query_one(Reason).words == plan(at)._reason)
        reason = plan(at).query_one(Reason).value
        assert reason.startswith("M?ll<1b>[2Jxx")
        assert len(reason) == 100
        await confirm(at)
        await at.until(lambda: bool(at.link.orders))
        assert at.link.orders[0].reason == reason


async def test_a_reason_goes_with_a_typed_word_and_with_whole_messages(tmp_path: Path) -> None:
    async with scene(tmp_path, size=(80, 24)) as at:
        await at.press("slash", *"domain=dest3.test", "enter")
        await at.until(lambda: "4 shown of 40" in at.text)
        await at.press("a", "B", "e", *"abuse", "enter")
        await at.until(lambda: "-Qabuse" in commands(at))
        at.time.go(2)
        await at.press("w")
        assert "-Qabuse" in commands(at)
        typed = plan(at).card.typed
        at.time.go(2)
        await at.press("tab")
        field = plan(at).query_one("#plan-typed", Input)
        assert at.app.focused is field, "Tab goes to where a word must be typed, past the reason"
        for line in ("reason", "Cancel", typed):
            assert line in at.text, line
        await at.press(*typed, "enter")
        await at.until(lambda: bool(at.link.orders))
        assert at.link.orders[0].reason == "abuse"


async def test_a_plan_that_grew_old_takes_no_reason(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.press("o")
        at.time.go(61)
        await at.press("e")
        assert plan(at).query_one("#plan-cancel").has_focus


async def test_keys_typed_right_after_e_belong_to_the_reason(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.press("o")
        plan(at).action_reason()
        assert plan(at).focused is plan(at).query_one(Reason), "at once: else a y typed on would confirm"
        at.time.go(5)
        plan(at).query_one(Reason).action_leave()
        assert plan(at).focused is plan(at).query_one("#plan-cancel")
        assert plan(at).dead == DEAD, "at once as well"


async def test_what_arrives_in_one_burst_after_e_is_the_reason_and_confirms_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.press("o")
        at.time.go(5)
        for key in ("e", "y", "w", "e", "enter", "y"):
            at.app.post_message(Key(key, key if len(key) == 1 else None))
        await at.until(lambda: plan(at)._reason == "ywe")
        await settle(at.pilot)
        plan(at)
        assert at.link.asked == []
