"""Streams of a followed log in any split: the same lines, the same gaps, the same cursor; nothing raises."""

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from mailtui.model import Identity, LogCursor
from mailtui.mta.contract import LogBlock, LogGap
from mailtui.mta.sendmail.follow import SendmailFollow, data_lines, destinations, follow_parser
from mailtui.parsing.logsearch import found_lines, unread
from mailtui.procedure import Begin, Data, Event, Section

HOST = Identity("sendmail", "8.17", (), None, "oncall", ())
TEXT = st.lists(st.sampled_from([b"line", b"\n", b"\n", b"\0", b"\r", b"\xff", b"x" * 300]), max_size=12).map(b"".join)


def follow(events: list[Event], cursor: LogCursor | None = None) -> tuple[list[LogBlock | LogGap], SendmailFollow]:
    parser = follow_parser(HOST, "/log", cursor)
    return [each for event in events for each in parser.feed(event)], parser


def cut(body: bytes, places: list[int]) -> list[Event]:
    """Give a body as Data events, cut at some places."""
    ends = sorted({min(place, len(body)) for place in places} | {len(body)})
    return [Data(body[start:end]) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


@given(TEXT, TEXT, st.lists(st.integers(0, 400), max_size=6), st.integers(0, 1000))
def test_any_split_gives_the_same_lines_offsets_and_cursor(
    old: bytes, new: bytes, places: list[int], offset: int
) -> None:
    before = b"b" * min(offset, 256)
    events: list[Event] = [Begin("before", ()), *cut(before, places)]
    events += [Begin("log", ("/log", "1", "2", str(offset))), *cut(old, places), Begin("live", ()), *cut(new, places)]
    found, _ = follow(events)
    blocks = [each for each in found if isinstance(each, LogBlock)]
    assert len(blocks) == len(found)
    whole = old + new
    end = whole.rfind(b"\n") + 1
    assert b"".join(block.lines for block in blocks) == whole[:end]
    for block in blocks:
        assert whole[block.offset - offset :].startswith(block.lines)
    if blocks:
        cursor = next(block.cursor for block in reversed(blocks) if block.cursor)
        last = (before + whole[:end])[-256:]
        assert cursor == LogCursor("/log", 1, 2, offset + end, sha256(last).hexdigest())


@given(TEXT, TEXT, st.lists(st.integers(0, 400), max_size=6))
def test_a_rotation_ends_an_open_line_and_loses_none(old: bytes, new: bytes, places: list[int]) -> None:
    events: list[Event] = [Begin("log", ("/log", "1", "2", "0")), *cut(old, places)]
    events += [Begin("log", ("/log", "1", "3", "0")), *cut(new, places)]
    found, _ = follow(events)
    lines = b"".join(each.lines for each in found if isinstance(each, LogBlock))
    ended = old if old.endswith(b"\n") or not old else old + b"\n"
    assert lines == ended + new[: new.rfind(b"\n") + 1]


@given(TEXT, TEXT, st.lists(st.integers(0, 400), max_size=6))
def test_the_same_place_under_another_name_goes_on(old: bytes, new: bytes, places: list[int]) -> None:
    first: list[Event] = [Begin("log", ("/log", "1", "2", "0")), *cut(old, places)]
    second: list[Event] = [Begin("before", ()), Data(old[-256:])] if old else []
    second += [Begin("copy", ("/log.1", "1", "9", str(len(old)))), *cut(new, places)]
    found, _ = follow(first + second)
    lines = b"".join(each.lines for each in found if isinstance(each, LogBlock))
    whole = old + new if old else b""
    assert lines == whole[: whole.rfind(b"\n") + 1]


@given(
    st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"") + b"\n"), min_size=1, max_size=30),
    st.data(),
)
def test_overlap_finds_the_last_line(lines: list[bytes], data: st.DataObject) -> None:
    lines = [b"%d %b" % (number, line) for number, line in enumerate(lines)]
    seen = data.draw(st.integers(1, len(lines)))
    known = b"".join(lines[:seen])
    cursor = LogCursor("/log", 0, 0, 5, sha256(known[-256:]).hexdigest())
    body = b"".join(lines)
    places = data.draw(st.lists(st.integers(0, len(body)), max_size=5))
    found, _ = follow([Begin("window", ("/log", str(len(lines)), "0")), *cut(body, places)], cursor)
    assert b"".join(each.lines for each in found if isinstance(each, LogBlock)) == body[len(known) :]
    assert not [each for each in found if isinstance(each, LogGap)]


NAMES = st.sampled_from(["log", "copy", "gap", "live", "before", "window", "matches", "lines", "file", "unread", ""])
ARGS = st.lists(st.sampled_from(["/log", "1", "0", "99999999999999999999", "-1", "x", "possible"]), max_size=5).map(
    tuple
)


@given(st.lists(st.builds(Begin, NAMES, ARGS) | st.builds(Data, TEXT), max_size=12))
def test_no_stream_makes_it_raise(events: list[Event]) -> None:
    follow(events)


@given(st.lists(st.builds(Section, NAMES, ARGS, TEXT), max_size=6))
def test_no_reply_makes_a_search_raise_or_lose_lines(sections: list[Section]) -> None:
    found = list(found_lines(sections))
    unread(sections)
    for section in sections:
        if section.name == "file":
            for line in section.body.removesuffix(b"\n").split(b"\n") if section.body else []:
                assert line in [each.line for each in found]


@given(st.binary(max_size=200))
def test_no_rules_make_it_raise(rules: bytes) -> None:
    for tier in destinations(rules):
        data_lines(*tier)
