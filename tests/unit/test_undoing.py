"""Undo, and what is destroyed by itself once its grace time is over: the journal first, nothing before its time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from mailtui.clock import Clock
from mailtui.errors import HostError, NotBegun, Refused, Unreachable
from mailtui.journal import Journal, JournalFault
from mailtui.model import Acted, Code, Identity, ItemOutcome, KeptMessage, Order, Outcome, UndoSet
from mailtui.session import Link
from mailtui.undoing import expire, undo

NOW = 1_795_000_000.0


class Host:
    """A link to a host whose vault holds what a test says."""

    def __init__(self, *sets: UndoSet, skew: float = 0.0, error: HostError | None = None) -> None:
        self.sets = sets
        self.error = error
        self.purged: list[str] = []
        self.clock = Clock(wall=lambda: NOW)
        self.identity = Identity("sendmail", "8", (), skew, "root")
        self.host_key = "SHA256:x"

    async def undo_sets(self) -> tuple[UndoSet, ...]:
        return self.sets

    async def purge(self, undo_ids: Sequence[str]) -> tuple[str, ...]:
        self.purged += undo_ids
        return tuple(undo_ids)

    async def undo(self, kept: UndoSet, order: Order) -> Acted:
        if self.error is not None:
            raise self.error
        done = (ItemOutcome(each.key, each.id, Outcome.DONE, Code.RESTORED) for each in kept.messages)
        return Acted(tuple(done))


def kept(name: str, until: float, *states: str) -> UndoSet:
    messages = tuple(KeptMessage(f"mx1:/q:{name}{n}", f"{name}{n}", state) for n, state in enumerate(states))
    return UndoSet(f"u-{name}", "mx1", NOW - 1000, "alice@here", until, "", messages)


def link(host: Host) -> Link:
    return cast(Link, host)


async def test_only_what_is_whole_and_past_its_time_is_destroyed(tmp_path: Path) -> None:
    host = Host(
        kept("over", NOW - 1, "kept", "kept"),
        kept("young", NOW + 1, "kept"),
        kept("cut", NOW - 1, "kept", "half"),
        kept("broken", NOW - 1, "broken"),
        kept("back", NOW - 1, "queued"),
    )
    journal = Journal(tmp_path / "journal")
    assert await expire(link(host), journal, "bob@here") == ("u-over", "u-back")
    assert host.purged == ["u-over", "u-back"]
    records = list(journal.records())
    assert [(each["kind"], each["action"]) for each in records if each.get("undo_id") == "u-over"] == [
        ("intent", "expire"),
        ("outcome", "expire"),
    ]
    assert journal.verify() == []


async def test_the_hosts_own_clock_counts(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    assert await expire(link(Host(kept("x", NOW + 60, "kept"), skew=120.0)), journal, "bob") == ("u-x",)
    assert await expire(link(Host(kept("x", NOW - 60, "kept"), skew=-120.0)), journal, "bob") == ()


async def test_nothing_is_destroyed_that_cannot_be_written_down(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("in the way")
    host = Host(kept("over", NOW - 1, "kept"))
    with pytest.raises(JournalFault):
        await expire(link(host), Journal(tmp_path / "journal"), "bob")
    assert host.purged == []


@pytest.mark.parametrize(
    ("error", "outcome", "code"),
    [
        (Refused("no", "ask"), Outcome.FAILED, Code.DENIED),
        (Unreachable("cut"), Outcome.UNKNOWN, Code.TIMEOUT),
        (NotBegun("no free session"), Outcome.SKIPPED, Code.TIMEOUT),
        (None, Outcome.DONE, Code.RESTORED),
    ],
)
async def test_an_undo_tells_what_is_known(
    tmp_path: Path, error: HostError | None, outcome: Outcome, code: Code
) -> None:
    journal = Journal(tmp_path / "journal")
    what = kept("a", NOW + 60, "kept", "half")
    result = await undo(what, link(Host(error=error)), journal, Order(by="bob"))
    assert {(each.outcome, each.code) for each in result.outcomes} == {(outcome, code)}
    assert bool(result.error) == bool(error)
    assert [each["kind"] for each in journal.records()] == ["intent", "outcome"]
