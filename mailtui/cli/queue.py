"""`mailtui queue`: list and count; `group`, `show` and what changes the queue stand in modules of their own."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mailtui.cli import filters, hosting, records, select
from mailtui.cli.options import Parser
from mailtui.cli.output import Document, Stream, write
from mailtui.cli.sample import WAITING
from mailtui.cli.sizes import size
from mailtui.cli.table import Column
from mailtui.cli.times import brief, iso, seconds
from mailtui.model import QueueState

if TYPE_CHECKING:
    from mailtui.cli.select import Picked, Reading
    from mailtui.session import Answer

STATE_STYLES = {"active": "ok", "held": "warn", "lost": "bad"}


def add(parser: Parser) -> None:
    """Describe `mailtui queue`."""
    from mailtui.cli import queueact, queuegroup, queueshow

    verb = parser.verbs()
    listing = verb("list", help="the messages themselves", description="List queued messages, the oldest first.")
    hosting.add_hosts(listing)
    select.add_where(listing)
    listing.add_argument(
        "--sort",
        metavar="FIELD",
        default=select.OLDEST_FIRST,
        help=f"{', '.join(select.SORTS)}; -FIELD downward ({select.OLDEST_FIRST}: the oldest first)",
    )
    listing.add_argument("--limit", metavar="N", type=natural, help="at most so many of them")
    filters.tell(
        listing,
        filters.QUEUE,
        "mailtui queue list mx1 --where 'domain=example.net age>1h'",
        "mailtui queue list @prod --sort -size --limit 20 --json",
    )
    listing.set_defaults(run=run_list)
    counting = verb("count", help="how many stand where", description="Count queued messages by state.")
    hosting.add_hosts(counting)
    select.add_where(counting)
    filters.tell(
        counting,
        filters.QUEUE,
        "mailtui queue count mx1 mx2",
        "mailtui queue count @prod --where 'state=deferred reason:timeout'",
    )
    counting.set_defaults(run=run_count)
    queuegroup.add(verb)
    queueshow.add(verb)
    queueact.add(verb)


def natural(text: str) -> int:
    """Read a number of things, at least one."""
    if not text.isascii() or not text.isdigit() or not 0 < len(text) < 10 or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of one or more")
    return int(text)


# --- list -----------------------------------------------------------------------------------------------------------


def run_list(args: Namespace) -> int:
    """Run `mailtui queue list`."""
    answers = select.readings(args)
    matched = select.pick(answers, args.where)
    totals = Counter(each.reading.host for each in matched)
    rows = select.arrange(matched, args.sort, args.limit)
    of_host: dict[str, list[Picked]] = {answer.host.name: [] for answer in answers}
    for each in rows:
        of_host[each.reading.host].append(each)
    hosts = [listed(answer, totals[answer.host.name], of_host[answer.host.name]) for answer in answers]
    columns = COLUMNS if len(answers) > 1 else COLUMNS[1:]
    write(args, Document("queue", {"hosts": hosts}, lambda: messages(rows), columns, record="message"))
    return hosting.settle(answers)


def messages(rows: Sequence[Picked]) -> Iterator[records.Object]:
    """Decode rows one by one."""
    for each in rows:
        yield records.message(each.reading.decode(each.row), each.reading.listing.taken_at)


def listed(answer: Answer[Reading], total: int, rows: list[Picked]) -> records.Object:
    """Give a host's object of `queue list`."""
    if answer.error is not None or answer.value is None:
        nothing = dict.fromkeys(("mta", "mta_version", "taken_at"))
        return {"host": answer.host.name, **nothing, **unread(answer), "total": None, "messages": [], **failed(answer)}
    reading = answer.value
    return {
        "host": reading.host,
        "mta": reading.identity.mta,
        "mta_version": reading.identity.version,
        "taken_at": iso(reading.listing.taken_at),
        "complete": reading.listing.complete,
        "missing": list(reading.listing.missing),
        "total": total,
        "messages": Stream(lambda: messages(rows)),
    }


def unread(answer: Answer[Reading]) -> records.Object:
    """Give what is told of the completeness of a queue that could not be read at all."""
    return {"complete": False, "missing": [answer.error.message] if answer.error is not None else []}


def failed(answer: Answer[Any]) -> records.Object:
    """Give the error member of a host that did not answer."""
    return {} if answer.error is None else {"error": records.error(answer.error)}


def addresses(found: list[records.Object]) -> bytes:
    """Write recipients briefly: the first, and how many more."""
    first: bytes = found[0]["address"] if found else b"-"
    return first if len(found) < 2 else first + b" +%d" % (len(found) - 1)


COLUMNS = (
    Column("HOST", "host"),
    Column("STATE", "state", style=lambda state: STATE_STYLES.get(state, "")),
    Column("ID", "id"),
    Column("AGE", "age", form=brief, right=True),
    Column("SIZE", "size", form=size, right=True),
    Column("TRIES", "attempts", right=True),
    Column("FROM", "sender", form=lambda sender: b"(unknown)" if sender is None else sender or b"<>"),
    Column("TO", "recipients", form=addresses),
    Column("REASON", "reason", form=lambda reason: reason or b""),
)


# --- count ----------------------------------------------------------------------------------------------------------


def run_count(args: Namespace) -> int:
    """Run `mailtui queue count`."""
    answers = select.readings(args)
    of_host: dict[str, list[Picked]] = {answer.host.name: [] for answer in answers}
    for each in select.pick(answers, args.where):
        of_host[each.reading.host].append(each)
    rows = [counted(answer, of_host[answer.host.name]) for answer in answers]
    write(args, Document("count", {"hosts": rows}, lambda: rows, COUNT_COLUMNS, record="count"))
    return hosting.settle(answers)


def counted(answer: Answer[Reading], rows: list[Picked]) -> records.Object:
    """Give a host's object of `queue count`."""
    if answer.error is not None or answer.value is None:
        nothing = dict.fromkeys(("total", "states", "oldest_age"))
        return {"host": answer.host.name, **nothing, "complete": False, **failed(answer)}
    states = Counter(each.row.state for each in rows)
    ages = [age for each in rows if each.row.state in WAITING and (age := each.age) is not None]
    return {
        "host": answer.host.name,
        "total": len(rows),
        "states": {state.value: states[state] for state in QueueState},
        "oldest_age": seconds(max(ages, default=None)),
        "complete": answer.value.listing.complete,
    }


COUNT_COLUMNS = (
    Column("HOST", "host"),
    Column("TOTAL", "total", right=True),
    *(Column(state.upper(), f"states.{state}", right=True) for state in QueueState),
    Column("OLDEST", "oldest_age", form=brief, right=True),
    Column(
        "COMPLETE", "complete", form=lambda whole: "yes" if whole else "no", style=lambda whole: "" if whole else "warn"
    ),
)
