"""What is asked of a host: registered scripts, requests and replies, as plain data.

An adapter's verb is a sans-I/O procedure: a generator that yields `Request`s, is sent `Reply`s and returns its result.
Whoever holds a transport drives it; a test drives it with a tape. A `Request` names one of a fixed set of scripts;
whatever varies (ids, paths, patterns) is data on the script's standard input, never a part of a command.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from importlib import resources
from typing import TypeVar

from mailtui.errors import MailtuiError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Script:
    """A constant POSIX sh script that may run on hosts; `name` is its only handle."""

    name: str
    """MTA/verb, for example `sendmail/sweep`."""
    text: bytes
    changes: bool = False
    """True where it changes anything on the host: the gate holds it against the mode."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a request may run and how much it may print; beyond either it is ended on the host."""

    seconds: float = 30.0
    """Wall time of a one-shot; a stream has none."""
    output: int = 256 * 1024 * 1024
    """Bytes of standard output kept; more than that ends the request."""


@dataclass(frozen=True, slots=True)
class Section:
    """A named part of a script's output; its body cannot be forged by what the host's files contain."""

    name: str
    args: tuple[str, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """One run of a registered script with its data."""

    script: Script
    data: bytes = b""
    """What the script reads with `read -r` in `input` order: lines, no NUL (see transport/contract.py)."""
    limits: Limits = Limits()
    take: Callable[[Section], Section] | None = field(default=None, compare=False)
    """Called in a worker thread with each section while more of them come; gives what the reply is to keep of it.
    A transport need not call it: whoever sets it must take what the reply brings where it was not called."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back from a one-shot request."""

    sections: tuple[Section, ...]
    status: int | None
    """The script's exit status; None where the end mark never came: the outcome is unknown."""
    stderr: bytes = b""
    noise: bytes = b""
    """What the login shell printed before our script began."""
    took: float = 0.0
    """Seconds from sending to the end mark."""

    @property
    def complete(self) -> bool:
        """Tell whether the end mark was seen, so that nothing is missing."""
        return self.status is not None

    def body(self, name: str) -> bytes:
        """Give the bodies of all sections of this name, joined; empty where there is none."""
        return b"".join(section.body for section in self.sections if section.name == name)

    def named(self, name: str) -> list[Section]:
        """Give the sections of this name in order."""
        return [section for section in self.sections if section.name == name]


@dataclass(frozen=True, slots=True)
class Begin:
    """A section of a stream begins."""

    name: str
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Data:
    """Some more bytes of the section that began last, in any split."""

    body: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The script ended by itself with this status; a stream that stops without it was cut."""

    status: int


Event = Begin | Data | End

Procedure = Generator[Request, Reply, T]
"""A verb of an adapter: yields requests, is sent replies, returns its result."""


class Registry:
    """The scripts that may run on hosts; what is not in it does not run."""

    def __init__(self) -> None:
        self._scripts: dict[str, Script] = {}

    def add(self, script: Script) -> Script:
        """Register a script; a second one of the same name is a programming error (ValueError)."""
        if script.name in self._scripts:
            raise ValueError(f"script {script.name} is registered twice")
        self._scripts[script.name] = script
        return script

    def load(self, package: str, file: str, name: str, *, changes: bool = False) -> Script:
        """Register the script that stands in a package's file."""
        text = resources.files(package).joinpath(file).read_bytes()
        return self.add(Script(name, text, changes))

    def holds(self, script: Script) -> bool:
        """Tell whether exactly this script is registered."""
        return self._scripts.get(script.name) is script

    def names(self) -> list[str]:
        """Give the names of all registered scripts, sorted."""
        return sorted(self._scripts)


REGISTRY = Registry()
"""The one registry of the running program; adapters of strangers register here too."""


def play(procedure: Procedure[T], answer: Callable[[Request], Reply]) -> T:
    """Drive a procedure with a function that answers each request, without any I/O of its own."""
    try:
        request = next(procedure)
        while True:
            request = procedure.send(answer(request))
    except StopIteration as stop:
        result: T = stop.value
        return result


def tape(replies: Iterable[Reply]) -> Callable[[Request], Reply]:
    """Give an answering function for `play` that returns recorded replies in order."""
    remaining = iter(replies)

    def answer(request: Request) -> Reply:
        try:
            return next(remaining)
        except StopIteration:
            raise MailtuiError(f"the tape has no reply left for {request.script.name}") from None

    return answer
