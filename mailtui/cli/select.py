"""Which queued messages a command is about: readings of queues, filtered, sorted and limited as rows, decoded late."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mailtui.cli import hosting, say
from mailtui.errors import UsageError

if TYPE_CHECKING:
    from mailtui.cli.options import Parser
    from mailtui.model import Identity, Message, QueueListing, QueueRow
    from mailtui.session import Answer, Link


@dataclass(frozen=True, slots=True)
class Reading:
    """What one host told of its queue, and how its rows become messages."""

    host: str
    identity: Identity
    listing: QueueListing
    decode: Callable[[QueueRow], Message]


@dataclass(frozen=True, slots=True)
class Picked:
    """A row with the reading it stands in."""

    reading: Reading
    row: QueueRow

    @property
    def age(self) -> float | None:
        """Give the message's age at the time of the reading; None where its arrival is not known."""
        arrived = self.row.arrived_at
        return None if arrived is None else max(0.0, self.reading.listing.taken_at - arrived)


SORTS: dict[str, Callable[[Picked], Any]] = {
    "age": lambda each: each.age,
    "attempts": lambda each: each.row.attempts,
    "domain": lambda each: each.row.domains[0] if each.row.domains else None,
    "from": lambda each: each.row.sender,
    "host": lambda each: each.reading.host,
    "id": lambda each: each.row.id,
    "nrcpt": lambda each: each.row.nrcpt,
    "queue": lambda each: each.row.queue,
    "reason": lambda each: each.row.reason,
    "size": lambda each: each.row.size,
    "state": lambda each: each.row.state,
    "to": lambda each: each.row.recipient,
}
"""Fields that `--sort` takes; a leading `-` sorts downward, and what has no value comes last."""

OLDEST_FIRST = "-age"


def add_where(parser: Parser) -> None:
    """Let a command select messages."""
    parser.add_argument("--where", metavar="EXPR", help="only messages that this filter matches")


def check(args: Namespace) -> None:
    """Refuse a bad filter or sort field before any host is asked; raises UsageError."""
    if args.where is not None:
        from mailtui import query

        query.parse(args.where, "queue")
    field = getattr(args, "sort", OLDEST_FIRST).removeprefix("-")
    if field not in SORTS:
        raise UsageError(f"cannot sort by {field!r}", f"one of: {', '.join(SORTS)}; a leading - sorts downward")


async def read(link: Link) -> Reading:
    """Read a host's whole queue."""
    reading = await link.queue()
    return Reading(link.host.name, link.identity, reading.listing, link.decode)


def readings(args: Namespace) -> list[Answer[Reading]]:
    """Read the queues of all hosts that a command names, and say what could not be read."""
    check(args)
    answers = hosting.ask(args, hosting.hosts_of(args, args.hosts), read)
    for answer in answers:
        if answer.value is not None:
            for sentence in answer.value.listing.missing:
                say.error(f"{answer.host.name}: {sentence}")
    return answers


def pick(answers: Sequence[Answer[Reading]], where: str | None) -> list[Picked]:
    """Give the rows of all hosts that a filter matches, all of them without one."""
    found: list[Picked] = []
    for answer in answers:
        if answer.value is not None:
            reading = answer.value
            wanted = matcher(reading, where)
            found += [Picked(reading, row) for row in reading.listing.rows if wanted is None or wanted(row)]
    if where is not None and not found:
        hosting.remark_nothing(answers, "no message matches the filter")
    return found


def matcher(reading: Reading, where: str | None) -> Callable[[QueueRow], bool] | None:
    """Make a filter's test for one host's rows; None where all are wanted."""
    if where is None:
        return None
    from mailtui import query

    return query.parse(where, "queue").rows(host=reading.host, now=reading.listing.taken_at, message=reading.decode)


def arrange(rows: list[Picked], by: str, limit: int | None) -> list[Picked]:
    """Sort rows over all hosts and keep the first."""
    down = by.startswith("-")
    value = SORTS[by.removeprefix("-")]
    known = [each for each in rows if value(each) is not None]
    unknown = [each for each in rows if value(each) is None]
    known.sort(key=value, reverse=down)
    return [*known, *unknown][:limit]
