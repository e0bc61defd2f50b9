r"""From the text of a filter to a tree, each fault with its column.

expression = all { "or" all }
all        = one { one }                      side by side is AND
one        = "not" one | "!" one | "(" expression ")" | term
term       = word | field operator value      operators : = ~ > >= < <=
value      = word | '"' text '"'              within quotes \" \\ and \xNN
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mailtui.errors import UsageError

LONGEST: Final = 256 * 1024
"""Characters of a filter; more is a mistake. A group's value may be long, and four characters stand for a byte."""

DEEPEST: Final = 100
"""Parentheses and negations within each other."""


class FilterError(UsageError):
    """A fault in a filter; `column` counts from 1."""

    def __init__(self, column: int, message: str, cure: str = "") -> None:
        super().__init__(f"column {column}: {message}", cure)
        self.column = column


@dataclass(frozen=True, slots=True)
class Term:
    """A comparison; a bare word has no field."""

    field: str
    operator: str
    value: bytes
    column: int
    value_column: int


@dataclass(frozen=True, slots=True)
class Not:
    """What must not hold."""

    term: Node


@dataclass(frozen=True, slots=True)
class And:
    """What must hold together."""

    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Of which one must hold."""

    terms: tuple[Node, ...]


Node = Term | Not | And | Or

_TERM: Final = re.compile(r"([A-Za-z_]+)(>=|<=|[:=~<>])")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE: Final = re.compile(rb'\\(?:x([0-9a-fA-F]{2})|(["\\])|(.))', re.DOTALL)
_WORD: Final = re.compile(r'[^\s()"]+')
_PATTERN_PIECE: Final = re.compile(r"\\\S|\[\^?\]?(?:\\\S|[^\]\\\s])*\]|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    """( ) ! not or term"""
    column: int
    term: Term | None = None


def literal(value: bytes) -> str:
    r"""Quote bytes so that they stand for themselves in a filter."""
    quoted = "".join(
        f"\\{chr(byte)}" if byte in b'"\\' else chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in value
    )
    return f'"{quoted}"'


def _unquoted(match: re.Match[str], column: int) -> bytes:
    def escape(found: re.Match[bytes]) -> bytes:
        if found[1] is not None:
            return bytes([int(found[1], 16)])
        if found[2] is not None:
            return found[2]
        raise FilterError(column + 1 + found.start(), 'within quotes a backslash stands before ", \\ or xNN')

    return _ESCAPE.sub(escape, match[1].encode("utf-8", "surrogateescape"))


def _value(text: str, at: int, operator: str) -> tuple[bytes, int]:
    """Read the value that begins at an offset; returns it and where it ends."""
    quoted = _QUOTED.match(text, at)
    if quoted is not None:
        return _unquoted(quoted, at + 1), quoted.end()
    if text[at : at + 1] == '"':
        raise FilterError(at + 1, "this quote is not closed", 'add a " behind the text')
    word = _WORD.match(text, at)
    end = _pattern_end(text, at) if operator == "~" else word.end() if word is not None else at
    if end == at:
        raise FilterError(at + 1, "a value is expected here", 'for the empty value write ""')
    return text[at:end].encode("utf-8", "surrogateescape"), end


def _pattern_end(text: str, at: int) -> int:
    """Find the end of a bare regular expression: a blank, or a ) that it did not open itself."""
    depth = 0
    for piece in _PATTERN_PIECE.finditer(text, at):
        char = piece[0]
        if char.isspace() or (char == ")" and depth == 0):
            return piece.start()
        depth += (char == "(") - (char == ")")
    return len(text)


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        char, column = text[at], at + 1
        if char.isspace():
            at += 1
        elif char in "()!":
            yield _Token(char, column)
            at += 1
        elif (found := _TERM.match(text, at)) is not None:
            value, end = _value(text, found.end(), found[2])
            yield _Token("term", column, Term(found[1].lower(), found[2], value, column, found.end() + 1))
            at = end
        else:
            value, end = _value(text, at, "")
            word = text[at:end]
            if word in ("or", "and", "not"):
                yield _Token(word, column)
            else:
                yield _Token("term", column, Term("", "", value, column, column))
            at = end


class _Reader:
    """Reads tokens by recursive descent."""

    def __init__(self, text: str) -> None:
        self._tokens = [token for token in _tokens(text) if token.kind != "and"]
        self._at = 0
        self._end = len(text) + 1
        self._depth = 0

    @property
    def _next(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def whole(self) -> Node:
        """Read everything."""
        node = self._any()
        token = self._next
        if token is not None:
            raise FilterError(token.column, "this ) closes nothing")
        return node

    def _any(self) -> Node:
        terms = [self._all()]
        while self._next is not None and self._next.kind == "or":
            self._at += 1
            terms.append(self._all())
        return terms[0] if len(terms) == 1 else Or(tuple(terms))

    def _all(self) -> Node:
        terms = []
        while self._next is not None and self._next.kind not in ("or", ")"):
            terms.append(self._one())
        if not terms:
            column = self._next.column if self._next is not None else self._end
            raise FilterError(column, "a word or field is expected here", "for example from:anna, age>1h or timeout")
        return terms[0] if len(terms) == 1 else And(tuple(terms))

    def _one(self) -> Node:
        self._depth += 1
        try:
            return self._single()
        finally:
            self._depth -= 1

    def _single(self) -> Node:
        token = self._next
        if token is None:
            raise FilterError(self._end, "a word or field is expected here")
        self._at += 1
        if self._depth > DEEPEST:
            raise FilterError(token.column, "this filter is nested too deeply")
        if token.kind in ("!", "not"):
            if self._next is None or self._next.kind in ("or", ")"):
                raise FilterError(token.column, "nothing follows that could be negated")
            return Not(self._one())
        if token.kind == "(":
            node = self._any()
            if self._next is None:
                raise FilterError(token.column, "this ( is not closed")
            self._at += 1
            return node
        if token.term is None:
            raise FilterError(token.column, f"{token.kind} is not expected here")
        return token.term


def read(text: str) -> Node:
    """Read a filter; raises FilterError."""
    if len(text) > LONGEST:
        raise FilterError(LONGEST + 1, f"a filter has at most {LONGEST} characters")
    return _Reader(text).whole()
