"""Every answer holds against its schema, whatever bytes hosts tell; every other format is safe to look at."""

import csv
import io
import json
from typing import Any

import jsonschema
import pytest
import yaml

from mailtui import schemas
from mailtui.cli import trust
from mailtui.clock import Clock
from mailtui.errors import Unreachable
from mailtui.journal import Journal, default_directory
from mailtui.model import CAPABILITIES, Code, KeptMessage, LogEvent, Outcome, UndoSet
from mailtui.mta.contract import Evidence
from mailtui.text import wire
from mailtui.transport.trust import HostKey
from tests.unit.cli_world import (
    ESCAPES,
    EVERY_BYTE,
    NASTY,
    NOW,
    Run,
    World,
    hostile,
    message,
    nothing_known,
    run,
    valid,
    world,
)

__all__ = ["run", "world"]

ANSWERS = [
    ("queue", ["queue", "list", "every"]),
    ("queue", ["queue", "list", "every", "--limit", "2", "--sort", "-size"]),
    ("count", ["queue", "count", "every"]),
    ("groups", ["queue", "group", "every", "--by", "reason"]),
    ("groups", ["queue", "group", "every", "--by", "domain"]),
    ("groups", ["queue", "group", "every", "--by", "sender", "--matrix"]),
    ("groups", ["queue", "group", "every", "--by", "auth"]),
    ("groups", ["queue", "group", "every", "--by", "client"]),
    ("groups", ["queue", "group", "every", "--by", "age"]),
    ("groups", ["queue", "group", "every", "--by", "queue"]),
    ("groups", ["queue", "group", "every", "--by", "host"]),
    ("message", ["queue", "show", "mx2", "00000000000099"]),
    ("log", ["logs", "mx1", "mx2"]),
    ("stats", ["stats", "every"]),
    ("hosts", ["hosts", "test"]),
    ("host-list", ["hosts", "list"]),
    ("hosts-trust", ["hosts", "trust", "mx1", "--fingerprint", "SHA256:right"]),
    ("doctor", ["doctor", "mx1"]),
    ("doctor", ["doctor"]),
    ("sudoers", ["sudoers", "mx1", "--helper"]),
    ("action", ["queue", "retry", "every", "--where", "state=deferred", "--dry-run"]),
    ("action", ["queue", "hold", "mx3", "mx1", "--where", "x", "--yes", "--reason", "\x1b[2J=cmd()"]),
    ("action", ["queue", "delete", "mx3", "--where", "to:other", "--yes"]),
    ("action", ["queue", "release", "mx3", "00000000000099", "00000000000000", "--yes"]),
    ("action", ["queue", "flush", "every", "--yes"]),
    ("action", ["undo", "u-20261118T110640-aaaaaa", "--yes"]),
    ("action", ["undo", "purge", "--expired", "--yes"]),
    ("undo", ["undo", "list"]),
    ("journal", ["journal"]),
    ("journal", ["journal", "verify"]),
    ("journal", ["journal", "erase", "--before", "2026-01", "--yes"]),
    ("config", ["config", "check"]),
    ("config", ["config", "path"]),
    ("version", ["version"]),
]
IDS = [" ".join(words) for _, words in ANSWERS]


@pytest.fixture(autouse=True)
def logs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the hosts logs full of everything, and the first of them a key."""
    lines = b"".join(
        [b"%d \xff\x1b[31m %d\n" % (NOW + each, each) for each in range(5)]
        + [b"no time " + EVERY_BYTE.replace(b"\n", b"") + b"\n", NASTY + b"\n"]
    )
    world.logs = {"mx1": lines, "mx2": lines}
    key = HostKey("[mx1]:2222", "ssh-ed25519 AAAA", "SHA256:right", trusted=False)
    monkeypatch.setattr(trust, "remember", lambda host, fingerprint, seconds: key)
    world.messages["mx3"] = [hostile("mx3"), message("mx3", 3, sender=NASTY)]
    world.rights = frozenset(CAPABILITIES)
    world.odd = {"00000000000099": Outcome.FAILED, "u-20261118T110640-aaaaaa": Outcome.FAILED}
    files = (KeptMessage("mx1:/q:00000000000001", "00000000000001", "queued", NASTY, NOW),)
    world.sets["mx1"] = [
        UndoSet("u-20261118T110640-aaaaaa", "mx1", NOW, "=cmd()\x1b[2J", NOW, NASTY.decode("latin-1"), files)
    ]
    Journal(default_directory(), Clock(wall=lambda: NOW)).append(
        "intent", {"host": "mx1", "reason": "\x1b[2J\u202e", "n": [1]}
    )
    world.evidence = (Evidence("sudo -n -l", b"    (root) NOPASSWD: /bin/x *\n\x1b[2J", 0),)


@pytest.mark.parametrize("kind", schemas.kinds())
def test_every_schema_is_a_schema(kind: str) -> None:
    found = schemas.schema(kind)
    jsonschema.Draft202012Validator.check_schema(found)
    assert found["properties"]["schema"] == {"const": f"mailtui/{kind}/1"}
    assert found["additionalProperties"] is False
    assert set(found["required"]) == set(found["properties"])


def objects(part: Any) -> list[dict[str, Any]]:
    """Find every object with named fields in a schema."""
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    here = [part] if isinstance(part, dict) and "properties" in part and part.get("type") != "string" else []
    return [*here, *(found for each in inner for found in objects(each))]


@pytest.mark.parametrize("kind", schemas.kinds())
def test_schemas_are_strict(kind: str) -> None:
    for found in objects(schemas.schema(kind)):
        if "required" in found:
            assert found["additionalProperties"] is False
            assert set(found["properties"]) - set(found["required"]) <= {"error"}


def test_every_kind_is_tested() -> None:
    assert {kind for kind, _ in ANSWERS} == set(schemas.kinds())


@pytest.mark.parametrize(("kind", "words"), ANSWERS, ids=IDS)
def test_answers_fit_their_schemas(run: Run, kind: str, words: list[str]) -> None:
    code, out, err = run(*words, "--json")
    assert code in (0, 1, 6)
    valid(out, kind)
    assert not ESCAPES.search(err.replace("\n", ""))


@pytest.mark.parametrize(("kind", "words"), ANSWERS, ids=IDS)
def test_answers_of_unreachable_hosts_fit_too(run: Run, world: World, kind: str, words: list[str]) -> None:
    world.errors = {name: Unreachable("gone \x1b[2J", "look") for name in ("mx1", "mx2", "mx3")}
    _, out, err = run(*words, "--json")
    if out:
        valid(out, kind)
    assert not ESCAPES.search(err.replace("\n", ""))


@pytest.mark.parametrize(("kind", "words"), ANSWERS, ids=IDS)
def test_jsonl_is_one_record_a_line(run: Run, kind: str, words: list[str]) -> None:
    _, out, _ = run(*words, "-o", "jsonl")
    assert out.isascii()
    assert all(isinstance(json.loads(line), dict) for line in out.splitlines())


@pytest.mark.parametrize(("kind", "words"), ANSWERS, ids=IDS)
@pytest.mark.parametrize("output", ["table", "yaml", "csv"])
def test_what_people_read_holds_no_control(run: Run, kind: str, words: list[str], output: str) -> None:
    _, out, _ = run(*words, "-o", output)
    assert not ESCAPES.search(out.replace("\n", ""))


@pytest.mark.parametrize(("kind", "words"), ANSWERS, ids=IDS)
def test_yaml_says_the_same_as_json(run: Run, kind: str, words: list[str]) -> None:
    answer = valid(run(*words, "--json")[1], kind)
    again = yaml.safe_load(run(*words, "-o", "yaml")[1])
    assert shape(again) == shape(answer)


def shape(value: Any) -> Any:
    """Give a tree's form: names, lengths and types, not its texts."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


@pytest.mark.parametrize(("kind", "words"), ANSWERS, ids=IDS)
def test_csv_has_the_schemas_columns_and_no_formulas(run: Run, kind: str, words: list[str]) -> None:
    rows = list(csv.reader(io.StringIO(run(*words, "-o", "csv")[1])))
    assert len({len(row) for row in rows}) == 1
    for cell in (cell for row in rows for cell in row):
        assert not cell.startswith(("=", "+", "@"))
        assert not cell.startswith("-") or float(cell) < 0


def test_csv_quotes_what_a_spreadsheet_would_run(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("queue", "list", "mx2", "-o", "csv")[1])))
    assert rows[0]["sender"].startswith("'=cmd|")
    assert json.loads(rows[0]["recipients"])[0]["address"].startswith("@SUM(1)")


def test_csv_keeps_all_fields_of_a_list_of_objects(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("queue", "list", "mx1", "-o", "csv")[1])))
    listed = valid(run("queue", "list", "mx1", "--json")[1], "queue")["hosts"][0]["messages"]
    assert [json.loads(row["recipients"]) for row in rows] == [message["recipients"] for message in listed]
    assert rows[0]["domains"] == "one.example; two.example"


def test_csv_without_rows_still_has_its_heading(run: Run, world: World) -> None:
    world.messages["mx3"] = []
    out = run("queue", "list", "mx3", "-o", "csv")[1]
    assert out.startswith("key,id,host,")
    assert out.count("\n") == 1


def test_json_keeps_every_byte(run: Run) -> None:
    found = valid(run("queue", "show", "mx2", "00000000000099", "--json")[1], "message")
    assert found["subject"] == wire(EVERY_BYTE)
    assert found["headers"][0] == {"name": wire(b"X-\x1b[2J"), "value": wire(EVERY_BYTE)}
    assert found["arrived_at"] is None  # no calendar has the year 10**22
    assert (found["body"], found["raw"]) == (None, None)


def test_a_sample_of_a_host_that_tells_nothing_fits(run: Run, world: World) -> None:
    world.stats = nothing_known()
    host = valid(run("stats", "mx1", "--json")[1], "stats")["hosts"][0]
    assert host["memory"] is None
    assert host["service"]["accepting"] == "unknown"
    assert "not known" in run("stats", "mx1")[1]


def test_what_is_no_number_becomes_null(run: Run) -> None:
    host = valid(run("stats", "mx1", "--json")[1], "stats")["hosts"][0]
    assert host["network"] == {"rx_per_s": 1000.5, "tx_per_s": None, "smtp_connections": 3}
    assert host["queue"]["total"] == 6


def test_log_events_of_the_schema_are_those_of_the_model() -> None:
    events = schemas.schema("log")["$defs"]["log"]["properties"]["event"]["enum"]
    assert events == [event.value for event in LogEvent]


def test_outcomes_of_the_schema_are_those_of_the_model() -> None:
    found = schemas.schema("action")["$defs"]["outcome"]["properties"]
    assert found["outcome"]["enum"] == [outcome.value for outcome in Outcome]
    assert found["code"]["enum"] == [code.value for code in Code]


@pytest.mark.parametrize("change", [{"extra": 1}, {"hosts": None}, {"schema": "mailtui/queue/2"}])
def test_the_schema_refuses_what_is_not_the_contract(run: Run, change: dict[str, Any]) -> None:
    answer = json.loads(run("queue", "list", "mx1", "--json")[1])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**answer, **change}, schemas.schema("queue"))
