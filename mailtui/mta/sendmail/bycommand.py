"""Lists a queue by Sendmail's own `mailq`, for logins that may not read its directories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from mailtui.errors import Unreachable
from mailtui.model import Identity, QueueRow
from mailtui.mta.contract import Evidence
from mailtui.mta.sendmail.engine import queue_paths
from mailtui.mta.sendmail.mailq import MailqParser
from mailtui.mta.sendmail.rows import Directory, RowMaker
from mailtui.procedure import REGISTRY, Limits, Procedure, Request, Section
from mailtui.text import natural, show_line

MAILQ: Final = REGISTRY.load(__package__, "mailq.sh", "sendmail/mailq")

VIEWS: Final = {"all": "waiting", "Q": "quarantined", "L": "lost"}
"""The listings that together show a whole queue; the plain one leaves quarantined and lost messages out."""

_LIMITS: Final = Limits(seconds=180.0)
_SHOWN: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Listed:
    """What `mailq` told."""

    rows: tuple[QueueRow, ...]
    missing: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    split: bool = False
    """True where a directory keeps its files in subdirectories, so that its own time proves nothing."""


def arguments(queue: str, view: str) -> str:
    """Give the arguments that list a view of a queue, in the order that the sudoers lines have."""
    return " ".join(
        ["-bp -v", *(["-Ac"] if queue == "mqueue-client" else []), *([f"-q{view}"] if view != "all" else [])]
    )


def list_by_command(
    host: str, identity: Identity, queues: Mapping[str, str], now: Callable[[], float]
) -> Procedure[Listed]:
    """List queues in all views, by sudo where it allows the very command, else as the login itself.

    `queues` says of each why it could not be read as files.
    """
    allowed = identity.fact("sudo_list").split(";")
    lines = [identity.fact("sendmail"), identity.fact("sudo")]
    lines += [
        f"{'sudo' if arguments(queue, view) in allowed else 'direct'} {queue} {view}"
        for queue in sorted(queues)
        for view in VIEWS
    ]
    data = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    reply = yield Request(MAILQ, data, _LIMITS)
    if not reply.complete:
        raise Unreachable("the link was lost while mailq ran")
    statuses = {section.args[:2]: section.args[2] for section in reply.named("status") if len(section.args) == 3}
    reader = _Reader(host, identity, now() + (identity.clock_skew or 0.0))
    rows: list[QueueRow] = []
    missing: list[str] = []
    evidence: list[Evidence] = []
    refused: dict[str, dict[str, str]] = {queue: {} for queue in queues}
    for section in reply.named("mailq"):
        means, queue, view = section.args
        status = statuses.get((queue, view), "1")
        command = f"{'sudo -n ' if means == 'sudo' else ''}{identity.fact('sendmail')} {arguments(queue, view)}"
        evidence.append(Evidence(command, section.body[:_SHOWN], int(status)))
        view_rows, parser = reader.read(section)
        rows += view_rows
        said = "; ".join(show_line(line, 200) for line in parser.stray[:3])
        if parser.total is None or not parser.directories:
            refused[queue][VIEWS[view]] = f"`{command}` ended with status {status}{f': {said}' if said else ''}"
            continue
        missing += _shortfall(parser, len(view_rows), command, said)
    for queue, why in sorted(queues.items()):
        missing += _told(host, why, refused[queue])
    return Listed(tuple(rows), tuple(missing), tuple(evidence), reader.split)


def _shortfall(parser: MailqParser, shown: int, command: str, said: str) -> Iterable[str]:
    """Say what a listing itself left out."""
    announced = sum(count for _, count, _ in parser.directories)
    if not all(whole for _, _, whole in parser.directories):
        yield f"`{command}` showed {shown} of {announced} messages: MaxQueueRunSize limits it"
    if said:
        yield f"`{command}` complained: {said}"


def _told(host: str, why: str, refused: Mapping[str, str]) -> Iterable[str]:
    """Say what is not known of a queue, and how to get it."""
    cure = f"`mailtui sudoers {host} --for list,read --helper` prints what would show all"
    if len(refused) == len(VIEWS):
        yield f"{why}, and mailq is refused: {next(iter(refused.values()))}; {cure}"
        return
    yield f"{why}: mailq stands in, without subject, attempts, client and Message-ID and with long texts cut; {cure}"
    for view, how in refused.items():
        yield f"{view} messages could not be listed: {how}"


class _Reader:
    """Reads the listings of one host."""

    def __init__(self, host: str, identity: Identity, now: float) -> None:
        self._host = host
        self._now = now
        self._maker = RowMaker(host)
        self._zone = zone_seconds(identity.fact("zone"))
        self._paths = queue_paths(identity)
        self.split = False

    def read(self, section: Section) -> tuple[list[QueueRow], MailqParser]:
        """Read one view: its rows, and the parser that knows what else was said."""
        _, queue, view = section.args
        parser = MailqParser()
        records = [*parser.feed(section.body), *parser.close()]
        self.split = self.split or parser.split
        directories: dict[bytes, Directory] = {}
        rows = []
        for record in records:
            directory = directories.get(record.directory) or self._directory(queue, record.directory)
            directories[record.directory] = directory
            row = self._maker.listed(directory, record, view if view != "all" else "", self._now, self._zone)
            rows += [row] if row is not None else []
        return rows, parser

    def _directory(self, queue: str, path: bytes) -> Directory:
        """Describe a directory that mailq names, with the group whose path it lies in."""
        text = path.decode("utf-8", "surrogateescape")
        group = None
        for each in self._paths:
            if each.queue == queue and (text.startswith(each.path[:-1]) if each.path[-1] == "*" else text == each.path):
                group = each.group
                break
        return Directory("", path, queue, group, "listed", "", self._now)


def zone_seconds(zone: str) -> float:
    """Read an offset from UTC as `date +%z` writes it; 0 where it is none."""
    if len(zone) != 5 or zone[0] not in "+-" or natural(zone[1:]) is None:
        return 0.0
    return (-1 if zone[0] == "-" else 1) * (int(zone[1:3]) * 3600.0 + int(zone[3:5]) * 60.0)
