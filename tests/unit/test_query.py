"""The filter language of contract.md."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtui.model import (
    Client,
    Hold,
    HoldBy,
    LogEvent,
    LogRecord,
    Message,
    QueueRow,
    QueueState,
    Recipient,
    RecipientState,
)
from mailtui.query import FilterError, literal, parse

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC).timestamp()


def row(**values: Any) -> QueueRow:
    base = QueueRow(
        "h:/q:6AM1", "6AM1", "mqueue", "bulk", b"/q", QueueState.DEFERRED, 5000, NOW - 7200, b"Anna@Sender.test",
        b"bob@aol.com", 2, (b"aol.com", b"mx.example.net"), b"Deferred: Connection refused", 3, NOW - 60, "1", b"", "t/1",
    )  # fmt: skip
    return base._replace(**values)


def message(each: QueueRow) -> Message:
    recipients = tuple(
        Recipient(address, RecipientState.DEFERRED) for address in (each.recipient, b"eve@mx.example.net")
    )
    return Message(
        each.key, each.id, "h", "mta", each.queue, each.queue_group, each.directory, each.state,
        Hold(HoldBy.OPERATOR, b"why"), each.size, each.arrived_at, None, each.sender, b"user1", Client(b"c.test", "192.0.2.1"),
        None, recipients, True, b"Invoice 7", each.reason, each.attempts, each.last_attempt_at, None, None,
    )  # fmt: skip


def holds(text: str, each: QueueRow | None = None) -> bool:
    return parse(text, "queue").rows(host="mx3", now=NOW, message=message)(each or row())


@pytest.mark.parametrize(
    "text",
    [
        "refused", "REFUSED", "anna bob", "from:anna", "from=anna@sender.test", "to:eve", "to=eve@mx.example.net",
        "domain=aol.com", "domain=.example.net", "domain=mx.example.net", "age>1h", "age<1d", "age>=2h", "age>1h30m", "size>2K",
        "size<=5000", "size=5000", "attempts=3", "nrcpt>1", "state=deferred", "not state=held", "!held", "! from:bob",
        "reason~^Deferred:\\s+Conn", "from:zzz or to:eve", "(from:zzz or to:eve) age>1h", "subject:invoice", "auth=user1",
        "client:192.0.2", "client=c.test", "held_by=operator", "host=mx3", "instance=mta", "id=6am1", "key:/q", "group=bulk",
        "queue=mqueue", "directory=/q", "anna and bob", '"connection refused"', 'reason="deferred: connection refused"',
        "not (from:zzz or from:yyy)", "! ! anna", "age>3600", "sender:anna recipient:eve", "recipients=bob@aol.com",
        "mx3", "mx", "not mx4", "size>4KiB", "size<1MiB", "size>1kib", "size<=5000B", "from=<anna@sender.test>", "from:<ANNA@sender.test>",
        "to=<bob@aol.com>", 'client="c.test [192.0.2.1]"', "zzz OR anna", "zzz OR NOT zzz", "anna AND NOT zzz", "NOT(zzz)",
        "size > 2K", "size >2K", "size> 2K", "age >= 1h", "state = deferred", "from : anna", 'reason ~ "^Deferred"', "reason ~ (re|x)fused",
        "nrcpt >1", "from: anna to:eve", '( from = "anna@sender.test" )', "nrcpt <3",
    ],
)  # fmt: skip
def test_it_matches(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "zzz", "anna zzz", "from=anna", "domain=example.net", "domain=.aol.co", "age>3h", "size>5K", "attempts<3", "state=held",
        "not refused", "!refused", "reason~^conn", "from:zzz or to:zzz", "to=bob", "subject:zzz", "host=mx4", '"anna bob"',
        "<>", "from=<>", "from:<>", 'from=""', 'auth=""', 'reason=""', 'domain=""', 'client=""', "mx4", "!mx3", "anna :25", "anna ~root",
        "anna <zoe@sender.test>", "anna <1@sender.test>", "Or anna", '"OR" anna', 'from="<anna@sender.test>"', "size < 2K",
    ],
)  # fmt: skip
def test_it_does_not_match(text: str) -> None:
    assert not holds(text)


def test_what_is_not_known_is_neither_older_nor_younger() -> None:
    unknown = row(arrived_at=None, size=None, attempts=None, reason=None, nrcpt=1, queue_group=None)
    for text in ("age>0s", "age<9d", "size>0", "attempts>=0", "reason~."):
        assert not holds(text, unknown)
    assert holds("not reason~.", unknown)


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("", 1, "expected"), ("from:", 6, "value"), ("age>soon", 5, "duration"), ("size>big", 6, "size"), ("(anna", 1, "not closed"),
        ("anna)", 5, "closes nothing"), ('"anna', 1, "not closed"), ("form:anna", 1, "no field form"), ("reason~a(", 9, "regular"),
        ("from>3", 1, "text"), ("age:3", 1, "compared"), ("anna or", 8, "expected"), ("not", 1, "negated"), ("attempts>x", 10, "number"),
        ("cluster=x", 1, "not clustered"), ("class=x", 1, "not classified"), ('"a\\q"', 3, "backslash"), ("x" * 300_000, 262_145, "at most"),
        ("(" * 300, 101, "deeply"), ("!" * 300 + "a", 101, "deeply"), ("anna or or bob", 9, "expected"), ("()", 2, "expected"),
        ("and anna", 1, "expected"), ("anna and", 9, "expected"), ("or anna", 1, "expected"), ("anna AND", 9, "expected"),
        ("(anna and)", 10, "expected"), ("anna and and bob", 10, "expected"), ("anna and or bob", 10, "expected"), ("not and", 1, "negated"),
        (">3", 1, "field is expected before >"), ("anna (=x)", 7, "field is expected before ="), (">=3", 1, "before >="), ("<5", 1, "before <"),
        ("!=x", 1, "before !="), ("anna or >3", 9, "field is expected"), ("or = x", 4, "expected before ="), (": x", 1, "before :"), ("~", 1, "before ~"),
        ("from: ", 7, "value"), ("from: or to:eve", 6, "value"), ("from: to:eve", 6, "value"), ("size > (3)", 8, "value"),
        ("anna >3", 1, "no field anna"),
    ],
)  # fmt: skip
def test_a_fault_names_its_column_and_what_was_expected(text: str, column: int, expected: str) -> None:
    with pytest.raises(FilterError, match=expected) as caught:
        parse(text, "queue")
    assert caught.value.column == column
    assert caught.value.exit_code == 2


def test_many_parentheses_in_a_row_or_in_quotes_are_not_deep() -> None:
    assert holds("(anna) " * 300)
    assert not holds(f'from="{"(!not" * 300}"')


@pytest.mark.parametrize(
    ("text", "column", "cure"),
    [
        ("nrcpt!=1", 6, "write not nrcpt=1"), ("anna domain!=x", 12, "write not domain=x"), ("domain != x", 8, "write not domain=x"),
        ("domain !=x", 8, "write not domain=x"), ("state==held", 6, "write state=held"), ("state == held", 7, "write state=held"),
        ("reason!~time", 7, "write not reason~time"), ("reason=~time", 7, "write reason~time"), ("age=>1h", 4, "write age>=1h"),
        ("nrcpt<>1", 6, "write not nrcpt=1"), ('from!="a b"', 5, 'write not from="a b"'), ("from!=", 5, "write not from=VALUE"),
        ("age!>1h", 4, "write not age>1h"), ("from !: anna", 6, "write not from:anna"), ("a || b", 3, "write or, or quote the text"),
        ("a && b", 3, "write and, or quote the text"), ("from:a||to:b", 7, "write or, or quote the text"),
    ],
)  # fmt: skip
def test_operators_of_other_languages_are_named_with_what_to_write(text: str, column: int, cure: str) -> None:
    with pytest.raises(FilterError, match="is not an operator") as caught:
        parse(text, "queue")
    assert (caught.value.column, caught.value.cure) == (column, cure)


def test_operators_of_other_languages_are_text_within_quotes() -> None:
    each = row(reason=b"a || b && c != d == e <> OR > x")
    assert holds('"||" "&&" "!=" "==" "OR" "> x" reason:"<>"', each)
    assert holds("reason~b\\s&& host!user:x or a", each)


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("attempt>3", "did you mean attempts?"), ("sendr:x", "did you mean sender?"), ("age:1h", "for example age>1h"),
        ("age:soon", "for example age>30s, 5m, 2h, 1d"), ("size~2M", "for example size>2M"), ("size>10Kilo", "for example size>10K or 2M"),
    ],
)  # fmt: skip
def test_faults_say_what_to_write_instead(text: str, cure: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text, "queue")
    assert caught.value.cure == cure


def test_the_empty_value_asks_for_messages_without_one() -> None:
    bare = row(reason=None, domains=(), sender=b"")

    def found(text: str, **values: Any) -> bool:
        decoded = replace(message(bare), **{"auth_user": None, "client": None, **values})
        return parse(text, "queue").rows(host="mx3", now=NOW, message=lambda each: decoded)(bare)

    for text in ('auth=""', 'reason=""', 'domain=""', 'client=""', 'from=""', "from=<>", "from:<>", "<>"):
        assert found(text), text
    assert found('client=""', client=Client(None, None))
    assert found('client="[192.0.2.1]"', client=Client(None, "192.0.2.1"))
    assert not found('client=""', client=Client(None, "192.0.2.1"))
    assert not found("reason~.")
    assert not found("reason:refused")
    assert holds('domain=""', row(domains=(b"", b"aol.com")))


def test_the_cure_of_a_faulty_time_is_a_sensible_one() -> None:
    with pytest.raises(FilterError) as caught:
        parse("at>25:40", "log")
    assert caught.value.cure == "for example at>13:40, 2026-11-22, 2026-11-22T13:40Z"


RECORD = LogRecord(
    "mx3", NOW - 600, b"", b"sm-mta", 7, "6AM1", LogEvent.DEFERRED, b"whole line with timeout", recipient=b"a@b.test,c@d.test",
    relay=b"mx.d.test", dsn="4.4.1", result=b"Deferred", client=None, auth_user=None, sender=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("timeout", True), ("event=deferred", True), ("to=c@d.test", True), ("to=a@b.test,c@d.test", False), ("dsn~^4", True),
        ("program=sm-mta relay:d.test", True), ("from:x", False), ("not from:x", True), ("at>2026-11-22T14:45Z", True),
        ("at<15m", False), ("at>15m", True), ("id=6AM1 host=mx3", True), ("at>2026-11-23", False), ("text:line", True),
        ("mx3", True), ("MX3 timeout", True), ("mx4", False), ("from=<>", False), ("<>", False), ("recipient=<c@d.test>", True),
        ("at > 2026-11-22T14:45Z", True), ('from=""', False),
    ],
)  # fmt: skip
def test_log_records_are_asked_in_the_same_language(text: str, wanted: bool) -> None:
    assert parse(text, "log").records(now=NOW)(RECORD) is wanted


def test_the_null_sender_of_a_log_line() -> None:
    line = replace(RECORD, sender=b"", text=b"6AM1: from=<>, size=5")
    for text in ("from=<>", "<>", 'from=""'):
        assert parse(text, "log").records(now=NOW)(line)


def test_a_clock_time_is_the_latest_one_past() -> None:
    local = datetime.fromtimestamp(NOW - 300)
    later = datetime.fromtimestamp(NOW + 3600)
    assert parse(f"at<{local:%H:%M}", "log").records(now=NOW)(RECORD)
    assert parse(f"at>{later:%H:%M:%S}", "log").records(now=NOW)(RECORD)
    for wrong in ("25:00", "noon", "2026-13-01"):
        with pytest.raises(FilterError, match="time"):
            parse(f"at>{wrong}", "log")


@given(st.binary())
def test_a_literal_stands_for_itself(value: bytes) -> None:
    assert holds(f"from={literal(value)}", row(sender=value))


@given(st.text(alphabet='abc:=~<>()!" \\nortdage19hx', max_size=40))
def test_any_text_is_read_or_refused_with_a_column(text: str) -> None:
    try:
        parse(text, "queue")
    except FilterError as error:
        assert 1 <= error.column <= len(text) + 1


def never(each: QueueRow) -> Message:
    raise AssertionError(f"{each.id} was decoded")


@pytest.mark.parametrize(
    "text", ["zzz", "to:zzz", "to=zzz@x.test", "auth=zzz", "anna zzz", "from:zzz to:eve", "age>3h to:eve"]
)
def test_no_row_is_decoded_that_cannot_match(text: str) -> None:
    stored = row(raw=b"V8\nRPFD:<bob@aol.com>\nRPFD:<eve@mx.example.net>\n")
    assert not parse(text, "queue").rows(host="mx3", now=NOW, message=never)(stored)


def test_recipients_that_the_raw_record_may_hold_are_decoded() -> None:
    stored = row(raw=b"V8\nRPFD:<bob@aol.com>\nRPFD:<EVE@mx.example.net>\n")
    for text in ("eve@mx", "to:eve", 'to:"eve@mx.example.net"', 'to~"^eve"'):
        assert holds(text, stored)


def test_what_a_raw_record_may_write_otherwise_is_always_decoded() -> None:
    stored = row(raw=b'{"recipients": ["a\\"b@x.test"]}')
    assert parse('to:"a\\"b"', "queue").rows(
        host="mx3", now=NOW, message=lambda each: message(each._replace(recipient=b'a"b@x.test'))
    )(stored)


@pytest.mark.parametrize(
    ("text", "literals"),
    [
        ("Timeout", (b"timeout",)),
        ("from:A relay=b timeout", (b"a", b"b", b"timeout")),
        ("(id:6AM1 dsn:4)", (b"6am1", b"4")),
        ("a or b", ()),
        ("not a", ()),
        ("c (a or b) !d", (b"c",)),
        ("reason", (b"reason",)),
        ("event=sent auth:x client:y host=mx3 at>1h text~x", ()),
        ('from=""', ()),
        ("from=<> from:<A>", (b"a",)),
        ("mx MX3 mx3a from:mx", (b"mx3a", b"mx")),
    ],
)
def test_literals_that_every_matching_line_holds(text: str, literals: tuple[bytes, ...]) -> None:
    assert parse(text, "log").literals("mx3") == literals


@pytest.mark.parametrize(
    "pattern", ["(a+)+", "(?:a*)*b", "((x|a+))+", "(a{2,})*", "(?P<n>a+)+$", "(a+|b)+c", "x([a-z]+)+"]
)
def test_a_pattern_that_could_run_for_ever_is_refused(pattern: str) -> None:
    with pytest.raises(FilterError, match="for ever") as caught:
        parse(f"reason~{pattern}", "queue")
    assert caught.value.column > len("reason~(")


@pytest.mark.parametrize(
    "pattern",
    ["(a++)+", "(ab)+", "[(a+)+]", r"(\+)+", "(a{2,3})+", "(a)+(b)+", "a+b+", "(?:x+y)?", r"\(a+\)+", "(?i)deferred.*"],
)
def test_harmless_patterns_are_taken(pattern: str) -> None:
    parse(f"reason~{pattern}", "queue")


def test_a_pattern_ends_at_a_bracket_it_did_not_open() -> None:
    assert holds("(reason~refused$ or from:zzz)")
    assert holds("(reason~(refused|timeout)$)")
    assert holds(r"(reason~Conn[^)]*refused)")
    assert not holds("not (reason~refused)")


@pytest.mark.parametrize("text", ["reason~a{99999999999}", "reason~(?P<", "reason~*", "reason~\\"])
def test_any_fault_of_a_pattern_is_told(text: str) -> None:
    with pytest.raises(FilterError, match="regular expression"):
        parse(text, "queue")


@pytest.mark.parametrize("text", ["age>²", "size>²K", "attempts>nan", "attempts>inf", "nrcpt>1_0", "age>٣h", "age>1e3"])
def test_numbers_are_plain_digits(text: str) -> None:
    with pytest.raises(FilterError):
        parse(text, "queue")
