"""What the log pane hands to its view stays right while old lines fall off the buffer."""

from __future__ import annotations

from array import array

from rich.style import Style

from mailtui.panes.log import LogSource, Matches
from mailtui.store import LogBuffer
from tests.pilot.world import Reader


def plain(name: str) -> Style:
    return Style()


def buffer(lines: int) -> LogBuffer:
    made = LogBuffer(Reader(), keep=60)
    for number in range(lines):
        made.append("f", number * 10, b"line %04d\n" % number, at=0.0, live=True)
    return made


def text(source: LogSource, line: int) -> str:
    return "".join(segment.text for segment in source.line(line))


def test_matches_that_fell_off_are_no_longer_counted_and_places_stay() -> None:
    log = buffer(4)
    source = Matches(log, plain, array("Q", [0, 2, 3]))
    assert (source.first, len(source)) == (0, 3)
    for number in range(4, 8):
        log.append("f", 0, b"line %04d\n" % number, at=0.0, live=True)
    assert log.first == 2
    assert (source.first, len(source)) == (1, 2)
    assert text(source, 1) == "line 0002"
    assert source.number(2) == 3


def test_a_line_that_falls_off_between_layout_and_painting_is_said_to_be_gone() -> None:
    source = LogSource(buffer(10), plain)
    assert source.first == 4
    assert text(source, 0) == "(no longer held)"
    assert text(source, 9) == "line 0009"


def test_stamp_and_program_are_shown_short_and_the_rest_whole() -> None:
    log = LogBuffer(Reader())
    log.append(
        "f",
        0,
        b"2026-11-22T14:02:31.123+00:00 mx3 sm-mta[12]: 6AM1: to=<a@b>, stat=Sent\nodd line\n",
        at=0.0,
        live=True,
    )
    source = LogSource(log, plain)
    assert text(source, 0) == "14:02:31 sm-mta 6AM1: to=<a@b>, stat=Sent"
    assert text(source, 1) == "odd line"
