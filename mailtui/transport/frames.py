"""The remote protocol's bytes, without I/O: what is sent to run a script, and what comes back.

Sent, after the one remote command:

    LENGTH newline LOADER            the loader is read byte by byte, so it is short
    LENGTH LENGTH newline            of the program and of the data
    PROGRAM DATA "."                 the dot keeps the data's last newlines; no data, no dot
    lines                            `beat`: go on; `ping N`: answer on standard error; `bye`: leave, all is done

Received on standard output: the login shell's noise, then records. A record begins with the mark, wherever that
stands, for no content of the host knows it: `MARK NAME ARG...` newline, and its body up to the next mark; or
`MARK =LENGTH NAME ARG...` newline, LENGTH bytes of body, newline. The protocol's own records are `MARK @begin 1` and
`MARK @end STATUS`. Output between records that belongs to none goes into a section without a name.
"""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Final

from mailtui.procedure import Section
from mailtui.text import natural
from mailtui.transport.contract import Begin, Data, End, Event

SILENCE: Final = 30.0
"""Seconds without a heartbeat after which the host side ends everything."""

BEAT: Final = b"beat\n"
BYE: Final = b"bye\n"

NOISE: Final = 64 * 1024
"""Bytes of login noise and of standard error that are kept."""

_HEAD: Final = 64 * 1024
"""Longest head line of a record; a longer one is cut there."""

_LOADER: Final = (
    b"_get(){ dd bs=$1 count=1 iflag=fullblock 2>/dev/null||dd bs=1 count=$1 2>/dev/null;}\n"
    b"read -r _size _more;_size=$(_get $_size);_data=\n"
    b"[ $_more = 0 ]||{ LC_ALL=C;_data=$(_get $_more);}\n"
    b'eval "$_size"'
)


def _prelude() -> tuple[bytes, bytes]:
    """Give what stands before and after the script, without comments."""
    text = resources.files(__package__).joinpath("prelude.sh").read_bytes()
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith(b"#")]
    before, _, after = b"".join(lines).partition(b": SCRIPT\n")
    return before, after


_BEFORE, _AFTER = _prelude()


def new_mark() -> str:
    """Make the 128-bit mark of one run."""
    return secrets.token_hex(16)


def program(
    script: bytes, mark: str, data: bytes = b"", *, seconds: float | None = None, silence: float = SILENCE
) -> bytes:
    """Give the bytes that run a script: everything up to the heartbeats.

    `seconds` is the time it may run at most; a run that is bounded tighter than by `silence` needs no heartbeats.
    """
    quiet = "" if seconds is not None and seconds <= silence else _number(silence)
    limit = "" if seconds is None else _number(seconds)
    text = f"MARK={mark}\n_silence={quiet}\n_seconds={limit}\n".encode() + _BEFORE + script + b"\n" + _AFTER
    if data:
        data = data + b"." if data.endswith(b"\n") else data + b"\n."
    return b"%d\n%s%d %d\n%s%s" % (len(_LOADER), _LOADER, len(text), len(data), text, data)


def _number(seconds: float) -> str:
    """Write a time for sleep, which knows no fractions everywhere."""
    return f"{seconds:.3f}" if seconds < 1 else str(math.ceil(seconds))


def ping(number: int) -> bytes:
    """Give the line that asks the watchdog for a sign of life."""
    return b"ping %d\n" % number


def _head(line: bytes) -> tuple[str, tuple[str, ...], int | None]:
    """Read the first line of a record, the mark taken off: its name, its words, and its length where it says one."""
    words = line.decode("ascii", "backslashreplace").split()
    if len(words) > 1 and words[0][0] == "=" and (size := natural(words[0][1:])) is not None:
        return words[1], tuple(words[2:]), size
    return (words[0], tuple(words[1:]), None) if words else ("", (), None)


def _status(args: tuple[str, ...]) -> int | None:
    return natural(args[0]) if args else None


class FrameParser:
    """Turns standard output into events; any split of the same bytes gives the same ones.

    Holds at most a head line and a piece of a mark; neighbouring `Data` may come in any split.
    """

    def __init__(self, mark: str) -> None:
        self._mark = mark.encode()
        self._held = b""
        self._missing = 0
        self._in_head = False
        self._in_section = False
        self._after_body = False
        self.begun = False
        """True once our shell has reported; all before was noise."""
        self.ended = False
        """True once the end mark has come; nothing is read after it."""
        self.noise = b""
        """What came before, at most NOISE bytes of it."""

    def feed(self, data: bytes) -> list[Event]:
        """Take some bytes and give the events that they complete."""
        events: list[Event] = []
        data, self._held = self._held + data, b""
        at = 0
        while at < len(data) and not self.ended:
            if self._missing:
                at = self._sized(data, at, events)
            elif self._in_head:
                at = self._first_line(data, at, events)
            else:
                at = self._plain(data, at, events)
        return events

    def close(self) -> list[Event]:
        """Take the end of the bytes: what was held back because it might have become a mark is data."""
        events: list[Event] = []
        held, self._held = self._held, b""
        if held and not self._in_head and not self.ended:
            self._body(held, events)
        return events

    def _sized(self, data: bytes, at: int, events: list[Event]) -> int:
        """Read on in a body whose length is known."""
        piece = data[at : at + self._missing]
        self._missing -= len(piece)
        events.append(Data(piece))
        if not self._missing:
            self._close_body()
        return at + len(piece)

    def _close_body(self) -> None:
        self._in_section, self._after_body = False, True

    def _plain(self, data: bytes, at: int, events: list[Event]) -> int:
        """Read on to the next mark; what may be its beginning is held back."""
        if self._after_body:
            self._after_body = False
            if data[at] == 10:
                at += 1
        found = data.find(self._mark, at)
        if found >= 0:
            self._body(data[at:found], events)
            self._in_head = True
            return found + len(self._mark)
        keep = len(data) - _overlap(data, self._mark, at)
        self._body(data[at:keep], events)
        self._held = data[keep:]
        return len(data)

    def _body(self, piece: bytes, events: list[Event]) -> None:
        """Hand out bytes that lie between marks."""
        if not piece:
            return
        if not self.begun:
            self.noise += piece[: NOISE - len(self.noise)]
            return
        if not self._in_section:
            events.append(Begin("", ()))
            self._in_section = True
        events.append(Data(piece))

    def _first_line(self, data: bytes, at: int, events: list[Event]) -> int:
        """Read a record's first line."""
        stop = data.find(b"\n", at, at + _HEAD)
        if stop < 0 and len(data) - at < _HEAD:
            self._held = data[at:]
            return len(data)
        name, args, size = _head(data[at : stop if stop >= 0 else at + _HEAD])
        self._in_head = False
        if name == "@begin":
            self.begun, self._in_section = True, False
        elif name == "@end" and (status := _status(args)) is not None:
            self.ended = True
            events.append(End(status))
        else:
            self.begun = self._in_section = True
            events.append(Begin(name, args))
            self._missing = size or 0
            if size == 0:
                self._close_body()
        return stop + 1 if stop >= 0 else at + _HEAD


def _overlap(data: bytes, mark: bytes, start: int) -> int:
    """Tell how many of the last bytes could be the beginning of a mark."""
    at = max(start, len(data) - len(mark) + 1)
    while (at := data.find(mark[:1], at)) >= 0:
        if mark.startswith(data[at:]):
            return len(data) - at
        at += 1
    return 0


@dataclass(frozen=True, slots=True)
class Collected:
    """All that one run printed, taken apart."""

    sections: tuple[Section, ...]
    status: int | None
    noise: bytes


def collect(output: bytes, mark: str) -> Collected:
    """Take a whole run's output apart; the same as feeding a `FrameParser`, only faster."""
    sign = mark.encode()
    sections: list[Section] = []
    status: int | None = None
    begun = False
    noise = b""
    at = 0
    while True:
        found = at if output.startswith(sign, at) else output.find(sign, at)
        if found != at and (stray := output[at:found] if found >= 0 else output[at:]):
            if begun:
                sections.append(Section("", (), stray))
            else:
                noise = (noise + stray)[:NOISE]
        if found < 0:
            break
        at = found + len(sign)
        stop = output.find(b"\n", at, at + _HEAD)
        if stop < 0 and len(output) - at < _HEAD:
            break
        name, args, size = _head(output[at : stop if stop >= 0 else at + _HEAD])
        at = stop + 1 if stop >= 0 else at + _HEAD
        if size is not None:
            stop = at + size
            sections.append(Section(name, args, output[at:stop]))
            at = stop + 1 if output.startswith(b"\n", stop) else stop
        elif name == "@end" and (status := _status(args)) is not None:
            break
        elif name != "@begin":
            stop = output.find(sign, at)
            stop = stop if stop >= 0 else len(output)
            sections.append(Section(name, args, output[at:stop]))
            at = stop
        begun = True
    return Collected(tuple(sections), status, noise)


class EndFinder:
    """Watches chunks of output for the end mark, so that nobody waits for what a left child holds open."""

    def __init__(self, mark: str) -> None:
        self._begin = f"{mark} @begin".encode()
        self._end = re.compile(re.escape(f"{mark} @end ").encode() + rb"\d+\n")
        self._sign = f"{mark} @end ".encode()
        self._tail = b""
        self.begun = False
        self.ended = False

    def feed(self, chunk: bytes) -> bool:
        """Take a chunk and tell whether the end has come."""
        joint = self._tail + chunk[:64]
        if not self.begun:
            self.begun = self._begin in joint or self._begin in chunk
        for part in (joint, chunk):
            if self._sign in part and self._end.search(part):
                self.ended = True
        self._tail = (self._tail + chunk)[-64:] if len(chunk) < 64 else chunk[-64:]
        return self.ended


def pongs(stderr: bytes, mark: str) -> tuple[list[int], bytes]:
    """Take the watchdog's answers out of standard error; a line that is not complete yet stays in the rest."""
    sign = f"{mark} @ping ".encode()
    if sign not in stderr:
        return [], stderr
    answer = re.compile(re.escape(sign) + rb"(\d+)\n")
    return [int(found) for found in answer.findall(stderr)], answer.sub(b"", stderr)


def sections_of(events: Iterator[Event]) -> Iterator[Section]:
    """Join events to whole sections, as `collect` gives them; for streams whose sections are small."""
    current: Begin | None = None
    pieces: list[bytes] = []
    for event in events:
        if isinstance(event, Data):
            pieces.append(event.body)
            continue
        if current is not None:
            yield Section(current.name, current.args, b"".join(pieces))
        current, pieces = (event if isinstance(event, Begin) else None), []
    if current is not None:
        yield Section(current.name, current.args, b"".join(pieces))
