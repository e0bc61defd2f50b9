"""What entries of the journal say of themselves: in a row, and whole; pure."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from textual.content import Content

from mailtui.actions import ACTIONS
from mailtui.model import Entry, EntryItem, Outcome, UndoSet, WholeEntry
from mailtui.panes import units
from mailtui.panes.pane import cell
from mailtui.screens.cards import OUTCOME_STYLES, count_words

TITLES: Final[Mapping[str, str]] = {
    **{each.id: each.title for each in ACTIONS},
    "undo": "Undo",
    "purge": "Purge",
    "expire": "Expire",
    "erased": "Erase",
}
"""What verbs are called."""

ITEMS: Final = 2000
"""Messages that one entry lists; how many more there are is said."""

LABEL: Final = 10
"""Cells of the labels of a whole entry."""


@dataclass(frozen=True, slots=True)
class Vaults:
    """What the hosts that could be asked hold for an undo."""

    sets: Mapping[str, UndoSet] = field(default_factory=dict)
    """By undo id."""
    asked: frozenset[str] = frozenset()
    """Hosts that told."""
    spent: Mapping[str, str] = field(default_factory=dict)
    """What the journal says became of undo ids that bring nothing back any more."""


def title_of(entry: Entry) -> str:
    """Give what an entry's action is called."""
    return TITLES.get(entry.action, entry.action)


def came_words(entry: Entry) -> str:
    """Say what came of an action, what was cut off first."""
    told = count_words(entry.came)
    if entry.ended:
        if entry.action == "erased":
            return f"erased {entry.about}"
        return told or ("asked for" if entry.action == "flush" else "done")
    if entry.running:
        words = f"still running: {entry.left:,} to go" if entry.left else "still running"
    else:
        words = f"CUT OFF: {entry.left:,} unknown" if entry.left else "CUT OFF: its end is unknown"
    return f"{words}, {told}" if told else words


def came_style(entry: Entry) -> str:
    """Give the style of what came of an action: that of the worst."""
    if entry.cut_off:
        return "bold $error"
    if entry.running:
        return "$warning"
    found = {outcome for outcome, _, _ in entry.came}
    worst = (Outcome.UNKNOWN, Outcome.FAILED, Outcome.SKIPPED, Outcome.DONE)
    return OUTCOME_STYLES[next((each for each in worst if each in found), Outcome.DONE)]


def undo_cells(entry: Entry, vaults: Vaults, now: float) -> tuple[Content, Content]:
    """Say until when a delete can be undone and under which id, or why it cannot; the host's word goes first."""
    nothing = Content("")
    if entry.action != "delete" or not entry.undo_id:
        return nothing, nothing
    kept = vaults.sets.get(entry.undo_id)
    name = cell(entry.undo_id, "$muted")
    if kept is not None and kept.count:
        if kept.state in ("interrupted", "broken"):
            return cell(kept.state, "bold $error"), name
        return cell(units.clock(kept.until, now) if kept.until > now else "over", "$success"), name
    if kept is not None:
        return cell("undone", "$muted"), nothing
    if entry.undo_id in vaults.spent:
        return cell(vaults.spent[entry.undo_id], "$muted"), nothing
    if entry.host in vaults.asked or (entry.ended and not entry.moved):
        return cell("gone" if entry.moved else "", "$muted"), nothing
    return cell("not asked", "$muted"), name


def undo_words(entry: Entry, vaults: Vaults, now: float) -> Content:
    """Say in a sentence whether a delete can be undone."""
    kept = vaults.sets.get(entry.undo_id)
    if kept is not None and kept.count:
        words = f"u brings back {kept.count:,} until {units.clock(kept.until, now)}"
        if kept.state in ("interrupted", "broken"):
            return cell(f"{kept.state}: {words}", "bold $error")
        return cell(words, "$success")
    if kept is not None or vaults.spent.get(entry.undo_id) == "undone":
        return cell("it was undone: all of it is back in the queue")
    if entry.ended and not entry.moved:
        return cell("nothing was set aside", "$muted")
    if entry.undo_id in vaults.spent:
        return cell(f"it was {vaults.spent[entry.undo_id]}: there is nothing left to bring back")
    if entry.host in vaults.asked:
        return cell(f"{entry.host} holds nothing of it any more: undone, purged, or its time is over")
    return cell(f"{entry.host} is not connected: it alone knows", "$muted")


# --- one entry whole ------------------------------------------------------------------------------------------------


def entry_lines(whole: WholeEntry, vaults: Vaults, now: float) -> list[Content]:
    """Give everything that the journal holds of one action."""
    entry = whole.entry
    when = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(entry.at))
    about = f" {entry.count:,}" if entry.count is not None else ""
    lines = [
        Content.assemble(
            cell(f"{title_of(entry)}{about}", "bold $primary"), cell(f" on {entry.host}" * bool(entry.host))
        ),
        _field("came to", cell(came_words(entry), came_style(entry))),
    ]
    if entry.cut_off:
        lines.append(_field("", cell(f"Whoever did it died in the act: the queue and vault of {entry.host} decide.")))
    lines += [
        _field("at", cell(when)),
        _field("by", cell(entry.by or "-")),
        _field("reason", cell(entry.reason or "-")),
    ]
    if whole.where:
        lines.append(_field("filter", cell(whole.where)))
    if entry.undo_id:
        lines.append(_field("undo id", cell(entry.undo_id)))
    if entry.undo_id and entry.action == "delete":
        lines.append(_field("undo", undo_words(entry, vaults, now)))
    if entry.host:
        lines.append(
            _field("host key", cell(whole.host_key or "none: not over SSH", "" if whole.host_key else "$muted"))
        )
        lines.append(_field("server", cell(whole.mta or "-")))
    lines.append(_field("record", cell(f"{entry.id} in {entry.month}.jsonl", "$muted")))
    if whole.commands:
        lines += [Content(""), cell("Commands on the host", "bold $text-primary")]
        for each in whole.commands:
            lines.append(cell(f"  {shlex.join(each.argv)}"))
            if each.stdin:
                lines.append(cell(f"  < {' '.join(each.stdin.split())}", "$muted"))
    if whole.items:
        lines += [Content(""), cell("Messages", "bold $text-primary"), *_items(whole)]
        if any(each.settled for each in whole.items):
            lines.append(cell("  * decided afterwards, by reading the host again", "$muted"))
    lines += [
        Content(""),
        cell("Addresses stand in the journal as pseudonyms: the same person has the same one.", "$muted"),
    ]
    return lines


def _field(label: str, value: Content) -> Content:
    return Content.assemble(cell(f"{label:<{LABEL}}", "$muted"), value)


def _items(whole: WholeEntry) -> list[Content]:
    """List messages, those first that were not as wanted."""
    worst = (None, Outcome.UNKNOWN, Outcome.FAILED, Outcome.SKIPPED, Outcome.DONE)
    ordered = sorted(whole.items, key=lambda each: worst.index(each.outcome))
    lines = [_item(whole.entry.host, each) for each in ordered[:ITEMS]]
    if len(ordered) > ITEMS:
        lines.append(cell(f"  and {len(ordered) - ITEMS:,} more: mailtui journal --json has them all", "$muted"))
    return lines


def _item(host: str, each: EntryItem) -> Content:
    if each.outcome is None:
        said = cell("  no word  ", "bold $error")
    else:
        said = cell(f"  {each.outcome.value + '*' * each.settled:<9}", OUTCOME_STYLES[each.outcome])
    return Content.assemble(
        said,
        cell(f"{each.id:<15} "),
        cell(f"{each.code:<15} ", "$muted"),
        cell(each.key.removeprefix(f"{host}:").removesuffix(f":{each.id}"), "$muted"),
    )
