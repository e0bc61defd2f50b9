"""Ages, sizes, counts and times as a person reads them, in a fixed small width."""

from __future__ import annotations

import time


def age(seconds: float | None) -> str:
    """Give a duration in at most six characters: `42s`, `12m`, `2h14m`, `3d04h`; `-` for None."""
    if seconds is None:
        return "-"
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h"


def size(count: float | None) -> str:
    """Give bytes in at most five characters: `912`, `1.4K`, `23M`; `-` for None."""
    if count is None:
        return "-"
    value, units = float(count), iter("KMGTPE")
    unit = ""
    while value >= 999.5:
        value /= 1024
        unit = next(units)
    return f"{value:.1f}{unit}" if unit and value < 9.95 else f"{value:.0f}{unit}"


def count(number: int | None) -> str:
    """Give a whole number with commas; `-` for None."""
    return "-" if number is None else f"{number:,}"


def rate(per_minute: float | None) -> str:
    """Give a rate with one decimal below ten; `-` for None."""
    if per_minute is None:
        return "-"
    return f"{per_minute:.1f}" if 0 < per_minute < 9.95 else f"{per_minute:,.0f}"


def percent(share: float | None) -> str:
    """Give a share of one as a percentage; `-` for None."""
    return "-" if share is None else f"{share * 100:.0f}%"


def clock(at: float | None, now: float) -> str:
    """Give a time of today as `14:02:31`, an older one as `Nov 21 14:02`, in the console's zone; `-` for None."""
    if at is None:
        return "-"
    local, today = time.localtime(at), time.localtime(now)
    same_day = local[:3] == today[:3]
    return time.strftime("%H:%M:%S" if same_day else "%b %d %H:%M", local)
