"""`mailtui doctor`: what is wrong on this machine, or between here and a host, each with its cure."""

from __future__ import annotations

from argparse import Namespace

from mailtui.cli import doctorhere, doctorhost, findings, hosting
from mailtui.cli.options import Parser, examples
from mailtui.errors import UsageError


def add(parser: Parser) -> None:
    """Describe `mailtui doctor`."""
    parser.add_argument("host", metavar="HOST", nargs="?", help="a host; without it this machine is looked at")
    parser.add_argument("--bundle", metavar="FILE", help="not built yet")
    parser.epilog = examples("mailtui doctor", "mailtui doctor mx1 -v")
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Run `mailtui doctor`."""
    if args.bundle is not None:
        raise UsageError("doctor --bundle: not built yet")
    if args.host is None:
        return findings.report(args, "doctor", "localhost", "localhost", doctorhere.examine(args))
    host = hosting.only_host(args, args.host)
    return findings.report(args, "doctor", host.name, "localhost", doctorhost.examine(args, host))
