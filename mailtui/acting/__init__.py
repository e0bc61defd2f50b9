"""From a key to a plan that was confirmed: what the console asks a person before a host is changed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from textual.worker import WorkType

from mailtui import actions
from mailtui.acting.past import Past
from mailtui.acting.running import Running
from mailtui.actions import ActionSpec, Chosen, Danger, HostPlan, Plan
from mailtui.errors import HostError, MailtuiError
from mailtui.execute import new_undo_id
from mailtui.journal import operator
from mailtui.model import Capability, Code, Order, RemoteCommand, UndoSet
from mailtui.panes.choosing import choose
from mailtui.panes.pane import AskAction, AskUndo
from mailtui.screens.cards import kept_lines, outcome_words, plan_card, undo_card
from mailtui.screens.header import Mode
from mailtui.screens.plan import Card, PlanScreen
from mailtui.screens.progress import LinesScreen
from mailtui.screens.undo import UndoScreen
from mailtui.session import Link
from mailtui.transport.gate import ARMED

if TYPE_CHECKING:
    from mailtui.app import Console

UNDO: Final = ActionSpec("undo", "Undo", "u", Danger.REVERSIBLE, "undo", "Bring back what a delete set aside.")
"""Not of the table: it is done to what a delete set aside, not to messages."""


PAUSE: Final = 0.1
"""Seconds without a key after which the plan is made anew with the reason as it stands."""


@dataclass(frozen=True, slots=True)
class _Offer:
    """A plan for one host that may be confirmed."""

    plan: Plan
    host: HostPlan
    expired: int
    """Messages that will bounce after the next attempt."""

    def because(self, reason: str, link: Link) -> _Offer:
        """Give the same plan, on the same messages as they were seen, with a reason."""
        order = replace(self.plan.order, reason=reason)
        host = replace(self.host, commands=_commands(self.plan.action, self.host.chosen, order, link))
        return _Offer(replace(self.plan, order=order, hosts=(host,)), host, self.expired)


def _commands(spec: ActionSpec, chosen: Sequence[Chosen], order: Order, link: Link) -> tuple[RemoteCommand, ...]:
    batches = actions.batches(chosen) if chosen else [()] if not spec.of_messages else []
    return tuple(
        command for batch in batches for command in link.commands(spec.id, [each.target for each in batch], order)
    )


def _cards(offers: Sequence[_Offer], arms: float, now: float) -> list[Card]:
    others = ("take whole messages along", "leave those with other recipients alone") if len(offers) > 1 else ("",)
    return [
        plan_card(each.plan, each.host, arms=arms, expired=each.expired, now=now, other=other)
        for each, other in zip(offers, others, strict=True)
    ]


class Acting:
    """What the console does to mail."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._fleet = console.fleet
        self.running = Running(console)
        self.past = Past(console, self)

    # --- what the header and help say -------------------------------------------------------------------------------

    def mode(self, host: str | None) -> Mode:
        """Say whether a host may be changed; without a host, whether any is armed, or how all of them are."""
        if host is not None:
            gate = self._fleet.gate(host)
            if gate.sealed:
                return Mode("read-only")
            if gate.armed:
                return Mode(f"ARMED {host} {math.ceil(gate.armed / 60)} min", danger=True)
            return Mode("ask" if gate.read_only else "read-write")
        armed = [name for name in self._console.host_names if self._fleet.gate(name).armed]
        if armed:
            return self.mode(armed[0]) if len(armed) == 1 else Mode(f"ARMED {len(armed)} hosts", danger=True)
        modes = {self.mode(name).words for name in self._console.host_names}
        return Mode(modes.pop() if len(modes) == 1 else "mixed modes")

    def refusal(self, host: str, spec: ActionSpec) -> Capability | None:
        """Give why an action cannot be done on a host and what would allow it; None where it can."""
        if self._fleet.gate(host).sealed or self._console.options.read_only:
            cure = "set its mode to ask or read-write, or leave out --read-only"
            return Capability(spec.capability, False, f"{host} is read-only here", cure)
        return actions.refused(spec, self._fleet.store.host(host).capabilities)

    # --- plans ------------------------------------------------------------------------------------------------------

    def ask(self, asked: AskAction) -> None:
        """Plan an action and show the plan."""
        spec = actions.action(asked.action)
        if spec.live and self.running.reopen(asked.host):
            return
        link = self._admitted(asked.host, spec)
        if link is None:
            return
        if spec.of_messages and not asked.rows:
            self.running.say("no message is chosen", "warning")
            return
        if spec.most and len(asked.rows) > spec.most:
            count = f"{spec.title} watches {spec.most} messages at most, {len(asked.rows):,} are chosen"
            self.running.say(f"{count}: r retries any number of them", "warning", 8)
            return
        self._console.run_worker(self._plan(spec, asked, link), group="plan", exclusive=True)

    def _admitted(self, host: str, spec: ActionSpec) -> Link | None:
        """Give the link where an action may be asked for; says why it may not, and asks nothing of the host."""
        link, why = self._fleet.link(host), self.refusal(host, spec)
        if why is not None:
            self.running.say(f"{spec.title} on {host}: {why.why}; {why.cure}" if why.cure else why.why, "warning", 8)
        elif self._fleet.journal is None:
            self.running.say("there is no journal here, so nothing is changed", "error")
        elif host in self.running.runs:
            self.running.say(f"{self.running.runs[host].title} still runs on {host}: wait, or stop it", "warning")
        elif link is None:
            self.running.say(f"there is no link to {host} now", "warning")
        else:
            return link
        return None

    async def _plan(self, spec: ActionSpec, asked: AskAction, link: Link) -> None:
        made_at, now = self._console.clock.monotonic(), self._console.clock.wall()
        keep = self._fleet.config(asked.host).undo_keep
        undo_id = new_undo_id(self._console.clock) if spec.danger is Danger.UNDOABLE else ""
        order = Order(by=operator(), undo_id=undo_id, keep=keep)

        def made(*, whole: bool) -> _Offer:
            decode = partial(self._fleet.store.decode, asked.host)
            found = choose(spec, asked.host, asked.rows, link.target, decode, where=asked.where, whole=whole, now=now)
            host = HostPlan(
                asked.host, link.host_key, found.chosen, found.skipped, _commands(spec, found.chosen, order, link)
            )
            return _Offer(Plan(spec, order, (host,), made_at, asked.where), host, found.expired)

        try:
            offers = [await asyncio.to_thread(made, whole=False)]
            if any(each.code is Code.OUTSIDE_FILTER for each in offers[0].host.skipped):
                offers.append(await asyncio.to_thread(made, whole=True))
        except MailtuiError as error:
            cure = error.cure.replace("sudoers HOST", f"sudoers {asked.host}")
            self.running.say(f"{spec.title} on {asked.host}: {error.message}; {cure}", "error", 12)
            return
        if spec.of_messages and not any(each.plan.count for each in offers):
            skipped = offers[0].host.skipped
            words = outcome_words(skipped)
            detail = next((each.detail for each in skipped if each.detail), "")
            self.running.say(f"{spec.title}: nothing to do: {words}" + (f" ({detail})" if detail else ""), "warning", 8)
            return
        arms = self._arms(asked.host)
        cards = await asyncio.to_thread(_cards, offers, arms, now)

        async def reason(screen: PlanScreen, words: str) -> None:
            await asyncio.sleep(PAUSE)  # whoever types on has this called again
            try:
                new = [await asyncio.to_thread(each.because, words, link) for each in offers]
            except MailtuiError as error:  # then what is shown stays, and nothing can be confirmed
                self.running.say(f"{spec.title} on {asked.host}: {error.message}; {error.cure}", "error")
                return
            shown = await asyncio.to_thread(_cards, new, arms, now)
            offers[:] = new
            if screen.is_current:
                screen.show_cards(shown, words)

        def reasoned(screen: PlanScreen, words: str) -> None:
            self.work(partial(reason, screen, words), "reason")

        def start(number: int) -> None:
            self.running.start(offers[number].plan, offers[number].host)

        self._confirm(cards, start, asked.host, reasoned)

    def work(self, what: WorkType[None], group: str) -> None:
        """Do something in the background, in place of what its group does: begun only when there is time for it."""
        self._console.run_worker(what, group=group, exclusive=True)

    def _arms(self, host: str) -> float:
        return ARMED if self._fleet.gate(host).read_only else 0.0

    def _confirm(
        self,
        cards: Sequence[Card],
        start: Callable[[int], None],
        host: str,
        reasoned: Callable[[PlanScreen, str], None] | None = None,
    ) -> None:
        arming = bool(self._arms(host))

        def answered(number: int | None) -> None:
            if number is None:
                return
            gate = self._fleet.gate(host)
            if gate.read_only and not arming:
                self.running.say(f"{host} is not armed any more: press the key again", "warning")
                return
            try:
                if gate.read_only:
                    gate.arm()
            except HostError as error:
                self.running.say(f"{error.message}; {error.cure}", "error")
                return
            start(number)

        self._console.push_screen(PlanScreen(cards, self._console.clock, reasoned), answered)

    # --- undo -------------------------------------------------------------------------------------------------------

    def ask_undo(self, asked: AskUndo) -> None:
        """Show what undoing a delete would do: this one, or the last of this console on the host."""
        link = self._admitted(asked.host, UNDO)
        if link is None:
            return
        if asked.kept is not None:
            self._plan_undo(asked.kept)
            return
        undo_id = self.running.last_undo.get(asked.host)
        if undo_id is None:
            self.running.say(f"nothing was deleted on {asked.host} from here; U lists every delete that can be undone")
            return
        self._console.run_worker(self._find_undo(asked.host, undo_id, link), group="plan", exclusive=True)

    def ask_undo_of(self, host: str, undo_id: str) -> None:
        """Show what undoing a delete would do, by the id under which its host keeps it."""
        link = self._admitted(host, UNDO)
        if link is not None:
            self._console.run_worker(self._find_undo(host, undo_id, link), group="plan", exclusive=True)

    async def _find_undo(self, host: str, undo_id: str, link: Link) -> None:
        try:
            sets = await link.undo_sets()
        except HostError as error:
            self.running.say(f"undo on {host}: {error.message}; {error.cure}", "error")
            return
        kept = next((each for each in sets if each.undo_id == undo_id), None)
        if kept is None:
            why = "brought back or purged already, or its time is over"
            self.running.say(f"{host} holds nothing of {undo_id} any more: {why}; U lists what is there", "warning", 8)
        else:
            self._plan_undo(kept)

    def _plan_undo(self, kept: UndoSet) -> None:
        if not kept.count:
            self.running.say(f"there is nothing to bring back of it: it is {kept.state}", "warning")
            return
        card = undo_card(kept, arms=self._arms(kept.host), now=self._console.clock.wall())
        self._confirm([card], lambda _: self._start_undo(kept), kept.host)

    def _start_undo(self, kept: UndoSet) -> None:
        self.running.start_undo(kept, Order(by=operator(), undo_id=kept.undo_id), self._relist)

    def _relist(self) -> None:
        """Ask again what is set aside, where that is on screen."""
        if isinstance(self._console.screen, UndoScreen):
            self.list_undo(self._console.screen)
        self.past.read_again()

    def list_undo(self, screen: UndoScreen) -> None:
        """Ask every connected host what deletes set aside there."""
        self._console.run_worker(self._ask_all(screen), group="undo", exclusive=True)

    async def _ask_all(self, screen: UndoScreen) -> None:
        sets: list[UndoSet] = []
        failed: list[str] = []

        async def ask(host: str) -> None:
            link = self._fleet.link(host)
            if link is None:
                failed.append(f"{host}: no link")
                return
            try:
                sets.extend(await link.undo_sets())
            except HostError as error:
                failed.append(f"{host}: {error.message}")

        async with asyncio.TaskGroup() as group:
            for host in self._console.host_names:
                group.create_task(ask(host))
        if screen.is_attached:
            screen.show_sets(sets, failed)

    # --- screens ----------------------------------------------------------------------------------------------------

    def kept_screen(self, kept: UndoSet) -> LinesScreen:
        """Show the messages that a delete set aside."""
        return LinesScreen(f"Deleted on {kept.host}: {kept.undo_id}", kept_lines(kept, self._console.clock.wall()))

    def disarm(self) -> None:
        """Let nothing be changed again on hosts that ask first."""
        armed = [name for name in self._console.host_names if self._fleet.gate(name).armed]
        for name in armed:
            self._fleet.gate(name).disarm()
        self.running.say(f"disarmed: {', '.join(armed)}" if armed else "no host is armed")
