"""JSON Schemas (draft 2020-12) of every kind of answer, as files beside this module."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

_COMMON = "common.json#/$defs/"


def kinds() -> list[str]:
    """Give the kinds that have a schema."""
    files = (entry.name for entry in resources.files(__name__).iterdir())
    return sorted(name.removesuffix(".json") for name in files if name.endswith(".json") and name != "common.json")


def schema(kind: str) -> dict[str, Any]:
    """Give the schema of a kind, whole in itself: the shared definitions stand in its `$defs`."""
    found = _load(f"{kind}.json")
    shared = _load("common.json")["$defs"]
    bundled: dict[str, Any] = _local({**found, "$defs": {**shared, **found.get("$defs", {})}})
    return bundled


def fields(kind: str, record: str = "") -> list[tuple[str, ...]]:
    """Give the fields of a kind's records in order, as paths: an object's own fields stand in its place."""
    whole = schema(kind)
    return list(_paths(whole["$defs"][record] if record else whole, whole["$defs"], ()))


def _load(file: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(resources.files(__name__).joinpath(file).read_bytes())
    return loaded


def _local(value: Any) -> Any:
    """Let every reference into the shared file point into the schema itself."""
    if isinstance(value, dict):
        return {name: _local(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_local(part) for part in value]
    return value.replace(_COMMON, "#/$defs/") if isinstance(value, str) else value


def _paths(part: dict[str, Any], definitions: dict[str, Any], before: tuple[str, ...]) -> list[tuple[str, ...]]:
    part = _followed(part, definitions)
    if "properties" not in part:
        return [before]
    return [
        path
        for name, inner in part["properties"].items()
        if name != "schema"
        for path in _paths(inner, definitions, (*before, name))
    ]


def _followed(part: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Follow references, and of `this or null` take this."""
    while True:
        if "$ref" in part:
            part = definitions[part["$ref"].rpartition("/")[2]]
        elif "anyOf" in part:
            part = next(choice for choice in part["anyOf"] if choice.get("type") != "null")
        else:
            return part
