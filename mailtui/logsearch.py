"""One host's log lines that a search asks for, as records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailtui.clock import SYSTEM
from mailtui.errors import Refused, Unreachable
from mailtui.parsing.logsearch import choose, found_lines, unread

if TYPE_CHECKING:
    from mailtui.model import LogRecord
    from mailtui.mta.contract import LogQuery
    from mailtui.session import Link


@dataclass(frozen=True, slots=True)
class Found:
    """What a search of one host gave."""

    records: list[LogRecord]
    """In the order of the log: rotated files first."""
    missing: tuple[str, ...]
    """What could not be read, one sentence each."""


async def paths_of(link: Link) -> tuple[str, ...]:
    """Give the logs that the login may read; raises Refused where there are none."""
    paths = (await link.find_logs()).value
    if not paths:
        raise Refused("no mail log that the login may read", f"`mailtui doctor {link.host.name}` tells what would help")
    return paths


async def look(link: Link, query: LogQuery, seconds: float) -> Found:
    """Search a host's logs, rotated and compressed ones too."""
    paths = await paths_of(link)
    reply = await link.search_logs(paths, query, seconds)
    if not reply.complete:
        raise Unreachable("the link was cut while searching the log")
    parser = link.mta.log_parser(link.host.name, link.identity, SYSTEM.wall())
    found = choose(
        found_lines(reply.sections), parser.record, since=query.since, until=query.until, id=query.id, last=query.last
    )
    return Found(found, unread(reply.sections))
