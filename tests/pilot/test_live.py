"""Live retry: plan, dialogue, Stop, and leaving it, over the real execution with links that do as they are told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mailtui.errors import Refused
from mailtui.model import Code, Outcome, RemoteCommand, Side, Spoken
from mailtui.panes.queue import QueuePane
from mailtui.screens.help import HelpScreen
from mailtui.screens.host import HostScreen
from mailtui.screens.live import MOST, LiveScreen
from mailtui.screens.plan import PlanScreen
from mailtui.widgets.transcript import Transcript
from tests.pilot.acting_world import ActingLink, Scene, allow, scene, settle
from tests.pilot.hostile_app import PAYLOADS

SIZES = ((80, 24), (120, 36), (200, 60))
SAID = (
    Spoken(Side.NOTE, b"Running /var/spool/mqueue/6AM (sequence 1 of 1)"),
    Spoken(Side.CLIENT, b">>> AUTH PLAIN ***"),
    Spoken(Side.GOOD, b"235 2.7.0 ok"),
    Spoken(Side.LATER, b"450 4.2.0 Greylisted"),
    Spoken(Side.NEVER, b"550 5.1.1 no such user"),
    Spoken(Side.SENT, b"<a@b>... Sent (ok)"),
)


def pane(at: Scene) -> QueuePane:
    assert isinstance(at.app.screen, HostScreen)
    return at.app.screen.queue


async def begin(at: Scene, *, wait: bool = True) -> LiveScreen:
    """Press R, and confirm."""
    at.link.dialogue = SAID
    at.link.waits = asyncio.Event()
    if not wait:
        at.link.waits.set()
    await at.press("R")
    assert isinstance(at.app.screen, PlanScreen), at.text
    at.time.go(1.1)
    await at.press("y")
    await at.until(lambda: isinstance(at.app.screen, LiveScreen))
    await at.until(lambda: "Sent (ok)" in at.text)
    screen = at.app.screen
    assert isinstance(screen, LiveScreen)
    return screen


def over(at: Scene) -> None:
    assert at.link.waits is not None
    at.link.waits.set()


@pytest.mark.parametrize("size", SIZES)
async def test_the_dialogue_is_shown_as_it_comes_and_its_end_told(tmp_path: Path, size: tuple[int, int]) -> None:
    async with scene(tmp_path, size=size) as at:
        await at.press("R")
        assert isinstance(at.app.screen, PlanScreen)
        assert at.app.screen.card.title == "Live retry 1 message on mx3"
        await at.press("escape")
        await begin(at)
        assert "Live retry of 6A" in at.text
        assert "on mx3" in at.text
        for line in SAID:
            assert line.text.decode() in at.text
        assert "Stop watching" in at.text
        at.time.go(12)
        await at.until(lambda: "running 12s" in at.text or "running 13s" in at.text)
        over(at)
        await at.until(lambda: "delivered" in at.text)
        await at.until(lambda: "Stop watching" not in at.text)
        assert [each["kind"] for each in at.journal.records()] == ["intent", "outcome"]
        assert "Live retry on mx3" not in at.toasts, "it stands on the screen already"
        await at.press("escape")
        assert isinstance(at.app.screen, HostScreen)


async def test_each_side_has_its_colour(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        screen = await begin(at)
        found = {}
        for strip in screen._compositor.render_strips():
            for segment in strip:
                for line in SAID:
                    if segment.text.startswith(line.text.decode()[:12]) and segment.style is not None:
                        found[line.side] = segment.style.color
        assert len(found) == len(SAID)
        assert len({str(found[side]) for side in (Side.CLIENT, Side.GOOD, Side.LATER, Side.NEVER, Side.NOTE)}) == 5


async def test_stop_ends_the_watching_only(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await begin(at)
        await at.press("s")
        await at.until(lambda: "no longer watched after" in at.text)
        assert "requested" in at.text
        await at.press("s")
        assert isinstance(at.app.screen, LiveScreen), "there is nothing to stop any more"


async def test_esc_goes_back_and_a_toast_tells_the_end(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        screen = await begin(at)
        await at.press("escape")
        pane(at)
        await at.press("R")
        await at.until(lambda: isinstance(at.app.screen, LiveScreen) and "Sent (ok)" in at.text)
        assert at.app.screen is not screen, "R shows again what still runs"
        await at.press("escape")
        assert "Live retry: 0/1" in at.text
        over(at)
        await at.told("Live retry on mx3: delivered 1")
        assert len(at.link.asked) == 1


async def test_one_marked_message_or_ten_but_no_more(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        for _ in range(11):
            await at.press("space")
        await at.press("R")
        await at.told("watches 10 messages at most, 11 are chosen: r retries any number")
        assert isinstance(at.app.screen, HostScreen)
        await at.press("A", "space", "space")
        marked = pane(at).marked
        await begin(at, wait=False)
        assert "Live retry of 2 messages on mx3" in at.text
        assert set(at.link.asked[0][1]) == marked
        await at.until(lambda: "delivered 2" in at.text)


async def test_what_the_login_may_not_is_said_and_greyed(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        allow(at.app.store, "mx3", "retry")
        await at.press("R")
        await at.told("Live retry on mx3: no sudo for retry")
        assert isinstance(at.app.screen, HostScreen)
        await at.press("question_mark")
        assert isinstance(at.app.screen, HelpScreen)
        await at.press(*"live retry")
        await at.until(lambda: "no sudo for retry" in at.text)


async def test_an_older_helper_is_named_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: ActingLink, *words: object) -> tuple[RemoteCommand, ...]:
        raise Refused("the helper was printed without `live`", "print it anew: mailtui sudoers HOST --helper")

    monkeypatch.setattr(ActingLink, "commands", refuse)
    async with scene(tmp_path) as at:
        await at.press("R")
        await at.told("without `live`; print it anew: mailtui sudoers mx3 --helper")
        assert at.link.asked == []


async def test_a_lost_link_is_unknown_and_said(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.press("space")
        (key,) = pane(at).marked
        at.link.instead = {key: (Outcome.UNKNOWN, Code.TIMEOUT)}
        await begin(at)
        over(at)
        await at.until(lambda: "ended after" in at.text)
        await at.until(lambda: "1 unknown" in at.text)
        await at.told("unknown 1")


async def test_a_hostile_dialogue_does_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        screen = await begin(at)
        for payload in PAYLOADS:
            screen.talk.hear(Spoken(Side.LATER, b"450 " + payload.encode("utf-8", "surrogateescape")))
        await settle(at.pilot)
        assert "\x1b" not in at.text
        assert at.app.about.hits == 0
        for _ in range(MOST):
            screen.talk.hear(Spoken(Side.NOTE, b"more"))
        await settle(at.pilot)
        assert len(screen.query_one(Transcript).source) == MOST + 1
        over(at)
        await at.until(lambda: "ended after" in at.text)
