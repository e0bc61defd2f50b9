"""Everything that is no result: one safe line each, on stderr; nobody reading it, or a full disk, is no failure."""

from __future__ import annotations

import os
import sys

from mailtui.text import show, show_line

_quiet = False


def be_quiet(quiet: bool) -> None:
    """Leave out remarks from now on; errors are always said."""
    global _quiet
    _quiet = quiet


def error(text: str, cure: str = "") -> None:
    """Say what failed and, below it, what can be done about it."""
    _write("".join([f"{show_line(text)}\n", *(f"  {show_line(line)}\n" for line in cure.splitlines())]))


def lines(text: str, cure: str = "") -> None:
    """Say an error of several lines, as the faults of a configuration are."""
    _write("".join([show(text.rstrip("\n")), "\n", *(f"  {show_line(line)}\n" for line in cure.splitlines())]))


def remark(text: str) -> None:
    """Say what one should know but need not act on, unless `--quiet`."""
    if not _quiet:
        _write(f"{show_line(text)}\n")


def prompt(text: str) -> None:
    """Say what is asked, and stay on the line for the answer."""
    _write(show_line(text))


def flush() -> None:
    """Write what others left in stderr, so that it cannot fail when the interpreter ends."""
    _write("")


def _write(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        # What is still buffered would fail again at the end, and change the exit code.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stderr.fileno())
        os.close(nowhere)
