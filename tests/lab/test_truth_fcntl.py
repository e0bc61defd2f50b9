"""A Sendmail built from Debian's source without HASFLOCK: what it locks by fcntl alone is left alone too (D13)."""

from __future__ import annotations

import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path

import pytest

from mailtui.model import Order, Outcome
from mailtui.session import Link
from tests.lab.harness import Lab
from tests.lab.test_truth_act import HOST, ORDER, acted, codes, done, rows_of, sink

BUILD = Path(__file__).parent / "fcntl-sendmail"
DAEMON = """
sed -i -E 's/(^K[a-z]+|=) *(hash|btree) /\\1 text /' /etc/mail/sendmail.cf /etc/mail/submit.cf
sed -i -E 's/^O AliasFile=.*/O AliasFile=text:\\/etc\\/aliases/' /etc/mail/sendmail.cf
/usr/sbin/sendmail-mta -Am -L sm-mta -bd -q10m 2>&1; /usr/sbin/sendmail-msp -Ac -L sm-msp-queue -q10m 2>&1; true
"""


@pytest.fixture(scope="module")
def program() -> bytes:
    """Sendmail as it is where flock(2) is not used."""
    folder = Path(tempfile.gettempdir()) / "mailtui-fcntl-sendmail"
    built = subprocess.run([BUILD, folder], capture_output=True, text=True, check=False, timeout=600)
    if built.returncode:
        pytest.skip(f"NOT TESTED against a Sendmail without HASFLOCK: it could not be built: {built.stderr[-300:]}")
    return Path(built.stdout.strip()).read_bytes()


@pytest.mark.soak
@pytest.mark.timeout(900, func_only=True)
def test_a_message_that_is_locked_by_fcntl_is_never_taken(lab: Lab, program: bytes) -> None:
    lab.restart(HOST)
    try:
        lab.kill(HOST, *(each for each in lab.processes(HOST) if each.command.startswith("sendmail:")))
        real = lab.exec(HOST, "readlink -f /usr/sbin/sendmail").decode().strip()
        mode, owner = lab.exec(HOST, f"stat -c '%a %U:%G' {real}").decode().split()
        lab.put(HOST, real, program, mode, owner)
        print(lab.exec(HOST, DAEMON).decode())
        flags = lab.exec(HOST, "/usr/sbin/sendmail -d0.10 -bt </dev/null 2>&1; true").decode(errors="replace")
        assert "Compiled with" in flags and "HASFLOCK" not in flags, flags[:2000]
        assert done(lab, hasflock) == ""

        sender = f"slow{time.time_ns()}@sm1.lab.test"
        queue_id = lab.inject(HOST, sender, "s25@slow.test")
        lab.wait(lambda: b"slow.test" in lab.exec(HOST, "ps -ewwo args="), 30, "being delivered")
        rows = done(lab, lambda link: rows_of(link, queue_id))
        assert rows
        inode = lab.exec(HOST, f"stat -c %i /var/spool/mqueue/qf{queue_id}").decode().strip()
        locks = lab.exec(HOST, f"grep :{inode} /proc/locks; true").decode()
        assert "POSIX" in locks and "FLOCK" not in locks, locks
        for verb in ("delete", "hold"):
            order = Order(reason="x", by="a", undo_id="u-20261124T200001-aaaaaa")
            found = done(lab, partial(acted, verb=verb, ids=[queue_id], order=order))
            assert codes(found) == {("skipped", "in-delivery")}, verb
        lab.wait(lambda: not done(lab, lambda link: rows_of(link, queue_id)), 60, "delivered")
        assert len(sink(lab, sender)) == 1

        waiting = lab.inject(HOST, "f@sm1.lab.test", "later@full.test")
        lab.wait(lambda: b"N1" in lab.exec(HOST, f"cat /var/spool/mqueue/qf{waiting}; true"), 60, "tried")
        order = Order(by="a", undo_id="u-20261124T200002-aaaaaa")
        found = done(lab, partial(acted, verb="delete", ids=[waiting], order=order))
        assert codes(found) == {("done", "moved")}, "what nobody delivers is set aside as ever"
        (kept,) = done(lab, lambda link: link.undo_sets())
        assert {each.outcome for each in done(lab, lambda link: link.undo(kept, ORDER)).outcomes} == {Outcome.DONE}
    finally:
        lab.restart(HOST)


async def hasflock(link: Link) -> str:
    return link.identity.fact("hasflock")
