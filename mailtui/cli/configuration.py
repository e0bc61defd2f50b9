"""`mailtui config`: which files are used, and what is wrong in them."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from mailtui.cli import records, say
from mailtui.cli.options import Parser
from mailtui.cli.output import Document, write
from mailtui.errors import DONE, USAGE
from mailtui.text import show_line

if TYPE_CHECKING:
    from mailtui.config import Checked


def add(parser: Parser) -> None:
    """Describe `mailtui config`."""
    verb = parser.verbs()
    path = verb("path", help="which files are used", description="Print the configuration files in use, one a line.")
    path.set_defaults(run=run_path)
    check = verb("check", help="what is wrong in them", description="Find every fault of the configuration at once.")
    check.set_defaults(run=run_check)


def read(args: Namespace) -> tuple[Checked, Document]:
    """Check the configuration and make a document of it."""
    from mailtui.config import check

    checked = check(Path(args.config) if args.config else None)
    body = record(checked)
    return checked, Document("config", body, lambda: [body], text=lambda: paths(checked))


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
    write(args, read(args)[1])
    return DONE


def run_check(args: Namespace) -> int:
    """Run `mailtui config check`."""
    checked, document = read(args)
    write(args, document)
    for fault in checked.faults:
        say.error(f"{fault.file}:{fault.line}:{fault.column}: {fault.text}", fault.cure)
    if not checked.faults:
        say.remark("no faults")
    return USAGE if checked.faults else DONE
