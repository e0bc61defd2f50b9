"""A program in a real pty: every byte it writes is kept, judged by a strict parser, and drawn by pyte."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import pyte

_TOKEN: Final = re.compile(
    rb"\x1b\[(?P<csi>[0-?]*[ -/]*[@-~])"
    rb"|\x1b(?P<string>[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\))"
    rb"|(?P<newline>\r\n)"  # between the lines of a frame
    rb"|(?P<control>[\x00-\x1f\x7f])"
    rb"|(?P<text>[^\x00-\x1f\x7f]+)"
)
_MEANT: Final = re.compile(
    rb"[0-9;]*[mH]"  # colours, cursor
    rb"|\?(?:7|25|1000|1003|1004|1006|1015|1049|2004|2026|2048)[hl]"  # modes
    rb"|\?(?:2026|2048)\$p"  # questions of modes
    rb"|>[0-9]+u|<u"  # Kitty's keyboard
)
"""Every CSI that Textual's driver and compositor send; neither erases anything."""
_POINTER: Final = re.compile(rb"\]22;[a-z-]*\x07")
_COPY: Final = re.compile(rb"\]52;c;[A-Za-z0-9+/=]*\x07")
_UNSEEN: Final = re.compile(
    "[\x80-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_COLOURS: Final = re.compile(rb"\x1b\[[0-9;]*m")


class Found(NamedTuple):
    """Something that must not stand in a terminal's input."""

    kind: str
    what: bytes
    before: bytes
    """What was written shortly before."""


def foreign(output: bytes, payloads: Sequence[bytes] = (), copies: bool = False) -> Iterator[Found]:
    """Give all that is not text or a sequence of Textual's own."""
    end = 0
    for token in _TOKEN.finditer(output):
        kind, what = token.lastgroup or "", token[0]
        before = output[max(0, token.start() - 60) : token.start()]
        if token.start() != end:
            yield Found("broken", output[end : token.start()], before)
        end = token.end()
        if not _allowed(kind, token[kind], copies) or any(bad in what for bad in payloads):
            yield Found(kind, what, before)
    if output[end:]:
        yield Found("broken", output[end:], output[:end][-60:])


def _allowed(kind: str, what: bytes, copies: bool) -> bool:
    match kind:
        case "csi":
            return _MEANT.fullmatch(what) is not None
        case "string":
            return bool(_POINTER.fullmatch(what) or (copies and _COPY.fullmatch(what)))
        case "newline" | "control":
            return kind == "newline"
        case _:
            try:
                return _UNSEEN.search(what.decode("utf-8")) is None
            except UnicodeDecodeError:
                return False


class Terminal:
    """Runs `python -m MODULE ARGUMENTS` and types into it."""

    def __init__(self, module: str, *arguments: str, size: tuple[int, int] = (160, 50), patience: float = 40.0) -> None:
        width, height = size
        self.output = bytearray()
        self._screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self._screen)
        self._patience = patience
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        environment = {
            **{name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")},
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "TEXTUAL_ANIMATIONS": "none",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=environment,
            cwd=Path(__file__).parents[2],
        )
        os.close(slave)

    @property
    def text(self) -> str:
        """What the screen shows: a character a cell, the second cell of a wide one left out."""
        width, height = self._screen.columns, self._screen.lines
        rows = (self._screen.buffer[y] for y in range(height))
        return "\n".join("".join(row[x].data for x in range(width)) for row in rows)

    @property
    def cells(self) -> list[list[str]]:
        """What stands in each cell; "" in the second one of a wide character."""
        width, height = self._screen.columns, self._screen.lines
        return [[self._screen.buffer[y][x].data for x in range(width)] for y in range(height)]

    def type(self, keys: str | bytes) -> None:
        """Type keys."""
        data = keys.encode() if isinstance(keys, str) else keys
        while data:
            data = data[os.write(self._master, data) :]

    def until(self, wanted: Callable[[str], bool] | str) -> str:
        """Read until the screen shows something and nothing more comes; gives the screen's text."""
        shows = wanted if callable(wanted) else lambda text: wanted in text
        deadline = time.monotonic() + self._patience
        while True:
            more = self._read(0.03)
            if not more and shows(text := self.text):
                return text
            if time.monotonic() > deadline or (not more and self.process.poll() is not None):
                raise AssertionError(f"{wanted!r} never came; the screen:\n{self.text}")

    def press(self, keys: str | bytes, wanted: Callable[[str], bool] | str | None = None) -> str:
        """Type keys and wait for what they show; for any change where nothing is named."""
        before = self.text
        self.type(keys)
        return self.until(wanted or (lambda text: text != before))

    def click(self, *places: tuple[int, int]) -> None:
        """Click cells with the left button, one after the other."""
        for x, y in places:
            self.type(f"\x1b[<0;{x + 1};{y + 1}M\x1b[<0;{x + 1};{y + 1}m")
            while self._read(0):
                pass

    def finish(self) -> int:
        """Read to the end; gives the exit status."""
        deadline = time.monotonic() + self._patience
        while self._read(0.2) or self.process.poll() is None:
            assert time.monotonic() < deadline, f"it did not end; the screen:\n{self.text}"
        return self.process.wait()

    def close(self) -> None:
        """End the program, if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)

    def _read(self, seconds: float) -> bool:
        """Take in what comes within a while; colours are left out of the drawing, they cost most of its time."""
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:  # Linux says EIO when the program has closed its side
            return False
        self.output += data
        self._stream.feed(_COLOURS.sub(b"", data))
        return bool(data)
