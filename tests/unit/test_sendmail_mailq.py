"""Listings recorded on a real Sendmail 8.17, in all forms."""

from __future__ import annotations

import calendar
from pathlib import Path

import pytest

from mailtui.mta.sendmail import mailq

CORPUS = Path(__file__).parent.parent / "corpus" / "sendmail"


def read(data: bytes) -> tuple[mailq.MailqParser, list[mailq.MailqEntry]]:
    parser = mailq.MailqParser()
    records = parser.feed(data) + parser.close()
    entries = [mailq.entry(record.raw) for record in records]
    assert None not in entries
    return parser, [each for each in entries if each is not None]


def recorded(name: str) -> tuple[mailq.MailqParser, list[mailq.MailqEntry]]:
    return read((CORPUS / name).read_bytes())


@pytest.mark.parametrize("name", ["sm2-bp.txt", "sm2-bp-v.txt"])
def test_queue_groups_and_split_directories(name: str) -> None:
    parser, entries = recorded(name)
    assert parser.directories == [
        (b"/var/spool/mqueue/q1", 11, True),
        (b"/var/spool/mqueue/q2", 11, True),
        (b"/var/spool/mqueue/q3", 8, True),
        (b"/var/spool/mqueue/bulk", 0, True),
    ]
    assert parser.total == len(entries) == 30
    assert not parser.stray


def test_both_queues_of_the_debian_command() -> None:
    parser, entries = recorded("mailq-v.txt")
    assert [path for path, _, _ in parser.directories] == [b"/var/spool/mqueue-client", b"/var/spool/mqueue"]
    assert entries[0] == mailq.MailqEntry(
        id="6AMJNgGL001098",
        mark=" ",
        size=6,
        priority=30059,
        date=b"Nov 22 19:23",
        sender=b"cron0@tempsender.test",
        quarantine=None,
        reason=b"Deferred: 451 4.7.1 Sender domain temporarily refused, try again later",
        recipients=(
            mailq.MailqRecipient(
                b"bob.208@accept.test", b"Deferred: 451 4.7.1 Sender domain temporarily refused, try again later"
            ),
        ),
        note=None,
        cut=False,
        unknown=(),
    )


@pytest.mark.parametrize("name", ["mailq", "mailq-v", "mailq-Ac", "mailq-qQ", "sendmail-bp", "sendmail-bp-v"])
def test_every_line_is_understood(name: str) -> None:
    parser, entries = recorded(f"{name}.txt")
    assert entries
    assert [line for line in parser.stray if not line.startswith(b"### ")] == []
    assert all(not each.unknown and each.recipients for each in entries[:-1])  # the recordings were cut


def test_quarantined_with_and_without_an_earlier_attempt() -> None:
    _, entries = recorded("mailq-qQ.txt")
    assert len(entries) == 56
    assert entries[9].quarantine == b"labmilter: looks [bold red]suspicious[/]"
    data = b"6AMJeA1l002266        6 Sun Nov 22 19:40 <a@b>\n     QUARANTINE: hold\n"
    data += b"                 (Deferred: x)\n\t\t\t\t\t <c@d>\n"
    (entry,) = read(data)[1]
    assert (entry.quarantine, entry.reason) == (b"hold", b"Deferred: x")


def test_eight_bit_body_and_escaped_addresses() -> None:
    _, entries = recorded("mailq-filtered.txt")
    (entry,) = [each for each in entries if each.id == "6AMJNdA6000807"]
    assert entry.recipients[0].address == "café@full.test".encode()
    assert entry.reason == "Deferred: 452 4.2.2 <café@full.test>: Mailbox full, quota e".encode()
    assert mailq.unescape(rb"a\\303\303\251") == rb"a\303" + "é".encode()


@pytest.mark.parametrize(("mark", "shown"), [("*", b"*"), ("-", b"-"), ("X", b"X"), ("?", b"?"), (" ", b" ")])
def test_marks_and_growing_widths(mark: str, shown: bytes) -> None:
    line = b"6AMJNXAx4194304" + shown + b"1234567890 -12345678901+Nov  2 19:23 <a@b>\n\t\t\t\t\t\t<c@d>\n"
    (entry,) = read(line)[1]
    assert (entry.id, entry.mark, entry.size, entry.priority) == ("6AMJNXAx4194304", mark, 1234567890, -12345678901)


def test_id_of_an_unknown_form_is_not_lost() -> None:
    (entry,) = read(b"6AM000000001dd*       6      30059 Nov  2 19:23 <a@b>\n")[1]
    assert (entry.id, entry.mark) == ("6AM000000001dd", "*")


def test_message_that_is_locked_while_it_is_read() -> None:
    lines = b"6AMLIXEU0014166AMLIXEU001416: locked\n*      -1      30242 Nov 22 21:18 guest\n\t\t\t\t\t\troot\n"
    (entry,) = read(lines)[1]
    assert (entry.id, entry.mark, entry.sender, entry.note) == (
        "6AMLIXEU001416",
        "*",
        b"guest",
        b"6AMLIXEU001416: locked",
    )


def test_complaint_in_the_middle_of_a_line() -> None:
    _, entries = recorded("unlocked-rm.txt")
    locked, broken = entries
    assert (locked.mark, locked.size) == ("*", 6)
    assert broken.size is None
    assert broken.sender == b"oncall@sm1.lab.test"
    assert broken.note == b"readqf: cannot open ./df6AMJfVFa002684: No such file or directory"


def test_entries_that_are_none() -> None:
    (entry,) = read(b"6AAAAAAA000001  (no control file)\n\t\tTotal requests: 1\n")[1]
    assert (entry.note, entry.size, entry.recipients) == (b"no control file", None, ())


def test_refusals_are_stray_lines_and_not_an_empty_queue() -> None:
    data = b"can not chdir(/var/spool/mqueue/): Permission denied\n"
    data += b"Program mode requires special privileges, e.g., root or TrustedUser.\n"
    parser, entries = read(data)
    assert (entries, parser.directories, parser.total) == ([], [], None)
    assert len(parser.stray) == 2


def test_empty_queue_and_a_limited_listing() -> None:
    parser, entries = recorded("mailq-qL.txt")
    assert (entries, parser.directories, parser.total) == ([], [(b"/var/spool/mqueue", 0, True)], 0)
    parser, _ = read(b"\t\t/q (9000 requests, only 1000 printed)\n")
    assert parser.directories == [(b"/q", 9000, False)]


def test_cut_addresses_are_known_to_be_cut() -> None:
    address = b"a" * 70
    (entry,) = read(b"6AMJNXAx000136        6      30059 Nov 22 19:23 <a@b>\n\t\t\t\t\t\t<" + address + b"\n")[1]
    assert entry.cut
    assert entry.recipients[0].address == address


NOW = 1795400000.0  # 2026-11-23 02:13 UTC


@pytest.mark.parametrize(
    ("shown", "queue_id", "zone", "expected"),
    [
        (b"Sun Nov 22 19:23", "6AMJNXAx000136", 0, calendar.timegm((2026, 11, 22, 19, 23, 33))),
        (b"Nov 22 20:23", "6AMJNXAx000136", 3600, calendar.timegm((2026, 11, 22, 19, 23, 33))),
        (b"Nov 22 21:23", "6AMJNXAx000136", 3600, calendar.timegm((2026, 11, 22, 19, 23, 33))),
        (b"Nov 20 10:00", "6AMJNXAx000136", 0, calendar.timegm((2026, 11, 20, 10, 0, 0))),
        (b"Dec 31 23:59", "AAA12345", 0, calendar.timegm((2025, 12, 31, 23, 59, 0))),
        (b"", "6AMJNXAx000136", 0, None),
    ],
)
def test_dates_without_a_year(shown: bytes, queue_id: str, zone: int, expected: float | None) -> None:
    assert mailq.arrival(shown, queue_id, NOW, zone) == expected
