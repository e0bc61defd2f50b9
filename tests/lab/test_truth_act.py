"""Acting on a real Sendmail's queue: hold, release, retry, bounce, delete and undo, proved on the host and at the sink."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import pytest

from mailtui.config import Host, load
from mailtui.errors import HostError
from mailtui.model import Acted, Code, ItemOutcome, Order, Outcome, QueueRow, Target, UndoSet
from mailtui.session import Link
from tests.bench import labqueue
from tests.lab.harness import Lab
from tests.lab.truth import run

T = TypeVar("T")
pytestmark = pytest.mark.timeout(240, func_only=True)

HOST = "sm1"
QUEUE = "/var/spool/mqueue"
ORDER = Order(reason="a test", by="alice@here")


@pytest.fixture(scope="module", autouse=True)
def fresh(lab: Lab) -> Iterator[None]:
    """The host with empty queues and a daemon that does not run them by itself for a while."""
    lab.restart(HOST)
    yield
    lab.restart(HOST)


@asynccontextmanager
async def armed(lab: Lab, login: str = f"{HOST}-root") -> AsyncIterator[Link]:
    """A connection on which changes may pass."""
    host: Host = next(each for each in load(lab.all_config_path).hosts if each.name == login)
    async with Link.open(host) as link:
        link.gate.arm()
        yield link


def done(lab: Lab, work: Callable[[Link], Awaitable[T]], login: str = f"{HOST}-root") -> T:
    """Do something over a connection of its own."""

    async def once() -> T:
        async with armed(lab, login) as link:
            return await work(link)

    return asyncio.run(once())


async def rows_of(link: Link, *ids: str) -> dict[str, QueueRow]:
    reading = await link.queue()
    assert reading.listing.complete
    return {row.id: row for row in reading.listing.rows if not ids or row.id in ids}


async def acted(link: Link, verb: str, ids: list[str], order: Order = ORDER) -> dict[str, ItemOutcome]:
    rows = await rows_of(link, *ids)
    targets: list[Target] = [link.target(rows[each]) for each in ids if each in rows]
    found = await link.act(verb, targets, order)
    return {each.id: each for each in found.outcomes}


async def restored(link: Link, kept: UndoSet) -> Acted:
    return await link.undo(kept, ORDER)


def codes(found: dict[str, ItemOutcome]) -> set[tuple[str, str]]:
    return {(each.outcome.value, each.code.value) for each in found.values()}


def injected(lab: Lab, count: int, domain: str, name: str = "act") -> list[str]:
    """So many messages that wait in the queue, each for a recipient of its own."""
    found = [lab.inject(HOST, f"from{n}@sm1.lab.test", f"{name}{n}@{domain}") for n in range(count)]
    lab.wait(lambda: waiting(lab, found), 60, "every message tried once")
    return found


def waiting(lab: Lab, ids: list[str]) -> bool:
    """Whether all of them have been tried and none is being delivered."""
    files = lab.exec(HOST, f"cd {QUEUE} && for i in {' '.join(ids)}; do grep -c '^N[1-9]' [qh]f$i; done; true").split()
    return files.count(b"1") == len(ids)


def states(lab: Lab, ids: list[str]) -> list[str]:
    """What must not change of each file: name, bytes, mode, owner, group, time, inode."""
    names = " ".join(f"[qhd]f{each}" for each in ids)
    script = f"cd {QUEUE} && set -- && for f in {names}; do [ ! -f $f ] || set -- $@ $f; done && sha256sum $@ && stat -c '%n %a %u %g %y %i' $@"
    return sorted(lab.exec(HOST, script).decode().splitlines())


def sink(lab: Lab, name: str) -> list[dict[str, Any]]:
    """What the sink accepted for recipients whose name begins so."""
    lines = lab.exec("sink", "cat /var/log/sink.jsonl 2>/dev/null; true").decode(errors="replace").splitlines()
    return [each for each in map(json.loads, lines) if name in json.dumps(each)]


def test_delete_and_undo_fifty(lab: Lab) -> None:
    ids = injected(lab, 50, "full.test", "del")
    before = states(lab, ids)
    order = Order(reason="spam run", by="alice@here", undo_id="u-20261124T200000-aaaaaa")

    async def delete(link: Link) -> tuple[dict[str, ItemOutcome], dict[str, QueueRow], tuple[UndoSet, ...]]:
        return await acted(link, "delete", ids, order), await rows_of(link, *ids), await link.undo_sets()

    found, left, sets = done(lab, delete)
    assert (codes(found), left) == ({("done", "moved")}, {})
    assert [(each.undo_id, each.count, each.state) for each in sets] == [(order.undo_id, 50, "kept")]
    assert not any(queue_id in path for path in lab.queue_files(HOST, "qhQd") for queue_id in ids)
    lab.exec(HOST, "/usr/sbin/sendmail -q")  # a whole run finds nothing of them
    again = done(lab, lambda link: link.undo(sets[0], ORDER))
    assert {(each.outcome, each.code) for each in again.outcomes} == {(Outcome.DONE, Code.RESTORED)}
    assert states(lab, ids) == before
    assert done(lab, lambda link: link.undo_sets()) == ()


def test_hold_and_release_fifty_then_each_is_delivered_once(lab: Lab) -> None:
    name = f"hold{time.time_ns()}x"  # the sink's log outlives a session
    ids = injected(lab, 50, "grey60.test", name)
    data = [line for line in states(lab, ids) if " df" in line or line.startswith("df")]
    found = done(lab, lambda link: acted(link, "hold", ids))
    assert codes(found) == {("done", "held")}
    rows = done(lab, lambda link: rows_of(link, *ids))
    assert {(row.state.value, row.reason) for row in rows.values()} == {("held", b"a test")}
    lab.exec(HOST, "/usr/sbin/sendmail -q")
    assert codes(done(lab, lambda link: acted(link, "release", ids))) == {("done", "released")}
    rows = done(lab, lambda link: rows_of(link, *ids))
    assert {row.state.value for row in rows.values()} == {"deferred"}
    assert [line for line in states(lab, ids) if " df" in line or line.startswith("df")] == data
    lab.exec("sink", "touch /run/sink-accept-all")
    try:
        assert codes(done(lab, lambda link: acted(link, "retry", ids))) == {("done", "requested")}
        lab.wait(lambda: not done(lab, lambda link: rows_of(link, *ids)), 90, "all delivered")
    finally:
        lab.exec("sink", "rm -f /run/sink-accept-all")
    for number in range(50):
        assert len(sink(lab, f"{name}{number}@")) == 1, number


def test_bounce(lab: Lab) -> None:
    ids = injected(lab, 5, "full.test", "bounce")
    assert codes(done(lab, lambda link: acted(link, "bounce", ids))) == {("done", "requested")}
    lab.wait(lambda: not done(lab, lambda link: rows_of(link, *ids)), 60, "all returned")
    log = lab.exec(HOST, "cat /var/log/mail.log").decode(errors="replace")
    for each in ids:
        assert [
            line for line in log.splitlines() if f" {each}: " in line and "Cannot send message for too long" in line
        ], [line for line in log.splitlines() if each in line]


def test_a_message_in_delivery_is_never_taken(lab: Lab) -> None:
    sender = f"slow{time.time_ns()}@sm1.lab.test"
    queue_id = lab.inject(HOST, sender, "s20@slow.test")
    lab.wait(lambda: b"slow.test" in lab.exec(HOST, "ps -ewwo args="), 30, "being delivered")
    rows = done(lab, lambda link: rows_of(link, queue_id))
    assert rows
    for verb in ("delete", "hold"):
        order = Order(reason="x", by="a", undo_id="u-20261124T200001-aaaaaa")
        found = done(lab, partial(acted, verb=verb, ids=[queue_id], order=order))
        assert codes(found) == {("skipped", "in-delivery")}, verb
    lab.wait(lambda: not done(lab, lambda link: rows_of(link, queue_id)), 60, "delivered")
    assert len(sink(lab, sender)) == 1


def test_two_operators_on_the_same_messages(lab: Lab) -> None:
    ids = injected(lab, 40, "full.test", "two")

    async def both() -> list[dict[str, ItemOutcome]]:
        async with armed(lab) as one, armed(lab) as other:
            rows = await rows_of(one, *ids)
            targets = [one.target(row) for row in rows.values()]
            orders = [Order(by=who, undo_id=f"u-20261124T20000{n}-bbbbbb") for n, who in ((2, "alice"), (3, "bob"))]
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(each.act("delete", targets, order))
                    for each, order in zip((one, other), orders, strict=True)
                ]
            return [{each.id: each for each in task.result().outcomes} for task in tasks]

    alice, bob = asyncio.run(both())
    for each in ids:
        pair = sorted((alice[each].outcome.value, bob[each].outcome.value))
        assert pair == ["done", "skipped"], (each, alice[each], bob[each])
    sets = done(lab, lambda link: link.undo_sets())
    assert sum(each.count for each in sets) == 40
    for kept in sets:
        done(lab, partial(restored, kept=kept))
    assert len(done(lab, lambda link: rows_of(link, *ids))) == 40


def test_flush_and_the_client_queue(lab: Lab) -> None:
    lab.kill(HOST, *(each for each in lab.processes(HOST) if each.command.startswith("sendmail:")))
    lab.submit(HOST, "root@sm1.lab.test", "flush@accept.test")
    client = lab.wait(
        lambda: [row for row in done(lab, rows_of).values() if row.queue == "mqueue-client"], 30, "in the client queue"
    )
    ids = [row.id for row in client]
    assert codes(done(lab, lambda link: acted(link, "hold", ids))) == {("done", "held")}
    assert codes(done(lab, lambda link: acted(link, "release", ids))) == {("done", "released")}
    order = Order(by="a", undo_id="u-20261124T200009-cccccc")
    assert codes(done(lab, lambda link: acted(link, "delete", ids, order))) == {("done", "moved")}
    (kept,) = done(lab, lambda link: link.undo_sets())
    assert {each.outcome for each in done(lab, lambda link: link.undo(kept, ORDER)).outcomes} == {Outcome.DONE}
    lab.restart(HOST)


def test_a_login_without_rights_asks_nothing_of_the_host(lab: Lab) -> None:
    async def rights(link: Link) -> dict[str, tuple[bool, str]]:
        return {each.name: (each.allowed, each.cure) for each in (await link.capabilities()).value}

    found = done(lab, rights, f"{HOST}-guest")
    for name in ("retry", "flush", "hold", "release", "delete", "undo", "bounce"):
        allowed, cure = found[name]
        assert not allowed and "sudoers" in cure, (name, cure)


def whole(lab: Lab) -> dict[str, set[str]]:
    """Where each message's files are, by id: `queue` or `vault` with the kind of file."""
    names = (
        lab.exec(HOST, f"find {QUEUE} /var/spool/.mailtui-undo -type f -name '[qd]f*' 2>/dev/null; true")
        .decode()
        .split()
    )
    found: dict[str, set[str]] = {}
    for path in names:
        name = path.rpartition("/")[2]
        found.setdefault(name[2:], set()).add(f"{'vault' if '.mailtui-undo' in path else 'queue'} {name[:2]}")
    return found


PULL = """n=0; until [ "$(find /var/spool/.mailtui-undo/u-*/[0-9]* -type f 2>/dev/null | wc -l)" -ge {count} ]; do
n=$((n + 1)); [ $n -lt 3000 ] || break; done; kill -9 {victims}; true"""
"""Ends the sessions as soon as so many files are aside."""


def test_a_link_cut_at_twenty_points_of_a_delete_loses_nothing(lab: Lab) -> None:
    lab.restart(HOST)
    labqueue.still(lab)
    labqueue.make(lab, 300)
    before = states(lab, ["*"])
    assert len(whole(lab)) == 300
    cut_short = 0
    for point in range(20):
        order = Order(by="alice", undo_id=f"u-20261124T2100{point:02}-dddddd")

        async def cut(point: int = point, order: Order = order) -> int:
            async with armed(lab) as link:
                targets = [link.target(row) for row in (await rows_of(link)).values()]
                sessions = [
                    each
                    for each in lab.processes(HOST)
                    if each.command.startswith("sshd:") and "[listener]" not in each.command
                ]

                async def pull() -> None:
                    await asyncio.to_thread(
                        lab.exec,
                        HOST,
                        PULL.format(count=1 + point * 30, victims=" ".join(str(each.pid) for each in sessions)),
                    )

                unknown = len(targets)
                async with asyncio.TaskGroup() as group:
                    group.create_task(pull())
                    try:
                        found = await link.act("delete", targets, order)
                    except HostError:
                        return unknown
                return sum(each.outcome is Outcome.UNKNOWN for each in found.outcomes)

        cut_short += asyncio.run(cut()) > 0
        lab.wait(
            lambda: "queue_vault" not in str(lab.processes(HOST)) and "mailtui-undo" not in str(lab.processes(HOST)),
            40,
            "ended on the host",
        )
        found = whole(lab)
        assert len(found) == 300, point
        for queue_id, places in found.items():
            assert {place[-2:] for place in places} == {"qf", "df"}, (point, queue_id, places)
            assert "queue qf" not in places or "queue df" in places, f"{point}: {queue_id} would be sent empty"
        for kept in done(lab, lambda link: link.undo_sets()):
            done(lab, partial(restored, kept=kept))
        assert states(lab, ["*"]) == before, f"{point}: the next start brings all back"
    assert cut_short >= 10, "the cuts came too early or too late to tell anything"


@pytest.mark.parametrize("way", ["helper", "sudo"])
def test_a_login_with_the_helper_or_sudo_acts_as_root_does(lab: Lab, way: str) -> None:
    login = f"{HOST}-qview"
    lab.restart(HOST)
    if way == "helper":
        text = run(
            lab, "sudoers", login, "--for", "list,read,retry,hold,release,delete,undo,bounce,flush", "--helper"
        ).out
        rules, _, _ = text.partition("# ---- the helper")
        lab.put(HOST, labqueue.HELPER, text[text.index("#!/bin/sh\n") :].encode(), "755")
    else:
        rules = "qview ALL=(ALL) NOPASSWD: ALL\n"
    lab.put(HOST, "/etc/sudoers.d/mailtui-qview", rules.encode(), "440")
    ids = injected(lab, 6, "full.test", "helped")
    before = states(lab, ids)

    async def look(link: Link) -> tuple[str, set[str]]:
        return link.identity.fact("act"), {each.name for each in (await link.capabilities()).value if each.allowed}

    means, allowed = done(lab, look, login)
    assert means == way
    assert allowed >= {"retry", "flush", "hold", "release", "delete", "undo", "bounce"}

    async def every(link: Link) -> None:
        rows = await rows_of(link, *ids)
        targets = [link.target(row) for row in rows.values()]
        order = Order(reason="by help", by="carol", undo_id="u-20261124T220000-eeeeee")
        for verb, code in (("delete", Code.MOVED), ("hold", Code.GONE)):
            found = await link.act(verb, targets, order)
            assert {each.code for each in found.outcomes} == {code}, (verb, found)
        (kept,) = await link.undo_sets()
        assert (kept.count, kept.by) == (6, "carol")
        assert {each.code for each in (await link.undo(kept, order)).outcomes} == {Code.RESTORED}
        assert await asyncio.to_thread(states, lab, ids) == before
        for verb, code in (("hold", Code.HELD), ("release", Code.GONE)):
            found = await link.act(verb, targets, order)
            # for release the messages were seen as deferred: one that is held now is not what was planned for
            assert {each.code for each in found.outcomes} <= {code, Code.RELEASED, Code.CHANGED}, (verb, found)
        assert (await link.act("flush", (), order)).requested

    done(lab, every, login)
    lab.exec(HOST, f"rm -f /etc/sudoers.d/mailtui-qview {labqueue.HELPER}")


@pytest.mark.parametrize("fault", ["another file system", "read-only", "full"])
def test_a_spool_that_cannot_take_it_is_left_as_it_is(lab: Lab, fault: str) -> None:
    lab.restart(HOST)
    labqueue.still(lab)
    spool = "/var/spool"
    if fault == "another file system":
        lab.exec(
            HOST, f"mkdir -m 700 -p {spool}/.mailtui-undo && mount -t tmpfs -o mode=700 none {spool}/.mailtui-undo"
        )
    else:
        lab.exec(HOST, f"mount -t tmpfs -o size=1m none {spool} && mkdir {spool}/mqueue {spool}/mqueue-client")
    labqueue.make(lab, 5)
    if fault == "read-only":
        lab.exec(HOST, f"mount -o remount,ro {spool}")
    elif fault == "full":
        lab.exec(HOST, f"cat /dev/zero >{spool}/filler 2>/dev/null; true")
    before = states(lab, ["*"])
    order = Order(by="a", undo_id="u-20261124T230000-ffffff")
    found = done(
        lab,
        lambda link: acted(
            link, "delete", sorted({line.split()[0][2:] for line in before if line.startswith("qf")}), order
        ),
    )
    assert len(found) == 5
    assert codes(found) == {("failed", "denied")}, found
    assert states(lab, ["*"]) == before
    lab.restart(HOST)
