"""Numbers, ages, sizes and times as one types them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from mailtui.query.syntax import FilterError, Term

_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_AGE: Final = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+", re.ASCII)
_AGE_PART: Final = re.compile(r"(\d+(?:\.\d+)?)([smhdw])", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)(?:([KMGT])(?:i?B)?|B)?", re.IGNORECASE | re.ASCII)
_BYTES: Final = {"K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", re.ASCII)


def _text(term: Term) -> str:
    return term.value.decode("utf-8", "backslashreplace")


def number(term: Term, now: float) -> float:
    """Read a plain number."""
    if not _NUMBER.fullmatch(_text(term)):
        raise FilterError(term.value_column, f"{term.field} is a number", f"for example {term.field}>3")
    return float(_text(term))


def age(term: Term, now: float) -> float:
    """Read a duration in seconds: `30s`, `5m`, `2h30m`, `1d`."""
    text = _text(term)
    if _NUMBER.fullmatch(text):
        return float(text)
    if not _AGE.fullmatch(text):
        raise FilterError(term.value_column, f"{term.field} is a duration", f"for example {term.field}>30s, 5m, 2h, 1d")
    return sum(float(count) * _SECONDS[unit] for count, unit in _AGE_PART.findall(text))


def size(term: Term, now: float) -> float:
    """Read a number of bytes: `900`, `10K`, `2M`, `2MiB`."""
    found = _SIZE.fullmatch(_text(term))
    if found is None:
        raise FilterError(term.value_column, f"{term.field} is a size", f"for example {term.field}>10K or 2M")
    return float(found[1]) * (_BYTES[found[2].upper()] if found[2] else 1)


def moment(term: Term, now: float) -> float:
    """Read a time as POSIX seconds: `13:40` (the latest one past), `2026-11-22`, `2026-11-22T13:40Z`, `2h` ago."""
    text = _text(term)
    if _AGE.fullmatch(text):
        return now - age(term, now)
    clock = _CLOCK.fullmatch(text)
    try:
        if clock is not None:
            today = datetime.fromtimestamp(now).replace(
                hour=int(clock[1]), minute=int(clock[2]), second=int(clock[3] or 0), microsecond=0
            )
            at = today.timestamp()
            return at if at <= now else at - 86400
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        cure = f"for example {term.field}>13:40, 2026-11-22, 2026-11-22T13:40Z"
        raise FilterError(term.value_column, f"{term.field} is a time", cure) from None
