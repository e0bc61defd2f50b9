"""Filter and sort of 100,000 rows, against a plain scan of a list of the same bytes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from mailtui import query
from mailtui.fleet import MtaFormats
from mailtui.model import QueueListing, QueueRow, QueueState
from mailtui.mta.sendmail.rows import QF, Directory, RowMaker
from mailtui.store import QueueTable, View
from tests.bench.measure import Report, pairs

ROWS = 100_000


def rows() -> tuple[QueueRow, ...]:
    maker = RowMaker("sm1")
    place = Directory("0", b"/var/spool/mqueue", "mqueue", None, "ok", "1.1", 100.0)
    made = []
    for n in range(ROWS):
        raw = b"V8\nT%d\nK%d\nN%d\nP30000\nMDeferred: 452 4.2.2 <u@d%d.test>: Mailbox full\nFbs\n$_app\nS<a%d@shop.example>\nRPFD:<user%d@d%d.test>\n.\n" % (
            1795000000 + n * 7919 % ROWS, 1795380000, n % 9 + 1, n % 997, n, n, n % 997)  # fmt: skip
        made.append(maker.file(place, "sm1:/var/spool/mqueue:", f"qf6AMJ{n:08d}", "1.1", 900, raw))
    assert made[0].format == QF and made[0].state is QueueState.DEFERRED
    return tuple(made)


def timed(work: Callable[[], object]) -> Callable[[], float]:
    def run() -> float:
        began = time.thread_time()
        work()
        return time.thread_time() - began

    return run


def ordered(table: QueueTable, column: str) -> None:
    replace(table, _sorted={}).rows(View(column))


def run(report: Report) -> None:
    made = rows()
    table = QueueTable.build(QueueListing(0.0, complete=True, missing=(), rows=made))
    table.rows(View())
    texts = [b"\0".join((row.id.encode(), row.sender or b"", row.recipient, row.reason or b"")) for row in made]
    formats = MtaFormats(())
    scan = timed(lambda: [text for text in texts if b"d500.test" in text.lower()])
    for text in ("domain=d500.test", "reason:full to:d500.test", "d500.test", "attempts>5 age>1h"):
        wanted = query.parse(text, "queue").rows(
            host="sm1", now=1795400000.0, message=lambda row: formats.message("sm1", None, row)
        )
        view = View(where=wanted)
        measured = pairs(timed(partial(table.rows, view)), scan)
        report.note(f"filter {text!r} / list scan (CPU)", f"{measured.ratio:.1f}  {1000 * min(measured.a):.0f} ms")
    for column in ("age", "reason", "to"):
        measured = pairs(timed(partial(ordered, table, column)), scan)
        report.note(f"sort by {column} / list scan (CPU)", f"{measured.ratio:.1f}  {1000 * min(measured.a):.0f} ms")
    table.rows(View("age"))
    later = QueueTable.build(QueueListing(1.0, True, (), made[:100], (), True), table)
    measured = pairs(timed(partial(ordered, later, "age")), scan)
    report.note(
        "sort by age again after 100 changed / list scan (CPU)",
        f"{measured.ratio:.1f}  {1000 * min(measured.a):.0f} ms",
    )


if __name__ == "__main__":
    from tests.bench.measure import main

    main(run)
