"""`mailtui undo` and `mailtui journal`: what was deleted comes back, and what was done is on record."""

import io
import os
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailtui.cli.journal import journal as journal_of
from mailtui.clock import Clock
from mailtui.errors import Refused, Unreachable
from mailtui.journal import Journal, default_directory, operator
from mailtui.model import CAPABILITIES, KeptMessage, Outcome, UndoSet
from tests.unit.cli_world import ESCAPES, NOW, Run, World, run, valid, world

__all__ = ["run", "world"]

FIRST, SECOND = "u-20261118T110640-aaaaaa", "u-20261118T110641-bbbbbb"
LATER = 4e9
"""A time that no test lives to see."""


def kept(undo_id: str, host: str, count: int = 2, state: str = "kept", **changes: Any) -> UndoSet:
    """Make what a delete set aside."""
    messages = tuple(
        KeptMessage(f"{host}:/var/spool/mqueue:{number:014d}", f"{number:014d}", state)
        for number in range(1, count + 1)
    )
    made = UndoSet(undo_id, host, NOW, "oncall@laptop", LATER, "", messages)
    return replace(made, **changes)


@pytest.fixture(autouse=True)
def vault(world: World) -> None:
    """Set something aside on two hosts, for a login that may do everything."""
    world.rights = frozenset(CAPABILITIES)
    world.sets = {"mx1": [kept(FIRST, "mx1"), kept(SECOND, "mx1", 1)], "mx3": [kept(FIRST, "mx3", 3)]}


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Put somebody at the terminal who types this."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(text))


def hosts(run: Run, *words: str) -> tuple[int, list[dict[str, Any]], str]:
    """Run an undo with JSON; gives its exit code, hosts and stderr."""
    code, out, err = run("undo", *words, "--json")
    return code, valid(out, "action")["hosts"], err


def records(run: Run, *words: str) -> list[dict[str, Any]]:
    """Give what the journal holds."""
    code, out, _ = run("journal", *words, "--json")
    assert code == 0
    found: list[dict[str, Any]] = valid(out, "journal")["records"]
    return found


# --- list -----------------------------------------------------------------------------------------------------------


def test_the_list_tells_what_all_hosts_hold(run: Run) -> None:
    code, out, _ = run("undo", "list", "--json")
    answer = valid(out, "undo")
    assert code == 0
    assert [(each["undo_id"], each["host"], each["count"], each["state"]) for each in answer["items"]] == [
        (FIRST, "mx1", 2, "kept"), (SECOND, "mx1", 1, "kept"), (FIRST, "mx3", 3, "kept"),
    ]  # fmt: skip
    assert answer["items"][0]["by"] == "oncall@laptop"
    assert [each["host"] for each in answer["hosts"]] == ["mx1", "mx2", "mx3"]


def test_the_list_of_one_host(run: Run, world: World) -> None:
    code, out, _ = run("undo", "list", "mx3")
    assert (code, world.opened, out.count("\n")) == (0, ["mx3"], 2)
    code, _, err = run("undo", "list", "mx2")
    assert code == 0
    assert "nothing is set aside" in err


def test_the_list_of_hosts_of_which_one_is_down(run: Run, world: World) -> None:
    world.errors["mx1"] = Unreachable("no route")
    code, out, _ = run("undo", "list", "--json")
    answer = valid(out, "undo")
    assert (code, len(answer["items"])) == (6, 1)
    assert answer["hosts"][0]["error"]["message"] == "no route"


def test_the_list_tells_of_grace_times_that_ended_and_of_mail_that_will_bounce(run: Run, world: World) -> None:
    past = KeptMessage("mx1:/q:00000000000009", "00000000000009", "kept", b"a@b", NOW - 1)
    world.sets = {"mx1": [kept(FIRST, "mx1", until=NOW), kept(SECOND, "mx1", messages=(past,))]}
    world.sets["mx3"] = [kept(FIRST, "mx3", state="queued")]
    _, out, err = run("undo", "list")
    assert f"{FIRST} on mx1: its grace time ended at" in err
    assert f"{SECOND} on mx1: 1 of 1 are past their lifetime" in err
    assert f"{FIRST} on mx3: nothing is set aside any more" in err
    assert "restored" in out


# --- undo -----------------------------------------------------------------------------------------------------------


def test_an_undo_brings_messages_back_wherever_they_are(run: Run, world: World) -> None:
    code, found, _ = hosts(run, FIRST, "--yes")
    assert code == 0
    assert [(each["action"], each["host"], each["undo_id"], each["counts"]["done"]) for each in found] == [
        ("undo", "mx1", FIRST, 2), ("undo", "mx3", FIRST, 3),
    ]  # fmt: skip
    assert {each["code"] for host in found for each in host["outcomes"]} == {"restored"}
    assert sorted((host, ids, order.held) for host, _, ids, order in world.acts) == [
        ("mx1", (FIRST,), False), ("mx3", (FIRST,), False),
    ]  # fmt: skip
    kinds = [(each["kind"], each["fields"]["host"]) for each in records(run)]
    assert kinds.index(("intent", "mx1")) < kinds.index(("outcome", "mx1"))
    assert len(kinds) == 4


def test_held_brings_them_back_as_held(run: Run, world: World) -> None:
    assert run("undo", SECOND, "--held", "--yes")[0] == 0
    assert [order.held for *_, order in world.acts] == [True]


@pytest.mark.parametrize(
    "words",
    [["ALL"], ["u-"], ["u-$(x)"], ["u-../../x"], ["u-" + "x" * 99], [f"{FIRST}\n"], [""], ["--", "-d"], ["purge"],
     ["purge", "--all", "--expired"], ["purge", FIRST, "--all"], ["purge", "ALL"], [FIRST, "--all"], [FIRST, "--expired"],
     ["list", "--held"], ["purge", FIRST, "--held"], []],
)  # fmt: skip
def test_wrong_words_are_refused_before_any_connection(run: Run, world: World, words: list[str]) -> None:
    code, out, err = run("undo", "--yes", *words)
    assert (code, out, world.opened) == (2, "", [])
    assert not ESCAPES.search(err.replace("\n", ""))


def test_an_id_that_no_host_knows_is_refused_with_where_it_was_looked_for(run: Run, world: World) -> None:
    code, out, err = run("undo", FIRST, "u-00000000-none", "--yes")
    assert (code, out, world.acts) == (2, "", [])
    assert "u-00000000-none: no such undo id on mx1, mx2, mx3; nothing was done" in err
    world.errors["mx3"] = Unreachable("no route")
    code, _, err = run("undo", "u-00000000-none", "--yes")
    assert code == 2
    assert "on mx1, mx2; mx3 could not be asked" in err
    world.errors = {name: Unreachable("no route") for name in ("mx1", "mx2", "mx3")}
    assert run("undo", FIRST, "--yes")[0] == 3


def test_what_the_journal_knows_of_an_id_that_is_gone_is_said(run: Run, world: World) -> None:
    assert run("undo", SECOND, "--yes")[0] == 0
    assert run("undo", "purge", FIRST, "--yes")[0] == 0
    world.sets = {}
    assert f"  {SECOND} was brought back on mx1 at " in run("undo", SECOND, "--yes")[2]
    assert f"  {FIRST} was purged on mx3 at " in run("undo", FIRST, "--yes")[2]
    assert "its grace time may have ended" in run("undo", "u-00000000-none", "--yes")[2]


def test_a_host_that_is_down_stops_no_other(run: Run, world: World) -> None:
    world.errors["mx3"] = Unreachable("no route")
    code, found, _ = hosts(run, FIRST, "--yes")
    assert code == 6
    assert [(each["host"], each["counts"]["done"], "error" in each) for each in found] == [
        ("mx1", 2, False), ("mx3", 0, True),
    ]  # fmt: skip


def test_what_is_back_already_is_done_and_said(run: Run, world: World) -> None:
    assert run("undo", SECOND, "--yes")[0] == 0
    code, (host,), err = hosts(run, SECOND, "--yes")
    assert (code, host["counts"]["done"], len(world.acts)) == (0, 1, 1)
    assert "brought back already" in err


def test_a_grace_time_that_ended_is_said_and_what_is_there_comes_back(run: Run, world: World) -> None:
    world.sets["mx1"][1] = kept(SECOND, "mx1", 1, until=NOW)
    code, (host,), err = hosts(run, SECOND, "--yes")
    assert (code, host["counts"]["done"]) == (0, 1)
    assert "its grace time ended at" in err


@pytest.mark.parametrize("words", [[FIRST], ["purge", FIRST], ["purge", "--all"]])
def test_without_a_terminal_yes_is_needed(run: Run, world: World, words: list[str]) -> None:
    code, _, err = run("undo", *words)
    assert (code, world.opened) == (2, [])
    assert "--yes" in err


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("", 1)])
def test_a_terminal_is_asked(run: Run, world: World, monkeypatch: pytest.MonkeyPatch, answer: str, code: int) -> None:
    type_in(monkeypatch, answer)
    got, _, err = run("undo", SECOND)
    assert got == code
    assert f"{SECOND} on mx1: 1 messages, deleted at 2026-11-18T11:06:40Z by oncall@laptop" in err
    assert len(world.acts) == 1 - code


def test_a_read_only_host_gives_nothing_back(run: Run, world: World) -> None:
    world.sets = {"mx2": [kept(FIRST, "mx2")]}
    for words in ([FIRST], ["purge", FIRST]):
        code, (host,), err = hosts(run, *words, "--yes")
        assert (code, world.acts, host["error"]["kind"]) == (5, [], "refused")
        assert "read-only" in err
    assert records(run) == []


def test_a_right_that_is_missing_is_told_with_its_cure(run: Run, world: World) -> None:
    world.rights = frozenset({"delete"})
    code, found, err = hosts(run, FIRST, "--yes")
    assert (code, world.acts, records(run)) == (5, [], [])
    assert {each["code"] for host in found for each in host["outcomes"]} == {"denied"}
    assert "mx1: undo is refused to this login: not built yet\n  mailtui sudoers\n" in err


def test_no_journal_no_undo(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null/no")
    code, (host,), _ = hosts(run, SECOND, "--yes")
    assert (code, world.acts) == (1, [])
    assert "journal" in host["error"]["message"]


def test_a_link_lost_in_the_act_leaves_the_outcome_unknown(run: Run, world: World) -> None:
    world.odd = {"mx1": Unreachable("cut")}
    code, found, err = hosts(run, FIRST, "--yes")
    assert code == 7
    assert [each["counts"]["unknown"] for each in found] == [2, 0]
    assert "`mailtui undo list mx1` tells what happened" in err
    outcome = next(each for each in records(run) if each["kind"] == "outcome" and each["fields"]["host"] == "mx1")
    assert {each["outcome"] for each in outcome["fields"]["outcomes"]} == {"unknown"}
    world.odd = {"mx1": Refused("no longer")}
    assert hosts(run, SECOND, "--yes")[0] == 5


def test_what_does_not_come_back_is_told_one_by_one(run: Run, world: World) -> None:
    world.odd = {"00000000000001": Outcome.FAILED}
    code, (mx1, mx3), _ = hosts(run, FIRST, "--yes")
    assert code == 6
    assert mx1["counts"] == {"done": 1, "skipped": 0, "failed": 1, "unknown": 0}
    assert mx3["counts"]["done"] == 2


def test_ctrl_c_leaves_the_sets_that_were_not_begun(run: Run, world: World) -> None:
    del world.sets["mx3"]
    world.before = lambda verb: signal.raise_signal(signal.SIGINT) if not world.acts else None
    code, found, _ = hosts(run, FIRST, SECOND, "--yes")
    assert code == 130
    assert [each["undo_id"] for each in found] == [FIRST]
    assert len(world.acts) == 1


# --- purge ----------------------------------------------------------------------------------------------------------


def test_purge_destroys_what_is_named(run: Run, world: World) -> None:
    code, (host,), _ = hosts(run, "purge", SECOND, "--yes")
    assert (code, host["action"], host["counts"]["done"]) == (0, "purge", 1)
    assert [each.undo_id for each in world.sets["mx1"]] == [FIRST]
    assert [each["kind"] for each in records(run)] == ["intent", "outcome"]


def test_purge_of_what_is_expired_leaves_the_rest(run: Run, world: World) -> None:
    world.sets["mx1"][1] = kept(SECOND, "mx1", 1, until=NOW)
    code, found, _ = hosts(run, "purge", "--expired", "--yes")
    assert (code, [each["undo_id"] for each in found]) == (0, [SECOND])
    assert [each.undo_id for each in world.sets["mx1"]] == [FIRST]
    code, found, err = hosts(run, "purge", "--expired", "--yes")
    assert (code, found) == (0, [])
    assert "nothing to purge" in err


@pytest.mark.parametrize(("answer", "code"), [("y\n", 1), ("mx1 6\n", 1), ("2 hosts 6\n", 0)])
def test_purge_of_all_wants_it_typed(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    type_in(monkeypatch, answer)
    got, _, err = run("undo", "purge", "--all")
    assert got == code
    assert "cannot be undone" in err
    assert "Type 2 hosts 6 to go on" in err
    assert sum(map(len, world.sets.values())) == (0 if code == 0 else 3)


def test_what_a_host_does_not_destroy_is_failed(run: Run, world: World) -> None:
    world.odd = {SECOND: Outcome.FAILED}
    code, (host,), _ = hosts(run, "purge", SECOND, "--yes")
    assert (code, host["counts"]["failed"]) == (1, 1)
    assert run("undo", "purge", "u-00000000-none", "--yes")[0] == 2


# --- journal --------------------------------------------------------------------------------------------------------


@pytest.fixture
def months(world: World) -> Journal:
    """Fill the journal of two months."""
    old = datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp()
    at = [old]
    made = Journal(default_directory(), Clock(wall=lambda: at[0]))
    made.append("intent", {"action": "delete", "host": "mx1", "count": 2})
    made.append("outcome", {"action": "delete", "host": "mx1", "counts": {"done": 2}})
    at[0] = old + 7 * 86400
    made.append("intent", {"action": "hold", "host": "mx1\x1b[2J", "reason": "=cmd()"})
    return made


def test_the_journal_tells_what_was_done(run: Run, months: Journal) -> None:
    found = records(run)
    assert [(each["kind"], each["at"][:10]) for each in found] == [
        ("intent", "2026-01-31"), ("outcome", "2026-01-31"), ("intent", "2026-02-07"),
    ]  # fmt: skip
    assert found[1]["prev"] == found[0]["hash"]
    assert found[0]["fields"]["count"] == 2
    assert len(records(run, "--since", "2026-02-01T00:00Z")) == 1
    out = run("journal")[1]
    assert "action=delete host=mx1 count=2" in out
    assert not ESCAPES.search(out.replace("\n", ""))


def test_what_was_cut_off_is_marked(run: Run) -> None:
    made = Journal(default_directory())
    about = {"action": "delete", "host": "mx1", "keys": ["mx1:/q:a"], "ids": ["a"], "by": operator()}
    made.append("intent", {**about, "process": "1-0"})
    made.append("intent", about)
    assert [each["cut_off"] for each in records(run)] == [True, False], "what this process began may still run"
    _, out, err = run("journal")
    assert out.count("CUT OFF") == 1
    assert "cut off, or never answered for: delete of 1 on mx1" in err


def test_an_empty_journal_says_so(run: Run) -> None:
    code, _, err = run("journal")
    assert code == 0
    assert "the journal has no record" in err
    assert run("journal", "verify")[0] == 0


def test_verify_names_what_was_changed(run: Run, months: Journal) -> None:
    assert run("journal", "verify")[0] == 0
    file = default_directory() / "2026-01.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"count":2', b'"count":1'))
    code, out, err = run("journal", "verify", "--json")
    assert code == 1
    assert next((each["file"], each["line"]) for each in valid(out, "journal")["faults"]) == ("2026-01.jsonl", 1)
    assert "does not hold" in err
    assert "2026-01.jsonl" in run("journal", "verify")[1]


def test_verify_names_what_was_left_out(run: Run, months: Journal) -> None:
    file = default_directory() / "2026-01.jsonl"
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[1:]))
    assert run("journal", "verify")[0] == 1


def test_old_months_are_erased_when_that_is_agreed_to(
    run: Run, months: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def files() -> list[str]:
        return sorted(path.name for path in default_directory().glob("2026-0*.jsonl"))

    assert run("journal", "erase", "--before", "2026-02")[0] == 2
    type_in(monkeypatch, "y\n")
    assert run("journal", "erase", "--before", "2026-02")[0] == 1
    assert files() == ["2026-01.jsonl", "2026-02.jsonl"]
    type_in(monkeypatch, "erase 2026-02\n")
    code, _, err = run("journal", "erase", "--before", "2026-02")
    assert (code, files()) == (0, ["2026-02.jsonl"])
    assert "erased: 2026-01" in err
    assert run("journal", "verify")[0] == 0
    code, out, _ = run("journal", "erase", "--before", "2026-02", "--yes", "--json")
    assert (code, valid(out, "journal")["erased"]) == (0, [])


@pytest.mark.parametrize(
    "words",
    [["erase"], ["erase", "--before", "soon", "--yes"], ["erase", "--before", "2199-01", "--yes"], ["--before", "2026-01"],
     ["verify", "--since", "2h"], ["--since", "soon"], ["burn"]],
)  # fmt: skip
def test_wrong_words_of_the_journal_are_refused(run: Run, months: Journal, words: list[str]) -> None:
    code, out, _ = run("journal", *words)
    assert (code, out) == (2, "")
    assert len(list(default_directory().glob("*.jsonl"))) == 2


def test_a_journal_that_cannot_be_read_is_a_failure(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    directory = journal_of().directory
    directory.mkdir(parents=True)
    os.mkdir(directory / "2026-01.jsonl")
    code, out, err = run("journal")
    assert (code, out) == (1, "")
    assert "journal" in err
