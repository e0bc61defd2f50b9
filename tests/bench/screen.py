"""A program in a pty whose key presses are timed: from the press to the frame that moves the cursor."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Sequence

ROWS, COLUMNS = 36, 120
UP, DOWN = b"\x1b[A", b"\x1b[B"
_PLACE = re.compile(rb"\x1b\[(\d+);\d+H")


class Screen:
    """A program and its terminal."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self._own, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **environment},
        )  # fmt: skip
        os.close(theirs)
        self._marks: set[bytes] = set()
        self.output = b""

    def read(self, seconds: float) -> bytes:
        """Read what comes within a time; b"" where nothing did."""
        if not select.select([self._own], [], [], max(0.0, seconds))[0]:
            return b""
        try:
            found = os.read(self._own, 1 << 20)
        except OSError:  # the program has left its terminal
            return b""
        self.output = (self.output + found)[-500_000:]
        return found

    def drain(self, seconds: float) -> bytes:
        """Read everything that comes for a while."""
        end, found = time.monotonic() + seconds, b""
        while (left := end - time.monotonic()) > 0:
            found += self.read(left)
        return found

    def until(self, pattern: bytes, seconds: float) -> None:
        """Wait until a text that matches has been written."""
        end = time.monotonic() + seconds
        while not re.search(pattern, re.sub(rb"\x1b\[[0-9;]*m", b"", self.output)):
            assert time.monotonic() < end and self.process.poll() is None, f"{pattern!r} never came"
            self.read(1.0)

    def write(self, keys: bytes) -> None:
        os.write(self._own, keys)

    def calibrate(self) -> None:
        """Learn which screen rows a press of Down, then Up repaints, while nothing else goes on."""
        self.drain(1.0)
        self.write(DOWN)
        down = set(_PLACE.findall(self.drain(0.4)))
        self.write(UP)
        self._marks = down & set(_PLACE.findall(self.drain(0.4)))
        assert self._marks, "a press of Down moved no cursor"

    def press(self, key: bytes) -> float:
        """Press a key; seconds until the cursor's row is painted anew."""
        while self.read(0.0):
            pass
        began, found = time.perf_counter(), b""
        self.write(key)
        while time.perf_counter() < began + 5:
            found += self.read(1.0)
            if self._marks.intersection(_PLACE.findall(found)):
                return time.perf_counter() - began
        return 5.0

    def close(self, keys: bytes) -> None:
        """Leave the program by its own keys."""
        self.write(keys)
        end = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < end:
            self.read(0.1)
        self.process.kill()
        self.process.wait()
        os.close(self._own)
