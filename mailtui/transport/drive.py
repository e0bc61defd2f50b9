"""Runs an adapter's procedure over a transport."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from mailtui.errors import NotBegun, TimedOut
from mailtui.procedure import Procedure, Reply, Request
from mailtui.transport.contract import Transport

T = TypeVar("T")

_INLINE: Final = 256 * 1024
"""Bytes of a reply up to which the procedure reads it on the event loop; more, or what was taken early, in a thread."""


@dataclass(frozen=True, slots=True)
class _Result(Generic[T]):
    value: T


def _step(procedure: Procedure[T], reply: Reply | None) -> Request | _Result[T]:
    """Take a procedure to its next request or to its result."""
    try:
        return next(procedure) if reply is None else procedure.send(reply)
    except StopIteration as stop:
        return _Result(stop.value)


async def drive(transport: Transport, procedure: Procedure[T]) -> T:
    """Run a procedure to its result; errors of the transport pass through it, NotBegun only from its first request.

    A procedure reads big replies in a worker thread, so it must not touch the event loop.
    """
    step = _step(procedure, None)
    heavy = sent = False
    while not isinstance(step, _Result):
        try:
            reply = await transport.run(step)
        except BaseException as error:
            procedure.close()
            if sent and isinstance(error, NotBegun):
                raise TimedOut(error.message, error.cure) from error
            raise
        sent = True
        heavy = heavy or step.take is not None or sum(len(section.body) for section in reply.sections) > _INLINE
        if heavy:
            # what came of a big reply is big as well, and freed at the end: the rest stays off the loop too
            step = await asyncio.to_thread(_step, procedure, reply)
        else:
            step = _step(procedure, reply)
    return step.value
