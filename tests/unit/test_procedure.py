"""Scripts, the registry and the playing of procedures."""

import pytest

from mailtui.errors import MailtuiError
from mailtui.procedure import Procedure, Registry, Reply, Request, Script, Section, play, tape

ECHO = Script("test/echo", b"echo")


def twice() -> Procedure[bytes]:
    first = yield Request(ECHO, b"1\n")
    second = yield Request(ECHO, first.body("out"))
    return second.body("out")


def test_a_procedure_is_played_with_a_function() -> None:
    assert play(twice(), lambda request: Reply((Section("out", (), request.data + b"x"),), 0)) == b"1\nxx"


def test_a_tape_answers_in_order_and_ends_with_an_error() -> None:
    answer = tape([Reply((), 0)])
    answer(Request(ECHO))
    with pytest.raises(MailtuiError, match="test/echo"):
        answer(Request(ECHO))


def test_a_reply_joins_sections_of_one_name() -> None:
    reply = Reply((Section("a", (), b"1"), Section("b", ("x",), b"2"), Section("a", (), b"3")), None)
    assert reply.body("a") == b"13"
    assert [section.args for section in reply.named("b")] == [("x",)]
    assert not reply.complete


def test_the_registry_holds_each_name_once_and_knows_the_script_itself() -> None:
    registry = Registry()
    registry.add(ECHO)
    assert registry.holds(ECHO)
    assert not registry.holds(Script("test/echo", b"rm"))
    assert not registry.holds(Script("test/other", b"echo"))
    assert registry.names() == ["test/echo"]
    with pytest.raises(ValueError, match="twice"):
        registry.add(Script("test/echo", b"other"))
