"""Processes of this machine by a name that is never another's: number and time of beginning."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_LAST: Final = 2**31 - 1
"""The highest number a process can have."""


def process() -> str:
    """Name this process so that another can tell whether it is still there."""
    return f"{os.getpid()}-{_began(os.getpid())}"


def alive(name: str) -> bool:
    """Tell whether the process of this machine that `process` named is still there."""
    pid, _, began = name.partition("-")
    if not (pid.isascii() and pid.isdigit()) or not 0 < (number := int(pid[:18])) <= _LAST:
        return False
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return _began(number) == began


def _began(pid: int) -> str:
    """Give when a process began, in the kernel's own count; "" where none is told."""
    try:
        # the name of the program stands in brackets and may hold anything
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
