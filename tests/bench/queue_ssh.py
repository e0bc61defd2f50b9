"""A queue of 100,000 messages over SSH, with every recipient and reason, into the store, against `sendmail -bp`.

Both run in turn against the same host; ours as in the console, with its settings of Python. `sendmail -bp` runs on it, without SSH, and prints to nowhere.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

from mailtui.app import SWITCH
from mailtui.collector import COLLECTOR
from mailtui.config import Host
from mailtui.fleet import MtaFormats
from mailtui.mta.contract import QueueReading
from mailtui.session import Link
from mailtui.store import QueueRead, QueueTable, Store
from tests.bench import labqueue
from tests.bench.measure import Report, pairs
from tests.lab.harness import Lab

MESSAGES = int(os.environ.get("MESSAGES", "100000"))

PAIRS = 9
"""Enough for an interval that one odd pair does not decide."""


async def read(link: Link, store: Store) -> tuple[float, QueueReading, QueueTable]:
    """Read the queue as the console does, up to the table that the store keeps; the wall seconds and what came."""
    began = time.perf_counter()
    with COLLECTOR.bulk():
        reading = await link.queue(None)
        table = await asyncio.to_thread(store.prepare, QueueRead(link.host.name, time.time(), reading.listing))
    return time.perf_counter() - began, reading, table


def by_command(lab: Lab) -> float:
    """Have the host's own command list the queue; seconds as the host counts them."""
    timed = "s=$(date +%s.%N); /usr/sbin/sendmail -bp >/dev/null; e=$(date +%s.%N); echo $s $e"
    began, ended = lab.exec(labqueue.HOST, timed, timeout=300).split()
    return float(ended) - float(began)


def compare(report: Report, lab: Lab, host: Host, what: str) -> None:
    """Measure one login in pairs with the command; all must be there."""
    with asyncio.Runner() as runner, ExitStack() as stack:

        async def calm() -> None:
            stack.enter_context(COLLECTOR.calm())

        runner.run(calm())
        opened = Link.open(host)
        link = runner.run(opened.__aenter__())
        try:
            store = Store(MtaFormats([host]), [host.name])

            def ours() -> float:
                wall, reading, table = runner.run(read(link, store))
                assert reading.listing.complete, reading.listing.missing
                assert len(table) == MESSAGES
                assert all(row.nrcpt and (row.reason or not row.attempts) for row in table.by_key.values())
                return wall

            theirs: Callable[[], float] = lambda: by_command(lab)  # noqa: E731
            report.ratio(
                f"{what}: {MESSAGES:,} messages / sendmail -bp on the host", pairs(ours, theirs, PAIRS), 1.0, must=True
            )
        finally:
            runner.run(opened.__aexit__(None, None, None))


def run(report: Report) -> None:
    sys.setswitchinterval(SWITCH)
    with labqueue.big_queue(MESSAGES) as lab:
        compare(report, lab, labqueue.host(lab, "sm1-root"), "root over SSH")
        labqueue.install_helper(lab)
        compare(report, lab, labqueue.host(lab, "sm1-qview"), "helper over SSH")


if __name__ == "__main__":
    from tests.bench.measure import main

    main(run)
