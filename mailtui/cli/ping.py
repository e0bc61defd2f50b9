"""How far away a host is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailtui.procedure import REGISTRY, Limits, Request, Script

if TYPE_CHECKING:
    from mailtui.session import Link

NOTHING = REGISTRY.add(Script("cli/nothing", b":\n"))
"""Does nothing; what it takes is the way there and back and the start of a shell."""


async def ping(link: Link) -> float | None:
    """Measure one round trip over an open link; None where its end was not seen."""
    reply = await link.transport.run(Request(NOTHING, limits=Limits(seconds=20.0)))
    return reply.took if reply.complete else None
