"""10,000 messages deleted over SSH by the path of every action, against a perl loop on the host that does the same
renames and directory syncs.

The loop takes no lock, reads no file, writes no manifest and tells nothing: it is the least that any delete which can
be undone would do. Both work through batches of 500; both are put back before the next pair. Ours writes its journal too.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from mailtui.actions import Chosen, HostPlan, Plan, action
from mailtui.execute import execute
from mailtui.journal import Journal
from mailtui.model import Order, Outcome
from mailtui.session import Link
from tests.bench import labqueue
from tests.bench.measure import Report, pairs

MESSAGES = 10_000

LEAST = r"""
use strict; use IO::Handle; use Time::HiRes "time";
my ($queue, $aside) = ("/var/spool/mqueue", "/var/spool/.least");
my ($from, $to, @kinds) = $ARGV[0] eq "back" ? ($aside, $queue, "df", "qf") : ($queue, $aside, "qf", "df");
mkdir $aside, 0700;
opendir my $handle, $from or die;
my @ids = map { substr $_, 2 } grep { /^qf/ } readdir $handle;
sub synced { open my $directory, "<", $_[0] or die; $directory->sync or die }
my $began = time;
while (my @batch = splice @ids, 0, 500) {
  for my $kind (@kinds) {
    rename "$from/$kind$_", "$to/$kind$_" or die for @batch;
    synced($from); synced($to);
  }
}
printf "%.6f\n", time - $began;
"""


def run(report: Report) -> None:
    with (
        tempfile.TemporaryDirectory() as folder, labqueue.big_queue(MESSAGES) as lab, asyncio.Runner() as runner
    ):  # fmt: skip
        journal = Journal(Path(folder) / "journal")
        host = labqueue.host(lab, "sm1-root")
        opened = Link.open(host)
        link = runner.run(opened.__aenter__())
        link.gate.arm(3600)

        def least() -> float:
            taken = float(lab.exec(labqueue.HOST, "perl", "-e", LEAST, "away", timeout=300))
            lab.exec(labqueue.HOST, "perl", "-e", LEAST, "back", timeout=300)
            return taken

        async def delete() -> float:
            rows = (await link.queue()).listing.rows
            chosen = tuple(Chosen(row, link.target(row)) for row in rows)
            assert len(chosen) == MESSAGES
            order = Order(by="bench", undo_id=f"u-bench-{time.time_ns()}")
            host = HostPlan(link.host.name, link.host_key, chosen)
            plan = Plan(action("delete"), order, (host,), link.clock.monotonic())
            began = time.perf_counter()
            result = await execute(plan, host, link, journal)
            taken = time.perf_counter() - began
            assert all(each.outcome is Outcome.DONE for each in result.outcomes), result.outcomes[0]
            for kept in await link.undo_sets():
                back = await link.undo(kept, order)
                assert all(each.outcome is Outcome.DONE for each in back.outcomes)
            return taken

        try:
            measured = pairs(lambda: runner.run(delete()), least, 7)
            report.ratio(f"{MESSAGES:,} messages set aside / the least a perl loop does", measured, 3.0, must=True)
        finally:
            runner.run(opened.__aexit__(None, None, None))


if __name__ == "__main__":
    from tests.bench.measure import main

    main(run)
