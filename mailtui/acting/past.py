"""What was done before: the journal's screen, and what a console before this one left without an end.

Reading, sealing and verifying happen in threads: a journal may be long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from mailtui import entries
from mailtui.entries import Left
from mailtui.errors import HostError, MailtuiError
from mailtui.execute import HostResult
from mailtui.journal import Journal, JournalFault
from mailtui.model import Entry, JournalPage, Outcome, UndoSet
from mailtui.panes import units
from mailtui.screens.cards import messages, outcome_words
from mailtui.screens.journal import AskJournal, JournalScreen
from mailtui.screens.journaltext import Vaults, entry_lines, title_of
from mailtui.screens.progress import LinesScreen
from mailtui.store import Topic
from mailtui.unfinished import decide

if TYPE_CHECKING:
    from mailtui.acting import Acting
    from mailtui.app import Console

ASKED_AGAIN: Final = 60.0
"""Seconds until a host is asked again how an action ended that it could not tell of."""

NO_JOURNAL: Final = JournalFault("there is no journal here", "nothing is changed on any host without one")

CURES: Final = {
    "retry": "trying again does no harm: r",
    "live-retry": "trying again does no harm: R",
    "flush": "running it again does no harm: f",
    "hold": "look at them in the queue",
    "release": "look at them in the queue",
    "delete": "U lists what was set aside, the log tells what was delivered",
    "bounce": "the log tells which were returned",
    "undo": "U lists what is still set aside",
    "purge": "U lists what is still set aside",
    "expire": "U lists what is still set aside",
}
"""What helps where nobody knows how an action ended."""


class Past:
    """What the console tells of what was done."""

    def __init__(self, console: Console, acting: Acting) -> None:
        self._console = console
        self._fleet = console.fleet
        self._acting = acting
        self._wanted = entries.FIRST
        self._left: dict[str, list[Left]] = {}
        """By host, oldest first."""
        self._asked: dict[str, tuple[object, float]] = {}
        """Over which link each host was asked last, and when."""
        self._deciding: set[str] = set()

    def _journal(self) -> Journal:
        if self._fleet.journal is None:
            raise NO_JOURNAL
        return self._fleet.journal

    # --- the screen -------------------------------------------------------------------------------------------------

    @property
    def _screen(self) -> JournalScreen | None:
        return next((each for each in self._console.screen_stack if isinstance(each, JournalScreen)), None)

    async def open(self) -> None:
        """Show the journal, or read it again where it is on top."""
        if not isinstance(self._console.screen, JournalScreen):
            self._wanted = entries.FIRST
            await self._console.push_screen(JournalScreen())
        self.read_again()

    def read_again(self) -> None:
        """Read the journal anew, where it is on show."""
        screen = self._screen
        if screen is not None:
            self._acting.work(partial(self._read, screen), "journal")

    def answer(self, asked: AskJournal) -> None:
        """Do what the journal's screen asks for."""
        screen = self._screen
        if screen is None:
            return
        if asked.wish == "older":
            self._wanted = len(screen.journal.page.entries) + 1
        if asked.wish in ("read", "older"):
            self.read_again()
        elif asked.wish == "verify":
            self._acting.work(partial(self._verify, screen), "verify")
        elif asked.entry is not None and asked.wish == "open":
            self._acting.work(partial(self._open, screen, asked.entry), "entry")
        elif asked.entry is not None:
            self._undo(asked.entry)

    async def _read(self, screen: JournalScreen) -> None:
        try:
            journal, now = self._journal(), self._console.clock.wall()
            page = await asyncio.to_thread(entries.page, journal, now, self._wanted)
        except MailtuiError as fault:
            if screen.is_attached:
                screen.journal.show_fault(fault.message, fault.cure)
            return
        if not screen.is_attached:
            return
        known = screen.journal.vaults
        screen.journal.show_page(page, replace(known, spent=page.spent))
        vaults = await self._vaults(page)
        if screen.is_attached:
            screen.journal.show_vaults(vaults)

    async def _vaults(self, page: JournalPage) -> Vaults:
        """Ask those hosts what they hold whose deletes are on show: they alone know."""
        sets: dict[str, UndoSet] = {}
        asked: set[str] = set()

        async def ask(host: str) -> None:
            link = self._fleet.link(host)
            if link is None:
                return
            try:
                sets.update((each.undo_id, each) for each in await link.undo_sets())
            except HostError:
                return
            asked.add(host)

        hosts = {each.host for each in page.entries if each.action == "delete"} & set(self._console.host_names)
        async with asyncio.TaskGroup() as group:
            for host in hosts:
                group.create_task(ask(host))
        return Vaults(sets, frozenset(asked), page.spent)

    async def _verify(self, screen: JournalScreen) -> None:
        try:
            found = await asyncio.to_thread(self._journal().verify)
        except MailtuiError as fault:
            if screen.is_attached:
                screen.journal.show_fault(fault.message, fault.cure)
            return
        if screen.is_attached:
            screen.journal.show_verified([f"{each.file} line {each.line:,} {each.what}" for each in found])

    async def _open(self, screen: JournalScreen, entry: Entry) -> None:
        now = self._console.clock.wall()
        try:
            whole = await asyncio.to_thread(entries.whole, self._journal(), entry, now)
        except MailtuiError as fault:
            screen.journal.show_fault(fault.message, fault.cure)
            return
        if whole is None:
            self._acting.running.say("this entry is not in the journal any more: its month was erased", "warning")
        elif screen.is_current:
            lines = await asyncio.to_thread(entry_lines, whole, screen.journal.vaults, now)
            title = f"Journal: {title_of(entry)}"
            self._console.push_screen(LinesScreen(f"{title} on {entry.host}" if entry.host else title, lines))

    def _undo(self, entry: Entry) -> None:
        say = self._acting.running.say
        if entry.action != "delete":
            say(f"{title_of(entry)} cannot be undone from here: u undoes deletes", "warning")
        elif not entry.undo_id or (entry.ended and not entry.moved):
            say("nothing was set aside by this delete", "warning")
        elif entry.host not in self._console.host_names:
            say(
                f"{entry.host} is none of this console's hosts; `mailtui undo {entry.undo_id}` looks for it",
                "warning",
                8,
            )
        elif self._fleet.link(entry.host) is None:
            say(f"there is no link to {entry.host} now, and it alone knows what it holds", "warning")
        else:
            self._acting.ask_undo_of(entry.host, entry.undo_id)

    # --- what a console before this one left open -------------------------------------------------------------------

    def look_back(self) -> None:
        """Find actions of the last days whose end no record tells, and have their hosts decide."""
        if self._fleet.journal is not None:
            self._console.run_worker(self._look_back(self._fleet.journal), group="past")

    async def _look_back(self, journal: Journal) -> None:
        now = self._console.clock.wall()
        try:
            found = await asyncio.to_thread(entries.unfinished, journal, now)
        except MailtuiError as fault:
            self._acting.running.say(f"{fault.message}; {fault.cure}", "error", 12)
            return
        hosts = set(self._console.host_names)
        for each in found:
            if each.entry.host in hosts:
                self._left.setdefault(each.entry.host, []).append(each)
        left = [each for kept in self._left.values() for each in kept]
        if not left:
            return
        self._acting.running.say(_told(left, now), "error", 15)
        self._count()
        self._fleet.store.subscribe(self._changed)
        for host in self._left:
            self._changed(host, Topic.QUEUE)

    def _count(self) -> None:
        """Have the header say how many messages nobody knows the end of."""
        self._acting.running.left = sum(len(each.items) for kept in self._left.values() for each in kept)

    def _changed(self, host: str, topic: Topic) -> None:
        # whoever wrote to the store runs in another task
        if topic is Topic.QUEUE and host in self._left and host not in self._deciding:
            self._deciding.add(host)
            self._console.call_later(self._decide, host)

    def _decide(self, host: str) -> None:
        """Ask a host whose queue was read how what was left open there ended."""
        link, now, view = self._fleet.link(host), self._console.clock.monotonic(), self._fleet.store.host(host)
        before, at = self._asked.get(host, (None, 0.0))
        again = before is not link or now - at >= ASKED_AGAIN
        if link is None or view.queue_at is None or host in self._acting.running.runs or not again:
            self._deciding.discard(host)
            return
        self._asked[host] = link, now
        journal, left = self._journal(), tuple(self._left.get(host, ()))

        async def job() -> None:
            try:
                for each in left:
                    if each.host_key != link.host_key:
                        continue  # another host of that name: it would tell of other mail
                    try:
                        result = await decide(each, link, journal, view.table.by_key, whole=view.table.complete)
                    except MailtuiError as error:
                        result = HostResult(host, (), error=error.message, cure=error.cure)
                    self._console.call_later(self._decided, each, result)
            finally:
                self._console.call_later(self._asked_all, host)

        self._fleet.run(host, "settling", job)

    def _asked_all(self, host: str) -> None:
        self._deciding.discard(host)

    def _decided(self, left: Left, result: HostResult) -> None:
        """Tell how it ended, once; what may still be found out is asked again."""
        if result.error:
            self._acting.running.say(f"{_named(left)}: {result.error}; {result.cure}", "warning", 12)
            return
        kept = self._left.get(left.entry.host, [])
        if left in kept:
            kept.remove(left)
        if not kept:
            self._left.pop(left.entry.host, None)
        self._count()
        unknown = any(each.outcome is Outcome.UNKNOWN for each in result.outcomes)
        words = f"{_named(left)}, is now known: {outcome_words(result.outcomes)}"
        if unknown:
            cure = CURES.get(left.entry.action, "look at the queue")
            words = f"{_named(left)}, stays unknown: {outcome_words(result.outcomes)}; {cure}"
        self._acting.running.say(f"{words}; J shows it", "warning" if unknown else "information", 12)
        self.read_again()


def _named(left: Left) -> str:
    return f"{title_of(left.entry)} on {left.entry.host}, cut off"


def _told(left: Sequence[Left], now: float) -> str:
    """Say what was cut off: one with all about it, of several how many and the last."""
    newest = sorted(left, key=lambda each: each.entry.at)[-1]
    number = len(left)
    entry = newest.entry
    about = f" of {messages(entry.count)}" if entry.count else ""
    said = f"{title_of(entry)}{about} on {entry.host} at {units.clock(entry.at, now)}"
    if number == 1:
        return f"1 action was cut off: {said}; its end is unknown until the host tells; J shows it"
    return f"{number} actions were cut off, the last: {said}; their ends are unknown until the hosts tell; J shows them"
