"""The filter language: what is compiled means what the tree says, and literals never lose a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtui.model import LogEvent, LogRecord, Message, QueueRow, QueueState
from mailtui.query import FilterError, literal, parse
from mailtui.query.syntax import And, Node, Not, Or, Term, read

WORDS = ("anna", "Bob", "x y", "aol.com", "4.4.1", "(", "not", "", "\xff", "a")


def row(sender: bytes, reason: bytes | None, nrcpt: int) -> QueueRow:
    return QueueRow(
        "k", "6AM1", "mqueue", None, b"/q", QueueState.QUEUED, 1, 0.0, sender, b"bob@aol.com", nrcpt, (b"aol.com",),
        reason, nrcpt, None, "1", b"", "t/1",
    )  # fmt: skip


def no_message(each: QueueRow) -> Message:
    raise AssertionError(each)


rows = st.builds(
    row, st.sampled_from([b"Anna@x", b"", b"\xff", b"or"]), st.none() | st.sampled_from([b"a (", b"x y"]), st.just(1)
)
words = st.sampled_from(WORDS).map(lambda word: literal(word.encode("latin-1")))
blanks = st.sampled_from(["", " ", "  "])
terms = st.one_of(
    words,
    st.sampled_from(["<>", "from=<>", "to:<bob@aol.com>", "h", "sender = anna@x", '"OR"']),
    st.builds(
        "{}{}{}{}{}".format,
        st.sampled_from(["from", "reason", "domain", "to", "recipient"]),
        blanks,
        st.sampled_from([":", "="]),
        blanks,
        words,
    ),
    st.builds(
        "{}{}{}{}{}".format,
        st.sampled_from(["attempts", "nrcpt"]),
        blanks,
        st.sampled_from([">", "<=", "="]),
        blanks,
        st.integers(0, 3),
    ),
)
texts = st.recursive(
    terms,
    lambda inner: st.one_of(
        st.builds("({} {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        st.builds("({} and {})".format, inner, inner),
        st.builds("not {}".format, inner),
        st.builds("NOT {}".format, inner),
        st.builds("!{}".format, inner),
    ),
    max_leaves=8,
)


def means(node: Node, each: QueueRow) -> bool:
    """Evaluate a tree the slow and obvious way, each term compiled by itself."""
    match node:
        case And(terms=parts):
            return all(means(part, each) for part in parts)
        case Or(terms=parts):
            return any(means(part, each) for part in parts)
        case Not(term=part):
            return not means(part, each)
        case Term(field=field, operator=operator, value=value):
            text = f"{field}{operator}{literal(value)}"
            return parse(text, "queue").rows(host="h", now=0.0, message=no_message)(each)


@given(texts, rows)
def test_compiled_is_what_the_tree_means(text: str, each: QueueRow) -> None:
    assert parse(text, "queue").rows(host="h", now=0.0, message=no_message)(each) is means(read(text), each)


@given(terms, terms)
def test_words_mean_the_same_in_capitals(one: str, other: str) -> None:
    for text in ("{} or {}", "{} and not {}", "not {} or not({})"):
        assert read(text.upper().format(one, other)) == read(text.format(one, other))


@given(
    st.sampled_from(["==", "!=", "=~", "!~", "=>", "<>"]), st.sampled_from(["from", "nrcpt", "age", "reason"]), words
)
def test_an_operator_of_another_language_never_passes(operator: str, field: str, value: str) -> None:
    text = f"anna {field}{operator}{value}"
    with pytest.raises(FilterError) as caught:
        parse(text, "queue")
    assert caught.value.column == len(f"anna {field}") + 1
    read(caught.value.cure.removeprefix("write "))


LINE = b"Nov 22 20:00:00 h sm-mta[7]: 6AM1: to=<a@b.test>,<c@d.test>, relay=mx.d.test., dsn=4.4.1, stat=Deferred: why"
RECORD = LogRecord(
    "MX3", 0.0, b"Nov 22 20:00:00", b"sm-mta", 7, "6AM1", LogEvent.DEFERRED, LINE, recipient=b"a@b.test,c@d.test",
    relay=b"mx.d.test.", dsn="4.4.1", result=b"Deferred: why",
)  # fmt: skip
log_words = st.sampled_from(["A@B", "why", "zzz", "6am1", "deferred: WHY", "4.4.1", "mx3", "x3"]).map(
    lambda word: literal(word.encode())
)
log_terms = st.one_of(
    log_words,
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["to", "id", "relay", "dsn", "result", "text"]),
        st.sampled_from([":", "="]),
        log_words,
    ),
)
log_texts = st.recursive(
    log_terms,
    lambda inner: st.one_of(
        st.builds("({} {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not {}".format, inner),
    ),
    max_leaves=6,
)


@given(log_texts)
def test_a_line_without_a_literal_never_matches(text: str) -> None:
    query = parse(text, "log")
    if query.records(now=0.0)(RECORD):
        assert all(one in LINE.lower() for one in query.literals("MX3"))


@given(
    st.text(alphabet='abresonORT~:=<>()[]{}!?*+|&^$\\"., x0²é', max_size=40),
    st.sampled_from(["queue", "log"]),
    st.sampled_from(["", "reason~", "text~", "age>", "at>", "size<"]),
)
def test_any_text_is_read_or_refused(text: str, kind: str, before: str) -> None:
    try:
        parse(before + text, kind)
    except FilterError as error:
        assert 1 <= error.column <= len((before + text).encode()) + 1
