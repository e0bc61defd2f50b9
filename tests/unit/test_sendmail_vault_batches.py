"""Batches of one delete that run at once, are cut, or go on after their console has gone: what the vault tells then."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailtui.model import Code, Outcome
from mailtui.mta.sendmail import act
from tests.unit.test_sendmail_act import ORDER, A, B, C, Host, codes
from tests.unit.test_sendmail_vault import SET, steps
from tests.unit.vault_engines import ENGINES, only, stepped

MARK = "0" * 32


@pytest.fixture(params=ENGINES)
def vault_by(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    only(tmp_path, monkeypatch, request.param)
    return str(request.param)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    yield Host(tmp_path / "spool")


by_either = pytest.mark.usefixtures("vault_by")


def probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, *args: object) -> Path:
    """Have this run at every step of what acts; gives the file that it may write to, which `log` names."""
    script, log = tmp_path / "probe.py", tmp_path / "probed"
    script.write_text(f"import fcntl, os, sys\nlog, args = {str(log)!r}, sys.argv[1:]\n{program}")
    monkeypatch.setenv("MAILTUI_PROBE", " ".join(map(str, (sys.executable, script, *args))))
    return log


# --- what still runs ------------------------------------------------------------------------------------------------


@by_either
@pytest.mark.parametrize("how", [fcntl.LOCK_SH, fcntl.LOCK_EX])
async def test_a_set_whose_lock_is_taken_is_busy(host: Host, how: int) -> None:
    host.put(A)
    await host.act("delete", await host.targets(A))
    lock = host.top / SET / "lock"
    before = (lock.stat().st_mtime_ns, sorted(os.listdir(lock.parent)))
    with lock.open("r+") as handle:
        fcntl.flock(handle, how)
        (kept,) = await host.sets()
        assert (kept.busy, kept.count, kept.state) == (True, 1, "kept")
    (kept,) = await host.sets()
    assert (kept.busy, kept.count) == (False, 1)
    assert (lock.stat().st_mtime_ns, sorted(os.listdir(lock.parent))) == before, "a listing changes nothing"
    lock.unlink()
    (kept,) = await host.sets()
    assert (kept.busy, lock.exists()) == (False, False), "nor does it make a lock"


@by_either
async def test_a_delete_that_has_written_nothing_yet_is_busy_too(host: Host) -> None:
    """It has begun: what it is about is in the queue still, and may go at any moment."""
    (host.top / SET).mkdir(parents=True, mode=0o700)
    (host.top / "mqueue/.mailtui-undo").chmod(0o700)
    assert await host.sets() == ()
    with (host.top / SET / "lock").open("w") as lock:
        assert await host.sets() == ()
        fcntl.flock(lock, fcntl.LOCK_SH)
        (kept,) = await host.sets()
    assert (kept.undo_id, kept.busy, kept.messages) == (ORDER.undo_id, True, ())
    assert kept.until - kept.at == 7 * 86400


@by_either
@pytest.mark.parametrize("verb", ["delete", "undo"])
async def test_a_listing_at_that_moment_keeps_nobody_from_it(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """To see whether a lock is taken is to take it for a moment: whoever comes then tries again."""
    host.put(A)
    host.put(B)
    targets = {each.id: each for each in await host.targets(A, B)}
    await host.act("delete", [targets[A]])
    (kept,) = await host.sets()
    holder = subprocess.Popen(
        [sys.executable, "-c", "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True)"
         "; sys.stdin.read()", str(host.top / SET / "lock")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout is not None and holder.stdin is not None
    holder.stdout.readline()
    # it lets go once the lock was tried: for a delete the time after it has made sure of its set
    program = """
told = [line.split(" ")[0].strip() for line in open(os.environ["MAILTUI_STEPS"])]
if told[-1] == "flock" and (args[1] == "undo" or told[-2] == "mkdir"):
    os.kill(int(args[0]), 9)
    while open("/proc/%s/stat" % args[0]).read().rpartition(")")[2].split()[0] != "Z":
        pass
"""
    monkeypatch.setenv("MAILTUI_STEPS", str(tmp_path / "steps"))
    probe(tmp_path, monkeypatch, program, holder.pid, verb)
    try:
        with stepped(tmp_path / "lib", monkeypatch):
            found = await (host.act("delete", [targets[B]]) if verb == "delete" else host.undo(kept))
    finally:
        holder.kill()
        holder.communicate()
    assert holder.returncode == -signal.SIGKILL
    assert codes(found) == ({B: ("done", "moved")} if verb == "delete" else {A: ("done", "restored")})


HELD = """
lock, told = args[0], "none"
if os.path.exists(lock):
    with open(lock, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            told = "free"
        except OSError:
            told = "held"
open(log, "a").write(told + "\\n")
"""


@by_either
async def test_a_batch_holds_its_set_to_its_end(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while it goes on with another vault of the host, and from its begin where the set is there already."""
    for each in (A, B):
        host.put(each)
        host.put(each, "mqueue-client")
    targets = await host.targets(A, B)
    lock = host.top / ".mailtui-undo" / ORDER.undo_id / "lock"
    log = probe(tmp_path, monkeypatch, HELD, lock)
    with stepped(tmp_path / "lib", monkeypatch):
        found = await host.act("delete", [each for each in targets if each.id == A])
    assert codes(found) == {A: ("done", "moved")}
    told = log.read_text().split()
    assert set(told[told.index("held") :]) == {"held"} and len(told) - told.index("held") > 20
    log.unlink()
    with stepped(tmp_path / "lib", monkeypatch):
        await host.act("delete", [each for each in targets if each.id == B])
    assert set(log.read_text().split()) == {"held"}


# --- what is cut ----------------------------------------------------------------------------------------------------


def run(data: bytes, tmp_path: Path) -> bytes:
    """Have queue_act read exactly these bytes."""
    script = tmp_path / "script"
    script.write_bytes(act.ENGINE + act.ACTS + b"queue_act\n")
    environment = {"PATH": os.environ["PATH"], "MARK": MARK}
    return subprocess.run(["sh", script], input=data, stdout=subprocess.PIPE, env=environment, check=False).stdout


@by_either
@pytest.mark.parametrize("verb", ["delete", "hold", "retry", "bounce"])
async def test_an_order_that_comes_in_part_is_refused(host: Host, verb: str, tmp_path: Path) -> None:
    """Where a link is lost, what reads from it may see an end anywhere; a root shell outlives that."""
    for each in (A, B, C):
        host.put(each)
    before = {each: host.states(each) for each in (A, B, C)}
    targets = await host.targets(A, B, C)
    lines = [verb.encode(), *act.order_lines(host.identity, verb, targets, ORDER)]
    whole = b"".join(line + b"\n" for line in lines)
    ends = [end for end, byte in enumerate(whole) if byte == 10]
    for end in [each for newline in ends for each in (newline - 1, newline, newline + 1) if each < len(whole)]:
        out = run(whole[:end], tmp_path)
        assert b" refused" in out or end <= ends[0], end
        assert b"moved" not in out
        assert {each: host.states(each) for each in before} == before, end
    assert not host.vault.exists() and not host.sendmail.with_name("sendmail.calls").exists()
    out = run(whole, tmp_path)
    assert b" refused" not in out
    assert host.vault.exists() is (verb == "delete")


@by_either
async def test_an_order_that_was_cut_says_so_of_each_message(host: Host) -> None:
    host.put(A)
    (seen,) = await host.targets(A)
    found = await host.act("delete", [seen])
    assert codes(found) == {A: ("done", "moved")}
    assert b"O count 2" in act.order_lines(host.identity, "delete", [seen, seen], ORDER)
    assert b"O count 0" not in act.order_lines(host.identity, "flush", [], ORDER)


async def test_a_flush_that_comes_in_part_is_refused(host: Host, tmp_path: Path) -> None:
    lines = [b"flush", *act.order_lines(host.identity, "flush", [], ORDER)]
    whole = b"".join(line + b"\n" for line in lines)
    for end in (len(whole) - 2, len(whole) - 3, len(whole) // 2):
        assert b" refused" in run(whole[:end], tmp_path)
    assert not host.sendmail.with_name("sendmail.calls").exists()


# --- what it holds --------------------------------------------------------------------------------------------------


@by_either
async def test_what_another_batch_sets_aside_meanwhile_is_counted(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in (A, B):
        host.put(each)
    size = sum(path.stat().st_size for path in host.files(A))
    targets = {each.id: each for each in await host.targets(A, B)}
    await host.act("delete", [targets[A]])
    note = host.top / SET / "used"
    began = time.time() - 20
    os.utime(note, (began, began))
    program = """
if not os.path.exists(args[1]) and not os.path.exists(log):
    first, *rest = open(args[0]).read().splitlines()
    began = os.stat(args[0]).st_mtime
    open(args[0], "w").write("\\n".join([str(int(first) + 1000000), *rest, ""]))
    os.utime(args[0], (began, began))
    open(log, "w")
"""
    probe(tmp_path, monkeypatch, program, note, host.top / f"mqueue/q1/qf{B}")
    with stepped(tmp_path / "lib", monkeypatch):
        assert codes(await host.act("delete", [targets[B]])) == {B: ("done", "moved")}
    assert int(note.read_text().splitlines()[0]) == 2 * size + 1_000_000
    assert int(note.stat().st_mtime) == int(began), "it is as old as the count that it began with"


@by_either
async def test_one_at_a_time_adds_to_the_count(host: Host) -> None:
    for each in (A, B):
        host.put(each)
    size = sum(path.stat().st_size for path in host.files(A))
    targets = {each.id: each for each in await host.targets(A, B)}
    await host.act("delete", [targets[A]])
    note = host.top / SET / "used"
    inode = f":{note.stat().st_ino} "
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        with note.open("r+") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            acting = tasks.create_task(host.act("delete", [targets[B]]))
            while not any("->" in line and inode in line for line in Path("/proc/locks").read_text().splitlines()):
                assert not acting.done(), "it did not wait for its turn"
                await asyncio.sleep(0.01)
            handle.write("5000000\n")
            handle.flush()
    assert codes(acting.result()) == {B: ("done", "moved")}
    assert int(note.read_text().splitlines()[0]) == size + 5_000_000


# --- what a power cut takes -----------------------------------------------------------------------------------------


@by_either
async def test_data_that_lie_elsewhere_are_synced_where_they_lay(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sendmail may keep a message's data in another directory of the queue than its control file."""
    host.put(A)
    data = host.top / "mqueue/q2/df" / f"df{A}"
    (host.top / "mqueue/q1" / f"df{A}").rename(data)
    (seen,) = await host.targets(A)
    told = await steps(host, tmp_path, monkeypatch, "delete", seen)
    moved = told.index(f"rename mqueue/q2/df/df{A} SET/0.1/df{A}")
    assert told[moved + 1 :] == ["sync SET/0.1", "sync mqueue/q2/df"]
    assert "sync mqueue" in told[: told.index("sync SET/manifest.0")], "and the entry of the vault itself"


# --- what a killed delete leaves ------------------------------------------------------------------------------------


@by_either
async def test_what_a_delete_left_that_was_killed_before_it_wrote_anything_goes_with_the_next_purge(host: Host) -> None:
    host.put(A)
    await host.act("delete", await host.targets(A))
    sets = {name: host.vault / f"u-20261124-{name}" for name in ("old", "new", "held", "bare", "begun", "full")}
    for name, path in sets.items():
        path.mkdir(mode=0o700)
        if name != "bare":
            (path / "lock").touch(0o600)
    (sets["begun"] / "manifest.0.new").touch()
    (sets["full"] / "0.1").mkdir()
    (sets["full"] / "0.1/dfX").touch()
    for name, path in sets.items():
        old = time.time() - (3500 if name == "new" else 3700)
        os.utime(path, (old, old))
    with (sets["held"] / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        before = [each.undo_id for each in await host.sets()]
        assert before == [sets["held"].name, ORDER.undo_id] or before == [ORDER.undo_id, sets["held"].name]
        assert {name for name, path in sets.items() if path.exists()} == set(sets), "to list is not to tidy"
        assert await host.drive(act.purge(host.identity, ["u-20261124-another"])) == ()
    assert {name for name, path in sets.items() if path.exists()} == {"new", "held", "full"}
    assert (sets["full"] / "0.1/dfX").exists() and (sets["full"] / "lock").exists()
    assert [each.count for each in await host.sets()] == [1]
    assert await host.drive(act.purge(host.identity, [ORDER.undo_id])) == (ORDER.undo_id,)
    assert host.files(A) == []


@by_either
async def test_undo_tidies_nothing(host: Host) -> None:
    host.put(A)
    await host.act("delete", await host.targets(A))
    left = host.vault / "u-20261124-left"
    left.mkdir(mode=0o700)
    os.utime(left, (1, 1))
    (kept,) = await host.sets()
    acted = await host.undo(kept)
    assert [(each.outcome, each.code) for each in acted.values()] == [(Outcome.DONE, Code.RESTORED)]
    assert left.exists()
