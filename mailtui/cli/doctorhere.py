"""What `doctor` looks at on the operator's own machine."""

from __future__ import annotations

import locale
import os
import platform
import shutil
import stat
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path

from mailtui.cli.configuration import read as configured
from mailtui.cli.findings import Finding, Status
from mailtui.cli.version import installed, openssl
from mailtui.errors import ConfigError

NEEDED = ("textual", "asyncssh", "aiosmtplib", "dnspython", "PyYAML", "pydantic", "cryptography", "platformdirs")
OLDEST_PYTHON = (3, 11)
SMALLEST = (60, 15)
"""Columns and lines below which the console shows one line only."""


def examine(args: Namespace) -> list[Finding]:
    """Look at Python, packages, terminal, characters, configuration and SSH agent."""
    return [python(), *packages(), *terminal(), characters(), *configuration(args), agent()]


def python() -> Finding:
    """Look at Python's version."""
    told = f"Python {platform.python_version()}, {openssl() or 'without OpenSSL'}"
    if sys.version_info < OLDEST_PYTHON:
        return Finding("python", Status.BAD, told, advice="install Python 3.11 or newer")
    return Finding("python", Status.OK, told)


def packages() -> Iterator[Finding]:
    """Look at the packages mailtui runs on."""
    found = {name: installed(name) for name in NEEDED}
    missing = [name for name, version in found.items() if version is None]
    if missing:
        yield Finding(
            "packages", Status.BAD, f"not installed: {', '.join(missing)}", advice=f"pip install {' '.join(missing)}"
        )
    yield Finding("packages", Status.OK, ", ".join(f"{name} {version}" for name, version in found.items() if version))


def terminal() -> Iterator[Finding]:
    """Look at the terminal the console would draw on."""
    term = os.environ.get("TERM", "")
    if not sys.stdout.isatty():
        yield Finding("terminal", Status.INFO, "standard output is no terminal: the console cannot run here")
    elif term in ("", "dumb"):
        advice = "set TERM to what the terminal is, for example xterm-256color"
        yield Finding("terminal", Status.BAD, f"TERM is {term or 'not set'}: the console cannot draw", advice=advice)
    else:
        size = shutil.get_terminal_size()
        small = size.columns < SMALLEST[0] or size.lines < SMALLEST[1]
        told = f"{term}, {size.columns}x{size.lines}"
        advice = "make the window larger: 80x24 is enough" if small else ""
        yield Finding("terminal", Status.WARN if small else Status.OK, told, advice=advice)
    if os.environ.get("TMUX") or term.startswith(("tmux", "screen")):
        told = "inside tmux or screen: copying needs `set -s set-clipboard on` in tmux"
        yield Finding("clipboard", Status.INFO, told)


def characters() -> Finding:
    """Look at whether the terminal takes UTF-8."""
    encoding = (sys.stdout.encoding or locale.getpreferredencoding()).lower()
    if encoding.replace("-", "") == "utf8":
        return Finding("characters", Status.OK, "UTF-8")
    advice = "set LANG to a UTF-8 locale (C.UTF-8), or start with --ascii"
    return Finding("characters", Status.WARN, f"{encoding}: the console draws with ASCII alone", advice=advice)


def configuration(args: Namespace) -> Iterator[Finding]:
    """Look at the configuration: its faults, its hosts, and who else may write it."""
    from mailtui.config import NoConfiguration, how_to_add

    try:
        checked = configured(args)
    except NoConfiguration as none:
        told = "there is no configuration yet"
        yield Finding("config", Status.WARN, told, none.message, advice=none.cure)
        return
    except ConfigError as fault:
        yield Finding("config", Status.BAD, "the configuration cannot be read", fault.message, advice=fault.cure)
        return
    faults = "\n".join(map(str, checked.faults))
    advice = "`mailtui config check` tells them one by one"
    if checked.config is None:
        yield Finding("config", Status.BAD, "the configuration has faults", faults, advice=advice)
    elif faults:
        yield Finding("config", Status.WARN, "the configuration names what is not there", faults, advice=advice)
    else:
        count = len(checked.config.hosts)
        yield Finding("config", Status.OK, f"{count} host{'' if count == 1 else 's'}" if count else "no faults")
    if checked.config is not None and not checked.config.hosts:
        yield Finding("hosts", Status.WARN, "no host is configured", advice=how_to_add(checked.config))
    yield from private(checked.files)


def agent() -> Finding:
    """Look at whether an SSH agent can be asked for keys."""
    path = os.environ.get("SSH_AUTH_SOCK", "")
    if not path:
        return Finding("agent", Status.INFO, "no SSH agent: keys come from files alone")
    try:
        is_socket = stat.S_ISSOCK(Path(path).stat().st_mode)
    except OSError as error:
        told = f"SSH_AUTH_SOCK leads nowhere: {error.strerror}"
        return Finding("agent", Status.WARN, told, path, advice="start the agent anew, or unset SSH_AUTH_SOCK")
    if is_socket:
        return Finding("agent", Status.OK, "an SSH agent is there", path)
    return Finding("agent", Status.WARN, "SSH_AUTH_SOCK is no socket", path, advice="unset SSH_AUTH_SOCK")


def private(files: Iterable[Path]) -> Iterator[Finding]:
    """Look at who else may write the configuration: it decides which hosts are trusted."""
    for file in files:
        try:
            mode = file.stat().st_mode
        except OSError:
            continue  # a fault of the configuration already
        if mode & (stat.S_IWGRP | stat.S_IWOTH):
            advice = f"chmod go-w {file}"
            yield Finding("config", Status.WARN, f"others may write {file}", f"mode {mode & 0o7777:04o}", advice=advice)
