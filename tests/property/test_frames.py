"""Any split of the same bytes gives the same events, and the fast collector sees what the parser sees."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtui.procedure import Section
from mailtui.transport import frames
from mailtui.transport.contract import Begin, Data, End, Event

MARK = "0f1e2d3c4b5a69788796a5b4c3d2e1f1"
"""Like a real one it does not overlap itself: no piece of it is both its beginning and its end."""
SIGN = MARK.encode()

WORD = st.text("abcXYZ019_.:/+-", min_size=1, max_size=8)
BODY = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([SIGN[:-1], SIGN[:5], b"0f1e", b"\n", SIGN[16:], b"@end 0\n", b"=3 x\n"]),
)


@st.composite
def record(draw: st.DrawFn) -> bytes:
    """One record as a script prints it: plain or with its length."""
    words = " ".join(draw(st.lists(WORD, min_size=1, max_size=3))).encode()
    body = draw(BODY)
    if draw(st.booleans()):
        return SIGN + b" =%d " % len(body) + words + b"\n" + body + b"\n"
    return SIGN + b" " + words + b"\n" + body


WELL_FORMED = st.builds(
    lambda noise, records, stray, end: noise + SIGN + b" @begin 1\n" + stray + b"".join(records) + end,
    BODY,
    st.lists(record(), max_size=5),
    st.sampled_from([b"", b"stray"]),
    st.sampled_from([b"", SIGN + b" @end 0\n", SIGN + b" @end 255\nlate", SIGN + b" @end", SIGN[:9]]),
)
GARBAGE = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from([SIGN, SIGN[:7], b" ", b"\n", b" @begin 1\n", b" @end 3\n", b" @end x\n", b" =2 a\n", b" =99999999999999999999 a\n", b" =1\n"]),
    ),
    max_size=12,
).map(b"".join)  # fmt: skip


def fed(output: bytes, cuts: list[int]) -> tuple[frames.FrameParser, list[Event]]:
    parser = frames.FrameParser(MARK)
    events: list[Event] = []
    edges = [0, *sorted(cut % (len(output) + 1) for cut in cuts), len(output)]
    for start, stop in itertools.pairwise(edges):
        events += parser.feed(output[start:stop])
    return parser, events + parser.close()


def joined(events: list[Event]) -> list[Event]:
    """Join neighbouring data, which may come in any split."""
    found: list[Event] = []
    for event in events:
        if isinstance(event, Data) and found and isinstance(last := found[-1], Data):
            found[-1] = Data(last.body + event.body)
        else:
            found.append(event)
    return found


@given(st.one_of(WELL_FORMED, GARBAGE), st.lists(st.integers(0, 10_000), max_size=30))
def test_any_split_gives_the_same(output: bytes, cuts: list[int]) -> None:
    whole, at_once = fed(output, [])
    parts, in_parts = fed(output, cuts)
    assert joined(in_parts) == joined(at_once)
    assert (parts.noise, parts.begun, parts.ended) == (whole.noise, whole.begun, whole.ended)


@given(st.one_of(WELL_FORMED, GARBAGE))
def test_byte_by_byte(output: bytes) -> None:
    assert joined(fed(output, list(range(len(output))))[1]) == joined(fed(output, [])[1])


@given(st.one_of(WELL_FORMED, GARBAGE))
def test_the_collector_sees_what_the_parser_sees(output: bytes) -> None:
    parser, events = fed(output, [])
    found = frames.collect(output, MARK)
    assert list(found.sections) == list(frames.sections_of(event for event in events if not isinstance(event, End)))
    statuses = [event.status for event in events if isinstance(event, End)]
    assert ([] if found.status is None else [found.status]) == statuses
    assert found.noise == parser.noise


@given(st.lists(st.tuples(WORD, st.binary(max_size=50), st.booleans()), max_size=6), st.binary(max_size=30))
def test_bodies_come_back_to_the_byte(records: list[tuple[str, bytes, bool]], noise: bytes) -> None:
    output = noise + SIGN + b" @begin 1\n"
    for name, body, sized in records:
        output += SIGN + (b" =%d " % len(body) if sized else b" ") + name.encode() + b"\n" + body
        output += b"\n" if sized else b""
    found = frames.collect(output + SIGN + b" @end 7\n", MARK)
    assert found == frames.Collected(tuple(Section(name, (), body) for name, body, _ in records), 7, noise)


@given(WELL_FORMED, st.lists(st.integers(0, 10_000), max_size=30))
def test_the_end_is_found_in_any_split(output: bytes, cuts: list[int]) -> None:
    finder = frames.EndFinder(MARK)
    edges = [0, *sorted(cut % (len(output) + 1) for cut in cuts), len(output)]
    for start, stop in itertools.pairwise(edges):
        finder.feed(output[start:stop])
    assert finder.begun
    assert finder.ended == (frames.collect(output, MARK).status is not None)


def test_no_mark_in_a_sized_body_is_seen() -> None:
    body = SIGN + b" @end 0\n"
    output = SIGN + b" @begin 1\n" + SIGN + b" =%d a\n" % len(body) + body + b"\n" + SIGN + b" @end 1\n"
    assert frames.collect(output, MARK) == frames.Collected((Section("a", (), body),), 1, b"")


def test_what_follows_a_sized_body_is_no_part_of_it() -> None:
    for after in (b"stray", b"\nstray"):
        output = SIGN + b" @begin 1\n" + SIGN + b" =3 a\nabc" + after + SIGN + b" @end 0\n"
        _, events = fed(output, [])
        assert joined(events) == [Begin("a", ()), Data(b"abc"), Begin("", ()), Data(b"stray"), End(0)]


def test_all_bytes_pass() -> None:
    body = bytes(range(256)) * 3
    _, events = fed(SIGN + b" @begin 1\n" + SIGN + b" all x\n" + body + SIGN + b" @end 0\n", [5, 50, 300])
    assert joined(events) == [Begin("all", ("x",)), Data(body), End(0)]


def test_a_line_is_not_held_back() -> None:
    parser = frames.FrameParser(MARK)
    parser.feed(SIGN + b" @begin 1\n" + SIGN + b" log\n")
    assert parser.feed(b"a line\n") == [Data(b"a line\n")]


def test_a_long_line_needs_no_memory() -> None:
    """D5: 5 MB without a newline pass through; nothing but a piece of a mark is kept."""
    parser = frames.FrameParser(MARK)
    parser.feed(SIGN + b" @begin 1\n" + SIGN + b" log\n")
    for _ in range(80):
        events = parser.feed(b"x" * 65536)
        assert events == [Data(b"x" * 65536)]
        assert len(parser._held) < len(SIGN)


def test_a_head_without_end_is_cut() -> None:
    parser = frames.FrameParser(MARK)
    parser.feed(SIGN + b" @begin 1\n" + SIGN + b" ")
    held = 0
    for _ in range(40):
        parser.feed(b"y" * 8192)
        held = max(held, len(parser._held))
    assert held < 80 * 1024


def test_noise_is_bounded() -> None:
    parser = frames.FrameParser(MARK)
    for _ in range(100):
        parser.feed(b"noise " * 1000)
    assert len(parser.noise) == frames.NOISE


def test_noise_is_bounded_where_all_is_collected_at_once() -> None:
    found = frames.collect(b"noise " * 100_000 + SIGN + b" @begin 1\n" + SIGN + b" @end 0\n", MARK)
    assert (len(found.noise), found.status) == (frames.NOISE, 0)


@pytest.mark.parametrize("data", [b"", b"a", b"a\n", b"a\n\n", b"\n"])
def test_data_keeps_its_newlines(data: bytes) -> None:
    sent = frames.program(b":", MARK, data)
    head, _, rest = sent.partition(b"\n")
    sizes, _, rest = rest[int(head) :].partition(b"\n")
    text, more = (int(size) for size in sizes.split())
    got = rest[text:]
    assert len(got) == more
    assert got == (b"" if not data else data.rstrip(b"\n") + b"\n" * max(1, data.count(b"\n")) + b".")


def test_heartbeats_are_asked_for_only_where_the_limit_is_wider() -> None:
    assert b"_silence=\n" in frames.program(b":", MARK, seconds=30)
    assert b"_silence=30\n" in frames.program(b":", MARK, seconds=31)
    assert b"_silence=30\n_seconds=\n" in frames.program(b":", MARK)


def test_answers_are_taken_out_of_standard_error() -> None:
    stderr = b"a warning\nhalf" + SIGN + b" @ping 12\n of a line\n" + SIGN + b" @ping 1"
    assert frames.pongs(stderr, MARK) == ([12], b"a warning\nhalf of a line\n" + SIGN + b" @ping 1")
    assert frames.pongs(b"nothing", MARK) == ([], b"nothing")


@pytest.mark.bench
def test_speed() -> None:
    """200 MB/s of plain bodies; 100,000 records of 40 MB in half a second, or in two where every line is traced."""
    line = b"Nov 22 20:36:01 mx3 sm-mta[1234]: 4AMKa1x2001234: to=<a@example.net>, stat=Deferred: Connection refused\n"
    plain = SIGN + b" @begin 1\n" + SIGN + b" log\n" + line * 1_000_000 + SIGN + b" @end 0\n"
    began = time.thread_time()
    assert frames.collect(plain, MARK).status == 0
    collected = time.thread_time() - began
    parser = frames.FrameParser(MARK)
    began = time.thread_time()
    for at in range(0, len(plain), 65536):
        parser.feed(plain[at : at + 65536])
    parsed = time.thread_time() - began
    body = line * 3
    one = SIGN + b" =%d qf 4AMKa1x2001234 1700000000 /var/spool/mqueue\n" % len(body) + body + b"\n"
    many = SIGN + b" @begin 1\n" + one * 100_000 + SIGN + b" @end 0\n"
    began = time.thread_time()
    assert len(frames.collect(many, MARK).sections) == 100_000
    records = time.thread_time() - began
    print(f"collect {len(plain) / collected / 1e6:.0f} MB/s, feed {len(plain) / parsed / 1e6:.0f} MB/s, "
          f"100k records of {len(many) / 1e6:.0f} MB in {records:.2f} s")  # fmt: skip
    assert len(plain) / collected > 200e6
    assert len(plain) / parsed > 200e6
    assert records < 2
