"""The journal read as actions: each intent joined with its outcomes, newest first, month by month.

Whoever reads a journal that others can have damaged believes no record's shape: what is odd becomes an empty value.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from mailtui.actions import ACTIONS
from mailtui.journal import Journal, operator
from mailtui.model import Entry, EntryItem, JournalPage, Outcome, RemoteCommand, WholeEntry
from mailtui.processes import alive

FIRST: Final = 1000
"""Entries after which no older month is read."""

MOST: Final = 10_000
"""Entries of one month, at most."""

TAIL: Final = 8 * 1024 * 1024
"""Bytes at the end of a month that are read for a page: some 10,000 records, in a second or two."""

LOOKED: Final = 2 * TAIL
"""Bytes at the end of a month in which what was cut off is looked for."""

RECENT: Final = 7 * 86400.0
"""Seconds for which what was cut off is looked for: after that no vault promises to hold anything."""

ELSEWHERE: Final = 3600.0
"""Seconds for which an action begun on another machine of this user may still run."""

_OF_MESSAGES: Final = frozenset(each.id for each in ACTIONS if each.of_messages)
"""Actions with a record for each batch; all others have one when they end."""

_LAST: Final = 253_402_300_799.0
"""The end of year 9999: no clock writes later."""


@dataclass(frozen=True, slots=True)
class Left:
    """An action whose end no record tells, or only as unknown."""

    entry: Entry
    host_key: str
    """Fingerprint of the host's key when it began."""
    items: tuple[tuple[str, str, str], ...]
    """Key, id and sealed fingerprint of those messages; one without a key where it was about a whole queue."""


class _Begun:
    """An intent, or another record, and what came after it."""

    __slots__ = ("_came", "_month", "_record", "_taken")

    def __init__(self, month: str, record: Mapping[str, Any]) -> None:
        self._month = month
        self._record = record
        self._came: dict[str, EntryItem] = {}
        self._taken = False

    def take(self, record: Mapping[str, Any]) -> None:
        """Take in an outcome, or what was settled later."""
        self._taken = True
        settled = record["kind"] == "settled"
        for each in _list(record, "outcomes"):
            if isinstance(each, dict):
                key = _text(each, "key")
                told = _outcome(_text(each, "outcome"))
                self._came[key] = EntryItem(key, _text(each, "id"), told, _text(each, "code"), settled)

    @property
    def _keys(self) -> list[str]:
        return [each if isinstance(each, str) else "" for each in _list(self._record, "keys")]

    @property
    def _action(self) -> str:
        return _text(self._record, "action") or _text(self._record, "kind")

    def _missing(self) -> list[str]:
        """Give the keys of messages that no record tells of."""
        if self._record["kind"] != "intent" or (self._taken and self._action not in _OF_MESSAGES):
            return []
        return [key for key in self._keys if key not in self._came]

    def _ended(self) -> bool:
        return self._record["kind"] != "intent" or (self._taken and not self._missing())

    @property
    def over(self) -> bool:
        """Tell whether all is known of it."""
        return self._ended() and all(
            each.settled or each.outcome is not Outcome.UNKNOWN for each in self._came.values()
        )

    def _running(self, now: float) -> bool:
        by, here = _text(self._record, "by").rpartition("@")[2], operator().rpartition("@")[2]
        if by != here:
            return now - _at(self._record) < ELSEWHERE
        return alive(_text(self._record, "process"))

    def entry(self, now: float) -> Entry:
        """Give what a list shows of it."""
        record, keys = self._record, self._keys
        intent = record["kind"] == "intent"
        came = Counter((each.outcome or Outcome.UNKNOWN, each.code) for each in self._came.values())
        ended = self._ended()
        return Entry(
            id=record["id"],
            at=_at(record),
            month=self._month,
            action=self._action,
            host=_text(record, "host"),
            by=_text(record, "by"),
            reason=_text(record, "reason"),
            undo_id=_text(record, "undo_id"),
            count=len(keys) if intent and (keys or self._action in _OF_MESSAGES) else None,
            came=tuple((outcome, code, count) for (outcome, code), count in came.items()),
            left=len(self._missing()),
            ended=ended,
            running=not ended and self._running(now),
            about="" if intent else ", ".join(each for each in _list(record, "months") if isinstance(each, str)),
        )

    def whole(self, now: float) -> WholeEntry:
        """Give everything that the journal holds of it."""
        keys = self._keys
        ids = dict(zip(keys, _list(self._record, "ids"), strict=False))
        items = [self._came.get(key) or EntryItem(key, str(ids.get(key, "")), None) for key in keys]
        others = self._came.keys() - set(keys)
        commands = (each for each in _list(self._record, "commands") if isinstance(each, dict))
        return WholeEntry(
            self.entry(now),
            _text(self._record, "host_key"),
            f"{_text(self._record, 'mta')} {_text(self._record, 'mta_version')}".strip(),
            _text(self._record, "where"),
            tuple(RemoteCommand(tuple(map(str, _list(each, "argv"))), _text(each, "stdin")) for each in commands),
            (*items, *(each for key, each in self._came.items() if key in others)),
        )

    def left(self, now: float) -> Left | None:
        """Give what nobody knows the end of; None where all is known, or may be soon."""
        record = self._record
        missing = set(self._missing())
        missing |= {each.key for each in self._came.values() if each.outcome is Outcome.UNKNOWN and not each.settled}
        if (self._ended() and not missing) or self._running(now):
            return None
        seals = _list(record, "fingerprints")
        told = [
            (key, str(ids), str(seals[number]) if number < len(seals) else "")
            for number, (key, ids) in enumerate(zip(self._keys, _list(record, "ids"), strict=False))
            if key in missing
        ]
        return Left(self.entry(now), _text(record, "host_key"), tuple(told) or (("", "", ""),))


def page(journal: Journal, now: float, wanted: int = FIRST) -> JournalPage:
    """Read the newest months until there are so many entries; raises JournalFault."""
    entries: list[Entry] = []
    late: dict[str, list[Mapping[str, Any]]] = {}
    unreadable = 0
    cut = False
    months = journal.months()
    read = 0
    for month in months:
        read += 1
        begun: OrderedDict[str, _Begun] = OrderedDict()
        later: dict[str, list[Mapping[str, Any]]] = {}
        cut = journal.size(month) > TAIL
        for record in journal.month(month, last=TAIL):
            if record is None or not 0 <= record["at"] <= _LAST:
                unreadable += 1
            elif record["kind"] not in ("outcome", "settled"):
                begun[record["id"]] = _Begun(month, record)
                if len(begun) > MOST:
                    begun.popitem(last=False)
                    cut = True
            elif (found := begun.get(_text(record, "intent"))) is not None:
                found.take(record)
            else:
                later.setdefault(_text(record, "intent"), []).append(record)
        for intent, told in later.items():
            late[intent] = told + late.get(intent, [])
        for intent in late.keys() & begun.keys():
            for each in late.pop(intent):
                begun[intent].take(each)
        entries += [found.entry(now) for found in reversed(begun.values())]
        if cut or len(entries) >= wanted:
            break
    return JournalPage(tuple(entries), months[read:], months[read - 1] if cut else "", unreadable)


def whole(journal: Journal, entry: Entry, now: float) -> WholeEntry | None:
    """Read one action whole; None where it is not there any more. Raises JournalFault."""
    found: _Begun | None = None
    for month in reversed(journal.months()):
        # what came of it may stand in a later month than its intent
        for record in journal.month(month, entry.id) if month >= entry.month else ():
            if record is None:
                continue
            if record["id"] == entry.id and 0 <= record["at"] <= _LAST:
                found = _Begun(month, record)
            elif found is not None and record["kind"] in ("outcome", "settled") and record.get("intent") == entry.id:
                found.take(record)
    return None if found is None else found.whole(now)


def unfinished(journal: Journal, now: float) -> tuple[Left, ...]:
    """Give the recent actions whose end no record tells, oldest first; raises JournalFault."""
    since = now - RECENT
    begun: dict[str, _Begun] = {}
    first = datetime.fromtimestamp(max(0.0, since), UTC).strftime("%Y-%m")
    for month in reversed(journal.months()):
        for record in journal.month(month, last=LOOKED) if month >= first else ():
            if record is None or not since <= record["at"] <= _LAST:
                continue
            if record["kind"] == "intent":
                begun[record["id"]] = _Begun(month, record)
            elif record["kind"] in ("outcome", "settled") and (found := begun.get(_text(record, "intent"))) is not None:
                found.take(record)
                if found.over:
                    del begun[record["intent"]]
    return tuple(left for each in begun.values() if (left := each.left(now)) is not None)


def _text(record: Mapping[str, Any], name: str) -> str:
    found = record.get(name)
    return found if isinstance(found, str) else ""


def _list(record: Mapping[str, Any], name: str) -> list[Any]:
    found = record.get(name)
    return found if isinstance(found, list) else []


def _at(record: Mapping[str, Any]) -> float:
    return float(record["at"])


def _outcome(word: str) -> Outcome:
    try:
        return Outcome(word)
    except ValueError:
        return Outcome.UNKNOWN
