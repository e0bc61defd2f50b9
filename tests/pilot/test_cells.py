"""What a row says: pure functions from records to finished cells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mailtui.model import Accepting, LinkState, QueueListing, RunnerState, Spool
from mailtui.panes import units
from mailtui.panes.cells import short_reason
from mailtui.panes.grouping import BY, expression, groups
from mailtui.panes.health import Rank, findings, link_words, service_words
from mailtui.query import literal, parse
from mailtui.store import HostView, LinkChanged, QueueTable, SourceFailed
from tests.pilot import world

NOW = world.NOW


def view(**values: Any) -> HostView:
    base = HostView("mx3", LinkChanged("mx3", NOW, LinkState.OK), heard_at=NOW, stats=world.stats())
    return replace(base, **values)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "-"), (-5, "0s"), (42, "42s"), (719, "11m"), (8040, "2h14m"), (273_600, "3d04h"), (86_399, "23h59m")],
)
def test_ages(seconds: float | None, shown: str) -> None:
    assert units.age(seconds) == shown
    assert len(units.age(seconds)) <= 6


@pytest.mark.parametrize(
    ("count", "shown"),
    [(None, "-"), (0, "0"), (912, "912"), (1023, "1.0K"), (1434, "1.4K"), (23_500_000, "22M"), (5e18, "4.3E")],
)
def test_sizes(count: float | None, shown: str) -> None:
    assert units.size(count) == shown


def test_rates_shares_and_clocks() -> None:
    assert [units.rate(value) for value in (None, 0, 0.04, 9.4, 112.4, 12_000)] == [
        "-",
        "0",
        "0.0",
        "9.4",
        "112",
        "12,000",
    ]
    assert units.percent(None) == "-"
    assert units.percent(0.927) == "93%"
    assert units.clock(None, NOW) == "-"
    assert len(units.clock(NOW, NOW)) == 8
    assert " " in units.clock(NOW - 400_000, NOW)


def test_a_reason_does_not_repeat_its_neighbours() -> None:
    row = world.rows("h", 1)[0]._replace(recipient=b"a@b.test", reason=b"Deferred: 452 4.2.2 <a@b.test>: Mailbox full")
    assert short_reason(row) == b"452 4.2.2 Mailbox full"
    assert short_reason(row._replace(recipient=b"")) == b"452 4.2.2 <a@b.test>: Mailbox full"
    assert short_reason(row._replace(reason=None)) == b""


@pytest.mark.parametrize(
    ("link", "words", "rank"),
    [
        (LinkChanged("h", NOW, LinkState.CONNECTING), "connecting", Rank.STALE),
        (LinkChanged("h", NOW, LinkState.RETRYING, retry_at=NOW + 8), "retry 8s", Rank.BAD),
        (LinkChanged("h", NOW, LinkState.HOST_KEY), "host key", Rank.BAD),
        (LinkChanged("h", NOW, LinkState.AUTH), "auth", Rank.BAD),
    ],
)
def test_the_link_in_words(link: LinkChanged, words: str, rank: Rank) -> None:
    assert link_words(view(link=link), NOW) == (words, rank)


def test_a_link_that_answers_says_how_quickly_or_since_when_not() -> None:
    assert link_words(view(latency=0.0121), NOW) == ("12 ms", Rank.OK)
    assert link_words(view(), NOW) == ("up", Rank.OK)
    assert link_words(view(heard_at=NOW - 9), NOW) == ("silent 9s", Rank.STALE)


def test_the_service_in_words_worst_first() -> None:
    stats = world.stats()
    assert service_words(view()) == ("accepting", Rank.OK)
    assert service_words(view(stats=world.stats(RunnerState.DEAD))) == ("MSP runner dead", Rank.BAD)
    off = replace(stats, service=replace(stats.service, daemon=False))
    assert service_words(view(stats=off)) == ("not running", Rank.BAD)
    no = replace(stats, service=replace(stats.service, accepting=Accepting.NO, why_not="load"))
    assert service_words(view(stats=no)) == ("refusing: load", Rank.BAD)
    unknown = replace(stats, service=replace(stats.service, accepting=Accepting.UNKNOWN))
    assert service_words(view(stats=unknown)) == ("could not tell", Rank.STALE)
    assert service_words(view(stats=None)) == ("...", Rank.OK)
    failed = view(stats=None, failures=(SourceFailed("mx3", NOW, "stats", "no ps"),))
    assert service_words(failed) == ("could not tell", Rank.STALE)


def test_findings_name_what_is_wrong_and_what_helps() -> None:
    stats = replace(world.stats(), spool=Spool("/var/spool", 100, 1, 100, 1))
    table = QueueTable.build(
        QueueListing(NOW, False, ("mqueue is closed; mailtui sudoers mx3 --for list",), world.rows("mx3", 240))
    )
    found = findings(
        view(
            stats=stats,
            table=table,
            queue_at=NOW,
            failures=(SourceFailed("mx3", NOW, "log", "not readable", "add adm"),),
        ),
        NOW,
    )
    words = {finding.text: finding.cure for finding in found}
    assert words["mqueue is closed"] == "mailtui sudoers mx3 --for list"
    assert words["log: not readable"] == "add adm"
    assert "spool /var/spool: 1 free" in words
    assert "spool /var/spool: 1 inodes free" in words
    assert any(text.startswith("oldest waiting message 2h") for text in words)
    assert any("lost messages" in text for text in words)
    assert [finding.rank for finding in found] == sorted(finding.rank for finding in found)
    assert findings(view(table=QueueTable.build(QueueListing(NOW, True, (), ()))), NOW) == []


@pytest.mark.parametrize("by", list(BY))
def test_a_group_leads_to_exactly_its_messages(by: str) -> None:
    rows = world.rows("mx3", 200, hostile=True)
    for group in groups(rows, by):
        query = parse(expression(by, group.value, literal=literal), "queue")
        wanted = query.rows(host="mx3", now=NOW, message=lambda row: world.Formats().message("mx3", None, row))
        assert sum(map(wanted, rows)) == group.count, (by, group.value)
