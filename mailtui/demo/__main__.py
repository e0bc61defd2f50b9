"""Serve the demo's hosts: `python -m mailtui.demo --serve-only --config-out FILE`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mailtui.demo import DemoOptions, serve
from mailtui.errors import MailtuiError


def main(words: list[str] | None = None) -> int:
    """Read the command line and serve until told to stop; give the exit status."""
    usual = DemoOptions()
    parser = argparse.ArgumentParser(prog="mailtui.demo", description=__doc__)
    parser.add_argument("--hosts", type=int, default=usual.hosts)
    parser.add_argument("--messages", type=int, default=usual.messages)
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--rate", type=float, default=usual.rate, help="how fast life goes; 1 is usual")
    parser.add_argument("--directory", type=Path, help="where to make the fleet's own directory")
    parser.add_argument("--serve-only", action="store_true", required=True, help="no console")
    parser.add_argument("--config-out", type=Path, help="where to write the configuration once all hosts answer")
    parser.add_argument("--ready-fd", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    options = DemoOptions(
        given.hosts, given.messages, given.seed, given.rate, given.directory, given.serve_only, given.config_out
    )
    try:
        options.check()
        return serve(options, ready=given.ready_fd)
    except MailtuiError as error:
        sys.stderr.write("".join(f"{line}\n" for line in (f"mailtui demo: {error.message}", error.cure) if line))
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
