from datetime import UTC, datetime

import pytest

from mailtui.parsing.syslog import Head, Stamps, split_head, zone_seconds


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> float:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("line", "head"),
    [
        (b"Nov 22 19:23:33 sm1 sm-mta[135]: text", Head(b"Nov 22 19:23:33", b"sm-mta", 135, 33)),
        (b"Nov  2 19:23:33 sm1 cron: text", Head(b"Nov  2 19:23:33", b"cron", None, 26)),
        (b"<22>Nov 22 19:23:33 fe80::1 sm-mta[1]: x", Head(b"Nov 22 19:23:33", b"sm-mta", 1, 39)),
        (b"Nov 22 19:23:33 <mail.info> bsd sm-mta[1]: x", Head(b"Nov 22 19:23:33", b"sm-mta", 1, 43)),
        (b"Nov 22 19:23:33 sol sendmail[1]: [ID 5 mail.info] x", Head(b"Nov 22 19:23:33", b"sendmail", 1, 50)),
        (
            b"2026-11-22T19:23:33.123456+01:00 sm2 sm-mta[7]: x",
            Head(b"2026-11-22T19:23:33.123456+01:00", b"sm-mta", 7, 48),
        ),
        (b"2026-11-22T19:23:33Z sm2 sm-mta[7]:", Head(b"2026-11-22T19:23:33Z", b"sm-mta", 7, 35)),
        (b"Nov 22 19:23:33 sm1 last message repeated 3 times", Head(b"Nov 22 19:23:33", b"", None, 16)),
        (b"no head at all", None),
        (b"", None),
        (b"\x00\xff: \n", None),
    ],
)
def test_heads(line: bytes, head: Head | None) -> None:
    assert split_head(line) == head


def test_zones() -> None:
    assert zone_seconds("+0530") == 19800
    assert zone_seconds("-0800") == -28800
    assert zone_seconds("") == zone_seconds("UTC") == 0


def test_classic_stamps_take_the_hosts_zone() -> None:
    now = utc(2026, 11, 22, 20)
    assert Stamps(now).read(b"Nov 22 19:23:33") == utc(2026, 11, 22, 19, 23, 33)
    assert Stamps(now, "+0100").read(b"Nov 22 19:23:33") == utc(2026, 11, 22, 18, 23, 33)
    assert Stamps(now, "-0330").read(b"Nov 22 19:23:33") == utc(2026, 11, 22, 22, 53, 33)


def test_the_year_turns() -> None:
    after = Stamps(utc(2027, 1, 1, 0, 5))
    assert after.read(b"Dec 31 23:59:59") == utc(2026, 12, 31, 23, 59, 59)
    assert after.read(b"Jan  1 00:01:00") == utc(2027, 1, 1, 0, 1)
    before = Stamps(utc(2026, 12, 31, 23, 59), "+1400")  # it is next year already over there
    assert before.read(b"Jan  1 13:59:00") == utc(2026, 12, 31, 23, 59)
    assert Stamps(utc(2026, 11, 22)).read(b"Nov 23 00:00:00") == utc(2026, 11, 23)
    assert Stamps(utc(2026, 11, 22)).read(b"Dec 24 00:00:00") == utc(2025, 12, 24)
    assert Stamps(utc(2026, 11, 22)).read(b"Feb 29 00:00:00") == utc(2024, 2, 29)


def test_a_follower_outlives_new_year() -> None:
    stamps = Stamps(utc(2026, 12, 1))
    for day in range(1, 32):
        assert stamps.read(b"Dec %2d 12:00:00" % day) == utc(2026, 12, day, 12)
    assert stamps.read(b"Jan  1 00:00:01") == utc(2027, 1, 1, 0, 0, 1)
    assert stamps.read(b"Dec 31 23:59:59") == utc(2026, 12, 31, 23, 59, 59)


def test_iso_stamps() -> None:
    stamps = Stamps(0.0, "+0200")
    assert stamps.read(b"2026-11-22T19:23:33.5+01:00") == utc(2026, 11, 22, 18, 23, 33) + 0.5
    assert stamps.read(b"2026-11-22T19:23:33,25Z") == utc(2026, 11, 22, 19, 23, 33) + 0.25
    assert stamps.read(b"2026-11-22T19:23:33") == utc(2026, 11, 22, 17, 23, 33)


@pytest.mark.parametrize(
    "raw", [b"", b"Foo 22 19:23:33", b"Nov 31 19:23:33", b"Nov 22 29:23:33", b"2026-13-01T00:00:00Z"]
)
def test_what_is_no_time_is_none(raw: bytes) -> None:
    assert Stamps(utc(2026, 11, 22)).read(raw) is None
