"""`mailtui hosts trust`: a host's key, compared by a person, is known from then on."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from mailtui.cli import hosting, say
from mailtui.cli.options import Parser
from mailtui.errors import AUTH, DONE, HostKeyRefused, UsageError
from mailtui.text import show_line

if TYPE_CHECKING:
    from mailtui.config import Host
    from mailtui.transport.target import Target
    from mailtui.transport.trust import HostKey


def add(verb: Callable[..., Parser]) -> None:
    """Describe `mailtui hosts trust`."""
    parser = verb(
        "trust",
        help="know a host's key from now on",
        description="Fetch a host's key, compare its fingerprint, and write it to mailtui's own known_hosts file.",
    )
    parser.add_argument("host", metavar="HOST", help="the host")
    parser.add_argument("--fingerprint", metavar="SHA256:...", help="what the key must have; without it you are asked")
    parser.set_defaults(run=run)


def target_of(host: Host) -> Target:
    """Give where to connect, as a session does."""
    from mailtui.transport.target import Target

    return Target(
        name=host.name,
        address=host.address,
        port=host.port,
        user=host.user,
        identity=host.identity,
        known_hosts=host.known_hosts,
        jump=host.jump,
    )


def fetch(host: Host) -> HostKey:
    """Ask a host for its key, without logging in."""
    from mailtui.transport.trust import fetch_key

    return asyncio.run(fetch_key(target_of(host)))


def remember(host: Host, fingerprint: str) -> HostKey:
    """Write a host's key down if it has this fingerprint; raises HostKeyRefused where it has another."""
    from mailtui.transport.trust import trust

    return asyncio.run(trust(target_of(host), fingerprint))


def run(args: Namespace) -> int:
    """Run `mailtui hosts trust`."""
    host = hosting.only_host(args, args.host)
    if host.transport == "local":
        raise UsageError(f"{host.name} is this machine itself: it has no host key")
    wanted = args.fingerprint
    if wanted is not None and not wanted.startswith("SHA256:"):
        raise UsageError("a fingerprint begins with SHA256:", "ssh-keygen -lf FILE prints it")
    if wanted is None:
        wanted = compared(args, host)
        if wanted is None:
            return AUTH
    key = remember(host, wanted)
    say.remark(f"{host.name}: {key.fingerprint} is trusted from now on")
    return DONE


def compared(args: Namespace, host: Host) -> str | None:
    """Show a key's fingerprint and ask whether it is the right one; None where nobody says so."""
    key = fetch(host)
    kind = key.line.partition(" ")[0]
    if args.no_input or not sys.stdin.isatty():
        raise HostKeyRefused(
            f"{host.name} shows {kind} {key.fingerprint}, and there is nobody to compare it",
            f"compare it on the host (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub), then: "
            f"mailtui hosts trust {host.name} --fingerprint {key.fingerprint}",
            offered=key.fingerprint,
        )
    print(f"{show_line(host.name)} shows {show_line(kind)} {show_line(key.fingerprint)}", file=sys.stderr)
    print("Compare it with what `ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub` prints on the host.", file=sys.stderr)
    print("Type yes to trust this key: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() == "yes":
        return key.fingerprint
    say.error(f"{host.name} is not trusted: nothing was written")
    return None
