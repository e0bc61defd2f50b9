"""From a key to a plan that was confirmed: what the console asks a person before a host is changed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from textual.worker import WorkType

from mailtui import actions
from mailtui.acting.past import Past
from mailtui.acting.running import Running
from mailtui.actions import ActionSpec, Chosen, Danger, HostPlan, Plan
from mailtui.errors import HostError, MailtuiError
from mailtui.execute import new_undo_id
from mailtui.journal import operator
from mailtui.keys import Scope
from mailtui.model import Capability, Code, Order, QueueRow, RemoteCommand, Target, UndoSet, host_of
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
    """A plan that may be confirmed."""

    plan: Plan
    links: Mapping[str, Link]
    """Of the hosts that take part."""
    keeps: Mapping[str, float]
    """Seconds for which each of them keeps what is deleted."""
    expired: int
    """Messages that will bounce after the next attempt."""

    def because(self, reason: str) -> _Offer:
        """Give the same plan, on the same messages as they were seen, with a reason."""
        offer = replace(self, plan=replace(self.plan, order=replace(self.plan.order, reason=reason)))
        hosts = [
            replace(part, commands=_commands(plan.action, part.chosen, plan.order, self.links[part.host]))
            for plan, part in offer.parts
        ]
        renewed = {part.host: part for part in hosts}
        every = tuple(renewed.get(part.host, part) for part in self.plan.hosts)
        return replace(offer, plan=replace(offer.plan, hosts=every))

    @property
    def parts(self) -> list[tuple[Plan, HostPlan]]:
        """What is to be done on each host: the plan with that host's order."""
        plan = self.plan
        return [
            (replace(plan, order=replace(plan.order, keep=self.keeps[part.host])), part)
            for part in plan.hosts
            if part.refused is None and (part.chosen or not plan.action.of_messages)
        ]


def _commands(spec: ActionSpec, chosen: Sequence[Chosen], order: Order, link: Link) -> tuple[RemoteCommand, ...]:
    batches = actions.batches(chosen) if chosen else [()] if not spec.of_messages else []
    return tuple(
        command for batch in batches for command in link.commands(spec.id, [each.target for each in batch], order)
    )


def _unseen(row: QueueRow) -> Target:
    """Stand in for the target of a message on a host that takes no part: nothing is done to it."""
    return Target(row.key, row.id, row.queue, row.directory, row.state.value, b"")


def _cards(offers: Sequence[_Offer], arms: Mapping[str, float], now: float) -> list[Card]:
    others = ("take whole messages along", "leave those with other recipients alone") if len(offers) > 1 else ("",)
    return [
        plan_card(each.plan, arms=arms, expired=each.expired, now=now, other=other)
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

    def refusals(self, host: str | None) -> dict[str, str]:
        """Give the keys of actions that cannot be done on a host (without one: on any), each with why."""
        hosts = self._console.host_names if host is None else [host]
        found: dict[str, str] = {}
        for spec in actions.ACTIONS:
            noes = [self.refusal(each, spec) for each in hosts]
            if noes and noes[0] is not None and all(noes):
                for scope in (Scope.QUEUE, Scope.GROUPS, Scope.MESSAGE):
                    found[f"{scope.value}.{spec.id}"] = noes[0].why
        return found

    # --- plans ------------------------------------------------------------------------------------------------------

    def ask(self, asked: AskAction) -> None:
        """Plan an action and show the plan."""
        spec, hosts = actions.action(asked.action), asked.hosts
        if spec.live and any(self.running.reopen(host) for host in hosts):
            return
        if spec.live and len(hosts) > 1:
            self.running.say(f"{spec.title} watches one host at a time; r retries on any number of them", "warning", 8)
            return
        links, without = self._admitted(hosts, spec)
        if not links:
            return
        if spec.of_messages and not asked.rows:
            self.running.say("no message is chosen", "warning")
            return
        if spec.most and len(asked.rows) > spec.most:
            count = f"{spec.title} watches {spec.most} messages at most, {len(asked.rows):,} are chosen"
            self.running.say(f"{count}: r retries any number of them", "warning", 8)
            return
        self._console.run_worker(self._plan(spec, asked, links, without), group="plan", exclusive=True)

    def _admitted(self, hosts: Sequence[str], spec: ActionSpec) -> tuple[dict[str, Link], dict[str, Capability]]:
        """Give the links of those hosts where an action may be asked for, and why it may not on the others.

        Says so, where it is none; asks nothing of any host.
        """
        links: dict[str, Link] = {}
        without: dict[str, Capability] = {}
        said: list[tuple[str, Literal["warning", "error"], float]] = []
        for host in hosts:
            link, why = self._fleet.link(host), self.refusal(host, spec)
            if why is not None:
                words = f"{spec.title} on {host}: {why.why}; {why.cure}" if why.cure else why.why
                said.append((words, "warning", 8))
            elif self._fleet.journal is None:
                why = Capability(spec.capability, False, "there is no journal here, so nothing is changed")
                said.append((why.why, "error", 6))
            elif host in self.running.runs:
                title = self.running.runs[host].title
                why = Capability(spec.capability, False, f"{title} still runs there")
                said.append((f"{title} still runs on {host}: wait, or stop it", "warning", 6))
            elif link is None:
                why = Capability(spec.capability, False, "there is no link to it now")
                said.append((f"there is no link to {host} now", "warning", 6))
            else:
                links[host] = link
            if why is not None:
                without[host] = why
        if not links and said:
            words, severity, timeout = said[0]
            more = f" (and {len(said) - 1} hosts more)" if len(said) > 1 else ""
            self.running.say(words + more, severity, timeout)
        return links, without

    async def _plan(
        self, spec: ActionSpec, asked: AskAction, links: Mapping[str, Link], without: Mapping[str, Capability]
    ) -> None:
        made_at, now = self._console.clock.monotonic(), self._console.clock.wall()
        keeps = {host: self._fleet.config(host).undo_keep for host in links}
        undo_id = new_undo_id(self._console.clock) if spec.danger is Danger.UNDOABLE else ""
        # what the card says of undo must be true of every host
        order = Order(by=operator(), undo_id=undo_id, keep=min(keeps.values()))

        def part(host: str, rows: Sequence[QueueRow], *, whole: bool) -> tuple[HostPlan, int]:
            link, decode = links[host], partial(self._fleet.store.decode, host)
            found = choose(spec, host, rows, link.target, decode, where=asked.where, whole=whole, now=now)
            commands = _commands(spec, found.chosen, replace(order, keep=keeps[host]), link)
            return HostPlan(host, link.host_key, found.chosen, found.skipped, commands), found.expired

        def made(*, whole: bool) -> _Offer:
            parts: list[HostPlan] = []
            late = 0
            for host in asked.hosts:
                rows = [row for row in asked.rows if host_of(row.key) == host]
                if host in links:
                    planned, expired = part(host, rows, whole=whole)
                    late += expired
                else:
                    known = tuple(Chosen(row, _unseen(row)) for row in rows)
                    planned = HostPlan(host, "", known, refused=without[host])
                parts.append(planned)
            return _Offer(Plan(spec, order, tuple(parts), made_at, asked.where), links, keeps, late)

        where = self._named(asked.hosts)
        try:
            offers = [await asyncio.to_thread(made, whole=False)]
            skipped = [each for part in offers[0].plan.hosts for each in part.skipped]
            if any(each.code is Code.OUTSIDE_FILTER for each in skipped):
                offers.append(await asyncio.to_thread(made, whole=True))
        except MailtuiError as error:
            cure = error.cure.replace("sudoers HOST", f"sudoers {' '.join(asked.hosts)}")
            self.running.say(f"{spec.title} on {where}: {error.message}; {cure}", "error", 12)
            return
        if spec.of_messages and not any(each.plan.count for each in offers):
            words = outcome_words(skipped)
            detail = next((each.detail for each in skipped if each.detail), "")
            self.running.say(f"{spec.title}: nothing to do: {words}" + (f" ({detail})" if detail else ""), "warning", 8)
            return
        arms = self._arms(tuple(links))
        cards = await asyncio.to_thread(_cards, offers, arms, now)

        async def reason(screen: PlanScreen, words: str) -> None:
            await asyncio.sleep(PAUSE)  # whoever types on has this called again
            try:
                new = [await asyncio.to_thread(each.because, words) for each in offers]
            except MailtuiError as error:  # then what is shown stays, and nothing can be confirmed
                self.running.say(f"{spec.title} on {where}: {error.message}; {error.cure}", "error")
                return
            shown = await asyncio.to_thread(_cards, new, arms, now)
            offers[:] = new
            if screen.is_current:
                screen.show_cards(shown, words)

        def reasoned(screen: PlanScreen, words: str) -> None:
            self.work(partial(reason, screen, words), "reason")

        self._confirm(cards, lambda number: self.running.start(offers[number].parts), tuple(links), reasoned)

    @staticmethod
    def _named(hosts: Sequence[str]) -> str:
        return hosts[0] if len(hosts) == 1 else f"{len(hosts)} hosts"

    def work(self, what: WorkType[None], group: str) -> None:
        """Do something in the background, in place of what its group does: begun only when there is time for it."""
        self._console.run_worker(what, group=group, exclusive=True)

    def _arms(self, hosts: Sequence[str]) -> dict[str, float]:
        """Give the hosts that a confirmation opens, and for how many seconds."""
        return {host: ARMED for host in hosts if self._fleet.gate(host).read_only}

    def _confirm(
        self,
        cards: Sequence[Card],
        start: Callable[[int], None],
        hosts: Sequence[str],
        reasoned: Callable[[PlanScreen, str], None] | None = None,
    ) -> None:
        arming = self._arms(hosts)

        def answered(number: int | None) -> None:
            if number is None:
                return
            closed = [host for host in hosts if self._fleet.gate(host).read_only]
            for host in closed:
                if host not in arming:
                    self.running.say(f"{host} is not armed any more: press the key again", "warning")
                    return
            try:
                for host in closed:
                    self._fleet.gate(host).arm()
            except HostError as error:
                self.running.say(f"{error.message}; {error.cure}", "error")
                return
            start(number)

        self._console.push_screen(PlanScreen(cards, self._console.clock, reasoned), answered)

    # --- undo -------------------------------------------------------------------------------------------------------

    def ask_undo(self, asked: AskUndo) -> None:
        """Show what undoing a delete would do: this one, or the last of this console on these hosts."""
        if asked.kept is not None:
            if self._admitted(asked.hosts, UNDO)[0]:
                self._plan_undo([asked.kept])
            return
        hosts, undo_id = self.running.last_delete(asked.hosts)
        links, _ = self._admitted(hosts or asked.hosts, UNDO)
        if not links:
            return
        if not hosts:
            where = self._named(asked.hosts)
            self.running.say(f"nothing was deleted on {where} from here; U lists every delete that can be undone")
            return
        self._console.run_worker(self._find_undo(undo_id, links), group="plan", exclusive=True)

    def ask_undo_of(self, host: str, undo_id: str) -> None:
        """Show what undoing a delete would do, by the id under which its host keeps it."""
        links, _ = self._admitted((host,), UNDO)
        if links:
            self._console.run_worker(self._find_undo(undo_id, links), group="plan", exclusive=True)

    async def _find_undo(self, undo_id: str, links: Mapping[str, Link]) -> None:
        found: dict[str, UndoSet] = {}

        async def find(host: str) -> None:
            try:
                found.update((host, each) for each in await links[host].undo_sets() if each.undo_id == undo_id)
            except HostError as error:
                self.running.say(f"undo on {host}: {error.message}; {error.cure}", "error")

        async with asyncio.TaskGroup() as group:
            for host in links:
                group.create_task(find(host))
        sets = [found[host] for host in links if host in found]
        if sets:
            self._plan_undo(sets)
        else:
            where, why = self._named(tuple(links)), "brought back or purged already, or its time is over"
            self.running.say(f"{where} holds nothing of {undo_id} any more: {why}; U lists what is there", "warning", 8)

    def _plan_undo(self, sets: Sequence[UndoSet]) -> None:
        kept = [each for each in sets if each.count]
        if not kept:
            self.running.say(f"there is nothing to bring back of it: it is {sets[0].state}", "warning")
            return
        hosts = tuple(each.host for each in kept)
        card = undo_card(kept, arms=self._arms(hosts), now=self._console.clock.wall())
        self._confirm([card], lambda _: self._start_undo(kept), hosts)

    def _start_undo(self, sets: Sequence[UndoSet]) -> None:
        self.running.start_undo(sets, Order(by=operator(), undo_id=sets[0].undo_id), self._relist)

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
