"""A TCP connection made from the host, as a pair of asyncio streams."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol


class Reader(Protocol):
    """The reading half of asyncio's and asyncssh's streams."""

    async def read(self, n: int = -1, /) -> bytes:
        """Read up to n bytes."""


class Writer(Protocol):
    """The writing half of asyncio's and asyncssh's streams."""

    def write(self, data: bytes, /) -> None:
        """Queue bytes."""

    async def drain(self) -> None:
        """Wait until they are on their way."""

    def close(self) -> None:
        """Close the connection."""

    async def wait_closed(self) -> None:
        """Wait until it is closed."""


class Socket:
    """Implements the contract's `ByteStream`."""

    def __init__(self, reader: Reader, writer: Writer, closed: Callable[[], None] = lambda: None) -> None:
        self._reader = reader
        self._writer = writer
        self._closed: Callable[[], None] | None = closed

    async def read(self, limit: int) -> bytes:
        """Read up to `limit` bytes; b"" at the end."""
        return await self._reader.read(limit)

    async def write(self, data: bytes) -> None:
        """Write all of the data."""
        self._writer.write(data)
        await self._writer.drain()

    async def close(self) -> None:
        """Close the connection."""
        self._writer.close()
        try:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(2):
                    await self._writer.wait_closed()
        finally:
            closed, self._closed = self._closed, None
            if closed is not None:
                closed()
