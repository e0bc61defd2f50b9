"""From log bytes to what the console keeps of them: splitting, event codes, records on demand, memory."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

from mailtui.fleet import MtaFormats
from mailtui.parsing.lines import LineSplitter
from mailtui.store import LogBuffer
from tests.bench.measure import PAIRS, Report, pairs

LINES = 200_000
CHUNK = 64 * 1024
KINDS = (
    b"6AMJNXAv%06d: from=<orders-%d@shop.example>, size=2391, class=0, nrcpts=1, msgid=<%d.1@shop.example>, "
    b"proto=ESMTPS, daemon=MTA-v4, relay=app7.lab.test [10.77.0.27]\n",
    b"6AMJNXAv%06d: to=<user%d@d%d.test>, delay=00:00:02, xdelay=00:00:01, mailer=esmtp, pri=122391, "
    b"relay=mx1.partner.example. [203.0.113.25], dsn=2.0.0, stat=Sent (Ok: queued as 4B1F20)\n",
    b"6AMJNXAv%06d: to=<user%d@d%d.test>, delay=01:00:02, xdelay=00:00:00, mailer=esmtp, pri=212391, "
    b"relay=mx.full.test. [203.0.113.9], dsn=4.2.2, reply=452 4.2.2 Mailbox full, stat=Deferred\n",
    b"STARTTLS=client, relay=mx%d.partner.example., version=TLSv1.3, verify=OK, cipher=TLS_AES_%d, bits=%d/256\n",
)


def log() -> bytes:
    head = b"Nov 22 19:%02d:%02d sm1 sm-mta[%d]: "
    return b"".join(
        head % (n // 60 % 60, n % 60, 1000 + n % 300) + KINDS[n % 4] % (n % 1_000_000, n % 997, n % 97)
        for n in range(LINES)
    )


def timed(work: Callable[[], object]) -> Callable[[], float]:
    def run() -> float:
        began = time.thread_time()
        work()
        return time.thread_time() - began

    return run


def chunks(data: bytes) -> list[bytes]:
    return [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]


def buffered(data: bytes) -> LogBuffer:
    """Take the whole way from chunks to the buffer, as the console does."""
    buffer, splitter = LogBuffer(MtaFormats(()).log_reader("sm1", None)), LineSplitter()
    for chunk in chunks(data):
        for block in splitter.feed(chunk):
            buffer.append("/var/log/mail.log", block.offset, block.data, at=0.0, live=True)
    return buffer


def run(report: Report) -> None:
    data = log()
    size = len(data) / 1e6
    plain = timed(lambda: [chunk.split(b"\n") for chunk in chunks(data)])
    whole = pairs(timed(lambda: buffered(data)), plain, PAIRS)
    report.note(
        "chunks to lines and events in the buffer",
        f"{size / min(whole.a):.0f} MB/s, {LINES / min(whole.a) / 1e3:.0f} klines/s",
    )
    report.note("the same / bytes.split of the chunks (CPU)", f"{whole.ratio:.1f}")
    reader, lines = MtaFormats(()).log_reader("sm1", None), data.split(b"\n")[:50_000]
    measured = pairs(
        timed(lambda: [reader.record(line) for line in lines]), timed(lambda: b"\n".join(lines).split(b"\n")), 3
    )
    report.note(
        "records read whole (on demand, for what is shown)",
        f"{len(lines) / min(measured.a) / 1e3:.0f} klines/s, {measured.ratio:.0f} x split",
    )
    tracemalloc.start()
    buffer = buffered(data)
    held = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    assert buffer.end - buffer.first == LINES
    report.most("memory of the buffer / bytes of the log", held / size, 1.15)


if __name__ == "__main__":
    from tests.bench.measure import main

    main(run)
