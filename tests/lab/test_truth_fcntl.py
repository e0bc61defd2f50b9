"""A Sendmail built from Debian's source without HASFLOCK: what it locks by fcntl alone is left alone too (D13)."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from mailtui.model import Order
from mailtui.session import Link
from tests.lab.conftest import WANTED
from tests.lab.harness import LAB, Lab
from tests.lab.test_truth_act import HOST, QUEUE, acted, codes, done, injected, restored, rows_of, sink, states
from tests.lab.truth import run

pytestmark = pytest.mark.timeout(180, func_only=True)

BUILD = Path(__file__).parent / "fcntl-sendmail"
PROGRAM = "/usr/libexec/sendmail/sendmail"

INSTALL = f"""
chown --reference={PROGRAM} {PROGRAM}.fcntl && chmod --reference={PROGRAM} {PROGRAM}.fcntl && mv {PROGRAM}.fcntl {PROGRAM}
cd /etc/mail && sed -i -E 's/^Kaccess hash /Kaccess text -k0 -v1 -z\\\\t /' sendmail.cf && sed -i -E 's/\\t+/\\t/' access
/usr/sbin/sendmail-mta -Am -L sm-mta -bd -q10m </dev/null >/dev/null 2>&1
/usr/sbin/sendmail-msp -Ac -L sm-msp-queue -q10m </dev/null >/dev/null 2>&1
"""
"""Makes the host use it. It has no hash maps, so the access map is read from its text: key, a tab, value."""

LOCKS = """
import glob, os, sys
for each in glob.glob("/proc/[0-9]*/fd/*"):
    try:
        if os.readlink(each) == sys.argv[1]:
            for line in open(each.replace("/fd/", "/fdinfo/")):
                if line.startswith("lock:"):
                    print(open(each.split("/fd/")[0] + "/comm").read().strip(), line.split()[-3])
    except OSError:
        pass
"""
"""Who holds locks on a file (as processes that have it open tell), and the file's name in /proc/locks."""

LEASE = """
import fcntl, os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
file = os.open(sys.argv[1], os.O_WRONLY)
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("leased", flush=True)
print("asked" if signal.sigtimedwait([signal.SIGIO], 30) else "nobody came", flush=True)
sys.stdin.readline()
"""


@pytest.fixture(scope="module", autouse=True)
def host(lab: Lab) -> Iterator[None]:
    """The host with a Sendmail that does not use flock(2); untouched again for the tests after these."""
    built = subprocess.run([BUILD], capture_output=True, text=True, check=False, timeout=900)
    if built.returncode:
        reason = f"NOT TESTED against a Sendmail without HASFLOCK: {built.stderr[-500:].strip()}"
        (pytest.fail if WANTED == "1" else pytest.skip)(reason)
    program = Path(built.stdout.strip()).read_bytes()
    lab.restart(HOST)
    try:
        lab.kill(HOST, *(each for each in lab.processes(HOST) if each.command.startswith("sendmail:")))
        lab.put(HOST, f"{PROGRAM}.fcntl", program)
        lab.exec(HOST, INSTALL)
        lab.wait(lambda: "accepting connections" in str(lab.processes(HOST)), what="the new daemon")
        yield
    finally:
        lab.restart(HOST)


@pytest.fixture(params=["perl", "python3"])
def way(lab: Lab, request: pytest.FixtureRequest) -> Iterator[str]:
    """What the vault runs by: it takes perl where there is one."""
    with only(lab, request.param):
        yield request.param


@contextmanager
def only(lab: Lab, way: str) -> Iterator[None]:
    """Leave the host no other means than this one."""
    if way == "perl":
        yield
        return
    lab.exec(HOST, "mv /usr/bin/perl /usr/bin/perl.away")
    try:
        yield
    finally:
        lab.exec(HOST, "mv /usr/bin/perl.away /usr/bin/perl")


def locks(lab: Lab, path: str) -> tuple[set[str], set[str]]:
    """Which programs hold locks on a file of the host, and of which kinds they are in /proc/locks."""
    found = [line.split() for line in lab.exec(HOST, "python3", "-c", LOCKS, path).decode().splitlines()]
    names = {name for _, name in found}
    table = [line.split() for line in lab.exec(HOST, "cat /proc/locks").decode().splitlines()]
    return {program for program, _ in found}, {line[1] for line in table if names.intersection(line)}


@contextmanager
def paused(path: str) -> Iterator[Callable[[], str]]:
    """Whoever opens this file next is kept waiting, with all locks it has, until this ends (45 s, then the kernel frees it).

    What is given tells, once somebody waits.
    """
    command = [str(LAB), "exec", HOST, "python3", "-c", LEASE, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "leased\n"
        yield lambda: process.stdout.readline() if process.stdout else ""


def order(name: str) -> Order:
    return Order(reason="a test", by="alice@here", undo_id=f"u-20261124T2{time.time_ns() % 10**5:05}-{name}")


def undone(lab: Lab, undo_id: str) -> set[tuple[str, str]]:
    (kept,) = [each for each in done(lab, lambda link: link.undo_sets()) if each.undo_id == undo_id]
    return {(each.outcome.value, each.code.value) for each in done(lab, partial(restored, kept=kept)).outcomes}


async def hasflock(link: Link) -> str:
    return link.identity.fact("hasflock")


def test_the_lock_kind_is_told_as_it_is(lab: Lab) -> None:
    flags = lab.exec(HOST, "/usr/sbin/sendmail -d0.10 -bt </dev/null").decode()
    assert "Compiled with:" in flags and "OS Defines:" in flags and "HASFLOCK" not in flags.split(), flags
    assert done(lab, hasflock) == ""
    assert done(lab, hasflock, "sm2-root") == "1", "as Debian builds it"
    findings = json.loads(run(lab, "doctor", f"{HOST}-root", "--json").out)["findings"]
    (server,) = [each for each in findings if each["check"] == "mail server"]
    (told,) = [each for each in server["evidence"] if "Compiled with:" in each]
    assert server["status"] == "ok" and "HASFLOCK" not in told.split(), told


def test_what_it_delivers_is_never_taken(lab: Lab) -> None:
    sender = f"slow{time.time_ns()}@sm1.lab.test"
    queue_id = lab.inject(HOST, sender, "s25@slow.test")
    stage = f"{queue_id} mx.slow.test.: client DATA status"
    lab.wait(lambda: stage in str(lab.processes(HOST)), 30, "the sink has it all and has not answered")
    assert locks(lab, f"{QUEUE}/qf{queue_id}") == ({"sendmail-mta"}, {"POSIX"})
    before = states(lab, [queue_id])
    for way, verb in (("perl", "delete"), ("perl", "hold"), ("python3", "delete")):
        with only(lab, way):
            found = done(lab, partial(acted, verb=verb, ids=[queue_id], order=order("aaaaaa")))
        assert codes(found) == {("skipped", "in-delivery")}, (way, verb)
    assert states(lab, [queue_id]) == before
    assert locks(lab, f"{QUEUE}/qf{queue_id}") == ({"sendmail-mta"}, {"POSIX"}), "it was being delivered all the time"
    assert stage in str(lab.processes(HOST))
    assert done(lab, lambda link: link.undo_sets()) == ()
    lab.wait(lambda: not done(lab, lambda link: rows_of(link, queue_id)), 60, "delivered")
    assert len(sink(lab, sender)) == 1
    log = lab.exec(HOST, "cat /var/log/mail.log").decode(errors="replace").splitlines()
    assert len([line for line in log if f"{queue_id}: to=" in line and "stat=Sent" in line]) == 1


def test_what_it_does_not_deliver_goes_and_comes_back_as_it_was(lab: Lab, way: str) -> None:
    name = f"undo{time.time_ns()}x"  # the sink's log outlives a session
    ids = injected(lab, 20, "full.test", name)
    before = states(lab, ids)
    assert len(before) == 80  # control and data file of each, by content and by all else
    given = order("bbbbbb")
    assert codes(done(lab, partial(acted, verb="delete", ids=ids, order=given))) == {("done", "moved")}
    assert not any(queue_id in path for path in lab.queue_files(HOST, "qhQd") for queue_id in ids)
    lab.exec(HOST, "/usr/sbin/sendmail -q")  # a whole run finds nothing of them
    assert undone(lab, given.undo_id) == {("done", "restored")}
    assert states(lab, ids) == before
    lab.exec("sink", "touch /run/sink-accept-all")
    try:
        lab.exec(HOST, "/usr/sbin/sendmail -q")
        lab.wait(lambda: not done(lab, lambda link: rows_of(link, *ids)), 60, "all delivered")
    finally:
        lab.exec("sink", "rm -f /run/sink-accept-all")
    assert [len(sink(lab, f"{name}{number}@")) for number in range(20)] == [1] * 20


def test_what_the_vault_is_at_no_queue_run_takes(lab: Lab, way: str) -> None:
    mine, other = injected(lab, 2, "full.test", f"vault{way}")
    before = states(lab, [mine])
    given = order("cccccc")
    with ThreadPoolExecutor(1) as pool, paused(f"{QUEUE}/df{mine}") as asked:
        deleting = pool.submit(done, lab, partial(acted, verb="delete", ids=[mine], order=given))
        assert asked() == "asked\n", "the vault reads the data, with the control file locked"
        assert locks(lab, f"{QUEUE}/qf{mine}") == ({way}, {"POSIX", "FLOCK"})
        said = lab.exec(HOST, "/usr/sbin/sendmail -v -q 2>&1").decode(errors="replace")
        assert not deleting.done()
    assert f"{mine}: locked" in said, said
    assert f"{other}: locked" not in said and f"{QUEUE}/{other}" in said, said
    assert codes(deleting.result()) == {("done", "moved")}
    assert undone(lab, given.undo_id) == {("done", "restored")}
    assert states(lab, [mine]) == before
    lab.clear(HOST)
