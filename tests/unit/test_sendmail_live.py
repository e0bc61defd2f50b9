"""Retrying aloud: the script over a real shell with a stand-in for sendmail, and the reader of its stream."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mailtui.config import Host as Configured
from mailtui.errors import Refused
from mailtui.model import Acted, Code, Identity, ItemOutcome, Outcome, RemoteCommand, Side, Spoken, Target
from mailtui.mta import registry
from mailtui.mta.sendmail import live
from mailtui.mta.sendmail.sudoers import helper_script, sudoers
from mailtui.procedure import REGISTRY, Begin, Data, End
from mailtui.session import Detected, Link
from mailtui.transport.gate import Gate
from mailtui.transport.local import LocalTransport
from tests.shells import shells
from tests.unit.test_sendmail_act import ORDER, A, B, C, Host

STAND_IN = """#!/bin/sh
# talks as sendmail -v does; `$0.slow` holds it up, `$0.fate` says how it ends
printf '%s\\n' "$*" >>"$0.calls"
echo $$ >"$0.pid"
for word; do case $word in -qI*) ids="$ids ${word#-qI}" ;; esac; done
for id in $ids; do
  file=$(find SPOOL -name "qf$id")
  echo
  echo "Running ${file%/*}/$id (sequence 1 of 1)"
  if [ -e "$0.locked" ]; then echo "$id: locked"; continue; fi
  echo '<c@d.test>... Connecting to mx.d.test. via esmtp...'
  printf '220 mx.d.test ES'
  printf 'MTP\\r\\n>>> AUTH PLAIN AGFubmEAc2VjcmV0\\n235 2.7.0 welcome\\n>>> RCPT To:<c@d.test>\\n'
  while [ -e "$0.slow" ]; do sleep 0.05; done
  case $(cat "$0.fate" 2>/dev/null) in
  deferred) echo '450 4.2.0 <c@d.test>: Greylisted'; echo '<c@d.test>... Deferred: 450 4.2.0 <c@d.test>: Greylisted' ;;
  unknown) echo '550 5.1.1 no'; echo '<c@d.test>... User unknown'; rm "$file" ;;
  *) echo '250 2.0.0 Ok: queued as 1'; echo '<c@d.test>... Sent (Ok: queued as 1)'; rm "$file" ;;
  esac
  echo "$id" >>"$0.ran"
done
"""


class Talking(Host):
    """A spool whose sendmail talks."""

    def __init__(self, top: Path) -> None:
        super().__init__(top)
        self.sendmail.write_text(STAND_IN.replace("SPOOL", str(top)))

    def flag(self, name: str, text: str = "") -> Path:
        path = Path(f"{self.sendmail}.{name}")
        path.write_text(text)
        return path

    def noted(self, name: str) -> list[str]:
        path = Path(f"{self.sendmail}.{name}")
        return path.read_text().splitlines() if path.exists() else []

    @asynccontextmanager
    async def link(self, identity: Identity | None = None) -> AsyncIterator[Link]:
        transport = LocalTransport(gate=self.gate)
        found = Detected(registry.adapter("sendmail"), identity or self.identity, ())
        try:
            yield Link(Configured(name="mx1"), transport, found, gate=self.gate)
        finally:
            await transport.close()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Talking]:
    found = Talking(tmp_path / "spool")
    yield found
    Path(f"{found.sendmail}.slow").unlink(missing_ok=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


async def watched(
    host: Talking, targets: list[Target], identity: Identity | None = None
) -> tuple[dict[str, tuple[str, str]], list[Spoken]]:
    lines: list[Spoken] = []
    async with host.link(identity) as link:
        acted = await link.live(targets, ORDER, lines.append, asyncio.Event())
    return codes(acted), lines


def codes(acted: Acted) -> dict[str, tuple[str, str]]:
    return {each.id: (each.outcome.value, each.code.value) for each in acted.outcomes}


def folders() -> list[Path]:
    return [path for top in ("/run", "/tmp", "/var/tmp") for path in Path(top).glob("mailtui-live-*")]


async def test_the_dialogue_comes_line_by_line_without_secrets_and_the_outcome_is_known(host: Talking) -> None:
    host.put(A)
    (target,) = await host.targets(A)
    found, lines = await watched(host, [target])
    assert found == {A: ("done", "delivered")}
    assert [(each.side.value, each.text) for each in lines[2:]] == [
        ("note", b"<c@d.test>... Connecting to mx.d.test. via esmtp..."),
        ("good", b"220 mx.d.test ESMTP"),
        ("client", b">>> AUTH PLAIN ***"),
        ("good", b"235 2.7.0 welcome"),
        ("client", b">>> RCPT To:<c@d.test>"),
        ("good", b"250 2.0.0 Ok: queued as 1"),
        ("sent", b"<c@d.test>... Sent (Ok: queued as 1)"),
    ]
    assert host.noted("calls") == [f"-v -qI{A}"]
    assert folders() == []


@pytest.mark.parametrize(
    ("fate", "code", "side"), [("deferred", "deferred", Side.DEFERRED), ("unknown", "bounced", Side.FAILED)]
)
async def test_what_is_refused_is_told(host: Talking, fate: str, code: str, side: Side) -> None:
    host.put(A)
    host.flag("fate", fate)
    found, lines = await watched(host, await host.targets(A))
    assert found == {A: ("done", code)}
    assert lines[-1].side is side


async def test_a_message_that_another_process_delivers_is_left_alone(host: Talking) -> None:
    host.put(A)
    host.flag("locked")
    found, _ = await watched(host, await host.targets(A))
    assert found == {A: ("skipped", "in-delivery")}


async def test_each_message_is_held_against_what_is_there(host: Talking) -> None:
    longer = f"{B}9"
    for queue_id in (A, B, longer, C):
        host.put(queue_id)
    host.put("6AMJeAMJ002266", letter="h")
    targets = await host.targets(A, B, C, "6AMJeAMJ002266")
    host.put(A, sender="other@x")
    for file in host.files(C):
        file.unlink()
    found, lines = await watched(host, targets)
    assert found == {
        A: ("skipped", "changed"),
        B: ("skipped", "changed"),
        C: ("skipped", "gone"),
        "6AMJeAMJ002266": ("skipped", "changed"),
    }
    assert host.noted("calls") == []
    assert all(b"not tried" in each.text for each in lines)


async def test_both_queues_are_served_one_after_the_other(host: Talking) -> None:
    host.put(A)
    host.put(B, "mqueue-client")
    found, _ = await watched(host, await host.targets(A, B))
    assert found == {A: ("done", "delivered"), B: ("done", "delivered")}
    assert host.noted("calls") == [f"-v -qI{A}", f"-Ac -v -qI{B}"]


async def test_stop_ends_the_watching_and_the_delivery_goes_on_once(host: Talking) -> None:
    host.put(A)
    slow = host.flag("slow")
    (target,) = await host.targets(A)
    left, lines = asyncio.Event(), list[Spoken]()
    async with host.link() as link:

        def heard(line: Spoken) -> None:
            lines.append(line)
            if b"RCPT" in line.text:
                left.set()

        acted = await link.live([target], ORDER, heard, left)
        assert acted.outcomes == (
            ItemOutcome(target.key, A, Outcome.DONE, Code.REQUESTED, "it goes on, but nobody watches it"),
        )
    assert folders() == []
    slow.unlink()
    await until(lambda: host.noted("ran"))
    await until(lambda: not host.files(A)[:-1])
    assert (host.noted("calls"), host.noted("ran")) == ([f"-v -qI{A}"], [A])


async def test_a_link_that_breaks_makes_it_unknown_and_the_delivery_goes_on_once(host: Talking) -> None:
    host.put(A)
    slow = host.flag("slow")
    (target,) = await host.targets(A)
    async with host.link() as link:
        transport = link.transport
        assert isinstance(transport, LocalTransport)
        running = transport._running

        def heard(line: Spoken) -> None:
            if b"RCPT" in line.text:
                # the shell that holds our end dies with everything in its group
                for wire in running:
                    assert wire._streams is not None
                    os.killpg(wire._streams.get_pid(), signal.SIGKILL)

        acted = await link.live([target], ORDER, heard, asyncio.Event())
        assert codes(acted) == {A: ("unknown", "timeout")}
    slow.unlink()
    await until(lambda: host.noted("ran"))
    assert (host.noted("calls"), host.noted("ran")) == ([f"-v -qI{A}"], [A])
    assert folders() == []


async def test_a_host_that_falls_silent_is_given_up_and_the_delivery_goes_on(
    host: Talking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailtui.session.LIVE_PATIENCE", 0.7)
    host.put(A)
    slow = host.flag("slow")
    found, _ = await watched(host, await host.targets(A))
    assert found == {A: ("unknown", "timeout")}
    slow.unlink()
    await until(lambda: host.noted("ran"))


async def test_signs_of_life_come_while_the_other_side_is_slow(host: Talking) -> None:
    host.put(A)
    slow = host.flag("slow")
    signs = 0
    last: object = None
    request = live.request(host.identity, await host.targets(A), ORDER)
    async with host.link() as link, link.transport.stream(request) as events:
        async for last in events:
            signs += isinstance(last, Begin) and last.name == "said"
            if signs == 3:
                slow.unlink(missing_ok=True)
    assert (signs >= 3, last) == (True, End(0))


async def test_a_closed_gate_lets_nothing_pass(host: Talking) -> None:
    host.put(A)
    targets = await host.targets(A)
    host.gate = Gate(REGISTRY, read_only=True)
    with pytest.raises(Refused):
        await watched(host, targets)
    assert host.noted("calls") == []


# --- means ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def sudo(tmp_path: Path) -> Path:
    """A sudo that lets everything pass and knows `-l`."""
    path = tmp_path / "sudo"
    path.write_text('#!/bin/sh\n[ "$1" = -n ] && shift\n[ "$1" = -l ] && exit "$(cat "$0.says" 2>/dev/null || echo 0)"\nexec "$@"\n')  # fmt: skip
    path.chmod(0o755)
    return path


def by(host: Talking, act: str, sudo: Path, **facts: str) -> Identity:
    known = dict(host.identity.facts) | {"act": act, "sudo": str(sudo), "uid": "1000"} | facts
    return Identity("sendmail", "8.17.1.9", ("sendmail",), 0.0, "oncall", tuple(known.items()))


def helper_of(host: Talking, features: list[str], path: Path) -> str:
    identity = by(host, "helper", path, sendmail="/usr/sbin/sendmail", sudo_version="1.9.13")
    script = helper_script(sudoers(identity, features, helper=True))
    # the stand-in takes the place of what only root could put there
    return script.replace("SENDMAIL=/usr/sbin/sendmail", f"SENDMAIL={host.sendmail}")


async def test_sudo_and_the_helper_do_the_same(host: Talking, sudo: Path) -> None:
    host.put(A)
    host.put(B)
    found, lines = await watched(host, await host.targets(A), by(host, "sudo", sudo))
    assert found == {A: ("done", "delivered")}
    assert b">>> AUTH PLAIN ***" in [each.text for each in lines]
    helper = sudo.with_name("helper")
    helper.write_text(helper_of(host, ["retry"], sudo))
    helper.chmod(0o755)
    identity = by(host, "helper", sudo, helper=str(helper), helper_verbs="dirs retry live")
    found, lines = await watched(host, await host.targets(B), identity)
    assert found == {B: ("done", "delivered")}
    assert b">>> AUTH PLAIN ***" in [each.text for each in lines]


@pytest.mark.parametrize("shell", shells("dash", "bash", "busybox sh", "mksh"))
async def test_every_shell_follows_to_the_end(host: Talking, sudo: Path, shell: str) -> None:
    host.put(A)
    helper = sudo.with_name("helper")
    helper.write_text(helper_of(host, ["retry"], sudo))
    (target,) = await host.targets(A)
    mark = "0" * 32
    order = f"live\n{mark}\n.\n{target.queue} q {A} {target.directory.decode()}\n{target.fingerprint.decode()}\n"
    done = await asyncio.create_subprocess_exec(
        *shell.split(), str(helper), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asyncio.wait_for(done.communicate(order.encode()), 20)
    heads = [line.removeprefix(f"{mark} ") for line in said.decode().splitlines() if line.startswith(mark)]
    assert (heads[0], heads[-2:]) == ("started 0 ", ["ended 0", "did 0 left"])
    assert "Sent (Ok" in said.decode()
    assert folders() == []


async def test_what_a_root_shell_does_ends_when_nobody_listens_and_sendmail_goes_on(host: Talking, sudo: Path) -> None:
    """A shell that no signal of ours reaches, in a session of its own, ends at the broken pipe."""
    host.put(A)
    slow = host.flag("slow")
    sudo.write_text(sudo.read_text().replace('exec "$@"', f'echo $$ >>{sudo}.pids\nexec setsid "$@"'))
    (target,) = await host.targets(A)
    left = asyncio.Event()
    async with host.link(by(host, "sudo", sudo)) as link:
        await link.live([target], ORDER, lambda line: left.set() if b"RCPT" in line.text else None, left)
    (pid,) = Path(f"{sudo}.pids").read_text().split()
    await until(lambda: not Path(f"/proc/{pid}").exists())
    (sendmail,) = host.noted("pid")
    assert Path(f"/proc/{sendmail}").exists()
    slow.unlink()
    await until(lambda: host.noted("ran"))


async def test_sudo_that_says_no_is_told(host: Talking, sudo: Path) -> None:
    host.put(A)
    Path(f"{sudo}.says").write_text("1")
    with pytest.raises(Refused, match="sudo no longer"):
        await watched(host, await host.targets(A), by(host, "sudo", sudo))
    assert host.noted("calls") == []


async def test_an_older_helper_is_named_with_its_cure(host: Talking, sudo: Path) -> None:
    host.put(A)
    targets = await host.targets(A)
    identity = by(host, "helper", sudo, helper="/x", helper_verbs="dirs retry hold")
    with pytest.raises(Refused, match="without `live`") as refused:
        registry.adapter("sendmail").commands(identity, "live-retry", targets, ORDER)
    assert "print the helper anew" in refused.value.cure
    with pytest.raises(Refused, match="without `live`"):
        live.request(identity, targets, ORDER)
    with pytest.raises(Refused, match="no rights"):
        live.request(by(host, "", sudo, act_why="no rights"), targets, ORDER)


async def test_the_plan_shows_the_literal_command(host: Talking) -> None:
    host.put(A)
    found = registry.adapter("sendmail").commands(host.identity, "live-retry", await host.targets(A), ORDER)
    assert found == (RemoteCommand((str(host.sendmail), "-v", f"-qI{A}")),)


def test_only_a_script_that_changes_runs_it() -> None:
    assert all(each.changes for each in (live.LIVE, live.LIVE_SUDO, live.LIVE_HELPER))


# --- the reader -----------------------------------------------------------------------------------------------------


def read(*events: Begin | Data | End, stopped: bool = False, count: int = 1) -> tuple[Outcome, Code]:
    targets = [Target(f"k{n}", f"6AMJeAMF00226{n}", "mqueue", b"/q", "deferred", b"T1 S<a@b>") for n in range(count)]
    parser = live.Live(targets)
    for event in events:
        parser.feed(event)
    first = parser.acted(stopped=stopped).outcomes[0]
    return first.outcome, first.code


RUNS = (Begin("started", ("0",)), Begin("said", ()), Data(b"Running /q/6AMJeAMF002260 (sequence 1 of 1)\n"))
OVER = (Begin("ended", ("0",)), Begin("did", ("0", "left")), Data(b"\n"), End(0))


@pytest.mark.parametrize(
    ("said", "last", "outcome"),
    [
        (b"<a@b>... Sent (ok)\n", OVER, (Outcome.DONE, Code.DELIVERED)),
        (b"<a@b>... Sent (ok)\n<c@d>... User unknown\n", OVER, (Outcome.DONE, Code.BOUNCED)),
        (b"", OVER, (Outcome.DONE, Code.REQUESTED)),
        (b"<a@b>... Sent (ok)\n", (Begin("ended", ("0",)), Begin("did", ("0", "kept")), End(0)), (Outcome.DONE, Code.REQUESTED)),
        (b"<a@b>... Deferred: x\n", OVER, (Outcome.DONE, Code.REQUESTED)),
        (b"", (End(143),), (Outcome.DONE, Code.REQUESTED)),
        (b"", (), (Outcome.UNKNOWN, Code.TIMEOUT)),
    ],
)  # fmt: skip
def test_an_outcome_is_certain_only_where_words_and_files_agree(
    said: bytes, last: tuple[Begin | Data | End, ...], outcome: tuple[Outcome, Code]
) -> None:
    assert read(*RUNS, Data(said), *last) == outcome


def test_what_was_not_begun_is_unknown_and_what_the_host_did_not_name_failed() -> None:
    assert read(stopped=True) == (Outcome.UNKNOWN, Code.TIMEOUT)
    assert read(End(0)) == (Outcome.FAILED, Code.DENIED)
    with pytest.raises(Refused, match="no sendmail"):
        read(Begin("refused", ()), Data(b"no sendmail command was found\n"), End(0))
