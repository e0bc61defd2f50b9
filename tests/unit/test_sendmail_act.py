"""Acting on real queue files in temporary directories: the vault under real locks, sendmail's verbs by a stand-in."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from mailtui.errors import Refused
from mailtui.model import Acted, Code, Identity, ItemOutcome, Order, Outcome, QueueRow, Target, UndoSet
from mailtui.mta.sendmail import act, engine, listing
from mailtui.procedure import REGISTRY, Procedure, Reply, Request, play
from mailtui.transport.drive import drive
from mailtui.transport.gate import Gate
from mailtui.transport.local import LocalTransport
from tests.unit.vault_engines import ENGINES, only, stepped

T = TypeVar("T")
by_either = pytest.mark.usefixtures("vault_by")
"""Run a test of the vault with perl alone on PATH, and with python3 alone."""

STAND_IN = """#!/bin/sh
# does as sendmail does with -Q, -qQ -Q and -qI; records how it was called
printf '%s\\n' "$*" >>"$0.calls"
verb=run client=mqueue
for word; do
  case $word in -Ac) client=mqueue-client ;; -qQ) verb=release ;; -Q) ;; -Q?*) verb=hold ;; -qI*) ids="$ids ${word#-qI}" ;; esac
done
for id in $ids; do
  for top in SPOOL/$client SPOOL/$client/q1 SPOOL/$client/q2/qf; do
    case $verb in
    hold) from=q to=h ;;
    release) from=h to=q ;;
    run) echo "$verb $id" >>"$0.ran"; continue ;;
    esac
    [ -f "$top/${from}f$id" ] && [ ! -e "$0.locked" ] || continue
    true >"$top/tf$id"  # as a new control file is written; one that is left makes sendmail wait for eight minutes
    while [ -e "$0.slow" ]; do sleep 0.05; done
    mv "$top/${from}f$id" "$top/${to}f$id"
    rm "$top/tf$id"
  done
done
"""

ORDER = Order(reason="a test", by="alice@here", undo_id="u-20261124T200000-abcdef")


class Host:
    """A spool with its sendmail, driven by the real scripts."""

    def __init__(self, top: Path) -> None:
        self.top = top
        for name in ("mqueue/q1", "mqueue/q2/qf", "mqueue/q2/df", "mqueue/q2/xf", "mqueue-client"):
            (top / name).mkdir(parents=True)
        self.sendmail = top / "sendmail"
        self.sendmail.write_text(STAND_IN.replace("SPOOL", str(top)))
        self.sendmail.chmod(0o755)
        facts = {
            "act": "self", "uid": "0", "cf": "/x", "submit_cf": "/y", "sendmail": str(self.sendmail),
            "queue_directory": f"{top}/mqueue/q*", "client_queue": f"{top}/mqueue-client", "queuereturn": "432000",
        }  # fmt: skip
        self.identity = Identity("sendmail", "8.17.1.9", ("sendmail",), 0.0, "root", tuple(facts.items()))
        self.gate = Gate(REGISTRY, read_only=False)

    def put(
        self, queue_id: str, directory: str = "mqueue/q1", *, letter: str = "q", sender: str = "a@b", xf: bool = False
    ) -> None:
        split = directory.endswith("q2")
        top = self.top / directory
        qf, df = (top / "qf", top / "df") if split else (top, top)
        text = f"V8\nT{1795375413 + len(queue_id)}\nK0\nN0\nFbs\nS<{sender}>\nRPFD:<c@d.test>\nH??Subject: x\n.\n"
        (qf / f"{letter}f{queue_id}").write_text(text)
        (df / f"df{queue_id}").write_text(f"body of {queue_id}\n")
        if xf:
            ((top / "xf" if split else top) / f"xf{queue_id}").write_text("transcript\n")
        for path in self.files(queue_id):
            path.chmod(0o640)
            os.utime(path, (1795375413.5, 1795375414.25))

    def files(self, queue_id: str) -> list[Path]:
        return sorted(each for each in self.top.rglob(f"*{queue_id}") if each.is_file())

    def states(self, queue_id: str) -> dict[str, tuple[object, ...]]:
        """What must not change: name, bytes, owner, mode, time to the nanosecond, inode."""
        found: dict[str, tuple[object, ...]] = {}
        for path in self.files(queue_id):
            stat = path.stat()
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path)] = (digest, stat.st_uid, stat.st_gid, stat.st_mode, stat.st_mtime_ns, stat.st_ino)
        return found

    async def rows(self) -> dict[str, QueueRow]:
        reading = await self.drive(listing.list_queue("mx1", self.identity, None, time.time))
        return {row.key: row for row in reading.listing.rows}

    async def targets(self, *ids: str) -> list[Target]:
        rows = await self.rows()
        return [act.target(row) for row in rows.values() if row.id in ids]

    async def drive(self, procedure: Procedure[T]) -> T:
        transport = LocalTransport(gate=self.gate)
        try:
            return await drive(transport, procedure)
        finally:
            await transport.close()

    async def act(self, verb: str, targets: Sequence[Target], order: Order = ORDER) -> dict[str, ItemOutcome]:
        acted: Acted = await self.drive(act.act(self.identity, verb, targets, order))
        return {each.id: each for each in acted.outcomes}

    async def sets(self) -> tuple[UndoSet, ...]:
        found: tuple[UndoSet, ...] = (await self.drive(act.undo_sets("mx1", self.identity))).value
        return found

    async def undo(self, kept: UndoSet, order: Order = ORDER) -> dict[str, ItemOutcome]:
        acted: Acted = await self.drive(act.undo("mx1", self.identity, kept, order))
        return {each.id: each for each in acted.outcomes}

    @property
    def vault(self) -> Path:
        return self.top / "mqueue" / ".mailtui-undo"


@pytest.fixture(params=ENGINES)
def vault_by(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    only(tmp_path, monkeypatch, request.param)
    return str(request.param)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    yield Host(tmp_path / "spool")


A, B, C = "6AMJeAMF002262", "6AMJeAMG002263", "6AMJeAMH002264"


def codes(found: dict[str, ItemOutcome]) -> dict[str, tuple[str, str]]:
    return {queue_id: (each.outcome.value, each.code.value) for queue_id, each in found.items()}


# --- delete and undo ------------------------------------------------------------------------------------------------


@by_either
async def test_delete_and_undo_leave_every_byte_owner_time_and_inode(host: Host) -> None:
    host.put(A, xf=True)
    host.put(B, "mqueue/q2", xf=True)
    host.put(C, "mqueue-client", letter="h")
    before = {each: host.states(each) for each in (A, B, C)}
    assert codes(await host.act("delete", await host.targets(A, B, C))) == dict.fromkeys((A, B, C), ("done", "moved"))
    assert await host.rows() == {}
    sets = await host.sets()
    assert {each.undo_id for each in sets} == {ORDER.undo_id}
    assert [(each.count, each.state, each.by, each.reason) for each in sets] == [(3, "kept", "alice@here", "a test")]
    assert sets[0].until - sets[0].at == ORDER.keep
    assert {each.sender for each in sets[0].messages} == {b"a@b"}
    assert codes(await host.undo(sets[0])) == dict.fromkeys((A, B, C), ("done", "restored"))
    assert {each: host.states(each) for each in (A, B, C)} == before
    assert await host.sets() == ()
    assert list(host.vault.iterdir()) == [], "nothing of ours stays"


@by_either
async def test_the_vault_is_nobody_elses_and_no_queue(host: Host) -> None:
    host.put(A)
    await host.act("delete", await host.targets(A))
    assert host.vault.stat().st_mode & 0o777 == 0o700
    manifest = next(host.vault.rglob("manifest.*")).read_text()
    assert manifest.startswith("mailtui-undo 1\n")
    assert manifest.count(hashlib.sha256(f"body of {A}\n".encode()).hexdigest()) == 1
    assert all(each.stat().st_mode & 0o077 == 0 for each in host.vault.rglob("*") if each.is_dir())


@by_either
@pytest.mark.parametrize("kind", ["flock", "fcntl"])
async def test_a_message_in_delivery_is_left_alone_whichever_lock_is_held(host: Host, kind: str) -> None:
    host.put(A)
    host.put(B)
    targets = await host.targets(A, B)
    with (host.top / "mqueue/q1" / f"qf{A}").open("r+b") as held:
        (fcntl.flock if kind == "flock" else fcntl.lockf)(held, fcntl.LOCK_EX)
        found = await host.act("delete", targets)
    assert codes(found) == {A: ("skipped", "in-delivery"), B: ("done", "moved")}
    assert len(host.files(A)) == 2
    assert (host.top / "mqueue/q1" / f"qf{A}").exists()


@by_either
async def test_a_reused_id_is_another_message(host: Host) -> None:
    host.put(A)
    targets = await host.targets(A)
    host.put(A, sender="other@b")
    before = host.states(A)
    for verb in ("delete", "hold", "retry", "bounce"):
        assert codes(await host.act(verb, targets)) == {A: ("skipped", "changed")}
    for path in host.files(A):
        path.unlink()
    for verb in ("delete", "hold", "retry", "bounce"):
        assert codes(await host.act(verb, targets)) == {A: ("skipped", "gone")}
    assert before and not host.sendmail.with_name("sendmail.calls").exists()


@by_either
async def test_two_queues_with_the_same_id(host: Host) -> None:
    host.put(A, "mqueue/q1")
    host.put(A, "mqueue-client")
    client = [each for each in await host.targets(A) if each.queue == "mqueue-client"]
    assert codes(await host.act("delete", client)) == {A: ("done", "moved")}
    assert [each.queue for each in (await host.targets(A))] == ["mqueue"]
    (kept,) = await host.sets()
    await host.undo(kept)
    assert {each.directory for each in await host.targets(A)} == {
        bytes(host.top / "mqueue/q1"),
        bytes(host.top / "mqueue-client"),
    }
    await host.act("hold", client)
    assert host.sendmail.with_name("sendmail.calls").read_text() == f"-Ac -Qa test -qI{A}\n"


@by_either
async def test_a_message_without_data_is_not_set_aside(host: Host) -> None:
    host.put(A)
    targets = await host.targets(A)
    (host.top / "mqueue/q1" / f"df{A}").unlink()
    assert codes(await host.act("delete", targets)) == {A: ("skipped", "changed")}


@by_either
async def test_undo_never_takes_another_messages_place(host: Host) -> None:
    host.put(A)
    await host.act("delete", await host.targets(A))
    host.put(A, sender="new@b")
    (kept,) = await host.sets()
    assert codes(await host.undo(kept)) == {A: ("skipped", "changed")}
    (kept,) = await host.sets()
    assert kept.state == "kept"
    assert b"new@b" in (host.top / "mqueue/q1" / f"qf{A}").read_bytes()


@by_either
async def test_a_control_file_without_its_data_is_never_put_back(host: Host) -> None:
    host.put(A)
    await host.act("delete", await host.targets(A))
    next(host.vault.rglob(f"df{A}")).unlink()
    (kept,) = await host.sets()
    assert kept.state == "broken"
    assert codes(await host.undo(kept)) == {A: ("failed", "denied")}
    assert [path.parent.name for path in host.files(A)] == ["0.1"], "it stays aside: sent, it would be empty"


@by_either
async def test_restored_as_held(host: Host) -> None:
    host.put(A)
    await host.act("delete", await host.targets(A))
    (kept,) = await host.sets()
    assert codes(await host.undo(kept, Order(held=True, reason="look first"))) == {A: ("done", "restored")}
    (row,) = (await host.rows()).values()
    assert (row.state, row.reason) == ("held", b"look first")
    assert [path.name for path in host.files(A)] == [f"df{A}", f"hf{A}"]


@by_either
async def test_purge_destroys_only_what_it_is_told_to(host: Host) -> None:
    host.put(A)
    host.put(B)
    other = Order(undo_id="u-20261124T200001-abcdef")
    await host.act("delete", await host.targets(A))
    await host.act("delete", await host.targets(B), other)
    assert await host.drive(act.purge(host.identity, [ORDER.undo_id, "../../x"])) == (ORDER.undo_id,)
    assert [each.undo_id for each in await host.sets()] == [other.undo_id]
    assert host.files(A) == []
    assert len(host.files(B)) == 2


@by_either
async def test_nothing_is_moved_where_a_pattern_would_take_the_vault_for_a_queue(host: Host) -> None:
    host.put(A)
    targets = await host.targets(A)
    facts = dict(host.identity.facts) | {"queue_directory": f"{host.top}/mqueue/*"}
    host.identity = Identity("sendmail", "8", (), 0.0, "root", tuple(facts.items()))
    assert codes(await host.act("delete", targets)) == {A: ("done", "moved")}
    assert not host.vault.exists()
    assert (host.top / "mqueue/q1/.mailtui-undo").exists(), "in the queue directory no pattern looks for queues"


@by_either
async def test_a_vault_that_is_not_ours_is_not_used(host: Host) -> None:
    host.put(A)
    targets = await host.targets(A)
    host.vault.mkdir(mode=0o755)
    found = await host.act("delete", targets)
    assert codes(found) == {A: ("failed", "denied")}
    assert "no directory of ours" in found[A].detail
    assert len(host.files(A)) == 2


@by_either
async def test_batches_of_one_delete_at_the_same_time_do_not_touch_each_other(host: Host) -> None:
    """Each takes a number of its own, so none writes over another's manifest; together they come back."""
    ids = [f"6AMJeAMF{number:06}" for number in range(40)]
    for each in ids:
        host.put(each)
    before = {each: host.states(each) for each in ids}
    targets = await host.targets(*ids)
    async with asyncio.TaskGroup() as group:
        found = [group.create_task(host.act("delete", targets[start : start + 5])) for start in range(0, 40, 5)]
    done = {key: end for each in found for key, end in codes(each.result()).items()}
    assert done == dict.fromkeys(ids, ("done", "moved"))
    (kept,) = await host.sets()
    assert kept.count == 40
    await host.undo(kept)
    assert {each: host.states(each) for each in ids} == before


@by_either
async def test_a_delete_counts_what_the_vault_holds_once(host: Host) -> None:
    """The count of its first batch goes on in its set: reading the whole vault for each batch takes ever longer."""
    ids = [f"6AMJeAMF{number:06}" for number in range(4)]
    for each in ids:
        host.put(each)
    size = sum(path.stat().st_size for path in host.files(ids[0]))
    targets = await host.targets(*ids)
    note = host.vault / ORDER.undo_id / "used"

    def kept() -> int:
        return int(note.read_text().splitlines()[0])

    await host.act("delete", targets[:1])
    assert kept() == size
    note.write_text("1000000\n")
    await host.act("delete", targets[1:2])
    assert kept() == 1_000_000 + size, "the note is gone on with"
    os.utime(note, (time.time() - 90, time.time() - 90))
    await host.act("delete", targets[2:3])
    counted = kept()
    assert counted < 100_000, "after a minute it is counted anew, for others set aside and destroy too"
    note.write_text("1e99\n")
    await host.act("delete", targets[3:])
    assert counted < kept() < 100_000, "a note that is no number is not believed"
    (deleted,) = await host.sets()
    await host.undo(deleted)
    assert not (host.vault / ORDER.undo_id).exists()


@by_either
@pytest.mark.parametrize("verb", ["delete", "undo"])
async def test_killed_after_each_step_nothing_is_lost(host: Host, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in range(1, 60):
        host.put(A, xf=True)
        host.put(B, "mqueue/q2")
        before = {each: host.states(each) for each in (A, B)}
        order = Order(undo_id=f"u-20261124T2000{limit:02}-abcdef")
        targets = await host.targets(A, B)
        if verb == "undo":
            await host.act("delete", targets, order)
            (kept,) = await host.sets()
        with stepped(host.top / "lib", monkeypatch):
            monkeypatch.setenv("MAILTUI_KILL_AT", str(limit))
            found = await (host.act("delete", targets, order) if verb == "delete" else host.undo(kept, order))
        finished = all(each.outcome is Outcome.DONE for each in found.values())
        for queue_id in (A, B):
            names = [path for path in host.files(queue_id) if path.name[0] in "qd"]
            assert len(names) == 2, (limit, names)
            control, data = (next(each for each in names if each.name[0] == letter) for letter in "qd")
            if ".mailtui-undo" not in str(control):
                assert ".mailtui-undo" not in str(data), (
                    f"step {limit}: a control file without its data would be sent empty"
                )
        for kept in await host.sets():
            assert kept.state in ("kept", "interrupted", "restored")
            await host.undo(kept)
        assert {each: host.states(each) for each in (A, B)} == before, f"step {limit}: the repair brings all back"
        if finished:
            assert limit > 8, "it was killed at hardly any step"
            return
    raise AssertionError("it never came to an end")


@pytest.mark.parametrize("engine", ENGINES)
async def test_what_cannot_be_synced_is_not_told_as_left_alone(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, engine: str
) -> None:
    """A disk that fails after the moves: what is aside is unknown, never refused."""
    only(tmp_path, monkeypatch, engine)
    host.put(A, xf=True)
    host.put(B, "mqueue/q2")
    before = {each: host.states(each) for each in (A, B)}
    ends = set()
    for number in range(1, 30):
        order = Order(undo_id=f"u-20261124T2100{number:02}-abcdef")
        targets = await host.targets(A, B)
        with stepped(host.top / "lib", monkeypatch):
            monkeypatch.setenv("MAILTUI_FAIL_AT", str(number))
            found = await host.act("delete", targets, order)
        for queue_id in (A, B):
            aside = any(".mailtui-undo" in str(path) for path in host.files(queue_id) if path.name[0] == "q")
            ends.add((aside, found[queue_id].outcome))
        for kept in await host.sets():
            await host.undo(kept)
        assert {each: host.states(each) for each in (A, B)} == before, number
        if all(each.outcome is Outcome.DONE for each in found.values()):
            break
    assert ends == {(False, Outcome.FAILED), (True, Outcome.UNKNOWN), (True, Outcome.DONE)}


# --- by sendmail ----------------------------------------------------------------------------------------------------


async def test_hold_and_release_say_what_the_host_shows(host: Host) -> None:
    host.put(A)
    host.put(B, "mqueue/q2")
    targets = await host.targets(A, B)
    assert codes(await host.act("hold", targets)) == dict.fromkeys((A, B), ("done", "held"))
    assert {row.state.value for row in (await host.rows()).values()} == {"held"}
    assert codes(await host.act("hold", targets)) == dict.fromkeys((A, B), ("done", "held")), "so already"
    assert codes(await host.act("retry", targets)) == dict.fromkeys((A, B), ("skipped", "changed"))
    assert codes(await host.act("release", targets)) == dict.fromkeys((A, B), ("done", "released"))
    calls = host.sendmail.with_name("sendmail.calls").read_text().splitlines()
    assert [call.split(" -qI")[0] for call in calls] == ["-Qa test", "-qQ -Q"]


async def test_a_locked_message_is_not_called_held(host: Host) -> None:
    host.put(A)
    host.sendmail.with_name("sendmail.locked").touch()
    assert codes(await host.act("hold", await host.targets(A))) == {A: ("skipped", "in-delivery")}


@pytest.mark.parametrize(("verb", "before", "after"), [("hold", "q", "h"), ("release", "h", "q")])
async def test_what_ends_us_does_not_end_sendmail_as_it_writes_a_control_file(
    host: Host, verb: str, before: str, after: str
) -> None:
    host.put(A, letter=before)
    targets = await host.targets(A)
    slow = Path(f"{host.sendmail}.slow")
    slow.touch()
    top = host.top / "mqueue/q1"
    transport = LocalTransport(gate=host.gate)
    try:
        async with asyncio.TaskGroup() as tasks, asyncio.timeout(20):
            acting = tasks.create_task(drive(transport, act.act(host.identity, verb, targets, ORDER)))
            while not (top / f"tf{A}").exists():
                await asyncio.sleep(0.02)
            for wire in transport._running:
                assert wire._streams is not None
                os.killpg(wire._streams.get_pid(), signal.SIGKILL)  # as the watchdog does when a link is lost
            assert {each.outcome for each in (await acting).outcomes} == {Outcome.UNKNOWN}
            slow.unlink()
            while (top / f"tf{A}").exists():
                await asyncio.sleep(0.02)
    finally:
        slow.unlink(missing_ok=True)
        await transport.close()
    assert [each.name for each in host.files(A)] == sorted([f"df{A}", f"{after}f{A}"])


async def test_an_id_that_is_part_of_another_is_refused(host: Host) -> None:
    host.put(A)
    host.put(A + "77")
    host.put(B)
    assert codes(await host.act("hold", await host.targets(A, B))) == {A: ("skipped", "changed"), B: ("done", "held")}
    assert not [call for call in host.sendmail.with_name("sendmail.calls").read_text().split() if call == f"-qI{A}"]


async def test_an_id_in_two_directories_of_a_queue_is_refused(host: Host) -> None:
    host.put(A, "mqueue/q1")
    host.put(A, "mqueue/q2")
    targets = await host.targets(A)
    acted = await host.drive(act.act(host.identity, "hold", targets, ORDER))
    assert [each.code for each in acted.outcomes] == [Code.CHANGED, Code.CHANGED]


async def test_many_ids_share_one_call(host: Host) -> None:
    ids = [f"6AMJeA{number:08}" for number in range(250)]
    for each in ids:
        host.put(each)
    found = await host.act("hold", await host.targets(*ids))
    assert set(codes(found).values()) == {("done", "held")}
    calls = host.sendmail.with_name("sendmail.calls").read_text().splitlines()
    assert sorted(word for call in calls for word in call.split() if word.startswith("-qI")) == [
        f"-qI{each}" for each in ids
    ]
    assert len(calls) == 3
    named = act.commands(host.identity, "hold", await host.targets(*ids), ORDER)
    assert len(named) == 3


@pytest.mark.parametrize("queue_id", ["ALL", "-d", "a;id", "$(x)", "../x", "x" * 300, "A\n-d\nALL", "6AMJeAMF00226*"])
async def test_what_is_no_id_never_goes_to_a_host(host: Host, queue_id: str) -> None:
    def answer(request: Request) -> Reply:
        assert queue_id.encode() not in request.data
        return Reply((), 0)

    bad = Target("k", queue_id, "mqueue", b"/q", "queued", b"T1 S<a>")
    acted = play(act.act(host.identity, "delete", [bad], ORDER), answer)
    assert [(each.outcome, each.code) for each in acted.outcomes] == [(Outcome.FAILED, Code.DENIED)]


@by_either
async def test_the_host_holds_ids_and_directories_against_its_own(host: Host) -> None:
    host.put(A)
    (good,) = await host.targets(A)
    elsewhere = Target("k", A, "mqueue", b"/etc", "queued", good.fingerprint)
    for verb in ("hold", "retry", "delete"):
        assert codes(await host.act(verb, [elsewhere])) == {A: ("failed", "denied")}


async def test_nothing_is_sent_without_a_way_or_through_a_closed_gate(host: Host) -> None:
    host.put(A)
    targets = await host.targets(A)
    host.gate = Gate(REGISTRY, read_only=True)
    with pytest.raises(Refused, match="read-only"):
        await host.act("hold", targets)
    assert (await host.sets()) == (), "looking into the vault changes nothing"
    host.identity = Identity("sendmail", "8", (), 0.0, "oncall", ())
    with pytest.raises(Refused, match="may not act") as refused:
        await host.act("hold", targets)
    assert "mailtui sudoers" in refused.value.cure


async def test_a_cut_reply_is_unknown(host: Host) -> None:
    host.put(A)
    (seen,) = await host.targets(A)
    acted = play(act.act(host.identity, "delete", [seen], ORDER), lambda request: Reply((), None))
    assert [(each.outcome, each.code) for each in acted.outcomes] == [(Outcome.UNKNOWN, Code.TIMEOUT)]


@by_either
@pytest.mark.parametrize("verb", ["delete", "hold", "retry", "purge", "undo", "flush"])
async def test_what_passes_a_closed_gate_cannot_act_whatever_its_data_say(
    host: Host, verb: str, tmp_path: Path
) -> None:
    """The verb is data, so a script that is not said to change anything must refuse those that do by itself."""
    host.put(A)
    before = host.states(A)
    (seen,) = await host.targets(A)
    asked = tmp_path / "asked"
    helper, sudo = tmp_path / "helper", tmp_path / "sudo"
    helper.write_text(f"#!/bin/sh\nhead -n 1 >>{asked}\n")
    sudo.write_text('#!/bin/sh\nshift\n[ "$1" != -l ] || exit 0\nexec "$@"\n')
    for each in (helper, sudo):
        each.chmod(0o755)
    lines = [verb, f"O sendmail {host.sendmail}", "O reason x", f"O undo {ORDER.undo_id}",
             f"D mqueue - {host.top}/mqueue/q*", ".", f"mqueue q {A} {host.top}/mqueue/q1", seen.fingerprint.decode()]  # fmt: skip
    ways = {
        act.VAULT: [],
        act.VAULT_SUDO: [str(sudo)],
        engine.ASK_HELPER: [str(sudo), str(helper)],
    }
    host.gate = Gate(REGISTRY, read_only=True)
    for script, means in ways.items():
        transport = LocalTransport(gate=host.gate)
        reply = await transport.run(Request(script, "".join(f"{line}\n" for line in (*means, *lines)).encode()))
        await transport.close()
        assert reply.status == 64, script.name
        assert not reply.sections, (script.name, reply.sections)
    assert host.states(A) == before
    assert not asked.exists() and not host.sendmail.with_name("sendmail.calls").exists()
