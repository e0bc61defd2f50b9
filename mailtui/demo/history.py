"""The past of a demo host: the log lines that its queue has left so far, and the mail that went through meanwhile."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import Final

from mailtui.demo import maillog, story
from mailtui.demo.maillog import Entry, MailLog
from mailtui.demo.spool import Mail
from mailtui.demo.story import Cause
from mailtui.demo.world import QUEUE_INTERVAL, World

_CURRENT: Final = 40 * story.MINUTE
_PREVIOUS: Final = 2 * story.HOUR
_BEGIN: Final = 6 * story.HOUR
_THROUGH: Final = 400
"""Messages that were delivered at once in the time the logs cover."""
_RUNS: Final = 12
"""At most so many attempts of a message are told; the first ones fell out of the logs."""

HEALTHY: Final = Cause(1, story.GREYLISTED, story.HEALTHY, 0.0)
"""What mail that goes through at once looks like."""


def write_past(world: World, log: MailLog, now: float) -> None:
    """Write the current, the previous and the compressed log up to now."""
    entries = [entry for mail in world.mails.values() for entry in _told(world, mail, now)]
    for _ in range(_THROUGH):
        entries += passing(world, now - world.random.random() * _BEGIN)
    entries = [entry for entry in entries if now - _BEGIN <= entry.at <= now]
    entries.append(Entry(now - _BEGIN, world.daemon_pid, b"starting daemon (8.17.1.9): SMTP+queueing@00:10:00"))
    entries.sort(key=attrgetter("at"))
    oldest = [entry for entry in entries if entry.at < now - _PREVIOUS]
    previous = [entry for entry in entries if now - _PREVIOUS <= entry.at < now - _CURRENT]
    log.append(oldest)
    log.backdate(now - _PREVIOUS)
    log.rotate()
    log.append(previous)
    log.backdate(now - _CURRENT)
    log.rotate()
    log.append(entry for entry in entries if entry.at >= now - _CURRENT)


def passing(world: World, at: float) -> list[Entry]:
    """Tell of a message that arrives and is delivered within the second."""
    mail = world.arrive(HEALTHY, at)
    pid = int(mail.id[8:])
    arrival = maillog.received(mail, pid, world.spool.host)
    return [*arrival, *maillog.sent(mail, at + 1, pid + 1, world.random.randrange(16**7))]


def _told(world: World, mail: Mail, now: float) -> list[Entry]:
    """Tell of a waiting message: its arrival and each attempt since."""
    pid = int(mail.id[8:])
    entries = maillog.received(mail, pid, world.spool.host)
    if mail.directory.client and mail.tries == 1:
        return entries + maillog.deferred(mail, mail.created, pid)
    for run in range(max(0, mail.tries - _RUNS), mail.tries):
        at = mail.tried if run == mail.tries - 1 else mail.created + run * QUEUE_INTERVAL
        if now - at <= _BEGIN:
            entries += maillog.deferred(replace(mail, tries=run + 1), at, pid + run + 1)
    return entries
