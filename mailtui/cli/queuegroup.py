"""`mailtui queue group`: what the queued messages have in common, over all hosts together."""

from __future__ import annotations

from argparse import Namespace
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mailtui.cli import filters, hosting, records, select
from mailtui.cli.options import Parser
from mailtui.cli.output import Document, write
from mailtui.cli.sizes import size
from mailtui.cli.table import Column
from mailtui.cli.times import brief, seconds
from mailtui.errors import UsageError

if TYPE_CHECKING:
    from mailtui.cli.select import Picked, Reading
    from mailtui.session import Answer

AGES = (5, 10, 20, 40, 80, 160, 320, 640, 1280)
"""Upper ends of the age classes in minutes, as in qshape."""
AGE_NAMES = (*(f"{minutes}m" for minutes in AGES), "older", "unknown")

BY = ("reason", "domain", "provider", "sender", "auth", "client", "age", "queue", "host")
NOT_YET = ("provider",)

Parts = Iterator[tuple[bytes, int]]
"""Values of one message with how many of its recipients each concerns."""


@dataclass(slots=True)
class Group:
    """Messages with one value in common."""

    value: bytes
    count: int = 0
    recipients: int = 0
    size: int = 0
    oldest_age: float | None = None
    hosts: dict[str, None] = field(default_factory=dict)
    ages: dict[str, int] = field(default_factory=lambda: dict.fromkeys(AGE_NAMES, 0))

    def add(self, each: Picked, recipients: int) -> None:
        """Count a message in."""
        self.count += 1
        self.recipients += recipients
        self.size += each.row.size or 0
        self.hosts[each.reading.host] = None
        age = each.age
        self.ages[age_name(age)] += 1
        if age is not None:
            self.oldest_age = age if self.oldest_age is None else max(self.oldest_age, age)


def age_name(age: float | None) -> str:
    """Give the age class of a message."""
    if age is None:
        return "unknown"
    return AGE_NAMES[bisect_left(AGES, age / 60)]


def _domains(each: Picked) -> Parts:
    row = each.row
    if len(row.domains) < 2:
        yield (row.domains[0] if row.domains else b""), row.nrcpt
        return
    from mailtui.model import domain_of

    counts: dict[bytes, int] = {}
    for recipient in each.reading.decode(row).recipients:
        domain = domain_of(recipient.address)
        counts[domain] = counts.get(domain, 0) + 1
    yield from counts.items()


def _client(each: Picked) -> bytes:
    client = each.reading.decode(each.row).client
    if client is None:
        return b""
    ip = b"" if client.ip is None else b"[%s]" % client.ip.encode()
    return b" ".join(part for part in (client.name or b"", ip) if part)


VALUES: dict[str, Callable[[Picked], bytes]] = {
    "reason": lambda each: each.row.reason or b"",
    "sender": lambda each: b"(unknown)" if each.row.sender is None else each.row.sender,
    "auth": lambda each: each.reading.decode(each.row).auth_user or b"",
    "client": _client,
    "age": lambda each: age_name(each.age).encode(),
    "queue": lambda each: each.row.queue.encode("utf-8", "surrogateescape"),
    "host": lambda each: each.reading.host.encode(),
}
"""What a message is grouped by; `domain` can be several of one message."""


def add(verb: Callable[..., Parser]) -> None:
    """Describe `mailtui queue group`."""
    parser = verb("group", help="what the messages have in common", description="Count messages by what they share.")
    hosting.add_hosts(parser)
    parser.add_argument("--by", choices=BY, required=True, help="what to group by")
    parser.add_argument("--matrix", action="store_true", help="a table of age classes, as qshape prints it")
    select.add_where(parser)
    filters.tell(
        parser,
        filters.QUEUE,
        "mailtui queue group mx1 --by reason",
        "mailtui queue group @prod --by domain --matrix --where 'age>10m'",
    )
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Run `mailtui queue group`."""
    if args.by in NOT_YET:
        raise UsageError(f"queue group --by {args.by}: not yet; it comes with the classes of reasons")
    answers = select.readings(args)
    groups = [record(args.by, group) for group in grouped(args.by, select.pick(answers, args.where))]
    body = {"groups": groups, "hosts": [told(answer) for answer in answers]}
    columns = matrix(args.by) if args.matrix else plain(args.by)
    write(args, Document("groups", body, lambda: groups, columns, record="group"))
    return hosting.settle(answers)


def grouped(by: str, rows: Sequence[Picked]) -> list[Group]:
    """Group rows, the largest group first; age classes stand in their own order."""
    groups: dict[bytes, Group] = {}
    for each in rows:
        parts = _domains(each) if by == "domain" else iter([(VALUES[by](each), each.row.nrcpt)])
        for value, recipients in parts:
            groups.setdefault(value, Group(value)).add(each, recipients)
    if by == "age":
        return [groups[name.encode()] for name in AGE_NAMES if name.encode() in groups]
    return sorted(groups.values(), key=lambda group: (-group.count, group.value))


def record(by: str, group: Group) -> records.Object:
    """Give a group's object."""
    return {
        "by": by,
        "value": group.value,
        "count": group.count,
        "recipients": group.recipients,
        "size": group.size,
        "oldest_age": seconds(group.oldest_age),
        "hosts": list(group.hosts),
        "ages": group.ages,
    }


def told(answer: Answer[Reading]) -> records.Object:
    """Give how completely a host answered."""
    complete = answer.value is not None and answer.value.listing.complete
    found: records.Object = {"host": answer.host.name, "complete": complete}
    return found if answer.error is None else {**found, "error": records.error(answer.error)}


def value_column(by: str) -> Column:
    """Give the column of what is grouped by."""
    empty = b"<>" if by == "sender" else b"(none)"
    return Column(by.upper(), "value", form=lambda value: value or empty)


def plain(by: str) -> tuple[Column, ...]:
    """Give the columns of the usual table."""
    return (
        Column("COUNT", "count", right=True),
        Column("RCPTS", "recipients", right=True),
        Column("SIZE", "size", form=size, right=True),
        Column("OLDEST", "oldest_age", form=brief, right=True),
        Column("HOSTS", "hosts", form=lambda hosts: hosts[0] if len(hosts) == 1 else str(len(hosts))),
        value_column(by),
    )


def matrix(by: str) -> tuple[Column, ...]:
    """Give the columns of the age matrix."""
    ages = (Column(name.upper() if name.isalpha() else name, f"ages.{name}", right=True) for name in AGE_NAMES)
    return (Column("TOTAL", "count", right=True), *ages, value_column(by))
