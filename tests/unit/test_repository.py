"""The repository's own rules, for everything that git lists."""

import inspect
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from textual.actions import parse
from textual.binding import Binding
from textual.dom import DOMNode

from mailtui.app import Console
from mailtui.keys import KEYS, Key
from tests.shells import shells

ROOT = Path(__file__).parents[2]
ON_HOSTS = ("mailtui/mta/", "mailtui/transport/")
"""Scripts below these run on mail hosts, behind the prelude."""
STAND_INS = "mailtui/demo/hostside/"


def listed(*patterns: str) -> list[str]:
    """What git lists and is there, of these patterns."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    said = subprocess.run(["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, capture_output=True, check=True)
    return [name for name in said.stdout.decode().split("\0") if name and os.path.lexists(ROOT / name)]


def text(name: str) -> str:
    """Read one file."""
    return (ROOT / name).read_text(encoding="utf-8")


# --- files


def test_locked_versions_name_no_address() -> None:
    for name in ("requirements/run.txt", "requirements/dev.txt"):
        assert "://" not in text(name)
        pins = re.findall(r"^([a-z][^ ;]*)[^\n]*\\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text(name), re.M)
        assert len(pins) == len(re.findall(r"^[a-z]", text(name), re.M)) >= 20, "a version without hashes"
        assert all("==" in pin for pin, _ in pins)


def test_what_is_asked_for_with_extras_is_locked_with_them() -> None:
    """pip before 23.3 takes `name[extra]` for another package than a locked `name`, and refuses any newer release of it."""
    for name in ("requirements/run.txt", "requirements/dev.txt"):
        locked = {
            canonicalize_name(pin): set(filter(None, extras.split(",")))
            for pin, extras in re.findall(r"^([a-z0-9-]+)(?:\[([a-z0-9,-]+)\])?==", text(name), re.M)
        }
        asked: dict[NormalizedName, set[str]] = {}
        for line in text(name.replace(".txt", ".in")).splitlines():
            if not line.startswith("-r"):
                asked.setdefault(canonicalize_name(Requirement(line).name), set()).update(Requirement(line).extras)
        for pin in locked:
            try:
                requires = distribution(pin).requires or ()
            except PackageNotFoundError:
                continue  # another platform's
            for need in map(Requirement, requires):
                if not need.marker or any(need.marker.evaluate({"extra": extra}) for extra in ("", *locked[pin])):
                    asked.setdefault(canonicalize_name(need.name), set()).update(need.extras)
        assert {need: extras for need, extras in asked.items() if extras - locked[need]} == {}, name


def test_what_pyproject_asks_for_is_what_is_locked() -> None:
    project = tomllib.loads(text("pyproject.toml"))
    assert text("requirements/run.in").split("\n")[:-1] == project["project"]["dependencies"]
    assert text("requirements/dev.in").split("\n")[1:-1] == project["dependency-groups"]["dev"]


def test_the_two_links_are_links() -> None:
    for name in ("widgets", "themes"):
        assert (ROOT / "mailtui" / name).readlink() == Path("..") / name
        assert (ROOT / name).is_dir()
        assert not (ROOT / name).is_symlink()


def test_modules_are_short() -> None:
    lengths = {name: text(name).count("\n") for name in listed("mailtui/*.py", "widgets/*.py", "themes/*.py")}
    assert not {name: length for name, length in lengths.items() if length > 450}
    assert lengths["mailtui/app.py"] < 400


def test_a_decision_is_one_page() -> None:
    pages = listed("docs/adr/*.md")
    assert {name.split("/")[-1][:4] for name in pages} >= {"0001", "0002", "0003", "0004"}
    assert not [name for name in pages if text(name).count("\n") > 60]


def test_colours_are_written_in_theme_files_alone() -> None:
    colour = re.compile(rb"#(?:[0-9a-fA-F]{8}|[0-9a-fA-F]{6}|[0-9a-fA-F]{3,4})\b")
    ours = listed("mailtui/*.py", "mailtui/*.tcss", "widgets/*.py", "widgets/*.tcss", "themes/*.py", "themes/*.tcss")
    assert not {name: found for name in ours if (found := colour.findall((ROOT / name).read_bytes()))}


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    place = re.compile(rb"(?<![\w.])/wor[k]/|(?<!no-)--(?:extra-)?index-ur[l]|/opt/pyp[i]")
    ours = (name for name in listed() if (ROOT / name).is_file())
    assert not {name: found for name in ours if (found := place.findall((ROOT / name).read_bytes()))}


def test_nothing_is_switched_off_in_passing() -> None:
    forbidden = re.compile(r"type: ignor[e]|pragma: no cove[r]|\bTOD[O]\b|\bFIXM[E]\b")
    ours = listed("*.py", "*.sh")
    assert not {name: found for name in ours if (found := forbidden.findall(text(name)))}


# --- scripts


def scripts() -> list[str]:
    """Every shell script of ours that must be POSIX sh."""
    return listed("mailtui/*.sh")


@pytest.mark.parametrize("shell", shells("sh", "dash", "bash --posix", "busybox sh", "mksh"))
def test_scripts_parse(shell: str) -> None:
    words = shell.split()
    assert scripts()
    for name in scripts():
        done = subprocess.run([*words, "-n", ROOT / name], capture_output=True, text=True, check=False, timeout=20)
        assert (done.returncode, done.stderr) == (0, ""), name


def test_scripts_say_what_they_are() -> None:
    for name in scripts():
        first, second, *_ = text(name).split("\n")
        if name.startswith(STAND_INS):
            assert first == "#!/bin/sh", name
            assert re.match(r"# [A-Z]", second), name
        else:
            assert name.startswith(ON_HOSTS), name
            assert re.match(r"# [A-Z]", first), f"{name}: text for a host's shell, never a file there: no #! line"


def test_what_runs_on_hosts_is_set_to_one_language_and_zone() -> None:
    heads = [text("mailtui/transport/prelude.sh"), text("mailtui/mta/sendmail/helper.sh")]
    assert all(re.search(r"^LC_ALL=C TZ=UTC PATH=", head, re.M) for head in heads)
    assert all(re.search(r"^export LC_ALL TZ PATH", head, re.M) for head in heads)


def test_scripts_on_hosts_use_no_bashism() -> None:
    bashism = re.compile(r"\[\[(?!:)|<<<|\$'|\blocal \w|&>|\bsource \w|\becho -e\b|\$RANDOM|\bpipefail\b")
    assert not {name: found for name in scripts() if (found := bashism.findall(without_comments(text(name))))}


def without_comments(script: str) -> str:
    """Drop the lines that are comments."""
    return "\n".join(line for line in script.split("\n") if not line.lstrip().startswith("#"))


# --- what documents say


def targets() -> set[str]:
    """What make can make."""
    return set(re.findall(r"^([a-z][a-z-]*):", text("Makefile"), re.M))


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "tests/lab/README.md"])
def test_the_make_targets_that_documents_name_exist(name: str) -> None:
    named = set(re.findall(r"(?:^ +|`|\$ )make ([a-z][a-z-]*)", text(name), re.M))
    assert named
    assert not named - targets()


def test_the_commands_that_documents_name_exist() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "mailtui", "--help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    for name in ("README.md", "SECURITY.md"):
        for command in re.findall(r"(?:^    (?:\$ )?|`)mailtui ([a-z]+)", text(name), re.M):
            assert re.search(rf"\b{command}\b", said), f"{name}: mailtui {command}"


# --- layers and tables


@pytest.mark.parametrize(
    "module", ["mailtui.session", "mailtui.fleet", "mailtui.mta.sendmail", "mailtui.transport.ssh", "mailtui.store"]
)
def test_the_core_imports_no_terminal(module: str) -> None:
    code = f"import {module}, sys; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    found = {name.partition(".")[0] for name in done.stdout.split()}
    assert "mailtui" in found
    assert not found & {"textual", "rich"}


def nodes(base: type[DOMNode] = DOMNode) -> Iterator[type[DOMNode]]:
    """Every class of ours that Textual can send a key to."""
    for cls in base.__subclasses__():
        if cls.__module__.startswith("mailtui.") and not cls.__module__.startswith("mailtui.widgets."):
            yield cls
        yield from nodes(cls)


def binders(key: Key) -> list[type[DOMNode]]:
    """The classes that bind this row of the table themselves."""
    own = ((cls, cls.__dict__.get("BINDINGS", ())) for cls in set(nodes()))
    return [cls for cls, rows in own if any(isinstance(row, Binding) and row.id == key.id for row in rows)]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.id)
def test_every_key_has_somebody_who_does_it(key: Key) -> None:
    namespace, name, parameters = parse(key.action)
    assert namespace in {"", "app"}
    assert binders(key), f"no class binds the keys of {key.scope}"
    for cls in binders(key):
        target = Console if namespace else cls
        method = getattr(target, f"action_{name}", None)
        assert method, f"{target.__name__} has no action_{name}"
        inspect.signature(method).bind(None, *parameters)


def test_keys_are_told_apart() -> None:
    assert len({key.id for key in KEYS}) == len(KEYS)
    for scope in {key.scope for key in KEYS}:
        spelled = [part for key in KEYS if key.scope is scope for part in key.keys.split(",")]
        assert len(set(spelled)) == len(spelled), scope
