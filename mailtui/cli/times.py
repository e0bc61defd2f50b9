"""Times and durations as people type them and as JSON and tables show them."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

from mailtui.errors import UsageError

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw]|$)", re.ASCII)
_DURATION = re.compile(r"\d+(?:\.\d+)?|(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+", re.ASCII)
_CLOCK = re.compile(r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?", re.ASCII)


def duration(text: str) -> float:
    """Read `20`, `500ms`, `30s`, `5m`, `1h30m`, `1d` as seconds; raises UsageError."""
    found = _DURATION.fullmatch(text.strip())
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(found[0])) if found else 0.0
    if not 0 < seconds < 1e10:
        raise UsageError(f"{text!r} is no duration: write 500ms, 30s, 5m, 1h30m or 1d")
    return seconds


def moment(text: str, now: float) -> float:
    """Read a time as POSIX seconds; raises UsageError.

    `2h` is so long ago, `13:40` the last time the clock said so, dates are ISO 8601; without a zone the console's own.
    """
    text = text.strip()
    if _DURATION.fullmatch(text) and text[-1].isalpha():
        return now - duration(text)
    try:
        clock = _CLOCK.fullmatch(text)
        if clock:
            today = datetime.fromtimestamp(now).astimezone()
            at = today.replace(
                hour=int(clock["hour"]), minute=int(clock["minute"]), second=int(clock["second"] or 0), microsecond=0
            )
            return (at if at <= today else at - timedelta(days=1)).timestamp()
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"{text!r} is no time: write 13:40, 2026-11-22T13:40Z, or 2h for two hours ago") from None


def iso(at: float | None) -> str | None:
    """Give a time as ISO 8601 in UTC with Z; None where it is not known or lies outside the calendar."""
    if at is None:
        return None
    try:
        return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None


def age(taken_at: float, since: float | None) -> float | None:
    """Give how long ago something was when it was read, never below zero (clocks differ)."""
    return None if since is None else seconds(max(0.0, taken_at - since))


def seconds(value: float | None) -> float | None:
    """Give a duration for JSON: whole where it is whole, else to the millisecond; None for what is no number."""
    if value is None or not math.isfinite(value):
        return None
    return int(value) if value == int(value) else round(value, 3)


def brief(value: float | None) -> str:
    """Write a duration for a table: `42s`, `13m`, `2h14m`, `3d04h`; `-` where it is not known."""
    if value is None:
        return "-"
    whole = int(value)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h"
