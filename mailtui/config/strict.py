"""A strict YAML reader that knows where everything stands.

Plain YAML lets a repeated key win silently and reads `22:30` as 1350, `010` as 8 and `no` as false. Here only true,
false, null and ordinary decimal numbers are other than text; repeated keys, aliases, merge keys and tags are faults.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

from mailtui.config import Fault

Value = str | int | float | bool | None | list["Value"] | dict[str, "Value"]
Route = tuple[str | int, ...]
"""Where a value stands: keys and list places from the top."""

_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None, "~": None, "": None}
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_FLOAT: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}")
_DEPTH: Final = 20
_STANDARD: Final = ("", "!")
_LOADER: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(slots=True)
class Document:
    """A file's content, the place of every value and key, and what is wrong with it so far."""

    file: str
    value: Value = None
    keys: dict[Route, tuple[int, int]] = field(default_factory=dict)
    """Line and column of each mapping's key, by the route of its value."""
    values: dict[Route, tuple[int, int]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def fault(self, place: tuple[int, int], text: str, cure: str) -> None:
        """Note something wrong; control characters of the file are shown, never obeyed."""
        shown = (_CONTROL.sub(lambda match: f"<{ord(match.group()):02x}>", part) for part in (text, cure))
        self.faults.append(Fault(self.file, *place, *shown))

    def place(self, route: Route, *, key: bool = False) -> tuple[int, int]:
        """Give the line and column of a value, or of its key, or else of the nearest thing around it."""
        for end in range(len(route), -1, -1):
            inner = route[:end]
            if key and inner in self.keys:
                return self.keys[inner]
            if inner in self.values:
                return self.values[inner]
        return 1, 1


def mapping(document: Document, key: str) -> dict[str, Value]:
    """Give the mapping under one of a file's keys; empty where it holds none."""
    value = document.value.get(key) if isinstance(document.value, dict) else None
    return value if isinstance(value, dict) else {}


def read_document(path: Path) -> Document:
    """Read a YAML file; what is wrong becomes faults, never an exception."""
    document = Document(str(path))
    try:
        text = path.read_bytes().decode("utf-8-sig")
        too_deep = _deeper_than(text, _DEPTH)
        node = None if too_deep else yaml.compose(text, Loader=_LOADER)
    except OSError as error:
        document.fault((1, 1), f"cannot be read: {error.strerror}", "make it readable to you")
    except UnicodeDecodeError as error:
        before = path.read_bytes()[: error.start]
        place = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        document.fault(place, "this byte is not UTF-8", "save the file as UTF-8")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        document.fault(place, f"not YAML: {error.problem or error.context}", "look at this line and the one above")
    except yaml.YAMLError as error:
        document.fault((1, 1), f"not YAML: {error}".splitlines()[0], "remove what is no plain text")
    else:
        if too_deep:
            document.fault(too_deep, "nested too deeply", "a configuration needs five levels")
        if node is not None:
            document.value = _Builder(document).value(node, ())
    return document


def _deeper_than(text: str, limit: int) -> tuple[int, int] | None:
    """Find where nesting goes beyond a limit, which neither composing nor building would survive."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > limit:
                return (event.start_mark.line + 1, event.start_mark.column + 1) if event.start_mark else (1, 1)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return None


class _Builder:
    """Turns composed nodes into values, noting where they stand."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._seen: set[int] = set()

    def value(self, node: yaml.Node, route: Route) -> Value:
        place = _place(node)
        self._document.values[route] = place
        if id(node) in self._seen:
            self._document.fault(place, "an alias repeats what stands here", "write it out where it is wanted")
            return None
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            self._check_tag(node, "tag:yaml.org,2002:map")
            return self._mapping(node, route)
        if isinstance(node, yaml.SequenceNode):
            self._check_tag(node, "tag:yaml.org,2002:seq")
            return [self.value(item, (*route, number)) for number, item in enumerate(node.value)]
        self._check_tag(node, "tag:yaml.org,2002:str")
        text: str = node.value
        return text if getattr(node, "style", None) else _scalar(text)

    def _check_tag(self, node: yaml.Node, usual: str) -> None:
        if node.tag not in (usual, *_STANDARD):
            self._document.fault(_place(node), f"the tag {node.tag} means nothing here", "leave it out")

    def _mapping(self, node: yaml.MappingNode, route: Route) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for key_node, value_node in node.value:
            place = _place(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                self._document.fault(place, "a key must be one word", "write `key: value`")
                continue
            key: str = key_node.value
            if key == "<<":
                self._document.fault(place, "merge keys (<<) are not read", "use `defaults:` for what hosts share")
                continue
            if key in found:
                first = self._document.keys[(*route, key)][0]
                self._document.fault(place, f"{key} is given twice", f"keep one; the first is in line {first}")
                continue
            self._document.keys[(*route, key)] = place
            found[key] = self.value(value_node, (*route, key))
        return found


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _scalar(text: str) -> str | int | float | bool | None:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
