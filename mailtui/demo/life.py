"""What goes on on a demo host: mail comes, is tried again, goes; the log tells of it and rotates."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from itertools import islice
from operator import attrgetter
from typing import Final

from mailtui.demo import history, maillog, story
from mailtui.demo.machine import Machine, write_host_status
from mailtui.demo.maillog import Entry, MailLog
from mailtui.demo.spool import Mail
from mailtui.demo.world import QUEUE_INTERVAL, World

_TICK: Final = 1.0
_ROTATION: Final = 2 * story.HOUR
"""Seconds between two rotations of the log: with four old ones, hours of it are there to look into."""
_FULL: Final = 256 * 1024**2
"""Bytes from which on a log is rotated before its time: a burst must not fill the disk."""
_GROWTH: Final = 400
"""A queue grows by at most so many messages."""
_RUN_SHOWN: Final = 60.0
_RUN_LASTS: Final = 7.0
"""A queue run shows in the process table for so many seconds of each minute."""
_AT_ONCE: Final = 20
"""So many messages are tried again in one tick at most."""
_LOOKED_FOR: Final = 100
"""Of what somebody took out of the queue so many are looked for in one tick."""
_MISSED: Final = 5000
"""So many of them are kept in mind."""

_NOISE: Final = (
    b"ruleset=check_rcpt, arg1=<%(who)b@elsewhere.example>, relay=[%(ip)b], "
    b"reject=550 5.7.1 <%(who)b@elsewhere.example>... Relaying denied. IP name lookup failed [%(ip)b]",
    b"ruleset=check_relay, arg1=[%(ip)b], arg2=%(ip)b, relay=[%(ip)b], reject=550 5.7.1 Access denied",
    b"<%(who)b@example.net>... User unknown",
    b"[%(ip)b] did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA-v4",
    b"AUTH failure (PLAIN): authentication failure (-13) SASL(-13): authentication failure: "
    b"Password verification failed, user=%(who)b@example.net, relay=[%(ip)b]",
    b"lost input channel from [%(ip)b] to MTA-v4 after rcpt",
)


class Life:
    """One host's life, a tick a second."""

    def __init__(self, world: World, log: MailLog, machine: Machine, rate: float) -> None:
        self.world = world
        self.log = log
        self.machine = machine
        self._rate = rate
        self._limit = len(world.mails) + _GROWTH
        self._next_rotation = time.time() + _ROTATION * world.random.uniform(0.5, 1.0)
        self._fresh: list[Mail] = []
        """Arrived in the tick before and not tried yet."""
        self._delivering: list[tuple[int, str]] = []
        self._away = {
            mail.id: replace(mail, quarantine=b"", kind="q") for mail in world.mails.values() if mail.kind == "h"
        }
        """Held, or taken out of the queue by somebody; it may come back."""
        latest = {mail.peer: mail for mail in world.mails.values() if mail.tries and not mail.directory.client}
        for peer, mail in latest.items():
            write_host_status(world, peer, mail.tried, mail.trouble)

    async def run(self) -> None:
        """Live until cancelled."""
        while True:
            await asyncio.sleep(_TICK)
            now = time.time()
            self.tick(now)
            if self.rotation_due(now):
                # A burst may have left a hundred megabytes to compress.
                await asyncio.to_thread(self.rotate)
                self._next_rotation = now + _ROTATION

    def tick(self, now: float) -> None:
        """Let a second pass: arrivals, attempts, log lines, counters."""
        entries: list[Entry] = []
        self._delivering = []
        self._come_back()
        waiting, self._fresh = self._fresh, []
        for mail in waiting + self._due(now):
            entries += self._try(mail, now)
        for _ in range(self._often(self.world.character.traffic)):
            entries += self._pass_through(now)
        for _ in range(self._often(self._trouble_rate())):
            entries += self._queue_one(now)
        for _ in range(self._often(0.25)):
            entries.append(self._noise(now))
        if entries:
            self.log.append(sorted(entries, key=attrgetter("at")))
        if now % _RUN_SHOWN < _RUN_LASTS:
            runner = f"sendmail: MTA: running queue: {self.world.queues[0].df}"
            self._delivering.append((self.world.daemon_pid + 7, runner))
        self.machine.update(now, tuple(self._delivering))

    def rotation_due(self, now: float) -> bool:
        """Tell whether the log is old or full; where life stands still it is left alone."""
        return bool(self._rate) and (now >= self._next_rotation or self.log.size >= _FULL)

    def rotate(self) -> None:
        """Rotate the log now."""
        self.log.rotate()

    def _often(self, a_second: float) -> int:
        """Give how many times something of this rate happens in one tick."""
        expected = a_second * self._rate * _TICK
        whole = int(expected)
        return whole + (self.world.random.random() < expected - whole)

    def _trouble_rate(self) -> float:
        """Give how many messages a second get stuck; an outage collects ever more until the limit."""
        if len(self.world.mails) >= self._limit:
            return 0.0
        return 0.4 if self.world.character is story.STUCK else 0.08

    def _pass_through(self, now: float) -> list[Entry]:
        counters = self.machine.counters
        counters.received += 1
        counters.sent += 1
        counters.connections += 1
        counters.received_size += 4
        counters.sent_size += 4
        return history.passing(self.world, now - 1)

    def _queue_one(self, now: float) -> list[Entry]:
        """Take in a message that will get stuck at its first attempt, in the next tick."""
        mail = self.world.arrive(self.world.cause(), now)
        self.machine.counters.received += 1
        self.world.spool.take_in(mail)
        self.world.mails[mail.id] = mail
        self._fresh.append(mail)
        return maillog.received(mail, int(mail.id[8:]), self.world.spool.host)

    @property
    def _interval(self) -> float:
        """Give the seconds between two attempts of a message."""
        return QUEUE_INTERVAL / max(1.0, self._rate)

    def _due(self, now: float) -> list[Mail]:
        """Give what the queue runner tries now: the longest untried first; nobody runs a dead runner's queue."""
        due: list[Mail] = []
        if not self._rate:
            return due
        for mail in self.world.mails.values():
            if mail.kind != "q" or (mail.directory.client and not self.world.character.msp_runner):
                continue
            if now - mail.tried < self._interval or len(due) >= _AT_ONCE:
                break
            due.append(mail)
        return due

    def _come_back(self) -> None:
        """Go on with what is in the queue again: released, or brought back by an undo."""
        for mail in list(islice(self._away.values(), _LOOKED_FOR)):
            del self._away[mail.id]
            if mail.control.exists():
                self.world.mails[mail.id] = mail
            else:
                self._away[mail.id] = mail

    def _try(self, mail: Mail, now: float) -> list[Entry]:
        """Try a message again; what somebody took out of the queue, or is at work on, is left alone."""
        del self.world.mails[mail.id]
        try:
            with self.world.spool.locked(mail) as found:
                if found is None or (found.tries != mail.tries and now - found.tried < self._interval):
                    self.world.mails[mail.id] = found or mail
                    return []
                return self._attempt(found, now)
        except FileNotFoundError:
            self._away[mail.id] = mail
            if len(self._away) > _MISSED:
                del self._away[next(iter(self._away))]
            return []

    def _attempt(self, mail: Mail, now: float) -> list[Entry]:
        """Deliver a message, or have it wait on."""
        pid = self.world.ids.make(now)[1]
        self._delivering.append((pid, f"sendmail: {mail.id} {mail.peer}.: user open"))
        if mail.tries and self.world.random.random() < mail.trouble.relief:
            self.world.spool.remove(mail)
            self.machine.counters.sent += 1
            return maillog.sent(mail, now, pid, self.world.random.randrange(16**7))
        tried = mail.retried(now)
        self.world.spool.rewrite(tried)
        self.world.mails[tried.id] = tried
        return self._failed(tried, now, pid)

    def _failed(self, mail: Mail, now: float, pid: int) -> list[Entry]:
        if not mail.directory.client:
            write_host_status(self.world, mail.peer, now, mail.trouble)
        return maillog.deferred(mail, now, pid)

    def _noise(self, now: float) -> Entry:
        """Tell of somebody who was refused."""
        random = self.world.random
        identity, pid = self.world.ids.make(now)
        self.machine.counters.rejected += 1
        values = {
            b"who": random.choice(story.PEOPLE).encode(),
            b"ip": f"198.51.100.{random.randint(1, 254)}".encode(),
        }
        return Entry(now, pid, identity.encode() + b": " + random.choice(_NOISE) % values)
