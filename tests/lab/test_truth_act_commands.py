"""The commands that act, as a person runs them, over two real hosts at once; proved on the hosts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mailtui import schemas
from tests.lab.harness import Lab
from tests.lab.truth import Done, run

pytestmark = pytest.mark.timeout(240, func_only=True)

PAIR = ("sm1-root", "sm2")
PLACES = "/var/spool/mqueue /var/spool/mqueue-client"


@pytest.fixture(scope="module", autouse=True)
def fresh(lab: Lab) -> Iterator[None]:
    lab.restart("sm1", "sm2")
    yield
    lab.restart("sm1", "sm2")


@pytest.fixture
def state(tmp_path: Path) -> dict[str, str]:
    """A journal of its own."""
    return {"XDG_STATE_HOME": str(tmp_path / "state")}


def acted(lab: Lab, env: dict[str, str], *words: str, code: int = 0, kind: str = "action") -> dict[str, Any]:
    done = run(lab, *words, "--json", env=env)
    assert done.code == code, (words, done.code, done.err, done.out[:800])
    found: dict[str, Any] = json.loads(done.out)
    jsonschema.validate(found, schemas.schema(kind), cls=jsonschema.Draft202012Validator)
    return found


def inject(lab: Lab, count: int, name: str, domain: str = "full.test") -> dict[str, list[str]]:
    """So many messages on each host that have been tried once."""
    found = {
        host: [lab.inject(host, f"f{n}@{host}.lab.test", f"{name}{n}@{domain}") for n in range(count)]
        for host in ("sm1", "sm2")
    }
    for host, ids in found.items():
        lab.wait(partial(tried, lab, host, ids), 60, f"tried on {host}")
    return found


def tried(lab: Lab, host: str, ids: list[str]) -> bool:
    listed = lab.exec(host, f"find {PLACES} -type f -name '[qh]f*' -exec grep -l '^N[1-9]' {{}} +; true").decode()
    return all(each in listed for each in ids)


def states(lab: Lab, host: str, ids: list[str]) -> list[str]:
    """Name, bytes, mode, owner, group, time and inode of all files of these messages."""
    wanted = " -o ".join(f"-name '[qhd]f{each}'" for each in ids)
    script = f"f=$(find {PLACES} -type f -not -path '*/.mailtui-undo/*' \\( {wanted} \\)); [ -z \"$f\" ] || {{ sha256sum $f; stat -c '%n %a %u %g %y %i' $f; }}"
    return sorted(lab.exec(host, script).decode().splitlines())


def counts(answer: dict[str, Any]) -> list[dict[str, int]]:
    return [host["counts"] for host in answer["hosts"]]


def codes(answer: dict[str, Any]) -> set[tuple[str, str]]:
    return {(each["outcome"], each["code"]) for host in answer["hosts"] for each in host["outcomes"]}


def test_delete_by_filter_and_undo_over_two_hosts(lab: Lab, state: dict[str, str]) -> None:
    name = f"w{time.time_ns()}x"
    ids = inject(lab, 50, name)
    many = lab.inject("sm1", "f@sm1.lab.test", f"{name}99@full.test", *(f"other{n}@full.test" for n in range(19)))
    lab.wait(lambda: tried(lab, "sm1", [many]), 60, "the big one tried")
    before = {host: states(lab, host, of) for host, of in ids.items()}
    whole = states(lab, "sm1", [many])
    where = f"to:{name}"

    dry = acted(lab, state, "queue", "delete", *PAIR, "--where", where, "--dry-run")
    assert [host["dry_run"] for host in dry["hosts"]] == [True, True]
    assert {host: states(lab, host, of) for host, of in ids.items()} == before
    refused = run(lab, "queue", "delete", *PAIR, "--where", where, "--yes", "--max", "99", env=state)
    assert refused.code == 2
    assert run(lab, "queue", "delete", *PAIR, "--where", where, env=state).code == 2, "no terminal, no --yes"
    assert {host: states(lab, host, of) for host, of in ids.items()} == before

    gone = acted(lab, state, "queue", "delete", *PAIR, "--where", where, "--yes", "--reason", "a test")
    assert [each["done"] for each in counts(gone)] == [50, 50]
    assert codes(gone) == {("done", "moved"), ("skipped", "outside-filter")}
    assert states(lab, "sm1", [many]) == whole, "nineteen of its recipients are outside the filter"
    assert all(not states(lab, host, of) for host, of in ids.items())
    undo_ids = {host["undo_id"] for host in gone["hosts"]}

    listed = acted(lab, state, "undo", "list", *PAIR, kind="undo")["items"]
    assert {each["undo_id"] for each in listed} == undo_ids
    assert sum(each["count"] for each in listed) == 100
    back = acted(
        lab, state, "undo", *sorted(undo_ids), "--yes", code=6
    )  # other hosts of this configuration cannot be asked
    assert sum(each["done"] for each in counts(back)) == 100
    assert {host: states(lab, host, of) for host, of in ids.items()} == before
    assert run(lab, "journal", "verify", env=state).code == 0
    records = acted(lab, state, "journal", kind="journal")["records"]
    assert len(records) >= 4
    assert name not in json.dumps(records), "no address stands in the journal"


def test_hold_release_and_retry_by_id(lab: Lab, state: dict[str, str]) -> None:
    name = f"i{time.time_ns()}x"
    ids = inject(lab, 10, name, "grey60.test")
    every = [each for of in ids.values() for each in of]
    assert codes(acted(lab, state, "queue", "hold", *PAIR, *every, "--yes")) == {("done", "held")}
    assert codes(acted(lab, state, "queue", "retry", *PAIR, *every, "--yes", code=1)) == {("skipped", "changed")}
    assert codes(acted(lab, state, "queue", "release", *PAIR, *every, "--yes")) == {("done", "released")}
    lab.exec("sink", "touch /run/sink-accept-all")
    try:
        found = acted(lab, state, "queue", "retry", *PAIR, *every, "--yes", "--wait", "60s")
        assert codes(found) == {("done", "delivered")}
    finally:
        lab.exec("sink", "rm -f /run/sink-accept-all")
    sent = lab.exec("sink", "cat /var/log/sink.jsonl").decode(errors="replace").splitlines()
    assert len([line for line in sent if name in line]) == 20, "each once"


@pytest.mark.parametrize("word", ["ALL", "-d", "a;id", "$(x)", "../x", "x" * 300, "A\n-d\nALL"])
def test_what_is_no_id_is_refused(lab: Lab, state: dict[str, str], word: str) -> None:
    assert run(lab, "queue", "delete", "sm1-root", word, "--yes", env=state).code == 2


def changing(lab: Lab) -> list[str]:
    """What ran on the host as root by sudo or as sendmail with a verb, by the logs."""
    log = lab.exec("sm1", "cat /var/log/auth.log /var/log/mail.log 2>/dev/null; true").decode(errors="replace")
    return [
        line for line in log.splitlines() if "quarantine=" in line or "COMMAND=" in line or "not in sudoers" in line
    ]


def test_a_login_without_rights_is_told_the_cure(lab: Lab, state: dict[str, str]) -> None:
    queue_id = lab.inject("sm1", "f@sm1.lab.test", "guest@full.test")
    lab.wait(lambda: tried(lab, "sm1", [queue_id]), 60)
    before, ran = states(lab, "sm1", [queue_id]), changing(lab)
    for verb in ("retry", "hold", "delete", "bounce"):
        done: Done = run(lab, "queue", verb, "sm1-guest", queue_id, "--yes", env=state)
        assert done.code == 5, (verb, done)
        assert "mailtui sudoers sm1-guest" in done.err, (verb, done.err)
    assert run(lab, "queue", "flush", "sm1-guest", "--yes", env=state).code == 5
    assert states(lab, "sm1", [queue_id]) == before
    assert changing(lab) == ran
