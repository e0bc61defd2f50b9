"""The store: changes in, snapshots out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtui.errors import MailtuiError
from mailtui.model import (
    Accepting,
    Identity,
    LinkState,
    LogEvent,
    LogRecord,
    Message,
    Network,
    QueueListing,
    QueueRow,
    QueueState,
    Rates,
    Service,
    Stats,
)
from mailtui.store import (
    Change,
    EvidenceRead,
    Heard,
    HostFound,
    LinkChanged,
    LogGapped,
    LogRead,
    QueueRead,
    QueueTable,
    SourceFailed,
    StatsRead,
    Store,
    Topic,
    View,
    decode,
    encode,
)
from mailtui.store.log import CODES, RATE_LEAST, RATE_WINDOW, LogBuffer, matching
from mailtui.store.store import SAMPLES

SERVICE = Service(True, ("*:25",), Accepting.YES, None, ())
STATS = Stats(
    1.0, SERVICE, (), (0.1, 0.2, 0.3), 2, 1.0, None, None, Network(None, None, 1), None, None, Rates(), 5.0,
)  # fmt: skip
IDENTITY = Identity("sendmail", "8.17", ("mta",), 0.5, "oncall", (("cf", "/etc/mail/sendmail.cf"),))


class Reader:
    """Calls every line with `to=` sent, else other."""

    def events(self, block: bytes) -> bytes:
        return bytes(CODES[LogEvent.SENT if b"to=" in line else LogEvent.OTHER] for line in block.splitlines())

    def record(self, line: bytes, file: str = "", offset: int | None = None) -> LogRecord:
        return LogRecord("h", None, b"", b"", None, None, LogEvent.OTHER, line, file=file, offset=offset)


class Formats:
    """Decodes nothing."""

    def message(self, host: str, identity: Identity | None, row: QueueRow) -> Message:
        raise NotImplementedError

    def log_reader(self, host: str, identity: Identity | None) -> Reader:
        return Reader()


def row(id_: str, **values: Any) -> QueueRow:
    base = QueueRow(
        f"h:/q:{id_}", id_, "mqueue", None, b"/q", QueueState.DEFERRED, 10, 100.0, b"a@b", b"c@d", 1, (b"d",), b"why",
        1, 150.0, f"{id_}.1", b"raw", "test/1",
    )  # fmt: skip
    return base._replace(**values)


def listing(*rows: QueueRow, at: float = 200.0, **values: Any) -> QueueListing:
    return replace(QueueListing(at, True, (), rows), **values)


def store(*changes: Change) -> Store:
    made = Store(Formats(), ["h"])
    for change in changes:
        made.apply(change)
    return made


CHANGES: list[Change] = [
    LinkChanged("h", 1.0, LinkState.RETRYING, "no route", "wait", 3, 9.0),
    Heard("h", 2.0, 0.012),
    HostFound("h", 3.0, IDENTITY, ()),
    QueueRead("h", 4.0, listing(row("a", sender=b"\xff\x00"))),
    StatsRead("h", 5.0, STATS),
    LogRead("h", 6.0, "/var/log/mail.log", 0, b"\x80 line\n", True),
    LogGapped("h", 7.0, "/var/log/mail.log", "truncated"),
    SourceFailed("h", 8.0, "log", "not readable"),
    EvidenceRead("h", 9.0, "queue", "sendmail -bp", b"\x1b", None),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: type(change).__name__)
def test_a_change_comes_back_as_it_was(change: Change) -> None:
    line = encode(change)
    assert line.isascii()
    assert line.endswith(b"\n")
    assert decode(line) == change


@given(
    st.builds(LogRead, st.text(), st.floats(allow_nan=False), st.text(), st.integers(), st.binary(), st.booleans())
    | st.builds(
        EvidenceRead,
        st.text(),
        st.floats(allow_nan=False),
        st.text(),
        st.text(),
        st.binary(),
        st.none() | st.integers(),
    )
)
def test_any_change_comes_back_as_it_was(change: Change) -> None:
    assert decode(encode(change)) == change


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"x",
        b"[1]",
        b'[1,"Nope",[]]',
        b'[1,"Heard",["h"]]',
        b'[1,"Heard",["h","x",null]]',
        b'[1,"Heard",3]',
        b"null",
    ],
)
def test_what_is_not_a_change_is_refused(line: bytes) -> None:
    with pytest.raises(MailtuiError, match="not a change"):
        decode(line)


def test_another_format_is_refused_by_its_number() -> None:
    number, kind, fields = json.loads(encode(CHANGES[1]))
    with pytest.raises(MailtuiError, match="format 2"):
        decode(json.dumps([number + 1, kind, fields]).encode())


def test_a_subscriber_hears_of_host_and_topic_until_it_leaves() -> None:
    heard: list[tuple[str, Topic]] = []
    made = Store(Formats())
    leave = made.subscribe(lambda host, topic: heard.append((host, topic)))
    for change in CHANGES:
        made.apply(change)
    leave()
    made.apply(CHANGES[0])
    assert [topic for _, topic in heard] == [
        Topic.LINK, Topic.LINK, Topic.LINK, Topic.QUEUE, Topic.STATS, Topic.LOG, Topic.LOG, Topic.LINK, Topic.EVIDENCE,
    ]  # fmt: skip
    assert {host for host, _ in heard} == {"h"}


def test_a_partial_listing_changes_the_table_and_a_whole_one_replaces_it() -> None:
    made = store(QueueRead("h", 1.0, listing(row("a"), row("b"))))
    made.apply(QueueRead("h", 2.0, listing(row("c"), row("b", attempts=5), partial=True, removed=("h:/q:a",))))
    table = made.host("h").table
    assert {key: each.attempts for key, each in table.by_key.items()} == {"h:/q:b": 5, "h:/q:c": 1}
    made.apply(QueueRead("h", 3.0, listing(row("z"))))
    assert [each.id for each in made.host("h").table.rows(View())] == ["z"]
    assert [count for _, count in made.trend("h")] == [2, 2, 1]


def test_an_unchanged_refresh_keeps_the_sorted_orders() -> None:
    first = QueueTable.build(listing(row("a"), row("b")))
    order = first.rows(View())
    second = QueueTable.build(listing(at=300.0, partial=True), first)
    assert second.rows(View()) is order
    assert second.taken_at == 300.0
    assert second.version != first.version


def test_rows_are_sorted_and_filtered() -> None:
    table = QueueTable.build(listing(row("a", arrived_at=50.0), row("b", arrived_at=None), row("c", size=None)))
    assert [each.id for each in table.rows(View("age", True))] == ["a", "c", "b"]
    assert [each.id for each in table.rows(View("size", False))] == ["c", "a", "b"]
    assert [each.id for each in table.rows(View("id", False, lambda each: each.id != "b"))] == ["a", "c"]


def test_counts_and_ages() -> None:
    held, lost = row("b", state=QueueState.HELD, arrived_at=20.0), row("c", state=QueueState.LOST)
    made = store(QueueRead("h", 1.0, listing(row("a", arrived_at=50.0), held, lost)))
    counts = made.host("h").counts(200.0)
    assert counts is not None
    assert (counts.deferred, counts.held, counts.lost, counts.total) == (1, 1, 1, 3)
    assert (counts.oldest_age, counts.oldest_held_age, counts.oldest_lost_age) == (150.0, 180.0, 100.0)
    assert Store(Formats(), ["x"]).host("x").counts(1.0) is None


def test_a_failure_stays_until_its_source_is_read_again() -> None:
    made = store(SourceFailed("h", 1.0, "queue", "no"), SourceFailed("h", 2.0, "log", "no"))
    assert made.host("h").failure("queue") is not None
    made.apply(QueueRead("h", 3.0, listing()))
    assert made.host("h").failure("queue") is None
    assert made.host("h").failure("log") is not None


def test_a_message_is_made_on_demand_and_none_when_gone() -> None:
    made = store(QueueRead("h", 1.0, listing(row("a"))))
    assert made.message("h", "h:/q:none") is None
    with pytest.raises(NotImplementedError):
        made.message("h", "h:/q:a")


def test_evidence_is_that_of_the_last_reading_and_cut_where_long() -> None:
    made = store(
        EvidenceRead("h", 1.0, "queue", "one", b"1", 0), EvidenceRead("h", 2.0, "queue", "two", b"x" * 600_000, 0)
    )
    made.apply(EvidenceRead("h", 2.0, "queue", "three", b"3", None))
    assert [shown.command for shown in made.evidence("h", "queue")] == ["two", "three"]
    assert made.evidence("h", "queue")[0].output.endswith(b"bytes more]\n")
    assert made.evidence("h", "log") == ()


def test_the_evidence_of_a_log_is_its_newest_lines_as_they_came() -> None:
    made = store(
        LogRead("h", 1.0, "/old", 0, b"Nov 1 old\n", False),
        LogRead("h", 2.0, "/log", 0, b"Nov 2 a: \x1b[1m\n", True),
        LogRead("h", 3.0, "/log", 17, b"Nov 2 b\n", True),
    )
    (shown,) = made.evidence("h", "log")
    assert (shown.command, shown.output) == ("tail -c 22 /log", b"Nov 2 a: \x1b[1m\nNov 2 b\n")
    made.apply(LogRead("h", 4.0, "/log", 25, b"x" * 50_000 + b"\n" + b"y" * 50_000 + b"\n", True))
    assert made.evidence("h", "log")[0].output == b"y" * 50_000 + b"\n"
    made.apply(LogGapped("h", 5.0, "/log", "rotated twice"))
    assert made.evidence("h", "log") == ()


def test_the_last_samples_are_kept() -> None:
    made = store(*(StatsRead("h", float(at), replace(STATS, taken_at=float(at))) for at in range(SAMPLES + 5)))
    assert [each.taken_at for each in made.samples("h")] == [float(at) for at in range(5, SAMPLES + 5)]


def test_rates_of_the_first_moments_and_of_a_time_away_are_not_told() -> None:
    made = store(LogRead("h", 100.0, "f", 0, b"to=x\n" * 30, True))
    assert made.rates("h", 100.0 + RATE_LEAST - 1) == Rates()
    assert made.rates("h", 130.0).delivered == 60.0
    made.apply(LinkChanged("h", 200.0, LinkState.OK))
    made.apply(LogRead("h", 201.0, "f", 0, b"to=x\n", True))
    assert made.rates("h", 231.0).delivered == 2.0


def test_rates_come_from_the_live_log_alone_where_the_mta_counts_nothing() -> None:
    made = store(
        LogRead("h", 0.0, "f", 0, b"to=old\n" * 50, False), LogRead("h", 100.0, "f", 0, b"to=x\nother\n", True)
    )
    assert made.rates("h", 160.0).delivered == 1.0
    assert made.rates("h", 100.0 + RATE_WINDOW + 1) == Rates()
    counted = replace(STATS, rates=Rates(received=7.0))
    made.apply(StatsRead("h", 200.0, counted))
    assert made.rates("h", 200.0).received == 7.0


# --- the log buffer -------------------------------------------------------------------------------------------------


@given(st.lists(st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), min_size=1), max_size=6))
def test_lines_keep_their_number_and_bytes(blocks: list[list[bytes]]) -> None:
    buffer = LogBuffer(Reader())
    for lines in blocks:
        buffer.append("f", 0, b"".join(line + b"\n" for line in lines), at=0.0, live=True)
    flat = [line for lines in blocks for line in lines]
    assert (buffer.first, buffer.end) == (0, len(flat))
    assert [buffer.line(number) for number in range(buffer.end)] == flat


def test_old_blocks_fall_off_and_numbers_stay() -> None:
    buffer = LogBuffer(Reader(), keep=30)
    for number in range(10):
        buffer.append("f", number * 10, b"line %04d\n" % number, at=0.0, live=True)
    assert (buffer.first, buffer.end) == (7, 10)
    assert buffer.line(9) == b"line 0009"
    assert buffer.record(9).offset == 90
    with pytest.raises(IndexError):
        buffer.line(6)


def test_a_gap_is_a_line_of_ours() -> None:
    buffer = LogBuffer(Reader())
    buffer.append("f", 0, b"to=a\n", at=0.0, live=True)
    buffer.gap("f", "truncated")
    assert buffer.is_gap(1)
    assert not buffer.is_gap(0)
    assert buffer.line(1) == b"--- gap: truncated ---"
    assert (buffer.event(0), buffer.event(1)) == (LogEvent.SENT, LogEvent.WARNING)
    assert buffer.record(1).event is LogEvent.WARNING
    buffer.append("f", 0, b"", at=0.0, live=True)
    assert buffer.end == 2


def test_lines_are_found_by_bytes_and_by_record() -> None:
    buffer = LogBuffer(Reader())
    buffer.append("f", -1, b"one x\ntwo\nx three x\n", at=0.0, live=True)
    assert buffer.containing(b"x") == [0, 2]
    (block,) = buffer.blocks()
    assert list(matching(block, lambda record: b"two" in record.text, buffer.reader)) == [1]
    assert buffer.record(0).offset is None
    assert list(buffer.blocks(3)) == []


def test_the_reader_changes_when_the_host_is_known_better() -> None:
    made = store(LogRead("h", 0.0, "f", 0, b"x\n", True))
    before = made.log("h").reader
    made.apply(HostFound("h", 1.0, IDENTITY, ()))
    after = made.log("h").reader
    assert after is not before
    made.apply(HostFound("h", 1.0, IDENTITY, ()))
    assert made.log("h").reader is after
    assert store(HostFound("h", 1.0, IDENTITY, ())).log("h").end == 0


def test_heard_keeps_the_last_latency() -> None:
    made = store(Heard("h", 1.0, 0.5), Heard("h", 2.0, None))
    assert (made.host("h").heard_at, made.host("h").latency) == (2.0, 0.5)
