"""All hosts under one TaskGroup: connects, reads, reconnects, and tells the store alone.

The fleet runs only `Job`s. Each catches at its root, records its failure in the store and can be cancelled by name, so
that one host's trouble ends neither another host nor the console.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from mailtui.clock import SYSTEM, Clock
from mailtui.collector import COLLECTOR
from mailtui.errors import HostError, Refused, Unreachable
from mailtui.journal import Journal, JournalFault, operator
from mailtui.model import Identity, LinkState, LogCursor, Message, QueueRow
from mailtui.mta import registry
from mailtui.mta.contract import Evidence, KnownQueue, LogGap
from mailtui.session import Link, followed, gate_of
from mailtui.store import (
    BIG,
    Change,
    EvidenceRead,
    Heard,
    HostFound,
    LinkChanged,
    LogGapped,
    LogRead,
    QueueRead,
    SourceFailed,
    StatsRead,
    Store,
)
from mailtui.store.log import LineReader
from mailtui.transport.backoff import Backoff
from mailtui.transport.gate import Gate
from mailtui.undoing import expire

if TYPE_CHECKING:
    from mailtui.config import Host

_LOG = logging.getLogger(__name__)

CONNECTS_AT_ONCE: Final = 4
"""Connections being made at the same time: sshd's MaxStartups and penalties punish storms."""

BACKFILL: Final = 2000
"""Lines of log fetched when a host is first followed."""

ANEW: Final = 60.0
"""Seconds after which a queue of which something is missing is read whole again, though nothing seems to have changed:
what was in the way may be gone."""

FOLLOWED: Final = 3
"""Logs of one host followed at the same time, where the configuration names several: each takes a channel."""

EXPIRE: Final = 3600.0
"""Seconds between two looks for deletes whose grace time is over."""

LOOK: Final = 10.0
"""Seconds between two looks whether changes may pass."""

LONGEST: Final = 60.0
"""Seconds until a source that trying again does not help is tried again all the same."""


class MtaFormats:
    """What the store asks of adapters: the reading of their records."""

    def __init__(self, hosts: Iterable[Host], clock: Clock = SYSTEM) -> None:
        self._wanted = {host.name: host.mta for host in hosts}
        self._clock = clock

    def _adapter(self, host: str, identity: Identity | None) -> str:
        wanted = identity.mta if identity is not None else self._wanted.get(host, "auto")
        return wanted if wanted != "auto" else registry.names()[0]

    def message(self, host: str, identity: Identity | None, row: QueueRow) -> Message:
        """Make the whole message of a row."""
        return registry.adapter(self._adapter(host, identity)).decode(host, identity, row)

    def log_reader(self, host: str, identity: Identity | None) -> LineReader:
        """Make the reader of a host's log lines."""
        name = self._adapter(host, identity)
        return registry.adapter(name).log_parser(host, identity, self._clock.wall())


class Attendant:
    """Looks after one host: the loop of connecting, reading from every source, and trying again."""

    def __init__(
        self,
        host: Host,
        store: Store,
        connects: asyncio.Semaphore,
        clock: Clock = SYSTEM,
        journal: Journal | None = None,
    ) -> None:
        self.host = host
        self._journal = journal
        self.store = store
        self.clock = clock
        self.paused = False
        self._connects = connects
        self._wake = asyncio.Event()
        self._refresh = asyncio.Event()
        self._backoff = Backoff(clock)
        self._known: KnownQueue | None = None
        self._whole_at = 0.0
        """Monotonic time of the last reading that built on no other."""
        self._cursors: dict[str, LogCursor] = {}
        self._link: Link | None = None
        self.gate = gate_of(host, clock)
        """Outlives links: a host that was armed stays so over a reconnection."""

    @property
    def link(self) -> Link | None:
        """Give the open link; None while there is none."""
        return self._link

    def retry(self) -> None:
        """Connect now, whatever the back-off says, or read the queue now, though paused, where the link is up."""
        self._wake.set()
        self._refresh.set()

    async def attend(self) -> None:
        """Keep the host connected and read until cancelled."""
        attempt = 0
        before: HostError | None = None
        while True:
            attempt += 1
            self._say(LinkState.CONNECTING, before, attempt=attempt)
            try:
                await self._session()
            except* HostError as group:
                error = _first(group)
            finally:
                up, self._link = self._link is not None, None
            if up:
                attempt = 0
            before = error
            await self._pause(error, attempt)

    async def _pause(self, error: HostError, attempt: int) -> None:
        # what was asked before this failure was for the attempt that failed: it must not undo the back-off
        self._wake.clear()
        state = LinkState(error.kind)
        delay = self._backoff.failed(error)
        if delay is None:
            self._say(state, error, attempt=attempt)
            await self._wake.wait()
            return
        shown = LinkState.RETRYING if state is LinkState.UNREACHABLE else state
        self._say(shown, error, attempt=attempt, retry_at=self.clock.wall() + delay)
        try:
            async with asyncio.timeout(delay):
                await self._wake.wait()
        except TimeoutError:
            return

    def _say(
        self, state: LinkState, error: HostError | None = None, *, attempt: int, retry_at: float | None = None
    ) -> None:
        detail, cure = (error.message, error.cure) if error is not None else ("", "")
        self.store.apply(LinkChanged(self.host.name, self.clock.wall(), state, detail, cure, attempt, retry_at))

    async def _session(self) -> None:
        """Connect and read from every source until the link goes."""
        await self._connects.acquire()
        holding = True
        try:
            async with Link.open(self.host, self.clock, self.gate) as link:
                self._connects.release()
                holding = False
                self._link = link
                self._backoff.connected()
                self._say(LinkState.OK, attempt=0)
                self._evidence("host", link.evidence)
                self.store.apply(HostFound(self.host.name, self.clock.wall(), link.identity, ()))
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._source("rights", self._rights, link), name=f"{self.host.name}: rights")
                    group.create_task(self._source("queue", self._queue, link), name=f"{self.host.name}: queue")
                    group.create_task(self._source("stats", self._stats, link), name=f"{self.host.name}: stats")
                    group.create_task(self._source("log", self._log, link), name=f"{self.host.name}: log")
                    group.create_task(self._source("vault", self._expire, link), name=f"{self.host.name}: vault")
                    group.create_task(self._listen(link), name=f"{self.host.name}: pulse")
        finally:
            if holding:
                self._connects.release()

    async def _source(self, name: str, read: Callable[[Link], Awaitable[None]], link: Link) -> None:
        """Run one source for the life of the link; its own failure is recorded and it is tried again, more slowly."""
        backoff = Backoff(self.clock)
        while True:
            try:
                await read(link)
            except Unreachable:
                raise
            except HostError as failure:
                error = failure
                self._failed(name, error)
            else:
                return
            await asyncio.sleep(max(backoff.failed(error) or LONGEST, self.host.refresh))

    def _failed(self, source: str, error: HostError) -> None:
        self.store.apply(SourceFailed(self.host.name, self.clock.wall(), source, error.message, error.cure))

    def _evidence(self, topic: str, evidence: Sequence[Evidence]) -> None:
        at = self.clock.wall()
        for item in evidence:
            self.store.apply(EvidenceRead(self.host.name, at, topic, item.command, item.output, item.status))

    async def show(self, row: QueueRow) -> Message:
        """Read one message with its headers anew; raises a HostError."""
        if self._link is None:
            raise Unreachable("there is no link to the host now")
        read = await self._link.show(row)
        self._evidence("message", read.evidence)
        return read.value

    # --- sources ----------------------------------------------------------------------------------------------------

    async def _listen(self, link: Link) -> None:
        """Tell once a second when the host was last heard, so that a silent link is shown as stale."""
        health = link.transport.link
        while True:
            at = self.clock.wall() - health.silent
            self.store.apply(Heard(self.host.name, at, health.latency))
            await asyncio.sleep(1.0)

    async def _expire(self, link: Link) -> None:
        """Free what no undo is promised for any more, while changes may pass; nothing else is purged by itself."""
        last = -EXPIRE
        while self._journal is not None:
            may = any(each.name == "undo" and each.allowed for each in self.store.host(self.host.name).capabilities)
            if may and not self.gate.read_only and self.clock.monotonic() - last >= EXPIRE:
                last = self.clock.monotonic()
                try:
                    gone = await expire(link, self._journal, operator())
                except JournalFault as fault:
                    raise Refused(fault.message, fault.cure) from fault
                _LOG.info("%s: %d deletes are past their grace time and gone", self.host.name, len(gone))
            await asyncio.sleep(LOOK)

    async def _rights(self, link: Link) -> None:
        read = await link.capabilities()
        self.store.apply(HostFound(self.host.name, self.clock.wall(), link.identity, read.value))
        self._evidence("rights", read.evidence)

    async def _queue(self, link: Link) -> None:
        while True:
            if not self.paused or self._refresh.is_set():
                self._refresh.clear()  # what is asked from here on wants a reading that begins later
                with COLLECTOR.bulk():
                    await self._read_queue(link)
            try:
                async with asyncio.timeout(self.host.refresh):
                    await self._refresh.wait()
            except TimeoutError:
                continue

    async def _read_queue(self, link: Link) -> None:
        began = self.clock.monotonic()
        reading = await link.queue(self._known)
        listing = reading.listing
        if not listing.partial:
            self._whole_at = began
        change = QueueRead(self.host.name, self.clock.wall(), listing)
        held = len(self.store.host(self.host.name).table)
        if held + len(listing.rows) >= BIG // 4:
            table = await asyncio.to_thread(self.store.prepare, change)
        else:
            table = self.store.prepare(change)
        self.store.apply(change, table)
        identities: Mapping[str, str] = _Identities(table.by_key)
        old = not listing.complete and began - self._whole_at >= ANEW
        self._known = None if old else KnownQueue(identities, reading.notes)
        self._evidence("queue", reading.evidence)
        _LOG.debug("%s: queue of %d read in %.3f s", self.host.name, len(table), self.clock.monotonic() - began)

    async def _stats(self, link: Link) -> None:
        async with aclosing(link.samples(self.host.refresh)) as samples:
            async for read in samples:
                self.store.apply(StatsRead(self.host.name, self.clock.wall(), read.value))
                self._evidence("stats", read.evidence)

    async def _log(self, link: Link) -> None:
        found = await link.find_logs()
        self._evidence("log", found.evidence)
        if not found.value:
            cure = f"add the login to the log's group, or see: mailtui sudoers {self.host.name} --for logs"
            raise Refused("no mail log that the login may read was found", cure)
        paths = found.value[:FOLLOWED] if self.host.logs else found.value[:1]
        failed: HostError | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for path in paths:
                    group.create_task(self._follow(link, path), name=f"{self.host.name}: {path}")
        except* HostError as errors:
            failed = _first(errors)
        if failed is not None:
            raise failed

    async def _follow(self, link: Link, path: str) -> None:
        cursor = self._cursors.get(path)
        async with aclosing(followed(link, path, cursor, BACKFILL)) as blocks:
            async for block in blocks:
                if isinstance(block, LogGap):
                    self.store.apply(LogGapped(self.host.name, self.clock.wall(), path, block.why))
                    continue
                at = self.clock.wall()
                self.store.apply(LogRead(self.host.name, at, block.path, block.offset, block.lines, block.live))
                if block.cursor is not None:
                    self._cursors[path] = block.cursor


class _Identities(Mapping[str, str]):
    """The identity of each row of a table, without a copy of them."""

    def __init__(self, rows: Mapping[str, QueueRow]) -> None:
        self._rows = rows

    def __getitem__(self, key: str) -> str:
        return self._rows[key].identity

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def _first(group: BaseExceptionGroup[HostError]) -> HostError:
    """Give the first host error of a group, whichever depth it stands at."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, HostError) else Unreachable(str(error))


class Fleet:
    """Every host of the console, for the length of an `async with`."""

    def __init__(
        self,
        hosts: Sequence[Host],
        store: Store | None = None,
        clock: Clock = SYSTEM,
        journal: Journal | None = None,
    ) -> None:
        self.hosts = tuple(hosts)
        self.journal = journal
        """Where actions are written down; without it nothing is changed on any host."""
        self.clock = clock
        self.store = store if store is not None else Store(MtaFormats(hosts, clock), [host.name for host in hosts])
        self._connects = asyncio.Semaphore(CONNECTS_AT_ONCE)
        self._attendants = {host.name: Attendant(host, self.store, self._connects, clock, journal) for host in hosts}
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._runs: set[asyncio.Task[None]] = set()
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        for name, attendant in self._attendants.items():
            self._start(name, attendant.attend)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for job in (*self._jobs.values(), *self._runs):
            job.cancel()
        await self._group.__aexit__(kind, error, trace)

    def _start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self._jobs[name] = self._group.create_task(self._job(name, work), name=name)

    async def _job(
        self, name: str, work: Callable[[], Awaitable[None]], failed: Callable[[str, str], Change] | None = None
    ) -> None:
        """Run a job's work; the root where a bug of ours becomes a failure in the store."""
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - one of the two named places: a job's root (design rule 4)
            _LOG.exception("job %s failed", name)
            why = f"mailtui failed here: {error!r}"
            cure = "this is a bug of mailtui: please report it with the log file"
            at = self.clock.wall()
            lost = LinkChanged(name, at, LinkState.UNREACHABLE, why, cure)
            self.store.apply(lost if failed is None else failed(why, cure))

    # --- what the console asks --------------------------------------------------------------------------------------

    def retry(self, host: str | None = None) -> None:
        """Reconnect or refresh now: one host, or all."""
        for name, attendant in self._attendants.items():
            if host in (None, name):
                if (job := self._jobs.get(name)) is not None and job.done():  # a bug of ours ended it
                    self._start(name, attendant.attend)
                attendant.retry()

    def pause(self, paused: bool) -> None:
        """Stop or resume reading queues; links stay up."""
        for attendant in self._attendants.values():
            attendant.paused = paused

    def run(self, host: str, what: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run something once on a host, for the life of the fleet; the host is read again as soon as it ends.

        A bug of ours in it is a source of the host that failed, and ends neither the host's link nor the console.
        """

        async def worked() -> None:
            try:
                await work()
            finally:
                self._attendants[host].retry()

        def failed(why: str, cure: str) -> Change:
            return SourceFailed(host, self.clock.wall(), what, why, cure)

        name = f"{host}: {what}"
        job = self._group.create_task(self._job(name, worked, failed), name=name)
        self._runs.add(job)
        job.add_done_callback(self._runs.discard)

    def gate(self, host: str) -> Gate:
        """Give what decides whether a host may be changed now."""
        return self._attendants[host].gate

    def link(self, host: str) -> Link | None:
        """Give a host's open link; None while there is none."""
        return self._attendants[host].link

    def config(self, host: str) -> Host:
        """Give a host's configuration."""
        return self._attendants[host].host

    async def show(self, host: str, key: str) -> Message:
        """Read one message with its headers anew; raises a HostError."""
        row = self.store.host(host).table.by_key.get(key)
        if row is None:
            raise Unreachable("the message has left the queue")
        return await self._attendants[host].show(row)
