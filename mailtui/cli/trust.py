"""`mailtui hosts trust`: a host's key, compared by a person, is known from then on."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from mailtui.cli import hosting, records, say
from mailtui.cli.options import Parser, examples
from mailtui.cli.output import Document, write
from mailtui.errors import AUTH, DONE, HostKeyRefused, UsageError

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
        epilog=examples("mailtui hosts trust mx1", "mailtui hosts trust mx1 --fingerprint SHA256:..."),
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


def fetch(host: Host, seconds: float) -> HostKey:
    """Ask a host for its key, without logging in."""
    from mailtui.transport.trust import fetch_key

    return asyncio.run(fetch_key(target_of(host), seconds))


def remember(host: Host, fingerprint: str, seconds: float) -> HostKey:
    """Write a host's key down if it has this fingerprint; raises HostKeyRefused where it has another."""
    from mailtui.transport.trust import trust

    return asyncio.run(trust(target_of(host), fingerprint, seconds))


def run(args: Namespace) -> int:
    """Run `mailtui hosts trust`."""
    host = hosting.only_host(args, args.host)
    if host.transport == "local":
        raise UsageError(f"{host.name} is this machine itself: it has no host key")
    wanted = args.fingerprint
    if wanted is not None and not wanted.startswith("SHA256:"):
        raise UsageError("a fingerprint begins with SHA256:", "ssh-keygen -lf FILE prints it")
    if wanted is None:
        key = fetch(host, args.timeout)
        if not key.trusted:
            if not is_right(args, host, key):
                return AUTH
            key = remember(host, key.fingerprint, args.timeout)
    else:
        key = remember(host, wanted, args.timeout)
    name = key.hop or host.name
    say.remark(f"{name}: {key.fingerprint} is {'already trusted' if key.trusted else 'trusted from now on'}")
    if key.hop:
        say.remark(f"It is on the way to {host.name}, whose own key is next: mailtui hosts trust {host.name}")
    row = record(host, key)
    write(args, Document("hosts-trust", row, lambda: [row], text=lambda: ""))
    return DONE


def record(host: Host, key: HostKey) -> records.Object:
    """Give the object of `hosts trust`."""
    from mailtui.transport.hostkeys import state_file

    return {
        "host": host.name,
        "known_as": key.host,
        "algorithm": key.line.partition(" ")[0],
        "fingerprint": key.fingerprint,
        "already": key.trusted,
        "file": None if key.trusted else str(state_file()),
    }


def is_right(args: Namespace, host: Host, key: HostKey) -> bool:
    """Show a key's fingerprint and ask whether it is the right one; raises HostKeyRefused where nobody can be asked."""
    kind = key.line.partition(" ")[0]
    name = f"{key.hop}, on the way to {host.name}," if key.hop else host.name
    if args.no_input or not sys.stdin.isatty():
        raise HostKeyRefused(
            f"{name} shows {kind} {key.fingerprint}, and there is nobody to compare it",
            f"compare it on the host (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub), then: "
            f"mailtui hosts trust {host.name} --fingerprint {key.fingerprint}",
            offered=key.fingerprint,
        )
    say.error(f"{name} shows {kind} {key.fingerprint}")
    say.error("Compare it with what `ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub` prints there.")
    say.prompt("Type yes to trust this key: ")
    if sys.stdin.readline().strip().lower() == "yes":
        return True
    say.error(f"{key.hop or host.name} is not trusted: nothing was written")
    return False
