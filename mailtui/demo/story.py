"""The words of the demo's story: senders, domains, subjects and the troubles that keep mail in the queue.

All names are reserved for documentation (RFC 2606, RFC 5737), so nobody real is accused of an outage.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why mail cannot be delivered for now, in Sendmail's own words."""

    name: str
    reason: bytes
    """The text behind `M` in a qf file; %(rcpt)b, %(domain)b and %(mx)b are filled in."""
    dsn: str
    replied: bool
    """True where the other side said it: the reason then stands before each recipient too, and `reply=` in the log."""
    relief: float
    """Chance that a retry succeeds."""
    errno: int = 0
    """Linux's number of the failed system call, where one failed."""

    def words(self, recipient: bytes) -> bytes:
        """Give the reason for one recipient."""
        domain = recipient.rpartition(b"@")[2].rstrip(b">")
        return self.reason % {b"rcpt": recipient.strip(b"<>"), b"domain": domain, b"mx": b"mx1." + domain}


REFUSED: Final = Trouble("refused", b"Deferred: Connection refused by %(mx)b.", "4.4.1", False, 0.0, 111)
TIMEOUT: Final = Trouble("timeout", b"Deferred: Connection timed out with %(mx)b.", "4.4.1", False, 0.1, 110)
NO_ROUTE: Final = Trouble("no-route", b"Deferred: %(mx)b.: No route to host", "4.4.1", False, 0.1, 113)
DNS: Final = Trouble("dns", b"host map: lookup (%(domain)b): deferred", "4.4.3", False, 0.05)
TLS: Final = Trouble("tls", b"Deferred: 454 4.7.0 TLS handshake failed.", "4.7.0", False, 0.05)
GREYLISTED: Final = Trouble(
    "greylisted",
    b"Deferred: 450 4.2.0 <%(rcpt)b>: Recipient address rejected: Greylisted,"
    b" see http://postgrey.schweikert.ch/help/%(domain)b.html",
    "4.2.0", True, 0.6,
)  # fmt: skip
FULL: Final = Trouble(
    "full",
    b"Deferred: 452 4.2.2 <%(rcpt)b>: Mailbox full, quota exceeded (5120000 of 5120000 KB)",
    "4.2.2", True, 0.02,
)  # fmt: skip
BUSY: Final = Trouble(
    "busy",
    b"Deferred: 421 4.3.2 %(mx)b Too many connections from your host, try again later",
    "4.5.0", True, 0.3,
)  # fmt: skip
FILTER: Final = Trouble(
    "filter", b"Deferred: 451 4.7.1 Content filter unavailable, try again later", "4.7.1", True, 0.2
)
HOSTILE: Final = Trouble(
    "hostile",
    b"Deferred: 451-4.7.1 \x1b[31m[bold red]Your mail[/] is \x1b]0;pwned\x07 deferred",
    "4.7.1", True, 0.0,
)  # fmt: skip
NOT_TAKEN: Final = Trouble("not-taken", b"Deferred: 421 4.3.2 Connection rate limit exceeded.", "4.3.2", True, 0.9)
"""What the host's own daemon said to mail handed in on the host: it waits in the client queue."""


class Origin(Enum):
    """What kind of sender mail has."""

    STAFF = "staff"
    AUTHENTICATED = "authenticated"
    NEWSLETTER = "newsletter"
    BOUNCE = "bounce"
    CRON = "cron"
    """Handed in on the host itself: it stands in the client queue."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One strand of the story on a host: so many messages wait for this trouble, the oldest for so long."""

    weight: float
    trouble: Trouble
    domains: tuple[str, ...]
    oldest: float
    """Seconds."""
    rising: bool = False
    """True where ever more arrive; otherwise they are spread evenly."""
    origin: Origin = Origin.STAFF
    quarantine: bytes = b""
    """A filter holds this mail for this reason (an hf file)."""


@dataclass(frozen=True, slots=True)
class Character:
    """What a host is like."""

    share: float
    """Of all messages in the demo."""
    causes: tuple[Cause, ...]
    iso: bool
    """ISO stamps in the log, else classic ones."""
    groups: bool
    """Several queue directories, one of them split into qf, df and xf, and a queue group of its own."""
    msp_runner: bool
    """True where somebody runs the client queue."""
    traffic: float
    """Messages a second that are delivered at once."""
    load: float


MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86400.0

OUTAGE: Final = "bigmail.example"
SLOW: Final = ("grey.example", "post.example", "mail.kunde.example")
FULL_AT: Final = ("students.example", "freemail.example")
HEALTHY: Final = ("partner.example", "supplier.example", "kunde.example", "city.example", "xn--bcher-kva.example")

CALM: Final = Character(
    share=0.06, iso=False, groups=False, msp_runner=True, traffic=1.2, load=0.3,
    causes=(
        Cause(9, GREYLISTED, SLOW, 14 * MINUTE),
        Cause(4, FULL, FULL_AT, 30 * HOUR),
        Cause(3, TIMEOUT, ("far.example",), 3 * HOUR, origin=Origin.AUTHENTICATED),
        Cause(2, DNS, ("broken-dns.example",), 5 * HOUR),
        Cause(1, HOSTILE, ("hostile.example",), 2 * HOUR),
        Cause(1, NOT_TAKEN, ("partner.example",), 2 * MINUTE, origin=Origin.CRON),
    ),
)  # fmt: skip
STUCK: Final = Character(
    share=0.72, iso=True, groups=False, msp_runner=True, traffic=0.6, load=1.7,
    causes=(
        Cause(78, REFUSED, (OUTAGE,), 134 * MINUTE, rising=True),
        Cause(5, REFUSED, (OUTAGE,), 130 * MINUTE, rising=True, origin=Origin.AUTHENTICATED),
        Cause(7, TIMEOUT, ("promo-blast.example", "win-big.example"), 55 * MINUTE, True, Origin.BOUNCE),
        Cause(3, GREYLISTED, SLOW, 20 * MINUTE),
        Cause(3, FULL, FULL_AT, 40 * HOUR),
        Cause(1, TLS, ("oldtls.example",), 6 * HOUR),
        Cause(1, HOSTILE, ("hostile.example",), 1 * HOUR),
        Cause(2, GREYLISTED, HEALTHY, 90 * MINUTE, quarantine=b"spamfilter: looks [bold red]suspicious[/]"),
    ),
)  # fmt: skip
SPLIT: Final = Character(
    share=0.22, iso=True, groups=True, msp_runner=False, traffic=0.8, load=0.8,
    causes=(
        Cause(40, BUSY, ("freemail.example", "grey.example"), 50 * MINUTE, origin=Origin.NEWSLETTER),
        Cause(20, NOT_TAKEN, HEALTHY, 62 * MINUTE, origin=Origin.CRON),
        Cause(15, GREYLISTED, SLOW, 25 * MINUTE),
        Cause(10, NO_ROUTE, ("island.example",), 9 * HOUR),
        Cause(10, FILTER, ("supplier.example",), 2 * HOUR, origin=Origin.AUTHENTICATED),
        Cause(3, FULL, FULL_AT, 2 * DAY),
        Cause(2, GREYLISTED, HEALTHY, 3 * HOUR, quarantine=b"Sender promo.example under review"),
    ),
)  # fmt: skip


def character(index: int) -> Character:
    """Give the character of the host at this place in the fleet; from the fourth on they are calm."""
    return (CALM, STUCK, SPLIT)[index] if index < 3 else CALM


PEOPLE: Final = (
    "anna", "bob", "carla", "dmitri", "elena", "faruk", "grace", "hiro", "ines", "jonas", "kofi", "lena", "marek",
    "nadia", "omar", "petra", "quinn", "rosa", "sven", "tomas", "ursula", "viktor", "wanda", "yuki", "zoe",
)  # fmt: skip
OUR_DOMAINS: Final = ("example.net", "sales.example.net", "example.org")
SUBJECTS: Final = (
    b"Minutes of Monday's meeting", b"Re: offer 2214", b"Invoice 83-1190", b"Backup finished on db1",
    b"Your order has been shipped", b"Re: Re: contract, second draft", b"Lunch on Thursday?", b"Build 4711 failed",
    b"Password reset", b"Holiday plan", b"=?utf-8?B?R3LDvMOfZSBhdXMgTcO8bmNoZW4=?=",
    b"=?utf-8?B?5pel5pys6Kqe44Gu5Lu25ZCN44Gn44GZ?=", b"=?utf-8?Q?=F0=9F=94=A5_Sale_ends_today!?=", b"",
)  # fmt: skip
HOSTILE_SUBJECTS: Final = (
    b"[bold red]URGENT[/] [@click=app.quit]click[/]", b"\x1b[2J\x1b]0;pwned\x07 screen gone",
    b"\x1b]52;c;cm0gLXJmIC8=\x07 clipboard", b"[/bold]", b"not utf-8: \xff\xfe caf\xe9",
    "bidi \u202egnp.exe\u202c and \u200bzero width".encode(), b"$(touch /tmp/x) `id` ; rm -rf ~",
)  # fmt: skip
"""Each is an attack on a terminal, on markup or on a shell; the console has to show all of them as text."""
