"""Start-up hygiene: what a command does not need, it does not import, and `--help` costs next to nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("textual", "asyncssh", "pydantic", "cryptography", "rich", "aiosmtplib", "dns")


def imported(*words: str) -> set[str]:
    """Run a new interpreter and give the modules it imported."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


def modules(*words: str) -> set[str]:
    """Give the modules that a command line imports over what this machine's interpreter starts with."""
    return imported("-m", "mailtui", *words) - imported("-c", "import runpy")


@pytest.mark.parametrize(
    "words", [("--version",), ("--help",), ("version",), ("version", "--json"), ("queue", "--help")]
)
def test_light_commands_import_nothing_heavy(words: tuple[str, ...]) -> None:
    found = modules(*words)
    assert "mailtui.cli" in found
    assert not [name for name in found if name.partition(".")[0] in HEAVY]


def test_names_of_hosts_are_told_without_checking_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("version: 1\nhosts:\n  mx1: {}\n  mx2: {}\n")
    monkeypatch.setenv("MAILTUI_CONFIG", str(file))
    found = modules("hosts", "list", "--names")
    assert "mailtui.config.reader" in found
    assert not [name for name in found if name.partition(".")[0] in HEAVY]


def test_help_imports_no_parser_at_all() -> None:
    found = modules("--help")
    assert not found & {"argparse", "json", "asyncio", "typing", "dataclasses", "enum", "importlib.metadata"}


def processor_time(*words: str) -> float:
    """Give what one run costs; the clock on the wall would measure what else the machine does."""
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, *words],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, used = os.wait4(child, 0)
    assert status == 0
    return used.ru_utime + used.ru_stime


def test_help_costs_no_more_than_half_as_much_again_as_argparse_and_json() -> None:
    ours, theirs = (("-m", "mailtui", "--help"), ("-c", "import argparse, json"))
    taken = [(processor_time(*ours), processor_time(*theirs)) for _ in range(9)]
    assert min(each for each, _ in taken) <= 1.5 * min(each for _, each in taken)
