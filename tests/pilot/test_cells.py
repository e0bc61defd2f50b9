"""What a row says: pure functions from records to finished cells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from textual.content import Content

from mailtui.model import Accepting, LinkState, QueueListing, QueueState, Rates, RunnerState, Spool
from mailtui.panes import units
from mailtui.panes.cells import HOST_COLUMNS, QUEUE_COLUMNS, host_cells, short_reason
from mailtui.panes.grouping import BY, expression, groups
from mailtui.panes.health import Rank, by_trouble, findings, link_words, rank_of, service_words
from mailtui.panes.pane import cell
from mailtui.query import literal, parse
from mailtui.screens.message import header_fields, subject_words
from mailtui.store import HostView, LinkChanged, QueueTable, SourceFailed
from mailtui.widgets.columns import place
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
        (LinkChanged("h", NOW, LinkState.CONNECTING), "connecting", Rank.BAD),
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


def test_trouble_with_the_link_lasts_while_another_attempt_runs() -> None:
    again = LinkChanged("mx3", NOW, LinkState.CONNECTING, "mx3 (192.0.2.3) does not answer", "is the VPN up?", 2)
    trying = view(link=again, heard_at=NOW - 40, stats=world.stats(RunnerState.DEAD))
    first, second = findings(trying, NOW)
    assert (first.rank, first.cure, first.pane) == (Rank.BAD, "is the VPN up?", "service")
    assert first.text == "link: 192.0.2.3 does not answer, last seen 40s ago", "the host stands beside it"
    assert (second.rank, second.text) == (Rank.STALE, "service: was MSP runner dead")
    down = replace(again, state=LinkState.RETRYING, retry_at=NOW + 8)
    assert rank_of(trying, NOW) is rank_of(replace(trying, link=down), NOW) is Rank.BAD
    assert findings(replace(trying, link=replace(again, detail="", attempt=1)), NOW)[0].rank is Rank.BAD


def test_what_was_never_read_is_not_called_fine() -> None:
    first = HostView("mx3", LinkChanged("mx3", NOW, LinkState.CONNECTING, attempt=1))
    assert link_words(first, NOW) == ("connecting", Rank.STALE)
    assert findings(first, NOW) == []
    assert rank_of(first, NOW) is Rank.STALE
    empty = QueueTable.build(QueueListing(NOW, True, (), ()))
    assert rank_of(view(stats=None, table=empty, queue_at=NOW), NOW) is Rank.STALE, "the service is still being read"
    assert rank_of(view(table=empty, queue_at=NOW), NOW) is Rank.OK


def test_while_a_host_is_silent_older_facts_are_said_as_past_and_below_it() -> None:
    table = QueueTable.build(QueueListing(NOW, True, (), world.rows("mx3", 240)))
    quiet = view(heard_at=NOW - 12, stats=world.stats(RunnerState.DEAD), table=table, queue_at=NOW - 12)
    found = findings(quiet, NOW)
    assert [finding.text for finding in found[:3]] == [
        "link: silent 12s",
        "service: was MSP runner dead",
        "was: oldest waiting message 2h27m",
    ]
    assert {finding.rank for finding in found} == {Rank.STALE}


def test_hosts_in_the_same_trouble_stand_by_the_size_of_their_queue() -> None:
    def order(view: HostView, rank: Rank) -> tuple[int, int, str]:
        return by_trouble(view, rank, NOW)

    few, many, more = (
        view(table=QueueTable.build(QueueListing(NOW, True, (), world.rows("h", count))), queue_at=NOW, name=name)
        for name, count in (("a", 3), ("b", 240), ("c", 250))
    )
    assert sorted([few, more, many], key=lambda each: order(each, Rank.WARN)) == [many, more, few], "no race of equals"
    assert sorted([more, few], key=lambda each: order(each, Rank.OK)) == [few, more]


def test_old_numbers_of_a_host_carry_a_sign_and_keep_what_is_current() -> None:
    table = QueueTable.build(QueueListing(NOW, True, (), world.rows("mx3", 240)))

    def cells(**values: Any) -> dict[str, Content]:
        shown = host_cells(
            view(**{"table": table, "queue_at": NOW, **values}), Rates(5.0, 6.0), Content("..."), NOW, 5.0
        )
        return {column.id: cell for column, cell in zip(HOST_COLUMNS, shown, strict=True)}

    assert cells()["queue"].plain == "240"
    paused = cells(queue_at=NOW - 60)
    assert paused["queue"].plain == "~240"
    assert paused["load"].spans == cells()["load"].spans, "the sample is as new as ever"
    down = cells(link=LinkChanged("mx3", NOW, LinkState.RETRYING, "gone", retry_at=NOW + 8))
    assert (down["service"].plain, down["queue"].plain) == ("was accepting", "~240")
    assert down["load"].spans != cells()["load"].spans


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
    assert service_words(view(stats=None)) == ("...", Rank.STALE)
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
    where = {finding.about: (finding.pane, finding.where) for finding in found}
    assert where["bytes"] == where["inodes"] == ("resources", "")
    assert where["lost"] == ("queue", "state=lost")
    assert where["log"] == ("log", "")
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


def test_messages_with_the_same_trouble_are_one_group_whomever_it_is_about() -> None:
    first = world.rows("h", 1)[0]
    reasons = [
        b"Deferred: 450 4.2.0 <anna@grey.test>: Greylisted, see http://x",
        b"Deferred: 450 4.2.0 <bob@grey.test>: Greylisted, see http://x",
        b"450 4.2.0 <...>: Greylisted, see http://x",
        b"Deferred: Deferred: twice",
        b"Deferred: twice",
        b"Deferred: 451 4.3.0 Greylisted, see http://x <a",
    ]
    rows = [first._replace(key=f"k{n}", reason=reason) for n, reason in enumerate(reasons)]
    states = [QueueState.LOST, QueueState.HELD, QueueState.QUEUED, QueueState.DEFERRED, QueueState.ACTIVE]
    rows += [first._replace(key=state.value, reason=None, state=state) for state in states]
    found = groups(rows, "reason")
    assert {group.value: group.count for group in found} == {
        b"450 4.2.0 <...>: Greylisted, see http://x": 3,
        b"Deferred: twice": 1,
        b"twice": 1,
        b"451 4.3.0 Greylisted, see http://x <a": 1,
        b"(lost)": 1,
        b"(held)": 1,
        b"(not tried yet)": 1,
        b"(no reason kept)": 2,
    }
    for others in ((), tuple(group.value for group in found)):
        for group in found:
            query = parse(expression("reason", group.value, literal=literal, others=others), "queue")
            wanted = query.rows(host="h", now=NOW, message=lambda row: world.Formats().message("h", None, row))
            assert sum(map(wanted, rows)) == group.count, (group.value, others)


def test_the_filter_of_a_group_is_short_where_its_words_tell_it_apart() -> None:
    value = b"450 4.2.0 <...>: Recipient address rejected: Greylisted"
    text = expression("reason", value, literal=literal, others=(value, b"Connection refused"))
    assert text == 'reason:"Recipient address rejected: Greylisted"'


def test_a_subject_is_decoded_and_a_broken_one_stays_as_it_is() -> None:
    assert subject_words(b"=?UTF-8?Q?Gr=C3=BC=C3=9Fe?= aus =?iso-8859-1?B?S/ZsbiE=?=") == "Grüße aus Köln!"
    for raw in (b"plain", b"=?x-unknown?q?a?=", b"=?utf-8?b?%%%?=", b"=?rot13?q?a?=", b"=?" * 9000, b"=?utf-8?b?A?="):
        assert subject_words(raw) == raw
    assert str(cell(subject_words(b"=?utf-8?q?=1B[2J=E2=80=AE?=")).plain) == "<1b>[2J<202e>"


def test_headers_show_macros_as_sendmail_writes_them() -> None:
    message = world.Formats().message("h", None, world.rows("h", 1)[0])
    headers = ((b"Return-Path", b"<\x81g>"), (b"X", b"\x81{auth_type} \xc3\x81g"))
    _, path, other = header_fields(replace(message, headers=headers))
    assert path.value is not None
    assert other.value is not None
    assert path.value.plain == "<$g>"
    assert other.value.plain == "${auth_type} \u00c1g"


@pytest.mark.parametrize(("width", "least"), [(76, 34), (117, 44), (197, 60)])
def test_a_reason_has_a_useful_width(width: int, least: int) -> None:
    placed = {each.column.id: each.width for each in place(QUEUE_COLUMNS, width, 2)}
    assert placed["reason"] >= least
    assert {"state", "age", "reason"} <= set(placed)
