"""`mailtui version` and `--version`: asked of the installed packages, without importing any of them."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from mailtui import __version__

if TYPE_CHECKING:
    from argparse import Namespace

    from mailtui.cli.options import Parser


def versions() -> dict[str, str | None]:
    """Give the versions that a bug report needs; None for what is not installed."""
    return {
        "mailtui": __version__,
        "python": platform.python_version(),
        "textual": installed("textual"),
        "asyncssh": installed("asyncssh"),
        "openssl": openssl(),
    }


def installed(package: str) -> str | None:
    """Give an installed package's version; None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def openssl() -> str | None:
    """Give the version of the OpenSSL that Python's TLS uses; None in a Python without it."""
    try:
        import ssl
    except ImportError:
        return None
    return ssl.OPENSSL_VERSION


def line() -> str:
    """Give all versions in one line."""
    found = versions()
    parts = [
        f"Python {found['python']}",
        f"Textual {found['textual'] or 'missing'}",
        f"asyncssh {found['asyncssh'] or 'missing'}",
        found["openssl"] or "no OpenSSL",
        sys.platform,
    ]
    return f"mailtui {found['mailtui']} ({', '.join(parts)})"


def add(parser: Parser) -> None:
    """Describe `mailtui version`."""
    parser.epilog = "examples:\n  mailtui version\n  mailtui version --json"
    parser.set_defaults(run=show_versions)


def show_versions(args: Namespace) -> int:
    """Run `mailtui version`."""
    from mailtui.cli.output import Document, write
    from mailtui.cli.table import Column, paint

    found = versions()
    columns = (Column("COMPONENT", "name"), Column("VERSION", "version"))
    parts = [{"name": name, "version": text} for name, text in found.items()]
    write(args, Document("version", found, lambda: [found], text=lambda: "".join(paint(parts, columns, args.color))))
    return 0
