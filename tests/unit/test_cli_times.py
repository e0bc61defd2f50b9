"""Times, durations, sizes and tables as the command line reads and writes them."""

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtui.cli import table
from mailtui.cli.sizes import size
from mailtui.cli.times import age, brief, duration, iso, moment, seconds
from mailtui.errors import UsageError
from mailtui.text import show_line

NOW = 1_795_000_000.0  # 2026-11-18T11:06:40Z


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> object:
    """Put the console an hour east of UTC."""
    monkeypatch.setitem(os.environ, "TZ", "XXX-1")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(("text", "found"), [("20", 20), ("30s", 30), ("5m", 300), ("1.5h", 5400), ("2d", 172800),
    ("500ms", 0.5), ("1h30m", 5400), ("1m30s", 90), ("1s500ms", 1.5),
])  # fmt: skip
def test_durations(text: str, found: float) -> None:
    assert duration(text) == found


@pytest.mark.parametrize("text", ["", "0", "0s", "-5", "5x", "h", "1e9", "٣", "9" * 40, "1 2", "1h30", "30m x", "m1h"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UsageError):
        duration(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2h", NOW - 7200),
        ("1h30m", NOW - 5400),
        ("2026-11-18T10:00Z", NOW - 4000),
        ("2026-11-18T10:00:00+00:00", NOW - 4000),
        ("2026-11-18T11:00", NOW - 4000),
        ("2026-11-18 11:00", NOW - 4000),
        ("11:00", NOW - 4000),
        ("11:00:30", NOW - 3970),
        ("13:00", NOW + 3200 - 86400),
    ],
)
def test_moments_are_of_the_consoles_own_zone(berlin: object, text: str, found: float) -> None:
    assert moment(text, NOW) == found


@pytest.mark.parametrize(
    "text", ["", "25:00", "12:60", "yesterday", "2026-13-01", "5", "0001-01-01T00:00+14:00", "\x1b"]
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(UsageError):
        moment(text, NOW)


@given(st.text(max_size=30))
def test_no_text_breaks_a_reader(text: str) -> None:
    for read in (duration, lambda each: moment(each, NOW)):
        try:
            assert isinstance(read(text), float)
        except UsageError as error:
            assert error.cure or error.message


def test_iso() -> None:
    assert iso(NOW) == "2026-11-18T11:06:40Z"
    assert iso(NOW + 0.5) == "2026-11-18T11:06:40.500000Z"
    assert iso(None) is None
    assert iso(1e20) is None
    assert iso(float("inf")) is None
    assert iso(float("nan")) is None


def test_ages_and_seconds() -> None:
    assert age(NOW, NOW - 5) == 5
    assert age(NOW, NOW + 5) == 0
    assert age(NOW, None) is None
    assert seconds(1.23456) == 1.235
    assert isinstance(seconds(2.0), int)
    assert seconds(float("nan")) is None


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0, "0s"), (59.9, "59s"), (60, "1m"), (8040, "2h14m"), (273600, "3d04h")]
)
def test_brief(value: float | None, text: str) -> None:
    assert brief(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0, "0B"), (1023, "1023B"), (1024, "1.0K"), (150 << 10, "150K"), (3 << 30, "3.0G")]
)
def test_sizes(value: float | None, text: str) -> None:
    assert size(value) == text


@given(st.text(max_size=60), st.integers(min_value=2, max_value=40))
def test_cut_text_fits(text: str, room: int) -> None:
    safe = show_line(text)
    assert table.width(table.clip(safe, room)) <= max(room, 0)


def test_the_last_column_fits_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = (table.Column("A", "a", right=True), table.Column("B", "b"))
    rows: list[dict[str, object]] = [{"a": 7, "b": b"x" * 200}, {"a": 123, "b": None}]
    whole = list(table.paint(rows, columns, "never"))
    assert whole[1] == "  7  " + "x" * 200 + "\n"
    monkeypatch.setattr(table, "window", lambda: 40)
    cut = list(table.paint(rows, columns, "never"))
    assert len(cut[1]) == 41
    assert cut[2] == "123  -\n"
