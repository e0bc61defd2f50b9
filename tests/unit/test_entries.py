"""The journal read as actions: joined, newest first, month by month, and nothing believed of its shape."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailtui import entries
from mailtui.clock import Clock
from mailtui.entries import page, unfinished, whole
from mailtui.journal import Journal, operator
from mailtui.model import Outcome
from mailtui.processes import alive, process

DEAD = "1-0"
"""A process that is not there: number 1 never began with the machine's first tick's beginning."""


class Kept:
    """A journal whose clock a test sets."""

    def __init__(self, folder: Path) -> None:
        self.now = self.at("2026-11-24T02:13:00")
        self.journal = Journal(folder / "journal", Clock(wall=lambda: self.now))

    def at(self, text: str) -> float:
        self.now = datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
        return self.now

    def intend(self, verb: str = "hold", count: int = 2, **fields: Any) -> str:
        told = {
            "action": verb,
            "host": "sm1",
            "host_key": "SHA256:x",
            "by": operator(),
            "keys": [f"sm1:/q:{n}" for n in range(count)],
            "ids": [str(n) for n in range(count)],
            "fingerprints": [f"seal{n}" for n in range(count)],
            "commands": [{"argv": ["sendmail", "-Qx y"], "stdin": ""}],
            "count": count,
            "undo_id": "",
            "process": DEAD,
        }
        return self.journal.append("intent", told | fields)

    def end(self, intent: str, *came: str, kind: str = "outcome", start: int = 0) -> None:
        outcomes = []
        for number, words in enumerate(came, start):
            outcome, code = words.split("/")
            outcomes.append({"key": f"sm1:/q:{number}", "id": str(number), "outcome": outcome, "code": code})
        self.journal.append(kind, {"intent": intent, "action": "hold", "host": "sm1", "outcomes": outcomes})


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def test_an_intent_and_what_came_of_it_are_one_entry_newest_first(kept: Kept) -> None:
    first = kept.intend(reason="ticket 4711")
    kept.end(first, "done/held", "skipped/changed")
    kept.now += 60
    second = kept.intend("flush", 0)
    kept.end(second)
    found = page(kept.journal, kept.now)
    assert [each.id for each in found.entries] == [second, first]
    flush, hold = found.entries
    assert (flush.count, flush.ended, flush.came) == (None, True, ())
    assert (hold.action, hold.host, hold.count, hold.reason, hold.by) == ("hold", "sm1", 2, "ticket 4711", operator())
    assert set(hold.came) == {(Outcome.DONE, "held", 1), (Outcome.SKIPPED, "changed", 1)}
    assert (hold.ended, hold.cut_off, hold.left) == (True, False, 0)


def test_what_is_settled_later_takes_the_place_of_unknown_also_over_the_end_of_a_month(kept: Kept) -> None:
    kept.at("2026-10-31T23:59:00")
    intent = kept.intend()
    kept.end(intent, "unknown/timeout", "unknown/timeout")
    kept.at("2026-11-01T00:01:00")
    kept.end(intent, "done/held", kind="settled")
    (entry,) = page(kept.journal, kept.now).entries
    assert set(entry.came) == {(Outcome.DONE, "held", 1), (Outcome.UNKNOWN, "timeout", 1)}
    found = whole(kept.journal, entry, kept.now)
    assert found is not None
    assert [(each.outcome, each.settled) for each in found.items] == [(Outcome.DONE, True), (Outcome.UNKNOWN, False)]
    assert found.entry == entry
    assert (found.host_key, found.commands[0].argv) == ("SHA256:x", ("sendmail", "-Qx y"))


def test_older_months_are_read_only_when_asked_for(kept: Kept) -> None:
    for month in (8, 9, 10, 11):
        kept.at(f"2026-{month:02}-05T00:00:00")
        for _ in range(3):
            kept.end(kept.intend(), "done/held", "done/held")
    found = page(kept.journal, kept.now, wanted=1)
    assert (len(found.entries), found.older) == (3, ("2026-10", "2026-09", "2026-08"))
    found = page(kept.journal, kept.now, wanted=4)
    assert (len(found.entries), found.older) == (6, ("2026-09", "2026-08"))
    assert page(kept.journal, kept.now).older == ()


def test_of_a_month_with_too_many_the_oldest_are_left_out_and_that_is_said(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "MOST", 3)
    ids = [kept.intend() for _ in range(5)]
    kept.end(ids[0], "done/held", "done/held")
    found = page(kept.journal, kept.now)
    assert [each.id for each in found.entries] == ids[:1:-1]
    assert found.cut == "2026-11"
    monkeypatch.setattr(entries, "TAIL", (kept.journal.directory / "2026-11.jsonl").stat().st_size // 2)
    found = page(kept.journal, kept.now)
    assert (len(found.entries), found.cut, found.unreadable) == (2, "2026-11", 0)
    assert found.entries[0].id == ids[-1]


def test_what_is_odd_or_damaged_is_counted_or_empty_and_never_raises(kept: Kept) -> None:
    kept.intend(by=5, keys="x", ids=None, commands=[7, {"argv": 1}], reason=["a"], undo_id={})
    intent = kept.intend()
    kept.journal.append("outcome", {"intent": intent, "outcomes": [3, {"key": 1, "outcome": "new", "code": None}]})
    kept.journal.append("outcome", {"intent": 7, "outcomes": "no"})
    kept.journal.append("erased", {"before": "2026-08", "months": ["2026-07", 3]})
    path = kept.journal.directory / "2026-11.jsonl"
    lines = path.read_text().splitlines()
    far = json.dumps({**json.loads(lines[0]), "at": 1e300})
    path.write_text("\n".join([*lines, "half a li", far, "", "\x00" * 9]) + "\n")
    found = page(kept.journal, kept.now)
    assert found.unreadable == 4
    assert [each.action for each in found.entries] == ["erased", "hold", "hold"]
    assert found.entries[0].about == "2026-07"
    assert (Outcome.UNKNOWN, "", 1) in found.entries[1].came
    for each in found.entries:
        assert whole(kept.journal, each, kept.now) is not None
    assert isinstance(unfinished(kept.journal, kept.now), tuple)


def test_an_entry_whose_month_was_erased_is_none(kept: Kept) -> None:
    kept.end(kept.intend(), "done/held", "done/held")
    (entry,) = page(kept.journal, kept.now).entries
    (kept.journal.directory / "2026-11.jsonl").unlink()
    assert whole(kept.journal, entry, kept.now) is None


def test_a_journal_that_was_never_written_is_empty(kept: Kept) -> None:
    assert page(kept.journal, kept.now).entries == ()
    assert unfinished(kept.journal, kept.now) == ()


def test_undo_ids_that_bring_nothing_back_any_more(kept: Kept) -> None:
    for verb, came in (("undo", "done/restored"), ("purge", ""), ("undo", "failed/denied"), ("expire", None)):
        intent = kept.intend(verb, 1, undo_id=f"u-{verb}-{came}")
        if came is not None:
            kept.end(intent, *([came] if came else []))
    assert page(kept.journal, kept.now).spent == {"u-undo-done/restored": "undone", "u-purge-": "purged"}


# --- what has no end


def test_what_nobody_knows_the_end_of_is_found(kept: Kept) -> None:
    cut = kept.intend("delete", 3, undo_id="u-1")
    part = kept.intend(count=3)
    kept.end(part, "done/held")
    lost = kept.intend()
    kept.end(lost, "done/held", "unknown/timeout")
    kept.end(kept.intend(), "done/held", "skipped/timeout")
    flush = kept.intend("flush", 0)
    kept.end(
        kept.intend("undo", 2),
    )  # one record ends it, though it told of no message
    found = {each.entry.id: [key for key, _, _ in each.items] for each in unfinished(kept.journal, kept.now)}
    assert found == {
        cut: ["sm1:/q:0", "sm1:/q:1", "sm1:/q:2"],
        part: ["sm1:/q:1", "sm1:/q:2"],
        lost: ["sm1:/q:1"],
        flush: [""],
    }
    (first, *_) = unfinished(kept.journal, kept.now)
    assert (first.host_key, first.items[0]) == ("SHA256:x", ("sm1:/q:0", "0", "seal0"))
    assert first.entry.cut_off


def test_what_was_settled_as_unknown_is_not_told_again(kept: Kept) -> None:
    intent = kept.intend()
    kept.end(intent, "unknown/timeout", "unknown/timeout", kind="settled")
    assert unfinished(kept.journal, kept.now) == ()


def test_what_still_runs_is_not_cut_off(kept: Kept) -> None:
    kept.intend(process=process())
    kept.intend(by="root@elsewhere")
    assert unfinished(kept.journal, kept.now) == ()
    assert all(each.running and not each.cut_off for each in page(kept.journal, kept.now).entries)
    kept.now += entries.ELSEWHERE + 1
    assert [each.entry.by for each in unfinished(kept.journal, kept.now)] == ["root@elsewhere"]


def test_only_recent_actions_are_looked_for_also_over_the_end_of_a_month(kept: Kept) -> None:
    kept.at("2026-10-20T00:00:00")
    kept.intend()
    kept.at("2026-10-31T23:00:00")
    recent = kept.intend()
    kept.at("2026-11-01T01:00:00")
    assert [each.entry.id for each in unfinished(kept.journal, kept.now)] == [recent]


def test_processes_are_told_apart_by_when_they_began() -> None:
    assert alive(process())
    pid, began = process().split("-")
    assert began.isdigit() or not Path("/proc/self/stat").exists()
    for name in ("", "-", "x-1", "0-0", f"{10**20}-1", f"{2**31 - 1}-", "²-1"):
        assert not alive(name), name
    if began:
        assert not alive(f"{pid}-{int(began) + 1}")
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert not alive(f"{child.pid}-{began}")
    assert not alive(DEAD) or os.getpid() == 1
