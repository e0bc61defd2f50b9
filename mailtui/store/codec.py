"""Records to plain JSON values and back, led by their type hints: no schema is written twice.

Dataclasses and named tuples become lists in field order, bytes become text of the same code points (latin-1), enums
their values. Nothing else than what the model is made of is understood.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast

T = TypeVar("T")
Plain = Any
"""What the json module reads and writes."""


def to_plain(value: object) -> Plain:
    """Turn a record into JSON values."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return [to_plain(getattr(value, field.name)) for field in fields(value)]
    raise TypeError(f"cannot encode {type(value).__name__}")


def from_plain(kind: type[T], plain: Plain) -> T:
    """Turn JSON values back into a record; raises ValueError or TypeError where they do not fit."""
    return cast("T", _reader(cast("Any", kind))(plain))


def _bytes(plain: Plain) -> bytes:
    return cast("bytes", plain.encode("latin-1"))


def _exactly(kind: type) -> Callable[[Plain], object]:
    """Make a reader that takes values of one plain type only (an int may stand for a float)."""

    def read(plain: Plain) -> object:
        if kind is float and type(plain) is int:
            return float(plain)
        if type(plain) is not kind:
            raise TypeError(f"{kind.__name__} expected, {type(plain).__name__} found")
        return plain

    return read


def _record(kind: Any) -> Callable[[Plain], object]:
    hints = typing.get_type_hints(kind)
    names = kind._fields if issubclass(kind, tuple) else [field.name for field in fields(kind)]
    readers = [_reader(hints[name]) for name in names]

    def read(plain: Plain) -> object:
        if len(plain) != len(readers):
            raise ValueError(f"{kind.__name__} has {len(readers)} fields, {len(plain)} found")
        return kind(*(reader(item) for reader, item in zip(readers, plain, strict=True)))

    return read


def _tuple(arguments: tuple[Any, ...]) -> Callable[[Plain], object]:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        item = _reader(arguments[0])
        return lambda plain: tuple(item(each) for each in plain)
    readers = [_reader(argument) for argument in arguments]
    return lambda plain: tuple(reader(each) for reader, each in zip(readers, plain, strict=True))


def _optional(arguments: tuple[Any, ...]) -> Callable[[Plain], object]:
    (kind,) = (argument for argument in arguments if argument is not types.NoneType)
    reader = _reader(kind)
    return lambda plain: None if plain is None else reader(plain)


@cache
def _reader(kind: Any) -> Callable[[Plain], object]:
    origin = typing.get_origin(kind)
    if origin in (Union, types.UnionType):
        return _optional(typing.get_args(kind))
    if origin is tuple:
        return _tuple(typing.get_args(kind))
    if kind is bytes:
        return _bytes
    if kind in (str, int, float, bool):
        return _exactly(kind)
    if issubclass(kind, Enum):
        return cast("Callable[[Plain], object]", kind)
    if is_dataclass(kind) or issubclass(kind, tuple):
        return _record(kind)
    raise TypeError(f"cannot decode {kind}")
