"""Queue files of the demo: where they lie and the bytes in them, as Sendmail 8.17 writes them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Final

from mailtui.demo.place import make_folder
from mailtui.demo.story import Trouble

VERSION: Final = "8.17.1.9"
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
_WORK_TIME: Final = 90_000
_RECIPIENT_FACTOR: Final = 30_000
_BODIES: Final = 48
_ATTEMPTS: Final = re.compile(rb"^K([0-9]+)\nN([0-9]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Directory:
    """One queue directory: the folders of its control, data and transcript files, which may be the same one."""

    qf: Path
    df: Path
    xf: Path
    client: bool = False

    @classmethod
    def whole(cls, path: Path, *, client: bool = False) -> Directory:
        """Make a directory that holds all kinds of files."""
        return cls(path, path, path, client)

    @classmethod
    def split(cls, path: Path) -> Directory:
        """Make a directory with a folder for each kind of file."""
        return cls(path / "qf", path / "df", path / "xf")

    def make(self) -> None:
        """Make its folders."""
        for folder in (self.qf, self.df, self.xf):
            make_folder(folder)


@dataclass(frozen=True, slots=True)
class Mail:
    """A message as its qf file tells it."""

    id: str
    directory: Directory
    trouble: Trouble
    created: float
    tried: float
    tries: int
    size: int
    sender: bytes
    """As in the S line: with angle brackets, but for mail handed in on the host itself."""
    recipients: tuple[bytes, ...]
    """As in the R lines."""
    subject: bytes
    client: bytes
    """`name [ip]`, or user@localhost for local mail."""
    auth: bytes = b""
    quarantine: bytes = b""
    kind: str = "q"
    """First letter of the control file: q, h where quarantined, Q where lost."""

    @property
    def reason(self) -> bytes:
        """Give the message's own reason; b"" before the first try."""
        return self.trouble.words(self.recipients[-1]) if self.tries else b""

    @property
    def priority(self) -> int:
        """Give the P line's number, larger for big, wide and often tried mail."""
        return self.size + _RECIPIENT_FACTOR * len(self.recipients) + _WORK_TIME * max(0, self.tries - 1)

    def retried(self, at: float) -> Mail:
        """Give it after one more failed attempt."""
        return replace(self, tried=at, tries=self.tries + 1)

    @property
    def peer(self) -> str:
        """Give the host that it goes to."""
        return "mx1." + self.recipients[-1].rpartition(b"@")[2].rstrip(b">").decode()

    @property
    def control(self) -> Path:
        """Give the path of its control file."""
        return self.directory.qf / f"{self.kind}f{self.id}"

    @property
    def data(self) -> Path:
        """Give the path of its data file."""
        return self.directory.df / f"df{self.id}"


class Ids:
    """Makes queue ids as Sendmail does: a letter for each part of the time, a sequence, the process id."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def make(self, at: float) -> tuple[str, int]:
        """Give a fresh id for this arrival and the process that took it in."""
        self._pid = self._pid + 1 if self._pid < 999_999 else 1000
        return f"{_stamp(int(at))}{_DIGITS[self._pid // 60 % 60]}{_DIGITS[self._pid % 60]}{self._pid:06d}", self._pid


@lru_cache(maxsize=4096)
def _stamp(second: int) -> str:
    at = time.gmtime(second)
    parts = ((at.tm_year - 1900) % 60, at.tm_mon - 1, at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec % 60)
    return "".join(_DIGITS[part] for part in parts)


@lru_cache(maxsize=4096)
def _date(second: int) -> bytes:
    at = time.gmtime(second)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[at.tm_wday]
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[at.tm_mon - 1]
    clock = f"{at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d}"
    return f"{day}, {at.tm_mday:02d} {month} {at.tm_year} {clock} +0000".encode()


def control_bytes(mail: Mail, host: bytes) -> bytes:
    """Write the qf file of a message on a host of this full name."""
    lines = [
        b"V8\nT%d\nK%d\nN%d\nP%d" % (mail.created, mail.tried, mail.tries, mail.priority),
    ]
    if mail.tries and not mail.quarantine:
        lines.append(b"M" + mail.reason)
    if mail.quarantine:
        lines.append(b"q" + mail.quarantine)
    lines.append(b"Fbs")
    name, _, rest = mail.client.partition(b" ")
    if mail.directory.client:
        lines += [b"$_" + mail.client, b"${daemon_flags}c u", b"S" + mail.sender, b"A" + mail.sender]
    else:
        lines += [b"$_" + name + b" " + rest, b"$rESMTPS" if rest else b"$rESMTP", b"$s" + name]
        if mail.auth:
            lines += [b"${auth_authen}" + mail.auth, b"${auth_author}" + mail.auth, b"${auth_type}PLAIN"]
        lines += [b"${daemon_flags}", b"S" + mail.sender]
    for recipient in mail.recipients:
        if mail.tries and mail.trouble.replied and not mail.quarantine:
            lines.append(b"M" + mail.trouble.words(recipient))
        if mail.directory.client:
            lines.append(b"C:" + recipient)
        lines += [b"rRFC822; " + recipient.strip(b"<>"), b"RPFD:" + recipient]
    lines += _headers(mail, host)
    lines.append(b".\n")
    return b"\n".join(lines)


def _headers(mail: Mail, host: bytes) -> list[bytes]:
    date = _date(int(mail.created))
    by = b"\tby %b (%b/%b) with ESMTPS id %b;\n\t%b" % (
        host, VERSION.encode(), VERSION.encode(), mail.id.encode(), date,
    )  # fmt: skip
    author = mail.sender.strip(b"<>") or b"MAILER-DAEMON@" + host
    return [
        b"H?P?Return-Path: <\x81g>",
        b"H??Received: from %b (%b)\n%b" % (mail.client.partition(b" ")[0], mail.client, by),
        b"H??From: " + author,
        b"H??To: " + b",\n\t".join(mail.recipients),
        b"H??Subject: " + mail.subject,
        b"H??Date: " + date,
        b"H??Message-ID: <%b@%b>" % (mail.id.lower().encode(), host),
        b"H??MIME-Version: 1.0",
        b"H??Content-Type: text/plain; charset=utf-8",
    ]


@dataclass(slots=True)
class Spool:
    """Writes and removes queue files; those of a new fleet share a few bodies, so that 100,000 are made in seconds."""

    host: bytes
    """Full name of the host."""
    bodies: Path
    sizes: list[int] = field(default_factory=list)

    def make_bodies(self, random: Random) -> None:
        """Write the bodies that all data files share."""
        make_folder(self.bodies)
        line = b"The quick brown fox jumps over the lazy dog, and the mail waits in the queue.\n"
        for number in range(_BODIES):
            size = min(400_000, max(6, int(random.lognormvariate(8.2, 1.4))))
            _write(self.bodies / str(number), (line * (size // len(line) + 1))[:size])
            self.sizes.append(size)

    def take_in(self, mail: Mail) -> None:
        """Write a message's data file, then its control file, both of the present time."""
        _write(mail.data, (self.bodies / str(self.sizes.index(mail.size))).read_bytes())
        _write(mail.control, control_bytes(mail, self.host))

    def add(self, mail: Mail) -> None:
        """Write a message cheaply: its data file is a link to a body."""
        # Plain text for paths: of the time that 100,000 messages take, pathlib would be a third.
        os.link(f"{self.bodies}/{self.sizes.index(mail.size)}", f"{mail.directory.df}/df{mail.id}")
        _write(f"{mail.directory.qf}/{mail.kind}f{mail.id}", control_bytes(mail, self.host))

    def rewrite(self, mail: Mail) -> None:
        """Replace a message's control file as Sendmail does: a temporary file, then a rename; the inode changes."""
        temporary = mail.directory.qf / f"tf{mail.id}"
        temporary.unlink(missing_ok=True)  # one that a killed process left
        _write(temporary, control_bytes(mail, self.host))
        temporary.rename(mail.control)

    @contextlib.contextmanager
    def locked(self, mail: Mail) -> Iterator[Mail | None]:
        """Lock a message as Sendmail does and give it with the attempts that others made; None where another has it.

        Raises FileNotFoundError where it is not in the queue.
        """
        handle = os.open(mail.control, os.O_RDWR)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                mine = os.path.samestat(os.fstat(handle), mail.control.stat())
            except BlockingIOError:
                mine = False
            told = _ATTEMPTS.search(os.read(handle, 4096)) if mine else None
            if told and int(told[2]) != mail.tries:
                mail = replace(mail, tried=float(told[1]), tries=int(told[2]))
            yield mail if mine else None
        finally:
            os.close(handle)

    def remove(self, mail: Mail) -> None:
        """Remove a delivered message; one that somebody took away already is no fault."""
        # In this order nobody ever sees an old data file alone, which would look lost.
        mail.data.unlink(missing_ok=True)
        mail.control.unlink(missing_ok=True)

    def orphan(self, directory: Directory, name: str, at: float) -> None:
        """Leave a data file of this time that no control file belongs to."""
        path = directory.df / f"df{name}"
        _write(path, (self.bodies / "0").read_bytes())
        os.utime(path, (at, at))


def _write(path: Path | str, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, content)
    finally:
        os.close(handle)
