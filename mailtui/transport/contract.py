"""What a transport is: a way to run registered scripts on one host and to open TCP streams from it.

Remote protocol (ours, version 1; see docs/adr on the bootstrap). The remote command is always `BOOTSTRAP`. On standard
input follow: the length of the program and the program (prelude + script), the request's data, then heartbeat lines.

A script sees, from the prelude:

- `input NAME`: reads one line of the request's data into variable NAME (fails at the data's end). Data lines hold no
  newline and no NUL. Subshells and pipelines share the position (`while input id; do ...; done | sort`).
- `inputs`: prints the data lines that are left.
- `section NAME [ARG...]`: begins a named section of standard output; everything printed after it belongs to it.
  Words only (letters, digits, `_.:/+-`). What is printed before the first section goes into a section named "".
- `$MARK`: the 128-bit random mark of this run, exported (perl's `$ENV{MARK}`, awk's `ENVIRON["MARK"]`; never put it
  on a command line). A program that prints many records itself (perl, awk) begins each
  with the line `$MARK NAME ARG...`, or `$MARK =LENGTH NAME ARG...` when exactly LENGTH bytes of body follow and then
  a newline. No content of the host can forge it: it is made for each run and stands in no command line.
- `LC_ALL=C TZ=UTC`, a `PATH` with the sbin directories appended, standard input `/dev/null`.

Names that begin with `_` belong to the prelude. `printf` is not built into mksh: what it prints shows in ps there.
The working directory is `/`. What a script starts under sudo cannot be signalled by an ordinary login: let it end by
itself when its standard input or output closes.

Its exit status becomes the reply's status. Everything it started ends when the connection does, or after 30 seconds
without a heartbeat.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from mailtui.procedure import Begin, Data, End, Event, Reply, Request

BOOTSTRAP: Final = "exec /bin/sh -c 'read -r n && s=$(dd bs=1 count=$n 2>/dev/null) && eval \"$s\"'"
"""The one remote command; it holds no data, so no login shell can misread it."""

__all__ = [
    "BOOTSTRAP",
    "HEARTBEAT",
    "Begin",
    "ByteStream",
    "Data",
    "End",
    "Event",
    "Health",
    "Reply",
    "Request",
    "Transport",
]

HEARTBEAT: Final = 10.0
"""Seconds between heartbeat lines; the host side ends everything after 30 without one."""


class ByteStream(Protocol):
    """A TCP connection made from the host."""

    async def read(self, limit: int) -> bytes:
        """Read up to `limit` bytes; b"" at the end."""

    async def write(self, data: bytes) -> None:
        """Write all of the data."""

    async def close(self) -> None:
        """Close the connection."""


class Health(Protocol):
    """What is known of a connection's health."""

    @property
    def latency(self) -> float | None:
        """Give the seconds of the last round trip; None before the first."""

    @property
    def silent(self) -> float:
        """Give the seconds since the host was last heard."""


class Transport(Protocol):
    """One host's connection."""

    @property
    def link(self) -> Health:
        """Give the connection's health."""

    async def run(self, request: Request) -> Reply:
        """Run a script to its end.

        A reply whose status is None was cut: its outcome is unknown. Raises Refused (gate), Unreachable, TimedOut,
        RestrictedShell.
        """

    def stream(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Run a script that goes on until it is left; leaving the context ends it on the host."""

    async def open_stream(self, host: str, port: int) -> ByteStream:
        """Open a TCP connection from the host to somewhere."""

    async def close(self) -> None:
        """Close the connection and everything that runs over it."""
