"""The output formats, in one place: a `Document` in, whole bytes on standard output.

A document is a tree as contract.md shapes it, in which text of strangers is still `bytes`: JSON writes it by `wire`
(every byte kept, ASCII only), everything else by `show`. A list that is long is a `Stream`, so that it is made and
written slice by slice and never stands in memory as a whole.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from mailtui.cli.table import Column, paint
from mailtui.errors import NotWritten
from mailtui.text import show, show_line, wire

Record = Mapping[str, Any]
"""One record as contract.md shapes it; its text is `str` where we wrote it, `bytes` where strangers did."""

SLICE = 500
"""Records written at once."""

_RISKY = ("=", "+", "-", "@")


@dataclass(frozen=True, slots=True)
class Stream:
    """A list that is made anew each time it is walked."""

    make: Callable[[], Iterable[Any]]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.make())


@dataclass(frozen=True, slots=True)
class Document:
    """One answer in all its forms."""

    kind: str
    body: Record
    """All of the JSON object but its schema."""
    rows: Callable[[], Iterable[Record]]
    """The records of jsonl, csv and table."""
    columns: tuple[Column, ...] = ()
    """Of the table."""
    record: str = ""
    """Name of the rows' definition in the schemas, for the columns of csv; empty where a row is the whole object."""
    text: Callable[[], str] | None = None
    """What a person reads instead of a table; already safe."""


def write(args: Namespace, document: Document) -> None:
    """Write a document to standard output in the format asked for."""
    if args.output == "json":
        body = {"schema": f"mailtui/{document.kind}/1", **document.body}
        send((*_json(body), "\n"))
    elif args.output == "jsonl":
        send(lines(document.rows()))
    elif args.output == "yaml":
        send(_yaml({"schema": f"mailtui/{document.kind}/1", **document.body}))
    elif args.output == "csv":
        send(_csv(document))
    elif document.text is not None:
        send((document.text(),))
    else:
        send(paint(document.rows(), document.columns, args.color))


def lines(records: Iterable[Record]) -> Iterator[str]:
    """Give records as JSON lines."""
    return (f"{_encode(record)}\n" for record in records)


def send(parts: Iterable[str]) -> None:
    """Write to standard output in large pieces; what the terminal's encoding lacks becomes an escape."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    remaining = iter(parts)
    while piece := "".join(islice(remaining, SLICE)):
        with told():
            sys.stdout.write(piece)


def flush() -> None:
    """Write at once what `send` still holds; raises NotWritten."""
    with told():
        sys.stdout.flush()


@contextmanager
def told() -> Iterator[None]:
    """Tell a disk that is full from a reader that has left: NotWritten, BrokenPipeError."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise NotWritten(f"standard output: {error.strerror}") from error


# --- JSON -----------------------------------------------------------------------------------------------------------


def _leaf(value: object) -> object:
    """Give what JSON has no form for: bytes as text that keeps each of them, a stream as a list."""
    if isinstance(value, bytes):
        return wire(value)
    if isinstance(value, Stream):
        return list(value)
    raise TypeError(f"{type(value).__name__} stands in no document")


_encoder = json.JSONEncoder(ensure_ascii=True, allow_nan=False, default=_leaf)


def _encode(value: object) -> str:
    return _encoder.encode(value).replace("\x7f", "\\u007f")


def _json(value: object) -> Iterator[str]:
    """Write JSON piece by piece, one element of a stream a line."""
    if isinstance(value, Stream):
        before = "[\n"
        for element in value:
            yield before
            yield _encode(element)
            before = ",\n"
        yield "[]" if before == "[\n" else "\n]"
    elif isinstance(value, dict) and _streams(value):
        before = "{"
        for name, element in value.items():
            yield f"{before}{_encode(name)}: "
            yield from _json(element)
            before = ", "
        yield "}"
    elif isinstance(value, list) and _streams(value):
        before = "["
        for element in value:
            yield before
            yield from _json(element)
            before = ", "
        yield "]"
    else:
        yield _encode(value)


def _streams(value: object) -> bool:
    """Tell whether a stream stands in a value; looks into dictionaries and lists, not into streams."""
    if isinstance(value, dict):
        return any(_streams(element) for element in value.values())
    if isinstance(value, list):
        return any(_streams(element) for element in value)
    return isinstance(value, Stream)


# --- YAML and CSV ---------------------------------------------------------------------------------------------------


def shown(value: object) -> object:
    """Give a tree whose text is all safe and plain."""
    if isinstance(value, (bytes, str)):
        return str(show(value))
    if isinstance(value, Mapping):
        return {str(name): shown(element) for name, element in value.items()}
    if isinstance(value, (list, tuple, Stream)):
        return [shown(element) for element in value]
    return value


def _yaml(body: Record) -> Iterator[str]:
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    yield yaml.dump(shown(body), Dumper=dumper, allow_unicode=True, sort_keys=False, width=1000)


def _csv(document: Document) -> Iterator[str]:
    """Write a heading and the rows; the columns are the schema's, so that they never depend on the data."""
    from mailtui.schemas import fields

    paths = fields(document.kind, document.record)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([".".join(path) for path in paths])
    for row in document.rows():
        writer.writerow([_cell(_at(row, path)) for path in paths])
        if buffer.tell() > 65_536:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _at(row: Record, path: tuple[str, ...]) -> object:
    value: Any = row
    for name in path:
        if value is None:
            return None
        value = value.get(name)
    return value


def _cell(value: object) -> str:
    """Give a cell's text: nothing for null, plain lists with semicolons, objects and lists of them as compact JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, tuple, Stream)):
        elements = list(value)
        if any(isinstance(element, (Mapping, list, tuple)) for element in elements):
            return _compact(elements)
        value = "; ".join(show_line(each if isinstance(each, (bytes, str)) else str(each)) for each in elements)
    elif isinstance(value, Mapping):
        return _compact(value)
    text = str(show_line(value if isinstance(value, (bytes, str)) else str(value)))
    return f"'{text}" if text.startswith(_RISKY) else text


def _compact(value: object) -> str:
    """Give JSON whose texts are all safe; it begins with a bracket, so no spreadsheet takes it for a formula."""
    return json.dumps(shown(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
