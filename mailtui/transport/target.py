"""Where to connect, and what the user's SSH configuration makes of it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

import asyncssh

from mailtui.errors import Misconfigured
from mailtui.text import show_line

USER_CONFIG: Final = (Path("~/.ssh/config"),)

_GCM: Final = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
_CHACHA: Final = ("chacha20-poly1305@openssh.com",)
_CTR: Final = ("aes128-ctr", "aes256-ctr", "aes192-ctr")

MACS: Final = (
    "umac-128-etm@openssh.com",
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "umac-128@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
)
"""No SHA-1, no MD5, no 64-bit tags."""

HOST_KEYS: Final = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""Kinds of host key that we accept, best first; ssh-rsa (SHA-1) is not among them."""

SIGNATURES: Final = (*HOST_KEYS, "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com")
"""Kinds of signature that we log in with."""

NO_KEX: Final = "-*-sha1"
"""Taken off the key exchanges."""


@dataclass(frozen=True, slots=True)
class Target:
    """One host as configured; what is None is left to the SSH configuration."""

    name: str
    """Its name in mailtui, and its alias in the SSH configuration where there is no address."""
    address: str | None = None
    port: int | None = None
    user: str | None = None
    identity: Path | None = None
    """Private key file; None: the SSH configuration's, the usual ones and the agent's."""
    known_hosts: tuple[Path, ...] = ()
    """Files of trusted host keys, besides the user's and our own."""
    jump: str | None = None
    """Hosts to go through, as in ProxyJump; "none": go straight."""
    config: tuple[Path, ...] = USER_CONFIG
    """SSH configuration files."""
    behind: str = ""
    """The configured host that this one is on the way to; none for a configured host itself."""

    @property
    def host(self) -> str:
        """What the SSH configuration is asked about."""
        return self.address or self.name


@dataclass(frozen=True, slots=True)
class Resolved:
    """A target with all that the SSH configuration adds."""

    target: Target
    host: str
    port: int
    user: str
    alias: str
    """The name that known_hosts files know it by."""
    hops: tuple[Target, ...]
    user_known_hosts: tuple[str, ...] | None
    """The configuration's UserKnownHostsFile; None where it says none, empty where it says nothing."""
    identities: tuple[str, ...]
    """Key files that the configuration names."""

    @property
    def known_as(self) -> str:
        """The name as known_hosts files write it."""
        return self.alias if self.port == 22 else f"[{self.alias}]:{self.port}"

    @property
    def place(self) -> str:
        """The host in messages."""
        port = "" if self.port == 22 else f" port {self.port}"
        return f"{self.target.name} ({self.host}{port})" if self.host != self.target.name else f"{self.host}{port}"


def config_files(target: Target) -> list[Path]:
    """Give the SSH configuration files that exist."""
    return [path for path in (expanded(file) for file in target.config) if path.is_file()]


def expanded(path: Path | str) -> Path:
    """Put a home directory in the place of `~` or `~user`.

    Raises Misconfigured for a user who is not known.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise Misconfigured(
            f"{show_line(str(path))} is in the home of nobody known here", "write the whole path"
        ) from error


async def resolve(target: Target) -> Resolved:
    """Ask the SSH configuration about a target.

    Raises Misconfigured where the configuration cannot be read.
    """
    try:
        options = await asyncssh.SSHClientConnectionOptions.construct(
            host=target.host,
            config=config_files(target),
            client_keys=None,
            **given(target),
        )
        hosts = options.config.get("UserKnownHostsFile", ())
        identities = options.config.get("IdentityFile", ())
        jump = target.jump or options.config.get("ProxyJump")
        alias = options.host_key_alias or options.host
    except (asyncssh.ConfigParseError, OSError, RuntimeError, ValueError) as error:
        raise Misconfigured(
            f"the SSH configuration for {target.name} cannot be used: {show_line(str(error))}",
            "run `ssh -G` on the host's name, and correct what it reports",
        ) from error
    if not 1 <= options.port <= 65535:
        raise Misconfigured(
            f"the SSH configuration gives {target.name} the port {options.port}", "a port is a number from 1 to 65535"
        )
    named = tuple(hosts) if isinstance(hosts, (list, tuple)) else ()
    return Resolved(
        target,
        options.host,
        options.port,
        options.username,
        alias,
        hops(jump, target) if isinstance(jump, str) else (),
        None if hosts == [] else tuple(str(path) for path in named),
        tuple(str(path) for path in identities) if isinstance(identities, (list, tuple)) else (),
    )


def given(target: Target) -> dict[str, object]:
    """Give what the target itself says, as options of asyncssh; what it leaves open stays out."""
    found: dict[str, object] = {}
    if target.port is not None:
        found["port"] = target.port
    if target.user is not None:
        found["username"] = target.user
    return found


def hops(jump: str, target: Target) -> tuple[Target, ...]:
    """Read a ProxyJump value; raises Misconfigured for a bad one."""
    if jump.lower() == "none":
        return ()
    found: list[Target] = []
    for hop in jump.split(","):
        match = re.fullmatch(r"(?:ssh://)?(?:([^@\s]+)@)?(\[[^\]\s]+\]|[^:@\s]+)(?::(\d+))?/?", hop.strip())
        if match is None:
            raise Misconfigured(
                f"{target.name}: {show_line(hop)} is no jump host",
                "write it as user@host:port (`jump:`, or ProxyJump in the SSH configuration)",
            )
        user, host, port = match.groups()
        host = host.strip("[]")
        hop_target = replace(
            target,
            name=host,
            address=None,
            port=int(port) if port else None,
            user=user,
            identity=None,
            jump="none",
            behind=target.name,
        )
        found.append(hop_target)
    return tuple(found)


def ciphers() -> tuple[str, ...]:
    """Give the ciphers that we accept, the fastest on this machine first."""
    return (*_GCM, *_CHACHA, *_CTR) if _has_aes() else (*_CHACHA, *_GCM, *_CTR)


@cache
def _has_aes() -> bool:
    """Tell whether the processor knows AES."""
    if os.uname().machine in ("arm64", "aarch64") and os.uname().sysname == "Darwin":
        return True
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return os.uname().sysname == "Darwin"
    return re.search(r"^(?:flags|Features)\s*:.*\baes\b", text, re.MULTILINE) is not None
