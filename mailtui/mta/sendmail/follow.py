"""Finds and follows Sendmail's log: the requests, and the parser of what the following script prints.

The cursor (device, inode, offset, hash) lets the script find the place again after a lost link, in a rotated or packed
file if need be. What it cannot find is told as a gap, never passed over.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from importlib import resources
from typing import Final

from mailtui.errors import Refused, UsageError
from mailtui.model import Identity, LogCursor
from mailtui.mta.contract import Evidence, LogBlock, LogGap, Read
from mailtui.parsing.lines import Lines, LineSplitter
from mailtui.procedure import REGISTRY, Begin, Data, End, Event, Limits, Procedure, Request, Script
from mailtui.text import natural, show_line


def with_log_files(file: str, name: str) -> Script:
    """Register a script that stands on logfiles.sh."""
    folder = resources.files(__package__)
    return REGISTRY.add(Script(name, folder.joinpath("logfiles.sh").read_bytes() + folder.joinpath(file).read_bytes()))


FOLLOW: Final = with_log_files("follow.sh", "sendmail/follow")
FIND: Final = REGISTRY.load(__package__, "findlogs.sh", "sendmail/findlogs")

WINDOW: Final = 1000
"""Lines of the past that a log readable only through sudo shows; the sudoers line names the number."""

CURE: Final = "add the login to the log's group (adm), or install what `mailtui sudoers HOST --for logs` prints"
"""What lets a login read a log that is closed to it."""

_SMALL: Final = 4096


def data_lines(*values: str | bytes) -> bytes:
    """Make a request's data of one value a line; raises UsageError where one holds a newline or NUL."""
    lines = [value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value for value in values]
    if any(b"\n" in line or b"\0" in line for line in lines):
        raise UsageError("a path or pattern holds a newline or NUL", "give it without")
    return b"".join(line + b"\n" for line in lines)


def log_path(path: str) -> str:
    """Hold a log's path against what scripts take: absolute, and no climbing."""
    if not path.startswith("/") or ".." in path.split("/"):
        raise UsageError(f"the log's path {path!r} is not absolute", "give the whole path, without `..`")
    return path


def follow_request(identity: Identity, path: str, cursor: LogCursor | None, last: int) -> Request:
    """Give the request that follows a log from a cursor, or from its last lines; its answer is for `follow_parser`."""
    place = ("", "", "", "")
    if cursor is not None:
        place = (str(cursor.device), str(cursor.inode), str(cursor.offset), cursor.sha256)
    data = data_lines(log_path(path), str(max(0, last)), *place, identity.fact("sudo"))
    return Request(FOLLOW, data, Limits(output=1 << 62))


_REASONS: Final = {
    "unknown rotated": "what was read last stands in no file that is left",
    "unknown truncated": "the log was cut to nothing, and what was read last stands in no file that is left",
    "possible truncated": "the log was cut to nothing",
    "unknown packed": "a rotated file cannot be unpacked, or not to its end",
}


def _hash(data: bytes) -> str:
    return sha256(data).hexdigest()


class SendmailFollow:
    """A `FollowParser`: gives blocks of complete lines and gaps, and keeps the cursor.

    Make a new one for each stream, with the same cursor as its request.
    """

    def __init__(self, path: str, cursor: LogCursor | None = None) -> None:
        self._path = path
        self._start = cursor
        self._file = (path, 0, 0)
        self._lines: LineSplitter | None = None
        self._section = ""
        self._small = bytearray()
        """Body of a section `before` or `unreadable`."""
        self._past = 0
        """Lines of the past that a `window` still shows."""
        self._skip = 0
        """So many of them are not wanted, unless the cursor's line is sought."""
        self._sought: _Overlap | None = None
        self._blind = False
        """True where offsets mean nothing, because sudo shows only the end."""
        self._live = False

    def feed(self, event: Event) -> list[LogBlock | LogGap]:
        """Take one event; raises Refused where the log cannot be read."""
        found: list[LogBlock | LogGap] = []
        match event:
            case Data(body=body):
                self._data(body, found)
            case Begin(name=name, args=args):
                self._close_section()
                self._begin(name, args, found)
            case End():
                self._close_section()
        return found

    def _begin(self, name: str, args: tuple[str, ...], found: list[LogBlock | LogGap]) -> None:
        self._section = name
        if name in ("log", "copy") and len(args) >= 4 and None not in map(natural, args[-3:]):
            device, inode, offset = (int(word) for word in args[-3:])
            self._open(name, (" ".join(args[:-3]), device, inode), offset, found)
        elif name == "live":
            self._live = True
        elif name == "gap":
            self._finish(found)
            self._gap(_REASONS.get(" ".join(args), "what was read last is not found"), found)
            self._start = None
        elif name == "window" and len(args) >= 3 and None not in map(natural, args[-2:]):
            self._file = (" ".join(args[:-2]), 0, 0)
            self._lines = LineSplitter()
            self._blind = True
            self._past, self._skip = int(args[-2]), int(args[-1])
            if self._start is not None:
                self._sought = _Overlap(self._start.sha256, self._past)

    def _open(self, name: str, file: tuple[str, int, int], offset: int, found: list[LogBlock | LogGap]) -> None:
        """Go on in a file: the same place under another name, the cursor's place, or a new place."""
        before = bytes(self._small)
        self._small.clear()
        if offset and self._lines is not None and self._lines.follows(offset, before):
            self._file = file
            return
        if name == "copy":  # not the copy of what we have read
            self._section = ""
            return
        self._finish(found)
        start, self._start = self._start, None
        if offset and start is not None and (start.offset, start.sha256) != (offset, _hash(before)):
            self._gap("the log was replaced", found)
        self._file = file
        self._lines = LineSplitter(offset, before)

    def _data(self, body: bytes, found: list[LogBlock | LogGap]) -> None:
        if self._section in ("log", "copy", "window", "live") and self._lines is not None:
            self._give(self._lines.feed(body), found)
        elif self._section in ("before", "unreadable"):
            self._small += body[: _SMALL - len(self._small)]

    def _close_section(self) -> None:
        if self._section == "unreadable":
            why = show_line(bytes(self._small).strip()) or "permission denied"
            raise Refused(f"the log {self._path} cannot be read: {why}", CURE)
        self._section = ""

    def _finish(self, found: list[LogBlock | LogGap]) -> None:
        """End a file: a last line without a newline will not be completed."""
        if self._lines is not None:
            self._give(self._lines.finish(), found)

    def _gap(self, why: str, found: list[LogBlock | LogGap]) -> None:
        found.append(LogGap(self._file[0], why))

    def _give(self, blocks: list[Lines], found: list[LogBlock | LogGap]) -> None:
        for number, block in enumerate(blocks, start=1):
            data, live = block.data, self._live
            if self._blind:
                live = self._past <= 0
                self._past -= data.count(b"\n")
                data = self._unseen(data, found)
            if data:
                cursor = self._cursor() if number == len(blocks) else None
                found.append(LogBlock(self._file[0], -1 if self._blind else block.offset, data, cursor, live))

    def _cursor(self) -> LogCursor | None:
        if self._lines is None:
            return None
        _, device, inode = self._file
        return LogCursor(self._path, device, inode, self._lines.offset, _hash(self._lines.tail))

    def _unseen(self, data: bytes, found: list[LogBlock | LogGap]) -> bytes:
        """Drop what is not wanted; where the cursor is sought, hold all back until it is found or cannot be."""
        if self._sought is None:
            at = 0
            while self._skip > 0 and at < len(data):
                at = data.index(b"\n", at) + 1
                self._skip -= 1
            return data[at:]
        rest = self._sought.feed(data)
        if rest is None:
            return b""
        if not self._sought.matched:
            self._gap(f"what was read last is not among the {WINDOW} lines that sudo shows", found)
        self._sought = self._start = None
        self._skip = 0
        return rest


def follow_parser(identity: Identity, path: str, cursor: LogCursor | None) -> SendmailFollow:
    """Make the parser of a following stream."""
    return SendmailFollow(path, cursor)


class _Overlap:
    """Looks for the line where an earlier stream ended, among the first lines of a new one."""

    def __init__(self, wanted: str, window: int) -> None:
        self._wanted = wanted
        self._left = window
        self._seen = bytearray()
        self.matched = False

    def feed(self, lines: bytes) -> bytes | None:
        """Take complete lines; give those that are new as soon as that is known, else None."""
        at = len(self._seen)
        self._seen += lines
        while self._left > 0 and at < len(self._seen):
            at = self._seen.index(b"\n", at) + 1
            self._left -= 1
            if _hash(bytes(self._seen[max(0, at - 256) : at])) == self._wanted:
                self.matched = True
                return bytes(self._seen[at:])
        return bytes(self._seen) if self._left <= 0 else None


def find_logs(identity: Identity, configured: Sequence[str]) -> Procedure[Read[tuple[str, ...]]]:
    """Find the logs that the login may read: those configured, else what the host's syslog is told to write.

    The evidence says of each candidate why it cannot be read.
    """
    sudo = identity.fact("sudo")
    evidence: list[Evidence] = []
    tiers = [[log_path(path) for path in configured]]
    if not configured:
        reply = yield Request(FIND, data_lines(sudo))
        rules = reply.body("rules")
        evidence.append(Evidence("grep -h mail /etc/rsyslog.conf /etc/rsyslog.d/*.conf /etc/syslog.conf", rules, None))
        tiers = destinations(rules)
    for paths in tiers:
        reply = yield Request(FIND, data_lines(sudo, *paths))
        told = dict(_told(section.args, section.body) for section in reply.named("log"))
        evidence.append(Evidence("ls -l " + " ".join(paths), b"".join(body for body in told.values()), reply.status))
        readable = tuple(path for path in paths if told.get(path, b"").startswith((b"readable ", b"sudo ")))
        if readable:
            return Read(readable, tuple(evidence))
    return Read((), tuple(evidence))


def _told(args: tuple[str, ...], body: bytes) -> tuple[str, bytes]:
    return " ".join(args), body


_LEGACY: Final = re.compile(rb"^\s*([a-z0-9*][\w,.;*=!-]*)\s+-?(/[^\s;]+)", re.MULTILINE)
_MODERN: Final = re.compile(
    rb"^\s*([a-z0-9*][\w,.;*=!-]*|if\b[^\n]*?\bmail\b[^\n]*?)\s*\{?\s*action\([^)\n]*file=\"(/[^\"]+)\"", re.MULTILINE
)
_CONDITION: Final = re.compile(rb"^\s*if\b[^\n]*?'mail'[^\n]*?\bthen\s+-?(/[^\s;]+)", re.MULTILINE)
_USUAL: Final = ("/var/log/mail.log", "/var/log/maillog", "/var/log/mail")
_ALL: Final = ("/var/log/syslog", "/var/log/messages")


def destinations(rules: bytes) -> list[list[str]]:
    """Give the files that syslog rules write mail to: those for mail alone, the usual ones, those for everything."""
    own: list[str] = []
    everything: list[str] = []
    for selector, path in [*_LEGACY.findall(rules), *_MODERN.findall(rules)]:
        kind = b"mail" if selector.startswith(b"if") else _kind(selector)
        if kind:
            (own if kind == b"mail" else everything).append(path.decode("utf-8", "surrogateescape"))
    own += [path.decode("utf-8", "surrogateescape") for path in _CONDITION.findall(rules)]
    tiers = [own, list(_USUAL), [*everything, *_ALL]]
    known: set[str] = set()
    for tier in tiers:
        tier[:] = [path for path in dict.fromkeys(tier) if path not in known and ".." not in path.split("/")]
        known.update(tier)
    return [tier for tier in tiers if tier]


def _kind(selector: bytes) -> bytes:
    """Tell whether a selector takes ordinary mail lines: for mail by name, for everything, or not at all."""
    kind = b""
    for part in selector.split(b";"):
        facilities, _, level = part.rpartition(b".")
        names = facilities.split(b",")
        if b"mail" not in names and b"*" not in names:
            continue
        if level in (b"*", b"debug", b"info", b"=info"):
            kind = b"mail" if b"mail" in names else kind or b"*"
        elif level == b"none" or level.startswith(b"!"):
            kind = b""
    return kind
