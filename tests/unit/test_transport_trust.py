"""Whose host key is trusted (D11), and how a key becomes trusted."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import socket
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from mailtui.errors import AuthenticationFailed, HostError, HostKeyRefused, Misconfigured, TimedOut, Unreachable
from mailtui.procedure import Registry
from mailtui.transport import connect, hostkeys, target
from mailtui.transport.backoff import Backoff
from mailtui.transport.gate import Gate
from mailtui.transport.ssh import SshTransport
from mailtui.transport.target import Target
from mailtui.transport.trust import fetch_key, trust

KEY = asyncssh.generate_private_key("ssh-ed25519")
OTHER = asyncssh.generate_private_key("ssh-ed25519")
RSA = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
AUTHORITY = asyncssh.generate_private_key("ssh-ed25519")


def public(key: asyncssh.SSHKey) -> str:
    return " ".join(key.export_public_key("openssh").decode().split()[:2])


class Open(asyncssh.SSHServer):
    """A server that lets everybody in."""

    def begin_auth(self, username: str) -> bool:
        return False


@dataclass
class Place:
    folder: Path
    port: int

    @property
    def name(self) -> str:
        return f"[127.0.0.1]:{self.port}"

    async def connect(self, known: str | None, config: str = "") -> str:
        """Connect with one known_hosts file; gives the fingerprint of the key that was accepted."""
        file = self.folder / "given"
        if known is not None:
            file.write_text(known, encoding="ascii")
        configs = self.folder / "config"
        configs.write_text(config)
        transport = await SshTransport.connect(
            Target("mx1", "127.0.0.1", self.port, "root", None, (file,), config=(configs,)), gate=Gate(Registry())
        )
        await transport.close()
        return transport.fingerprint


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(hostkeys, "GLOBAL", tmp_path / "ssh_known_hosts")
    (tmp_path / ".ssh").mkdir()
    certificate = AUTHORITY.generate_host_certificate(KEY, "mx1", principals=["127.0.0.1"])
    server = await asyncssh.create_server(Open, "127.0.0.1", 0, server_host_keys=[(KEY, certificate)])
    yield Place(tmp_path, server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()


FINGERPRINT = "SHA256:" + base64.b64encode(hashlib.sha256(KEY.public_data).digest()).decode().rstrip("=")


async def test_known(place: Place) -> None:
    assert await place.connect(f"{place.name} {public(KEY)}\n") == FINGERPRINT
    assert await place.connect(f"# a comment\n\nbroken\n@odd x y z\n{place.name} {public(KEY)}\n") == FINGERPRINT


async def test_absent_is_refused(place: Place) -> None:
    with pytest.raises(HostKeyRefused, match="not known") as refused:
        await place.connect(None)
    assert refused.value.offered == FINGERPRINT
    assert f"mailtui hosts trust mx1 --fingerprint {FINGERPRINT}" in refused.value.cure


@pytest.mark.parametrize("old", [OTHER, RSA], ids=["same-kind", "other-kind"])
async def test_a_changed_key_is_refused_with_both_fingerprints(place: Place, old: asyncssh.SSHKey) -> None:
    with pytest.raises(HostKeyRefused, match="has changed") as refused:
        await place.connect(f"{place.name} {public(old)}\n")
    known = hostkeys.fingerprint(old)
    assert (refused.value.offered, refused.value.known) == (FINGERPRINT, (known,))
    assert FINGERPRINT in refused.value.message
    assert known in refused.value.message
    assert f"ssh-keygen -f {place.folder / 'given'} -R '{place.name}', then mailtui hosts" in refused.value.cure


async def test_the_cure_names_every_file_that_holds_the_old_key_but_our_own(place: Place) -> None:
    """Our own is rewritten by `hosts trust`; a hashed name is found as well."""
    salt = b"0123456789abcdefghij"
    digest = hmac.new(salt, place.name.encode(), hashlib.sha1).digest()
    hashed = f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"
    usual = place.folder / ".ssh/known_hosts"
    usual.write_text(f"{hashed} {public(OTHER)}\n")
    state = hostkeys.state_file()
    state.parent.mkdir(parents=True)
    state.write_text(f"{place.name} {public(OTHER)}\n")
    with pytest.raises(HostKeyRefused, match="has changed") as refused:
        await place.connect("")
    assert refused.value.cure.count("ssh-keygen") == 1
    assert f"ssh-keygen -f {usual} -R " in refused.value.cure
    usual.unlink()
    with pytest.raises(HostKeyRefused, match="has changed") as refused:
        await place.connect("")
    assert "ssh-keygen" not in refused.value.cure
    assert f"mailtui hosts trust mx1 --fingerprint {FINGERPRINT}" in refused.value.cure


async def test_a_key_is_held_against_the_list_once_more(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should asyncssh ever take an unknown key, we do not."""
    monkeypatch.setattr(connect.Client, "validate_host_public_key", lambda *_: True)
    with pytest.raises(HostKeyRefused, match="not known"):
        await place.connect(None)


@pytest.mark.parametrize("value", ["none", "NONE", "/dev/null"])
async def test_a_switched_off_check_is_refused(place: Place, value: str) -> None:
    with pytest.raises(HostKeyRefused, match="UserKnownHostsFile none"):
        await place.connect(f"{place.name} {public(KEY)}\n", f"Host *\n UserKnownHostsFile {value}\n")


async def test_revoked_is_refused(place: Place) -> None:
    with pytest.raises(HostKeyRefused, match="revoked") as refused:
        await place.connect(f"{place.name} {public(KEY)}\n@revoked * {public(KEY)}\n")
    assert refused.value.offered == FINGERPRINT


async def test_a_revoked_line_that_cannot_be_read_is_refused(place: Place) -> None:
    with pytest.raises(HostKeyRefused, match="revoked"):
        await place.connect(f"{place.name} {public(KEY)}\n@revoked nonsense\n")


async def test_a_list_of_revoked_keys_counts(place: Place) -> None:
    """asyncssh overlooks RevokedHostKeys; we do not, in included files neither."""
    (place.folder / "revoked").write_text(f"# lost\n{public(KEY)}\n")
    (place.folder / ".ssh" / "more").write_text(f"RevokedHostKeys {place.folder}/revoked\n")
    known = f"{place.name} {public(KEY)}\n"
    with pytest.raises(HostKeyRefused, match="revoked"):
        await place.connect(known, f"Host *\n RevokedHostKeys {place.folder}/revoked\n")
    with pytest.raises(HostKeyRefused, match="revoked"):
        await place.connect(known, "Include mo*\n")
    (place.folder / "revoked").write_bytes(b"SSHKRL\n\0\0\xff")
    with pytest.raises(HostKeyRefused, match="cannot be read"):
        await place.connect(known, f"RevokedHostKeys {place.folder}/revoked\n")


async def test_an_authority_is_accepted(place: Place) -> None:
    line = f"@cert-authority {place.name} {public(AUTHORITY)}\n"
    assert await place.connect(line) == FINGERPRINT
    with pytest.raises(HostKeyRefused, match="authority"):
        await place.connect(f"@cert-authority {place.name} {public(OTHER)}\n")
    with pytest.raises(HostKeyRefused, match="revoked"):
        await place.connect(line + f"@revoked * {public(AUTHORITY)}\n")


async def test_an_authority_vouches_for_certificates_alone(place: Place) -> None:
    """A bare key that is known by the address alone stays unknown, though the name has an authority."""
    server = await asyncssh.create_server(Open, "127.0.0.1", 0, server_host_keys=[KEY])
    bare = Place(place.folder, server.sockets[0].getsockname()[1])
    lines = f"{bare.name} {public(KEY)}\n@cert-authority [mail]:{bare.port} {public(AUTHORITY)}\n"
    with pytest.raises(HostKeyRefused, match="without a certificate"):
        await bare.connect(lines, "HostKeyAlias mail\n")
    server.close()
    await server.wait_closed()


async def test_an_authority_of_the_address_alone_is_not_the_names(place: Place) -> None:
    certificate = AUTHORITY.generate_host_certificate(KEY, "mx1", principals=["mail"])
    server = await asyncssh.create_server(Open, "127.0.0.1", 0, server_host_keys=[(KEY, certificate)])
    mail = Place(place.folder, server.sockets[0].getsockname()[1])
    by_name, by_address = f"[mail]:{mail.port}", mail.name
    assert await mail.connect(f"@cert-authority {by_name} {public(AUTHORITY)}\n", "HostKeyAlias mail\n")
    lines = f"@cert-authority {by_address} {public(AUTHORITY)}\n@cert-authority {by_name} {public(OTHER)}\n"
    with pytest.raises(HostKeyRefused, match="authority"):
        await mail.connect(lines, "HostKeyAlias mail\n")
    server.close()
    await server.wait_closed()


def test_what_is_admitted() -> None:
    known = hostkeys.Trusted((RSA,), (AUTHORITY,), ())
    assert known.admits(RSA)
    assert known.admits(KEY, AUTHORITY)
    assert not known.admits(KEY)
    assert not known.admits(KEY, OTHER)
    assert not hostkeys.Trusted((), (AUTHORITY,), (AUTHORITY,)).admits(KEY, AUTHORITY)
    assert not hostkeys.Trusted((KEY,), (AUTHORITY,), (KEY,)).admits(KEY, AUTHORITY)


async def test_a_hashed_name_is_accepted(place: Place) -> None:
    salt = b"0123456789abcdef0123"
    name = hmac.new(salt, place.name.encode(), hashlib.sha1).digest()
    hashed = f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(name).decode()} {public(KEY)}\n"
    assert await place.connect(hashed) == FINGERPRINT


async def test_the_users_file_counts(place: Place) -> None:
    (place.folder / ".ssh" / "known_hosts").write_text(f"{place.name} {public(KEY)}\n")
    assert await place.connect(None) == FINGERPRINT
    (place.folder / ".ssh" / "known_hosts").unlink()
    (place.folder / "mine").write_text(f"{place.name} {public(KEY)}\n")
    assert await place.connect(None, f"UserKnownHostsFile {place.folder}/mine\n") == FINGERPRINT


async def test_an_alias_of_the_configuration_counts(place: Place) -> None:
    assert await place.connect(f"[mail]:{place.port} {public(KEY)}\n", "HostKeyAlias mail\n") == FINGERPRINT


async def test_a_key_of_the_address_alone_is_not_the_names(place: Place) -> None:
    """Else a forged name server could lead a name to any other host that is known by its address."""
    alias = "HostKeyAlias mail\n"
    with pytest.raises(HostKeyRefused, match="not known"):
        await place.connect(f"{place.name} {public(KEY)}\n", alias)
    with pytest.raises(HostKeyRefused, match="has changed"):
        await place.connect(f"[mail]:{place.port} {public(OTHER)}\n{place.name} {public(KEY)}\n", alias)
    with pytest.raises(HostKeyRefused):
        await place.connect(f"[mail]:{place.port} {public(KEY)}\n@revoked {place.name} {public(KEY)}\n", alias)


@pytest.mark.parametrize("port", ["0", "65536", "99999999999999999999"])
async def test_a_port_that_is_none_is_explained(place: Place, port: str) -> None:
    (place.folder / "config").write_text(f"Host mx1\n HostName 127.0.0.1\n Port {port}\n")
    with pytest.raises(Misconfigured, match="gives mx1 the port") as refused:
        await SshTransport.connect(Target("mx1", config=(place.folder / "config",)), gate=Gate(Registry()))
    assert "1 to 65535" in refused.value.cure


async def test_trust_after_comparing(place: Place) -> None:
    host = Target("mx1", "127.0.0.1", place.port, "root", config=())
    key = await fetch_key(host)
    assert (key.fingerprint, key.host, key.line) == (FINGERPRINT, place.name, public(KEY))
    with pytest.raises(HostKeyRefused) as refused:
        await trust(host, hostkeys.fingerprint(OTHER))
    assert refused.value.offered == FINGERPRINT
    assert not hostkeys.state_file().exists()
    await trust(host, FINGERPRINT)
    assert await place.connect(None) == FINGERPRINT
    file = hostkeys.state_file()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


async def test_what_is_trusted_already_is_not_written_again(place: Place) -> None:
    file = place.folder / "given"
    file.write_text(f"{place.name} {public(KEY)}\n")
    host = Target("mx1", "127.0.0.1", place.port, "root", None, (file,), config=())
    assert (await fetch_key(host)).trusted
    assert (await trust(host, FINGERPRINT)).trusted
    assert not hostkeys.state_file().exists()
    file.write_text(f"{place.name} {public(KEY)}\n@revoked * {public(KEY)}\n")
    assert not (await fetch_key(host)).trusted


async def test_of_several_keys_the_one_that_is_known_or_wanted_is_asked_for(place: Place) -> None:
    server = await asyncssh.create_server(Open, "127.0.0.1", 0, server_host_keys=[KEY, RSA])
    port = server.sockets[0].getsockname()[1]
    file = place.folder / "given"
    file.write_text(f"[127.0.0.1]:{port} {public(RSA)}\n")
    host = Target("mx1", "127.0.0.1", port, "root", None, (file,), config=())
    found = await fetch_key(host)
    assert (found.fingerprint, found.trusted) == (hostkeys.fingerprint(RSA), True)
    found = await fetch_key(host, wanted=FINGERPRINT)
    assert (found.fingerprint, found.trusted) == (FINGERPRINT, False)
    server.close()
    await server.wait_closed()


async def test_a_key_is_fetched_without_any_of_ours(place: Place) -> None:
    """A key file that is missing keeps nobody from trusting a host."""
    (place.folder / "config").write_text("Host *\n IdentityFile /nonexistent\n")
    host = Target("mx1", "127.0.0.1", place.port, "root", Path("/nonexistent"), config=(place.folder / "config",))
    assert (await fetch_key(host)).fingerprint == FINGERPRINT


async def test_a_host_that_shows_no_key_in_time(place: Place) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(TimedOut, match=r"no host key within 0\.2 s") as late:
        await fetch_key(Target("mx1", "127.0.0.1", port, config=()), 0.2)
    assert "--timeout" in late.value.cure
    server.close()
    await server.wait_closed()


async def test_a_host_that_does_not_answer_is_told_as_everywhere(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        dead = Target("mx1", "127.0.0.1", taken.getsockname()[1], config=())
        with pytest.raises(Unreachable, match="refuses the connection: nothing listens on port"):
            await fetch_key(dead)

    async def dropped(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncssh, "connect", dropped)
    monkeypatch.setattr("mailtui.transport.trust.CONNECT", 0.01)
    with pytest.raises(TimedOut, match="does not answer within"):
        await fetch_key(dead)


async def test_what_fails_on_the_way_is_told_of_the_host_where_it_failed(place: Place) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        host = Target("mx1", "127.0.0.1", 1, "root", jump=f"root@127.0.0.1:{port}", config=())
        with pytest.raises(Unreachable, match=f"127.0.0.1 port {port} refuses the connection"):
            await fetch_key(host)


async def test_the_key_of_a_host_on_the_way_is_trusted_through_the_host_behind_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cure of the refusal is a line that works: a jump host need not be a host of the configuration."""
    monkeypatch.setattr(Open, "connection_requested", lambda *_: True, raising=False)
    server = await asyncssh.create_server(Open, "127.0.0.1", 0, server_host_keys=[OTHER])
    port = server.sockets[0].getsockname()[1]
    host = Target("mx1", "127.0.0.1", port, "root", jump=f"root@127.0.0.1:{place.port}", config=())
    with pytest.raises(HostKeyRefused, match=f"127.0.0.1 port {place.port}: the host key is not known") as refused:
        await SshTransport.connect(host, gate=Gate(Registry()))
    assert refused.value.cure.endswith(f"mailtui hosts trust mx1 --fingerprint {FINGERPRINT}")
    found = await fetch_key(host)
    assert (found.hop, found.host) == (f"127.0.0.1 port {place.port}", place.name)
    with pytest.raises(HostKeyRefused, match=f"^127.0.0.1 port {place.port} shows"):
        await trust(host, hostkeys.fingerprint(OTHER))
    await trust(host, FINGERPRINT)
    assert hostkeys.state_file().read_text() == f"{place.name} {public(KEY)}\n"
    found = await trust(host, hostkeys.fingerprint(OTHER))
    assert (found.hop, found.host) == ("", f"[127.0.0.1]:{port}")
    transport = await SshTransport.connect(host, gate=Gate(Registry()))
    await transport.close()
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("by", ["identity", "IdentityFile"])
async def test_a_key_file_that_is_missing_is_named(place: Place, by: str) -> None:
    configs = place.folder / "config"
    configs.write_text("" if by == "identity" else "Host *\n IdentityFile /nonexistent/key\n")
    identity = Path("/nonexistent/key") if by == "identity" else None
    host = Target("mx1", "127.0.0.1", place.port, "root", identity, config=(configs,))
    with pytest.raises(AuthenticationFailed, match="the key file /nonexistent/key cannot be read: No such") as refused:
        await SshTransport.connect(host, gate=Gate(Registry()))
    assert by in refused.value.cure


async def test_trust_replaces_what_stood_there(place: Place) -> None:
    file = hostkeys.state_file()
    file.parent.mkdir(parents=True)
    file.write_text(f"mx9 {public(OTHER)}\n{place.name} {public(OTHER)}\n")
    await trust(Target("mx1", "127.0.0.1", place.port, "root", config=()), FINGERPRINT)
    assert file.read_text() == f"mx9 {public(OTHER)}\n{place.name} {public(KEY)}\n"


async def test_trust_follows_no_link(place: Place) -> None:
    file = hostkeys.state_file()
    file.parent.mkdir(parents=True)
    victim = place.folder / "victim"
    victim.write_text("precious\n")
    file.symlink_to(victim)
    with pytest.raises(HostKeyRefused, match="not ours"):
        await trust(Target("mx1", "127.0.0.1", place.port, "root", config=()), FINGERPRINT)
    assert victim.read_text() == "precious\n"


async def test_no_key_from_nobody() -> None:
    with pytest.raises(Unreachable):
        await fetch_key(Target("mx9.invalid", config=()))


async def test_a_broken_configuration_is_explained(place: Place) -> None:
    with pytest.raises(Misconfigured) as failed:
        await place.connect(None, "Port ssh\n")
    assert "ssh -G" in failed.value.cure


@pytest.mark.parametrize(
    ("config", "target", "words"),
    [
        ("Port ssh", {}, "Port"),
        ("UserKnownHostsFile ~nosuchuser/x", {}, "~nosuchuser/x is in the home of nobody"),
        ("IdentityFile ~nosuchuser/x", {}, "home directory"),
        ("RevokedHostKeys ~nosuchuser/x", {}, "~nosuchuser/x is in the home of nobody"),
        ("", {"identity": Path("~nosuchuser/key")}, "~nosuchuser/key is in the home of nobody"),
        ("", {"known_hosts": (Path("~nosuchuser/known"),)}, "~nosuchuser/known is in the home of nobody"),
        ("", {"jump": "a b"}, "a b is no jump host"),
        ("", {"identity": Path("~/nonsense")}, "a key file cannot be used"),
    ],
    ids=["port", "known", "key", "revoked", "identity", "known_hosts", "jump", "nonsense"],
)
async def test_a_fault_of_one_hosts_configuration_is_that_hosts_trouble(
    place: Place, config: str, target: dict[str, Any], words: str
) -> None:
    """It stops no other host's answer, and it is not tried for ever."""
    (place.folder / "nonsense").write_text("no key\n")
    (place.folder / "config").write_text(f"Host *\n {config}\n" if config else "")
    host = Target("mx1", "127.0.0.1", place.port, "root", config=(place.folder / "config",), **target)
    with pytest.raises(HostError, match=words) as failed:
        await SshTransport.connect(host, gate=Gate(Registry()))
    assert failed.value.cure
    assert Backoff().failed(failed.value) is None


def test_no_sha1_is_asked_for() -> None:
    known = hostkeys.Trusted((RSA,), (), ())
    assert known.algorithms()[:2] == ["rsa-sha2-512", "rsa-sha2-256"]
    assert "ssh-rsa" not in known.algorithms()
    assert "ssh-ed25519" in known.algorithms()


@pytest.mark.parametrize(
    ("jump", "hops"),
    [
        ("none", []),
        ("gate", [("gate", None, None)]),
        ("ops@gate:2222,[fe80::1]:22", [("gate", 2222, "ops"), ("fe80::1", 22, None)]),
        ("ssh://ops@gate:22", [("gate", 22, "ops")]),
    ],
)
def test_jump_hosts(jump: str, hops: list[tuple[str, int | None, str | None]]) -> None:
    found = target.hops(jump, Target("mx1"))
    assert [(hop.name, hop.port, hop.user) for hop in found] == hops


def test_a_bad_jump_host() -> None:
    with pytest.raises(Misconfigured):
        target.hops("a b", Target("mx1"))


def test_ciphers_follow_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "_has_aes", lambda: True)
    assert target.ciphers()[0] == "aes128-gcm@openssh.com"
    monkeypatch.setattr(target, "_has_aes", lambda: False)
    assert target.ciphers()[0] == "chacha20-poly1305@openssh.com"
    assert not [name for name in target.ciphers() if "cbc" in name]
