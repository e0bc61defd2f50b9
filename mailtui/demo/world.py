"""The demo's hosts: their folders, their configuration files and the mail that waits on them.

Everything but the present time follows from the seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from random import Random
from typing import Final

from mailtui.demo import story
from mailtui.demo.place import make_folder
from mailtui.demo.spool import VERSION, Directory, Ids, Mail, Spool
from mailtui.demo.story import Cause, Character, Origin

DOMAIN: Final = "example.net"
QUEUE_INTERVAL: Final = 600.0
"""Seconds between the attempts of a message in the queue."""
_TOLD_EACH: Final = 10_000
_SAMPLE: Final = 2000
"""So many messages of a host are kept in memory and live on; the rest of a huge queue only waits."""


class World:
    """One host: where things lie, who it is, and the messages that its life goes on with."""

    def __init__(self, root: Path, name: str, character: Character, seed: int) -> None:
        self.root = root
        self.name = name
        self.full_name = f"{name}.{DOMAIN}"
        self.character = character
        self.random = Random(f"{seed}/{name}")  # noqa: S311 (a story, not a secret)
        self.ids = Ids(self.random.randint(2000, 60_000))
        self.daemon_pid = self.random.randint(700, 1500)
        self.spool = Spool(self.full_name.encode(), root / "var/spool/.bodies")
        queue = root / "var/spool/mqueue"
        self.client_queue = Directory.whole(root / "var/spool/mqueue-client", client=True)
        self.queues: tuple[Directory, ...] = (Directory.whole(queue),)
        self.bulk: Directory | None = None
        if character.groups:
            self.bulk = Directory.whole(root / "var/spool/bulk")
            self.queues = (
                Directory.whole(queue / "q1"), Directory.whole(queue / "q2"), Directory.split(queue / "q3"),
            )  # fmt: skip
        self.mails: dict[str, Mail] = {}
        """The messages that life goes on with, by id; oldest attempt first."""

    @property
    def log_path(self) -> Path:
        """Give the path of the mail log."""
        return self.root / "var/log/mail.log"

    def build(self, now: float, messages: int, progress: Callable[[int], None]) -> None:
        """Make folders, configuration and `messages` queued messages."""
        for folder in ("etc/mail", "var/log", "var/lib/sendmail/host_status", "run/sendmail", "home", "state", "proc"):
            make_folder(self.root / folder)
        for directory in (*self.queues, self.client_queue, *([self.bulk] if self.bulk else [])):
            directory.make()
        self.spool.make_bodies(self.random)
        write_configuration(self)
        write_troubles(self)
        for number, mail in enumerate(self._waiting(now, messages)):
            self.spool.add(mail)
            if number < _SAMPLE:
                self.mails[mail.id] = mail
            if (number + 1) % _TOLD_EACH == 0:
                progress(number + 1)
        self.mails = {mail.id: mail for mail in sorted(self.mails.values(), key=attrgetter("tried"))}
        if self.character is story.STUCK:
            at = now - 3 * story.HOUR
            self.spool.orphan(self.queues[0], self.ids.make(at)[0], at)

    def _waiting(self, now: float, messages: int) -> Iterator[Mail]:
        """Make the messages that wait; the last of a host with queue groups is lost."""
        causes = self.character.causes
        weights = [cause.weight for cause in causes]
        for number in range(messages):
            # Each strand of the story is there, even in a small queue.
            cause = causes[number] if number < len(causes) else self.random.choices(causes, weights)[0]
            if number == messages - 1 and self.character is story.SPLIT:
                yield replace(self._waiting_for(causes[0], now), kind="Q")
            else:
                yield self._waiting_for(cause, now)

    def _waiting_for(self, cause: Cause, now: float) -> Mail:
        """Make a message that has waited for this cause, tried at each queue run since."""
        share = self.random.random()
        age = cause.oldest * (1 - math.sqrt(share) if cause.rising else share)
        created = now - age
        if cause.quarantine:
            return self.arrive(cause, created, 0, created)
        if cause.origin is Origin.CRON and not self.character.msp_runner:
            return self.arrive(cause, created, 1, created)
        runs = int(age // QUEUE_INTERVAL)
        late = self.random.random() * min(60.0, age - runs * QUEUE_INTERVAL)
        return self.arrive(cause, created, runs + 1, created + runs * QUEUE_INTERVAL + late)

    def cause(self) -> Cause:
        """Pick one of the host's troubles by weight; quarantine and hand-ins come by themselves."""
        causes = [cause for cause in self.character.causes if not cause.quarantine]
        return self.random.choices(causes, [cause.weight for cause in causes])[0]

    def arrive(self, cause: Cause, at: float, tries: int = 0, tried: float = 0.0) -> Mail:
        """Make a message that arrives at this time, not yet tried unless told otherwise."""
        random = self.random
        hostile = cause.trouble is story.HOSTILE
        count = 1 if cause.origin is Origin.BOUNCE or random.random() < 0.85 else random.randint(2, 5)
        recipients = tuple(
            f"<{random.choice(story.PEOPLE)}.{random.randint(1, 999)}@{random.choice(cause.domains)}>".encode()
            for _ in range(count)
        )
        who = f"{random.choice(story.PEOPLE)}.{random.randint(1, 99)}"
        sender, client = self._origin(cause.origin, who)
        subject = random.choice(story.HOSTILE_SUBJECTS if hostile else story.SUBJECTS)
        directory = random.choice(self.queues)
        if cause.origin is Origin.CRON:
            directory, recipients = self.client_queue, tuple(each.strip(b"<>") for each in recipients)
        elif cause.origin is Origin.NEWSLETTER and self.bulk:
            directory, subject = self.bulk, b"The week at example.net"
        elif cause.origin is Origin.BOUNCE:
            subject = b"Returned mail: see transcript for details"
        return Mail(
            id=self.ids.make(at)[0], directory=directory, trouble=cause.trouble, created=at, tried=tried, tries=tries,
            size=random.choice(self.spool.sizes), sender=sender, recipients=recipients, subject=subject, client=client,
            auth=who.encode() if cause.origin is Origin.AUTHENTICATED else b"",
            quarantine=cause.quarantine, kind="h" if cause.quarantine else "q",
        )  # fmt: skip

    def _origin(self, origin: Origin, who: str) -> tuple[bytes, bytes]:
        """Give sender and client of mail of this kind."""
        domain = self.random.choice(story.OUR_DOMAINS)
        if origin is Origin.BOUNCE:
            return b"<>", b"localhost [127.0.0.1]"
        if origin is Origin.CRON:
            return f"cron@{self.full_name}".encode(), b"root@localhost"
        if origin is Origin.NEWSLETTER:
            return f"<bounces+{who}@news.{domain}>".encode(), b"news.example.net [192.0.2.80]"
        if origin is Origin.AUTHENTICATED:
            address = f"198.51.100.{self.random.randint(1, 254)}"
            return f"<{who}@{domain}>".encode(), f"dsl-{address.replace('.', '-')}.isp.example [{address}]".encode()
        return f"<{who}@{domain}>".encode(), b"mailhub.example.net [192.0.2.10]"


@dataclass(frozen=True, slots=True)
class Share:
    """How many messages a host gets."""

    name: str
    character: Character
    messages: int


def shares(hosts: int, messages: int) -> tuple[Share, ...]:
    """Divide the messages among the hosts; what goes beyond a usual queue all waits on the one with the outage."""
    characters = [story.character(index) for index in range(hosts)]
    usual = min(messages, 600)
    total = sum(character.share for character in characters)
    counts = [int(usual * character.share / total) for character in characters]
    counts[min(1, hosts - 1)] += messages - sum(counts)
    return tuple(Share(f"mx{number + 1}", characters[number], counts[number]) for number in range(hosts))


def write_configuration(world: World) -> None:
    """Write sendmail.cf and submit.cf with what a reader of the queue looks for."""
    spool = world.root / "var/spool"
    run = world.root / "run/sendmail"
    queue = spool / ("mqueue/q*" if world.character.groups else "mqueue")
    groups = f"Qbulk, P={spool / 'bulk'}, F=f, I=5m, R=2\n" if world.character.groups else ""
    common = (
        f"DZ{VERSION}\nDj{world.full_name}\n"
        "O MinFreeBlocks=100\nO QueueFileMode=0600\nO LogLevel=9\n"
        "O Timeout.queuereturn=5d\nO Timeout.queuewarn=4h\nO Timeout.hoststatus=10m\n"
    )
    main = (
        f"{common}O DeliveryMode=background\n"
        f"O HostStatusDirectory={world.root / 'var/lib/sendmail/host_status'}\n"
        "O PrivacyOptions=needmailhelo,needexpnhelo,needvrfyhelo,restrictqrun,restrictexpand,authwarnings\n"
        "O DaemonPortOptions=Name=MTA-v4, Family=inet, Port=smtp\n"
        "O DaemonPortOptions=Name=MSP-v4, Family=inet, Port=submission, M=Ea\n"
        f"O MaxRunnersPerQueue=5\nO QueueDirectory={queue}\nO SuperSafe=True\n"
        f"O StatusFile={world.root / 'var/lib/sendmail/sendmail.st'}\n"
        "O QueueLA=8\nO RefuseLA=12\nO MaxDaemonChildren=150\nO ConnectionRateThrottle=40\n"
        f"O PidFile={run / 'sendmail.pid'}\n{groups}"
    )
    submit = f"{common}O DeliveryMode=i\nO QueueDirectory={spool / 'mqueue-client'}\nO PidFile={run / 'msp.pid'}\n"
    for name, text in (("sendmail.cf", main), ("submit.cf", submit)):
        path = world.root / "etc/mail" / name
        path.touch(0o600)
        path.write_text(text)


def write_troubles(world: World) -> None:
    """Write what each domain answers for now, for the stand-in that tries messages when it is told to."""
    lines: dict[str, bytes] = {}
    for cause in world.character.causes:
        trouble = cause.trouble
        fields = (f"{trouble.relief}", trouble.dsn, "1" if trouble.replied else "0")
        for domain in cause.domains:
            lines.setdefault(domain, "\t".join([domain, *fields, ""]).encode() + trouble.reason + b"\n")
    path = world.root / "state/troubles"
    path.touch(0o600)
    path.write_bytes(b"".join(lines.values()))
