"""`mailtui journal`: what was done from here, whether that record still holds, and erasing old months of it."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from typing import TYPE_CHECKING, Any, Final

from mailtui.cli import acting, records, say
from mailtui.cli.options import Parser, examples
from mailtui.cli.output import Document, Stream, write
from mailtui.cli.table import Column
from mailtui.cli.times import iso, moment
from mailtui.clock import SYSTEM
from mailtui.errors import DONE, FAILED, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailtui.journal import Fault, Journal

_OWN: Final = ("format", "id", "at", "kind", "prev", "hash")
"""Fields that every record has; all others depend on its kind."""

_BRIEF: Final = ("action", "host", "undo_id", "count", "counts", "by", "reason", "before")
"""Fields that a table shows of a record."""


def add(parser: Parser) -> None:
    """Describe `mailtui journal`."""
    parser.add_argument(
        "verb",
        nargs="?",
        choices=("verify", "erase"),
        metavar="verify|erase",
        help="verify: hold every record against the one before it; erase: drop whole old months; without: print",
    )
    parser.add_argument("--since", metavar="T", help="print what was done since 13:40, 2026-11-22T13:40Z, or 2h ago")
    parser.add_argument("--before", metavar="MONTH", help="erase the months before this one: 2026-11")
    acting.add_consent(parser)
    parser.epilog = examples("mailtui journal --since 2h", "mailtui journal erase --before 2026-11")
    parser.set_defaults(run=run)


def journal() -> Journal:
    """Give this user's journal."""
    from mailtui.journal import Journal, default_directory

    return Journal(default_directory())


def run(args: Namespace) -> int:
    """Run `mailtui journal`."""
    for option, verb in (("since", None), ("before", "erase")):
        if getattr(args, option) is not None and args.verb != verb:
            raise UsageError(f"--{option} goes with `mailtui journal{f' {verb}' if verb else ''}` alone")
    if args.verb == "verify":
        return _verify(args)
    return _erase(args) if args.verb == "erase" else _print(args)


def _print(args: Namespace) -> int:
    since = 0.0 if args.since is None else moment(args.since, SYSTEM.wall())
    kept = journal()
    cut = _cut_off(kept)
    rows = [record(each, cut_off=each["id"] in cut) for each in kept.records(since)]
    if not rows:
        say.remark("the journal has no record" + ("" if args.since is None else " since then"))
    for each in cut.values():
        say.remark(f"cut off, or never answered for: {each}; the console has the host decide, once it is connected")
    write(args, _document(kept=Stream(lambda: rows), rows=rows))
    return DONE


def _cut_off(kept: Journal) -> dict[str, str]:
    """Say of the recent actions whose end no record tells what they are, by the id of their intent."""
    from mailtui.entries import unfinished

    left = [each.entry for each in unfinished(kept, SYSTEM.wall())]
    return {
        each.id: f"{each.action}{'' if each.count is None else f' of {each.count:,}'} on {each.host} at {iso(each.at)}"
        for each in left
    }


def _verify(args: Namespace) -> int:
    faults = journal().verify()
    rows = [fault(each) for each in faults]
    columns = (Column("FILE", "file"), Column("LINE", "line", right=True), Column("WHAT", "what"))
    write(args, _document(faults=rows, rows=rows, columns=columns, record="fault"))
    if faults:
        say.error(
            f"the journal does not hold at {len(faults)} places", "what is listed there was not written by mailtui so"
        )
    else:
        say.remark("the journal holds: every record follows the one before it")
    return FAILED if faults else DONE


def _erase(args: Namespace) -> int:
    if args.before is None:
        raise UsageError("journal erase needs --before MONTH", "mailtui journal erase --before 2026-11")
    acting.check_consent(args)
    kept = journal()
    card = [f"Erase all months before {args.before} from {kept.directory}: this cannot be undone."]
    asyncio.run(acting.agree(args, card, "Erase them?", f"erase {args.before}"))
    gone = kept.erase(args.before)
    say.remark(f"erased: {', '.join(gone)}" if gone else f"there is no month before {args.before}: nothing was erased")
    rows = [{"month": month} for month in gone]
    write(args, _document(erased=list(gone), rows=rows, columns=(Column("ERASED", "month"),), record="erased"))
    return DONE


def _document(
    *,
    rows: Sequence[records.Object],
    kept: Stream | None = None,
    faults: list[records.Object] | None = None,
    erased: list[str] | None = None,
    columns: tuple[Column, ...] = (),
    record: str = "record",
) -> Document:
    body = {"records": kept or [], "faults": faults, "erased": erased}
    return Document("journal", body, lambda: rows, columns or COLUMNS, record=record)


def record(found: dict[str, Any], *, cut_off: bool = False) -> records.Object:
    """Give a record: what all have, and the rest as it was written; and whether its action has no end on record."""
    return {
        "format": found["format"],
        "id": found["id"],
        "at": iso(found["at"]),
        "kind": found["kind"],
        "fields": {name: value for name, value in found.items() if name not in _OWN},
        "prev": found["prev"],
        "hash": found["hash"],
        "cut_off": cut_off,
    }


def fault(found: Fault) -> records.Object:
    """Give a place where the journal does not hold."""
    return {"file": found.file, "line": found.line, "what": found.what}


def _fields(found: dict[str, Any]) -> str:
    """Write briefly what a record is about."""
    told = {name: found[name] for name in _BRIEF if found.get(name) not in (None, "", [], {})}
    return " ".join(f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in told.items())


COLUMNS = (
    Column("AT", "at", form=lambda at: f"{(at or '')[:19]}Z"),
    Column("ID", "id"),
    Column("KIND", "kind"),
    Column("END", "cut_off", form=lambda cut: "CUT OFF" if cut else ""),
    Column("WHAT", "fields", form=_fields),
)
