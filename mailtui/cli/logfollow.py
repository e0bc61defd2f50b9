"""`mailtui logs -f`: every host's log as it grows, going on where it was when a connection is lost."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from mailtui import logsearch
from mailtui.cli import hosting, logs, output, records, say
from mailtui.clock import SYSTEM
from mailtui.errors import HostError, TimedOut, Unreachable, UsageError
from mailtui.mta.contract import LogBlock, LogGap
from mailtui.transport.backoff import Backoff

if TYPE_CHECKING:
    from mailtui.config import Host
    from mailtui.model import LogCursor, LogRecord
    from mailtui.mta.contract import LogParser
    from mailtui.session import Link

Wanted = Callable[["LogRecord"], bool]


def run(args: Namespace, hosts: Sequence[Host], last: int, wanted: Wanted | None) -> int:
    """Follow until interrupted; give the exit code where no host is left."""
    if args.output not in ("table", "jsonl"):
        raise UsageError(f"logs -f has no end, so it cannot be written as {args.output}", "use -o jsonl")
    for option in ("since", "until", "grep"):
        if getattr(args, option) is not None:
            raise UsageError(f"logs -f does not take --{option}", "filter what comes by --where, begin by -n N")
    return asyncio.run(_follow_all(args, hosts, last, wanted))


async def _follow_all(args: Namespace, hosts: Sequence[Host], last: int, wanted: Wanted | None) -> int:
    printer = Printer(args, several=len(hosts) > 1, wanted=wanted)

    async def one(host: Host) -> HostError | None:
        follower = Follower(host, args.timeout, last, printer)
        try:
            await follower.run()
        except HostError as error:
            say.error(f"{host.name}: {error.message}", error.cure)
            return error
        return None

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(host)) for host in hosts]
    return hosting.code_of([task.result() for task in tasks])


class Printer:
    """Writes records as they come."""

    def __init__(self, args: Namespace, *, several: bool, wanted: Wanted | None) -> None:
        self._args = args
        self._several = several
        self._wanted = wanted

    def write(self, found: list[LogRecord]) -> None:
        """Write those that are wanted, at once."""
        args = self._args
        kept = [each for each in found if self._wanted is None or self._wanted(each)]
        kept = [each for each in kept if args.id is None or each.id == args.id]
        if not kept:
            return
        if args.output == "jsonl":
            output.send(output.lines(map(records.log, kept)))
        else:
            output.send(logs.line(each, self._several, args.color) for each in kept)
        output.flush()


class Follower:
    """Follows one host's log over as many connections as it takes."""

    def __init__(self, host: Host, timeout: float, last: int, printer: Printer) -> None:
        self.host = host
        self._timeout = timeout
        self._last = last
        self._printer = printer
        self._cursor: LogCursor | None = None
        self._path: str | None = None
        self._backoff = Backoff()

    async def run(self) -> None:
        """Follow for ever; raises a HostError where the first connection fails, or one that waiting does not cure."""
        while True:
            try:
                await self._session()
            except (Unreachable, TimedOut) as error:
                pause = self._backoff.failed(error)
                if self._path is None or pause is None:
                    raise
                say.remark(f"{self.host.name}: {error.message}; trying again in {pause:.0f} s")
                await asyncio.sleep(pause)

    async def _session(self) -> None:
        """Follow over one connection until it is lost."""
        try:
            async with asyncio.timeout(self._timeout) as limit, hosting.open_link(self.host) as link:
                await self._connected(link, limit)
        except HostError:
            raise
        except TimeoutError:
            raise TimedOut(f"{self.host.name} did not answer within {self._timeout:g} s", "raise --timeout") from None

    async def _connected(self, link: Link, limit: asyncio.Timeout) -> None:
        from mailtui.session import followed

        path = self._path
        if path is None:
            path, *others = await logsearch.paths_of(link)
            if others and self.host.logs:
                say.remark(
                    f"{self.host.name}: following {path} alone, not {', '.join(others)}; without -f all are searched"
                )
        limit.reschedule(None)  # from here on the link's own watch ends it
        self._path = path
        self._backoff.connected()
        parser = link.mta.log_parser(self.host.name, link.identity, SYSTEM.wall())
        async with aclosing(followed(link, path, self._cursor, self._last)) as blocks:
            async for block in blocks:
                self._take(block, parser)

    def _take(self, block: LogBlock | LogGap, parser: LogParser) -> None:
        """Print a block and remember where it ended."""
        if isinstance(block, LogGap):
            say.error(f"{self.host.name}: {block.path}: lines may be missing here: {block.why}")
            return
        self._printer.write(list(records_of(block, parser)))
        if block.cursor is not None:
            self._cursor = block.cursor


def records_of(block: LogBlock, parser: LogParser) -> list[LogRecord]:
    """Read the lines of a block."""
    found = []
    offset = block.offset
    for line in block.lines.split(b"\n")[:-1]:
        found.append(parser.record(line, block.path, offset if block.offset >= 0 else None))
        offset += len(line) + 1
    return found
