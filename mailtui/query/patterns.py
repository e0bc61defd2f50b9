"""Regular expressions as one types them, refused where they are faulty or could run for ever."""

from __future__ import annotations

import re
import warnings
from typing import Final

from mailtui.query.syntax import FilterError, Term

_PIECE: Final = re.compile(
    rb"""\\.                                     # an escape
    | \[\^?\]?(?:\\.|[^\]\\])*\]             # a set of characters
    | \((?:\?(?:P?<[^>=!][^>]*>|[^:>=!<()]*:|[=!>]|<[=!]|\#[^)]*|P=\w*))?   # a group opens
    | \)                                       # and closes
    | (?:[*+]|\{\d*,\d*\})[+?]?               # repetition
    | .""",
    re.VERBOSE | re.DOTALL,
)
_WITHOUT_END: Final = re.compile(rb"[*+]\??|\{\d*,\}\??")


def compiled(term: Term) -> re.Pattern[bytes]:
    """Compile a term's regular expression; raises FilterError with the column."""
    nested = _nested_repetition(term.value)
    if nested is not None:
        raise FilterError(
            term.value_column + nested,
            "repeating what repeats itself could run for ever",
            "repeat once, or write the inner repetition possessive: (?:a++)+",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(term.value)
    except re.error as error:
        raise FilterError(term.value_column + (error.pos or 0), f"not a regular expression: {error.msg}") from None
    except (OverflowError, RecursionError) as error:
        raise FilterError(term.value_column, f"not a regular expression: {error}") from None


def _nested_repetition(pattern: bytes) -> int | None:
    """Find a repetition without end, of a group that holds one: `(a+)+` takes exponential time on what fails."""
    holds = [False]
    closed = False
    for found in _PIECE.finditer(pattern):
        piece = found.group()
        group_closed, closed = closed, False
        if piece.startswith(b"("):
            holds.append(False)
        elif piece == b")" and len(holds) > 1:
            inner = holds.pop()
            closed = inner
            holds[-1] = holds[-1] or inner
        elif _WITHOUT_END.fullmatch(piece):
            if group_closed:
                return found.start()
            holds[-1] = True
    return None
