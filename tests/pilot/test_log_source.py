"""What the log pane hands to its view stays right while old lines fall off the buffer."""

from __future__ import annotations

from array import array

import pytest
from rich.style import Style

from mailtui.mta.sendmail.log import log_parser
from mailtui.panes.log import LogSource, Matches
from mailtui.panes.loglines import held_since
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


def sendmail(*lines: bytes) -> LogBuffer:
    log = LogBuffer(log_parser("mx3", None, 0.0))
    log.append("f", 0, b"\n".join(lines) + b"\n", at=0.0, live=True)
    return log


DEFERRED = (
    b"Nov 22 14:02:31 mx3 sm-mta[12]: 6AMJNiOD001151: to=<anna@example.net>, delay=02:10:00, xdelay=00:00:01, mailer=esmtp, "
    b"pri=1230417, relay=mail.example.net. [192.0.2.1], dsn=4.4.1, stat=Deferred: Connection refused by mail.example.net."
)
SENT = (
    b"Nov 22 14:02:32 mx3 sm-mta[12]: 6AMJNiOD001152: to=<bob@example.org>, delay=00:00:01, xdelay=00:00:01, mailer=esmtp, "
    b"pri=30417, relay=mx.example.org. [192.0.2.2], dsn=2.0.0, stat=Sent (Ok: queued as 4B6)"
)
RECEIVED = (
    b"Nov 22 14:02:33 mx3 sm-mta[13]: 6AMJNiOD001153: from=<>, size=4317, class=0, nrcpts=2, msgid=<1@x>, proto=ESMTP, "
    b"daemon=MTA-v4, relay=localhost [127.0.0.1]"
)
FAILED = (
    b"Nov 22 19:23:44 mx3 sm-mta[1151]: 6AMJNiOD001151: AUTH failure (PLAIN): authentication failure (-13), user=u, "
    b"relay=ops.lab.test [10.77.0.1]"
)
ODD = b"2026-11-22T14:02:31.123+00:00 mx3 sm-mta[12]: something new"


def test_a_line_says_its_result_and_reason_first() -> None:
    source = LogSource(sendmail(DEFERRED, SENT, RECEIVED), plain)
    assert text(source, 0) == (
        "14:02:31 DEFERRED  6AMJNiOD001151 Connection refused by mail.example.net.  to=anna@example.net  "
        "relay=mail.example.net. [192.0.2.1]"
    )
    assert text(source, 1) == (
        "14:02:32 SENT      6AMJNiOD001152 to=bob@example.org  relay=mx.example.org. [192.0.2.2]  (Ok: queued as 4B6)"
    )
    assert text(source, 2) == (
        "14:02:33 RECEIVED  6AMJNiOD001153 from=<>  nrcpts=2  size=4.2K  relay=localhost [127.0.0.1]"
    )


def test_the_words_of_a_line_do_not_repeat_whom_they_are_about() -> None:
    source = LogSource(
        sendmail(DEFERRED.partition(b"Connection")[0] + b"450 4.2.0 <anna@example.net>: Greylisted"), plain
    )
    assert " 450 4.2.0 Greylisted  to=anna@example.net  " in text(source, 0)


def test_a_line_is_whole_where_that_is_asked_for() -> None:
    source = LogSource(sendmail(DEFERRED), plain, lambda: True)
    assert text(source, 0) == "14:02:31 DEFERRED  " + DEFERRED.decode().partition("mx3 ")[2].replace("[12]:", "", 1)


@pytest.mark.parametrize("whole", [False, True])
def test_a_failed_login_is_bad_and_a_good_one_calm(whole: bool) -> None:
    good = b"Nov 22 19:23:44 mx3 sm-mta[1153]: AUTH=server, relay=ops [10.77.0.1], authid=u, mech=PLAIN, bits=0"
    asked: list[str] = []

    def style(name: str) -> Style:
        asked.append(name)
        return Style()

    source = LogSource(sendmail(FAILED, good), style, lambda: whole)
    assert text(source, 0).startswith("19:23:44 AUTH FAIL sm-mta 6AMJNiOD001151: AUTH failure (PLAIN)")
    assert "$error" in asked
    asked.clear()
    assert text(source, 1).startswith("19:23:44 AUTH      sm-mta AUTH=server")
    assert "$error" not in asked


def test_what_is_not_understood_stays_as_it_is_but_for_its_head() -> None:
    source = LogSource(sendmail(ODD, b"odd line"), plain)
    assert text(source, 0) == "14:02:31 sm-mta something new"
    assert text(source, 1) == "odd line"


def test_since_when_lines_are_held() -> None:
    assert held_since(sendmail(DEFERRED, SENT)) == "since 14:02"
    assert held_since(sendmail(b"odd line", SENT.replace(b"Nov 22", b"Nov 21"), DEFERRED)) == "since Nov 21 14:02"
    assert held_since(sendmail(b"odd line")) == ""
    assert held_since(LogBuffer(Reader())) == ""
