"""`mailtui undo`: what deletes set aside on hosts is listed, brought back, or destroyed for good."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from mailtui.cli import acting, actiontext, hosting, records, say
from mailtui.cli.options import Parser, examples
from mailtui.cli.output import Document, write
from mailtui.cli.table import Column
from mailtui.cli.times import iso
from mailtui.clock import SYSTEM
from mailtui.errors import INTERRUPTED, UNKNOWN, UsageError
from mailtui.model import Code, ItemOutcome, Order, Outcome

if TYPE_CHECKING:
    from mailtui.actions import ActionSpec
    from mailtui.cli.acting import Case
    from mailtui.execute import HostResult
    from mailtui.model import Capability, KeptMessage, UndoSet
    from mailtui.session import Answer, Link

_UNDO_ID: Final = re.compile(r"u-[0-9A-Za-z-]{8,40}", re.ASCII)

STYLES = {"broken": "bad", "interrupted": "warn"}

COLUMNS = (
    Column("UNDO ID", "undo_id"),
    Column("HOST", "host"),
    Column("AT", "at"),
    Column("BY", "by"),
    Column("UNTIL", "until"),
    Column("COUNT", "count", right=True),
    Column("STATE", "state", style=lambda state: STYLES.get(state, "")),
)


def add(parser: Parser) -> None:
    """Describe `mailtui undo`."""
    parser.description = "Bring back what deletes set aside on hosts; list it, or destroy it for good."
    parser.add_argument(
        "words",
        metavar="UNDO_ID",
        nargs="+",
        help="undo ids (u-...); or `list [HOST...]`; or `purge UNDO_ID...`, `purge --expired`, `purge --all`",
    )
    parser.add_argument("--held", action="store_true", help="bring messages back as held: nothing tries them yet")
    parser.add_argument("--expired", action="store_true", help="purge: all whose grace time has ended")
    parser.add_argument("--all", action="store_true", help="purge: all that is set aside on all hosts")
    acting.add_consent(parser)
    parser.epilog = examples("mailtui undo list @prod", "mailtui undo u-20261124T203220-a1b2c3 --held")
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Run `mailtui undo`."""
    verb, rest = (args.words[0], args.words[1:]) if args.words[0] in ("list", "purge") else ("undo", args.words)
    for option, of in (("held", "undo"), ("expired", "purge"), ("all", "purge")):
        if getattr(args, option) and verb != of:
            raise UsageError(f"--{option} does not go with this", "mailtui undo --help")
    if verb == "list":
        return run_list(args, rest)
    if verb == "purge" and [bool(rest), args.expired, args.all].count(True) != 1:
        raise UsageError(
            "purge takes undo ids, or --expired, or --all, and only one of them", "`mailtui undo list` lists undo ids"
        )
    for word in rest:
        if not _UNDO_ID.fullmatch(word):
            raise UsageError(f"{word[:80]!r} is no undo id", "they begin with u-; `mailtui undo list` lists them")
    hosts = hosting.hosts_of(args, [])
    acting.check_consent(args)
    act = (Undo if verb == "undo" else Purge)(args, tuple(dict.fromkeys(rest)))
    return act.report(acting.run_all(hosts, args.timeout, act.prepare, act.decide, act.perform, act.stop))


# --- list -----------------------------------------------------------------------------------------------------------


def run_list(args: Namespace, names: Sequence[str]) -> int:
    """Run `mailtui undo list`."""

    async def ask(link: Link) -> tuple[UndoSet, ...]:
        return await link.undo_sets()

    answers = hosting.ask(args, hosting.hosts_of(args, names), ask)
    found = sorted((each for answer in answers for each in answer.value or ()), key=lambda each: (each.at, each.host))
    rows = [records.undo_set(each) for each in found]
    body = {"items": rows, "hosts": [told(answer) for answer in answers]}
    write(args, Document("undo", body, lambda: rows, COLUMNS, record="item"))
    if not found:
        hosting.remark_nothing(answers, "nothing is set aside that could be brought back")
    now = SYSTEM.wall()
    for each in found:
        for line in notices(each, now):
            say.remark(line)
    return hosting.settle(answers)


def told(answer: Answer[tuple[UndoSet, ...]]) -> records.Object:
    """Give whether a host's vault was read."""
    row: records.Object = {"host": answer.host.name, "complete": answer.value is not None}
    return row if answer.error is None else {**row, "error": records.error(answer.error)}


def notices(kept: UndoSet, now: float) -> list[str]:
    """Say what one should know before messages are brought back."""
    name = f"{kept.undo_id} on {kept.host}"
    lines = []
    if kept.busy:
        lines.append(f"{name}: its delete, or an undo or purge of it, still goes on")
    elif kept.state == "restored":
        lines.append(f"{name}: nothing is set aside any more: brought back already, or it never left")
    elif kept.until < now:
        lines.append(f"{name}: its grace time ended at {iso(kept.until)}: it goes when a console may change the host")
    past = sum(each.expires_at is not None and each.expires_at < now for each in aside(kept))
    if past:
        lines.append(f"{name}: {past} of {kept.count} are past their lifetime: one attempt, then they bounce")
    return lines


def aside(kept: UndoSet) -> list[KeptMessage]:
    """Give the messages that are set aside."""
    return [each for each in kept.messages if each.state != "queued"]


# --- undo and purge -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prepared:
    """What one host's vault holds of what is wanted."""

    sets: tuple[UndoSet, ...]
    refused: Capability | None = None


@dataclass(slots=True)
class Came:
    """What came of a host's sets, in the order in which they were done."""

    results: list[HostResult] = field(default_factory=list)


class _OfSets:
    """What undo and purge have in common: the sets are looked for on all hosts, and each act is journalled."""

    verb = ""

    def __init__(self, args: Namespace, wanted: Sequence[str]) -> None:
        from mailtui.cli.journal import journal
        from mailtui.journal import operator

        self.stop = acting.Stop()
        self._args = args
        self._wanted = wanted
        self._journal = journal()
        self._order = Order(by=operator(), held=args.held)
        self._now = SYSTEM.wall()

    def _is_wanted(self, kept: UndoSet) -> bool:
        return kept.undo_id in self._wanted

    async def prepare(self, link: Link) -> Prepared:
        """Look for the sets on one host, and whether the login may touch them."""
        from mailtui import actions

        found = tuple(each for each in await link.undo_sets() if self._is_wanted(each))
        if not found:
            return Prepared(())
        return Prepared(found, actions.refused(_spec(self.verb), (await link.capabilities()).value))

    async def decide(self, cases: list[Case[Prepared, Came]]) -> bool:
        """Refuse what is nowhere, say what is odd, and ask; raises UsageError."""
        found = [case for case in cases if case.prepared is not None and case.prepared.sets]
        self._refuse_unknown(cases)
        sets = [each for case in found if case.prepared is not None for each in case.prepared.sets]
        for each in sets:
            for line in notices(each, self._now):
                say.remark(line)
        for case in found:
            if case.prepared is not None and (lacking := case.prepared.refused) is not None:
                say.error(f"{case.host.name}: {self.verb} is refused to this login: {lacking.why}", lacking.cure)
        able = [
            each
            for case in found
            if case.prepared is not None and case.prepared.refused is None and case.host.mode != "read-only"
            for each in self._to_do(case.prepared)
        ]
        if able:
            await acting.agree(self._args, self._card(able), f"{self.verb.title()}?", self._typed(able))
        return any(self._to_do(case.prepared) for case in found if case.prepared is not None)

    def _to_do(self, prepared: Prepared) -> list[UndoSet]:
        return list(prepared.sets)

    def _typed(self, sets: Sequence[UndoSet]) -> str:
        return ""

    def _card(self, sets: Sequence[UndoSet]) -> list[str]:
        return [
            f"{each.undo_id} on {each.host}: {len(aside(each))} messages, deleted at {iso(each.at)} by {each.by}"
            for each in sets
        ]

    def _refuse_unknown(self, cases: list[Case[Prepared, Came]]) -> None:
        """Refuse an undo id that no host knows, and say where it was looked for; raises UsageError."""
        looked = [case.host.name for case in cases if case.prepared is not None]
        there = {each.undo_id for case in cases if case.prepared is not None for each in case.prepared.sets}
        missing = [each for each in self._wanted if each not in there]
        if missing and looked:
            silent = [case.host.name for case in cases if case.prepared is None]
            acting.say_errors(cases)
            also = f"; {', '.join(silent)} could not be asked" if silent else ""
            raise UsageError(
                f"{' '.join(missing)}: no such undo id on {', '.join(looked)}{also}; nothing was done",
                "\n".join((*self._on_record(missing), "`mailtui undo list` lists what there is")),
            )

    def _on_record(self, missing: Sequence[str]) -> list[str]:
        """Say what the journal knows of undo ids that no host has; more may have been done from elsewhere."""
        ends = {"undo": "brought back", "purge": "purged"}
        said: dict[str, str] = {}
        for each in self._journal.records():
            fields = (each.get("undo_id"), each.get("host"))
            if each["kind"] == "outcome" and each.get("action") in ends and fields[0] in missing:
                when = iso(float(int(each["at"])))
                said["{}\n{}".format(*fields)] = f"{fields[0]} was {ends[each['action']]} on {fields[1]} at {when}"
        return list(said.values()) or ["its grace time may have ended, or it was brought back or purged already"]

    async def perform(self, link: Link, prepared: Prepared) -> Came:
        """Act on a host's sets one after the other, each journalled before and after."""
        from mailtui.journal import JournalFault

        came = Came()
        if prepared.refused is not None or not self._to_do(prepared):
            return came
        acting.arm(link)
        for kept in self._to_do(prepared):
            if self.stop.wanted:
                break
            try:
                came.results.append(await self._one(link, kept))
            except JournalFault as fault:
                if not came.results:
                    raise acting.NotJournalled(fault.message, fault.cure) from fault
                say.error(f"{link.host.name}: {fault.message}", fault.cure)
                break
        return came

    async def _one(self, link: Link, kept: UndoSet) -> HostResult:
        """Act on one set; a lost link makes all of it unknown. Raises JournalFault where nothing was done."""
        from mailtui.undoing import journalled

        result = await journalled(self.verb, kept, link, self._journal, self._order, lambda: self._act(link, kept))
        if result.error:  # what stopped this one would stop the next, or could not be written down
            self.stop.wanted = True
        return result

    async def _act(self, link: Link, kept: UndoSet) -> tuple[ItemOutcome, ...]:
        raise NotImplementedError

    def _passed_over(self, prepared: Prepared) -> list[tuple[UndoSet, tuple[ItemOutcome, ...]]]:
        """Give the sets on which nothing needs to be done, with their outcomes."""
        return []

    def report(self, cases: list[Case[Prepared, Came]]) -> int:
        """Write what came of it and give the exit code."""
        acting.say_errors(cases)
        rows: list[records.Object] = []
        outcomes: list[ItemOutcome] = []
        for case in cases:
            for result in self._results(case):
                row = actiontext.host(self.verb, case.host.name, result, result.outcomes)
                if result.error:
                    say.error(f"{case.host.name}: {result.error}", result.cure)
                rows.append(row)
                outcomes += result.outcomes
            if case.error is not None:
                none = actiontext.host(self.verb, case.host.name, None, ())
                rows.append({**none, "error": records.error(case.error)})
        if not rows:
            say.remark(f"nothing to {self.verb}")
        write(self._args, actiontext.document(rows, self._args.color))
        concerned = [case for case in cases if case.prepared is None or case.error is not None or case.prepared.sets]
        code = acting.exit_code(concerned, outcomes)
        return INTERRUPTED if code != UNKNOWN and self._stopped(cases) else code

    def _stopped(self, cases: list[Case[Prepared, Came]]) -> bool:
        """Tell whether sets were left because the user wanted it to end."""
        left = sum(
            len(self._to_do(case.prepared)) - len(case.result.results)
            for case in cases
            if case.prepared is not None and case.prepared.refused is None and case.result is not None
        )
        return self.stop.wanted and left > 0

    def _results(self, case: Case[Prepared, Came]) -> list[HostResult]:
        """Give what came of each set of a host: done, refused, or nothing to do."""
        from mailtui.execute import HostResult

        if case.prepared is None or case.error is not None:
            return []
        over = [
            HostResult(each.host, outcomes, undo_id=each.undo_id, undo_until=each.until)
            for each, outcomes in self._passed_over(case.prepared)
        ]
        if (lacking := case.prepared.refused) is not None:
            return over + [
                HostResult(
                    each.host,
                    _all(each, Outcome.FAILED, Code.DENIED, lacking.why),
                    undo_id=each.undo_id,
                    undo_until=each.until,
                )
                for each in self._to_do(case.prepared)
            ]
        return over + (case.result.results if case.result is not None else [])


class Undo(_OfSets):
    """`mailtui undo`: brings messages back."""

    verb = "undo"

    def _to_do(self, prepared: Prepared) -> list[UndoSet]:
        return [each for each in prepared.sets if each.state != "restored"]

    async def _act(self, link: Link, kept: UndoSet) -> tuple[ItemOutcome, ...]:
        said = {each.key: each for each in (await link.undo(kept, self._order)).outcomes}
        for each in kept.messages:
            if each.state == "queued" and each.key in said and said[each.key].code is Code.GONE:
                said[each.key] = replace(
                    said[each.key], outcome=Outcome.DONE, code=Code.RESTORED, detail="it is in the queue already"
                )
        silent = _all(kept, Outcome.UNKNOWN, Code.TIMEOUT, "the host did not tell what became of it")
        return (*said.values(), *(each for each in silent if each.key not in said))

    def _passed_over(self, prepared: Prepared) -> list[tuple[UndoSet, tuple[ItemOutcome, ...]]]:
        return [
            (
                each,
                tuple(
                    ItemOutcome(one.key, one.id, Outcome.DONE, Code.RESTORED, "it is not set aside any more")
                    for one in each.messages
                ),
            )
            for each in prepared.sets
            if each.state == "restored"
        ]


class Purge(_OfSets):
    """`mailtui undo purge`: destroys what is set aside."""

    verb = "purge"

    def _is_wanted(self, kept: UndoSet) -> bool:
        if self._args.all:
            return True
        return kept.until < self._now if self._args.expired else kept.undo_id in self._wanted

    def _typed(self, sets: Sequence[UndoSet]) -> str:
        hosts = list(dict.fromkeys(each.host for each in sets))
        count = sum(len(aside(each)) for each in sets)
        return f"{hosts[0]} {count}" if len(hosts) == 1 else f"{len(hosts)} hosts {count}"

    def _card(self, sets: Sequence[UndoSet]) -> list[str]:
        return ["Destroy for good; this cannot be undone:", *super()._card(sets)]

    async def _act(self, link: Link, kept: UndoSet) -> tuple[ItemOutcome, ...]:
        if kept.undo_id in await link.purge((kept.undo_id,)):
            return _all(kept, Outcome.DONE, Code.GONE, "destroyed for good")
        return _all(kept, Outcome.FAILED, Code.LOCKED, "the host did not destroy it: another may be at work there")


def _all(kept: UndoSet, outcome: Outcome, code: Code, detail: str) -> tuple[ItemOutcome, ...]:
    """Give all messages of a set the same outcome; a set without any has one without an id."""
    made = tuple(ItemOutcome(each.key, each.id, outcome, code, detail) for each in aside(kept))
    return made or (ItemOutcome("", "", outcome, code, detail),)


def _spec(verb: str) -> ActionSpec:
    """Give undo and purge as rows of the table of actions: both need the right to undo."""
    from mailtui.actions import ActionSpec, Danger

    danger = Danger.REVERSIBLE if verb == "undo" else Danger.IRREVERSIBLE
    return ActionSpec(verb, verb.title(), "", danger, "undo", "")
