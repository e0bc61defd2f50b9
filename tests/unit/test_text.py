"""Nothing that a terminal obeys passes `show`, and nothing is dropped in silence."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtui.text import LIMIT, Safe, natural, show, show_line, wire

BIDI = "\u202e\u2066\u200f\u061c"


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"plain", "plain"),
        (b"\x1b[2J", "<1b>[2J"),
        (b"\x9b31m", "\\x9b31m"),
        ("\x9b31m", "<9b>31m"),
        (b"\x07\x00\x7f", "<07><00><7f>"),
        (b"a\rb", "a<0d>b"),
        ("caf\u00e9", "caf\u00e9"),
        ("\u202egnp.exe", "<202e>gnp.exe"),
        ("a\u200bb\ufeff", "a<200b>b<feff>"),
        ("\U000e0041", "<e0041>"),
        ("\U0010ffff", "<10ffff>"),
        ("\ud800", "<d800>"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"[bold]x[/]", "[bold]x[/]"),
    ],
)
def test_known_cases(data: bytes | str, shown: str) -> None:
    assert show(data) == shown


def test_newlines_and_tabs_stay_in_text_and_not_in_a_line() -> None:
    assert show(b"a\n\tb") == "a\n\tb"
    assert show_line(b"a\n\tb") == "a<0a> b"


def test_only_show_makes_safe_text() -> None:
    assert isinstance(show(b"x"), Safe)
    assert isinstance(show_line("x"), Safe)
    with pytest.raises(TypeError, match="show"):
        Safe("x")


def test_what_is_cut_is_said() -> None:
    assert show(b"x" * (LIMIT + 5)) == "x" * LIMIT + "<5 more>"
    assert show_line("abcdef", 4) == "abcd<2 more>"


def test_combining_marks_are_limited_and_counted() -> None:
    assert show("a" + "\u0301" * 4 + "b") == "a" + "\u0301" * 4 + "b"
    assert show("a" + "\u0301" * 10_000) == "a" + "\u0301" * 4 + "<+9996 marks>"
    assert show("\u0301" * 6 + "z") == "\u0301" * 4 + "<+2 marks>z"


@given(st.one_of(st.binary(), st.text(), st.text(alphabet=BIDI + "\x1b\x9b[]m;")))
def test_no_control_survives(data: bytes | str) -> None:
    for char in show(data):
        assert char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"}
        assert char not in BIDI
    assert "\n" not in show_line(data)
    assert "\t" not in show_line(data)


@given(st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
def test_plain_text_is_not_touched(text: str) -> None:
    assert show(text) == text == show_line(text)


def test_every_format_character_is_shown_or_known_to_be_visible() -> None:
    visible = {0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
    egyptian = set(range(0x13430, 0x13460))
    for code in range(0x110000):
        if unicodedata.category(chr(code)) == "Cf" and code not in visible | egyptian:
            assert show(chr(code)) == f"<{code:02x}>", hex(code)


def test_wire_keeps_every_byte() -> None:
    assert wire(b"caf\xc3\xa9 \xff \x1b") == "caf\u00e9 \\xff \x1b"


def test_natural() -> None:
    for word, number in (("0", 0), ("007", 7), ("9" * 18, 10**18 - 1)):
        assert natural(word) == number
    for word in ("", "-1", " 1", "1\n", "²", "٣", "1_0", "9" * 19, "9" * 5000):
        assert natural(word) is None
