"""A fleet of hosts that lie in every field: one tells all payloads at once, the others three each."""

from __future__ import annotations

from mailtui.app import Console, ConsoleOptions
from mailtui.clock import Clock
from mailtui.config import Host
from mailtui.errors import Unreachable
from mailtui.fleet import Fleet
from mailtui.model import (
    Accepting,
    Basis,
    Capability,
    Client,
    Hold,
    HoldBy,
    Identity,
    Limit,
    LinkState,
    LogEvent,
    LogRecord,
    Message,
    Network,
    NextAttempt,
    Processes,
    QueueListing,
    QueueRow,
    QueueRunner,
    QueueState,
    Rates,
    Recipient,
    RecipientState,
    RunnerState,
    Service,
    Spool,
    Stats,
)
from mailtui.store import (
    EvidenceRead,
    HostFound,
    LinkChanged,
    LogGapped,
    LogRead,
    QueueRead,
    SourceFailed,
    StatsRead,
    Store,
)
from mailtui.store.log import CODES
from tests.pilot.hostile_app import CUT, PAYLOADS

NOW = 1_795_370_400.0
ALL = b" ".join(b"<%s>%s" % (name.encode(), CUT.get(name, data)) for name, data in PAYLOADS.items())
LIES = (ALL, *(b" ".join(several) for several in zip(*[iter(PAYLOADS.values())] * 3, strict=True)))
"""What each host tells: all payloads, or three of them."""
TOPICS = ("host", "queue", "message", "log", "stats", "rights")


def text(data: bytes) -> str:
    """Decode as the transport decodes names: what is not UTF-8 becomes lone surrogates."""
    return data.decode("utf-8", "surrogateescape")


class HostileFormats:
    """Reads the rows and lines made here."""

    def message(self, host: str, identity: Identity | None, row: QueueRow) -> Message:
        bad = row.raw
        word = text(bad)
        recipients = (
            Recipient(bad + b"@one.test", RecipientState.DEFERRED, b"first " + bad, word, bad),
            Recipient(b"two@" + bad, RecipientState.PENDING),
        )
        hold = Hold(HoldBy.OPERATOR, b"held " + bad)
        return Message(
            row.key, row.id, host, word, row.queue, row.queue_group, row.directory, row.state, hold, row.size, NOW - 60, NOW + 60,
            row.sender, b"auth " + bad, Client(b"client " + bad, word), b"<id " + bad + b">", recipients, False, b"subject " + bad,
            row.reason, 1, NOW - 30, NextAttempt(NOW + 9, Basis.EXACT), f"waits {word}",
            headers=((b"Subject", bad), (b"X-" + bad, b"body"), (b"X-Both-" + bad, b"folded\n\t" + bad)),
        )  # fmt: skip

    def log_reader(self, host: str, identity: Identity | None) -> HostileReader:
        return HostileReader()


class HostileReader:
    """Takes the word behind the program for the queue id, whatever it is."""

    def events(self, block: bytes) -> bytes:
        return bytes([CODES[LogEvent.OTHER]]) * block.count(b"\n")

    def record(self, line: bytes, file: str = "", offset: int | None = None) -> LogRecord:
        id_ = line.split(b": ")[1].decode("utf-8", "backslashreplace") if line.count(b": ") > 1 else None
        return LogRecord("h", NOW, b"", b"sm-mta", 1, id_, LogEvent.OTHER, line, file=file, offset=offset)


class HostileFleet(Fleet):
    """Fails to read any message, in a stranger's words."""

    async def show(self, host: str, key: str) -> Message:
        raise Unreachable(f"toast: {text(ALL)[:60]}")


class HostileConsole(Console):
    """Counts what only a stranger could have asked for."""

    def __init__(self, fleet: Fleet, crash: bool = False) -> None:
        super().__init__(fleet, ConsoleOptions(scope=text(ALL), theme=text(ALL)[:60]), clock=fleet.clock)
        self.foreign: list[str] = []
        self._crash = crash

    def action_mouse(self) -> None:
        if self._crash:
            raise RuntimeError(text(ALL))

    def action_pwned(self, what: str) -> None:
        self.foreign.append(what)

    async def action_quit(self) -> None:
        self.foreign.append("quit")


def _row(host: str, number: int, bad: bytes) -> QueueRow:
    word, directory = bad.decode("utf-8", "backslashreplace"), b"/var/spool/" + bad
    id_ = f"6AM{number:011d}{word}"
    states = (QueueState.DEFERRED, QueueState.HELD, QueueState.LOST, QueueState.QUEUED, QueueState.ACTIVE)
    return QueueRow(
        f"{host}:{id_}", id_, f"q{word}", f"g{word}" if number % 2 else None, directory, states[number % 5], 900, NOW - 9000 + number, bad + b"@from.test",
        bad + b"@to.test", 2, (bad + b".test", b"two.test"), bad + b" reason", 3, NOW - 100, str(number), bad, "test/1",
    )  # fmt: skip


def _log(bad: bytes, number: int) -> bytes:
    bad = bad.replace(b"\n", b"")
    return (
        b"Nov 22 14:00:%02d mx sm-mta[1]: gone%s: line %s\n" % (number % 60, bad, bad)
        + b"Nov 22 14:00:%02d mx %s[1]: 6AM%011d: program\n" % (number % 60, bad, number)
        + b"%s raw\n" % bad
    )


def _stats(bad: bytes, number: int) -> Stats:
    word = text(bad)
    dead = RunnerState.DEAD if number % 2 else RunnerState.RUNNING
    service = Service(
        True, (f"{word}:25", word), Accepting.NO, f"why {word}", (QueueRunner(word, dead, 60.0, NOW - 60),)
    )
    return Stats(
        NOW, service, (Limit(word, 95, 100),), (1.0, 1.0, 1.0), 4, 12.0, None, Spool(f"/{word}", 100, 1, 100, 1), Network(1.0, 1.0, 1),
        Processes(2, 1), None, Rates(1.0, 1.0, 1.0, 1.0), 99.0,
    )  # fmt: skip


def _tell(store: Store, name: str, number: int, bad: bytes) -> None:
    """Have one host tell its lies."""
    word = text(bad)
    rights = (Capability("list", True), Capability("read", False, f"why {word}", f"cure {word}"))
    facts = (("os", word), ("cf", word), ("queue_directory", word))
    state = LinkState.RETRYING if number % 3 == 0 else LinkState.OK
    store.apply(LinkChanged(name, NOW, state, f"link {word}", f"cure {word}", 1, NOW + 8))
    store.apply(HostFound(name, NOW, Identity(f"mta{word}", f"v{word}", (word,), 9.0, f"login{word}", facts), rights))
    rows = tuple(_row(name, at, data) for at, data in enumerate((bad, ALL, *PAYLOADS.values())))
    if number % 5 != 4:
        store.apply(QueueRead(name, NOW, QueueListing(NOW, False, (f"missing {word}", f"and {word}"), rows)))
    store.apply(StatsRead(name, NOW, _stats(bad, number)))
    lines = b"".join(_log(data, at) for at, data in enumerate((bad, ALL, *PAYLOADS.values())))
    store.apply(LogRead(name, NOW, word, 0, lines, True))
    store.apply(LogGapped(name, NOW, word, "the log was cut"))
    for source in ("queue", "stats", "log"):
        store.apply(SourceFailed(name, NOW, source, f"failed {word}", f"cure {word}"))
    for topic in TOPICS:
        store.apply(EvidenceRead(name, NOW, topic, f"command {word}", b"output " + bad + b"\n" + ALL, 0))


def host_names() -> list[str]:
    """Names of the hosts, each with the beginning of its payloads in it."""
    return [f"h{number:02d}{text(bad)[:40]}" for number, bad in enumerate(LIES)]


def hostile_fleet() -> Fleet:
    """A fleet that is not connected."""
    clock = Clock(wall=lambda: NOW, monotonic=lambda: 0.0)
    names = host_names()
    store = Store(HostileFormats(), names)
    for number, (name, bad) in enumerate(zip(names, LIES, strict=True)):
        _tell(store, name, number, bad)
    return HostileFleet([Host(name=name) for name in names], store, clock)
