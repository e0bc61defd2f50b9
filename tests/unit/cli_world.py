"""Hosts in memory for the tests of the command line: records with hostile bytes behind the real commands."""

import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mailtui import schemas
from mailtui.cli import hosting, main
from mailtui.clock import Clock
from mailtui.config import Host
from mailtui.errors import HostError, Refused, Unreachable
from mailtui.model import (
    CAPABILITIES,
    Accepting,
    Acted,
    Basis,
    Capability,
    Client,
    Code,
    Hold,
    HoldBy,
    Identity,
    ItemOutcome,
    KeptMessage,
    Limit,
    LogEvent,
    LogRecord,
    Memory,
    Message,
    Network,
    NextAttempt,
    Order,
    Outcome,
    Processes,
    QueueCounts,
    QueueListing,
    QueueRow,
    QueueRunner,
    QueueState,
    Rates,
    Recipient,
    RecipientState,
    RemoteCommand,
    RunnerState,
    Service,
    Spool,
    Stats,
    Target,
    UndoSet,
)  # fmt: skip
from mailtui.mta import registry
from mailtui.mta.contract import Evidence, LogQuery, QueueReading, Read
from mailtui.procedure import Reply, Request, Section
from mailtui.session import gate_of

NOW = 1_795_000_000.0

EVERY_BYTE = bytes(range(256))
NASTY = b"\x1b[2J\x1b]52;c;cm0=\x07 [/bold] \x9b31m \xe2\x80\xae\xff"
ESCAPES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]")
"""What must never reach a person."""


def message(host: str, number: int, **changes: Any) -> Message:
    """Make a message; odd ones are deferred, even ones still queued."""
    deferred = number % 2 == 1
    directory = b"/var/spool/mqueue"
    made = Message(
        key=f"{host}:/var/spool/mqueue:{number:014d}",
        id=f"{number:014d}",
        host=host,
        instance="mta",
        queue="mqueue",
        queue_group=None,
        directory=directory,
        state=QueueState.DEFERRED if deferred else QueueState.QUEUED,
        hold=None,
        size=1000 * number,
        arrived_at=NOW - 60.0 * number,
        expires_at=NOW + 432000.0,
        sender=b"" if number == 3 else b"s%d@sender.example" % number,
        auth_user=None,
        client=Client(b"client.example", "192.0.2.1"),
        message_id=b"m%d@sender.example" % number,
        recipients=(
            Recipient(
                b"r%d@one.example" % number, RecipientState.DEFERRED, b"450 4.7.1 greylisted", "4.7.1", b"mx.one"
            ),
            *((Recipient(b"other@two.example", RecipientState.PENDING),) if number % 3 == 0 else ()),
        ),
        recipients_complete=True,
        subject=b"Hello",
        reason=b"450 4.7.1 greylisted" if deferred else None,
        attempts=number if deferred else 0,
        last_attempt_at=NOW - 30.0 if deferred else None,
        next_attempt=NextAttempt(NOW + 600.0, Basis.QUEUE_RUN) if deferred else None,
        why_waiting=None,
        headers=((b"Subject", b"Hello"),),
    )
    return replace(made, **changes)


def hostile(host: str) -> Message:
    """Make a message whose every free text is an attack."""
    return message(
        host,
        99,
        directory=NASTY,
        state=QueueState.HELD,
        hold=Hold(HoldBy.OPERATOR, NASTY, NOW - 5),
        sender=b"=cmd|' /C calc'!A0" + NASTY,
        auth_user=NASTY,
        client=Client(NASTY, None),
        message_id=EVERY_BYTE,
        recipients=(Recipient(b"@SUM(1)" + NASTY, RecipientState.FAILED, EVERY_BYTE, None, NASTY),),
        subject=EVERY_BYTE,
        reason=NASTY + EVERY_BYTE,
        arrived_at=1e30,
        expires_at=-1e30,
        why_waiting="host status: \x1b[31m down",
        headers=((b"X-\x1b[2J", EVERY_BYTE), (b"Subject", b"one\n\ttwo")),
    )


def row(found: Message) -> QueueRow:
    """Give the row that a listing holds of a message."""
    return QueueRow(
        key=found.key,
        id=found.id,
        queue=found.queue,
        queue_group=found.queue_group,
        directory=found.directory,
        state=found.state,
        size=found.size,
        arrived_at=found.arrived_at,
        sender=found.sender,
        recipient=found.recipients[0].address if found.recipients else b"",
        nrcpt=len(found.recipients),
        domains=found.domains,
        reason=found.reason,
        attempts=found.attempts,
        last_attempt_at=found.last_attempt_at,
        identity="1",
        raw=b"",
        format="test/1",
    )


def stats() -> Stats:
    """Make a sample with nothing missing."""
    return Stats(
        taken_at=NOW,
        service=Service(
            True, ("0.0.0.0:25", "[::]:25"), Accepting.NO, "load 12.0 >= RefuseLA 12",
            (QueueRunner("mqueue", RunnerState.DEAD, 600.0, NOW - 4000),),
        ),
        limits=(Limit("MaxDaemonChildren", 3, 40),),
        load=(0.42, 0.4, 12.0),
        cpus=2,
        cpu_percent=12.3456,
        memory=Memory(4 << 30, 1 << 30, 0),
        spool=Spool("/var/spool/mqueue", 1 << 40, 1 << 39, 1000, 900),
        network=Network(1000.5, float("nan"), 3),
        processes=Processes(120, 4),
        queue=QueueCounts(active=1, deferred=2, held=3, oldest_age=8040.0),
        rates=Rates(1.5, 2.0, None, 0.0, 3.0),
        uptime=86400.5,
    )  # fmt: skip


def nothing_known() -> Stats:
    """Make a sample of a host that tells nothing."""
    return Stats(
        NOW, Service(None, (), Accepting.UNKNOWN, None, ()), (), None, None, None, None, None,
        Network(None, None, None), None, None, Rates(), None,
    )  # fmt: skip


def record(host: str, at: float | None, text: bytes = b"a line", **fields: Any) -> LogRecord:
    """Make a log record."""
    return LogRecord(host, at, b"Nov 22 14:00:00", b"sm-mta", 7, None, LogEvent.OTHER, text, **fields)


HELPER = (
    "#!/bin/sh",
    *(f"# line {number} of a program that is longer than what is shown of a stranger" for number in range(2000)),
)
"""What stands in for the helper: a tenth of a megabyte."""


class Parser:
    """Reads lines of the form `TIME TEXT`."""

    def __init__(self, host: str, told: dict[bytes, LogEvent]) -> None:
        self.host = host
        self.told = told

    def events(self, block: bytes) -> bytes:
        """Give codes; nobody asks here."""
        return bytes(block.count(b"\n"))

    def record(self, line: bytes, file: str = "", offset: int | None = None) -> LogRecord:
        """Read one line."""
        at, _, text = line.partition(b" ")
        known = float(at) if at.isdigit() else None
        return replace(
            record(self.host, known, text or line),
            file=file,
            offset=offset,
            event=self.told.get(text, LogEvent.OTHER),
        )


class Mta:
    """As much of an adapter as commands see."""

    def __init__(self) -> None:
        self.events: dict[bytes, LogEvent] = {}

    name = "sendmail"
    title = "Sendmail"
    id_pattern = re.compile(r"[0-9A-Za-z]{14,20}", re.ASCII)

    def log_parser(self, host: str, identity: Identity | None, now: float) -> Parser:
        """Make a parser of log lines."""
        return Parser(host, self.events)

    def sudoers(self, identity: Identity, features: Sequence[str], *, helper: bool, logs: Sequence[str] = ()) -> str:
        """Print lines."""
        if "capture" in features:
            return "# capture: no line: not built yet.\n"
        lines = [f"{identity.login} ALL=(root) NOPASSWD: /usr/sbin/{feature}" for feature in features]
        return "\n".join([*lines, *HELPER] if helper else lines)


class FakeTransport:
    """Answers the empty script alone."""

    async def run(self, request: Request) -> Reply:
        """Take a while."""
        return Reply((), 0, took=0.0125)


@dataclass
class World:
    """What the fake hosts hold; a host in `errors` cannot be reached."""

    messages: dict[str, list[Message]] = field(default_factory=dict)
    errors: dict[str, HostError] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    logs: dict[str, bytes] = field(default_factory=dict)
    stats: Stats = field(default_factory=stats)
    evidence: tuple[Evidence, ...] = ()
    skew: float | None = 0.2
    opened: list[str] = field(default_factory=list)
    queries: list[LogQuery] = field(default_factory=list)
    mta: Mta = field(default_factory=Mta)
    rights: frozenset[str] = frozenset(CAPABILITIES[:3])
    sets: dict[str, list[UndoSet]] = field(default_factory=dict)
    """What the vaults hold."""
    acts: list[tuple[str, str, tuple[str, ...], Order]] = field(default_factory=list)
    """Every request that changed a host: host, verb, ids or undo ids, order."""
    odd: dict[str, Outcome | HostError] = field(default_factory=dict)
    """How an action on a message (by id), or on a whole host (by name), ends otherwise than it was meant to."""
    before: Callable[[str], None] = lambda verb: None
    """Called on a host before anything is changed there."""

    @asynccontextmanager
    async def open(self, host: Host) -> AsyncIterator[Any]:
        """Stand in for `Link.open`."""
        self.opened.append(host.name)
        if host.name in self.errors:
            raise self.errors[host.name]
        yield FakeLink(self, host)


class FakeLink:
    """A connected host."""

    def __init__(self, world: World, host: Host) -> None:
        self.world = world
        self.host = host
        self.mta = world.mta
        self.transport = FakeTransport()
        self.gate = gate_of(host)
        self.host_key = "SHA256:right"
        self.cut: Unreachable | None = None
        """Why the link is dead, once it is."""
        self.clock = Clock(wall=lambda: NOW)
        self.evidence = (Evidence("sendmail -d0.1", b"Version \x1b[2J", 0),)
        self.identity = Identity(
            "sendmail", "8.17.1", ("mta", "msp"), world.skew, "oncall", (("perl", "/usr/bin/perl"), ("sudo", ""))
        )

    @property
    def _messages(self) -> list[Message]:
        return self.world.messages.get(self.host.name, [])

    async def queue(self, known: object = None) -> QueueReading:
        """List the messages."""
        if self.cut is not None:
            raise self.cut
        rows = tuple(map(row, self._messages))
        return QueueReading(QueueListing(NOW, not self.world.missing, self.world.missing, rows))

    def decode(self, wanted: QueueRow) -> Message:
        """Find a row's message."""
        return next(each for each in self._messages if each.key == wanted.key)

    async def show(self, wanted: QueueRow) -> Read[Message]:
        """Read a message anew."""
        return Read(self.decode(wanted))

    async def stats(self) -> Stats:
        """Give a sample."""
        return self.world.stats

    async def capabilities(self) -> Read[tuple[Capability, ...]]:
        """Give rights: the first three, unless a test gives others."""
        rights = tuple(
            Capability(name, True, "", "mailtui sudoers")
            if name in self.world.rights
            else Capability(name, False, "not built yet" if at > 5 else "sudo says no", "mailtui sudoers")
            for at, name in enumerate(CAPABILITIES)
        )
        return Read(rights, self.world.evidence)

    def target(self, wanted: QueueRow) -> Target:
        """Aim at a message by its arrival."""
        print_ = b"%.1f" % wanted.arrived_at if wanted.arrived_at is not None else b""
        return Target(wanted.key, wanted.id, wanted.queue, wanted.directory, wanted.state, print_)

    def commands(self, verb: str, targets: Sequence[Target], order: Order) -> tuple[RemoteCommand, ...]:
        """Give one command a message, or one for the whole queue."""
        ids = [each.id for each in targets] or ["all"]
        return tuple(RemoteCommand(("/usr/sbin/fake", verb, each), f"{order.undo_id}\n") for each in ids)

    def _changing(self, verb: str, names: Sequence[str], order: Order) -> None:
        """Note a request that changes the host, where the gate lets it through."""
        self.world.before(verb)
        if self.gate.read_only:
            raise Refused(f"{self.host.name} is read-only here")
        self.world.acts.append((self.host.name, verb, tuple(names), order))
        wrong = self.world.odd.get(self.host.name)
        if isinstance(wrong, HostError):
            self.cut = wrong if isinstance(wrong, Unreachable) else None
            raise wrong

    async def act(self, verb: str, targets: Sequence[Target], order: Order) -> Acted:
        """Do what is asked; a delete goes into the vault."""
        self._changing(verb, [each.id for each in targets], order)
        codes = {"retry": Code.REQUESTED, "hold": Code.HELD, "release": Code.RELEASED, "delete": Code.MOVED,
                 "bounce": Code.BOUNCED}  # fmt: skip
        done: list[ItemOutcome] = []
        for each in targets:
            outcome = self.world.odd.get(each.id, Outcome.DONE)
            assert isinstance(outcome, Outcome)
            code = codes[verb] if outcome is Outcome.DONE else Code.LOCKED
            done.append(
                ItemOutcome(each.key, each.id, outcome, code, "" if outcome is Outcome.DONE else "\x1b[2Jlocked")
            )
        if verb == "delete":
            gone = {each.key for each in done if each.outcome is Outcome.DONE}
            self.world.messages[self.host.name] = [each for each in self._messages if each.key not in gone]
            kept = tuple(KeptMessage(each.key, each.id, "kept") for each in done if each.key in gone)
            made = UndoSet(order.undo_id, self.host.name, NOW, order.by, NOW + order.keep, order.reason, kept)
            self.world.sets.setdefault(self.host.name, []).append(made)
        return Acted(tuple(done), requested=verb == "flush")

    async def undo_sets(self) -> tuple[UndoSet, ...]:
        """Give what the vault holds."""
        return tuple(self.world.sets.get(self.host.name, ()))

    async def undo(self, kept: UndoSet, order: Order) -> Acted:
        """Bring a set back."""
        self._changing("undo", [kept.undo_id], order)
        back = {each.key for each in kept.messages if self.world.odd.get(each.id, Outcome.DONE) is Outcome.DONE}
        after = tuple(replace(each, state="queued") if each.key in back else each for each in kept.messages)
        sets = self.world.sets[self.host.name]
        sets[sets.index(kept)] = replace(kept, messages=after)
        return Acted(
            tuple(
                ItemOutcome(each.key, each.id, Outcome.DONE, Code.RESTORED)
                if each.key in back
                else ItemOutcome(each.key, each.id, Outcome.FAILED, Code.LOCKED)
                for each in kept.messages
            )
        )

    async def purge(self, undo_ids: Sequence[str]) -> tuple[str, ...]:
        """Destroy sets, but for those that `odd` names."""
        self._changing("purge", undo_ids, Order())
        gone = tuple(each for each in undo_ids if each not in self.world.odd)
        self.world.sets[self.host.name] = [each for each in self.world.sets[self.host.name] if each.undo_id not in gone]
        return gone

    async def find_logs(self) -> Read[tuple[str, ...]]:
        """Give the log's path, where there is one."""
        return Read(("/var/log/mail.log",) if self.host.name in self.world.logs else ())

    async def search_logs(self, paths: Sequence[str], query: LogQuery, seconds: float = 1.0) -> Reply:
        """Give all lines."""
        self.world.queries.append(query)
        return Reply((Section("file", tuple(paths), self.world.logs[self.host.name]),), 0)


CONFIG = """
version: 1
hosts:
  mx1: {tags: [prod]}
  mx2: {address: 192.0.2.2, user: oncall, port: 2222, mode: read-only, tags: [prod]}
  mx3: {}
groups:
  every: [mx1, mx2, mx3]
  pair: [mx1, mx2]
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    """Put three fake hosts and a configuration in place of the real ones."""
    made = World(messages={"mx1": [message("mx1", number) for number in range(1, 7)], "mx2": [hostile("mx2")]})
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG)
    monkeypatch.setenv("MAILTUI_CONFIG", str(file))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(hosting, "open_link", made.open)
    monkeypatch.setattr(registry, "names", lambda: ("sendmail",))
    monkeypatch.setattr(registry, "adapter", lambda name: made.mta)
    return made


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line against the fake hosts; gives exit code, stdout and stderr."""

    def line(*words: str) -> tuple[int, str, str]:
        code = main(list(words))
        out, err = capsys.readouterr()
        return code, out, err

    return line


def valid(text: str, kind: str) -> dict[str, Any]:
    """Read an answer, hold it against its schema, and check that its bytes are ASCII."""
    assert text.isascii()
    assert "\x7f" not in text
    answer: dict[str, Any] = json.loads(text)
    assert answer["schema"] == f"mailtui/{kind}/1"
    jsonschema.validate(answer, schemas.schema(kind), cls=jsonschema.Draft202012Validator)
    return answer
