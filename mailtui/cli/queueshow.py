"""`mailtui queue show`: one message with its recipients, headers and log lines."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mailtui.cli import hosting, ids, records, say, select
from mailtui.cli.options import Parser, examples
from mailtui.cli.output import Document, write
from mailtui.cli.sizes import size
from mailtui.cli.table import Column, paint
from mailtui.cli.times import brief
from mailtui.errors import FAILED, HostError, UsageError
from mailtui.text import show, show_line

if TYPE_CHECKING:
    from mailtui.model import LogRecord, Message
    from mailtui.session import Answer, Link


LOG_TIME = 60.0
"""Seconds that the log may be searched for a message's lines."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one host told of the message looked for."""

    keys: tuple[str, ...]
    """Of all messages with the id."""
    missing: tuple[str, ...]
    """What of the host's queue could not be read."""
    taken_at: float = 0.0
    message: Message | None = None
    """Where exactly one message has the id."""
    log: tuple[LogRecord, ...] | None = None
    """None where the log could not be read."""


def add(verb: Callable[..., Parser]) -> None:
    """Describe `mailtui queue show`."""
    parser = verb(
        "show",
        help="one message",
        description="Show one message: envelope, recipients, headers, log lines.",
        epilog=examples("mailtui queue show mx1 2AQ9rXkT012345", "mailtui queue show @prod 2AQ9rXkT012345 --json"),
    )
    parser.add_argument("host", metavar="HOST", help="where it is queued: a host, a group or @tag")
    parser.add_argument("id", metavar="ID", help="queue id, or a key as `queue list --json` gives it")
    parser.add_argument("--body", action="store_true", help="not built yet: comes with the journal")
    parser.add_argument("--raw", action="store_true", help="not built yet: comes with the journal")
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Run `mailtui queue show`."""
    if args.body or args.raw:
        raise UsageError(f"queue show {'--body' if args.body else '--raw'}: not built yet: comes with the journal")
    config = hosting.configuration(args)
    hosts = hosting.resolved(config, [args.host])
    wanted = ids.check_key_or_id(args.id, hosts, [host.name for host in config.hosts])
    answers = hosting.ask(args, hosts, lambda link: look(link, wanted))
    found = only(answers, wanted)
    if found is None or found.message is None:
        return absent(answers, wanted)
    hosting.say_errors(answers)
    row = record(found)
    write(args, Document("message", row, lambda: [row], text=lambda: text(row, args.color)))
    return 0


async def look(link: Link, wanted: str) -> Found:
    """Find a message in a host's queue and read it anew, with its log lines."""
    reading = await select.read(link)
    rows = [row for row in reading.listing.rows if wanted in (row.id, row.key)]
    keys = tuple(row.key for row in rows)
    if len(rows) != 1:
        return Found(keys, reading.listing.missing)
    message = (await link.show(rows[0])).value
    return Found(keys, reading.listing.missing, reading.listing.taken_at, message, await log_of(link, message.id))


async def log_of(link: Link, wanted: str) -> tuple[LogRecord, ...] | None:
    """Give a message's log lines; None where the log cannot be read, which is said."""
    from mailtui import logsearch
    from mailtui.mta.contract import LogQuery

    try:
        return tuple((await logsearch.look(link, LogQuery(id=wanted), LOG_TIME)).records)
    except HostError as error:
        say.error(f"{link.host.name}: no log lines: {error.message}", error.cure)
        return None


def only(answers: list[Answer[Found]], wanted: str) -> Found | None:
    """Give the one message found; None where there is none; raises UsageError where several have the id."""
    found = [answer.value for answer in answers if answer.value is not None and answer.value.keys]
    keys = [key for each in found for key in each.keys]
    if len(keys) > 1:
        raise UsageError(f"{wanted} is the id of {len(keys)} messages: name one by its key", "\n".join(keys))
    return found[0] if found else None


def absent(answers: list[Answer[Found]], wanted: str) -> int:
    """Say that no message has the id, and what could not be looked through."""
    code = hosting.settle(answers)
    for answer in answers:
        for sentence in answer.value.missing if answer.value is not None else ():
            say.error(f"{answer.host.name}: {sentence}")
    if all(answer.error is not None for answer in answers):
        return code
    where = ", ".join(answer.host.name for answer in answers if answer.error is None)
    say.error(f"mailtui: no message {wanted} in the queues of {where}")
    return FAILED


def record(found: Found) -> records.Object:
    """Give the whole object of `queue show`."""
    message = found.message
    if message is None:
        raise UsageError("no message")
    return {
        **records.message(message, found.taken_at),
        "headers": [{"name": name, "value": value} for name, value in message.headers],
        "body": None,
        "raw": None,
        "files": [records.file(each) for each in message.files] or None,
        "log": None if found.log is None else [records.log(each) for each in found.log],
    }


# --- for people -----------------------------------------------------------------------------------------------------

RECIPIENTS = (
    Column("RECIPIENT", "address"),
    Column("STATE", "state"),
    Column("DSN", "dsn"),
    Column("REASON", "reason", form=lambda reason: reason or b""),
)


def text(row: records.Object, color: str) -> str:
    """Write a message for a person: envelope, recipients, headers, log lines."""
    parts = [f"{name:<11} {show_line(value)}\n" for name, value in envelope(row) if value]
    parts += ["\n", *paint(row["recipients"], RECIPIENTS, color)]
    if not row["recipients_complete"]:
        parts.append("(there may be more recipients: not all of them could be read)\n")
    if row["headers"]:
        parts.append("\n")
        parts += [f"{show_line(each['name'])}: {folded(each['value'])}\n" for each in row["headers"]]
    if row["log"]:
        parts.append("\n")
        parts += [f"{show_line(each['text'])}\n" for each in row["log"]]
    return "".join(parts)


def folded(value: bytes) -> str:
    """Give a header's body with its continuation lines indented."""
    return show(value.strip()).replace("\n", "\n    ")


def envelope(row: records.Object) -> Iterator[tuple[str, str | bytes]]:
    """Give what the envelope tells, topic by topic; an empty text is left out."""
    yield "id", f"{row['id']} on {row['host']}"
    yield "queue", show_line(row["queue"]) + "  " + show_line(row["directory"])
    yield "state", row["state"] + (f": {row['why_waiting']}" if row["why_waiting"] else "")
    if row["hold"]:
        yield "held", show_line(f"by {row['hold']['by']}: ") + show_line(row["hold"]["reason"])
    yield "from", "(unknown)" if row["sender"] is None else row["sender"] or "<>"
    yield "login", row["auth_user"] or ""
    client: dict[str, Any] = row["client"] or {}
    yield "client", " ".join(show_line(part) for part in (client.get("name"), client.get("ip")) if part)
    yield "message-id", row["message_id"] or ""
    yield "subject", row["subject"] or ""
    yield "size", "" if row["size"] is None else f"{size(row['size'])} ({row['size']:,} bytes)"
    yield "arrived", "" if row["arrived_at"] is None else f"{row['arrived_at']} ({brief(row['age'])} ago)"
    yield (
        "tried",
        "" if row["attempts"] is None else f"{row['attempts']} times, last {row['last_attempt_at'] or 'never'}",
    )
    attempt = row["next_attempt"]
    yield "next try", "" if attempt is None else f"not before {attempt['not_before']} ({attempt['basis']})"
    yield "expires", row["expires_at"] or ""
    yield "reason", row["reason"] or ""
