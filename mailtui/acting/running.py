"""Carries plans out through the fleet and tells the person: progress, outcomes, and what nobody knows the end of.

Whatever comes back from the fleet's tasks enters the app through `call_later`: they know nothing of its context.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from mailtui.screens.live import LiveScreen, Talk
from mailtui.screens.progress import LinesScreen, ProgressScreen
from mailtui.screens.queues import QueueScreen
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
    """An action under way, on one host or several at once."""

    title: str
    totals: Mapping[str, int]
    """Messages by host."""
    tell: Callable[[Sequence[HostResult]], None]
    """Says how it ended, once it did on every host."""
    stopping: bool = False
    screen: ProgressScreen | None = None
    talk: Talk | None = None
    """Its dialogue, for what is watched."""
    timer: Timer | None = None
    steps: dict[str, Progress] = field(default_factory=dict)
    """How far it is, by host."""
    results: list[HostResult] = field(default_factory=list)

    def stop(self) -> None:
        """Have it stop after the batches that run."""
        self.stopping = True

    @property
    def where(self) -> str:
        """The host, or how many there are."""
        return _where(tuple(self.totals))

    @property
    def total(self) -> int:
        """Messages on all hosts."""
        return sum(self.totals.values())

    @property
    def done(self) -> int:
        """Messages done so far."""
        return sum(each.done for each in self.steps.values())

    @property
    def said(self) -> str:
        """What came of the last batch, of each host where there are several."""
        if len(self.totals) == 1:
            return "".join(outcome_words(each.outcomes) for each in self.steps.values())
        return "\n".join(
            f"{host}: {each.done:,} of {each.total:,}, last {outcome_words(each.outcomes)}"
            for host, each in self.steps.items()
        )


def _where(hosts: Sequence[str]) -> str:
    return hosts[0] if len(hosts) == 1 else f"{len(hosts)} hosts"


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
        self._deleted: dict[str, str] = {}
        """The undo id of the last delete from here, by host, the latest last."""
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
        runs = {id(run): run for run in self.runs.values()}
        words = [f"{run.title}: {run.done:,}/{run.total:,}" for run in runs.values()]
        return " · ".join([*words, *([f"{unknown:,} unknown"] if unknown else [])])

    def may_leave(self) -> bool:
        """Tell whether nothing runs that leaving would cut; says so the first time."""
        if not self.runs or self._warned:
            return True
        self._warned = True
        self.say("an action still runs: leaving cuts it, its outcome is then unknown; q again leaves", "warning")
        return False

    # --- carrying out -----------------------------------------------------------------------------------------------

    def start(self, parts: Sequence[tuple[Plan, HostPlan]]) -> None:
        """Carry a plan out on all its hosts at once; what it is about is marked no more."""
        keys = {each.target.key for _, host in parts for each in host.chosen}
        for screen in self._console.screen_stack:
            if isinstance(screen, QueueScreen):
                screen.queue.set_marked(screen.queue.marked - keys)
        spec = parts[0][0].action
        if spec.live:
            self._start_live(*parts[0])
            return
        run = self._begin(spec.title, {host.host: len(host.chosen) for _, host in parts})

        def step(progress: Progress) -> None:
            self._console.call_later(self._stepped, run, progress)

        async def work(plan: Plan, host: HostPlan) -> HostResult:
            link = self._link(host.host)
            return await carry_out(plan, host, link, self._journal(), progress=step, stop=lambda: run.stopping)

        for plan, host in parts:
            self._run(run, host.host, partial(work, plan, host), partial(self._ended, plan, host))

    def _start_live(self, plan: Plan, host: HostPlan) -> None:
        """Carry a plan out and show the dialogue; what ends the watching ends no delivery."""
        left = asyncio.Event()
        ids = [each.target.id for each in host.chosen]
        talk = Talk(host.host, ids, left.set, self._console.clock)
        run = Run(plan.action.title, {host.host: len(host.chosen)}, partial(self._watched, talk, plan), talk=talk)
        self.runs[host.host] = run
        self.reopen(host.host)

        def hear(line: Spoken) -> None:
            self._console.call_later(talk.hear, line)

        async def work() -> HostResult:
            link = self._link(host.host)

            async def act(targets: Sequence[Target], order: Order) -> Acted:
                return await link.live(targets, order, hear, left)

            return await carry_out(plan, host, link, self._journal(), act=act)

        self._run(run, host.host, work, partial(self._ended, plan, host))

    def _watched(self, talk: Talk, plan: Plan, results: Sequence[HostResult]) -> None:
        """Say on its screen how a retry ended; in passing too where nobody looks there."""
        (result,) = results
        codes = {each.code for each in result.outcomes}
        good = not result.error and codes == {Code.DELIVERED}
        words = result.error or live_words(result.outcomes)
        talk.end(words, "bold $success" if good else "bold $error" if result.error else "bold $warning")
        seen = talk.screen is not None and talk.screen.is_current
        if result.error or not seen:
            self._tell(plan.action.title, results)

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

    def _begin(self, title: str, totals: Mapping[str, int]) -> Run:
        run = Run(title, totals, partial(self._tell, title))
        self.runs |= dict.fromkeys(totals, run)
        run.timer = self._console.set_timer(SHOWN_AFTER, partial(self._show_progress, run))
        return run

    def _run(
        self, run: Run, host: str, work: Callable[[], Awaitable[HostResult]], ended: Callable[[HostResult], None]
    ) -> None:
        """Have the fleet do it on a host; however it ends, the person is told."""

        async def job() -> None:
            result = HostResult(host, (), error="it was cut short by a bug or by leaving", cure="look at the queue")
            try:
                result = await work()
            except MailtuiError as error:
                result = HostResult(host, (), error=error.message, cure=error.cure)
            finally:
                self._console.call_later(self._finish, run, result, ended)

        self._fleet.run(host, "action", job)

    def _finish(self, run: Run, result: HostResult, ended: Callable[[HostResult], None]) -> None:
        self.runs.pop(result.host, None)
        run.results.append(result)
        self._results.append((run.title, result))
        ended(result)
        if len(run.results) < len(run.totals):
            return
        if run.timer is not None:
            run.timer.stop()
        if run.screen is not None:
            run.screen.finish()
        self._warned = False
        run.tell(run.results)

    def _stepped(self, run: Run, progress: Progress) -> None:
        run.steps[progress.host] = progress
        if run.screen is not None:
            run.screen.show(run.done, run.said)

    def _show_progress(self, run: Run) -> None:
        if run in self.runs.values() and self._console.mail_screen is not None:
            run.screen = ProgressScreen(f"{run.title} on {run.where}", run.total, run.stop)
            self._console.push_screen(run.screen)
            run.screen.show(run.done, run.said)

    def _ended(self, plan: Plan, host: HostPlan, result: HostResult) -> None:
        if result.undo_id and any(each.code is Code.MOVED for each in result.outcomes):
            self._deleted.pop(host.host, None)  # the last one stands last
            self._deleted[host.host] = result.undo_id
        opened = Open(plan, host, result, self._fleet.link(host.host), self._console.clock.monotonic())
        if opened.count:
            self._open[host.host] = opened

    def last_delete(self, hosts: Sequence[str]) -> tuple[tuple[str, ...], str]:
        """Give the id of the last delete from here on any of these hosts, and those of them that it was done on."""
        known = [undo_id for host, undo_id in self._deleted.items() if host in hosts]
        if not known:
            return (), ""
        return tuple(host for host in hosts if self._deleted.get(host) == known[-1]), known[-1]

    def _tell(self, title: str, results: Sequence[HostResult]) -> None:
        """Say in one sentence what came of it, whatever the number of hosts."""
        outcomes = [each for result in results for each in result.outcomes]
        told = outcome_words(outcomes)
        if not told and any(result.requested for result in results):
            told = "asked for"
        parts = [told] if told else []
        for result in results:
            if result.error:
                words = f"{result.error}; {result.cure}" if result.cure else result.error
                parts.append(words if len(results) == 1 or result.host in words else f"{result.host}: {words}")
        if new := sum(result.new_since for result in results):
            parts.append(f"{messages(new)} more match by now")
        if any(each.code is Code.MOVED for each in outcomes):
            parts.append("u brings back what was deleted")
        failed = any(result.error for result in results)
        bad = failed or any(each.outcome in (Outcome.FAILED, Outcome.UNKNOWN) for each in outcomes)
        if bad or any(each.outcome is Outcome.SKIPPED for each in outcomes):
            parts.append("L lists them")
        where = _where([result.host for result in results])
        words = f"{title} on {where}: {'; '.join(parts) or 'nothing to do'}"
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
        self._tell(title, [replace(result, error="", cure="")])

    # --- undo and what came of all ----------------------------------------------------------------------------------

    def start_undo(self, sets: Sequence[UndoSet], order: Order, then: Callable[[], None]) -> None:
        """Bring back what a delete set aside, on all its hosts at once."""
        run = self._begin("Undo", {kept.host: kept.count for kept in sets})

        async def work(kept: UndoSet) -> HostResult:
            return await undo(kept, self._link(kept.host), self._journal(), order)

        for kept in sets:
            self._run(run, kept.host, partial(work, kept), partial(self._undone, kept, then))

    def _undone(self, kept: UndoSet, then: Callable[[], None], result: HostResult) -> None:
        done = any(each.outcome is Outcome.DONE for each in result.outcomes)
        if done and self._deleted.get(kept.host) == kept.undo_id:
            del self._deleted[kept.host]
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
