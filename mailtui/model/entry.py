"""What the journal tells of one action: its intent joined with all that came of it."""

from __future__ import annotations

from dataclasses import dataclass

from mailtui.model.action import Outcome, RemoteCommand

Came = tuple[tuple[Outcome, str, int], ...]
"""Outcomes and codes, each with its number of messages."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One action, as a list shows it."""

    id: str
    """Of the journal's record that began it."""
    at: float
    month: str
    """Of the file in which it stands."""
    action: str
    """Verb of the action; of another record its kind."""
    host: str = ""
    by: str = ""
    reason: str = ""
    undo_id: str = ""
    count: int | None = None
    """Messages it was about; None where it was about none."""
    came: Came = ()
    left: int = 0
    """Messages that no record tells the outcome of."""
    ended: bool = True
    """False where records of what came of it are missing."""
    running: bool = False
    """True where it has not ended and whoever began it is still there."""
    about: str = ""
    """What a record that is no action says."""

    @property
    def cut_off(self) -> bool:
        """Tell whether whoever did it died in the act."""
        return not self.ended and not self.running

    @property
    def moved(self) -> int:
        """Give the number of messages that it set aside on the host."""
        return sum(count for outcome, code, count in self.came if outcome is Outcome.DONE and code == "moved")


@dataclass(frozen=True, slots=True)
class EntryItem:
    """What the journal tells of one message of an action."""

    key: str
    id: str
    outcome: Outcome | None
    """None where no record tells it."""
    code: str = ""
    settled: bool = False
    """True where it was decided afterwards, by reading the host again."""


@dataclass(frozen=True, slots=True)
class WholeEntry:
    """One action with everything that the journal holds of it."""

    entry: Entry
    host_key: str
    mta: str
    where: str
    commands: tuple[RemoteCommand, ...]
    items: tuple[EntryItem, ...]


@dataclass(frozen=True, slots=True)
class JournalPage:
    """The newest part of the journal."""

    entries: tuple[Entry, ...]
    """Newest first."""
    older: tuple[str, ...] = ()
    """Months that were not read."""
    cut: str = ""
    """The month whose oldest actions are not among the entries, where there are too many; none older is read then."""
    unreadable: int = 0
    """Lines that are no records."""

    @property
    def spent(self) -> dict[str, str]:
        """Say what became of undo ids that bring nothing back any more, as far as that was done from here."""
        words = {"undo": "undone", "purge": "purged", "expire": "expired"}
        return {
            each.undo_id: words[each.action]
            for each in self.entries
            if each.action in words and each.ended and all(outcome is Outcome.DONE for outcome, _, _ in each.came)
        }
