"""Makes a connection that can be trusted, straight or through other hosts, or says in words why not."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import asyncssh

from mailtui.errors import (
    AuthenticationFailed,
    HostError,
    HostKeyRefused,
    Misconfigured,
    NeedsInput,
    TimedOut,
    Unreachable,
)
from mailtui.text import show_line
from mailtui.transport import hostkeys
from mailtui.transport.target import MACS, NO_KEX, SIGNATURES, Resolved, ciphers, config_files, expanded, given, resolve

CONNECT: Final = 10.0
"""Seconds until the TCP connection must stand."""

LOGIN: Final = 20.0
"""Seconds from there until we must be logged in."""

KEEPALIVE: Final = 5.0
"""Seconds of silence after which the host is asked for a sign of life, three times."""


class Client(asyncssh.SSHClient):
    """Watches one connection being made and lost."""

    def __init__(
        self,
        connected: Callable[[], None],
        lost: Callable[[Exception | None], None],
        vouches: Callable[[asyncssh.SSHKey], bool] = lambda _: False,
    ) -> None:
        self._connected = connected
        self._lost = lost
        self._vouches = vouches
        self.offered: asyncssh.SSHKey | None = None
        """The host key that was shown and not known."""
        self.authority: asyncssh.SSHKey | None = None
        """Who signed the certificate that was shown; None for a key without one."""

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """Note that TCP stands."""
        self._connected()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass the loss on."""
        self._lost(exc)

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Refuse a key that no known_hosts file holds."""
        self.offered = key
        return False

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Note who signed the host's certificate, and tell whether that authority may."""
        self.authority = key
        return self._vouches(key)


async def connect(
    resolved: Resolved,
    *,
    tunnel: asyncssh.SSHClientConnection | None = None,
    lost: Callable[[Exception | None], None] = lambda _: None,
) -> asyncssh.SSHClientConnection:
    """Connect and log in.

    Raises Unreachable, Misconfigured, TimedOut, AuthenticationFailed, HostKeyRefused, NeedsInput.
    """
    known = await asyncio.to_thread(hostkeys.known_hosts, resolved)
    loop = asyncio.get_running_loop()
    stands = False

    def connected() -> None:
        nonlocal stands
        stands = True
        limit.reschedule(loop.time() + LOGIN)

    client = Client(connected, lost, hostkeys.trusted(known, resolved).vouches)
    try:
        async with asyncio.timeout(CONNECT) as limit:
            connection = await asyncssh.connect(
                resolved.target.host, tunnel=tunnel, client_factory=lambda: client, **options_of(resolved, known)
            )
    except Misconfigured:
        raise
    except TimeoutError as error:
        if limit.expired():
            raise late(resolved, stands) from None
        raise Unreachable(f"{resolved.place} does not answer: {show_line(str(error))}") from error
    except asyncssh.HostKeyNotVerifiable as error:
        raise await _refused(resolved, known, client.offered) from error
    except asyncssh.PermissionDenied as error:
        raise await _denied(resolved) from error
    except asyncssh.Error as error:
        raise broken(resolved, error) from error
    except OSError as error:
        raise no_connection(resolved, error) from error
    except asyncssh.KeyImportError as error:
        raise AuthenticationFailed(
            f"{resolved.place}: a key file cannot be used: {show_line(str(error))}",
            "correct `identity:` (IdentityFile in the SSH configuration); it names a private key",
        ) from error
    except (RuntimeError, ValueError) as error:
        raise Misconfigured(f"{resolved.place}: {show_line(str(error))}", "look at its identity and options") from error
    peer = connection.get_extra_info("peername") or ("",)
    key = connection.get_server_host_key()
    if key is None or not hostkeys.trusted(known, resolved, str(peer[0])).admits(key, client.authority):
        connection.abort()
        raise await _refused(resolved, known, key)
    return connection


async def _refused(resolved: Resolved, known: asyncssh.SSHKnownHosts, key: asyncssh.SSHKey | None) -> HostKeyRefused:
    return await asyncio.to_thread(hostkeys.refusal, resolved, hostkeys.trusted(known, resolved), key)


def options_of(resolved: Resolved, known: asyncssh.SSHKnownHosts) -> dict[str, object]:
    """Give asyncssh's options: nothing that the SSH configuration could use to weaken or redirect a session."""
    options = given(resolved.target)
    identity = resolved.target.identity
    if identity is not None:
        path = expanded(identity)
        options |= {"client_keys": [str(path)], "ignore_encrypted": True}
        if path.with_name(path.name + ".pub").is_file():
            options["agent_identities"] = [str(path.with_name(path.name + ".pub"))]
    return options | {
        "config": config_files(resolved.target),
        "known_hosts": hostkeys.matcher(known, resolved),
        "server_host_key_algs": hostkeys.trusted(known, resolved).algorithms(),
        "kex_algs": NO_KEX,
        "encryption_algs": list(ciphers()),
        "mac_algs": list(MACS),
        "signature_algs": list(SIGNATURES),
        "compression_algs": None,
        "password_auth": False,
        "kbdint_auth": False,
        "agent_forwarding": False,
        "x11_forwarding": False,
        "request_pty": False,
        "term_type": None,
        "command": None,
        "env": {},
        "send_env": [],
        "encoding": None,
        "login_timeout": 0,
        "connect_timeout": None,
        "keepalive_interval": KEEPALIVE,
        "keepalive_count_max": 3,
    }


@asynccontextmanager
async def gateway(resolved: Resolved) -> AsyncIterator[asyncssh.SSHClientConnection | None]:
    """Open the connections on the way to a host; gives the last of them, None where the way is straight."""
    tunnel: asyncssh.SSHClientConnection | None = None
    async with AsyncExitStack() as stack:
        for hop in resolved.hops:
            tunnel = await connect(await resolve(hop), tunnel=tunnel)
            stack.push_async_callback(shut, tunnel)
        yield tunnel


async def shut(connection: asyncssh.SSHClientConnection) -> None:
    """Close a connection, and do not wait long for the host's consent."""
    connection.close()
    try:
        async with asyncio.timeout(2):
            await connection.wait_closed()
    except TimeoutError:
        connection.abort()


def late(resolved: Resolved, stands: bool) -> TimedOut:
    """Explain that the host, or its sshd, took too long."""
    if stands:
        return TimedOut(
            f"{resolved.place} took the connection, but did not let us in within {LOGIN:g} s",
            "its sshd may be overloaded, or wait for a name server (UseDNS, PAM, LDAP)",
        )
    return TimedOut(
        f"{resolved.place} does not answer within {CONNECT:g} s", "check that it is up, and that no firewall drops"
    )


def no_connection(resolved: Resolved, error: OSError) -> HostError:
    """Explain why there is no TCP connection, or which key file kept it from being tried."""
    if error.filename is not None:
        file = show_line(str(error.filename))
        return AuthenticationFailed(
            f"{resolved.place}: the key file {file} cannot be read: {error.strerror}",
            "put the private key there, or correct `identity:` (IdentityFile in the SSH configuration)",
        )
    if isinstance(error, socket.gaierror):
        if resolved.target.address is None and resolved.host == resolved.target.name:
            cure = f"give {resolved.target.name} an address, or a Host entry in the SSH configuration"
        else:
            cure = f"check the name {resolved.host}, and the name server of this machine"
        return Unreachable(f"{resolved.place}: the name does not resolve ({error.strerror})", cure)
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(
            f"{resolved.place} refuses the connection: nothing listens on port {resolved.port}",
            "check that sshd runs there, and the port",
        )
    if isinstance(error, ConnectionError):
        return Unreachable(
            f"{resolved.place} hung up before it let us in",
            "its sshd may be at MaxStartups, or block this address for a while (PerSourcePenalties, fail2ban)",
        )
    why = show_line(os.strerror(error.errno) if error.errno else str(error))
    return Unreachable(f"{resolved.place} cannot be reached: {why}", "check the route to it, and its address")


def broken(resolved: Resolved, error: asyncssh.Error) -> HostError:
    """Explain a failure between TCP and login."""
    reason = show_line(error.reason or type(error).__name__)
    if isinstance(error, asyncssh.KeyExchangeFailed):
        return Unreachable(
            f"{resolved.place} offers no method that is still safe: {reason}",
            "bring its sshd up to date; mailtui speaks no SHA-1, CBC or ssh-rsa",
        )
    if isinstance(error, asyncssh.ChannelOpenError):
        return Unreachable(
            f"{resolved.place} cannot be reached from the host before it: {reason}",
            "check the address as seen from the jump host, and its AllowTcpForwarding",
        )
    return Unreachable(
        f"{resolved.place}: the connection ended before login: {reason}",
        "if it says so at once and often, its sshd may be at MaxStartups or block this address",
    )


async def _denied(resolved: Resolved) -> HostError:
    """Explain a refused login: who tried with what."""
    tried, locked = await asyncio.to_thread(_key_files, resolved)
    agent = await _agent_keys()
    what = ", ".join([*tried, f"{agent} keys of the agent" if agent else "no agent"])
    user = show_line(resolved.user)
    if locked and not tried and not agent:
        return NeedsInput(
            f"{resolved.place} refuses {user}: the key {locked[0]} needs its passphrase", f"ssh-add {locked[0]}"
        )
    return AuthenticationFailed(
        f"{resolved.place} refuses the login {user}; tried: {what}",
        f"check the user name, put the public key into ~{user}/.ssh/authorized_keys, or ssh-add the right key",
    )


def _key_files(resolved: Resolved) -> tuple[list[str], list[Path]]:
    """Give the key files that were tried, and those that need a passphrase."""
    named = [str(resolved.target.identity)] if resolved.target.identity else list(resolved.identities)
    usual = [str(path) for path in sorted(Path("~/.ssh").expanduser().glob("id_*")) if path.suffix == ""]
    files = [expanded(name) for name in named or usual]
    locked = [path for path in files if _is_locked(path)]
    return [str(path) for path in files if path.is_file() and path not in locked], locked


def _is_locked(path: Path) -> bool:
    """Tell whether a private key needs a passphrase that nobody has given."""
    try:
        asyncssh.read_private_key(path)
    except asyncssh.KeyEncryptionError:
        return True
    except asyncssh.KeyImportError as error:
        return "assphrase" in str(error)
    except (OSError, ValueError):
        return False
    return False


async def _agent_keys() -> int:
    """Count the keys that the agent holds."""
    path = os.environ.get("SSH_AUTH_SOCK")
    if not path:
        return 0
    try:
        async with asyncio.timeout(2), asyncssh.connect_agent(path) as agent:
            return len(await agent.get_keys())
    except (OSError, ValueError, asyncssh.Error):
        return 0
