"""What may stand in a configuration file, as pydantic models; only `reader` imports this."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from mailtui.config import COMMAND_WORDS

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d|w)")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_ADAPTER: Final = re.compile(r"[a-z][a-z0-9_-]{0,30}")


def wrong(text: str, cure: str) -> PydanticCustomError:
    """Make a validation error that carries its own cure."""
    return PydanticCustomError("mailtui", "{text}", {"text": text, "cure": cure})


def _duration(value: Any) -> float:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise wrong(f"{value} is not a duration", "write a number with its unit, like 5s, 10m, 1h or 7d")
    return float(found.group(1)) * _UNITS[found.group(2)]


def _refresh(value: Any) -> float:
    seconds = _duration(value)
    if not 1 <= seconds <= 3600:
        raise wrong(f"a refresh of {value} is too {'often' if seconds < 1 else 'rare'}", "write 1s to 1h; 5s is usual")
    return seconds


def _mapping(value: Any) -> Any:
    """Take a key without anything behind it for an empty mapping."""
    return {} if value is None else value


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _absolute(value: Any) -> Any:
    if isinstance(value, str) and (not value.startswith("/") or "\n" in value or "/../" in f"{value}/"):
        raise wrong(f"{value} is not an absolute path on the host", "write it from the root: /var/log/mail.log")
    return value


def _log(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


def _instances(value: Any) -> Any:
    return [] if value == "auto" else _one_or_more(value)


def _adapter(value: Any) -> Any:
    if isinstance(value, str) and not _ADAPTER.fullmatch(value):
        raise wrong(f"{value} is not the name of a mail server", "write auto, sendmail or a plug-in's name")
    return value


def _path(value: Any) -> Any:
    """Take a path on this machine, if its `~` is somebody's."""
    if isinstance(value, str):
        try:
            Path(value).expanduser()
        except RuntimeError:
            home = value.partition("/")[0]
            raise wrong(f"there is no home directory {home}", "write the path from the root, or with ~/") from None
    return value


def _tag(value: Any) -> Any:
    if isinstance(value, str) and not _WORD.fullmatch(value):
        raise wrong(f"{value} cannot be a tag", "use letters, digits, `.`, `_` and `-`, without the @")
    return value


def _address(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[^\s\x00-\x1f\x7f@/-][^\s\x00-\x1f\x7f@/]{0,254}", value):
        raise wrong(f"{value} is not a host name or IP address", "write mail.example.net or 192.0.2.13; `user:` apart")
    return value


def _user(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[^\s\x00-\x1f\x7f:@-][^\s\x00-\x1f\x7f:@]{0,63}", value):
        raise wrong(f"{value} is not a login name", "write the account's name alone")
    return value


def name_fault(name: str) -> tuple[str, str] | None:
    """Tell what is wrong with the name of a host or group and what would be right; None where it is well."""
    if name in COMMAND_WORDS:
        return f"{name} is a word of the command line", "call it something else; `address:` may stay as it is"
    if not _NAME.fullmatch(name):
        return f"{name!r} cannot be a name", "use letters, digits, `.`, `_` and `-`, beginning with a letter or digit"
    return None


Duration = Annotated[float, BeforeValidator(_duration)]
Refresh = Annotated[float, BeforeValidator(_refresh)]
Adapter = Annotated[str, BeforeValidator(_adapter)]
Mode = Literal["read-only", "ask", "read-write"]
Sudo = Literal["auto", "never", "ask"]
Names = Annotated[list[str], BeforeValidator(_one_or_more)]
LocalPath = Annotated[str, Field(min_length=1), BeforeValidator(_path)]


class Strict(BaseModel):
    """A mapping that takes no unknown keys and turns nothing into something else."""

    model_config = ConfigDict(extra="forbid", strict=True)


class DefaultsModel(Strict):
    """`defaults:`."""

    mode: Mode = "ask"
    refresh: Refresh = 5.0
    mta: Adapter = "auto"
    sudo: Sudo = "auto"
    undo_keep: Duration = 7 * 86400.0


class LogModel(Strict):
    """One of `logs:`: a path on the host, or `{via, path}`."""

    path: Annotated[str, BeforeValidator(_absolute)]
    via: str | None = None


class HostModel(Strict):
    """A host; what is left out comes from `defaults:` or from the SSH configuration."""

    address: Annotated[str, BeforeValidator(_address)] | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    user: Annotated[str, BeforeValidator(_user)] | None = None
    identity: LocalPath | None = None
    known_hosts: Annotated[list[LocalPath], BeforeValidator(_one_or_more)] = []
    jump: Annotated[str, Field(min_length=1)] | None = None
    tags: Annotated[list[Annotated[str, BeforeValidator(_tag)]], BeforeValidator(_one_or_more)] = []
    mta: Adapter | None = None
    instances: Annotated[list[str], BeforeValidator(_instances)] = []
    logs: Annotated[list[Annotated[LogModel, BeforeValidator(_log)]], BeforeValidator(lambda value: _logs(value))] = []
    mode: Mode | None = None
    transport: Literal["ssh", "local"] = "ssh"
    sudo: Sudo | None = None
    refresh: Refresh | None = None
    undo_keep: Duration | None = None


def _logs(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


class HistoryModel(Strict):
    """`history:`."""

    prometheus: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] | None = None


class HostsFile(Strict):
    """A file of hosts.d: hosts and groups only."""

    version: Literal[1] = 1
    hosts: Annotated[dict[str, Annotated[HostModel, BeforeValidator(_mapping)]], BeforeValidator(_mapping)] = {}
    groups: Annotated[dict[str, Names], BeforeValidator(_mapping)] = {}


class ConfigFile(HostsFile):
    """The configuration file itself."""

    version: Literal[1]
    defaults: Annotated[DefaultsModel, BeforeValidator(_mapping)] = DefaultsModel()
    alerts: Annotated[dict[str, Any], BeforeValidator(_mapping)] = {}
    keys: Annotated[dict[str, str], BeforeValidator(_mapping)] = {}
    theme: str | None = None
    history: Annotated[HistoryModel, BeforeValidator(_mapping)] = HistoryModel()
