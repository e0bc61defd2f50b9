"""Retrying aloud on a real Sendmail: the dialogue as it comes, and never a delivery that is lost or doubled by us."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from mailtui.config import Host, load
from mailtui.model import Code, ItemOutcome, Order, Outcome, Side, Spoken
from mailtui.session import Link
from tests.bench import labqueue
from tests.lab.harness import Lab, LabFault
from tests.lab.truth import ours, pids, run

pytestmark = pytest.mark.timeout(240, func_only=True)

HOST = "sm1"
QUEUE = "/var/spool/mqueue"
ORDER = Order(by="alice@here")
LIMIT = 35.0
"""Seconds after the end of the link in which everything of ours must be gone."""


@pytest.fixture(scope="module", autouse=True)
def fresh(lab: Lab) -> Iterator[None]:
    """The host with empty queues."""
    lab.restart(HOST)
    yield
    lab.restart(HOST)


@pytest.fixture(params=["root", "sudo", "helper"])
def login(lab: Lab, request: pytest.FixtureRequest) -> Iterator[str]:
    """A login by each means: root itself, sudo for everything, the helper as it is printed."""
    if request.param == "root":
        yield f"{HOST}-root"
        return
    rules = "qview ALL=(ALL) NOPASSWD: ALL\n"
    if request.param == "helper":
        text = run(lab, "sudoers", f"{HOST}-qview", "--for", "list,read,retry", "--helper").out
        rules, _, _ = text.partition("# ---- the helper")
        lab.put(HOST, labqueue.HELPER, text[text.index("#!/bin/sh\n") :].encode(), "755")
    lab.put(HOST, "/etc/sudoers.d/mailtui-qview", rules.encode(), "440")
    yield f"{HOST}-qview"
    lab.exec(HOST, f"rm -f /etc/sudoers.d/mailtui-qview {labqueue.HELPER}")


@dataclass
class Watched:
    """What a retry came to."""

    lines: list[Spoken] = field(default_factory=list)
    outcome: ItemOutcome | None = None

    @property
    def text(self) -> str:
        return b"\n".join(each.text for each in self.lines).decode(errors="replace")


@asynccontextmanager
async def armed(lab: Lab, login: str) -> AsyncIterator[Link]:
    host: Host = next(each for each in load(lab.all_config_path).hosts if each.name == login)
    async with Link.open(host) as link:
        link.gate.arm()
        yield link


async def watch(
    lab: Lab, queue_id: str, *, login: str = f"{HOST}-root", until: str = "", then: str = "stop"
) -> Watched:
    """Retry a message; at the line that holds `until` do what `then` says."""
    found = Watched()
    left, seen = asyncio.Event(), asyncio.Event()

    def heard(line: Spoken) -> None:
        found.lines.append(line)
        if until and until.encode() in line.text:
            seen.set()

    async def interrupt() -> None:
        await seen.wait()
        if then == "stop":
            left.set()
        else:
            await asyncio.to_thread(getattr(lab, then), HOST)

    async with armed(lab, login) as link:
        rows = {row.id: row for row in (await link.queue()).listing.rows}
        target = link.target(rows[queue_id])
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(interrupt())
            acted = await link.live([target], ORDER, heard, left)
            waiting.cancel()
    (found.outcome,) = acted.outcomes
    return found


def queued(lab: Lab, recipient: str, sender: str) -> str:
    """Put a message into the queue that nobody has tried; its id."""
    words = ("/usr/sbin/sendmail", "-Am", "-odq", "-i", "-f", sender, recipient)
    lab.exec(HOST, *words, stdin=b"Subject: live\n\nhello\n")
    (path,) = lab.exec(HOST, f"grep -l '^S<\\?{sender}' {QUEUE}/qf*").decode().split()
    return path.rpartition("/qf")[2]


def sink(lab: Lab, name: str) -> list[dict[str, Any]]:
    lines = lab.exec("sink", "cat /var/log/sink.jsonl 2>/dev/null; true").decode(errors="replace").splitlines()
    return [each for each in map(json.loads, lines) if name in json.dumps(each)]


def name_of(kind: str) -> str:
    return f"{kind}{time.time_ns()}@sm1.lab.test"


def clean(lab: Lab, before: set[int]) -> None:
    """Nothing of ours is left in time, neither process nor file; a delivery may still run."""

    def left() -> list[str]:
        names = lab.exec(HOST, "ls -d /run/mailtui-* /tmp/mailtui-* /var/tmp/mailtui-* 2>/dev/null; true")
        running = [each.command for each in ours(lab, HOST, before) if "sendmail" not in each.command.split()[0]]
        return [*names.decode().split(), *running]

    try:
        lab.wait(lambda: not left(), LIMIT)
    except LabFault:
        raise LabFault(f"left on the host after {LIMIT:g} s: {left()}") from None


@pytest.fixture
def before(lab: Lab) -> set[int]:
    """What runs on the host before."""
    return pids(lab, HOST)


def gone(lab: Lab, queue_id: str) -> bool:
    return not any(queue_id in path for path in lab.queue_files(HOST))


def test_a_greylisted_message_shows_why_and_then_is_delivered_once(lab: Lab, before: set[int]) -> None:
    sender = name_of("grey")
    queue_id = queued(lab, "someone@grey.test", sender)
    found = asyncio.run(watch(lab, queue_id))
    assert ">>> RCPT To:<someone@grey.test>" in found.text
    assert "\n450 4.2.0 <someone@grey.test>: Recipient address rejected: Greylisted" in found.text
    assert Side.LATER in {each.side for each in found.lines}
    assert found.outcome is not None
    assert (found.outcome.outcome, found.outcome.code) == (Outcome.DONE, Code.DEFERRED)
    assert sink(lab, sender) == []
    lab.exec("sink", "touch /run/sink-accept-all")
    try:
        found = asyncio.run(watch(lab, queue_id))
    finally:
        lab.exec("sink", "rm -f /run/sink-accept-all")
    assert "... Sent (" in found.text
    assert (found.outcome and found.outcome.code) == Code.DELIVERED
    assert gone(lab, queue_id)
    assert len(sink(lab, sender)) == 1
    clean(lab, before)


def test_an_unknown_user_is_bounced_and_that_is_told(lab: Lab) -> None:
    queue_id = queued(lab, "nobody@reject.test", name_of("reject"))
    found = asyncio.run(watch(lab, queue_id))
    assert "550 5.1.1" in found.text
    assert (found.outcome and found.outcome.code) == Code.BOUNCED, found.text


def test_a_message_in_delivery_is_left_alone(lab: Lab) -> None:
    sender = name_of("busy")
    queue_id = lab.inject(HOST, sender, "s12@slow.test")
    lab.wait(lambda: b"slow.test" in lab.exec(HOST, "ps -ewwo args="), 30, "being delivered")
    found = asyncio.run(watch(lab, queue_id))
    assert (found.outcome and found.outcome.code) == Code.IN_DELIVERY, found.text
    lab.wait(lambda: gone(lab, queue_id), 60, "delivered")
    assert len(sink(lab, sender)) == 1


def test_stop_in_the_midst_of_a_delivery(lab: Lab, login: str, before: set[int]) -> None:
    sender = name_of("stop")
    queue_id = queued(lab, "s8@slow.test", sender)
    found = asyncio.run(watch(lab, queue_id, login=login, until=">>> ."))
    assert (found.outcome and found.outcome.code) == Code.REQUESTED
    assert not gone(lab, queue_id), "it was stopped in the midst"
    clean(lab, before)
    lab.wait(lambda: gone(lab, queue_id), 60, "delivered")
    assert len(sink(lab, sender)) == 1


def test_the_link_is_killed_in_the_midst_of_a_delivery(lab: Lab, login: str, before: set[int]) -> None:
    sender = name_of("kill")
    queue_id = queued(lab, "s8@slow.test", sender)
    try:
        found = asyncio.run(watch(lab, queue_id, login=login, until=">>> .", then="kill_sshd"))
    finally:
        lab.restore(HOST)
    assert (found.outcome and found.outcome.outcome) == Outcome.UNKNOWN
    clean(lab, before)
    lab.wait(lambda: gone(lab, queue_id), 60, "delivered")
    lab.exec(HOST, "/usr/sbin/sendmail -q")
    assert len(sink(lab, sender)) == 1


def test_the_cable_is_pulled_in_the_midst_of_a_delivery(lab: Lab, login: str, before: set[int]) -> None:
    """Neither end is told: the watchdog on the host ends everything but the delivery."""
    sender = name_of("cut")
    queue_id = queued(lab, "s50@slow.test", sender)
    began = time.monotonic()
    try:
        found = asyncio.run(watch(lab, queue_id, login=login, until=">>> .", then="cut"))
        assert (found.outcome and found.outcome.outcome) == Outcome.UNKNOWN
        clean(lab, before)
        assert time.monotonic() - began < LIMIT + 20
        assert not gone(lab, queue_id), "the delivery goes on"
    finally:
        lab.restore(HOST)
    lab.wait(lambda: gone(lab, queue_id), 120, "delivered")
    assert len(sink(lab, sender)) == 1


def test_several_messages_in_several_queue_directories_have_each_its_own_outcome(lab: Lab) -> None:
    lab.restart("sm2")
    fates = {
        "a@grey.test": Code.DEFERRED,
        "b@reject.test": Code.BOUNCED,
        "c@accept.test": Code.DELIVERED,
        "d@full.test": Code.DEFERRED,
        "e@partner.test": Code.DELIVERED,
        "f@reject.test": Code.BOUNCED,
    }
    senders = {name_of(recipient[0]).replace("sm1", "sm2"): recipient for recipient in fates}
    for sender, recipient in senders.items():
        words = ("/usr/sbin/sendmail", "-Am", "-odq", "-i", "-f", sender, recipient)
        lab.exec("sm2", *words, stdin=b"Subject: live\n\nhello\n")

    async def all_at_once() -> tuple[dict[str, Code], list[Spoken], set[bytes]]:
        lines: list[Spoken] = []
        async with armed(lab, "sm2") as link:
            rows = {row.id: row for row in (await link.queue()).listing.rows}
            targets = [link.target(row) for row in rows.values()]
            acted = await link.live(targets, ORDER, lines.append, asyncio.Event())
        to = {row.id: (row.sender or b"").decode() for row in rows.values()}
        found = {senders[to[each.id].strip("<>")]: each.code for each in acted.outcomes}
        return found, lines, {each.directory for each in targets}

    found, lines, places = asyncio.run(all_at_once())
    assert found == fates, b"\n".join(each.text for each in lines).decode(errors="replace")
    assert len(places) > 1


def test_sendmail_delivers_once_where_its_transcript_has_no_room(lab: Lab) -> None:
    """Why a file is safe: its errors end no delivery."""
    sender = name_of("full")
    queue_id = queued(lab, "s1@slow.test", sender)
    lab.exec(HOST, f"/usr/sbin/sendmail -v -qI{queue_id} >/dev/full 2>&1; true")
    lab.wait(lambda: gone(lab, queue_id), 60, "delivered")
    assert len(sink(lab, sender)) == 1
