"""The argument parser of one command: common options, before or behind its name, and refusals in one line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn

from mailtui.cli import commands, say
from mailtui.cli.times import duration
from mailtui.errors import USAGE, UsageError

FORMATS = ("table", "json", "jsonl", "yaml", "csv")
TIMEOUT = 60.0
"""Seconds a host has to answer, unless `--timeout` says otherwise."""

Namespace = argparse.Namespace


class Parser(argparse.ArgumentParser):
    """Takes no abbreviations, and names its fault in one line of safe text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter)
        _add_common(self)

    def error(self, message: str) -> NoReturn:
        """Refuse the command line with exit code 2."""
        say.error(f"{self.prog}: {message}", f"{self.prog} --help")
        raise SystemExit(USAGE)

    def verbs(self) -> Callable[..., Parser]:
        """Give the function that adds this family's verbs: `verb("list", help="...")`."""
        return self.add_subparsers(metavar="COMMAND", dest="verb", required=True, title="commands").add_parser


def typed(read: Callable[[str], float]) -> Callable[[str], float]:
    """Make an argument's type of a reader that raises UsageError."""

    def convert(text: str) -> float:
        try:
            return read(text)
        except UsageError as fault:
            raise argparse.ArgumentTypeError(fault.message) from None

    return convert


def _add_common(parser: Parser) -> None:
    """Add the common options; what is not given stays out of the namespace, so that verbs undo nothing."""
    group = parser.add_argument_group("common options")
    absent: dict[str, Any] = {"default": argparse.SUPPRESS}
    group.add_argument("-C", "--config", metavar="FILE", help="this configuration file", **absent)
    group.add_argument("-o", "--output", choices=FORMATS, help="how to print the result", **absent)
    group.add_argument(
        "--json", dest="output", action="store_const", const="json", help="the same as -o json", **absent
    )
    group.add_argument("-q", "--quiet", action="store_true", help="no remarks on stderr, only errors", **absent)
    group.add_argument("-v", "--verbose", action="count", help="say more on stderr", **absent)
    group.add_argument("--timeout", metavar="T", type=typed(duration), help="time for a host to answer (60s)", **absent)
    group.add_argument("--color", choices=("auto", "always", "never"), help="colour of tables", **absent)
    group.add_argument("--log-file", metavar="FILE", help="write diagnostic messages there", **absent)
    group.add_argument("--no-input", action="store_true", help="never ask anything", **absent)


def parser_of(command: str) -> Parser:
    """Build the parser of one command, importing only its own module."""
    module, _, purpose = commands.COMMANDS[command]
    parser = Parser(prog=f"mailtui {command}", description=f"{purpose[0].upper()}{purpose[1:]}.")
    import_module(f"mailtui.cli.{module}").add(parser)
    return parser


def parse(command: str, words: list[str]) -> Namespace:
    """Read a command's words; exits with 2 where they are wrong."""
    defaults = Namespace(
        config=None,
        output="table",
        quiet=False,
        verbose=0,
        timeout=TIMEOUT,
        color="auto",
        log_file=None,
        no_input=False,
    )
    return parser_of(command).parse_args(joined(words), defaults)


def joined(words: list[str]) -> list[str]:
    """Write `--sort -age` as `--sort=-age`: argparse would take the field for an option."""
    found: list[str] = []
    for word in words:
        if found and found[-1] == "--sort":
            found[-1] = f"--sort={word}"
        else:
            found.append(word)
    return found
