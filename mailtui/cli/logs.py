"""`mailtui logs`: search or follow the mail logs of one or several hosts, merged by time."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from mailtui import logsearch
from mailtui.cli import filters, hosting, ids, logfollow, records, say
from mailtui.cli.options import Parser
from mailtui.cli.output import Document, Stream, write
from mailtui.cli.queue import natural
from mailtui.cli.table import paint_line
from mailtui.cli.times import moment
from mailtui.clock import SYSTEM
from mailtui.errors import UsageError
from mailtui.parsing.logsearch import merge
from mailtui.text import show_line

if TYPE_CHECKING:
    from mailtui.logsearch import Found
    from mailtui.model import LogRecord
    from mailtui.mta.contract import LogQuery
    from mailtui.session import Answer

NEWEST = 100
"""Lines shown where nothing says how many or which."""
FOLLOWED = 10
"""Lines shown before following begins."""
DAY = 86400.0
"""Seconds that a `--where` looks back where no time is given."""

STYLES = {
    "sent": "ok",
    "deferred": "warn",
    "quarantined": "warn",
    "warning": "warn",
    "refusing": "bad",
    "bounced": "bad",
    "rejected": "bad",
    "expired": "bad",
    "error": "bad",
}


def add(parser: Parser) -> None:
    """Describe `mailtui logs`."""
    hosting.add_hosts(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what comes, over lost connections too")
    parser.add_argument("-n", dest="last", metavar="N", type=natural, help="only the N newest lines that match")
    parser.add_argument("--since", metavar="T", help="13:40, 2026-11-22T13:40Z, or 2h for two hours ago")
    parser.add_argument("--until", metavar="T", help="the same (now)")
    parser.add_argument("--where", metavar="EXPR", help="only lines that this filter matches")
    parser.add_argument("--grep", metavar="ERE", help="a POSIX regular expression over raw bytes, run on the host")
    parser.add_argument("--id", metavar="QUEUE_ID", help="only lines of this message")
    filters.tell(
        parser,
        filters.LOG,
        "mailtui logs mx1 --since 2h --where 'event=deferred to:@example.net'",
        "mailtui logs @prod -f",
    )
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Run `mailtui logs`."""
    now = SYSTEM.wall()
    wanted = matcher(args.where, now)
    hosts = hosting.hosts_of(args, args.hosts)
    if args.id is not None:
        ids.check_id(args.id, hosts)
    if args.follow:
        return logfollow.run(args, hosts, args.last or FOLLOWED, wanted)
    query = query_of(args, now)
    answers = hosting.ask(args, hosts, lambda link: logsearch.look(link, query, args.timeout))
    for answer in answers:
        for sentence in answer.value.missing if answer.value is not None else ():
            say.error(f"{answer.host.name}: {sentence}")
    merged = merge([answer.value.records for answer in answers if answer.value is not None])
    found = [each for each in merged if wanted is None or wanted(each)]
    kept = found if args.last is None else found[-args.last :]
    if not kept:
        hosting.remark_nothing(answers, "no log line matches")
    body = {"records": Stream(lambda: map(records.log, kept)), "hosts": [told(answer) for answer in answers]}
    several = len(hosts) > 1
    document = Document(
        "log",
        body,
        lambda: map(records.log, kept),
        record="log",
        text=lambda: "".join(line(each, several, args.color) for each in kept),
    )
    write(args, document)
    return hosting.settle(answers)


def matcher(where: str | None, now: float) -> Callable[[LogRecord], bool] | None:
    """Make a filter's test; None where all lines are wanted; raises UsageError."""
    if where is None:
        return None
    from mailtui import query

    return query.parse(where, "log").records(now=now)


def query_of(args: Namespace, now: float) -> LogQuery:
    """Give what is searched on the hosts; raises UsageError for what is no time or pattern."""
    from mailtui.mta.contract import LogQuery

    since = None if args.since is None else moment(args.since, now)
    until = None if args.until is None else moment(args.until, now)
    if since is not None and until is not None and until < since:
        raise UsageError("--until lies before --since")
    grep = None if args.grep is None else args.grep.encode("utf-8", "surrogateescape")
    if grep is not None and (b"\n" in grep or b"\0" in grep or not grep):
        raise UsageError("--grep takes one line of text")
    if args.where is not None and since is None:
        since = (until or now) - DAY
        say.remark("searching the last 24 hours; --since widens it")
    if all(each is None for each in (args.where, args.grep, args.id, args.since, args.until, args.last)):
        args.last = NEWEST
    # A filter runs here, so the host must not cut before it.
    return LogQuery(since, until, grep, args.id, None if args.where is not None else args.last)


def told(answer: Answer[Found]) -> records.Object:
    """Give how completely a host was searched."""
    row: records.Object = {"host": answer.host.name, "complete": answer.value is not None and not answer.value.missing}
    return row if answer.error is None else {**row, "error": records.error(answer.error)}


def line(record: LogRecord, several: bool, color: str) -> str:
    """Write one line for a person: as the host wrote it, with the host's name where there are several."""
    text = show_line(record.text)
    return paint_line(f"{show_line(record.host)}: {text}" if several else text, STYLES.get(record.event, ""), color)
