"""A made-up fleet in a store, as hosts would have told it: what screens are tested and looked at with."""

from __future__ import annotations

from mailtui.clock import Clock
from mailtui.config import Host
from mailtui.fleet import Fleet
from mailtui.model import (
    Accepting,
    Capability,
    Identity,
    Limit,
    LinkState,
    LogEvent,
    LogRecord,
    Memory,
    Message,
    Network,
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
from mailtui.store import EvidenceRead, Heard, HostFound, LinkChanged, LogRead, QueueRead, StatsRead, Store
from mailtui.store.log import CODES

NOW = 1_795_370_400.0
HOSTILE = [
    b"\x1b[2J\x1b[31mred", b"\x1b]52;c;cm0=\x07", b"\x1b]0;title\x07", b"\x1b]8;;http://x\x07l\x1b]8;;\x07", b"\x1bPq\x1b\\",
    b"\xc2\x9b31m", b"\x9b31m", b"[/bold]", b"[", b"[/", b"[@click=app.quit]x[/]", b"[$error]x", b"[link=file:///etc/passwd]x[/link]",
    "\u202egnp.exe\u2066".encode(), "a\u200b\ufeff\U000e0041".encode(), b"z" + "\u0301".encode() * 10000, bytes(range(256)), b"\xff\xfe\xed\xa0\x80\xc3",
]  # fmt: skip
"""What strangers put into every field they can."""


class Formats:
    """Reads the rows and lines made here."""

    def message(self, host: str, identity: Identity | None, row: QueueRow) -> Message:
        recipients = [Recipient(row.recipient, RecipientState.DEFERRED, row.reason, "4.4.1", b"mx.example.net")]
        recipients += [Recipient(b"more%d@example.net" % n, RecipientState.PENDING) for n in range(row.nrcpt - 1)]
        return Message(
            row.key, row.id, host, "mta", row.queue, row.queue_group, row.directory, row.state, None, row.size, row.arrived_at,
            (row.arrived_at or NOW) + 5 * 86400, row.sender, None, None, b"<1@x>", tuple(recipients), True, row.raw, row.reason,
            row.attempts, row.last_attempt_at, None, None, headers=((b"Subject", row.raw), (b"From", row.sender or b"")),
        )  # fmt: skip

    def log_reader(self, host: str, identity: Identity | None) -> Reader:
        return Reader()


class Reader:
    """Tells events by the word `stat=`."""

    def events(self, block: bytes) -> bytes:
        return bytes(CODES[_event(line)] for line in block.split(b"\n")[:-1])

    def record(self, line: bytes, file: str = "", offset: int | None = None) -> LogRecord:
        id_ = line.split(b": ")[1].decode("ascii", "replace") if line.count(b": ") > 1 else None
        return LogRecord("h", NOW, b"", b"sm-mta", 1, id_, _event(line), line, file=file, offset=offset)


def _event(line: bytes) -> LogEvent:
    if b"stat=Sent" in line:
        return LogEvent.SENT
    return LogEvent.DEFERRED if b"stat=Deferred" in line else LogEvent.RECEIVED if b"from=" in line else LogEvent.OTHER


def host(name: str) -> Host:
    return Host(name=name)


def rows(name: str, count: int, hostile: bool = False) -> tuple[QueueRow, ...]:
    reasons = [
        b"Deferred: Connection refused by mail.example.net.",
        b"Deferred: 450 4.2.0 <anna@grey.test>: Recipient address rejected: Greylisted, see http://postgrey.example/",
        b"Deferred: 452 4.2.2 <full@box.test>: Mailbox full, quota exceeded (5120000 of 5120000 KB)",
        b"Deferred: Connection timed out with mx.far.test.",
        None,
    ]
    states = [QueueState.DEFERRED] * 17 + [QueueState.HELD, QueueState.QUEUED, QueueState.LOST]
    made = []
    for n in range(count):
        reason = reasons[n % 5 if n % 3 else 0]
        bad = HOSTILE[n % len(HOSTILE)] if hostile else b""
        made.append(
            QueueRow(
                f"{name}:/var/spool/mqueue:6AM{n:011d}", f"6AM{n:011d}", "mqueue-client" if n % 40 == 7 else "mqueue", None, b"/var/spool/mqueue",
                states[n % 20], 900 + n * 997 % 90_000, NOW - 60 - n * 37 % 9000, bad + b"user%d@sender%d.test" % (n % 40, n % 7),
                bad + b"rcpt%d@dest%d.test" % (n, n % 11), 1 + n % 4 // 3, (b"dest%d.test" % (n % 11),), None if reason is None else bad + reason,
                n % 9, NOW - n % 1800, f"{n}", bad + b"Invoice 2026", "test/1",
            )
        )  # fmt: skip
    return tuple(made)


def stats(runner: RunnerState = RunnerState.RUNNING) -> Stats:
    runners = (
        QueueRunner("mqueue", RunnerState.RUNNING, 600.0, NOW - 240),
        QueueRunner("mqueue-client", runner, 600.0, None),
    )
    return Stats(
        NOW, Service(True, ("0.0.0.0:25", "0.0.0.0:587"), Accepting.YES, None, runners),
        (Limit("children", 12, 150), Limit("load (QueueLA)", 0.4, 8), Limit("load (RefuseLA)", 0.4, 12)), (0.42, 0.51, 0.60), 4, 12.5,
        Memory(8 << 30, 5 << 30, 0), Spool("/var/spool/mqueue", 40 << 30, 33 << 30, 2_621_440, 2_480_000), Network(120_000.0, 48_000.0, 14),
        Processes(212, 17), None, Rates(112.0, 9.4, 87.0, 0.5), 86400 * 12.0,
    )  # fmt: skip


def log_lines(count: int, hostile: bool = False) -> bytes:
    lines = []
    for n in range(count):
        bad = HOSTILE[n % len(HOSTILE)].replace(b"\n", b"") if hostile else b""
        what = [
            b"to=<rcpt%d@dest.test>, delay=00:00:01, mailer=esmtp, relay=mx.dest.test. [192.0.2.1], dsn=2.0.0, stat=Sent (Ok: queued as 4B6)"
            % n,
            b"to=<rcpt%d@example.net>, delay=02:10:00, mailer=esmtp, relay=mail.example.net., dsn=4.4.1, stat=Deferred: Connection refused"
            % n,
            b"from=<user%d@sender.test>, size=4317, class=0, nrcpts=1, proto=ESMTP, daemon=MTA-v4, relay=localhost [127.0.0.1]"
            % n,
            b"STARTTLS=client, relay=mx.dest.test., version=TLSv1.3, verify=OK, cipher=TLS_AES_256_GCM_SHA384",
        ][n % 4]
        lines.append(
            b"Nov 22 14:%02d:%02d mx3 sm-mta[%d]: 6AM%011d: %s%s\n" % (n // 60 % 60, n % 60, 100 + n, n, bad, what)
        )
    return b"".join(lines)


def fleet(count: int = 240, hostile: bool = False) -> Fleet:
    """A fleet that is not connected: three hosts in different trouble."""
    clock = Clock(wall=lambda: NOW, monotonic=lambda: 0.0)
    hosts, store = made(count, hostile)
    return Fleet(hosts, store, clock)


def made(count: int, hostile: bool) -> tuple[list[Host], Store]:
    """The hosts of `fleet` and what they told."""
    hosts = [host("mx1"), host("mx3"), host("mx7")]
    store = Store(Formats(), [each.name for each in hosts])
    for name, n in (("mx1", 14), ("mx3", count)):
        store.apply(LinkChanged(name, NOW - 500, LinkState.OK))
        rights = (
            Capability("list", True),
            Capability("read", True),
            Capability("stats", True),
            Capability("logs", False, "the log is not readable", "mailtui sudoers mx3 --for logs"),
        )
        facts = (("os", "Linux 6.1"), ("cf", "/etc/mail/sendmail.cf"), ("queue_directory", "/var/spool/mqueue"))
        store.apply(HostFound(name, NOW, Identity("sendmail", "8.17.1", ("mta",), 0.1, "oncall", facts), rights))
        for step in range(40):
            store.apply(
                QueueRead(name, NOW - 3600 + step * 90, QueueListing(NOW, True, (), rows(name, n * step // 80 + 1)))
            )
        store.apply(QueueRead(name, NOW, QueueListing(NOW, True, (), rows(name, n, hostile))))
        store.apply(StatsRead(name, NOW, stats(RunnerState.DEAD if name == "mx3" else RunnerState.RUNNING)))
        store.apply(LogRead(name, NOW, "/var/log/mail.log", 0, log_lines(300, hostile), True))
        store.apply(
            EvidenceRead(name, NOW, "queue", "sendmail -bp -v", b"\x1b[2J/var/spool/mqueue (3 requests)\nid size\n", 0)
        )
        store.apply(Heard(name, NOW, 0.012))
    store.apply(
        LinkChanged(
            "mx7", NOW - 40, LinkState.RETRYING, "no route to host 192.0.2.17 port 22", "is the VPN up?", 3, NOW + 8
        )
    )
    return hosts, store
