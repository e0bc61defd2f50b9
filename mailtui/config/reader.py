"""From the files to a `Config`: reads, validates and merges them, collecting every fault with its place and cure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from mailtui.config import Checked, Config, Defaults, Fault, Group, Host, Known, LogVia, is_file
from mailtui.config.strict import Document, Route, Value, mapping, read_document

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    from mailtui.config.schema import ConfigFile, HostModel, HostsFile

    Model = TypeVar("Model", bound=HostsFile)

_SECRET: Final = re.compile(r"pass(?:word|phrase|wd)|secret|token|api_?key", re.I)

_CURES: Final[Mapping[str, tuple[str, str]]] = {
    "int_type": ("must be a whole number", "write digits alone, without quotes"),
    "string_type": ("must be text", "write one word, or put it in quotes"),
    "dict_type": ("must hold `key: value` lines", "indent them below it"),
    "model_type": ("must hold `key: value` lines", "indent them below it"),
    "list_type": ("must be a list", "write [one, two]"),
    "greater_than_equal": ("is too small", "write 1 to 65535"),
    "less_than_equal": ("is too big", "write 1 to 65535"),
    "string_too_short": ("is empty", "write something, or leave the key out"),
    "string_pattern_mismatch": ("is not a URL", "write http://HOST:PORT"),
}


def files_of(path: Path) -> tuple[Path, ...]:
    """Give the configuration and the files of hosts.d beside it, in the order of their names.

    A link that leads nowhere is among them, so that its hosts are not missed in silence.
    """
    extras = (path.parent / "hosts.d").glob("*.yaml")
    return (path, *sorted(extra for extra in extras if is_file(extra) or extra.is_symlink()))


def quick_names(path: Path) -> tuple[str, ...]:
    """Give the hosts' names of all files without validating anything."""
    names: dict[str, None] = {}
    for file in files_of(path):
        value = read_document(file).value
        hosts = value.get("hosts") if isinstance(value, dict) else None
        names.update(dict.fromkeys(hosts if isinstance(hosts, dict) else ()))
    return tuple(names)


def read(path: Path, known: Known | None = None) -> Checked:
    """Read and check all files; with `known` also what they name that is not there."""
    from mailtui.config.schema import ConfigFile, HostsFile

    files = files_of(path)
    documents = [read_document(file) for file in files]
    main = _validated(documents[0], ConfigFile)
    extras = [_validated(document, HostsFile) for document in documents[1:]]
    names = _Names()
    for document in documents:
        names.add(document)
    names.check()
    broken = main is None or any(document.faults for document in documents)
    if known is not None:
        from mailtui.config.missing import note

        note(documents, known)
    faults = tuple(fault for document in documents for fault in _in_order(document.faults))
    if broken or main is None:
        return Checked(files, faults, None)
    return Checked(files, faults, _config(files, main, [main, *(extra for extra in extras if extra is not None)]))


def _in_order(faults: Iterable[Fault]) -> list[Fault]:
    return sorted(dict.fromkeys(faults), key=lambda fault: (fault.line, fault.column))


# --- one file -------------------------------------------------------------------------------------------------------


def _validated(document: Document, model: type[Model]) -> Model | None:
    """Hold a document against a model, turning every error into a fault at its place."""
    from pydantic import ValidationError

    if document.value is None and document.faults:
        return None
    if document.value is None and "version" in model.model_fields and model.model_fields["version"].is_required():
        document.fault((1, 1), "the file is empty", "write `version: 1` and `hosts:`")
        return None
    _refuse_secrets(document)
    try:
        return model.model_validate({} if document.value is None else document.value)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            _note(document, model, detail)
    return None


def _refuse_secrets(document: Document) -> None:
    for route, place in document.keys.items():
        key = str(route[-1])
        if route[0] == "keys" or (len(route) == 2 and route[0] in ("hosts", "groups")):
            continue
        if key == "password_command":
            document.fault(place, "password_command is not built yet", "log in with a key, held by ssh-agent")
        elif _SECRET.search(key):
            document.fault(place, f"{key}: a secret never stands in a configuration", "use a key, held by ssh-agent")


def _note(document: Document, model: type[BaseModel], detail: ErrorDetails) -> None:
    route: Route = tuple(detail["loc"])
    name = str(route[-1]) if route else "the file"
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        if not _SECRET.search(name) and name != "password_command":
            document.fault(document.place(route, key=True), f"{name} is not a key here", _suggest(model, route))
    elif kind == "missing":
        cure = "write `version: 1`" if name == "version" else f"add `{name}:`"
        document.fault(document.place(route[:-1]), f"{name} is missing", cure)
    elif kind == "mailtui":
        document.fault(document.place(route), f"{_label(route)}: {context['text']}", str(context["cure"]))
    elif kind == "literal_error":
        wanted = "write " + str(context["expected"]).replace("'", "")
        document.fault(document.place(route), f"{_label(route)}: {detail['input']} is not among its values", wanted)
    else:
        text, cure = _CURES.get(kind, (detail["msg"], "see examples/hosts.yaml"))
        document.fault(document.place(route), f"{_label(route)} {text}", cure)


def _label(route: Route) -> str:
    """Name a value: its key, or the list it is in."""
    words = [str(part) for part in route if isinstance(part, str)]
    return words[-1] if words else "the file"


def _suggest(model: type[BaseModel], route: Route) -> str:
    """Name the key that was probably meant, or all that may stand there."""
    from mailtui.config.schema import DefaultsModel, HistoryModel, HostModel, LogModel

    if route[0] == "hosts" and len(route) > 1:
        fields = list((LogModel if "logs" in route else HostModel).model_fields)
    elif len(route) > 1:
        fields = list((HistoryModel if route[0] == "history" else DefaultsModel).model_fields)
    else:
        fields = list(model.model_fields)
    near = get_close_matches(str(route[-1]), fields, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"keys here are {', '.join(fields)}"


# --- all files together ---------------------------------------------------------------------------------------------


class _Names:
    """The names of all files, and what is wrong between them.

    It looks at the documents as they were written, so that a fault elsewhere hides none here.
    """

    def __init__(self) -> None:
        self.hosts: dict[str, Document] = {}
        self.groups: dict[str, Document] = {}

    def add(self, document: Document) -> None:
        """Take a file's hosts and groups; who comes second is at fault."""
        for name in mapping(document, "hosts"):
            self._named(document, ("hosts", name), self.hosts)
        for name in mapping(document, "groups"):
            self._named(document, ("groups", name), self.groups)

    def _named(self, document: Document, route: Route, known: dict[str, Document]) -> None:
        from mailtui.config.schema import name_fault

        name = str(route[-1])
        place = document.place(route, key=True)
        if fault := name_fault(name):
            document.fault(place, *fault)
        first = known.setdefault(name, document)
        if first is not document:
            where = f"{first.file}:{first.place(route, key=True)[0]}"
            document.fault(place, f"{name} is given twice", f"keep one; the first is at {where}")

    def check(self) -> None:
        """Find what no name shows by itself: groups and logs of unknown hosts, one name for two things."""
        for name, document in self.groups.items():
            if name in self.hosts:
                place = document.place(("groups", name), key=True)
                document.fault(place, f"{name} is a host as well", "give the group another name")
            members = mapping(document, "groups")[name]
            for number, member in enumerate(members if isinstance(members, list) else [members]):
                self._known(document, ("groups", name, number), member)
        for name, document in self.hosts.items():
            host = mapping(document, "hosts")[name]
            logs = host.get("logs") if isinstance(host, dict) else None
            for number, log in enumerate(logs if isinstance(logs, list) else [logs]):
                if isinstance(log, dict):
                    self._known(document, ("hosts", name, "logs", number, "via"), log.get("via"))

    def _known(self, document: Document, route: Route, name: Value) -> None:
        if isinstance(name, str) and name not in self.hosts:
            document.fault(document.place(route), f"{name} is no host", _near(name, self.hosts))


def _near(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"add `{name}: {{}}` under `hosts:`"


def _config(files: tuple[Path, ...], main: ConfigFile, models: list[HostsFile]) -> Config:
    defaults = Defaults(**main.defaults.model_dump())
    groups = tuple(
        Group(name, tuple(dict.fromkeys(members))) for model in models for name, members in model.groups.items()
    )
    hosts = tuple(
        _host(name, host, defaults, groups, file.absolute().parent)
        for file, model in zip(files, models, strict=True)
        for name, host in model.hosts.items()
    )
    keys = tuple(main.keys.items())
    return Config(hosts, groups, defaults, main.theme, keys, main.history.prometheus, files)


def _host(name: str, model: HostModel, defaults: Defaults, groups: tuple[Group, ...], folder: Path) -> Host:
    return Host(
        name=name,
        address=model.address,
        port=model.port,
        user=model.user,
        identity=folder / Path(model.identity).expanduser() if model.identity else None,
        known_hosts=tuple(folder / Path(file).expanduser() for file in model.known_hosts),
        jump=model.jump,
        tags=tuple(dict.fromkeys(model.tags)),
        groups=tuple(group.name for group in groups if name in group.hosts),
        mta=model.mta or defaults.mta,
        instances=tuple(model.instances),
        logs=tuple(log.path for log in model.logs if log.via is None),
        logs_via=tuple(LogVia(log.via, log.path) for log in model.logs if log.via is not None),
        mode=model.mode or defaults.mode,
        transport=model.transport,
        sudo=model.sudo or defaults.sudo,
        refresh=model.refresh or defaults.refresh,
        undo_keep=defaults.undo_keep if model.undo_keep is None else model.undo_keep,
    )
