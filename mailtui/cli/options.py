"""The argument parser of one command: common options, before or behind its name, and refusals in one line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NoReturn

from mailtui.cli import commands, output, say
from mailtui.cli.times import duration
from mailtui.errors import USAGE, UsageError

FORMATS = ("table", "json", "jsonl", "yaml", "csv")
TIMEOUT = 60.0
"""Seconds a host has to answer, unless `--timeout` says otherwise."""

Namespace = argparse.Namespace


class Parser(argparse.ArgumentParser):
    """Takes no abbreviations, and names its fault in one line of safe text."""

    def __init__(self, *, common: bool = True, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter)
        self._family: dict[str, Parser] = {}
        if common:
            add_common(self)

    def error(self, message: str) -> NoReturn:
        """Refuse the command line with exit code 2."""
        say.error(f"{self.prog}: {message}", f"{self.prog} --help")
        raise SystemExit(USAGE)

    def verbs(self) -> Callable[..., Parser]:
        """Give the function that adds this family's verbs: `verb("list", help="...")`."""
        family = self.add_subparsers(metavar="COMMAND", dest="verb", required=True, title="commands")
        self._family = family.choices
        return family.add_parser

    def read(self, words: Sequence[str], defaults: Namespace) -> Namespace:
        """Read a command's words; what nobody knows is refused in the name of the verb it was written for."""
        found, unknown = self.parse_known_args(words, defaults)
        if unknown:
            self._family.get(getattr(found, "verb", ""), self).error(f"unrecognized arguments: {' '.join(unknown)}")
        return found

    def print_help(self, file: object = None) -> None:
        """Print the help where and as results are printed: a full disk is told, a reader that has left is not."""
        output.send((self.format_help(),))
        output.flush()


def examples(*lines: str) -> str:
    """Write the end of a command's help: how it is used."""
    return "\n".join(["examples:", *(f"  {line}" for line in lines)])


def filled(text: str) -> str:
    """Read a text that must not be empty: what is left out by mistake is not what is left out."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty")
    return text


def typed(read: Callable[[str], float]) -> Callable[[str], float]:
    """Make an argument's type of a reader that raises UsageError."""

    def convert(text: str) -> float:
        try:
            return read(text)
        except UsageError as fault:
            raise argparse.ArgumentTypeError(fault.message) from None

    return convert


def add_common(parser: Parser) -> None:
    """Add the common options; what is not given stays out of the namespace, so that verbs undo nothing."""
    group = parser.add_argument_group("common options")
    absent: dict[str, Any] = {"default": argparse.SUPPRESS}
    group.add_argument("-C", "--config", metavar="FILE", type=filled, help="this configuration file", **absent)
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
    """Build the parser of one command, importing only its own module; the common options stand last in its help."""
    module, _, purpose = commands.COMMANDS[command]
    parser = Parser(common=False, prog=f"mailtui {command}", description=f"{purpose[0].upper()}{purpose[1:]}.")
    import_module(f"mailtui.cli.{module}").add(parser)
    add_common(parser)
    return parser


def parse(command: str, words: list[str]) -> Namespace:
    """Read a command's words; exits with 2 where they are wrong."""
    return parser_of(command).read(joined(words), usual())


def usual() -> Namespace:
    """Give what holds where an option is not given."""
    return Namespace(
        config=None,
        output="table",
        quiet=False,
        verbose=0,
        timeout=TIMEOUT,
        color="auto",
        log_file=None,
        no_input=False,
    )


def joined(words: list[str]) -> list[str]:
    """Write `--sort -age` as `--sort=-age`: argparse would take the field for an option."""
    found: list[str] = []
    for word in words:
        if found and found[-1] == "--sort":
            found[-1] = f"--sort={word}"
        else:
            found.append(word)
    return found
