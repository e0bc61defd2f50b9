"""Nothing reaches a host but registered scripts, in a mode that allows them, behind one constant command."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

import mailtui
from mailtui.clock import Clock
from mailtui.errors import Refused
from mailtui.procedure import Registry, Reply, Request, Script
from mailtui.transport.contract import BOOTSTRAP
from mailtui.transport.gate import Gate
from mailtui.transport.local import LocalTransport
from mailtui.transport.tape import TapeTransport

ROOT = Path(mailtui.__file__).parent

RUNS = frozenset({
    "create_process", "create_session", "create_subprocess_exec", "create_subprocess_shell", "subprocess_exec",
    "subprocess_shell", "open_connection", "open_unix_connection", "create_connection", "Popen", "popen", "system",
    "check_output", "check_call", "getoutput", "posix_spawn", "execv", "execve", "execvp", "execl", "execlp", "spawnv",
    "spawnl", "start_sftp_client", "open_session",
})  # fmt: skip
"""Names of functions that start a program or a session, or open a connection."""

OTHERS = frozenset({
    ("subprocess", "run"), ("subprocess", "call"), ("os", "fork"), ("os", "forkpty"), ("pty", "fork"), ("pty", "spawn"),
    ("asyncssh", "connect"), ("asyncssh", "connect_reverse"), ("socket", "socket"),
})  # fmt: skip
"""The same where the name alone may be another's."""

ALLOWED = {
    ("transport/ssh.py", "create_session"): 1,
    ("transport/ssh.py", "open_connection"): 1,
    ("transport/local.py", "subprocess_exec"): 1,
    ("transport/local.py", "open_connection"): 1,
    ("transport/connect.py", "asyncssh.connect"): 1,
    ("transport/trust.py", "asyncssh.connect"): 1,
    ("demo/__init__.py", "Popen"): 1,
    ("demo/fleet.py", "create_subprocess_exec"): 1,
    ("demo/maillog.py", "subprocess.run"): 1,
    ("demo/server.py", "create_subprocess_exec"): 1,
}
"""Where they may stand in the whole package: the gate is in front of the transports alone. The demo is the other end: it
plays hosts, so it runs what is asked of it."""

STARTERS = frozenset({"subprocess", "pty", "multiprocessing", "ctypes", "paramiko", "pexpect", "telnetlib"})
"""Modules that start programs or sessions under names of their own."""

REMOTE = re.compile(
    r"(?:\S*/)?(?:ssh|slogin|autossh|sshpass|scp|sftp|rsync|mosh|rsh|telnet|nc|ncat|socat)(?:\s.*)?", re.S
)
"""A command line, or its first word, that leads to another machine."""


def calls(tree: ast.AST) -> list[tuple[str, ast.Call]]:
    found: list[tuple[str, ast.Call]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            base = ast.unparse(node.func.value).rsplit(".", 1)[-1] if isinstance(node.func, ast.Attribute) else ""
            if name in RUNS:
                found.append((name, node))
            elif (base, name) in OTHERS or (name == "run" and base in ("conn", "connection", "_connection")):
                found.append((f"{base}.{name}", node))
    return found


def modules() -> list[tuple[str, ast.AST]]:
    return [(str(path.relative_to(ROOT)), ast.parse(path.read_bytes())) for path in sorted(ROOT.rglob("*.py"))]


def imported(tree: ast.AST) -> set[str]:
    """Give the packages that a module imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


def test_only_the_transports_start_anything() -> None:
    assert Counter((place, name) for place, tree in modules() for name, _ in calls(tree)) == ALLOWED


def test_only_the_demo_imports_what_starts_programs() -> None:
    found = {(place, name) for place, tree in modules() for name in imported(tree) & STARTERS}
    assert found == {("demo/__init__.py", "subprocess"), ("demo/maillog.py", "subprocess")}


def test_no_command_leads_to_another_machine() -> None:
    """The word `ssh` stands in the package as the name of a transport alone."""
    found: Counter[tuple[str, str]] = Counter()
    for place, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
                if REMOTE.fullmatch(text.strip()):
                    found[place, text] += 1
    assert found == {("config/__init__.py", "ssh"): 1, ("config/schema.py", "ssh"): 2}


def test_only_the_transport_imports_asyncssh() -> None:
    importers = {place for place, tree in modules() if "asyncssh" in imported(tree)}
    assert {place for place in importers if not place.startswith(("transport/", "demo/"))} == set()


def test_sessions_run_the_bootstrap_and_nothing_else() -> None:
    """The command argument is the constant itself, which is assigned once, and holds no place for data."""
    for place, name in ALLOWED:
        if name not in ("create_session", "subprocess_exec") or place.startswith("demo/"):
            continue
        tree = ast.parse((ROOT / place).read_bytes())
        sites = [node for found, node in calls(tree) if found == name]
        assert [[ast.unparse(arg) for arg in node.args[1:] if ast.unparse(arg) not in ("'/bin/sh'", "'-c'")] for node in sites] == [["BOOTSTRAP"]]  # fmt: skip
        assert not [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and node.id == "BOOTSTRAP" and not isinstance(node.ctx, ast.Load)
        ]
    assert BOOTSTRAP == "exec /bin/sh -c 'read -r n && s=$(dd bs=1 count=$n 2>/dev/null) && eval \"$s\"'"


def scripts() -> tuple[Registry, Script, Script]:
    registry = Registry()
    look = registry.add(Script("test/look", b"section a; echo looked"))
    change = registry.add(Script("test/change", b"section a; echo changed", changes=True))
    return registry, look, change


def test_a_stranger_does_not_run() -> None:
    registry, look, _ = scripts()
    gate = Gate(registry, read_only=False)
    gate.admit(Request(look))
    with pytest.raises(ValueError, match="not registered"):
        gate.admit(Request(Script("test/other", b":")))
    with pytest.raises(ValueError, match="not registered"):
        gate.admit(Request(Script(look.name, look.text)))


def test_read_only_refuses_what_changes() -> None:
    registry, look, change = scripts()
    gate = Gate(registry)
    gate.admit(Request(look))
    with pytest.raises(Refused) as refused:
        gate.admit(Request(change))
    assert refused.value.cure
    gate.arm()
    gate.admit(Request(change))


def test_data_holds_no_nul() -> None:
    registry, look, _ = scripts()
    with pytest.raises(ValueError, match="NUL"):
        Gate(registry).admit(Request(look, b"a\0b"))


async def test_the_local_transport_asks_the_gate() -> None:
    registry, look, change = scripts()
    transport = LocalTransport(gate=Gate(registry))
    assert (await transport.run(Request(look))).body("a") == b"looked\n"
    with pytest.raises(Refused):
        await transport.run(Request(change))
    with pytest.raises(Refused):
        async with transport.stream(Request(change)):
            pass
    await transport.close()


async def test_the_tape_asks_the_gate() -> None:
    registry, look, change = scripts()
    transport = TapeTransport({look.name: Reply((), 0), change.name: Reply((), 0)}, gate=Gate(registry))
    assert (await transport.run(Request(look))).status == 0
    with pytest.raises(Refused):
        await transport.run(Request(change))
    with pytest.raises(Refused):
        async with transport.stream(Request(change)):
            pass


def test_armed_for_a_while_and_never_where_it_is_read_only() -> None:
    registry, _, change = scripts()
    now = [100.0]
    gate = Gate(registry, clock=Clock(boottime=lambda: now[0]))
    gate.arm(900)
    now[0] += 899
    gate.admit(Request(change))
    now[0] += 2
    with pytest.raises(Refused):
        gate.admit(Request(change))
    gate.arm()
    gate.disarm()
    assert gate.read_only and gate.armed == 0
    sealed = Gate(registry, read_only=False, sealed=True)
    with pytest.raises(Refused, match="read-only"):
        sealed.arm()
    with pytest.raises(Refused):
        sealed.admit(Request(change))
