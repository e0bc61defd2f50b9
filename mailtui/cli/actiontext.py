"""How actions look: the plan card, the table of what came of it, and the objects of JSON."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from mailtui.cli import records
from mailtui.cli.output import Document, Stream
from mailtui.cli.sizes import size
from mailtui.cli.table import Column, paint
from mailtui.cli.times import brief, iso
from mailtui.model import ItemOutcome, Outcome, RemoteCommand
from mailtui.text import show_line

if TYPE_CHECKING:
    from mailtui.actions import Summary
    from mailtui.cli.selection import Others
    from mailtui.execute import HostResult

SHOWN: Final = 3
"""Commands and addresses that stand for all of them."""

WIDE: Final = 240
"""Characters of a command on a plan card; --dry-run prints all of them."""


# --- the plan card --------------------------------------------------------------------------------------------------


def about_messages(told: Summary, expired: int, now: float) -> Iterator[str]:
    """Give the lines of a plan card that are about messages."""
    senders = [f"{show_line(sender) or '<>'} ({count})" for sender, count in told.senders]
    more = told.sender_count - len(senders)
    yield f"  messages   {told.messages}, {size(told.size)}, to {told.domain_count} domains"
    yield f"  senders    {', '.join(senders)}{f' and {more} more' if more > 0 else ''}"
    if told.oldest is not None:
        yield f"  oldest     {brief(max(0.0, now - told.oldest))}"
    for row in told.samples:
        sender = "(unknown)" if row.sender is None else show_line(row.sender) or "<>"
        yield f"  sample     {row.id} {sender} -> {show_line(row.recipient)}"
    if told.outside_messages:
        yield f"  left out   {told.outside_messages} messages that have other recipients too (--whole-messages)"
    if told.outside_recipients:
        yield f"  beyond     {told.outside_recipients} recipients that the filter does not match are taken along"
    if expired:
        yield f"  expired    {expired} are past their lifetime: one attempt, then they bounce"
    if told.strangers:
        yield f"  strangers  {told.strangers} have senders who are nobody here: a bounce would go to a stranger"


def some_commands(found: Sequence[RemoteCommand]) -> Iterator[str]:
    """Give the lines of a plan card that show the first commands, literally."""
    for each in found[:SHOWN]:
        yield f"  command    {show_line(shlex.join(each.argv), WIDE)}"
    if len(found) > SHOWN:
        yield f"  and {len(found) - SHOWN} commands more: --dry-run prints all of them"


# --- what came of it ------------------------------------------------------------------------------------------------


def host(
    action: str,
    name: str,
    result: HostResult | None,
    outcomes: Sequence[ItemOutcome],
    *,
    reason: str = "",
    dry_run: bool = False,
    commands: Sequence[RemoteCommand] = (),
    others: Others | None = None,
) -> records.Object:
    """Give a host's object of an action, but for its error."""
    from mailtui import actions

    # A flush that failed has an outcome of no message: it counts for the exit code alone.
    told = [each for each in outcomes if each.id and not dry_run]
    return {
        "action": action,
        "host": name,
        "reason": reason or None,
        "journal_id": (result.journal_id or None) if result is not None else None,
        "undo_id": (result.undo_id or None) if result is not None else None,
        "undo_until": iso(result.undo_until) if result is not None else None,
        "dry_run": dry_run,
        "requested": result is not None and result.requested,
        "commands": [records.command(each) for each in commands],
        "outside": outside(others),
        "outcomes": Stream(lambda: map(records.outcome, told)),
        "counts": dict(actions.counts(told)),
    }


def outside(others: Others | None) -> records.Object:
    """Give what is known of recipients that the filter does not match."""
    found = [] if others is None else list(others.addresses.values())
    addresses = list(dict.fromkeys(address for each in found for address in each))
    return {"messages": len(found), "recipients": sum(map(len, found)), "samples": addresses[:SHOWN]}


def document(rows: Sequence[records.Object], color: str, plain: str = "") -> Document:
    """Make the answer of an action; `plain` heads the commands of a dry run."""
    return Document(
        "action", {"hosts": list(rows)}, lambda: rows, COLUMNS, record="host", text=lambda: text(rows, plain, color)
    )


def text(rows: Sequence[records.Object], plain: str, color: str) -> str:
    """Write an action for a person: a line a host, then every outcome that is not done; of a dry run the commands."""
    parts = list(paint(rows, COLUMNS, color))
    if plain:
        parts = [f"{plain}\n"]
        for row in rows:
            for each in row["commands"]:
                parts.append(f"{show_line(row['host'])}: {show_line(shlex.join(each['argv']))}\n")
                parts += [f"    {show_line(line)}\n" for line in each["stdin"].splitlines()]
    odd = [
        {"host": row["host"], **each} for row in rows for each in row["outcomes"] if each["outcome"] is not Outcome.DONE
    ]
    if odd:
        parts += ["\n", *paint(odd, ODD, color)]
    return "".join(parts)


STYLES = {"failed": "bad", "unknown": "bad", "skipped": "warn"}

COLUMNS = (
    Column("HOST", "host"),
    Column("ACTION", "action"),
    *(Column(each.upper(), f"counts.{each}", right=True) for each in Outcome),
    Column("REQUESTED", "requested", form=lambda requested: "yes" if requested else "-"),
    Column("UNDO", "undo_id"),
)

ODD = (
    Column("HOST", "host"),
    Column("ID", "id"),
    Column("OUTCOME", "outcome", style=lambda outcome: STYLES.get(outcome, "")),
    Column("CODE", "code"),
    Column("DETAIL", "detail"),
)
