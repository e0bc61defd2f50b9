"""Carries plans out through the fleet and tells the person: progress, outcomes, and what nobody knows the end of.

Whatever comes back from the fleet's tasks enters the app through `call_later`: they know nothing of its context.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from textual.content import Content
from textual.timer import Timer

from mailtui.actions import HostPlan, Plan
from mailtui.errors import MailtuiError, Unreachable
from mailtui.execute import HostResult, Progress, settle
from mailtui.journal import Journal, JournalFault
from mailtui.model import Acted, Code, Order, Outcome, Spoken, Target, UndoSet
from mailtui.panes.pane import cell
from mailtui.screens.cards import live_words, messages, outcome_lines, outcome_words
from mailtui.screens.host import HostScreen
from mailtui.screens.live import LiveScreen, Talk
from mailtui.screens.progress import LinesScreen, ProgressScreen
from mailtui.session import Link
from mailtui.store import Topic
from mailtui.text import show_line
from mailtui.undoing import undo
from mailtui.unfinished import carry_out

if TYPE_CHECKING:
    from mailtui.app import Console

SHOWN_AFTER: Final = 1.0
"""Seconds after which an action that still runs is shown with its progress."""

ASKED_AGAIN: Final = 60.0
"""Seconds until a link is asked again what became of an unknown outcome."""

KEPT: Final = 20
"""Results that are kept for the screen of outcomes."""


@dataclass(slots=True)
class Run:
    """An action under way on one host."""

    host: str
    title: str
    total: int
    stopping: bool = False
    screen: ProgressScreen | None = None
    talk: Talk | None = None
    """Its dialogue, for what is watched."""
    timer: Timer | None = None
    done: int = 0
    said: str = ""

    def stop(self) -> None:
        """Have it stop after the batch that runs."""
        self.stopping = True


@dataclass(slots=True)
class Open:
    """A result with unknown outcomes: the host decides once it can be read again."""

    plan: Plan
    host: HostPlan
    result: HostResult
    link: Link | None
    """The link over which it was asked last: the same one tells nothing new so soon."""
    asked_at: float
    """Monotonic time of that."""

    def due(self, link: Link, now: float) -> bool:
        """Tell whether asking may tell something new."""
        return link is not self.link or now - self.asked_at >= ASKED_AGAIN

    @property
    def count(self) -> int:
        """Give the number of unknown outcomes."""
        return sum(each.outcome is Outcome.UNKNOWN for each in self.result.outcomes)


class Running:
    """What is being changed, and what came of it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._fleet = console.fleet
        self.runs: dict[str, Run] = {}
        """By host: one action at a time."""
        self.last_undo: dict[str, str] = {}
        """The undo id of the last delete from here, by host."""
        self.left = 0
        """Messages of which a console before this one left the outcome open."""
        self._open: dict[str, Open] = {}
        self._settling: set[str] = set()
        self._results: deque[tuple[str, HostResult]] = deque(maxlen=KEPT)
        self._warned = False
        self._unsubscribe = self._fleet.store.subscribe(self._changed)

    def close(self) -> None:
        """Stop listening to the store."""
        self._unsubscribe()

    def say(
        self, text: str, severity: Literal["information", "warning", "error"] = "information", timeout: float = 6.0
    ) -> None:
        """Say something in passing."""
        self._console.notify(show_line(text), severity=severity, timeout=timeout, markup=False)

    def doing(self) -> str:
        """Say what runs, and what nobody knows the end of; empty where there is nothing."""
        unknown = self.left + sum(each.count for each in self._open.values())
        words = [f"{run.title}: {run.done:,}/{run.total:,}" for run in self.runs.values()]
        return " · ".join([*words, *([f"{unknown:,} unknown"] if unknown else [])])

    def may_leave(self) -> bool:
        """Tell whether nothing runs that leaving would cut; says so the first time."""
        if not self.runs or self._warned:
            return True
        self._warned = True
        self.say("an action still runs: leaving cuts it, its outcome is then unknown; q again leaves", "warning")
        return False

    # --- carrying out -----------------------------------------------------------------------------------------------

    def start(self, plan: Plan, host: HostPlan) -> None:
        """Carry a plan out; what it is about is marked no more."""
        keys = {each.target.key for each in host.chosen}
        for screen in self._console.screen_stack:
            if isinstance(screen, HostScreen) and screen.host == host.host:
                screen.queue.set_marked(screen.queue.marked - keys)
        if plan.action.live:
            self._start_live(plan, host)
            return
        run = self._begin(host.host, plan.action.title, len(host.chosen))

        def step(progress: Progress) -> None:
            self._console.call_later(self._stepped, run, progress)

        async def work() -> HostResult:
            link = self._link(host.host)
            return await carry_out(plan, host, link, self._journal(), progress=step, stop=lambda: run.stopping)

        self._run(run, work, partial(self._ended, plan, host))

    def _start_live(self, plan: Plan, host: HostPlan) -> None:
        """Carry a plan out and show the dialogue; what ends the watching ends no delivery."""
        left = asyncio.Event()
        run = self.runs[host.host] = Run(host.host, plan.action.title, len(host.chosen))
        ids = [each.target.id for each in host.chosen]
        talk = run.talk = Talk(host.host, ids, left.set, self._console.clock)
        self.reopen(host.host)

        def hear(line: Spoken) -> None:
            self._console.call_later(talk.hear, line)

        async def work() -> HostResult:
            link = self._link(host.host)

            async def act(targets: Sequence[Target], order: Order) -> Acted:
                return await link.live(targets, order, hear, left)

            return await carry_out(plan, host, link, self._journal(), act=act)

        self._run(run, work, partial(self._watched, talk, plan, host))

    def _watched(self, talk: Talk, plan: Plan, host: HostPlan, result: HostResult) -> None:
        """Say on its screen how a retry ended; in passing too where nobody looks there."""
        codes = {each.code for each in result.outcomes}
        good = not result.error and codes == {Code.DELIVERED}
        words = result.error or live_words(result.outcomes)
        talk.end(words, "bold $success" if good else "bold $error" if result.error else "bold $warning")
        seen = talk.screen is not None and talk.screen.is_current
        self._ended(plan, host, result, silent=seen and not result.error)

    def reopen(self, host: str) -> bool:
        """Show a retry that is watched, again where its screen was left; tells whether one runs."""
        run = self.runs.get(host)
        if run is None or run.talk is None:
            return False
        if run.talk.screen is None:
            self._console.push_screen(LiveScreen(self._fleet.store, run.talk, self._console.clock))
        return True

    def _link(self, host: str) -> Link:
        link = self._fleet.link(host)
        if link is None:
            raise Unreachable(f"there is no link to {host} now", "nothing was done")
        return link

    def _journal(self) -> Journal:
        if self._fleet.journal is None:
            raise JournalFault("there is no journal here", "nothing was done")
        return self._fleet.journal

    def _begin(self, host: str, title: str, total: int) -> Run:
        run = self.runs[host] = Run(host, title, total)
        run.timer = self._console.set_timer(SHOWN_AFTER, partial(self._show_progress, run))
        return run

    def _run(self, run: Run, work: Callable[[], Awaitable[HostResult]], ended: Callable[[HostResult], None]) -> None:
        """Have the fleet do it; however it ends, the person is told."""

        async def job() -> None:
            result = HostResult(run.host, (), error="it was cut short by a bug or by leaving", cure="look at the queue")
            try:
                result = await work()
            except MailtuiError as error:
                result = HostResult(run.host, (), error=error.message, cure=error.cure)
            finally:
                self._console.call_later(self._finish, run, result, ended)

        self._fleet.run(run.host, "action", job)

    def _finish(self, run: Run, result: HostResult, ended: Callable[[HostResult], None]) -> None:
        self.runs.pop(run.host, None)
        if run.timer is not None:
            run.timer.stop()
        if run.screen is not None:
            run.screen.finish()
        self._warned = False
        self._results.append((run.title, result))
        ended(result)

    def _stepped(self, run: Run, progress: Progress) -> None:
        run.done = progress.done
        run.said = outcome_words(progress.outcomes)
        if run.screen is not None:
            run.screen.show(run.done, run.said)

    def _show_progress(self, run: Run) -> None:
        if self.runs.get(run.host) is run and self._console.mail_screen is not None:
            run.screen = ProgressScreen(f"{run.title} on {run.host}", run.total, run.stop)
            self._console.push_screen(run.screen)
            run.screen.show(run.done, run.said)

    def _ended(self, plan: Plan, host: HostPlan, result: HostResult, *, silent: bool = False) -> None:
        if result.undo_id and any(each.code is Code.MOVED for each in result.outcomes):
            self.last_undo[host.host] = result.undo_id
        opened = Open(plan, host, result, self._fleet.link(host.host), self._console.clock.monotonic())
        if opened.count:
            self._open[host.host] = opened
        if not silent:
            self._tell(plan.action.title, result)

    def _tell(self, title: str, result: HostResult) -> None:
        told = outcome_words(result.outcomes)
        if result.requested and not told:
            told = "asked for"
        parts = [told] if told else []
        if result.error:
            parts.append(f"{result.error}; {result.cure}" if result.cure else result.error)
        if result.new_since:
            parts.append(f"{messages(result.new_since)} more match by now")
        if any(each.code is Code.MOVED for each in result.outcomes):
            parts.append("u brings back what was deleted")
        bad = result.error or any(each.outcome in (Outcome.FAILED, Outcome.UNKNOWN) for each in result.outcomes)
        if bad or any(each.outcome is Outcome.SKIPPED for each in result.outcomes):
            parts.append("L lists them")
        words = f"{title} on {result.host}: {'; '.join(parts) or 'nothing to do'}"
        self.say(words, "error" if bad else "information", 12 if bad else 8)

    # --- unknown outcomes -------------------------------------------------------------------------------------------

    def _changed(self, host: str, topic: Topic) -> None:
        # whoever wrote to the store runs in another task
        if topic is Topic.QUEUE and host in self._open and host not in self._settling:
            self._settling.add(host)
            self._console.call_later(self._settle, host)

    def _settle(self, host: str) -> None:
        """Have the host decide what is unknown, over a link that was not there when it became so."""
        opened, link, journal = self._open.get(host), self._fleet.link(host), self._fleet.journal
        now = self._console.clock.monotonic()
        if opened is None or link is None or journal is None or host in self.runs or not opened.due(link, now):
            self._settling.discard(host)
            return
        opened.link, opened.asked_at = link, now

        async def job() -> None:
            result = opened.result
            try:
                result = await settle(opened.plan, opened.host, link, journal, opened.result)
            except MailtuiError as error:
                result = replace(opened.result, error=error.message, cure=error.cure)
            finally:
                self._console.call_later(self._settled, opened, result)

        self._fleet.run(host, "settling", job)

    def _settled(self, opened: Open, result: HostResult) -> None:
        self._settling.discard(result.host)
        before, opened.result = opened.count, result
        if opened.count == before:
            return
        if not opened.count and self._open.get(result.host) is opened:
            del self._open[result.host]
        title = f"{opened.plan.action.title}, now known"
        self._results.append((title, result))
        self._tell(title, replace(result, error="", cure=""))

    # --- undo and what came of all ----------------------------------------------------------------------------------

    def start_undo(self, kept: UndoSet, order: Order, then: Callable[[], None]) -> None:
        """Bring back what a delete set aside."""
        run = self._begin(kept.host, "Undo", kept.count)

        async def work() -> HostResult:
            return await undo(kept, self._link(kept.host), self._journal(), order)

        self._run(run, work, partial(self._undone, kept, then))

    def _undone(self, kept: UndoSet, then: Callable[[], None], result: HostResult) -> None:
        done = any(each.outcome is Outcome.DONE for each in result.outcomes)
        if done and self.last_undo.get(kept.host) == kept.undo_id:
            del self.last_undo[kept.host]
        self._tell("Undo", result)
        then()

    def outcomes_screen(self) -> LinesScreen:
        """Show what became of each message, the last action first."""
        lines: list[Content] = []
        for title, result in reversed(self._results):
            head = f"{title} on {result.host}: {outcome_words(result.outcomes) or result.error or 'asked for'}"
            lines.append(cell(head, "bold $primary"))
            if result.error:
                lines.append(cell(f"  {result.error}; {result.cure}", "$warning"))
            lines += outcome_lines(result.outcomes)
        return LinesScreen("Outcomes of the last actions", lines)
