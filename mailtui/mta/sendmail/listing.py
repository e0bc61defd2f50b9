"""Lists the queue of a host: from its control files where they may be read, by `mailq` where not.

A first reading takes everything in one pass. A refresh asks for the directories' times alone; only where one has
changed are names and inodes compared, and only new and rewritten files are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from mailtui.model import Identity, QueueListing
from mailtui.mta.contract import Evidence, KnownQueue, QueueReading
from mailtui.mta.sendmail import engine
from mailtui.mta.sendmail.bycommand import Listed, list_by_command
from mailtui.mta.sendmail.engine import Contents
from mailtui.mta.sendmail.ids import ID
from mailtui.mta.sendmail.rows import Directory, directories
from mailtui.procedure import Procedure, Reply
from mailtui.text import show_line

_MISSING: Final = "?missing"
"""Note that is no directory's: what the last reading could not read."""
_MANY: Final = 2_000
"""Changed messages beyond which reading all at once is cheaper than by name."""


def list_queue(
    host: str, identity: Identity, known: KnownQueue | None, now: Callable[[], float]
) -> Procedure[QueueReading]:
    """Read the whole queue, or with `known` only what changed."""
    if known is not None and known.notes:
        reply = yield from engine.ask(identity, "dirs")
        state = engine.contents(host, reply, identity)
        if _unchanged(state, known.notes):
            missing = tuple(filter(None, known.notes[_MISSING].split("\n")))
            listing = QueueListing(now(), not missing, missing, (), (), True)
            return QueueReading(listing, _evidence(reply), known.notes)
        if not known.notes[_MISSING] and _all_readable(state):
            reading = yield from _refresh(host, identity, known, now)
            if reading is not None:
                return reading
    return (yield from _everything(host, identity, now))


def _everything(host: str, identity: Identity, now: Callable[[], float]) -> Procedure[QueueReading]:
    """Read all queues anew, each by the best means there is."""
    found = Contents({})
    evidence: tuple[Evidence, ...] = ()
    if identity.fact("helper") or engine.queue_paths(identity):
        reader = engine.Reader(host, identity)
        reply = yield from engine.ask(identity, "readall", take=reader.take)
        found = reader.finish(reply)
        evidence = _evidence(reply)
    partly = _partly(identity, found)
    listed = Listed((), (), ())
    if partly:
        listed = yield from list_by_command(host, identity, partly, now)
    missing = (*_faults(found), *_unasked(host, identity, found), *listed.missing)
    # What was read as a file tells more than its line of mailq. A quarantined or lost twin shares its key.
    rows = {row.key: row for row in (*listed.rows, *found.rows)}
    listing = QueueListing(now(), not missing, missing, tuple(rows.values()))
    return QueueReading(listing, evidence + listed.evidence, _notes(found, missing, listed.split))


def _refresh(
    host: str, identity: Identity, known: KnownQueue, now: Callable[[], float]
) -> Procedure[QueueReading | None]:
    """Read what changed since `known`; None where that cannot be told and everything is to be read."""
    reply = yield from engine.ask(identity, "sweep")
    swept = engine.contents(host, reply, identity)
    evidence = _evidence(reply)
    orphans = {row.key: row for row in swept.rows}
    present = {key: row.identity for key, row in orphans.items()}
    for number, files in swept.names.items():
        prefix = swept.directories[number].prefix(host)
        present |= {prefix + name[2:]: name[0] + version for name, (version, _, _) in files.items() if name[0] != "d"}
    changed = [key for key, identity_ in present.items() if known.identities.get(key) != identity_]
    wanted = {key.rpartition(":")[2] for key in changed if key not in orphans}
    if not _all_readable(swept) or swept.cut or len(wanted) > _MANY or not all(map(ID.fullmatch, wanted)):
        return None
    rows = [orphans[key] for key in changed if key in orphans]
    if wanted:
        reply = yield from engine.ask(identity, "read", sorted(wanted))
        read = engine.contents(host, reply, identity)
        if any(read.unread.values()) or read.cut or not _all_readable(read):
            return None
        rows += read.rows
        swept.unsettled |= read.unsettled
        evidence += _evidence(reply)
    removed = tuple(known.identities.keys() - present.keys())
    missing = (*_faults(swept), *_unasked(host, identity, swept))
    listing = QueueListing(now(), not missing, missing, tuple(rows), removed, True)
    return QueueReading(listing, evidence, _notes(swept, missing, False))


def _all_readable(found: Contents) -> bool:
    return bool(found.directories) and all(each.state in ("ok", "gone") for each in found.directories.values())


def _partly(identity: Identity, found: Contents) -> dict[str, str]:
    """Name the queues of which not all could be read as files, and why."""
    login = identity.login or "this login"
    why: dict[str, list[str]] = {}
    for number, each in found.directories.items():
        if each.state == "denied":
            why.setdefault(each.queue, []).append(f"{show_line(each.path)} may not be read by {login}")
        elif unread := found.unread.get(number):
            told = f"{unread} queue files in {show_line(each.path)} may not be read by {login}"
            why.setdefault(each.queue, []).append(told)
    queues = {each.queue for each in found.directories.values()}
    if "mqueue" not in queues:
        cf = identity.fact("cf") or "the configuration"
        why["mqueue"] = [f"{cf} may not be read by {login}, so the queue directories are not known"]
    if identity.fact("submit_cf") and "mqueue-client" not in queues:
        why["mqueue-client"] = [f"{identity.fact('submit_cf')} may not be read by {login}, or names no queue directory"]
    return {queue: "; ".join(reasons) for queue, reasons in why.items()}


def _faults(found: Contents) -> tuple[str, ...]:
    """Say what is wrong with the directories, but for what only a right is missing for."""
    faults = []
    for number, each in found.directories.items():
        path = show_line(each.path)
        if each.state == "gone" and each.queue == "mqueue":
            faults.append(f"{path} does not exist, though the configuration names it")
        if number in found.cut:
            faults.append(f"{path} was not read to its end")
        if odd := found.odd.get(number, 0):
            faults.append(f"{odd} files in {path} have names that only begin like a queue file's")
    return tuple(faults)


def _unasked(host: str, identity: Identity, found: Contents) -> tuple[str, ...]:
    """Name the directories that the helper does not know: it holds those that were configured when it was printed."""
    cure = f"print the helper anew: `mailtui sudoers {host} --for list,read --helper`"
    absent = engine.unanswered(identity, found) if found.directories else ()
    return tuple(f"{show_line(path)} is not among the helper's directories; {cure}" for path in absent)


def _note(directory: Directory) -> str:
    return f"{directory.state} {directory.times}"


def _unchanged(state: Contents, notes: Mapping[str, str]) -> bool:
    """Tell whether each directory is as it was noted, and none is new or gone."""
    current = {directory.prefix(""): _note(directory) for directory in state.directories.values()}
    return bool(current) and current == {path: note for path, note in notes.items() if path != _MISSING}


def _notes(found: Contents, missing: Iterable[str], split: bool) -> dict[str, str]:
    """Note each directory's times where they prove something; the next refresh looks again at the others.

    The time of a directory that may not be entered tells of its files only where they lie in it, not `split` by kind.
    """
    notes = {_MISSING: "\n".join(missing)}
    for number, directory in found.directories.items():
        proves = directory.state == "gone" or (directory.settled and not (split and directory.state == "denied"))
        notes[directory.prefix("")] = _note(directory) if proves and number not in found.unsettled else ""
    return notes


def _evidence(reply: Reply) -> tuple[Evidence, ...]:
    """Give the beginning of what our script read, by directory."""
    told: list[Evidence] = []
    paths = {number: show_line(each.path) for number, each in directories(reply.sections).items()}
    for section in reply.sections:
        path = paths.get(section.args[0], "") if section.args else ""
        if section.name == "dir":
            told.append(
                Evidence(f"sendmail/queue: {path}: state, times, clock", " ".join(section.args).encode(), reply.status)
            )
        elif section.name == "names" and section.body:
            told.append(
                Evidence(f"sendmail/queue: {path}: name, inode, time, size", section.body[: engine.SHOWN], reply.status)
            )
        elif section.name == "rows" and section.body and not any(each.command == _files(path) for each in told):
            told.append(Evidence(_files(path), section.body[: engine.SHOWN], reply.status))
    return tuple(told)


def _files(path: str) -> str:
    return f"sendmail/queue: {path}: control files, without the headers that are not listed"
