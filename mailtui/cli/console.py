"""`mailtui [HOST...]` and `mailtui open`: the console itself."""

from __future__ import annotations

import asyncio
import codecs
import locale
import os
import sys
from argparse import Namespace
from dataclasses import replace

from mailtui.cli import commands, hosting, known
from mailtui.cli.options import Parser, examples
from mailtui.errors import UsageError


def add(parser: Parser) -> None:
    """Describe the console's command line."""
    hosting.add_hosts(parser, some=False)
    add_look(parser)
    parser.epilog = examples("mailtui", "mailtui mx1 @prod --read-only")
    parser.set_defaults(run=run)


def add_look(parser: Parser) -> None:
    """Add what changes the console's look and reach."""
    parser.add_argument("--read-only", action="store_true", help="change nothing on any host")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII alone")
    parser.add_argument("--theme", metavar="T", help="another theme than the configuration's")
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")


def need_terminal() -> None:
    """Refuse to draw where nothing can be drawn; raises UsageError."""
    term = os.environ.get("TERM", "")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(f"the console needs a terminal; {commands.CONSOLE_TWINS}")
    if term in ("", "dumb"):
        raise UsageError(f"the console cannot draw on TERM={term or '(not set)'}; {commands.CONSOLE_TWINS}")


def only_ascii(args: Namespace) -> bool:
    """Tell whether to draw with ASCII alone: asked for, or the locale (LC_ALL=C) promises no UTF-8."""
    # not the preferred encoding: Python makes that UTF-8 in the C locale, whatever the terminal can show
    return bool(args.ascii) or codecs.lookup(locale.getencoding()).name != "utf-8"


def run(args: Namespace) -> int:
    """Run the console."""
    known.check_theme(args.theme)
    need_terminal()
    return show_hosts(args)


def show_hosts(args: Namespace) -> int:
    """Run the console over the hosts named, or over all of the configuration."""
    config = hosting.configuration(args)
    hosts = hosting.resolved(config, args.hosts)
    if args.read_only:
        hosts = [replace(host, mode="read-only") for host in hosts]
    from mailtui.app import ConsoleOptions, run_console

    options = ConsoleOptions(
        scope=" ".join(args.hosts) or "all hosts",
        theme=args.theme or config.theme or ConsoleOptions().theme,
        ascii=only_ascii(args),
        mouse=not args.no_mouse,
        read_only=args.read_only,
        keys=config.keys,
    )
    asyncio.run(run_console(hosts, options))
    return 0
