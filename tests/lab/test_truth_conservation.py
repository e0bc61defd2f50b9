"""Conservation: whatever two consoles and a run of faults do to a queue, each message is delivered, queued, in the vault or bounced.

The short form runs in `make test`; `make soak` runs the long one for MAILTUI_SOAK_MINUTES.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import time
from collections import Counter
from functools import partial

import pytest

from mailtui.errors import HostError
from mailtui.model import Order, QueueRow
from mailtui.session import Link
from tests.lab.harness import Lab
from tests.lab.test_truth_act import HOST, armed, done, restored, rows_of, sink

DOMAINS = ("grey60.test", "full.test", "accept.test", "tempdata.test")


class Console:
    """One operator who does random things to the queue, and connects again after every fault."""

    def __init__(self, lab: Lab, name: str, seed: int) -> None:
        self.lab = lab
        self.name = name
        self.chance = random.Random(seed)
        self.did: Counter[str] = Counter()
        self.stop = False

    async def work(self) -> None:
        while not self.stop:
            try:
                async with armed(self.lab) as link:
                    while not self.stop:
                        await self.step(link)
            except (HostError, OSError):
                self.did["cut"] += 1

    async def step(self, link: Link) -> None:
        listing = (await link.queue()).listing
        if not listing.complete:  # a fault ended what was reading: the console says so, and nobody acts on it
            self.did["incomplete"] += 1
            return
        rows = list(listing.rows)
        verb = self.chance.choice(("hold", "release", "delete", "undo", "retry", "flush"))
        order = Order(reason="soak", by=self.name, undo_id=f"u-{self.name}-{time.time_ns()}")
        if verb == "undo":
            sets = await link.undo_sets()
            if sets:
                await link.undo(self.chance.choice(sets), order)
        elif verb == "flush":
            await link.act("flush", (), order)
        else:
            some = self.chance.sample(rows, min(len(rows), self.chance.randint(1, 40)))
            wanted = [row for row in some if (row.state == "held") == (verb == "release") or verb == "delete"]
            await link.act(verb, [link.target(row) for row in wanted], order)
        self.did[verb] += 1


async def faults(lab: Lab, until: float, every: float, chance: random.Random) -> int:
    """Pull the rug now and then: sessions killed, what runs on the host killed, the cable out for a moment."""
    count = 0
    while time.monotonic() < until:
        await asyncio.sleep(every)
        kind = chance.choice(("sessions", "perl"))  # not sendmail: what it has sent and not noted yet is its own risk
        victims = [
            each
            for each in await asyncio.to_thread(lab.processes, HOST)
            if (kind == "sessions" and each.command.startswith("sshd:") and "[listener]" not in each.command)
            or (kind == "perl" and "perl" in each.command)
        ]
        await asyncio.to_thread(lab.kill, HOST, *victims)
        count += 1
    return count


def conserve(lab: Lab, messages: int, seconds: float, every: float) -> None:
    lab.restart(HOST)
    name = f"soak{time.time_ns()}x"
    chance = random.Random(messages)
    ids = {
        lab.inject(HOST, f"s{n}@sm1.lab.test", f"{name}{n}@{chance.choice(DOMAINS)}"): f"{name}{n}@"
        for n in range(messages)
    }
    consoles = [Console(lab, "alice", 1), Console(lab, "bob", 2)]

    async def run() -> int:
        until = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for each in consoles:
                group.create_task(each.work())
            count = await faults(lab, until, every, chance)
            for each in consoles:
                each.stop = True
        return count

    assert asyncio.run(run()) >= 1
    assert sum(each.did["delete"] + each.did["hold"] for each in consoles) > 2, [each.did for each in consoles]
    found = accounted(lab, ids)
    assert set(ids) <= set(found), {each: ids[each] for each in set(ids) - set(found)}

    # a control file half written anew, whose sendmail was ended: each later try of its message would wait eight minutes
    find = "find /var/spool/mqueue /var/spool/mqueue-client -type f -name '[tT]f*'"
    lab.wait(lambda: not lab.exec(HOST, find), 30, "every sendmail ended writing what it had begun")

    # all back, all let go, every destination open: each is delivered, and once
    for kept in done(lab, lambda link: link.undo_sets()):
        done(lab, partial(restored, kept=kept))
    assert done(lab, lambda link: link.undo_sets()) == ()
    lab.exec("sink", "touch /run/sink-accept-all")
    try:
        emptied(lab)
    finally:
        lab.exec("sink", "rm -f /run/sink-accept-all")
    log = lab.exec(HOST, "cat /var/log/mail.log*").decode(errors="replace")
    for queue_id, recipient in ids.items():
        sent = len(re.findall(rf" {queue_id}: to=.* stat=Sent", log))
        assert sent == 1, (queue_id, recipient, sent)
        assert len(sink(lab, recipient)) == 1, (queue_id, recipient, "a duplicate")


def emptied(lab: Lab, seconds: float = 240) -> None:
    """Let go and deliver all there is; says what is left where that does not end.

    A connection that failed in the run may have left a host status, by which Sendmail would not try for three minutes.
    """
    done(lab, lambda link: link.act("flush", (), Order(forget=True)))
    until = time.monotonic() + seconds
    while left := done(lab, pushed):
        look_until = time.monotonic() + 15  # a run at a time: many at once only hold each other up
        while time.monotonic() < look_until and done(lab, rows_of):
            time.sleep(0.2)
        if time.monotonic() > until:
            rows = "\n".join(f"{row.id} {row.state} {row.attempts} {row.reason!r}" for row in left)
            raise AssertionError(f"not within {seconds:g} s:\n{rows}\n{lab.exec(HOST, 'ps axww; uptime').decode()}")


async def pushed(link: Link) -> list[QueueRow]:
    """Release what is held and have the rest tried; gives what was there."""
    rows = await rows_of(link)
    await link.act("release", [link.target(row) for row in rows.values() if row.state == "held"], Order())
    await link.act("retry", [link.target(row) for row in (await rows_of(link)).values()], Order())
    return list(rows.values())


def accounted(lab: Lab, ids: dict[str, str]) -> dict[str, str]:
    """Where each message is: queue or vault by its files, else delivered or bounced by the log."""
    paths = (
        lab.exec(HOST, "find /var/spool/mqueue /var/spool/.mailtui-undo -type f -name '[qh]f*' 2>/dev/null; true")
        .decode()
        .split()
    )
    found = {path.rpartition("/")[2][2:]: "vault" if ".mailtui-undo" in path else "queue" for path in paths}
    log = lab.exec(HOST, "cat /var/log/mail.log*").decode(errors="replace")
    for queue_id in re.findall(r" (\w{14}): to=.* stat=Sent", log):
        found.setdefault(queue_id, "delivered")
    for queue_id in re.findall(r" (\w{14}): \w{14}: (?:DSN|postmaster notify): ", log):
        found.setdefault(queue_id, "bounced")
    return found


@pytest.mark.timeout(420, func_only=True)
def test_nothing_is_lost_between_two_consoles_and_faults(lab: Lab) -> None:
    conserve(lab, messages=120, seconds=30, every=5)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_nothing_is_lost_in_a_long_run(lab: Lab) -> None:
    conserve(lab, messages=2000, seconds=60 * float(os.environ.get("MAILTUI_SOAK_MINUTES", "30")), every=20)
