"""`mailtui sudoers`: the exact lines that would let a login do what it may not do yet."""

from __future__ import annotations

import argparse
import re
from argparse import Namespace
from typing import TYPE_CHECKING

from mailtui.cli import hosting, records
from mailtui.cli.options import Parser, examples
from mailtui.cli.output import Document, write
from mailtui.errors import UsageError
from mailtui.model import CAPABILITIES
from mailtui.text import show, show_line

if TYPE_CHECKING:
    from mailtui.session import Link

USUAL = ("list", "read", "logs")
"""What is asked for where `--for` is not given: all that reading needs."""


def add(parser: Parser) -> None:
    """Describe `mailtui sudoers`."""
    parser.add_argument("host", metavar="HOST", help="the host, which is asked for its paths")
    parser.add_argument(
        "--for",
        dest="features",
        metavar="FEATURE,...",
        type=features,
        default=USUAL,
        help=f"{', '.join(CAPABILITIES)} ({','.join(USUAL)})",
    )
    parser.epilog = examples(
        "mailtui sudoers mx1 --for list,read,logs",
        "mailtui sudoers mx1 --for list,read,hold,release,delete,undo --helper",
    )
    parser.add_argument("--helper", action="store_true", help="print the root-owned helper as well; what acts needs it")
    parser.set_defaults(run=run)


def features(text: str) -> tuple[str, ...]:
    """Read a list of features."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in names if name not in CAPABILITIES]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown) or 'nothing'}: choose from {', '.join(CAPABILITIES)}")
    return names


def run(args: Namespace) -> int:
    """Run `mailtui sudoers`."""
    host = hosting.only_host(args, args.host)

    async def lines(link: Link) -> records.Object:
        text = link.mta.sudoers(link.identity, args.features, helper=args.helper, logs=host.logs)
        return {"host": host.name, "login": link.identity.login, "features": list(args.features), "text": text}

    row = hosting.ask_one(args, host, lines)
    if row["text"] and all(re.match("# [a-z]+: no line: ", line) for line in row["text"].splitlines()):
        why = "; ".join(line.removeprefix("# ") for line in row["text"].splitlines())
        raise UsageError(f"no sudoers lines for {', '.join(args.features)}", show_line(why))
    write(
        args,
        Document("sudoers", row, lambda: [row], text=lambda: show(row["text"].rstrip("\n"), len(row["text"])) + "\n"),
    )
    return 0
