"""Sizes as tables show them."""

from __future__ import annotations

_UNITS = ("B", "K", "M", "G", "T", "P")


def size(value: float | None) -> str:
    """Write bytes briefly: `512B`, `4.2K`, `131M`; `-` where they are not known."""
    if value is None:
        return "-"
    for unit in _UNITS:
        if abs(value) < 1024 or unit == _UNITS[-1]:
            break
        value /= 1024
    digits = 0 if unit == "B" or abs(value) >= 100 else 1
    return f"{value:.{digits}f}{unit}"
