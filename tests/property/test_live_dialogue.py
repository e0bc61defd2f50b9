"""No secret passes the reader of dialogues, whatever the mechanism and however the bytes come; nothing else is lost."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtui.model import Side, Spoken
from mailtui.mta.sendmail.dialogue import MASK, Dialogue

SECRET = base64.b64encode(b"\0anna\0correct horse battery")
USER = base64.b64encode(b"anna@example.net")
CHALLENGE = b"334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2U+"

DIALOGUES = {
    "PLAIN": [b">>> AUTH PLAIN " + SECRET, b"235 2.7.0 ok"],
    "PLAIN later": [b">>> AUTH PLAIN", b"334 ", b">>> " + SECRET, b"235 2.7.0 ok"],
    "LOGIN": [b">>> AUTH LOGIN", b"334 VXNlcm5hbWU6", b">>> " + USER, b"334 UGFzc3dvcmQ6", b">>> " + SECRET, b"235 ok"],
    "LOGIN at once": [b">>> AUTH LOGIN " + USER, b"334 UGFzc3dvcmQ6", b">>> " + SECRET, b"535 5.7.8 no"],
    "CRAM-MD5": [b">>> AUTH CRAM-MD5", CHALLENGE, b">>> " + SECRET, b"235 2.7.0 ok"],
    "XOAUTH2": [b">>> AUTH XOAUTH2 " + SECRET, b"334 eyJzdGF0dXMiOiI0MDEifQ==", b">>> " + USER, b"535 5.7.8 no"],
    "echo": [b">>> auth plain " + SECRET, b"501 5.5.4 cannot decode AUTH PLAIN " + SECRET, b"<a@b>... Deferred: " + SECRET],
    "lines between": [b">>> AUTH LOGIN", b"334-more", b"334 VXNlcm5hbWU6", b"a note", b">>> " + SECRET + b"\r"],
    "after a blank": [b">>>   AUTH\tPLAIN\t" + SECRET, b"235 ok"],
}  # fmt: skip


def heard(data: bytes, cuts: list[int]) -> list[Spoken]:
    dialogue, lines, at = Dialogue(), list[Spoken](), 0
    for cut in [*sorted(min(each, len(data)) for each in cuts), len(data)]:
        lines += dialogue.feed(data[at:cut])
        at = cut
    return lines + dialogue.finish()


@pytest.mark.parametrize("name", DIALOGUES)
@given(cuts=st.lists(st.integers(0, 400), max_size=12), close=st.sampled_from([b"\n", b"\r\n", b""]))
def test_no_secret_is_shown_however_the_bytes_come(name: str, cuts: list[int], close: bytes) -> None:
    said = b"220 mx ESMTP\n" + b"\n".join(DIALOGUES[name]) + close
    lines = heard(said, cuts)
    shown = b"\n".join(each.text for each in lines)
    assert SECRET not in shown
    assert USER not in shown
    assert MASK in shown
    assert lines == heard(said, [])
    assert len(lines) == len(DIALOGUES[name]) + 1


@given(st.lists(st.binary(max_size=60).map(lambda each: each.replace(b"\n", b"")), max_size=20), st.data())
def test_any_bytes_in_any_split_give_the_same_lines(raw: list[bytes], data: st.DataObject) -> None:
    said = b"".join(line + b"\n" for line in raw)
    cuts = data.draw(st.lists(st.integers(0, len(said)), max_size=8))
    assert heard(said, cuts) == heard(said, [])
    assert len(heard(said, [])) == len(raw)


@given(
    st.text(alphabet="ABCdef0189+/=", min_size=1, max_size=40), st.sampled_from(["PLAIN", "LOGIN", "GSSAPI", "x-own"])
)
def test_what_follows_the_mechanism_is_masked_for_every_mechanism(secret: str, mechanism: str) -> None:
    (line,) = heard(f">>> AUTH {mechanism} {secret}\n".encode(), [])
    assert line == Spoken(Side.CLIENT, f">>> AUTH {mechanism} ".encode() + MASK)


@given(st.text(alphabet="ABCdef0189+/=*", min_size=1, max_size=40))
def test_what_answers_a_334_is_masked_and_the_next_line_is_not(secret: str) -> None:
    lines = heard(f"334 Zm9v\n>>> {secret}\n>>> MAIL From:<a@b>\n".encode(), [])
    assert lines[1:] == [Spoken(Side.CLIENT, b">>> " + MASK), Spoken(Side.CLIENT, b">>> MAIL From:<a@b>")]


@pytest.mark.parametrize(
    ("line", "side"),
    [
        (b">>> EHLO sm1", Side.CLIENT),
        (b"250-AUTH PLAIN LOGIN CRAM-MD5", Side.GOOD),
        (b"354 go ahead", Side.GOOD),
        (b"450 4.2.0 later", Side.LATER),
        (b"550-5.7.1 no", Side.NEVER),
        (b"<a@b>... Connecting to mx.b. via esmtp...", Side.NOTE),
        (b"<a@b>... Sent (ok)", Side.SENT),
        (b"<a@b>... Deferred: Connection refused by mx.b.", Side.DEFERRED),
        (b"<a@b>... User unknown", Side.FAILED),
        (b"Closing connection to mx.b.", Side.NOTE),
        (b"", Side.NOTE),
    ],
)
def test_lines_are_told_apart(line: bytes, side: Side) -> None:
    assert heard(line + b"\n", []) == [Spoken(side, line)]


def test_a_line_without_an_end_takes_bounded_memory() -> None:
    dialogue = Dialogue()
    for _ in range(100):
        assert dialogue.feed(b">>> AUTH PLAIN " + b"x" * 10_000) == []
    (line,) = dialogue.feed(b"\n")
    assert line.text == b">>> AUTH PLAIN " + MASK


def test_the_words_are_kept_for_each_message_apart() -> None:
    dialogue = Dialogue()
    dialogue.feed(
        b"\nRunning /q/6AMJeAMF002262 (sequence 1 of 2)\n<a@b>... Sent (ok)\n"
        b"\nRunning /q/6AMJeAMG002263 (sequence 2 of 2)\n6AMJeAMG002263: locked\n"
    )
    assert dialogue.said == {"6AMJeAMF002262": {Side.SENT}, "6AMJeAMG002263": set()}
    assert dialogue.locked == {"6AMJeAMG002263"}
