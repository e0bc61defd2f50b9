"""The vault in perl and in python3: the same steps, the same words, and each undoes what the other set aside."""

from __future__ import annotations

import ast
import asyncio
import fcntl
import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mailtui.errors import Refused
from mailtui.model import Target
from mailtui.mta.sendmail import act, engine
from mailtui.procedure import REGISTRY, Reply, Request, Script
from mailtui.transport.local import LocalTransport
from tests.unit.test_sendmail_act import ORDER, A, B, C, Host, codes
from tests.unit.vault_engines import ENGINES, PERL, PYTHON, needs_perl, only, stepped

HOSTILE = b"q\xff\xfe b\x1b[2J'\"$(x)\\*"
"""A directory's name that is no text, no word and no pattern."""
SET = f"mqueue/.mailtui-undo/{ORDER.undo_id}"


@pytest.fixture(params=ENGINES)
def vault_by(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    only(tmp_path, monkeypatch, request.param)
    return str(request.param)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    yield Host(tmp_path / "spool")


by_either = pytest.mark.usefixtures("vault_by")


async def ask(host: Host, verb: str, *lines: bytes, script: Script | None = None) -> Reply:
    """Have the script read exactly these lines."""
    transport = LocalTransport(gate=host.gate)
    data = b"".join(line + b"\n" for line in (verb.encode(), *lines))
    try:
        return await transport.run(Request(script or act.ACT, data))
    finally:
        await transport.close()


# --- one for the other ----------------------------------------------------------------------------------------------


@needs_perl
@pytest.mark.parametrize(("deleted", "undone"), [("perl", "python3"), ("python3", "perl")])
@pytest.mark.parametrize("held", [False, True])
async def test_either_undoes_what_the_other_set_aside(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deleted: str, undone: str, held: bool
) -> None:
    name = os.fsdecode(HOSTILE)
    (host.top / "mqueue" / name).mkdir()
    host.put(A, xf=True)
    host.put(B, "mqueue/q2", xf=True)
    host.put(C, f"mqueue/{name}")
    before = {each: host.states(each) for each in (A, B, C)}
    targets = await host.targets(A, B, C)
    only(tmp_path, monkeypatch, deleted)
    assert codes(await host.act("delete", targets)) == dict.fromkeys((A, B, C), ("done", "moved"))
    (seen,) = await host.sets()
    only(tmp_path, monkeypatch, undone)
    (kept,) = await host.sets()
    assert kept == seen
    assert codes(await host.undo(kept, replace(ORDER, held=held))) == dict.fromkeys((A, B, C), ("done", "restored"))
    after = {each: host.states(each) for each in (A, B, C)}
    if held:
        assert {row.state.value for row in (await host.rows()).values()} == {"held"}
        assert all(state in after[each].values() for each in before for state in list(before[each].values())[:1])
    else:
        assert after == before
    assert list(host.vault.iterdir()) == []


@needs_perl
@pytest.mark.parametrize(("killed", "repaired"), [("perl", "python3"), ("python3", "perl")])
async def test_either_repairs_what_the_other_was_killed_in(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: str, repaired: str
) -> None:
    for limit in (11, 13, 14, 15, 19, 20, 21, 22):
        host.put(A, xf=True)
        host.put(B, "mqueue/q2")
        before = {each: host.states(each) for each in (A, B)}
        targets = await host.targets(A, B)
        only(tmp_path, monkeypatch, killed)
        with stepped(tmp_path / "lib", monkeypatch):
            monkeypatch.setenv("MAILTUI_KILL_AT", str(limit))
            await host.act("delete", targets)
        only(tmp_path, monkeypatch, repaired)
        for kept in await host.sets():
            await host.undo(kept)
        assert {each: host.states(each) for each in (A, B)} == before, limit
        assert not (host.top / SET).exists()


@needs_perl
async def test_both_say_and_write_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Well formed or not, what one takes, refuses and writes is what the other does."""
    told = {}
    for which in ("perl", "python3"):
        host = Host(tmp_path / which / "spool")
        place = only(tmp_path, monkeypatch, which)
        told[which] = await scenes(host)
        assert place.exists()
    for one, other in zip(told["perl"], told["python3"], strict=True):
        assert one.split(b"\n") == other.split(b"\n")
    assert {b"did 0 moved" in each or b"all moved" in each for each in told["perl"]} == {True, False}


async def scenes(host: Host) -> list[bytes]:
    """Everything that may be asked of the vault; gives what was told and written, without paths, times and inodes."""
    told = []
    top = bytes(host.top)
    (host.top / "mqueue" / os.fsdecode(HOSTILE)).mkdir()
    (host.top / "mqueue/q9").symlink_to(host.top / "mqueue/q1")
    (host.top / "mqueue/.q8").mkdir()
    places = [b"D mqueue-client - %s/mqueue-client" % top, b"D mqueue - %s/mqueue/q*" % top, b"D mqueue - %s/nowhere*" % top,
              b"D mqueue", b"D mqueue - relative", b"X", b""]  # fmt: skip

    async def scene(verb: str, *lines: bytes, options: tuple[bytes, ...] = (b"O undo u-12345678-a",)) -> None:
        reply = await ask(host, verb, *options, *places, b".", *lines)
        text = b"".join(
            b"%s %s\n%s\n" % (each.name.encode(), " ".join(each.args).encode(), each.body) for each in reply.sections
        )
        text += b"status %d\n" % bool(reply.status)
        for path in sorted(host.top.rglob("*")):
            text += b"%s %o\n" % (bytes(path), path.lstat().st_mode)
            if re.fullmatch(r"manifest\.\d+|hf.*", path.name):
                text += path.read_bytes()
            if path.name == "used":
                text += path.read_bytes().split(b"\n")[0]  # what is free changes at any moment
        text = re.sub(rb"(?m)^((?:at|until) )[0-9]+$", rb"\1TIME", text.replace(top, b"TOP"))
        text = re.sub(rb"(set \S+) [0-9]+ [0-9]+", rb"\1 TIME", text)
        told.append(re.sub(rb"(?m)^(file \S+) [0-9]+", rb"\1 INODE", text))

    ids = [b"6AMJeAMF%06d" % number for number in range(14)]
    for each in ids[:8]:
        host.put(each.decode(), xf=each == ids[0])
    host.put(ids[8].decode(), "mqueue/q2", xf=True)
    host.put(ids[9].decode(), "mqueue/" + os.fsdecode(HOSTILE), letter="h")
    host.put(ids[10].decode(), "mqueue-client")
    seen = {each.id.encode(): each for each in await host.targets(*(each.decode() for each in ids))}
    q1 = host.top / "mqueue/q1"
    files = {each: q1 / f"qf{each.decode()}" for each in ids[:8]}
    files[ids[1]].rename(host.top / "elsewhere")
    files[ids[1]].symlink_to(host.top / "elsewhere")
    os.link(files[ids[2]], host.top / "twin")
    files[ids[3]].unlink()
    os.mkfifo(files[ids[3]])
    files[ids[4]].rename(q1 / f"hf{ids[4].decode()}")
    files[ids[5]].write_bytes(files[ids[5]].read_bytes() + b"rest without an end")
    os.utime(files[ids[5]], (1, 1))
    files[ids[6]].write_bytes(b"V8\nT1\n")
    files[ids[7]].unlink()
    files[ids[7]].mkdir()

    def lines(*which: bytes) -> list[bytes]:
        return [line for each in which for line in (b"%s q %s %s" % (seen[each].queue.encode(), each, seen[each].directory),
                                                    seen[each].fingerprint)]  # fmt: skip

    await scene("vault")
    await scene("delete", *lines(*ids[:11]), options=())
    for undo in (b"u-1", b"../../x", b"u-" + b"1" * 41, b"u-12345678\t"):
        await scene("delete", *lines(ids[0]), options=(b"O undo " + undo,))
    held = b"mqueue h %s %s/mqueue/%s" % (ids[9], top, HOSTILE)
    odd = [b"", b"mqueue", b"mqueue q", b"mqueue q " + ids[0], b"mqueue q %s " % ids[0], b"mqueue z %s %s/mqueue/q1" % (ids[0], top),
           b"mqueue q %s %s/mqueue/q1/" % (ids[0], top), b"mqueue q %s %s/mqueue/q9" % (ids[0], top), b"mqueue q ../../x /x",
           b"mqueue q %s /etc" % ids[0], b"mqueue-client q %s %s/mqueue/q1" % (ids[0], top), b"mqueue q 6AMJ %s/mqueue/q1" % top]  # fmt: skip
    await scene("delete", *(line for each in odd for line in (each, b"T1 S<x>")), b"mqueue q " + ids[0])
    await scene(
        "delete", *lines(*ids[:9], ids[10], ids[0]), held, seen[ids[9]].fingerprint, held, b"T1 S<x>",
        options=(b"O undo u-12345678-a", b"O keep 1x", b"O reason a\x1b\xff b" + b"x" * 300, b"O by me", b"O odd=1", b"O undo"),
    )  # fmt: skip
    await scene("vault")
    await scene("undo", b"u-0", b"", b"../u-12345678-a")
    host.put(ids[8].decode(), "mqueue/q2")
    manifest = host.vault / "u-12345678-a/manifest.0"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole.replace(b"mailtui-undo 1", b"mailtui-undo 2"))
    await scene("undo", b"u-12345678-a")
    await scene("purge", b"u-12345678-a")
    manifest.write_bytes(b"mailtui-undo 1\nitem q %s mqueue 0.7 %s/mqueue/q1\nnonsense\n\n" % (ids[0], top) + whole)
    next(host.vault.rglob(f"df{ids[9].decode()}")).unlink()
    await scene("vault")
    await scene("undo", b"u-12345678-a", options=(b"O held 1", b"O reason look \xe9"))
    await scene("vault")
    await scene("purge", b"u-12345678-a", b"u-12345678-a")
    host.put(ids[0].decode())
    await scene("delete", *lines(ids[0]), options=(b"O undo u-12345678-b", b"O keep 0"))
    manifest = host.vault / "u-12345678-b/manifest.0"
    manifest.write_bytes(re.sub(rb"until [0-9]+", b"until 1", manifest.read_bytes()))
    await scene("undo", options=(b"O expired 1",))
    await scene("purge", options=())
    await scene("purge", options=(b"O expired 1",))
    return told


# --- what it does, step by step -------------------------------------------------------------------------------------


async def steps(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, *targets: Target, held: bool = False
) -> list[str]:
    """Do it; give each step, what was synced by name. What may come in any order stands in that of the alphabet."""
    log = tmp_path / "steps"
    log.unlink(missing_ok=True)
    names = {path.lstat().st_ino: path for path in host.top.rglob("*")}
    monkeypatch.setenv("MAILTUI_STEPS", str(log))
    with stepped(tmp_path / "lib", monkeypatch):
        if verb == "delete":
            await host.act("delete", targets)
        else:
            (kept,) = await host.sets()
            if verb == "undo":
                await host.undo(kept, replace(ORDER, held=held))
            else:
                await host.drive(act.purge(host.identity, [kept.undo_id]))
    names |= {path.lstat().st_ino: path for path in host.top.rglob("*")}
    found = [line.split(" ") for line in log.read_text().splitlines() if line != "flock"]
    found = [
        [name, str(names.get(int(args[0]), "gone")) if name == "sync" else " ".join(args)] for name, *args in found
    ]
    told = [" ".join(each).replace(f"{host.top}/", "").replace(SET, "SET") for each in found]
    tidying = re.compile(r"(rmdir|unlink SET/(lock|used)$)")
    runs = itertools.groupby(told, lambda each: "tidy" if tidying.match(each) else each.split(" ")[0])
    return [each for kind, run in runs for each in (sorted(run) if kind in ("sync", "mkdir", "tidy") else run)]


@by_either
async def test_each_step_and_each_sync_has_its_place(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not on the disk before the next step is begun may be lost by a power cut, though no kill shows it."""
    host.put(A, xf=True)
    host.put(B, "mqueue/q2")
    targets = sorted(await host.targets(A, B), key=lambda each: each.id)
    assert await steps(host, tmp_path, monkeypatch, "delete", *targets) == [
        "mkdir SET", "mkdir mqueue/.mailtui-undo", "sync mqueue", "sync mqueue/.mailtui-undo",
        "mkdir SET/0.1", "mkdir SET/0.2",
        "sync SET/manifest.0", "rename SET/manifest.0.new SET/manifest.0", "sync SET",
        f"rename mqueue/q1/qf{A} SET/0.1/qf{A}", f"rename mqueue/q2/qf/qf{B} SET/0.2/qf{B}",
        "sync SET/0.1", "sync SET/0.2", "sync mqueue/q1", "sync mqueue/q2/qf",
        f"rename mqueue/q1/df{A} SET/0.1/df{A}", f"rename mqueue/q1/xf{A} SET/0.1/xf{A}",
        f"rename mqueue/q2/df/df{B} SET/0.2/df{B}",
        "sync SET/0.1", "sync SET/0.2", "sync mqueue/q1", "sync mqueue/q2/df",
    ]  # fmt: skip
    back = [
        f"rename SET/0.1/df{A} mqueue/q1/df{A}", f"rename SET/0.1/xf{A} mqueue/q1/xf{A}",
        f"rename SET/0.2/df{B} mqueue/q2/df/df{B}", "sync mqueue/q1", "sync mqueue/q2/df",
    ]  # fmt: skip
    end = ["unlink SET/manifest.0", "rmdir SET", "rmdir SET/0.1", "rmdir SET/0.2", "unlink SET/lock", "unlink SET/used"]
    assert await steps(host, tmp_path, monkeypatch, "undo") == [
        *back, f"rename SET/0.1/qf{A} mqueue/q1/qf{A}", f"rename SET/0.2/qf{B} mqueue/q2/qf/qf{B}",
        "sync mqueue/q1", "sync mqueue/q2/qf", *end,
    ]  # fmt: skip
    await host.act("delete", targets)
    assert await steps(host, tmp_path, monkeypatch, "undo", held=True) == [
        *back,
        f"unlink SET/0.1/hf{A}", f"sync mqueue/q1/hf{A}", f"rename SET/0.1/hf{A} mqueue/q1/hf{A}", f"unlink SET/0.1/qf{A}",
        f"unlink SET/0.2/hf{B}", f"sync mqueue/q2/qf/hf{B}", f"rename SET/0.2/hf{B} mqueue/q2/qf/hf{B}", f"unlink SET/0.2/qf{B}",
        "sync mqueue/q1", "sync mqueue/q2/qf", *end,
    ]  # fmt: skip
    await host.act("delete", await host.targets(A))
    assert await steps(host, tmp_path, monkeypatch, "purge") == [
        f"unlink SET/0.1/xf{A}", f"unlink SET/0.1/df{A}", f"unlink SET/0.1/hf{A}", *(each for each in end if "0.2" not in each)
    ]  # fmt: skip


PROBE = """
import fcntl, os, sys
path, log = sys.argv[1:]
told = []
if os.path.exists(path):
    for lock in (fcntl.flock, fcntl.lockf):
        with open(path, "r+b") as file:
            try:
                lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                told.append("free")
            except OSError:
                told.append("held")
    open(log, "a").write(" ".join(told) + "\\n")
"""


@by_either
@pytest.mark.parametrize("twice", [False, True])
async def test_both_locks_are_held_until_the_control_file_is_away(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, twice: bool
) -> None:
    """Also where a message is named twice: an fcntl lock goes with any descriptor of its file that is closed."""
    host.put(A)
    (seen,) = await host.targets(A)
    (tmp_path / "probe.py").write_text(PROBE)
    log = tmp_path / "probed"
    monkeypatch.setenv("MAILTUI_PROBE", f"{sys.executable} {tmp_path}/probe.py {host.top}/mqueue/q1/qf{A} {log}")
    with stepped(tmp_path / "lib", monkeypatch):
        acted = await host.drive(act.act(host.identity, "delete", [seen, seen] if twice else [seen], ORDER))
    assert [each.code.value for each in acted.outcomes] == ["moved", "in-delivery"][: 1 + twice]
    first, *probed = log.read_text().splitlines()
    assert first == "held free", "between the one and the other"
    assert len(probed) > 5 and set(probed) == {"held held"}


# --- what it refuses ------------------------------------------------------------------------------------------------


@by_either
async def test_directories_may_have_any_name(host: Host) -> None:
    name = os.fsdecode(HOSTILE)
    for each in ("qf", "df", "xf"):
        (host.top / "mqueue" / name / each).mkdir(parents=True)
    (host.top / "mqueue" / name / "xf").rmdir()
    for letter in ("qf", "df"):
        (host.top / "mqueue" / name / letter / f"{letter}{A}").write_text("T1\nS<a@b>\n.\n")
    before = host.states(A)
    (seen,) = await host.targets(A)
    assert seen.directory.endswith(HOSTILE)
    assert codes(await host.act("delete", [seen])) == {A: ("done", "moved")}
    (kept,) = await host.sets()
    assert kept.count == 1 and kept.messages[0].key == seen.key
    assert codes(await host.undo(kept)) == {A: ("done", "restored")}
    assert host.states(A) == before


@by_either
@pytest.mark.parametrize("kept", [False, True])
async def test_a_file_that_takes_the_place_of_the_one_we_locked_is_left_alone(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    """As sendmail does it when it notes what it has sent: our lock is then on a file of no name, or of another."""
    host.put(A)
    targets = await host.targets(A)
    control = host.top / "mqueue/q1" / f"qf{A}"
    new = tmp_path / "new"
    new.write_bytes(control.read_bytes())
    inode = new.stat().st_ino
    away = f"mv {control} {tmp_path}/old && " if kept else ""
    monkeypatch.setenv("MAILTUI_PROBE", f"[ ! -e {new} ] || {{ {away}mv {new} {control}; }}")
    with stepped(tmp_path / "lib", monkeypatch):
        found = await host.act("delete", targets)
    assert codes(found) == {A: ("skipped", "changed")}
    assert found[A].detail == "it was rewritten at this moment"
    assert control.stat().st_ino == inode


@by_either
@pytest.mark.parametrize("kind", ["link", "pipe"])
async def test_of_what_is_no_control_file_nothing_is_shown(host: Host, tmp_path: Path, kind: str) -> None:
    """Nor is a pipe waited for, which nobody may ever write into."""
    host.put(A)
    await host.act("delete", await host.targets(A))
    next(host.vault.rglob(f"qf{A}")).unlink()
    control = host.top / "mqueue/q1" / f"qf{A}"
    if kind == "pipe":
        os.mkfifo(control)
    else:
        (tmp_path / "secret").write_text("T1\nS<secret@b>\n")
        control.symlink_to(tmp_path / "secret")
    async with asyncio.timeout(10):
        (kept,) = await host.sets()
    assert [(each.state, each.sender) for each in kept.messages] == [("half", None)]


@by_either
@pytest.mark.parametrize("kind", ["link", "twin", "pipe", "directory"])
async def test_what_is_no_file_of_its_own_is_left_alone(host: Host, kind: str) -> None:
    """A link would have us lock, and judge by, another file than the one that is moved."""
    host.put(A)
    targets = await host.targets(A)
    control = host.top / "mqueue/q1" / f"qf{A}"
    if kind == "twin":
        os.link(control, host.top / "twin")
    else:
        control.rename(host.top / "elsewhere")
    if kind == "link":
        control.symlink_to(host.top / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(control)
    elif kind == "directory":
        control.mkdir()
    found = await host.act("delete", targets)
    assert codes(found) == {A: ("failed", "denied") if kind in ("link", "directory") else ("skipped", "changed")}
    assert found[A].detail in {
        "Too many levels of symbolic links", "Is a directory", "it was rewritten at this moment"
    }  # fmt: skip
    assert not host.vault.exists()


@by_either
@pytest.mark.parametrize("fault", ["link", "open", "file", "other"])
@pytest.mark.parametrize("place", ["mqueue/.mailtui-undo", SET, f"{SET}/0.1"])
async def test_only_directories_of_ours_take_mail(host: Host, place: str, fault: str) -> None:
    if fault == "other" and os.geteuid():
        pytest.skip("only root can make a directory somebody else's: NOT tested that it is not taken for our own")
    host.put(A)
    targets = await host.targets(A)
    target = host.top / place
    for parent in reversed(target.relative_to(host.top).parents[:-1]):
        (host.top / parent).mkdir(mode=0o700, exist_ok=True)
    if fault == "link":
        (host.top / "real").mkdir(mode=0o700)
        target.symlink_to(host.top / "real")
    elif fault == "file":
        target.touch(0o600)
    else:
        target.mkdir(mode=0o700)
        target.chmod(0o750 if fault == "open" else 0o700)
        os.chown(target, 4321 if fault == "other" else -1, -1)
    found = await host.act("delete", targets)
    assert codes(found) == {A: ("failed", "denied")}
    assert found[A].detail == f"{target} is no directory of ours"
    assert {path.parent.name for path in host.files(A)} == {"q1"}
    if place.endswith("undo"):
        assert await host.sets() == (), "nor is anything believed that lies in it"


@by_either
async def test_no_more_than_a_tenth_of_the_free_space_is_kept(host: Host) -> None:
    host.put(A)
    host.put(B)
    targets = {each.id: each for each in await host.targets(A, B)}
    space = os.statvfs(host.top)
    tenth = space.f_bavail * space.f_frsize // 10
    await host.act("delete", [targets[A]])
    note = host.top / SET / "used"
    for used in (tenth * 2, tenth // 2):
        note.write_text(f"{used}\n")
        found = await host.act("delete", [targets[B]])
        if used > tenth:
            assert codes(found) == {B: ("failed", "denied")}
            assert found[B].detail == (
                f"the vault would hold more than a tenth of the free space of {host.top}/mqueue; "
                "make room: mailtui undo purge --expired"
            )
            assert {path.parent.name for path in host.files(B)} == {"q1"}
    assert codes(found) == {B: ("done", "moved")}
    note.unlink()
    with (host.vault / "u-20261124-other").open("wb") as file:
        os.truncate(file.fileno(), tenth * 2)  # a hole: it takes no space here
    host.put(C)
    assert codes(await host.act("delete", await host.targets(C))) == {C: ("failed", "denied")}, (
        "what is there is counted"
    )


async def test_what_df_told_perl_is_believed_for_a_minute(host: Host, vault_by: str) -> None:
    """Starting df for each batch takes longer than writing its manifest; python3 asks the system itself."""
    for each in (A, B, C):
        host.put(each)
    targets = {each.id: each for each in await host.targets(A, B, C)}
    await host.act("delete", [targets[A]])
    note = host.top / SET / "used"
    used, *free = map(int, note.read_text().splitlines())
    assert len(free) == (vault_by == "perl")
    note.write_text(f"{used}\n1\n")
    full = codes(await host.act("delete", [targets[B]]))
    assert full == {B: ("failed", "denied") if free else ("done", "moved")}
    os.utime(note, (time.time() - 90, time.time() - 90))
    assert codes(await host.act("delete", [targets[C]])) == {C: ("done", "moved")}


@by_either
async def test_one_at_a_time_undoes_or_destroys_a_set(host: Host) -> None:
    host.put(A)
    await host.act("delete", await host.targets(A))
    (kept,) = await host.sets()
    with (host.top / SET / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert codes(await host.undo(kept)) == {A: ("skipped", "locked")}
        assert await host.drive(act.purge(host.identity, [kept.undo_id])) == ()
    assert codes(await host.undo(kept)) == {A: ("done", "restored")}


@by_either
async def test_no_undo_while_its_delete_goes_on_and_no_delete_while_its_undo_does(host: Host) -> None:
    """Between the moves of control and data files an undo would put back a message without its data (D15, D22)."""
    for each in (A, B, C):
        host.put(each)
    targets = {each.id: each for each in await host.targets(A, B, C)}
    await host.act("delete", [targets[A]])
    (kept,) = await host.sets()
    with (host.top / SET / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)  # as another batch of it holds it
        assert codes(await host.undo(kept)) == {A: ("skipped", "locked")}
        assert codes(await host.act("delete", [targets[B]])) == {B: ("done", "moved")}
        before = host.states(C)
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert codes(await host.act("delete", [targets[C]])) == {C: ("failed", "denied")}
        assert host.states(C) == before
    (kept,) = await host.sets()
    assert codes(await host.undo(kept)) == {A: ("done", "restored"), B: ("done", "restored")}


@by_either
async def test_the_vault_trusts_no_line_that_it_reads(host: Host) -> None:
    """Ids that are none, and directories that are not configured, though our own side never sends them."""
    host.put(A)
    (seen,) = await host.targets(A)
    (host.top / "mqueue/q1/qf../q1").mkdir(parents=True)
    lines = [b"O undo " + ORDER.undo_id.encode(), b"D mqueue - %s/mqueue/q*" % bytes(host.top), b"."]
    there = b" %s/mqueue/q1" % bytes(host.top)
    for target in (b"mqueue q ../q1/qf" + A.encode() + there, b"mqueue q " + A[:11].encode() + there, b"mqueue q 6AMJeAMF00-262" + there,
                   b"mqueue qq " + A.encode() + there, b"mqueue q %s /etc" % A.encode(), b"mqueue-client q " + A.encode() + there):  # fmt: skip
        reply = await ask(host, "delete", *lines, target, seen.fingerprint)
        assert [(each.name, *each.args) for each in reply.sections] == [("did", "0", "denied")], target
    for undo in (b"u-1", b"../../../x-u-1", b"u-12345678/..", b"v-12345678"):
        reply = await ask(
            host, "delete", b"O undo " + undo, *lines[1:], b"mqueue q " + A.encode() + there, seen.fingerprint
        )
        assert reply.body("refused") == b"it has no undo id", undo
    assert not host.vault.exists() and len(host.files(A)) == 2


@by_either
async def test_a_root_shell_that_sudo_gives_runs_it_too(host: Host, tmp_path: Path) -> None:
    """Its text goes there within quotes of its own."""
    host.put(A)
    before = host.states(A)
    (seen,) = await host.targets(A)
    sudo = tmp_path / "sudo"
    stand_in(sudo, 'shift\n[ "$1" != -l ] || exit 0\nexec "$@"')
    facts = dict(host.identity.facts) | {"act": "sudo", "sudo": str(sudo)}
    host.identity = replace(host.identity, facts=tuple(facts.items()))
    assert codes(await host.act("delete", [seen])) == {A: ("done", "moved")}
    (kept,) = await host.sets()
    assert codes(await host.undo(kept)) == {A: ("done", "restored")}
    assert host.states(A) == before


@by_either
def test_where_nobody_listens_any_more_nothing_goes_on(vault_by: str, tmp_path: Path) -> None:
    names = {"perl": ("vault.sh", "queue_vault"), "python3": ("vault-python.sh", "queue_vault_python")}
    file, function = names[vault_by]
    (tmp_path / "script").write_bytes(engine.source(file) + f"{function} delete 100\n".encode())
    reader, writer = os.pipe()
    os.close(reader)
    environment = {"PATH": os.environ["PATH"], "MARK": "m"}
    done = subprocess.run(
        ["sh", tmp_path / "script"], input=b".\n", stdout=writer, stderr=subprocess.PIPE, env=environment
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


# --- which of them --------------------------------------------------------------------------------------------------


@pytest.fixture
def seen(host: Host) -> Target:
    host.put(A)
    directory = bytes(host.top / "mqueue/q1")
    return Target(
        engine.key_of("mx1", directory, A), A, "mqueue", directory, "queued", b"T%d S<a@b>" % (1795375413 + len(A))
    )


async def test_without_either_nothing_is_moved(
    host: Host, seen: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(tmp_path, monkeypatch)
    found = await host.act("delete", [seen])
    assert codes(found) == {A: ("failed", "denied")}
    why = (
        "neither perl (with Fcntl and IO) nor python3 (3.6 or newer) is here, and nothing else takes both kinds of lock"
    )
    assert found[A].detail == why
    with pytest.raises(Refused, match=re.escape(why)):
        await host.sets()
    assert len(host.files(A)) == 2 and not host.vault.exists()


def stand_in(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@needs_perl
@pytest.mark.parametrize("module", ["Fcntl", "IO"])
async def test_a_perl_that_cannot_lock_leaves_it_to_python3(
    host: Host, seen: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / f"lib/{module}.pm").write_text("die;\n")
    for engines, end in ((("perl",), ("failed", "denied")), (("perl", "python3"), ("done", "moved"))):
        place = only(tmp_path, monkeypatch, *engines)
        stand_in(place / "perl", f'exec {PERL} -I{tmp_path}/lib "$@"')
        assert codes(await host.act("delete", [seen])) == {A: end}


@needs_perl
async def test_perl_is_taken_where_both_are_there(
    host: Host, seen: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = only(tmp_path, monkeypatch, "perl", "python3")
    stand_in(place / "python3", f"touch {tmp_path}/asked; exit 1")
    assert codes(await host.act("delete", [seen])) == {A: ("done", "moved")}
    assert not (tmp_path / "asked").exists()


async def test_a_python_of_the_platform_alone_is_enough(
    host: Host, seen: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(tmp_path, monkeypatch)
    usual, own = b"/usr/libexec/platform-python", tmp_path / "platform-python"
    own.symlink_to(PYTHON)
    assert act.ACT.text.count(usual) == 1
    script = Script("sendmail/platform", act.ACT.text.replace(usual, bytes(own)), changes=True)
    monkeypatch.setitem(REGISTRY._scripts, script.name, script)
    monkeypatch.setattr(act, "ACT", script)
    assert codes(await host.act("delete", [seen])) == {A: ("done", "moved")}


async def test_what_the_login_has_set_does_not_reach_python3(
    host: Host, seen: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may run as root for a login that may not do so much."""
    only(tmp_path, monkeypatch, "python3")
    for name in ("stat", "signal", "re", "fcntl", "usercustomize", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text(f"open('{tmp_path}/asked', 'w')\nraise SystemExit(1)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "stat.py"))
    monkeypatch.setenv("PYTHONINSPECT", "1")
    monkeypatch.setenv("PYTHONUSERBASE", str(tmp_path))
    assert codes(await host.act("delete", [seen])) == {A: ("done", "moved")}
    assert not (tmp_path / "asked").exists()


def test_the_program_is_one_for_old_pythons() -> None:
    """Python 3.6 is what RHEL 8 has; a quote would end the program, for it stands between two of them."""
    text = engine.source("vault-python.sh").decode("ascii")
    _, begin, rest = text.partition(" -I -S -B -c '\n")
    program, end, after = rest.partition("'")
    assert begin and end and after == ' "$@"\n}\n'
    tree = ast.parse(program, feature_version=(3, 6))
    new = (ast.NamedExpr, ast.Match, ast.JoinedStr)
    assert not [node for node in ast.walk(tree) if isinstance(node, new)]
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"sys", "errno", "fcntl", "os", "re", "signal", "stat", "time", "hashlib"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
