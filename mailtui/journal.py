"""The append-only record of what was done: one hash chain a month, synced before anything runs (docs/adr/0005).

Each record is one line of ASCII JSON in `YYYY-MM.jsonl` (UTC), written under a lock that all processes of this user
share, and carries the hash of the record before it; a month's first record carries the head of the month before. So a
record that was changed, left out or put in shows, and a whole old month can be erased. Addresses stand in it as keyed
pseudonyms: the same person has the same one, and nobody without the key can tell who it is.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import hashlib
import hmac
import json
import math
import os
import re
import secrets
import shlex
import socket
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mailtui.clock import SYSTEM, Clock
from mailtui.errors import MailtuiError, UsageError
from mailtui.model import plain_reason
from mailtui.processes import process

FORMAT: Final = 1
"""Format number of a record."""

_OWN: Final = frozenset({"format", "id", "at", "kind", "opens", "prev", "hash"})
"""Fields of every record, which are the journal's alone; `opens` names the month, in its first record."""
_MONTH: Final = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")
_ADDRESS: Final = re.compile(r"[^\s<>()\[\],;:\"'=]+@[^\s<>()\[\],;:\"'=]+")
_SEAL: Final = re.compile(rb',"hash":"([0-9a-f]{64})"\}')
"""The end of every record: the hash of all before it."""
_SEAL_LENGTH: Final = 75
_START: Final = "0" * 64
"""What the first record of all carries in the place of a head."""
_STEP: Final = 64 * 1024
"""Bytes of the first look from the end of a file."""
_KEY_LENGTH: Final = 32
_TRIES: Final = 400
_PAUSE: Final = 0.025
"""Seconds between two tries for the lock: ten in all, an append takes a few thousandths."""
_NOTHING_DONE: Final = "nothing is changed on any host without it: free space there, or mend its owner and mode"


def operator() -> str:
    """Give who acts: the account and the machine; what is odd in their names is left out."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError):
        account = "unknown"
    return plain_reason(f"{account}@{socket.gethostname()}").replace(" ", "_")


class JournalFault(MailtuiError):
    """The journal cannot be written or read; nothing may be changed on a host then."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A place where the chain does not hold."""

    file: str
    line: int
    what: str


def default_directory() -> Path:
    """Give the directory of this user's journal."""
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if state.startswith("/") else Path("~/.local/state").expanduser()
    return base / "mailtui" / "journal"


class Journal:
    """The journal in one directory; several processes and threads may append to it."""

    def __init__(self, directory: Path, clock: Clock = SYSTEM) -> None:
        self.directory = directory
        self._clock = clock
        self._sealer: hmac.HMAC | None = None

    def append(self, kind: str, fields: Mapping[str, Any]) -> str:
        """Write a record and sync it to disk; gives its id. Raises JournalFault where that cannot be done.

        A clock that was set back writes on in the newest month there is: the chain never forks.
        """
        if reserved := _OWN & fields.keys():
            raise ValueError(f"fields of the journal's own: {', '.join(sorted(reserved))}")
        at = self._clock.wall()
        record_id = f"j-{int(at):x}-{secrets.token_hex(4)}"
        record: dict[str, Any] = {"format": FORMAT, "id": record_id, "at": at, "kind": kind}
        if kind == "intent":
            record["process"] = process()
        with self._written(), self._locked():
            months = self._months()
            month = max([_month_of(at), *months[-1:]])
            with _opened(self._path(month), os.O_RDWR | os.O_APPEND | os.O_CREAT, guarded=True) as file:
                last = _last_line(file)
                if not last:
                    # before the first record: a process that dies here leaves an empty file, and the next syncs again
                    _sync(self.directory)
                    record["opens"] = month
                head = _hash(last.removesuffix(b"\n")) if last else self._head(each for each in months if each < month)
                # power that failed in the middle of a line left no newline: what follows stands on a line of its own
                torn = b"\n" if last and not last.endswith(b"\n") else b""
                _write(file, torn + _line({**record, **fields}, head))
        return record_id

    def records(self, since: float = 0.0) -> Iterator[dict[str, Any]]:
        """Give the records from a time on, oldest first; a line that is none is left out (`verify` tells of it)."""
        first = _month_of(max(0.0, since))
        for month, size in self._extents():
            # a record never stands in a month before its own, but after a clock was set back it may stand in a later
            for line in self._lines(month, size) if month >= first else ():
                record = _read(line)
                if record is not None and record["at"] >= since:
                    yield record

    def months(self) -> tuple[str, ...]:
        """Give the months there are, newest first. Raises JournalFault."""
        return tuple(month for month, _ in reversed(self._extents()))

    def month(self, wanted: str, about: str = "", last: int = 0) -> Iterator[dict[str, Any] | None]:
        """Give one month, oldest first, with None for a line that is no record.

        `about` leaves out lines without it, `last` all but so many bytes at the end.
        """
        word = about.encode("ascii", "replace")
        for month, size in self._extents():
            for line in self._lines(month, size, last) if month == wanted else ():
                if word in line:
                    yield _read(line)

    def size(self, month: str) -> int:
        """Give the bytes of a month."""
        return dict(self._extents()).get(month, 0)

    def verify(self) -> list[Fault]:
        """Hold every record against the one before it; where older months were erased, the first is taken as it is.

        What it cannot tell: that the newest records of all were cut off.
        """
        faults: list[Fault] = []
        head: str | None = None
        for month, size in self._extents():
            for number, line in enumerate(self._lines(month, size), 1):
                record = _read(line)
                what = _unread(line) if record is None else _broken(record, line, head, month if number == 1 else None)
                if what:
                    faults.append(Fault(self._path(month).name, number, what))
                head = _hash(line)
        return faults

    def erase(self, before: str) -> tuple[str, ...]:
        """Drop all months before one, never the current, and note that; gives those that are gone.

        Raises UsageError for what is no month or lies in the future, JournalFault where it cannot be done.
        """
        if not _MONTH.fullmatch(before):
            raise UsageError(f"{before!r} is no month", "write it as YYYY-MM")
        current = _month_of(self._clock.wall())
        if before > current:
            raise UsageError(f"{current} is the current month, which is never erased", f"--before {current} at most")
        gone = tuple(month for month, _ in self._extents() if month < before)
        if gone:
            # first the note: it carries the head on, so that what is left still hangs on something
            self.append("erased", {"before": before, "months": list(gone)})
            with self._written(), self._locked():
                for month in gone:
                    self._path(month).unlink(missing_ok=True)
                _sync(self.directory)
        return gone

    def pseudonym(self, address: bytes) -> str:
        """Give the name under which an address stands here; the null sender stays empty. Raises JournalFault."""
        return self.seal(address.lower()) if address else ""

    def veiled(self, text: str) -> str:
        """Give a text with pseudonyms in the place of addresses. Raises JournalFault."""
        return _ADDRESS.sub(lambda found: self.pseudonym(found[0].encode("utf-8", "surrogateescape")), text)

    def seal(self, data: bytes) -> str:
        """Give a keyed hash, by which what is known can be found again and nothing be guessed. Raises JournalFault."""
        if self._sealer is None:
            with self._written(), self._locked():
                self._sealer = hmac.new(self._key(), digestmod=hashlib.sha256)
        sealer = self._sealer.copy()  # so the key is hashed once: an intent may wait for ten thousand of them
        sealer.update(data)
        return sealer.hexdigest()[:16]

    # --- files ------------------------------------------------------------------------------------------------------

    def _path(self, month: str) -> Path:
        return self.directory / f"{month}.jsonl"

    def _months(self) -> list[str]:
        return sorted(
            path.stem
            for path in self.directory.iterdir()
            if path.suffix == ".jsonl" and _MONTH.fullmatch(path.stem) is not None
        )

    def _extents(self) -> list[tuple[str, int]]:
        """Give each month with the bytes it has now: no append changes anything of them, so reading needs no lock."""
        with self._reading():
            try:
                with self._locked(shared=True):
                    return [(month, self._path(month).stat().st_size) for month in self._months()]
            except FileNotFoundError:
                if self.directory.exists():
                    raise
                return []

    def _lines(self, month: str, size: int, last: int = 0) -> Iterator[bytes]:
        with (
            self._reading(),
            _opened(self._path(month), os.O_RDONLY) as descriptor,
            os.fdopen(os.dup(descriptor), "rb") as file,
        ):
            if 0 < last < size:
                file.seek(size - last)
                size = last - len(file.readline(last))  # the first line is most likely half of one
            while size > 0 and (line := file.readline(size)):
                size -= len(line)
                yield line.removesuffix(b"\n")

    def _head(self, months: Iterator[str]) -> str:
        """Give the hash of the last line of these months."""
        for month in reversed(list(months)):
            with _opened(self._path(month), os.O_RDONLY) as file:
                last = _last_line(file)
            if last:
                return _hash(last.removesuffix(b"\n"))
        return _START

    @contextlib.contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise JournalFault(
                f"the journal cannot be written: {error.strerror or error}: {self.directory}", _NOTHING_DONE
            ) from error

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise JournalFault(
                f"the journal cannot be read: {error.strerror or error}: {self.directory}",
                f"mend owner and mode: chmod 700 {shlex.quote(str(self.directory))}, its files 600",
            ) from error

    @contextlib.contextmanager
    def _locked(self, *, shared: bool = False) -> Iterator[None]:
        """Hold the lock; who only reads makes nothing, and reads a journal that was never locked without."""
        path = self.directory / "lock"
        if not shared:
            _make(self.directory)
            _guard(self.directory, self.directory.stat(), stat.S_IWGRP | stat.S_IWOTH)
        elif not path.exists():
            yield
            return
        with _opened(path, os.O_RDONLY if shared else os.O_RDWR | os.O_CREAT) as lock:
            for _ in range(_TRIES):
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
                    break
                time.sleep(_PAUSE)
            else:
                raise JournalFault(
                    f"another process keeps the journal locked: {path}", f"find it: fuser {shlex.quote(str(path))}"
                )
            yield

    def _key(self) -> bytes:
        """Read the key of pseudonyms, made at its first use; half a key is refused, since it would rename everybody."""
        path = self.directory / "key"
        if not os.path.lexists(path):
            made = path.with_name("key.new")
            with _opened(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, guarded=True) as file:
                _write(file, secrets.token_bytes(_KEY_LENGTH))
            made.replace(path)
            _sync(self.directory)
        with _opened(path, os.O_RDONLY, guarded=True) as file:
            key = os.read(file, _KEY_LENGTH + 1)
        if len(key) != _KEY_LENGTH:
            raise JournalFault(
                f"the journal's key is damaged: {path}",
                f"restore it, or remove it (rm {shlex.quote(str(path))}): new records then get other pseudonyms",
            )
        return key


def _month_of(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m")


# --- files ----------------------------------------------------------------------------------------------------------


def _make(directory: Path) -> None:
    """Make a directory for this user alone, and those above it that are missing."""
    if not directory.is_dir():
        _make(directory.parent)
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=0o700)
            _sync(directory.parent)


def _guard(path: Path, found: os.stat_result, forbidden: int) -> None:
    """Refuse what others own or may change: what stands there would prove nothing."""
    quoted = shlex.quote(str(path))
    if found.st_uid != os.geteuid():
        raise JournalFault(
            f"{path} belongs to another user", f"chown -R {os.geteuid()} {quoted}, or set XDG_STATE_HOME elsewhere"
        )
    if found.st_mode & forbidden:
        mode = "700" if stat.S_ISDIR(found.st_mode) else "600"
        raise JournalFault(
            f"{path} is open to others (mode {stat.S_IMODE(found.st_mode):03o})", f"chmod {mode} {quoted}"
        )


@contextlib.contextmanager
def _opened(path: Path, flags: int, *, guarded: bool = False) -> Iterator[int]:
    """Open a plain file, never through a symbolic link; `guarded` ones must be this user's alone."""
    file = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise JournalFault(f"{path} is no file", f"look at {path}, and move it")
        if guarded:
            _guard(path, found, stat.S_IRWXG | stat.S_IRWXO)
        yield file
    finally:
        os.close(file)


def _last_line(file: int) -> bytes:
    """Give the last line with its newline, if it has one, reading back from the end; b"" of an empty file."""
    start = os.fstat(file).st_size
    line = b""
    while start > 0 and b"\n" not in line[:-1]:
        step = min(start, max(_STEP, len(line)))
        start -= step
        line = os.pread(file, step, start) + line
    return line[line.rfind(b"\n", 0, -1) + 1 :]


def _write(file: int, text: bytes) -> None:
    """Append all of it and sync it, or leave nothing of it behind."""
    size = os.fstat(file).st_size
    try:
        rest = text
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(file, size)
        raise


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- records --------------------------------------------------------------------------------------------------------


def _line(record: Mapping[str, Any], head: str) -> bytes:
    """Write a record, sealed by the hash of all before the seal."""
    text = json.dumps({**record, "prev": head}, separators=(",", ":"), allow_nan=False).encode("ascii")
    body = text.removesuffix(b"}")
    return b'%b,"hash":"%b"}\n' % (body, hashlib.sha256(body).hexdigest().encode())


def _hash(line: bytes) -> str:
    """Give what the next record carries: the hash of all before the seal, or of a whole line that has none."""
    sealed = _SEAL.fullmatch(line[-_SEAL_LENGTH:]) is not None
    return hashlib.sha256(line[:-_SEAL_LENGTH] if sealed else line).hexdigest()


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Read a line as a JSON object; None where it is none."""
    try:
        found = json.loads(line.decode("ascii"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _read(line: bytes) -> dict[str, Any] | None:
    """Read a line as a record of this format; None where it is none."""
    found = _parsed(line)
    if found is None or type(found.get("format")) is not int or found["format"] != FORMAT:
        return None
    at = found.get("at")
    texts = all(isinstance(found.get(name), str) for name in ("id", "kind", "prev", "hash"))
    timed = isinstance(at, int | float) and not isinstance(at, bool) and math.isfinite(at)
    return found if texts and timed and _SEAL.fullmatch(line[-_SEAL_LENGTH:]) else None


def _unread(line: bytes) -> str:
    """Say why a line is no record."""
    found = _parsed(line)
    number = None if found is None else found.get("format")
    if type(number) is int and number != FORMAT:
        return f"has format {number}, which this mailtui does not read"
    return "is no record: half-written, or damaged"


def _broken(record: Mapping[str, Any], line: bytes, head: str | None, month: str | None) -> str:
    """Say what is wrong with a record after a head (None: it is the first there is) or as a month's first; or ""."""
    if not hmac.compare_digest(record["hash"], _hash(line)):
        return "was changed after it was written"
    if record.get("opens") != month:
        return "does not begin this month: some before it were left out" if month else "begins a month in its middle"
    if head is not None and record["prev"] != head:
        return "does not follow the record before it: some were left out or put in"
    return ""
