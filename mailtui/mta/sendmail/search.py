"""Searches Sendmail's logs on the host: current, rotated and compressed files, the oldest first.

The host runs the pattern and leaves out files that were last written before the time asked for; the exact cut by time
is made on our side, where stamps are understood.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from mailtui.errors import UsageError
from mailtui.model import Identity, LogRecord
from mailtui.mta.contract import LogParser, LogQuery
from mailtui.mta.sendmail.follow import data_lines, log_path, with_log_files
from mailtui.parsing.logsearch import FoundLine, choose, found_lines, merge, unread
from mailtui.procedure import Limits, Reply, Request

__all__ = ["SEARCH", "found_records", "merge", "parse_search", "search_request", "unread"]

SEARCH: Final = with_log_files("search.sh", "sendmail/search")

SLACK: Final = 3600.0
"""Seconds by which a host's clock and a file's time may be off before a file is left out wrongly."""

LIMITS: Final = Limits(seconds=120.0)
"""How long a search may take and how much it may print."""


def search_request(identity: Identity, paths: Sequence[str], query: LogQuery) -> Request:
    """Give the request that searches these logs; raises UsageError for what no host can be asked."""
    if query.grep is not None and not query.grep:
        raise UsageError("an empty pattern matches every line", "leave --grep out")
    if query.id is not None and not (query.id.isascii() and query.id.isalnum()):
        raise UsageError(f"{query.id!r} is no queue id")
    since = "" if query.since is None else str(max(0, int(query.since - SLACK)))
    # What is cut on our side by `until` must not be counted among the last lines on the host.
    last = str(max(1, query.last)) if query.last is not None and query.until is None else ""
    head = data_lines(since, last, query.id or "", query.grep or b"", identity.fact("sudo"))
    return Request(SEARCH, head + data_lines(*(log_path(path) for path in paths)), LIMITS)


def parse_search(reply: Reply) -> Iterator[FoundLine]:
    """Give path, offset and line of all that a search found."""
    return found_lines(reply.sections)


def found_records(reply: Reply, query: LogQuery, parser: LogParser) -> list[LogRecord]:
    """Give the records that a query asks for, in the order of the log."""
    return choose(
        parse_search(reply), parser.record, since=query.since, until=query.until, id=query.id, last=query.last
    )
