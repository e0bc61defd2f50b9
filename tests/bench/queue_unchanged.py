"""A refresh of a queue of 100,000 messages: what is opened on the host, counted there, and what it costs beside a first reading."""

from __future__ import annotations

import asyncio
import os
import time

from mailtui.mta.contract import KnownQueue, QueueReading
from mailtui.session import Link
from tests.bench import labqueue
from tests.bench.measure import Pairs, Report
from tests.bench.opens import Opens, watched
from tests.lab.harness import Lab

MESSAGES = int(os.environ.get("MESSAGES", "100000"))
ROUNDS = 7


async def timed(link: Link, known: KnownQueue | None) -> tuple[float, QueueReading]:
    began = time.perf_counter()
    reading = await link.queue(known)
    return time.perf_counter() - began, reading


async def counted(link: Link, known: KnownQueue) -> tuple[QueueReading, Opens]:
    with watched(labqueue.HOST, labqueue.QUEUE) as opens:
        reading = await link.queue(known)
    return reading, opens


async def refreshes(report: Report, lab: Lab) -> None:
    async with Link.open(labqueue.host(lab, "sm1-root")) as link:
        whole, unchanged = [], []
        for _ in range(ROUNDS):
            wall, first = await timed(link, None)
            known = KnownQueue({row.key: row.identity for row in first.listing.rows}, first.notes)
            whole.append(wall)
            unchanged.append((await timed(link, known))[0])
        report.ratio("nothing changed / first reading", Pairs(tuple(unchanged), tuple(whole)), 0.02)
        _, opens = await counted(link, known)
        report.most("control files opened, nothing changed", opens.control + opens.data + opens.other, 0)
        changed = await asyncio.to_thread(labqueue.change, lab, 100)
        reading, opens = await counted(link, known)
        assert len(reading.listing.rows) == changed and opens.lost == 0
        report.most(f"control files opened, {changed:,} of {MESSAGES:,} changed", opens.control, changed)
        walls = tuple([(await timed(link, known))[0] for _ in range(ROUNDS)])
        report.ratio("1% changed / first reading", Pairs(walls, tuple(whole)), 0.25)


def run(report: Report) -> None:
    with labqueue.big_queue(MESSAGES) as lab:
        asyncio.run(refreshes(report, lab))


if __name__ == "__main__":
    from tests.bench.measure import main

    main(run)
