"""Whose host key is trusted: known_hosts files, read explicitly, and one of our own.

asyncssh's own rules are not enough: `UserKnownHostsFile none` would switch the check off. So every connection gets an
explicit list, never none, and after connecting the server's key is held against it once more.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncssh

from mailtui.errors import HostKeyRefused
from mailtui.transport.target import HOST_KEYS, Resolved, config_files, expanded

GLOBAL: Final = Path("/etc/ssh/ssh_known_hosts")

_KEYWORD: Final = re.compile(r"^[ \t]*(RevokedHostKeys|Include)[ \t=]+(\S.*?)[ \t]*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Trusted:
    """What the known_hosts files say of one host."""

    keys: tuple[asyncssh.SSHKey, ...]
    authorities: tuple[asyncssh.SSHKey, ...]
    revoked: tuple[asyncssh.SSHKey, ...]

    def admits(self, key: asyncssh.SSHKey, authority: asyncssh.SSHKey | None = None) -> bool:
        """Tell whether a host that has shown this key, bare or in a certificate of an authority, may be talked to."""
        return key not in self.revoked and (key in self.keys or self.vouches(authority))

    def vouches(self, authority: asyncssh.SSHKey | None) -> bool:
        """Tell whether a certificate of this authority is one of the host's."""
        return authority in self.authorities and authority not in self.revoked

    def algorithms(self) -> list[str]:
        """Give the host key algorithms to ask for: those of known keys first, so that a changed key is seen."""
        wanted = {name.decode() for key in self.keys for name in key.sig_algorithms}
        plain = sorted(HOST_KEYS, key=lambda name: name not in wanted)
        if not self.authorities:
            return plain
        return [f"{name}-cert-v01@openssh.com" for name in HOST_KEYS] + plain


def state_file() -> Path:
    """Give the path of our own known_hosts file."""
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if state.startswith("/") else Path("~/.local/state").expanduser()
    return base / "mailtui" / "known_hosts"


def known_hosts(resolved: Resolved) -> asyncssh.SSHKnownHosts:
    """Read all known_hosts files that count for a host.

    Raises HostKeyRefused where the SSH configuration would switch the check off.
    """
    if _is_off(resolved):
        raise HostKeyRefused(
            f"{resolved.place}: the SSH configuration says UserKnownHostsFile none, so any host key would do",
            "take that line out of the SSH configuration, or give the host a known_hosts file there",
        )
    found = asyncssh.SSHKnownHosts()
    for path in files_of(resolved):
        _load(found, path)
    for path in _revocation_lists(config_files(resolved.target)):
        _revoke(found, path)
    return found


def _is_off(resolved: Resolved) -> bool:
    named = resolved.user_known_hosts
    return named is None or any(name.lower() in ("none", "/dev/null") for name in named)


def files_of(resolved: Resolved) -> tuple[Path, ...]:
    """Give the known_hosts files that count for a host, whether they are there or not."""
    named = resolved.user_known_hosts or ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
    ours = map(expanded, resolved.target.known_hosts)
    return tuple(dict.fromkeys([*ours, *map(expanded, named), GLOBAL, state_file()]))


def holders(resolved: Resolved) -> tuple[Path, ...]:
    """Give the known_hosts files that hold a key of this host."""
    found = []
    for path in files_of(resolved):
        lines = asyncssh.SSHKnownHosts()
        _load(lines, path)
        if trusted(lines, resolved).keys:
            found.append(path)
    return tuple(found)


def _revocation_lists(configs: list[Path], depth: int = 0) -> Iterator[Path]:
    """Find the RevokedHostKeys files, which asyncssh overlooks; whatever Host they stand under, they count."""
    for config in configs if depth < 8 else ():
        for keyword, value in _KEYWORD.findall(config.read_text(encoding="utf-8", errors="replace")):
            paths = [expanded(word.strip('"')) for word in value.split()]
            if keyword.lower() == "revokedhostkeys":
                yield from (path for path in paths if path.name.lower() != "none")
            else:
                for path in paths:
                    base = path if path.is_absolute() else Path("~/.ssh").expanduser() / path
                    included = sorted(base.parent.glob(base.name))
                    yield from _revocation_lists([file for file in included if file.is_file()], depth + 1)


def _revoke(found: asyncssh.SSHKnownHosts, path: Path) -> None:
    """Add a list of revoked keys, one public key a line."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        keys = [asyncssh.import_public_key(line) for line in lines if line.strip() and not line.startswith("#")]
    except (OSError, ValueError) as error:
        raise HostKeyRefused(
            f"{path}, the SSH configuration's RevokedHostKeys, cannot be read as a list of public keys",
            f"write the revoked keys into {path} as text, one a line (mailtui reads no binary revocation lists)",
        ) from error
    for key in keys:
        found.load(f"@revoked * {key.export_public_key('openssh').decode()}")


def _load(found: asyncssh.SSHKnownHosts, path: Path) -> None:
    """Add a file's lines; a line that cannot be read trusts nobody, but one that revokes must be read."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    except OSError as error:
        raise HostKeyRefused(
            f"{path} cannot be read ({error.strerror}), so no host key can be trusted", f"make {path} readable"
        ) from error
    for number, line in enumerate(text.splitlines(), 1):
        try:
            found.load(line)
        except ValueError as error:
            if line.lstrip().startswith("@revoked"):
                raise HostKeyRefused(
                    f"{path}:{number}: a revoked key cannot be read", f"correct line {number} of {path}"
                ) from error


def trusted(known: asyncssh.SSHKnownHosts, resolved: Resolved, address: str = "") -> Trusted:
    """Give what is known of a host by its name; its address, where that is known, counts for revoked keys alone.

    Else whoever forges name service could lead a name to any host that is known by its address.
    """
    port = resolved.port if resolved.port != 22 else 0
    keys, authorities, *_ = known.match(resolved.alias, "", port)
    _, _, revoked, *_ = known.match(resolved.alias, address, port)
    return Trusted(tuple(keys), tuple(authorities), tuple(revoked))


Matched = tuple[tuple[asyncssh.SSHKey, ...], ...]


def matcher(known: asyncssh.SSHKnownHosts, resolved: Resolved) -> Callable[[str, str, int | None], Matched]:
    """Give asyncssh the host's own keys and what is revoked; no authority, so that it asks us about each."""

    def match(host: str, address: str, port: int | None) -> Matched:
        found = trusted(known, resolved, address)
        return found.keys, (), found.revoked, (), (), (), ()

    return match


def fingerprint(key: asyncssh.SSHKey) -> str:
    """Give a key's fingerprint as OpenSSH writes it."""
    return key.get_fingerprint("sha256")


def refusal(resolved: Resolved, known: Trusted, offered: asyncssh.SSHKey | None) -> HostKeyRefused:
    """Explain why a host's key is not accepted, with both fingerprints and what to do."""
    name = resolved.target.behind or resolved.target.name
    shown = "" if offered is None else fingerprint(offered)
    kind = "a key" if offered is None else offered.get_algorithm()
    have = tuple(dict.fromkeys(fingerprint(key) for key in known.keys))
    trust = f"mailtui hosts trust {name} --fingerprint {shown}" if shown else f"mailtui hosts trust {name}"
    if known.revoked and (offered is None or offered in known.revoked):
        shown = shown or ", ".join(fingerprint(key) for key in known.revoked)
        return HostKeyRefused(
            f"{resolved.place}: its host key {shown} is revoked",
            "do not connect; give the host a new key, and find out why the old one was revoked",
            offered=shown,
            known=have,
        )
    if have:
        return HostKeyRefused(
            f"{resolved.place}: the host key has changed; it shows {kind} {shown}, known is {', '.join(have)}",
            f"if the host was really given a new key: {_forget(resolved)}{trust}",
            offered=shown,
            known=have,
        )
    if known.authorities:
        return HostKeyRefused(
            f"{resolved.place}: it shows {kind} {shown} without a certificate of the trusted authority",
            f"have its key signed, or trust this key alone: {trust}",
            offered=shown,
        )
    return HostKeyRefused(
        f"{resolved.place}: the host key is not known; it shows {kind} {shown}",
        f"compare it on the host (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub), then: {trust}",
        offered=shown,
    )


def _forget(resolved: Resolved) -> str:
    """Give the commands that take the old key out of each file that holds it; our own file `hosts trust` rewrites."""
    files = [path for path in holders(resolved) if path != state_file()]
    return "".join(
        f"ssh-keygen -f {shlex.quote(str(path))} -R {shlex.quote(resolved.known_as)}, then " for path in files
    )
