"""What plans say of themselves before they are confirmed, and outcomes afterwards: pure."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from textual.content import Content

from mailtui.actions import ActionSpec, Danger, HostPlan, Plan, summary
from mailtui.model import Code, ItemOutcome, Outcome, QueueRow, RemoteCommand, UndoSet
from mailtui.panes import units
from mailtui.panes.cells import sender_words, short_reason
from mailtui.panes.pane import cell
from mailtui.screens.plan import Card
from mailtui.text import show_line
from mailtui.widgets.fields import Field

COMMANDS: Final = 40
"""Commands that a plan shows; how many more there are is said."""

STDIN: Final = 400
"""Characters of a command's input that are shown."""

_DONE_WORDS: Final[Mapping[str, str]] = {
    Code.MOVED: "deleted",
    Code.BOUNCED: "bounced",
    Code.HELD: "held",
    Code.RELEASED: "released",
    Code.RESTORED: "brought back",
    Code.DELIVERED: "delivered",
    Code.DEFERRED: "deferred again",
    Code.GONE: "gone already",
}
"""What is said of what was done."""

_CODE_WORDS: Final[Mapping[str, str]] = {
    Code.IN_DELIVERY: "in delivery",
    Code.OUTSIDE_FILTER: "with recipients outside the filter",
}


def messages(count: int) -> str:
    """Say how many messages."""
    return f"{count:,} message{'' if count == 1 else 's'}"


# --- plans ----------------------------------------------------------------------------------------------------------


def plan_card(plan: Plan, *, arms: Mapping[str, float], expired: int, now: float, other: str = "") -> Card:
    """Say what a plan would do on its hosts; `arms` are those that confirming opens, each for so many seconds."""
    spec, count = plan.action, plan.count
    able = [each for each in plan.hosts if each.refused is None]
    where = able[0].host if len(able) == 1 else f"{len(able)} hosts"
    verb = f"{spec.title} {count:,}" if spec.of_messages else spec.title
    # what must not be missed stands where no scrolling is needed
    fields = [Field("does", cell(spec.help.replace("`", "")))]
    if spec.of_messages:
        fields.append(Field("messages", Content.assemble(cell(f"{count:,}", "bold"), cell(f" on {where}"))))
    if len(able) > 1:
        fields.append(Field("hosts", cell(_hosts(spec, able))))
    fields.append(Field("undo", _undo_words(spec, plan.order.keep, now)))
    fields += [*_refused(plan), *_arming(arms), *_left_out([one for each in plan.hosts for one in each.skipped])]
    if spec.of_messages:
        fields += [*_warnings(plan, expired), *_about(plan, now)]
    for each in able:
        fields += command_fields(each.commands, f"Commands on {each.host}" if len(able) > 1 else "Commands on the host")
    title = f"{spec.title} {messages(count)} on {where}" if spec.of_messages else f"{spec.title} of {where}"
    return Card(title, verb, tuple(fields), plan.typed, other)


def _hosts(spec: ActionSpec, able: Sequence[HostPlan]) -> str:
    """Name the hosts, the first ones that have most to be done, each with how many messages."""
    if not spec.of_messages:
        return ", ".join(each.host for each in able)
    most = sorted(able, key=lambda each: -len(each.chosen))
    return ", ".join(f"{each.host} {len(each.chosen):,}" for each in most)


def _refused(plan: Plan) -> list[Field]:
    """Say which hosts are left out, and why."""
    out = [(each, each.refused) for each in plan.hosts if each.refused is not None]
    lines = [
        cell(f"{each.host}{f' ({messages(len(each.chosen))})' if each.chosen else ''}: {why.why}", "bold $error")
        for each, why in out
    ]
    return [Field("without", Content("\n").join(lines))] if lines else []


def _about(plan: Plan, now: float) -> list[Field]:
    told = summary(plan)
    senders = _counted([(count, cell(sender_words(sender))) for sender, count in told.senders])
    more = told.sender_count - len(told.senders)
    if more > 0:
        senders.append(cell(f"and {more:,} more", "$muted"))
    oldest = units.age(now - told.oldest) if told.oldest is not None else "-"
    fields = [
        Field("senders", Content("\n").join(senders)),
        Field("to", cell(f"{told.domain_count:,} domain{'' if told.domain_count == 1 else 's'}")),
        Field("size", cell(f"{units.size(told.size)} together, the oldest waits {oldest}")),
        Field("such as", Content("\n").join([_sample(row) for row in told.samples])),
    ]
    if plan.where:
        fields.append(Field("filter", cell(plan.where)))
    return fields


def _warnings(plan: Plan, expired: int) -> list[Field]:
    told, fields = summary(plan), []
    if told.outside_recipients:
        words = f"{told.outside_recipients:,} recipients that the filter does not match go along"
        fields.append(Field("whole", cell(words, "$warning")))
    if expired:
        fields.append(Field("too old", cell(f"{messages(expired)}: tried once more, then bounced", "$warning")))
    if told.strangers:
        words = f"{messages(told.strangers)} from outside: a forged sender's owner gets the bounce"
        fields.append(Field("strangers", cell(words, "bold $error")))
    return fields


def _counted(lines: Sequence[tuple[int, Content]]) -> list[Content]:
    """Put counts, aligned, before what is counted."""
    width = max((len(f"{count:,}") for count, _ in lines), default=0)
    return [Content.assemble(cell(f"{count:>{width},}  ", "bold"), what) for count, what in lines]


def _sample(row: QueueRow) -> Content:
    said = [cell(row.id, "$muted"), cell(sender_words(row.sender)), Content("->"), cell(row.recipient)]
    if row.reason:
        said.append(cell(short_reason(row), "$muted"))
    return Content("  ").join(said)


def _left_out(skipped: Sequence[ItemOutcome]) -> list[Field]:
    """Say what is left alone, and why, the most frequent first."""
    why = Counter(each.detail or each.code.value for each in skipped)
    if not why:
        return []
    lines = _counted([(count, cell(detail, "$warning")) for detail, count in why.most_common(4)])
    return [Field("left alone", Content("\n").join(lines))]


def _undo_words(spec: ActionSpec, keep: float, now: float) -> Content:
    if spec.danger is Danger.IRREVERSIBLE:
        return cell("cannot be undone", "bold $error")
    if spec.danger is Danger.UNDOABLE:
        return cell(f"u or U brings it back until {units.clock(now + keep, now)}")
    again = {"hold": "release (O) gives it back to the queue", "release": "hold (o) keeps it again"}
    return cell(again.get(spec.id, "nothing is lost by it"))


def _arming(arms: Mapping[str, float]) -> list[Field]:
    if not arms:
        return []
    may = "it may be changed" if len(arms) == 1 else "they may be changed"
    words = f"confirming arms {', '.join(arms)} for {round(max(arms.values()) / 60)} minutes: {may}"
    return [Field("arms", cell(words, "bold $error"))]


def command_fields(commands: Sequence[RemoteCommand], title: str = "Commands on the host") -> list[Field]:
    """Show the literal commands."""
    if not commands:
        return []
    fields = [Field(title)]
    for number, each in enumerate(commands[:COMMANDS], 1):
        line = cell(shlex.join(each.argv))
        if each.stdin:
            fed = each.stdin if len(each.stdin) <= STDIN else f"{each.stdin[:STDIN]} ..."
            line = Content.assemble(line, "\n", cell(f"< {' '.join(fed.split())}", "$muted"))
        fields.append(Field(f"{number}", line))
    if len(commands) > COMMANDS:
        fields.append(Field("", cell(f"and {len(commands) - COMMANDS:,} more of the same kind", "$muted")))
    return fields


def undo_card(sets: Sequence[UndoSet], *, arms: Mapping[str, float], now: float) -> Card:
    """Say what undoing a delete would do, on each host that set something aside for it."""
    first, count = sets[0], sum(kept.count for kept in sets)
    where = first.host if len(sets) == 1 else f"{len(sets)} hosts"
    fields = [
        Field("does", cell("Puts the messages back into the queue they came from, as they were.")),
        Field("messages", Content.assemble(cell(f"{count:,}", "bold"), cell(f" on {where}"))),
        *([Field("hosts", cell(", ".join(f"{kept.host} {kept.count:,}" for kept in sets)))] if len(sets) > 1 else []),
        Field("deleted", cell(f"{units.clock(first.at, now)} by {first.by or 'someone'}")),
        Field("reason", cell(first.reason or "-")),
    ]
    for kept in sets:
        if words := state_words(kept):
            said = words if len(sets) == 1 else f"{kept.host}: {words}"
            fields.append(Field(kept.state, cell(said, "bold $error")))
    every = [each for kept in sets for each in kept.messages]
    late = sum(each.expires_at is not None and each.expires_at < now for each in every)
    if late:
        fields.append(Field("too old", cell(f"{messages(late)}: tried once more, then bounced", "$warning")))
    senders = Counter(each.sender or b"" for each in every).most_common(3)
    lines = _counted([(number, cell(sender_words(sender))) for sender, number in senders])
    fields.append(Field("senders", Content("\n").join(lines)))
    fields += _arming(arms)
    return Card(f"Undo: bring back {messages(count)} on {where}", f"Bring back {count:,}", tuple(fields))


def state_words(kept: UndoSet) -> str:
    """Say what is wrong with what a delete set aside, and what undo does about it; empty where all is well."""
    if kept.state == "interrupted":
        half = sum(each.state == "half" for each in kept.messages)
        there = sum(each.state == "queued" for each in kept.messages)
        words = [f"{half:,} half moved: undo mends them"] if half else []
        words += [f"{there:,} never left the queue"] if there else []
        return ", ".join(words)
    if kept.state == "broken":
        lost = sum(each.state == "broken" for each in kept.messages)
        return f"{lost:,} lost a file for good: undo brings back the others"
    return ""


# --- outcomes -------------------------------------------------------------------------------------------------------


def outcome_words(outcomes: Iterable[ItemOutcome]) -> str:
    """Count outcomes in one sentence: `held 47, skipped 3: 2 in delivery, 1 changed`."""
    return count_words((outcome, code, count) for (outcome, code), count in _tally(outcomes).items())


def live_words(outcomes: Sequence[ItemOutcome]) -> str:
    """Say what came of a retry that was watched: of one message with the reason, of several by counts."""
    if len(outcomes) != 1:
        return outcome_words(outcomes)
    (only,) = outcomes
    words = _DONE_WORDS if only.outcome is Outcome.DONE else _CODE_WORDS
    said = "outcome unknown" if only.outcome is Outcome.UNKNOWN else words.get(only.code, only.code.value)
    return f"{said}: {only.detail}" if only.detail else said


def _tally(outcomes: Iterable[ItemOutcome]) -> Counter[tuple[Outcome, str]]:
    return Counter((each.outcome, each.code) for each in outcomes)


def count_words(counted: Iterable[tuple[Outcome, str, int]]) -> str:
    """Put outcomes and codes that were counted into one sentence."""
    by: dict[Outcome, Counter[str]] = {each: Counter() for each in Outcome}
    for outcome, code, count in counted:
        by[outcome][code] += count
    parts = [f"{_DONE_WORDS.get(code, code)} {count:,}" for code, count in _ordered(by[Outcome.DONE])]
    for outcome in (Outcome.SKIPPED, Outcome.FAILED, Outcome.UNKNOWN):
        codes = _ordered(by[outcome])
        if codes:
            words = {**_CODE_WORDS, Code.TIMEOUT: "not begun" if outcome is Outcome.SKIPPED else "not done"}
            why = ", ".join(f"{count:,} {words.get(code, code)}" for code, count in codes)
            total = sum(count for _, count in codes)
            parts.append(f"{outcome.value} {total:,}" + (f": {why}" if outcome is not Outcome.UNKNOWN else ""))
    return ", ".join(parts)


def _ordered(codes: Counter[str]) -> list[tuple[str, int]]:
    """Give the most frequent first, and equals always in the same order."""
    return sorted(codes.items(), key=lambda item: (-item[1], item[0]))


OUTCOME_STYLES: Final = {
    Outcome.DONE: "$success",
    Outcome.SKIPPED: "$warning",
    Outcome.FAILED: "$error",
    Outcome.UNKNOWN: "bold $error",
}


def outcome_lines(outcomes: Iterable[ItemOutcome]) -> list[Content]:
    """List outcomes, those first that were not as wanted."""
    worst = (Outcome.UNKNOWN, Outcome.FAILED, Outcome.SKIPPED, Outcome.DONE)
    ordered = sorted(outcomes, key=lambda each: worst.index(each.outcome))
    return [
        Content.assemble(
            cell(f"  {each.outcome.value:<8}", OUTCOME_STYLES[each.outcome]),
            cell(f"{each.id:<15} "),
            cell(f"{each.code.value:<15} ", "$muted"),
            cell(each.detail),
        )
        for each in ordered
    ]


def kept_lines(kept: UndoSet, now: float) -> list[Content]:
    """List the messages of an undo set."""
    head = f"{kept.undo_id}: {messages(len(kept.messages))}, deleted {units.clock(kept.at, now)} by {kept.by}"
    lines = [cell(show_line(head), "bold $primary")]
    if words := state_words(kept):
        lines.append(cell(words, "bold $error"))
    for each in kept.messages:
        bad = each.state in ("half", "broken")
        ends = units.clock(each.expires_at, now)
        lines.append(
            Content.assemble(
                cell(f"  {each.state:<8}", "bold $error" if bad else ""),
                cell(f"{each.id:<15} "),
                cell(sender_words(each.sender)),
                cell(f"  its lifetime ends {ends}" if each.expires_at is not None else "", "$muted"),
            )
        )
    return lines
