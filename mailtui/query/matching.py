"""From a filter's tree to fast predicates over queue rows and log records."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, Generic, TypeVar

from mailtui.model import LogRecord, Message, QueueRow
from mailtui.query import patterns, values
from mailtui.query.syntax import ALIASES, And, FilterError, Node, Not, Or, Term, read

T = TypeVar("T")
Wanted = Callable[[T], bool]
Texts = Callable[[T], Iterable[bytes]]
"""All texts of one field of a row; a term matches if any does."""
Number = Callable[[T], "float | None"]

NOT_YET: Final = {"cluster": "reasons are not clustered yet", "class": "reasons are not classified yet"}
"""Fields of the language that nothing fills today."""

_PLAIN: Final = re.compile(rb"[a-z0-9@._+=-]+")
"""Bytes that every format of a raw record writes as they are, neither quoted nor escaped."""

_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
}


@dataclass(frozen=True, slots=True)
class Fields(Generic[T]):
    """What a kind of row can be asked."""

    texts: Mapping[str, Texts[T]]
    numbers: Mapping[str, tuple[Number[T], Callable[[Term, float], float]]]
    shown: Texts[T]
    """All texts a bare word is looked for in, but for those of `costly`."""
    costly: tuple[str, ...] = ()
    """Fields that are decoded for each row; a bare word is looked for in the first of them as well."""
    optional: frozenset[str] = frozenset()
    """Fields of which `field=""` asks for the rows that have none, as groups tell of them."""
    everywhere: bytes = b""
    """What is shown with all rows, lower case: a bare word is looked for there as well."""
    may_hold: Callable[[T, bytes], bool] = lambda row, needle: True
    """Tell cheaply, before decoding, that no costly field of a row can hold these bytes (lower case)."""

    def names(self) -> list[str]:
        """Give all field names, sorted."""
        return sorted({*self.texts, *self.numbers})


@dataclass(frozen=True, slots=True)
class Query:
    """A filter that was read; `rows` and `records` make predicates of it."""

    text: str
    node: Node

    def rows(self, *, host: str, now: float, message: Callable[[QueueRow], Message]) -> Wanted[QueueRow]:
        """Make a predicate over one host's queue; `message` decodes a row where a column does not suffice."""
        return _compiled(self.node, _queue_fields(host, now, message), now)

    def records(self, *, now: float) -> Wanted[LogRecord]:
        """Make a predicate over log records."""
        return _compiled(self.node, _LOG, now)

    def literals(self, host: str) -> tuple[bytes, ...]:
        """Give bytes, lower case, that all stand in the text of every line of this host's log that can match.

        A block or line without one of them need not be read; none means that nothing can be told beforehand.
        """
        return tuple(dict.fromkeys(_literals(self.node, host.lower().encode())))


def parse(text: str, kind: str) -> Query:
    """Read a filter of kind `queue` or `log`; raises FilterError with the column and what was expected."""
    query = Query(text, read(text))
    if kind == "queue":
        query.rows(host="", now=0.0, message=_never)
    else:
        query.records(now=0.0)
    return query


def names(kind: str) -> list[str]:
    """Give the names of all fields of `queue` or `log`."""
    return (_queue_fields("", 0.0, _never) if kind == "queue" else _LOG).names()


def _never(row: QueueRow) -> Message:
    raise AssertionError(row)


_IN_LINE: Final = ("", "id", "program", "from", "to", "relay", "dsn", "result", "text")
"""Log fields whose value is a piece of the line itself; auth, tls and client may come from an earlier line."""


def _literals(node: Node, host: bytes) -> Iterator[bytes]:
    match node:
        case And(terms=terms):
            for term in terms:
                yield from _literals(term, host)
        case Term(field=field, operator="" | ":" | "=", value=value) if field in _IN_LINE and value:
            # A bare word that the host's name holds matches whatever the line says.
            if field or value.lower() not in host:
                yield value.lower()


# --- the tree -------------------------------------------------------------------------------------------------------


def _compiled(node: Node, fields: Fields[T], now: float) -> Wanted[T]:
    match node:
        case And(terms=terms):
            parts = [_compiled(term, fields, now) for term in terms]
            return lambda row: all(part(row) for part in parts)
        case Or(terms=terms):
            parts = [_compiled(term, fields, now) for term in terms]
            return lambda row: any(part(row) for part in parts)
        case Not(term=term):
            inner = _compiled(term, fields, now)
            return lambda row: not inner(row)
        case Term():
            return _term(node, fields, now)


def _term(term: Term, fields: Fields[T], now: float) -> Wanted[T]:
    if not term.field:
        return _bare(term.value.lower(), fields)
    if term.field in fields.numbers:
        return _numeric(term, fields, now)
    if term.field not in fields.texts:
        raise _unknown(term, fields.names())
    if term.operator in (">", ">=", "<", "<="):
        raise FilterError(term.column, f"{term.field} is text: {term.operator} cannot compare it", "use : = or ~")
    needle, texts = term.value.lower(), fields.texts[term.field]
    if term.operator == "=" and not needle and term.field in fields.optional:
        return lambda row: b"" in (tuple(texts(row)) or (b"",))
    wanted = _textual(term, texts)
    if term.field in fields.costly and term.operator != "~" and _PLAIN.fullmatch(needle):
        may_hold = fields.may_hold
        return lambda row: may_hold(row, needle) and wanted(row)
    return wanted


def _bare(needle: bytes, fields: Fields[T]) -> Wanted[T]:
    shown = fields.shown
    if needle in fields.everywhere:
        return lambda row: True
    if not fields.costly:
        return lambda row: any(needle in text.lower() for text in shown(row))
    more, may_hold = fields.texts[fields.costly[0]], fields.may_hold
    plain = _PLAIN.fullmatch(needle) is not None

    def wanted(row: T) -> bool:
        if any(needle in text.lower() for text in shown(row)):
            return True
        return (not plain or may_hold(row, needle)) and any(needle in text.lower() for text in more(row))

    return wanted


def _unknown(term: Term, names: list[str]) -> FilterError:
    if term.field in NOT_YET:
        return FilterError(term.column, f"{term.field}: {NOT_YET[term.field]}")
    close = get_close_matches(term.field, [*names, *ALIASES], 1)
    hint = (
        f"did you mean {close[0]}?"
        if close
        else f"fields are {', '.join(names)}; quote text that holds a {term.operator}"
    )
    return FilterError(term.column, f"there is no field {term.field}", hint)


def _numeric(term: Term, fields: Fields[T], now: float) -> Wanted[T]:
    number, convert = fields.numbers[term.field]
    if term.operator not in _COMPARE:
        raise FilterError(term.column, f"{term.field} is compared with = > >= < <=", _compared(term, convert, now))
    compare, bound = _COMPARE[term.operator], convert(term, now)

    def wanted(row: T) -> bool:
        value = number(row)
        return value is not None and compare(value, bound)

    return wanted


def _compared(term: Term, convert: Callable[[Term, float], float], now: float) -> str:
    """Show how a number would be compared, with the value that was given where it is one."""
    try:
        convert(term, now)
    except FilterError as error:
        return error.cure
    return f"for example {term.field}>{term.value.decode()}"


def _textual(term: Term, texts: Texts[T]) -> Wanted[T]:
    needle = term.value.lower()
    if term.operator == "~":
        pattern = patterns.compiled(term)
        return lambda row: any(pattern.search(text) for text in texts(row))
    if term.operator == ":":
        return lambda row: any(needle in text.lower() for text in texts(row))
    if term.field == "domain" and needle.startswith(b"."):
        exact = needle[1:]
        return lambda row: any(text == exact or text.endswith(needle) for text in texts(row))
    return lambda row: any(needle == text.lower() for text in texts(row))


# --- what can be asked ----------------------------------------------------------------------------------------------


def _some(*found: bytes | None) -> tuple[bytes, ...]:
    return tuple(text for text in found if text is not None)


def _queue_fields(host: str, now: float, message: Callable[[QueueRow], Message]) -> Fields[QueueRow]:
    def recipients(row: QueueRow) -> Iterable[bytes]:
        if row.nrcpt <= 1:
            return (row.recipient,)
        return (recipient.address for recipient in message(row).recipients)

    def shown(row: QueueRow) -> Iterable[bytes]:
        sender = b"<>" if row.sender == b"" else row.sender or b""
        yield from (row.id.encode(), row.state.encode(), sender, row.reason or b"", row.queue.encode())
        yield (row.queue_group or "").encode()
        yield row.recipient

    def client(row: QueueRow) -> Iterable[bytes]:
        found = message(row).client
        if found is None:
            return ()
        name, ip = found.name or b"", (found.ip or "").encode()
        grouped = b" ".join(part for part in (name, ip and b"[%b]" % ip) if part)
        return filter(None, (name, ip, grouped))

    def held_by(row: QueueRow) -> Iterable[bytes]:
        hold = message(row).hold
        return () if hold is None else (hold.by.encode(),)

    return Fields(
        texts={
            "id": lambda row: (row.id.encode(),),
            "key": lambda row: (row.key.encode(),),
            "queue": lambda row: (row.queue.encode(),),
            "group": lambda row: ((row.queue_group or "").encode(),),
            "directory": lambda row: (row.directory,),
            "state": lambda row: (row.state.encode(),),
            "from": lambda row: () if row.sender is None else (row.sender,),
            "to": recipients,
            "domain": lambda row: row.domains,
            "reason": lambda row: _some(row.reason),
            "subject": lambda row: _some(message(row).subject),
            "auth": lambda row: _some(message(row).auth_user),
            "client": client,
            "held_by": held_by,
            "instance": lambda row: (message(row).instance.encode(),),
            "host": lambda row: (host.encode(),),
        },
        numbers={
            "nrcpt": (lambda row: row.nrcpt, values.number),
            "size": (lambda row: row.size, values.size),
            "age": (lambda row: None if row.arrived_at is None else now - row.arrived_at, values.age),
            "attempts": (lambda row: row.attempts, values.number),
        },
        shown=shown,
        costly=("to", "auth"),
        optional=frozenset({"auth", "client", "domain", "reason"}),
        everywhere=host.lower().encode(),
        may_hold=lambda row, needle: not row.raw or needle in row.raw.lower(),
    )


def _log_texts() -> dict[str, Texts[LogRecord]]:
    def field(name: str) -> Texts[LogRecord]:
        get: Callable[[LogRecord], Any] = operator.attrgetter(name)

        def texts(record: LogRecord) -> Iterable[bytes]:
            value = get(record)
            return () if value is None else (value.encode() if isinstance(value, str) else value,)

        return texts

    names = {
        "id": "id", "program": "program", "event": "event", "from": "sender", "relay": "relay", "dsn": "dsn",
        "result": "result", "client": "client", "auth": "auth_user", "text": "text", "host": "host",
    }  # fmt: skip
    texts = {name: field(attribute) for name, attribute in names.items()}
    texts["to"] = lambda record: (record.recipient or b"").split(b",") if record.recipient is not None else ()
    return texts


_LOG: Final[Fields[LogRecord]] = Fields(
    texts=_log_texts(),
    numbers={"at": (lambda record: record.at, values.moment)},
    shown=lambda record: (record.text, record.host.encode()),
)
