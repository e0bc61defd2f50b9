"""The demo's mail log: Sendmail's lines in the words of 8.17, in a file that grows and rotates."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import NamedTuple

from mailtui.demo.spool import Mail

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


class Entry(NamedTuple):
    """One line before it is stamped; entries sort by time."""

    at: float
    pid: int
    text: bytes
    program: bytes = b"sm-mta"


class MailLog:
    """A log file; classic stamps or ISO ones, in the zone that the host's `date` tells."""

    def __init__(self, path: Path, host: str, zone: tzinfo, *, iso: bool) -> None:
        self._path = path
        self._host = host.encode()
        self._zone = zone
        self._iso = iso

    def line(self, entry: Entry) -> bytes:
        """Write one line with its newline; control characters become `\\ooo`, as rsyslog does."""
        text = _escaped(entry.text)
        return b"%b %b %b[%d]: %b\n" % (self._stamp(entry.at), self._host, entry.program, entry.pid, text)

    def append(self, entries: Iterable[Entry]) -> None:
        """Append lines in one write, making the file where it is not there."""
        _append(self._path, b"".join(map(self.line, entries)))

    def rotate(self, keep: int = 4) -> None:
        """Rotate as logrotate does with `create` and `delaycompress`: .1 stays plain, older ones are compressed."""
        if not self._path.exists():
            return
        for number in range(keep, 1, -1):
            if self._numbered(number).exists():
                self._numbered(number).rename(self._numbered(number + 1))
        self._numbered(keep + 1).unlink(missing_ok=True)
        previous = self._path.with_name(self._path.name + ".1")
        if previous.exists():
            self.archive(previous)
            previous.unlink()
        self._path.rename(previous)
        _append(self._path, b"")

    def archive(self, previous: Path) -> None:
        """Write the newest compressed log, .2.gz, with the time of the plain one as gzip does."""
        written = previous.stat()
        _append(self._numbered(2), gzip.compress(previous.read_bytes(), compresslevel=1))
        os.utime(self._numbered(2), ns=(written.st_atime_ns, written.st_mtime_ns))

    def backdate(self, at: float) -> None:
        """Let the log look as if it had been written last at a time."""
        os.utime(self._path, (at, at))

    @property
    def size(self) -> int:
        """Give the bytes in the current log."""
        return self._path.stat().st_size if self._path.exists() else 0

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}.gz")

    def _stamp(self, at: float) -> bytes:
        local = datetime.fromtimestamp(at, self._zone)
        if self._iso:
            return local.isoformat(timespec="microseconds").encode()
        return f"{_MONTHS[local.month - 1]} {local.day:2d} {local:%H:%M:%S}".encode()


def machine_zone() -> tzinfo:
    """Give the zone that sessions see: the machine's, whatever our own TZ says."""
    told = subprocess.run(["date", "+%z"], env={"PATH": os.defpath}, capture_output=True, text=True, check=False).stdout
    found = re.fullmatch(r"([+-])(\d\d)(\d\d)\n", told)
    if not found:
        return UTC
    away = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-away if found[1] == "-" else away)


def _append(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, content)
    finally:
        os.close(handle)


def _escaped(text: bytes) -> bytes:
    return _CONTROL.sub(lambda found: b"\\%03o" % ord(found.group()), text)


def received(mail: Mail, pid: int, host: bytes) -> list[Entry]:
    """Tell of a message's arrival."""
    from_line = b"%b: from=%b, size=%d, class=0, nrcpts=%d, msgid=<%b@%b>" % (
        mail.id.encode(), mail.sender, mail.size, len(mail.recipients), mail.id.lower().encode(), host,
    )  # fmt: skip
    if mail.directory.client:
        return [Entry(mail.created, pid, from_line + b", relay=" + mail.client, b"sendmail")]
    entries = []
    if mail.auth:
        mechanism = b"authid=%b, mech=PLAIN, bits=0" % mail.auth
        secure = b"version=TLSv1.3, verify=NO, cipher=TLS_AES_256_GCM_SHA384, bits=256/256"
        entries = [
            Entry(mail.created, pid, b"STARTTLS=server, relay=%b, %b" % (mail.client, secure)),
            Entry(mail.created, pid, b"AUTH=server, relay=%b, %b" % (mail.client, mechanism)),
        ]
    how = b", bodytype=8BITMIME, proto=ESMTPS, daemon=MTA-v4, relay=" + mail.client
    entries.append(Entry(mail.created, pid, from_line + how))
    if mail.quarantine:
        held = b"%b: milter=spamfilter, quarantine=%b" % (mail.id.encode(), mail.quarantine)
        to = b"delay=00:00:00, mailer=esmtp, pri=%d, quarantine=%b, stat=quarantined" % (mail.priority, mail.quarantine)
        entries += [
            Entry(mail.created, pid, held),
            *(Entry(mail.created, pid, b"%b: to=%b, %b" % (mail.id.encode(), r, to)) for r in mail.recipients),
        ]
    return entries


def deferred(mail: Mail, at: float, pid: int) -> list[Entry]:
    """Tell of a failed attempt, one line for each recipient."""
    entries = []
    for recipient in mail.recipients:
        words = mail.trouble.words(recipient)
        reply = b"reply=%b, " % words.removeprefix(b"Deferred: ") if mail.trouble.replied else b""
        tail = b"dsn=%b, %bstat=%b" % (mail.trouble.dsn.encode(), reply, words)
        entries.append(Entry(at, pid, _to(mail, recipient, at) + tail, _program(mail)))
    return entries


def sent(mail: Mail, at: float, pid: int, answer: int) -> list[Entry]:
    """Tell of a delivery to all recipients."""
    secure = b"version=TLSv1.3, verify=OK, cipher=TLS_AES_256_GCM_SHA384, bits=256/256"
    relay = b"mx1.%b." % _domain(mail.recipients[0])
    tls = Entry(at, pid, b"STARTTLS=client, relay=%b, %b" % (relay, secure))
    tail = b"dsn=2.0.0, stat=Sent (Ok: queued as %X)" % answer
    return [tls, *(Entry(at, pid, _to(mail, r, at) + tail, _program(mail)) for r in mail.recipients)]


def _to(mail: Mail, recipient: bytes, at: float) -> bytes:
    delay = int(at - mail.created)
    days, rest = divmod(delay, 86_400)
    clock = f"{rest // 3600:02d}:{rest % 3600 // 60:02d}:{rest % 60:02d}"
    waited = (f"{days}+{clock}" if days else clock).encode()
    domain = _domain(recipient)
    address = 10 + sum(domain) % 200
    relay = b"mx1.%b. [203.0.113.%d]" % (domain, address)
    mailer = b"esmtp"
    if mail.directory.client:
        mailer, relay = b"relay", b"[127.0.0.1] [127.0.0.1]"
    return b"%b: to=%b, delay=%b, xdelay=00:00:01, mailer=%b, pri=%d, relay=%b, " % (
        mail.id.encode(), recipient, waited, mailer, mail.priority, relay,
    )  # fmt: skip


def _domain(recipient: bytes) -> bytes:
    return recipient.rpartition(b"@")[2].rstrip(b">")


def _program(mail: Mail) -> bytes:
    """Give who tries: for mail handed in here first the sender's own process, then the client queue's runner."""
    if mail.directory.client:
        return b"sendmail" if mail.tries <= 1 else b"sm-msp-queue"
    return b"sm-mta"
