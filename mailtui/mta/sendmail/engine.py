"""Asks the engine that reads queue directories on the host, as the login itself or through the helper."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from typing import Final
from urllib.parse import quote_from_bytes

from mailtui.errors import HostError, Unreachable
from mailtui.model import Identity, QueueRow
from mailtui.mta.sendmail.rows import Directory, RowMaker, directories
from mailtui.procedure import REGISTRY, Limits, Procedure, Reply, Request, Script, Section
from mailtui.text import natural

ORPHAN_AGE: Final = 3600.0
"""Seconds after which a data file without a control file is lost where the host's Timeout.datablock is not known.

The control file comes last: until then the message is arriving, and its sender may pause so long between two blocks.
"""

_WRITING: Final = 600.0
"""Seconds after which a control file without an end is damaged, not being written (Sendmail's own measure)."""

SHOWN: Final = 64 * 1024
"""Bytes of a section that are kept as evidence."""

_LIMITS: Final = Limits(seconds=120.0, output=1024 * 1024 * 1024)


def source(name: str) -> bytes:
    """Give one of the shell files beside this module."""
    return resources.files(__package__).joinpath(name).read_bytes()


def as_root(program: bytes) -> bytes:
    """Give the script that has a root shell run a program, for a login that sudo lets run anything."""
    return b"ENGINE='" + program.replace(b"'", b"'\\''") + b"'\n" + source("as-root.sh")


QUEUE: Final = REGISTRY.add(Script("sendmail/queue", source("engine.sh") + source("queue.sh")))
QUEUE_ROOT: Final = REGISTRY.add(Script("sendmail/queue-root", as_root(source("engine.sh") + b"queue_engine\n")))
ASK_HELPER: Final = REGISTRY.add(Script("sendmail/ask-helper", b"acts=\n" + source("ask-helper.sh")))


@dataclass(frozen=True, slots=True)
class QueuePath:
    """A queue directory as it is configured; `path` may end in `*`."""

    queue: str
    group: str | None
    path: str


def queue_paths(identity: Identity) -> tuple[QueuePath, ...]:
    """Give the configured queue directories; the client queue first, for a pattern may match it too."""
    paths = [QueuePath("mqueue-client", None, identity.fact("client_queue"))]
    groups = [entry.partition(" ") for entry in identity.fact("queue_groups").split(";") if entry]
    paths += [QueuePath("mqueue", name, path) for name, _, path in groups]
    paths.append(QueuePath("mqueue", "mqueue" if groups else None, identity.fact("queue_directory")))
    return tuple(each for each in paths if each.path.startswith("/"))


def key_of(host: str, directory: bytes, queue_id: str) -> str:
    """Give a message's key: host, queue directory and id."""
    return f"{host}:{quote_from_bytes(directory)}:{queue_id}"


def unanswered(identity: Identity, found: Contents) -> tuple[str, ...]:
    """Give the configured paths that an answer does not cover, as that of a helper made for other directories."""
    answered = [each.path for each in found.directories.values()]
    paths = dict.fromkeys(each.path for each in queue_paths(identity))
    return tuple(path for path in paths if not any(_covers(path, each) for each in answered))


def _covers(configured: str, path: bytes) -> bool:
    """Tell whether a configured path means a directory; the engine gives a pattern back that nothing matches."""
    start = configured.removesuffix("*").encode("utf-8", "surrogateescape")
    rest = path.removeprefix(start)
    return path.startswith(start) and (not rest or (configured.endswith("*") and b"/" not in rest))


def ask(
    identity: Identity, verb: str, ids: Iterable[str] = (), take: Callable[[Section], Section] | None = None
) -> Procedure[Reply]:
    """Have the engine answer a verb; a helper that sudo no longer allows is not insisted on."""
    lines = [verb]
    if helper := identity.fact("helper"):
        lines = [identity.fact("sudo"), helper, verb]
        reply = yield Request(ASK_HELPER, _data([*lines, *ids]), _LIMITS, take)
        if reply.status != 2:
            return _whole(reply)
        lines = [verb]
    lines += [f"D {each.queue} {each.group or '-'} {each.path}" for each in queue_paths(identity)]
    lines += [".", *ids]
    if identity.fact("act") == "sudo":
        reply = yield Request(QUEUE_ROOT, _data([identity.fact("sudo"), *lines]), _LIMITS, take)
        if reply.status != 2:
            return _whole(reply)
    reply = yield Request(QUEUE, _data(lines), _LIMITS, take)
    return _whole(reply)


def _data(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


def _whole(reply: Reply) -> Reply:
    if not reply.complete:
        raise Unreachable("the link was lost while the queue was read")
    return reply


@dataclass(slots=True)
class Contents:
    """What an answer of the engine holds."""

    directories: dict[str, Directory]
    rows: list[QueueRow] = field(default_factory=list)
    names: dict[str, dict[str, tuple[str, int, float]]] = field(default_factory=dict)
    """Directory number -> file name -> what tells this writing of it from others, size, modification time."""
    unread: dict[str, int] = field(default_factory=dict)
    """Directory number -> control files that could not be read."""
    odd: dict[str, int] = field(default_factory=dict)
    """Directory number -> files whose names only begin like a control file's."""
    unsettled: set[str] = field(default_factory=set)
    """Directories that hold something too young to be judged: the next refresh looks again."""

    @property
    def cut(self) -> tuple[str, ...]:
        """Give the numbers of directories that may be read, but of which the end did not come."""
        return tuple(
            each.number for each in self.directories.values() if each.state == "ok" and each.number not in self.unread
        )


class Reader:
    """Reads an answer section by section, as they come or all at the end."""

    def __init__(self, host: str, identity: Identity | None = None) -> None:
        self._maker = RowMaker(host)
        datablock = "" if identity is None else identity.fact("datablock")
        self._orphan_age = ORPHAN_AGE if natural(datablock) is None else float(datablock)
        self._found = Contents({})
        self._any = False

    def take(self, section: Section) -> Section:
        """Read one section; gives what is to be kept of it: of rows their beginning, as evidence.

        Raises HostError, as `finish` does, where the answer does not keep its form.
        """
        self._any = True
        with _form():
            return self._take(section)

    def _take(self, section: Section) -> Section:
        found = self._found
        found.directories |= directories((section,))
        directory = found.directories.get(section.args[0]) if section.args else None
        if directory is None:
            return section
        if section.name == "names":
            found.names[directory.number] = dict(_names(section.body))
        elif section.name == "rows":
            found.rows.extend(self._maker.batch(directory, section.body))
            return Section(section.name, section.args, section.body[:SHOWN])
        elif section.name == "end":
            found.unread[directory.number] = int(section.args[1])
            found.odd[directory.number] = int(section.args[2])
        return section

    def finish(self, reply: Reply) -> Contents:
        """Give all that the answer holds; for `sweep` the rows are those of orphans alone."""
        if not self._any:
            for section in reply.sections:
                self.take(section)
        with _form():
            _slow_rows(self._found, reply, self._maker)
            _unfinished(self._found, self._maker.unfinished)
            _orphans(self._found, self._maker, self._orphan_age)
        return self._found


@contextmanager
def _form() -> Iterator[None]:
    """Blame the host for an answer that does not keep its form, for the engine's own always do."""
    try:
        yield
    except (ValueError, LookupError) as error:
        raise HostError(
            "the listing of the queue came garbled: something else on the host writes into it",
            "look what the login's start-up files start in the background",
        ) from error


def contents(host: str, reply: Reply, identity: Identity | None = None) -> Contents:
    """Read a whole answer to any verb."""
    return Reader(host, identity).finish(reply)


def _names(body: bytes) -> Iterable[tuple[str, tuple[str, int, float]]]:
    for line in body.decode("ascii").splitlines():
        name, inode, changed, size = line.split()
        yield name, (f"{inode}.{changed}", int(size), float(changed))


def _slow_rows(found: Contents, reply: Reply, maker: RowMaker) -> None:
    """Put together what comes in pieces from a host without perl."""
    for section in reply.named("rec"):
        directory, name = found.directories[section.args[0]], section.args[1]
        files = found.names.get(directory.number, {})
        if name not in files:
            continue  # it came after the names were read: the next refresh sees it
        siblings = [files, *(found.names.get(each.number, {}) for each in found.directories.values()
                             if each.queue == directory.queue)]  # fmt: skip
        sizes = (each["df" + name[2:]][1] for each in siblings if "df" + name[2:] in each)
        row = maker.file(directory, directory.prefix(maker.host), name, files[name][0], next(sizes, None), section.body)
        found.rows.append(row)
    if reply.named("rec"):
        shown = {row.key for row in found.rows}
        for number, files in found.names.items():
            directory = found.directories[number]
            prefix = directory.prefix(maker.host)
            for name, (version, size, _) in files.items():
                if size == 0 and name[0] != "d" and prefix + name[2:] not in shown:
                    found.rows.append(maker.file(directory, prefix, name, version, None, b""))


def _unfinished(found: Contents, rows: Iterable[QueueRow]) -> None:
    """Look again at directories in which a file is just being written: that does not change their times."""
    numbers = {each.path: number for number, each in found.directories.items()}
    for row in rows:
        number = numbers[row.directory]
        if float(row.identity[1:-1].partition(".")[2]) > found.directories[number].now - _WRITING:
            found.unsettled.add(number)


def _orphans(found: Contents, maker: RowMaker, age: float) -> None:
    """Add the data files that no control file of the same queue goes with, once they are old enough."""
    if not any(name[0] == "d" for files in found.names.values() for name in files):
        return
    control: dict[str, set[str]] = {}
    for row in found.rows:
        control.setdefault(row.queue, set()).add(row.id)
    for number, files in found.names.items():
        queue = found.directories[number].queue
        control.setdefault(queue, set()).update(name[2:] for name in files if name[0] != "d")
    for number, files in found.names.items():
        directory = found.directories[number]
        for name, (version, size, changed) in files.items():
            if name[0] == "d" and name[2:] not in control[directory.queue]:
                if changed <= directory.now - age:
                    found.rows.append(maker.orphan(directory, name, version, size, changed))
                else:
                    found.unsettled.add(number)
