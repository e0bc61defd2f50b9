"""Cuts a stream of bytes into blocks of complete lines, whatever the pieces it arrives in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LONGEST: Final = 65_536
"""Bytes of a line that are kept; the rest of a longer one is dropped and `CUT` says so."""

CUT: Final = b" ...<line cut at 64 KiB>"
"""What stands at the end of a line that was cut."""

TAIL: Final = 256
"""Bytes before the last complete line's end that are remembered, to recognise a file by."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Complete lines that lie together in their stream."""

    offset: int
    """Of the first byte; a line that was cut ends its block, so offsets within one are always right."""
    data: bytes
    """Lines, each with its newline; NUL, CR and all other bytes as they came."""
    end: int
    """Just behind the last line in the stream."""


class LineSplitter:
    """Turns bytes in any split into blocks of complete lines, in memory bounded by the longest line kept.

    `offset` is the stream position of the first byte fed; `before` are the bytes just before it, where known.
    """

    def __init__(self, offset: int = 0, before: bytes = b"") -> None:
        self.offset = offset
        """Just behind the last complete line."""
        self.tail = before[-TAIL:]
        """Up to 256 bytes before `offset`."""
        self._open = bytearray()
        self._position = offset
        self._recent = self.tail

    @property
    def pending(self) -> int:
        """Give how many bytes of an incomplete line have come."""
        return self._position - self.offset

    def follows(self, offset: int, before: bytes) -> bool:
        """Tell whether a piece of a stream goes on exactly where this one stands, an open line included."""
        known = min(len(before), len(self._recent))
        return offset == self._position and known > 0 and before[-known:] == self._recent[-known:]

    def feed(self, data: bytes) -> list[Lines]:
        """Take more bytes; give what lines they complete."""
        last = data.rfind(b"\n") + 1
        blocks: list[Lines] = []
        if last:
            blocks = self._complete(data[:last])
            self.tail = (self._recent + data[max(0, last - TAIL) : last])[-TAIL:]
        self._position += len(data)
        self._recent = (self._recent + data[-TAIL:])[-TAIL:]
        # One byte more than is kept, so that a line of exactly the longest length is not taken for a cut one.
        self._open += data[last : last + max(0, LONGEST + 1 - len(self._open))]
        return blocks

    def finish(self) -> list[Lines]:
        """Give an incomplete last line as if its newline had come; the stream goes on behind it."""
        if not self.pending:
            return []
        line = self._capped(bytes(self._open))
        block = Lines(self.offset, line, self._position)
        self._open.clear()
        self.offset, self.tail = self._position, self._recent
        return [block]

    @staticmethod
    def _capped(line: bytes) -> bytes:
        return line + b"\n" if len(line) <= LONGEST else line[:LONGEST] + CUT + b"\n"

    def _complete(self, data: bytes) -> list[Lines]:
        """Cut complete lines into blocks; the first continues the open line."""
        end = self._position + len(data)
        start = self.offset
        blocks: list[Lines] = []
        if len(self._open) > LONGEST:  # bytes of the open line were dropped: positions no longer add up
            first = data.index(b"\n") + 1
            blocks.append(Lines(start, self._capped(bytes(self._open)), self._position + first))
            start, data = self._position + first, data[first:]
        elif self._open:
            data = bytes(self._open) + data
        self._open.clear()
        self.offset = end
        at = begin = 0
        while at + LONGEST < len(data):
            newline = data.rfind(b"\n", at, at + LONGEST + 1)
            if newline >= 0:
                at = newline + 1
                continue
            stop = data.index(b"\n", at) + 1
            blocks.append(Lines(start + begin, data[begin:at] + self._capped(data[at : stop - 1]), start + stop))
            at = begin = stop
        if begin < len(data):
            blocks.append(Lines(start + begin, data[begin:], end))
        return blocks
