"""`mailtui config`: which files are used, and what is wrong in them."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from mailtui.cli import records, say
from mailtui.cli.options import Parser, examples
from mailtui.cli.output import Document, write
from mailtui.errors import DONE, USAGE
from mailtui.text import show_line

if TYPE_CHECKING:
    from mailtui.config import Checked


def add(parser: Parser) -> None:
    """Describe `mailtui config`."""
    verb = parser.verbs()
    path = verb(
        "path",
        help="which files are used",
        description="Print the configuration files in use, one a line.",
        epilog=examples("mailtui config path"),
    )
    path.set_defaults(run=run_path)
    check = verb(
        "check",
        help="what is wrong in them",
        description="Find every fault of the configuration at once.",
        epilog=examples("mailtui config check", "mailtui -C new.yaml config check --json"),
    )
    check.set_defaults(run=run_check)


def read(args: Namespace) -> Checked:
    """Check the configuration, and what it names."""
    from mailtui.cli.known import known
    from mailtui.config import check

    return check(Path(args.config) if args.config else None, known=known())


def record(checked: Checked) -> records.Object:
    """Give the object of `config check`."""
    return {
        "files": [str(file) for file in checked.files],
        "faults": [
            {
                "file": fault.file,
                "line": fault.line,
                "column": fault.column,
                "text": fault.text,
                "cure": fault.cure,
            }
            for fault in checked.faults
        ],
    }


def paths(checked: Checked) -> str:
    """Write the files in use, one a line."""
    return "".join(f"{show_line(str(file))}\n" for file in checked.files)


def run_path(args: Namespace) -> int:
    """Run `mailtui config path`; faults are no matter here."""
    checked = read(args)
    body = record(checked)
    write(args, Document("config", body, lambda: [body], text=lambda: paths(checked)))
    return DONE


def run_check(args: Namespace) -> int:
    """Run `mailtui config check`."""
    checked = read(args)
    body = record(checked)
    write(args, Document("config", body, lambda: body["faults"], record="fault", text=lambda: paths(checked)))
    for fault in checked.faults:
        say.error(f"{fault.file}:{fault.line}:{fault.column}: {fault.text}", fault.cure)
    if not checked.faults:
        say.remark("no faults")
    return USAGE if checked.faults else DONE
