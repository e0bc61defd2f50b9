"""The one door between remote bytes and anything a person sees.

Addresses, subjects, log lines and banners come from strangers. They stay `bytes` until `show` makes a `Safe` text of
them, in which nothing can move a cursor, change a colour, reorder text or hide a character. JSON takes `wire` instead,
which keeps every byte.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, final

LIMIT: Final = 65_536
"""Longest text in characters that `show` lets through; what is cut is said."""

MARKS_PER_BASE: Final = 4
"""Combining marks kept on one character; more of them crash terminals (CVE-2021-26937)."""

_TOKEN: Final = object()

# C0 but for newline and tab, DEL, C1; soft hyphen; bidi marks, overrides and isolates; zero-width and invisible
# operators; line and paragraph separators; interlinear annotations; musical and shorthand controls; tags and variation
# selectors of plane 14; surrogates; noncharacters.
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff"
    "\ufff9-\ufffb\uffa0\ufdd0-\ufdef\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    + "".join(f"{chr(plane * 0x10000 + 0xFFFE)}{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(17))
    + "]"
)
_ASCII_HIDDEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


@final
class Safe(str):
    """Text that holds nothing a terminal obeys; only `show` and `show_line` make it."""

    __slots__ = ()

    def __new__(cls, text: str, token: object = None) -> Safe:
        """Refuse everyone who is not of this module."""
        if token is not _TOKEN:
            raise TypeError("Safe text is made by show() alone")
        return super().__new__(cls, text)


def _name(match: re.Match[str]) -> str:
    return f"<{ord(match.group()):02x}>"


def _limit_marks(text: str) -> str:
    """Keep at most `MARKS_PER_BASE` combining marks in a row and say how many were left out."""
    kept: list[str] = []
    run = 0
    for char in text + "\0":
        if unicodedata.category(char).startswith("M"):
            run += 1
            if run > MARKS_PER_BASE:
                continue
        else:
            if run > MARKS_PER_BASE:
                kept.append(f"<+{run - MARKS_PER_BASE} marks>")
            run = 0
        kept.append(char)
    return "".join(kept[:-1])


def _clean(text: str, limit: int) -> str:
    cut = len(text) - limit
    if cut > 0:
        text = text[:limit]
    text = _ASCII_HIDDEN.sub(_name, text) if text.isascii() else _limit_marks(_HIDDEN.sub(_name, text))
    return f"{text}<{cut} more>" if cut > 0 else text


def show(data: bytes | str, limit: int = LIMIT) -> Safe:
    """Make text of several lines safe: controls become visible (`<1b>`), newlines and tabs stay."""
    text = data.decode("utf-8", "backslashreplace") if isinstance(data, bytes) else data
    return Safe(_clean(text, limit), _TOKEN)


def show_line(data: bytes | str, limit: int = LIMIT) -> Safe:
    """Make text of one line safe: as `show`, and a newline becomes `<0a>`, a tab one blank."""
    text = data.decode("utf-8", "backslashreplace") if isinstance(data, bytes) else data
    return Safe(_clean(text, limit).replace("\n", "<0a>").replace("\t", " "), _TOKEN)


def wire(data: bytes) -> str:
    r"""Give bytes as a JSON string's text: UTF-8 where it is, else `\xNN`; the writer escapes all but ASCII."""
    return data.decode("utf-8", "backslashreplace")


def natural(word: str) -> int | None:
    """Read up to 18 ASCII digits; None for any other word (`str.isdigit` takes a superscript two as well)."""
    return int(word) if len(word) < 19 and word.isascii() and word.isdigit() else None
