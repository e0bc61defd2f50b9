"""One host: a connection with its adapter. Every headless command and the live fleet read hosts through a `Link`."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from mailtui.clock import SYSTEM, Clock
from mailtui.errors import HostError, NoMta, NotBegun, Refused, TimedOut, Unreachable, Unsupported
from mailtui.model import (
    Acted,
    Capability,
    Identity,
    LogCursor,
    Message,
    Order,
    QueueRow,
    RemoteCommand,
    Spoken,
    Stats,
    Target,
    UndoSet,
)
from mailtui.mta import registry
from mailtui.mta.contract import Evidence, KnownQueue, LogBlock, LogGap, LogQuery, Mta, QueueReading, Read
from mailtui.procedure import REGISTRY, Begin, Data, End, Event, Limits, Procedure, Reply, Request, Section
from mailtui.transport.contract import Transport
from mailtui.transport.drive import drive
from mailtui.transport.gate import Gate

if TYPE_CHECKING:
    from mailtui.config import Host

T = TypeVar("T")

SAMPLE_PATIENCE = 30.0
"""Seconds that a sample may take, at least; then the stream is begun anew."""

LIVE_PATIENCE = 30.0
"""Seconds within which a retry that is watched must give a sign of life; the host gives one every two seconds."""

STATS_PAUSE = 1.0
"""Seconds between the two samples that a one-shot `stats` takes its rates from."""


def gate_of(host: Host, clock: Clock = SYSTEM) -> Gate:
    """Make the exec gate of a host's mode; `ask` opens it only when the host is armed."""
    return Gate(REGISTRY, read_only=host.mode != "read-write", sealed=host.mode == "read-only", clock=clock)


@asynccontextmanager
async def connected(host: Host, clock: Clock = SYSTEM, gate: Gate | None = None) -> AsyncIterator[Transport]:
    """Open a host's transport and close it afterwards; raises a HostError that says why it could not be opened."""
    transport: Transport
    gate = gate or gate_of(host, clock)
    if host.transport == "local":
        from mailtui.transport.local import LocalTransport

        transport = LocalTransport(gate=gate)
    else:
        # the SSH library is big: importing it here would hold up the first frames of the console
        await asyncio.to_thread(importlib.import_module, "mailtui.transport.ssh")
        from mailtui.transport.ssh import SshTransport
        from mailtui.transport.target import Target

        target = Target(
            name=host.name,
            address=host.address,
            port=host.port,
            user=host.user,
            identity=host.identity,
            known_hosts=host.known_hosts,
            jump=host.jump,
        )
        transport = await SshTransport.connect(target, gate=gate, clock=clock)
    try:
        yield transport
    finally:
        await transport.close()


@dataclass(frozen=True, slots=True)
class Detected:
    """What was found on a host: its adapter, its identity and the evidence for it."""

    mta: Mta
    identity: Identity
    evidence: tuple[Evidence, ...]


async def detect(transport: Transport, wanted: str = "auto", *, sudo: bool = True) -> Detected:
    """Find the host's mail server, without sudo unless it may run; raises NoMta where none of the adapters knows it."""
    tried = registry.names() if wanted == "auto" else (wanted,)
    for name in tried:
        mta = registry.adapter(name)
        read = await drive(transport, mta.detect(sudo=sudo))
        if read.value is not None:
            return Detected(mta, read.value, read.evidence)
    raise NoMta(
        f"no {' or '.join(tried)} found on the host: looked for in the login's PATH, /usr/local/sbin, /usr/sbin, "
        "/sbin and /usr/lib",
        "log in as a user whose PATH has it, or install it; another mail server's command of that name does not count",
    )


class Link:
    """A connected host whose mail server is known."""

    def __init__(
        self, host: Host, transport: Transport, found: Detected, clock: Clock = SYSTEM, gate: Gate | None = None
    ) -> None:
        self.host = host
        self.gate = gate or gate_of(host, clock)
        """What changes the host passes only while it is open."""
        self.transport = transport
        self.mta = found.mta
        self.identity = found.identity
        self.evidence = found.evidence
        self.clock = clock

    @classmethod
    @asynccontextmanager
    async def open(cls, host: Host, clock: Clock = SYSTEM, gate: Gate | None = None) -> AsyncIterator[Link]:
        """Connect, find the mail server, and close everything at the end; raises a HostError."""
        gate = gate or gate_of(host, clock)
        async with connected(host, clock, gate) as transport:
            found = await detect(transport, host.mta, sudo=host.sudo != "never")
            yield cls(host, transport, found, clock, gate)

    async def _ask(self, procedure: Procedure[T]) -> T:
        return await drive(self.transport, procedure)

    async def capabilities(self) -> Read[tuple[Capability, ...]]:
        """Find what the login may do here."""
        read = await self._ask(self.mta.capabilities(self.identity, self.host.logs))
        named = (
            replace(each, cure=each.cure.replace("sudoers HOST", f"sudoers {self.host.name}")) for each in read.value
        )
        return Read(tuple(named), read.evidence)

    async def queue(self, known: KnownQueue | None = None) -> QueueReading:
        """Read the whole queue, or with `known` what changed since."""
        return await self._ask(self.mta.list_queue(self.host.name, self.identity, known))

    def decode(self, row: QueueRow) -> Message:
        """Make the whole message of a row."""
        return self.mta.decode(self.host.name, self.identity, row)

    async def show(self, row: QueueRow) -> Read[Message]:
        """Read one message with its headers anew."""
        return await self._ask(self.mta.show(self.host.name, self.identity, row))

    # --- acting -----------------------------------------------------------------------------------------------------

    @property
    def host_key(self) -> str:
        """Give the fingerprint of the host's key; "" where there is no SSH."""
        return getattr(self.transport, "fingerprint", "")

    def target(self, row: QueueRow) -> Target:
        """Give what an action on a row is aimed at."""
        return self.mta.target(row)

    def commands(self, verb: str, targets: Sequence[Target], order: Order) -> tuple[RemoteCommand, ...]:
        """Give the literal commands that a batch executes on the host."""
        return self.mta.commands(self.identity, verb, targets, order)

    async def act(self, verb: str, targets: Sequence[Target], order: Order) -> Acted:
        """Do one batch; raises Refused where the gate is closed. A lost link makes outcomes `unknown`."""
        return await self._ask(self.mta.act(self.identity, verb, targets, order))

    async def live(
        self, targets: Sequence[Target], order: Order, heard: Callable[[Spoken], None], left: asyncio.Event
    ) -> Acted:
        """Retry messages and pass on each line of their dialogue, until the host is done or `left` is set.

        The deliveries go on in either case, and when the link is lost: then outcomes are `unknown`. Raises Refused
        and NotBegun where nothing was done.
        """
        request = self.mta.live_request(self.identity, targets, order)
        parser = self.mta.live_parser(targets)

        async def listen() -> HostError | TimeoutError | None:
            try:
                async with self.transport.stream(request) as events:
                    while True:
                        async with asyncio.timeout(LIVE_PATIENCE):
                            event = await anext(events, None)
                        if event is None:
                            return None
                        for line in parser.feed(event):
                            heard(line)
            except (HostError, TimeoutError) as error:
                return error

        async def leave() -> None:
            await left.wait()
            listening.cancel()

        async with asyncio.TaskGroup() as group:
            listening = group.create_task(listen())
            leaving = group.create_task(leave())
            listening.add_done_callback(lambda _: leaving.cancel())
        failure = None if listening.cancelled() else listening.result()
        if isinstance(failure, Refused | NotBegun):
            raise failure
        return parser.acted(stopped=listening.cancelled())

    async def undo_sets(self) -> tuple[UndoSet, ...]:
        """Read what the vault on the host holds."""
        return (await self._ask(self.mta.undo_sets(self.host.name, self.identity))).value

    async def undo(self, kept: UndoSet, order: Order) -> Acted:
        """Put what a delete set aside back."""
        return await self._ask(self.mta.undo(self.host.name, self.identity, kept, order))

    async def purge(self, undo_ids: Sequence[str]) -> tuple[str, ...]:
        """Destroy what these deletes set aside, for good; gives those that are gone now."""
        return await self._ask(self.mta.purge(self.identity, undo_ids))

    async def samples(self, interval: float) -> AsyncGenerator[Read[Stats], None]:
        """Sample service and resources for as long as it is iterated; close it with `aclosing`."""
        parser = self.mta.stats_parser(self.host.name, self.identity)
        request = self.mta.stats_request(self.identity, interval)
        patience = max(SAMPLE_PATIENCE, 3 * interval)
        async with self.transport.stream(request) as events, aclosing(sampled(events)) as samples:
            while True:
                try:
                    async with asyncio.timeout(patience) as limit:
                        sections = await anext(samples)
                except TimeoutError:
                    if not limit.expired():
                        raise
                    raise TimedOut(
                        f"no sample of the resources came within {patience:g} s",
                        "something on the host hangs: `df` on a dead network mount does",
                    ) from None
                stats = parser.feed(sections, self.clock.wall())
                yield Read(stats, parser.evidence())

    async def stats(self) -> Stats:
        """Take one sample with rates: two readings a second apart."""
        async with aclosing(self.samples(STATS_PAUSE)) as samples:
            first = await anext(samples)
            return (await anext(samples, first)).value

    async def find_logs(self) -> Read[tuple[str, ...]]:
        """Find the log files of the mail server that the login may read; Unsupported where they lie on another host."""
        if self.host.logs_via and not self.host.logs:
            via = self.host.logs_via[0].via
            raise Unsupported(f"`logs: {{via: {via}}}` is not built yet", f"read the log of {via} itself")
        return await self._ask(self.mta.find_logs(self.identity, self.host.logs))

    async def search_logs(self, paths: Sequence[str], query: LogQuery, seconds: float = 120.0) -> Reply:
        """Search current, rotated and compressed logs on the host."""
        request = self.mta.search_request(self.identity, paths, query)
        return await self.transport.run(Request(request.script, request.data, Limits(seconds, request.limits.output)))


async def sampled(events: AsyncIterator[Event]) -> AsyncGenerator[list[Section], None]:
    """Cut a sampling stream into samples: all sections from one `sample` to the next.

    A sample is given as soon as the next begins or an `eos` section (end of sample) closes it; raises Unreachable when
    the stream is cut.
    """
    sections: list[Section] = []
    name: str | None = None
    args: tuple[str, ...] = ()
    body: list[bytes] = []
    async for event in events:
        match event:
            case Data(body=more):
                body.append(more)
            case Begin():
                if name is not None:
                    sections.append(Section(name, args, b"".join(body)))
                name, args = event.name, event.args
                body = []
                if name in ("sample", "eos") and sections:
                    yield sections
                    sections = []
                if name == "eos":
                    name = None
            case End(status=status):
                raise Unreachable(f"the sampling script ended by itself with status {status}")
    raise Unreachable("the link was cut while sampling")


Followed = AsyncGenerator[LogBlock | LogGap, None]


async def followed(link: Link, path: str, cursor: LogCursor | None, last: int) -> Followed:
    """Follow a log on one connection, from a cursor or its last lines, until the link is cut (Unreachable).

    Whoever reconnects hands in the cursor of the last block: no line is lost or doubled. Close it with `aclosing`.
    """
    request = link.mta.follow_request(link.identity, path, cursor, last)
    parser = link.mta.follow_parser(link.identity, path, cursor)
    async with link.transport.stream(request) as events:
        async for event in events:
            if isinstance(event, End):
                raise TimedOut(f"following {path} ended by itself with status {event.status}")
            for block in parser.feed(event):
                yield block
    raise Unreachable("the link was cut while following the log")


class Answer(Generic[T]):
    """A host with what it answered, or with why it did not."""

    __slots__ = ("error", "host", "value")

    def __init__(self, host: Host, value: T | None = None, error: HostError | None = None) -> None:
        self.host = host
        self.value = value
        self.error = error


async def ask_all(hosts: Sequence[Host], ask: Callable[[Host], Awaitable[T]], timeout: float) -> list[Answer[T]]:
    """Ask every host at the same time; a host's failure is its answer and stops no other."""

    async def one(host: Host) -> Answer[T]:
        try:
            async with asyncio.timeout(timeout):
                return Answer(host, value=await ask(host))
        except HostError as error:
            return Answer(host, error=error)
        except TimeoutError:
            cure = "raise --timeout, or look at the host's load"
            return Answer(host, error=TimedOut(f"{host.name} did not answer within {timeout:g} s", cure))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(host)) for host in hosts]
    return [task.result() for task in tasks]
