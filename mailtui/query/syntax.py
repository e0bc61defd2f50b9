r"""From the text of a filter to a tree, each fault with its column.

expression = all { "or" all }
all        = one { [ "and" ] one }            side by side is AND
one        = "not" one | "!" one | "(" expression ")" | term
term       = word | field operator value      operators : = ~ > >= < <=
value      = word | '"' text '"'              within quotes \" \\ and \xNN

`OR`, `AND` and `NOT` are the same words; within quotes they are text. Blanks may stand round an operator. The address
of `from` and `to` may stand in < >, and `from=<>` is the null sender. What looks like an operator of another language
is a fault: taken as text it would silently select nothing.
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

ALIASES: Final = {"sender": "from", "recipient": "to", "recipients": "to"}
"""Fields by the names that JSON has for them."""

_OPERATOR_WORDS: Final = {word: kind for kind in ("or", "and", "not") for word in (kind, kind.upper())}
_NAMED: Final = re.compile(r"([A-Za-z_]+)(>=|<=|[:=~<>])")
# Behind a blank an address (`anna <anna@sender.test>`) and words like :25 or ~root are text.
_APART: Final = re.compile(r'([A-Za-z_]+)\s+(>=|<=|[=>]|<(?=\s|\d|$)(?![^\s()"]*>)|[:~](?=[\s"]|$))')
_NEGATED: Final = re.compile(r'([A-Za-z_]+)(?:(![=~:<>])|\s+(![=~]|!:(?=[\s"]|$)))')
_FOREIGN: Final = {"==": "{}=", "=~": "{}~", "=>": "{}>=", "<>": "not {}="}
"""What is written for an operator behind a field, and what is meant."""
_ALONE: Final = re.compile(r"!=|[<>]=|[=>]|<(?=\d[^>]*$|$)|[:~]$")
"""A word that can only be an operator without its field."""
_NEXT: Final = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^\s()"]*)')
_ADDRESS: Final = re.compile(rb"<([^<>]*)>")
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


def _comparison(text: str, at: int) -> Term | None:
    """Read the field and operator that begin at an offset; the term's value is not read yet."""
    negated = _NEGATED.match(text, at)
    if negated is not None and negated[1] not in _OPERATOR_WORDS:
        group = 2 if negated[2] else 3
        raise _foreign(text, negated.start(group), negated[group], f"not {negated[1]}{negated[group][1:]}")
    found = _NAMED.match(text, at) or _APART.match(text, at)
    if found is None or (text[found.end(1)].isspace() and found[1] in _OPERATOR_WORDS):
        return None
    written = text[found.start(2) : found.start(2) + 2]
    if written in _FOREIGN:
        raise _foreign(text, found.start(2), written, _FOREIGN[written].format(found[1]))
    name = found[1].lower()
    return Term(ALIASES.get(name, name), found[2], b"", at + 1, found.end() + 1)


def _foreign(text: str, at: int, operator: str, instead: str) -> FilterError:
    following = _NEXT.match(text, at + len(operator))
    value = following[1] if following is not None else ""
    return FilterError(
        at + 1, f"{operator} is not an operator", f"write {instead}{value if 0 < len(value) < 40 else 'VALUE'}"
    )


def _compared(text: str, term: Term) -> tuple[Term, int]:
    """Read the value of a comparison; returns the whole term and where it ends."""
    at = behind = term.value_column - 1
    while text[at : at + 1].isspace():
        at += 1
    word = _WORD.match(text, at) if at > behind else None
    if word is not None and (word[0] in _OPERATOR_WORDS or _NAMED.match(text, at)):
        raise _no_value(behind, "write the value right behind the operator, or in quotes")
    value, end = _value(text, at, term.operator)
    operator = term.operator
    address = _ADDRESS.fullmatch(value)
    if term.field in ("from", "to") and operator in ":=" and text[at] != '"' and address is not None:
        value, operator = address[1], operator if address[1] else "="
    return Term(term.field, operator, value, term.column, at + 1), end


def _no_value(at: int, cure: str = 'for the empty value write ""') -> FilterError:
    return FilterError(at + 1, "a value is expected here", cure)


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
        raise _no_value(at)
    if operator != "~":
        _refuse_foreign_words(text, at, end)
    return text[at:end].encode("utf-8", "surrogateescape"), end


def _refuse_foreign_words(text: str, at: int, end: int) -> None:
    for foreign, instead in (("||", "or"), ("&&", "and")):
        found = text.find(foreign, at, end)
        if found >= 0:
            raise FilterError(found + 1, f"{foreign} is not an operator", f"write {instead}, or quote the text")


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
        elif char in "()" or (char == "!" and text[at + 1 : at + 2] != "="):
            yield _Token(char, column)
            at += 1
        elif (comparison := _comparison(text, at)) is not None:
            term, at = _compared(text, comparison)
            yield _Token("term", column, term)
        else:
            value, end = _value(text, at, "")
            word = text[at:end]
            if word in _OPERATOR_WORDS:
                yield _Token(_OPERATOR_WORDS[word], column)
            elif (alone := _ALONE.match(word)) is not None:
                cure = "for example age>1h or from:anna; quote text that begins like this"
                raise FilterError(column, f"a field is expected before {alone[0]}", cure)
            else:
                yield _Token("term", column, Term("", "", value, column, column))
            at = end


class _Reader:
    """Reads tokens by recursive descent."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
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
        terms = [self._operand()]
        while self._next is not None and self._next.kind not in ("or", ")"):
            if self._next.kind == "and":
                self._at += 1
            terms.append(self._operand())
        return terms[0] if len(terms) == 1 else And(tuple(terms))

    def _operand(self) -> Node:
        token = self._next
        if token is None or token.kind in ("or", "and", ")"):
            column, cure = self._end, "for example from:anna, age>1h or timeout"
            if token is not None:
                column = token.column
                cure = cure if token.kind == ")" else f'{cure}; to look for the word write "{token.kind}"'
            raise FilterError(column, "a word or field is expected here", cure)
        return self._one()

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
            if self._next is None or self._next.kind in ("or", "and", ")"):
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
