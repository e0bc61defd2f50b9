"""`mailtui demo`: made-up hosts behind a real SSH server on this machine."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from mailtui.cli import known
from mailtui.cli.console import add_look, need_terminal, show_hosts
from mailtui.cli.options import Parser, examples
from mailtui.demo import DemoOptions, run_demo


def add(parser: Parser) -> None:
    """Describe `mailtui demo`."""
    usual = DemoOptions()
    parser.add_argument("--hosts", metavar="N", type=int, default=usual.hosts, help=f"how many ({usual.hosts})")
    parser.add_argument(
        "--messages", metavar="N", type=int, default=usual.messages, help=f"queued on all of them ({usual.messages})"
    )
    parser.add_argument("--seed", metavar="S", type=int, default=usual.seed, help="the same seed makes the same mail")
    parser.add_argument("--serve-only", action="store_true", help="only serve the hosts, without the console")
    parser.add_argument("--config-out", metavar="FILE", type=Path, help="with --serve-only: where their addresses go")
    add_look(parser)
    parser.epilog = examples("mailtui demo", "mailtui demo --serve-only --config-out /tmp/demo.yaml")
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Run `mailtui demo`."""
    known.check_theme(args.theme)
    if not args.serve_only:
        need_terminal()
    options = DemoOptions(
        hosts=args.hosts,
        messages=args.messages,
        seed=args.seed,
        serve_only=args.serve_only,
        config_out=args.config_out,
    )
    return run_demo(options, lambda config: show_hosts(Namespace(**{**vars(args), "config": str(config), "hosts": []})))
