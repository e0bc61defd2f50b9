"""Nothing reaches a host but registered scripts, in a mode that allows them, behind one constant command."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import mailtui
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

ALLOWED = {
    ("transport/ssh.py", "create_session"): 1,
    ("transport/ssh.py", "open_connection"): 1,
    ("transport/local.py", "subprocess_exec"): 1,
    ("transport/local.py", "open_connection"): 1,
}
"""Where they may stand: what else runs programs or sessions has no gate in front of it."""

SERVERS = ("demo/",)
"""The demo is the other end: it plays hosts, so it runs what is asked of it."""


HERE = ("cli/", "app", "screens/", "export/", "hostaudit/", "testmail", "diagnostics/", "resolve")
"""What runs programs of this machine for its user (ssh, an editor) or speaks SMTP, TLS and DNS from here."""


def calls(tree: ast.AST) -> list[tuple[str, ast.Call]]:
    found: list[tuple[str, ast.Call]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            base = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
            if name in RUNS or (
                name in ("run", "call")
                and base.rsplit(".", 1)[-1] in ("subprocess", "conn", "_connection", "connection")
            ):
                found.append((name, node))
    return found  # fmt: skip


def modules() -> list[tuple[str, ast.AST]]:
    return [
        (str(path.relative_to(ROOT)), ast.parse(path.read_bytes()))
        for path in sorted(ROOT.rglob("*.py"))
        if not str(path.relative_to(ROOT)).startswith(SERVERS)
    ]


def test_only_the_transports_start_anything_remote() -> None:
    found: dict[tuple[str, str], int] = {}
    for place, tree in modules():
        if not any(isinstance(node, (ast.Import, ast.ImportFrom)) for node in ast.walk(tree)):
            continue
        for name, _ in calls(tree):
            found[place, name] = found.get((place, name), 0) + 1
    remote = {
        key: count for key, count in found.items() if key[0].startswith(("transport/", "mta/", "session", "fleet"))
    }
    assert remote == ALLOWED


def test_only_the_transport_imports_asyncssh() -> None:
    importers = {
        place
        for place, tree in modules()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "asyncssh" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "asyncssh")
    }
    assert {place for place in importers if not place.startswith("transport/")} == set()


def test_sessions_run_the_bootstrap_and_nothing_else() -> None:
    """The command argument is the constant itself, which is assigned once, and holds no place for data."""
    for place, name in ALLOWED:
        if name not in ("create_session", "subprocess_exec"):
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
    gate.read_only = False
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
