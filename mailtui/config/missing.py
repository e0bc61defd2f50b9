"""What a configuration names that is not there: key files, themes, actions, mail servers, members of groups.

One host or the console's look suffers from it, so it keeps nobody from using the rest: `config check` and `doctor` tell
of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path

from mailtui.config import Known, is_file
from mailtui.config.strict import Document, Route, Value, mapping


def note(documents: Iterable[Document], known: Known) -> None:
    """Add a fault for each thing that is not there."""
    for document in documents:
        _theme(document, known)
        for action in mapping(document, "keys"):
            if action not in known.actions:
                place = document.place(("keys", action), key=True)
                _fault(document, place, f"keys: no action is called {action}", _near(action, known.actions))
        for route, section in _sections(document):
            _adapter(document, route, section, known)
            if route[0] == "hosts" and section.get("transport") != "local":
                _identity(document, route, section)
        for name, members in mapping(document, "groups").items():
            if members == []:
                place = document.place(("groups", name), key=True)
                _fault(document, place, f"the group {name} is empty", "name its hosts: [mx1, mx2], or take it out")


def _theme(document: Document, known: Known) -> None:
    theme = document.value.get("theme") if isinstance(document.value, dict) else None
    if isinstance(theme, str) and not known.is_theme(theme):
        _fault(document, document.place(("theme",)), f"no theme is called {theme}", _near(theme, known.themes))


def _sections(document: Document) -> Iterator[tuple[Route, dict[str, Value]]]:
    """Give the mappings that say how a host, or every host, is."""
    yield ("defaults",), mapping(document, "defaults")
    for name, host in mapping(document, "hosts").items():
        if isinstance(host, dict):
            yield ("hosts", name), host


def _adapter(document: Document, route: Route, section: dict[str, Value], known: Known) -> None:
    mta = section.get("mta")
    if isinstance(mta, str) and mta not in known.adapters:
        place = document.place((*route, "mta"))
        _fault(document, place, f"mta: nothing installed is called {mta}", f"write {' or '.join(known.adapters)}")


def _identity(document: Document, route: Route, section: dict[str, Value]) -> None:
    identity = section.get("identity")
    if not isinstance(identity, str) or not identity:
        return
    try:
        path = Path(document.file).absolute().parent / Path(identity).expanduser()
    except RuntimeError:
        return  # told already
    if not is_file(path):
        cure = "put the private key there, or name another; without `identity:` ssh's own are tried"
        _fault(document, document.place((*route, "identity")), f"identity: there is no file {path}", cure)


def _fault(document: Document, place: tuple[int, int], text: str, cure: str) -> None:
    """Note something missing, but where something worse is wrong already."""
    if place not in {(fault.line, fault.column) for fault in document.faults}:
        document.fault(place, text, cure)


def _near(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"
