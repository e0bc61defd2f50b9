"""The configuration: where it is looked for, what it says, and which hosts a name means.

The rest of the program sees only the frozen records here. YAML and pydantic are imported when a file is read, never
before: `--help` and the console's first frame do not wait for them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from mailtui.errors import ConfigError, UsageError

COMMAND_WORDS: Final = frozenset(
    {
        "access", "alerts", "audit", "capture", "check", "completion", "config", "demo", "diagnose", "dns",
        "doctor", "drill", "explain", "export", "help", "history", "hosts", "incident", "init", "journal",
        "logs", "mta", "open", "queue", "record", "replay", "route", "send", "serve", "stats", "sudoers", "tls",
        "trace", "undo", "version", "watch", "why", "ack", "add", "all", "backup", "bounce", "count", "delete",
        "diff", "drift", "erase", "flow", "flush", "group", "hold", "host", "import", "list", "path", "purge",
        "reasons", "release", "remove", "report", "requeue", "restore", "retry", "schema", "service", "show",
        "silence", "summary", "test", "trust", "verify"
    }
)  # fmt: skip
"""Words of the command line; no host or group may be called so."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a configuration file, where it stands, and what would be right."""

    file: str
    line: int
    column: int
    text: str
    cure: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.text}; {self.cure}"


class NoConfiguration(ConfigError):
    """No file was named, and there is none where one is looked for."""


class ConfigFaults(ConfigError):
    """The configuration has faults; all of them."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for every host that does not say otherwise."""

    mode: str = "ask"
    """`read-only`, `ask` or `read-write`."""
    refresh: float = 5.0
    """Seconds between readings of queue and resources."""
    mta: str = "auto"
    sudo: str = "auto"
    """`auto` (sudo -n), `never` or `ask`."""
    undo_keep: float = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class LogVia:
    """A host's log that lies on another host."""

    via: str
    path: str


@dataclass(frozen=True, slots=True)
class Host:
    """One configured host, defaults already filled in; None is left to the SSH configuration."""

    name: str
    address: str | None = None
    port: int | None = None
    user: str | None = None
    identity: Path | None = None
    known_hosts: tuple[Path, ...] = ()
    """Files of trusted host keys, besides the usual ones."""
    jump: str | None = None
    tags: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    mta: str = "auto"
    instances: tuple[str, ...] = ()
    """Of the mail server; empty: all that are found."""
    logs: tuple[str, ...] = ()
    """Log files on the host itself; empty: they are looked for."""
    logs_via: tuple[LogVia, ...] = ()
    mode: str = "ask"
    transport: str = "ssh"
    """`ssh` or `local`."""
    sudo: str = "auto"
    refresh: float = 5.0
    undo_keep: float = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Group:
    """Hosts under one name."""

    name: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Config:
    """All that the files say."""

    hosts: tuple[Host, ...] = ()
    groups: tuple[Group, ...] = ()
    defaults: Defaults = Defaults()
    theme: str | None = None
    keys: tuple[tuple[str, str], ...] = ()
    """Action id and key."""
    prometheus: str | None = None
    """URL of an engine that keeps history already."""
    files: tuple[Path, ...] = ()
    """What was read: the configuration first, then hosts.d."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A configuration with its faults; `config` is None where they keep it from being used."""

    files: tuple[Path, ...]
    faults: tuple[Fault, ...]
    config: Config | None


@dataclass(frozen=True, slots=True)
class Known:
    """What of the program a configuration may name."""

    themes: tuple[str, ...]
    """Our own, for cures."""
    is_theme: Callable[[str], bool]
    actions: tuple[str, ...]
    """Ids of actions that `keys:` may give other keys."""
    adapters: tuple[str, ...]
    """Names of mail servers that `mta:` may give."""


def places(environ: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """Give the files that are looked for when the command line names none, in order."""
    env = os.environ if environ is None else environ
    named = [_expanded(Path(env["MAILTUI_CONFIG"]), "$MAILTUI_CONFIG")] if env.get("MAILTUI_CONFIG") else []
    xdg = env.get("XDG_CONFIG_HOME", "")
    home = Path(xdg) if xdg.startswith("/") else _expanded(Path("~/.config"), "the usual place")
    return (*named, home / "mailtui/config.yaml", Path("/etc/mailtui/config.yaml"))


def _expanded(path: Path, by: str) -> Path:
    """Put a home in place of `~`; raises ConfigError where nobody has that name."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise ConfigError(
            f"{path} (named by {by}): there is no home directory {path.parts[0]}", "write the path from the root"
        ) from None


def is_file(path: Path) -> bool:
    """Tell whether a file is there, as far as one may look."""
    try:
        return path.is_file()
    except OSError:
        return False


def find(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Path:
    """Give the configuration file to use; raises ConfigError where there is none.

    A file that was named, by `-C` or by $MAILTUI_CONFIG, must be there: nothing else is used in its stead.
    """
    env = os.environ if environ is None else environ
    if path is not None:
        named, by = _expanded(path, "-C"), "-C"
    elif env.get("MAILTUI_CONFIG"):
        named, by = places(env)[0], "$MAILTUI_CONFIG"
    else:
        found = next((place for place in places(env) if is_file(place)), None)
        if found is not None:
            return found
        looked = ", ".join(map(str, places(env)))
        raise NoConfiguration(
            f"no configuration found (looked for {looked})",
            f"try `mailtui demo`, or write {places(env)[0]}:\nversion: 1\nhosts:\n  NAME: {{}}    # an ssh alias",
        )
    if not is_file(named):
        raise ConfigError(f"{named} (named by {by}) is not a file", "name the configuration file that is there")
    return named


def check(path: Path | None = None, environ: Mapping[str, str] | None = None, known: Known | None = None) -> Checked:
    """Read the configuration and find all of its faults in one pass; raises ConfigError where there is no file.

    With `known` those too that only one host or the console's look suffers from; they keep nobody from using the rest.
    """
    from mailtui.config.reader import read

    return read(find(path, environ), known)


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """Read the configuration; raises ConfigFaults with every fault, or ConfigError where there is no file."""
    checked = check(path, environ)
    if checked.config is None:
        raise ConfigFaults(checked.faults)
    return checked.config


def host_names(path: Path | None = None, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Give the names of all hosts without judging the configuration, fast enough for a shell's completion."""
    from mailtui.config.reader import quick_names

    return quick_names(find(path, environ))


def resolve(config: Config, names: Iterable[str]) -> tuple[Host, ...]:
    """Give the hosts that names, groups and @tags mean, each once, in the order asked; no names mean every host.

    Raises UsageError for a name that is not configured: it is never taken for an ssh alias by guessing.
    """
    if not config.hosts:
        raise UsageError("no host is configured", how_to_add(config))
    wanted = tuple(names)
    if not wanted:
        return config.hosts
    by_name = {host.name: host for host in config.hosts}
    groups = {group.name: group.hosts for group in config.groups}
    found: dict[str, Host] = {}
    for name in wanted:
        for member in _members(config, by_name, groups, name):
            found.setdefault(member, by_name[member])
    return tuple(found.values())


def how_to_add(config: Config) -> str:
    """Tell how a first host is configured."""
    return f"add one under `hosts:` in {_file(config)}: an ssh alias and `{{}}` are enough"


def _members(
    config: Config, by_name: Mapping[str, Host], groups: Mapping[str, tuple[str, ...]], name: str
) -> tuple[str, ...]:
    if name.startswith("@"):
        members = tuple(host.name for host in config.hosts if name[1:] in host.tags)
        if members:
            return members
    elif name in by_name:
        return (name,)
    elif name in groups:
        if not groups[name]:
            raise UsageError(f"the group {name} is empty", f"name its hosts under `groups:` in {_file(config)}")
        return groups[name]
    raise _unknown(config, name)


def _file(config: Config) -> Path | str:
    return config.files[0] if config.files else "the configuration"


def _unknown(config: Config, name: str) -> UsageError:
    tags = sorted({f"@{tag}" for host in config.hosts for tag in host.tags})
    if name.startswith("@"):
        return _untagged(config, name, tags)
    if not name.strip():
        return UsageError("a host's name is empty", "name a host, a group or @tag; `mailtui hosts list` lists them")
    if name in COMMAND_WORDS:
        return UsageError(f"{name} is a word of the command line, never a host", "mailtui --help")
    known = [*(host.name for host in config.hosts), *(group.name for group in config.groups), *tags]
    near = get_close_matches(name, known, n=3, cutoff=0.6)
    if near:
        return UsageError(f"no host, group or @tag is called {name}", f"did you mean {' or '.join(near)}?")
    file = _file(config)
    return UsageError(
        f"no host, group or @tag is called {name}",
        f"an ssh alias needs only a line `{name}: {{}}` under `hosts:` in {file}",
    )


def _untagged(config: Config, name: str, tags: list[str]) -> UsageError:
    near = get_close_matches(name, tags, n=3, cutoff=0.6)
    if near:
        cure = f"did you mean {' or '.join(near)}?"
    elif name[1:] in {*(host.name for host in config.hosts), *(group.name for group in config.groups)}:
        cure = f"did you mean {name[1:]}?"
    else:
        word = name[1:] or "TAG"
        known = f"tags are {', '.join(tags)}; " if tags else ""
        cure = f"{known}add `tags: [{word}]` to a host in {_file(config)}"
    return UsageError(f"no host has the tag {name}", cure)
