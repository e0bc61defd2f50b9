"""How fast a big queue of control files is read, without a network: host's part, ours, and the refreshes.

`MESSAGES=100000 make bench` for the full size. The peer is `cat` of the same files in the same run; nothing here is
judged by the clock: what is judged is work, the clock is printed.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from pathlib import Path

import pytest

from mailtui.model import Identity
from mailtui.mta.contract import KnownQueue, QueueReading
from mailtui.mta.sendmail import engine, listing
from mailtui.procedure import REGISTRY, Reply, Request
from mailtui.transport.drive import drive
from mailtui.transport.gate import Gate
from mailtui.transport.local import LocalTransport

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

CORPUS = Path(__file__).parent.parent / "corpus" / "sendmail"
SOURCES = ("qf6AMJNXAv000136", "qf6AMJNXBD000136", "qf6AMJNXAw000136", "qf6AMJNXBF000136")
MESSAGES = int(os.environ.get("MESSAGES", "20000"))
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"


class Counted(LocalTransport):
    """The local transport, counting verbs and bytes."""

    def __init__(self) -> None:
        super().__init__(gate=Gate(REGISTRY, read_only=True))
        self.verbs: list[str] = []
        self.received = 0
        self.replies: list[Reply] = []

    async def run(self, request: Request) -> Reply:
        self.verbs.append(request.data.split(b"\n")[0].decode())
        reply = await super().run(request)
        self.received += sum(len(section.body) for section in reply.sections)
        self.replies.append(reply)
        return reply


def fill(directory: Path, count: int) -> None:
    """Write messages that differ in recipient, domain and size; every fourth has nine recipients."""
    directory.mkdir(parents=True)
    sources = [(CORPUS / name).read_bytes() for name in SOURCES]
    chance = random.Random(7)
    for number in range(count):
        stamp = "".join(_DIGITS[number // 60**place % 60] for place in (3, 2, 1, 0))
        text = sources[number % 4].replace(b"refused.test", b"d%d.test" % (number % 997))
        name = f"6AMJ{stamp}{number % 1_000_000:06d}"
        (directory / f"qf{name}").write_bytes(text.replace(b"tomas.935", b"u%d" % number))
        (directory / f"df{name}").write_bytes(b"x" * chance.randint(1, 300))
    os.utime(directory, (time.time() - 60,) * 2)


async def timed(transport: Counted, identity: Identity, known: KnownQueue | None, what: str) -> QueueReading:
    transport.verbs, transport.received = [], 0
    wall, cpu = time.perf_counter(), time.process_time()
    reading = await drive(transport, listing.list_queue("mx1", identity, known, time.time))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    size = f"{transport.received / 1e6:.1f} MB"
    print(f"{what:24}{wall:7.2f} s wall {cpu:7.2f} s our cpu {size:>10}  {'+'.join(transport.verbs)}")
    return reading


async def test_big_queue(tmp_path: Path) -> None:
    queue = tmp_path / "mqueue"
    fill(queue, MESSAGES)
    facts = (("uid", "0"), ("queue_directory", str(queue)))
    identity = Identity("sendmail", "8.17.1.9", ("sendmail",), 0.0, "root", facts)
    print(f"\n{MESSAGES} messages")
    command = f"find '{queue}' -name 'qf*' -print0 | xargs -0 cat >/dev/null"
    for _ in range(2):
        began = time.perf_counter()
        subprocess.run(["sh", "-c", command], check=True)
        print(f"{'cat of all qf (peer)':24}{time.perf_counter() - began:7.2f} s wall")
    transport = Counted()
    try:
        for _ in range(3):
            first = await timed(transport, identity, None, "first reading")
        began = time.process_time()
        rows = engine.contents("mx1", transport.replies[-1]).rows
        spent = time.process_time() - began
        print(f"{'records to rows':24}{spent:7.2f} s cpu, {spent / MESSAGES * 1e6:.1f} us a message")
        assert len(rows) == len(first.listing.rows) == MESSAGES
        known = KnownQueue({row.key: row.identity for row in first.listing.rows}, first.notes)
        unchanged = await timed(transport, identity, known, "nothing changed")
        assert transport.verbs == ["dirs"], "no queue file is opened, no name is listed"
        assert transport.received < 1000
        assert unchanged.listing.partial
        for path in sorted(queue.glob("qf*"))[::100]:
            path.rename(path.with_name("hf" + path.name[2:]))
        refresh = await timed(transport, identity, known, "1% changed")
        assert transport.verbs == ["dirs", "sweep", "read"]
        assert len(refresh.listing.rows) == len(range(0, MESSAGES, 100))
    finally:
        await transport.close()
