"""Everything that is no result: one safe line each, on stderr."""

from __future__ import annotations

import sys

from mailtui.text import show, show_line

_quiet = False


def be_quiet(quiet: bool) -> None:
    """Leave out remarks from now on; errors are always said."""
    global _quiet
    _quiet = quiet


def error(text: str, cure: str = "") -> None:
    """Say what failed and, below it, what can be done about it."""
    print(show_line(text), file=sys.stderr, flush=True)
    for line in cure.splitlines():
        print(f"  {show_line(line)}", file=sys.stderr, flush=True)


def lines(text: str, cure: str = "") -> None:
    """Say an error of several lines, as the faults of a configuration are."""
    print(show(text.rstrip("\n")), file=sys.stderr, flush=True)
    for line in cure.splitlines():
        print(f"  {show_line(line)}", file=sys.stderr, flush=True)


def remark(text: str) -> None:
    """Say what one should know but need not act on, unless `--quiet`."""
    if not _quiet:
        print(show_line(text), file=sys.stderr, flush=True)
