"""A host key that is not known, or has changed, lets nobody in; `hosts trust` makes it known."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.harness import Lab
from tests.lab.truth import Done, run

KEY = "/etc/ssh/ssh_host_ed25519_key"


@pytest.fixture
def place(lab: Lab, tmp_path: Path) -> Path:
    """A configuration whose known_hosts file is empty, and a state directory of its own."""
    (tmp_path / "known_hosts").write_text("")
    config = re.sub(r"known_hosts: \S+", f"known_hosts: {tmp_path / 'known_hosts'}", lab.config_path.read_text())
    (tmp_path / "mailtui.yaml").write_text(config)
    return tmp_path


@pytest.fixture
def fingerprint(lab: Lab) -> str:
    return lab.exec("sm1", f"ssh-keygen -lf {KEY}.pub").split()[1].decode()


@pytest.fixture
def another(lab: Lab) -> Iterator[str]:
    """The host shows another key than ever before."""
    lab.exec("sm1", f"cp -p {KEY} {KEY}.kept && cp -p {KEY}.pub {KEY}.pub.kept")
    lab.exec("sm1", f"rm {KEY} && ssh-keygen -q -t ed25519 -N '' -f {KEY} && kill -HUP $(cat /run/sshd.pid)")
    lab.wait(lambda: "[listener]" in str(lab.processes("sm1")))
    yield lab.exec("sm1", f"ssh-keygen -lf {KEY}.pub").split()[1].decode()
    lab.exec("sm1", f"mv {KEY}.kept {KEY} && mv {KEY}.pub.kept {KEY}.pub && kill -HUP $(cat /run/sshd.pid)")
    lab.wait(lambda: "[listener]" in str(lab.processes("sm1")))
    lab.wait(lambda: lab.ssh("sm1", "true").returncode == 0)


def ask(lab: Lab, place: Path, *words: str) -> Done:
    env = {"XDG_STATE_HOME": str(place / "state"), "HOME": str(place)}
    return run(lab, *words, config=place / "mailtui.yaml", env=env)


def test_unknown_trusted_changed(lab: Lab, place: Path, fingerprint: str, another: str) -> None:
    old, new = fingerprint, another
    line = f"mailtui hosts trust sm1 --fingerprint {new}"

    unknown = ask(lab, place, "queue", "count", "sm1")
    assert unknown.code == 4
    assert "the host key is not known" in unknown.err
    assert new in unknown.err
    assert line in unknown.err
    assert ask(lab, place, "hosts", "test", "sm1").code == 4

    wrong = ask(lab, place, "hosts", "trust", "sm1", "--fingerprint", old)
    assert wrong.code == 4
    assert new in wrong.err
    assert old in wrong.err
    assert not (place / "state").exists()

    asked = ask(lab, place, "hosts", "trust", "sm1")  # nobody is there to compare
    assert asked.code == 4
    assert line in asked.err

    trusted = ask(lab, place, *line.split()[1:])
    assert trusted.code == 0, trusted.err
    file = place / "state" / "mailtui" / "known_hosts"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert (place / "known_hosts").read_text() == "", "files named in the configuration are never written"
    assert ask(lab, place, "queue", "count", "sm1").code == 0


def test_a_changed_key_is_refused_with_both_fingerprints(
    lab: Lab, place: Path, fingerprint: str, request: pytest.FixtureRequest
) -> None:
    assert ask(lab, place, "hosts", "trust", "sm1", "--fingerprint", fingerprint).code == 0
    assert ask(lab, place, "queue", "count", "sm1").code == 0
    new = request.getfixturevalue("another")
    changed = ask(lab, place, "queue", "count", "sm1", "--json")
    assert changed.code == 4
    assert '"kind": "host-key"' in changed.out
    for part in ("the host key has changed", fingerprint, new, f"mailtui hosts trust sm1 --fingerprint {new}"):
        assert part in changed.out, part
