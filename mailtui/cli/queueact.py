"""`mailtui queue retry|hold|release|delete|bounce|flush`: plan, ask, act, and one outcome for each message."""

from __future__ import annotations

import argparse
import asyncio
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mailtui.cli import acting, actiontext, filters, hosting, records, say, select, selection
from mailtui.cli.options import Parser, examples, typed
from mailtui.cli.output import write
from mailtui.cli.queue import natural
from mailtui.cli.times import duration, iso
from mailtui.clock import SYSTEM
from mailtui.errors import INTERRUPTED, UNKNOWN, HostError, MailtuiError, Refused, Unreachable, UsageError
from mailtui.model import Code, ItemOutcome, Order, Outcome, plain_reason

if TYPE_CHECKING:
    from mailtui.actions import ActionSpec, HostPlan, Plan
    from mailtui.cli.acting import Case
    from mailtui.cli.selection import Choice, Wanted
    from mailtui.config import Host
    from mailtui.execute import HostResult, Progress
    from mailtui.model import Capability, RemoteCommand
    from mailtui.session import Link

HELPS = {
    "retry": ("try to deliver now", "Try to deliver messages now, whatever host status and ages say."),
    "hold": ("quarantine", "Hold messages: nothing tries them until they are released."),
    "release": ("give held mail back", "Give held messages back to the queue."),
    "delete": ("set aside, with undo", "Set messages aside on their host; `mailtui undo` brings them back."),
    "bounce": ("return to the sender", "Return messages to their senders now. This cannot be undone."),
}


def add(verb: Callable[..., Parser]) -> None:
    """Describe the verbs that change a queue."""
    for name, (purpose, description) in HELPS.items():
        parser = verb(name, help=purpose, description=description)
        parser.add_argument(
            "words", metavar="HOST|ID", nargs="+",
            help="hosts, groups, @tags; then messages by id or key (- reads them from standard input)",
        )  # fmt: skip
        select.add_where(parser)
        _options(parser)
        filters.tell(
            parser,
            filters.QUEUE,
            f"mailtui queue {name} mx1 2AQ9rXkT012345",
            f"mailtui queue {name} @prod --where 'domain=example.net age>1h' --dry-run",
        )
        parser.set_defaults(run=run, action=name, forget=False)
    flushing = verb("flush", help="run the whole queue now", description="Run the whole queue of hosts now.")
    hosting.add_hosts(flushing)
    flushing.add_argument(
        "--forget-host-status", dest="forget", action="store_true", help="try hosts too that were down a moment ago"
    )
    _options(flushing)
    flushing.epilog = examples("mailtui queue flush mx1", "mailtui queue flush @prod --yes")
    flushing.set_defaults(run=run, action="flush", where=None)


def _options(parser: Parser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="print the exact remote commands, change nothing")
    acting.add_consent(parser)
    parser.add_argument("--max", metavar="N", type=natural, help="refuse a plan of more messages")
    parser.add_argument("--reason", metavar="TEXT", default="", help="why; kept with what is done")
    parser.add_argument(
        "--whole-messages",
        dest="whole",
        action="store_true",
        help="delete, bounce: take messages along whose other recipients the filter does not match",
    )
    parser.add_argument(
        "--wait", metavar="T", type=typed(duration), default=0.0, help="wait so long for what becomes of them"
    )
    parser.add_argument("--pace", metavar="N/min", type=pace, help="act on so many messages a minute")


def pace(text: str) -> float:
    """Read `60/min` or `60` as messages a minute."""
    try:
        return float(natural(text.removesuffix("/min")))
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{text!r} is no pace: write 60/min") from None


# --- the run --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Prepared:
    """What is to be done on one host."""

    plan: HostPlan
    order: Order
    choice: Choice | None = None
    """None for what is done to the whole queue."""


def run(args: Namespace) -> int:
    """Run one of the verbs."""
    from mailtui import actions

    spec = actions.action(args.action)
    if spec.of_messages:
        wanted = selection.read_words(args)
        selection.check_selection(args, wanted)
    else:
        wanted = selection.Wanted(tuple(hosting.hosts_of(args, args.hosts)))
    acting.check_consent(args)
    if (kept := plain_reason(args.reason)) != " ".join(args.reason.split()):
        say.remark(f"the reason is kept as: {kept}")
    act = Act(args, spec, wanted)
    cases = acting.run_all(wanted.hosts, args.timeout, act.prepare, act.decide, act.perform, act.stop, act.admit)
    return act.report(cases)


class Act:
    """One action on the queues of one or several hosts."""

    def __init__(self, args: Namespace, spec: ActionSpec, wanted: Wanted) -> None:
        from mailtui.cli.journal import journal
        from mailtui.execute import new_undo_id
        from mailtui.journal import operator

        self.stop = acting.Stop()
        self._args = args
        self._spec = spec
        self._wanted = wanted
        self._journal = journal()
        by = operator()
        # A quarantine has a reason: without one, Sendmail's command would lift it.
        unsaid = f"held by {by}" if spec.id == "hold" else ""
        self._order = Order(
            reason=plain_reason(args.reason) or plain_reason(unsaid),
            by=by,
            undo_id=new_undo_id() if spec.id == "delete" else "",
            forget=args.forget,
        )
        self._plan: Plan | None = None
        self._steps = acting.Steps()

    def admit(self, host: Host) -> None:
        """Refuse a host that is read-only, before it is connected."""
        if host.mode == "read-only":
            raise Refused(f"{host.name} is read-only here: nothing is changed", "set its mode to ask or read-write")

    async def prepare(self, link: Link) -> Prepared:
        """Read what the login may and what the queue holds, and plan."""
        from mailtui import actions

        lacking = actions.refused(self._spec, (await link.capabilities()).value)
        if not self._spec.of_messages:
            return await asyncio.to_thread(self._planned, link, lacking, None)
        reading = await select.read(link)
        for sentence in reading.listing.missing:
            say.error(f"{link.host.name}: {sentence}")
        choice = await asyncio.to_thread(
            selection.choose,
            self._spec,
            reading,
            link.target,
            self._wanted,
            self._args.where,
            whole=self._args.whole,
        )
        return await asyncio.to_thread(self._planned, link, lacking, choice)

    def _planned(self, link: Link, lacking: Capability | None, choice: Choice | None) -> Prepared:
        """Plan for one host, with its commands batch by batch as they will run."""
        from mailtui import actions

        order = replace(self._order, keep=link.host.undo_keep)
        chosen = () if choice is None else choice.chosen
        if lacking is not None:
            commands: tuple[RemoteCommand, ...] = ()
        elif choice is None:
            commands = link.commands(self._spec.id, (), order)
        else:
            parts = actions.batches(chosen) if chosen else ()
            targets = ([each.target for each in part] for part in parts)
            commands = tuple(one for some in targets for one in link.commands(self._spec.id, some, order))
        skipped = () if choice is None else choice.skipped
        return Prepared(
            actions.HostPlan(link.host.name, link.host_key, chosen, skipped, commands, lacking), order, choice
        )

    async def decide(self, cases: list[Case[Prepared, HostResult]]) -> bool:
        """Put the hosts' plans together, refuse what may not be, and ask; raises UsageError."""
        from mailtui import actions

        found = [case.prepared for case in cases if case.prepared is not None]
        choices = [each.choice for each in found if each.choice is not None]
        _refuse_ambiguous(choices)
        anywhere = {id_ for choice in choices for id_ in choice.keys_of}
        for each in found:
            each.plan = replace(each.plan, skipped=(*each.plan.skipped, *_absent(each, anywhere)))
        plans = tuple(each.plan for each in found)
        plan = self._plan = actions.Plan(self._spec, self._order, plans, SYSTEM.monotonic(), self._args.where or "")
        if self._args.max is not None and plan.count > self._args.max:
            raise UsageError(
                f"the plan has {plan.count} messages, more than --max {self._args.max}: nothing was done",
                "narrow the selection, or raise --max",
            )
        for one in plans:
            if one.refused is not None and (one.chosen or not self._spec.of_messages):
                what = f"{self._spec.id} is refused to this login"
                say.error(f"{one.host}: {what}: {one.refused.why}", one.refused.cure)
        if self._args.where is not None and found and not any(one.chosen or one.skipped for one in plans):
            say.remark("no message matches the filter")
        able = [one for one in plans if one.refused is None]
        if self._args.dry_run or not (plan.count if self._spec.of_messages else able):
            return False
        await acting.agree(self._args, self._card(plan, found), self._question(plan), plan.typed)
        if not self._args.yes and plan.expired(SYSTEM.monotonic()):
            raise MailtuiError(
                f"the plan is older than {actions.VALID:.0f} s: nothing was done", "give the command again"
            )
        return True

    async def perform(self, link: Link, prepared: Prepared) -> HostResult:
        """Do on one host what was planned there."""
        from mailtui import execute
        from mailtui.journal import JournalFault
        from mailtui.unfinished import carry_out

        plan = prepared.plan
        if self._plan is None or plan.refused is not None or (self._spec.of_messages and not plan.chosen):
            return execute.HostResult(plan.host, ())
        acting.arm(link)
        whole = replace(self._plan, order=prepared.order)
        try:
            result = await carry_out(
                whole,
                plan,
                link,
                self._journal,
                progress=self._progress,
                stop=self.stop,
                wait=self._args.wait,
                pace=self._args.pace,
            )
        except JournalFault as fault:
            raise acting.NotJournalled(fault.message, fault.cure) from fault
        if all(each.outcome is not Outcome.UNKNOWN for each in result.outcomes):
            return result
        return await self._looked_again(whole, plan, link.host, result)

    async def _looked_again(self, plan: Plan, part: HostPlan, host: Host, result: HostResult) -> HostResult:
        """Decide what was left unknown over a new connection, where the host answers; only reads there."""
        from mailtui.execute import settle

        try:
            async with asyncio.timeout(self._args.timeout), hosting.open_link(host) as link:
                # another host than the plan was made for would tell of other mail
                return (
                    await settle(plan, part, link, self._journal, result)
                    if link.host_key == part.fingerprint
                    else result
                )
        except (HostError, TimeoutError):
            return result

    def _progress(self, step: Progress) -> None:
        self._steps.say(f"{step.host}: {step.done} of {step.total}")

    # --- asking -----------------------------------------------------------------------------------------------------

    def _question(self, plan: Plan) -> str:
        names = [each.host for each in plan.hosts if each.refused is None]
        where = names[0] if len(names) == 1 else f"{len(names)} hosts"
        what = f"{plan.count} message{'' if plan.count == 1 else 's'}" if self._spec.of_messages else "the whole queue"
        return f"{self._spec.title.split()[0]} {what} on {where}?"

    def _card(self, plan: Plan, found: Sequence[Prepared]) -> list[str]:
        from mailtui import actions

        able = [each for each in plan.hosts if each.refused is None]
        names = [f"{each.host} ({len(each.chosen)})" if self._spec.of_messages else each.host for each in able]
        lines = [f"{self._spec.title}: {self._spec.help}", f"  hosts      {', '.join(names)}"]
        if self._spec.of_messages:
            expired = sum(each.choice.expired for each in found if each.choice is not None)
            lines += actiontext.about_messages(actions.summary(plan), expired, SYSTEM.wall())
        return [*lines, *actiontext.some_commands([one for each in able for one in each.commands])]

    # --- telling ----------------------------------------------------------------------------------------------------

    def report(self, cases: list[Case[Prepared, HostResult]]) -> int:
        """Write what came of it and give the exit code."""
        acting.say_errors(cases)
        rows = [self._record(case) for case in cases]
        plain = f"{self._spec.id}: a dry run, nothing was changed" if self._args.dry_run else ""
        write(self._args, actiontext.document(rows, self._args.color, plain))
        results = [case.result for case in cases if case.result is not None]
        for each in results:
            _remark(each)
        code = acting.exit_code(cases, [one for case in cases for one in self._outcomes(case)])
        return INTERRUPTED if code != UNKNOWN and any(each.stopped for each in results) and self.stop.wanted else code

    def _outcomes(self, case: Case[Prepared, HostResult]) -> list[ItemOutcome]:
        """Give one outcome for each message: what was done, refused or left out before; of a dry run what would be."""
        if case.prepared is None or case.error is not None:
            return []
        plan = case.prepared.plan
        done = list(case.result.outcomes) if case.result is not None else []
        if plan.refused is not None:
            done += self._all(plan, Outcome.FAILED, Code.DENIED, plan.refused.why)
        elif self._args.dry_run:
            done += self._all(plan, Outcome.DONE, self._spec.done, "")
        told = {(each.key, each.id) for each in done}
        return done + [each for each in plan.skipped if (each.key, each.id) not in told]

    def _all(self, plan: HostPlan, outcome: Outcome, code: Code, detail: str) -> list[ItemOutcome]:
        """Give the same outcome for all messages of a plan, or the one of a whole queue."""
        if not self._spec.of_messages:
            return [ItemOutcome("", "", outcome, code, detail)]
        return [ItemOutcome(each.target.key, each.target.id, outcome, code, detail) for each in plan.chosen]

    def _record(self, case: Case[Prepared, HostResult]) -> records.Object:
        """Give a host's object."""
        prepared, result = case.prepared, case.result
        outcomes = self._outcomes(case)
        row = actiontext.host(
            self._spec.id,
            case.host.name,
            result,
            outcomes,
            reason=self._order.reason,
            dry_run=self._args.dry_run,
            commands=() if prepared is None else prepared.plan.commands,
            others=prepared.choice.others if prepared is not None and prepared.choice is not None else None,
        )
        if case.error is not None:
            row["error"] = records.error(case.error)
        elif result is not None and result.error and any(each.outcome is not Outcome.DONE for each in outcomes):
            lost = any(each.outcome is Outcome.UNKNOWN for each in outcomes)
            row["error"] = records.error((Unreachable if lost else Refused)(result.error, result.cure))
        elif not self._spec.of_messages and prepared is not None and (lacking := prepared.plan.refused) is not None:
            row["error"] = records.error(Refused(lacking.why, lacking.cure))
        return row


def _remark(result: HostResult) -> None:
    """Say what a person should know beside the outcomes."""
    if result.error:
        say.error(f"{result.host}: {result.error}", result.cure)
    unknown = sum(each.outcome is Outcome.UNKNOWN for each in result.outcomes)
    if unknown:
        say.error(
            f"{result.host}: the outcome of {unknown} is unknown, and nothing is repeated by itself",
            f"mailtui queue list {result.host}",
        )
    if result.undo_id and result.undo_until is not None:
        until = iso(float(int(result.undo_until)))
        say.remark(f"{result.host}: mailtui undo {result.undo_id} brings them back until {until}")
    if result.new_since:
        say.remark(f"{result.host}: {result.new_since} new messages match since; they were left alone")


def _refuse_ambiguous(choices: Sequence[Choice]) -> None:
    """Refuse an id that several messages have, with their keys; raises UsageError."""
    keys: dict[str, list[str]] = {}
    for choice in choices:
        for id_, found in choice.keys_of.items():
            keys.setdefault(id_, []).extend(found)
    several = {id_: found for id_, found in keys.items() if len(found) > 1}
    if several:
        first = next(iter(several))
        more = f" (and {len(several) - 1} more ids)" if len(several) > 1 else ""
        raise UsageError(
            f"{first} is the id of {len(several[first])} messages{more}: name each by its key, nothing was done",
            "\n".join(key for found in several.values() for key in found),
        )


def _absent(prepared: Prepared, anywhere: set[str]) -> Iterator[ItemOutcome]:
    """Give the outcome of what is named and not in a host's queue, nor in another's."""
    if prepared.choice is not None:
        for word in prepared.choice.absent:
            if word not in anywhere:
                key, id_ = (word, word.rpartition(":")[2]) if ":" in word else ("", word)
                yield ItemOutcome(
                    key, id_, Outcome.SKIPPED, Code.GONE, f"it is not in the queue of {prepared.plan.host}"
                )
