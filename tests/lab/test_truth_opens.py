"""What a refresh of the queue opens on the host, counted there by the kernel: nothing where nothing changed."""

from __future__ import annotations

import asyncio
import time

from mailtui.mta.contract import KnownQueue, QueueReading
from mailtui.session import Link
from tests.bench import labqueue
from tests.bench.opens import Opens, watched
from tests.lab.harness import Lab

MESSAGES = 200
CLIENT = "/var/spool/mqueue-client"


async def counted(link: Link, known: KnownQueue | None) -> tuple[QueueReading, Opens]:
    with watched(labqueue.HOST, labqueue.QUEUE, CLIENT) as opens:
        reading = await link.queue(known)
    return reading, opens


def remembered(reading: QueueReading) -> KnownQueue:
    return KnownQueue({row.key: row.identity for row in reading.listing.rows}, reading.notes)


async def readings(lab: Lab, login: str) -> None:
    async with Link.open(labqueue.host(lab, login)) as link:
        first, opens = await counted(link, None)
        assert first.listing.complete and len(first.listing.rows) == MESSAGES
        assert opens.lost == 0
        assert opens.control == MESSAGES, "each control file once: so the counting counts"
        assert opens.data == 0, "bodies are never read"

        known = remembered(first)
        again, opens = await counted(link, known)
        assert again.listing.partial and not again.listing.rows and not again.listing.removed
        assert (opens.control, opens.data, opens.other, opens.lost) == (0, 0, 0, 0)

        changed = await asyncio.to_thread(labqueue.change, lab, 100)
        assert changed == MESSAGES // 100
        refreshed, opens = await counted(link, known)
        assert len(refreshed.listing.rows) == changed
        assert (opens.control, opens.data, opens.other, opens.lost) == (changed, 0, 0, 0)
        assert refreshed.listing.taken_at <= time.time()


async def test_refresh_opens_only_what_changed(lab: Lab) -> None:
    await asyncio.to_thread(lab.restart, labqueue.HOST)
    try:
        await asyncio.to_thread(labqueue.still, lab)
        await asyncio.to_thread(labqueue.make, lab, MESSAGES)
        await asyncio.to_thread(labqueue.install_helper, lab)
        await readings(lab, "sm1-root")
        await asyncio.to_thread(lab.exec, labqueue.HOST, f"touch -d '1 minute ago' {labqueue.QUEUE}")
        await readings(lab, "sm1-qview")
    finally:
        await asyncio.to_thread(lab.restart, labqueue.HOST)
