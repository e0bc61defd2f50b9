"""Reads the head of a syslog line: stamp (classic or ISO), program and process id.

A classic stamp (RFC 3164) has neither year nor zone: the year is the latest that does not lie in the future, the zone
is the host's own at present, so stamps from the other half of a year with summer time are off by its hour.
"""

from __future__ import annotations

import re
from calendar import timegm
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"), start=1
    )
}
_DAY: Final = 86_400.0

AHEAD: Final = 7 * _DAY
"""How far a stamp may lie ahead of the latest time known before it is taken for last year's."""

STAMP: Final = (
    rb"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9}+)?+"
    rb"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9}+)?+(?:Z|[+-]\d\d:?\d\d)?+)"
)
"""Pattern of either stamp, possessive and without groups."""

_PRIORITY: Final = rb"(?:<\d{1,3}+>)?+"
_LEVEL_AND_HOST: Final = rb"(?: <[a-z0-9.]++>)?+ [^ \[\n]++ "  # FreeBSD's syslogd -vv names facility and level
_SOLARIS: Final = rb"(?:\[ID \d++ [a-z0-9.]++\] )?+"

HEAD: Final = _PRIORITY + STAMP + _LEVEL_AND_HOST + rb"[^ \[:\n]++(?:\[\d{1,10}+\])?+:(?: |(?=\n)|\Z)" + _SOLARIS
"""Pattern of all that stands before the message; for scans over whole blocks."""

_HEAD: Final = re.compile(
    _PRIORITY
    + rb"("
    + STAMP
    + rb")"
    + _LEVEL_AND_HOST
    + rb"([^ \[:\n]++)(?:\[(\d{1,10}+)\])?+:(?: |(?=\n)|\Z)"
    + _SOLARIS
)
_STAMP: Final = re.compile(_PRIORITY + rb"(" + STAMP + rb") ")
_CLASSIC: Final = re.compile(rb"([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d)(\.\d+)?")
_ISO: Final = re.compile(rb"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:?\d\d)?")


class Head(NamedTuple):
    """What stands before a syslog line's message."""

    at_raw: bytes
    program: bytes
    """b"" where the line names none."""
    pid: int | None
    body: int
    """Where the message begins in the line."""


def split_head(line: bytes) -> Head | None:
    """Find a line's stamp, program and process id; None where it begins with no stamp that we know."""
    if found := _HEAD.match(line):
        at_raw, program, pid = found.groups()
        return Head(at_raw, program, int(pid) if pid else None, found.end())
    if found := _STAMP.match(line):  # "last message repeated 3 times": stamp and host, no program
        return Head(found[1], b"", None, found.end())
    return None


def zone_seconds(zone: str) -> int:
    """Read `date +%z` (`+0530`) as seconds east of UTC; 0 where it is no zone."""
    found = re.fullmatch(r"([+-])(\d\d):?(\d\d)", zone.strip())
    if not found:
        return 0
    sign, hours, minutes = found.groups()
    seconds = int(hours) * 3600 + int(minutes) * 60
    return -seconds if sign == "-" else seconds


class Stamps:
    """Turns stamps into times; it moves on with the log, so that a follower outlives New Year."""

    def __init__(self, now: float, zone: str = "") -> None:
        self._latest = now
        self._zone = zone_seconds(zone)
        self._last: tuple[bytes, float | None] = (b"", None)
        self._days: dict[tuple[int, int], float] = {}

    def read(self, raw: bytes) -> float | None:
        """Give a stamp's time (POSIX seconds), or None where it is none or no such day exists."""
        if raw == self._last[0]:
            return self._last[1]
        at = self._classic(raw) if raw[:1].isalpha() else self._iso(raw)
        if at is not None and self._latest < at < self._latest + AHEAD:
            self._latest = at
        self._last = (raw, at)
        return at

    def _classic(self, raw: bytes) -> float | None:
        found = _CLASSIC.fullmatch(raw)
        if not found:
            return None
        name, day, hour, minute, second, fraction = found.groups()
        month = _MONTHS.get(name)
        if month is None or int(hour) > 23 or int(minute) > 59 or int(second) > 60:
            return None
        midnight = self._midnight(month, int(day))
        if midnight is None:
            return None
        return midnight + int(hour) * 3600 + int(minute) * 60 + int(second) + float(fraction or 0)

    def _midnight(self, month: int, day: int) -> float | None:
        """Find the latest such day that is not ahead, in the host's zone."""
        known = self._days.get((month, day))
        if known is not None and self._latest - known < 300 * _DAY:  # else it may have come round again
            return known
        this = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=self._latest)).year
        for year in range(this + 1, this - 9, -1):  # a 29th of February may be eight years old
            try:
                midnight = float(timegm(datetime(year, month, day).timetuple()) - self._zone)
            except ValueError:
                continue
            if midnight < self._latest + AHEAD:
                if len(self._days) > 400:
                    self._days.clear()
                self._days[month, day] = midnight
                return midnight
        return None

    def _iso(self, raw: bytes) -> float | None:
        found = _ISO.fullmatch(raw)
        if not found:
            return None
        *parts, fraction, zone = found.groups()
        year, month, day, hour, minute, second = map(int, parts)
        if hour > 23 or minute > 59 or second > 60:
            return None
        try:
            midnight = timegm(datetime(year, month, day).timetuple())
        except ValueError:
            return None
        east = self._zone if zone is None else 0 if zone == b"Z" else zone_seconds(zone.decode())
        return midnight + hour * 3600 + minute * 60 + second - east + (float(b"0." + fraction) if fraction else 0.0)
