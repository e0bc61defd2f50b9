"""The console: screens over the store, keys from the table, themes; short on purpose."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, ClassVar, Final

from rich.segment import Segment, Segments
from textual.app import App
from textual.binding import BindingType
from textual.command import CommandPalette
from textual.events import Event, Paste
from textual.filter import LineFilter

from mailtui import reading, themes
from mailtui.acting import Acting
from mailtui.clock import SYSTEM, Clock
from mailtui.collector import COLLECTOR
from mailtui.fleet import Fleet
from mailtui.journal import Journal, default_directory
from mailtui.keys import Scope
from mailtui.palette import HostCommands, KeyCommands, ThemeCommands
from mailtui.panes.bindings import bindings
from mailtui.panes.pane import AskAction, AskEvidence, AskGroups, AskHost, AskKept, AskMarks, AskMessage, AskUndo
from mailtui.screens.barrier import AsciiOnly, Barrier
from mailtui.screens.base import MailScreen
from mailtui.screens.evidence import EvidenceScreen
from mailtui.screens.groups import GroupChosen, GroupsScreen
from mailtui.screens.header import About
from mailtui.screens.help import HelpScreen
from mailtui.screens.host import HostScreen
from mailtui.screens.journal import AskJournal
from mailtui.screens.message import MessageScreen
from mailtui.screens.overview import OverviewScreen
from mailtui.screens.queues import AllQueuesScreen, QueueScreen
from mailtui.screens.undo import UndoScreen
from mailtui.store import Store
from mailtui.text import show, show_line
from mailtui.widgets.glyphs import ASCII_CLASS

if TYPE_CHECKING:
    from mailtui.config import Host

HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class ConsoleOptions:
    """What the command line and the configuration say of the console."""

    scope: str = ""
    """Which hosts these are, for the header."""
    theme: str = "mailtui-dark"
    theme_folders: tuple[Path, ...] = ()
    """Where a user's own themes lie."""
    ascii: bool = False
    mouse: bool = True
    read_only: bool = False
    keys: tuple[tuple[str, str], ...] = ()
    """Remapped keys: id and keys."""


class Console(App[None]):
    """The app; it alone speaks with the fleet."""

    CSS_PATH: ClassVar[str | PurePath | list[str | PurePath] | None] = [
        HERE / "themes" / "base.tcss",
        HERE / "screens" / "screens.tcss",
    ]
    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.APP)
    COMMANDS = {KeyCommands, HostCommands, ThemeCommands}  # noqa: RUF012 - Textual's own type
    ENABLE_COMMAND_PALETTE = True
    # selecting is the terminal's (key m); Textual's own fails when a toast is clicked away, and ends the app
    ALLOW_SELECT = False
    TITLE = "mailtui"

    def __init__(self, fleet: Fleet, options: ConsoleOptions | None = None, clock: Clock = SYSTEM) -> None:
        self.options = options or ConsoleOptions()
        self.fleet = fleet
        self.clock = clock
        scope = self.options.scope or f"{len(fleet.hosts)} host{'s' if len(fleet.hosts) != 1 else ''}"
        self._mouse = self.options.mouse
        self._barrier = Barrier(self._stopped)
        found, self._theme_faults = themes.load_themes(themes.available(*self.options.theme_folders))
        self._themes = {spec.name: spec for spec in found}
        super().__init__()
        self.acting = Acting(self)
        self.about = About(scope, self.acting.mode, self.acting.running.doing)

    @property
    def store(self) -> Store:
        """What is known of all hosts."""
        return self.fleet.store

    @property
    def host_names(self) -> list[str]:
        """All hosts, in the order of the configuration."""
        return [host.name for host in self.fleet.hosts]

    @property
    def theme_names(self) -> list[str]:
        """Our own themes."""
        return sorted(self._themes)

    # --- start ------------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Set the theme and the keys, and open the overview (or the one host there is)."""
        for spec in self._themes.values():
            self.register_theme(themes.to_textual(spec))
        for fault in self._theme_faults:
            self.notify(show_line(str(fault)), severity="warning", markup=False)
        self.set_theme(self.options.theme)
        self.set_class(self.options.ascii, ASCII_CLASS)
        if self.options.keys:
            self.set_keymap(dict(self.options.keys))
        self.push_screen(OverviewScreen(self._refreshes(self.host_names)))
        if len(self.fleet.hosts) == 1:
            self.open_host(self.fleet.hosts[0].name)
        self.acting.past.look_back()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Give the style sheets their variables before the first theme is set."""
        return themes.default_variables(dark=True)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Add the last barrier to Textual's own filters."""
        ascii_only = [AsciiOnly()] if self.options.ascii else []
        return [*super().get_line_filters(), self._barrier, *ascii_only]

    def _stopped(self) -> None:
        self.about.hits += 1

    async def on_event(self, event: Event) -> None:
        """Make pasted text safe before an input shows it."""
        await super().on_event(Paste(show(event.text)) if isinstance(event, Paste) else event)

    def _fatal_error(self) -> None:
        """Make a traceback safe: it is printed past the barrier, and messages of exceptions quote hosts."""
        super()._fatal_error()
        told = self._exit_renderables.pop()
        if isinstance(told, Segments):
            told = Segments([Segment(show(text), style) for text, style, _ in told.segments])
        self._exit_renderables.append(told)

    def set_theme(self, name: str) -> None:
        """Change the colours; an unknown name is said and changes nothing."""
        if name in self.available_themes:
            self.theme = name
        else:
            self.notify(f"no theme is called {show_line(name)}", severity="warning", markup=False)

    # --- screens ----------------------------------------------------------------------------------------------------

    @property
    def mail_screen(self) -> MailScreen | None:
        """The screen on top, where it is one of ours and no dialog."""
        return self.screen if isinstance(self.screen, MailScreen) else None

    def open_host(self, name: str, pane: str = "queue", where: str = "") -> None:
        """Show a host, instead of the one shown now."""
        self.action_overview()
        self.push_screen(HostScreen(name, self.fleet.config(name).refresh, pane, where))

    def _refreshes(self, hosts: Sequence[str]) -> dict[str, float]:
        """Give the seconds between two readings of each of these hosts."""
        return {name: self.fleet.config(name).refresh for name in hosts}

    def action_queues(self) -> None:
        """Show the queues of all hosts as one, by the filter of the queue that is on screen."""
        screen = self.screen
        if isinstance(screen, AllQueuesScreen):
            return
        where = screen.queue.filter_text if isinstance(screen, QueueScreen) else ""
        self.action_overview()
        if len(self.host_names) == 1:
            self.open_host(self.host_names[0], where=where)
        else:
            self.push_screen(AllQueuesScreen(self._refreshes(self.host_names), where))

    def on_ask_host(self, message: AskHost) -> None:
        """A pane wants a host opened."""
        self.open_host(message.host, message.pane, message.where)

    def on_ask_message(self, message: AskMessage) -> None:
        """A pane wants a message opened: shown from the store at once, headers and log lines asked of the host."""
        known = self.store.message(message.host, message.key)
        if known is None:
            self.notify("the message has left the queue", severity="warning", markup=False)
            return
        screen = MessageScreen(message.host, known)
        self.push_screen(screen)
        # the screen's own workers: whoever leaves it asks for nothing more
        screen.run_worker(reading.headers(self.fleet, screen), group="headers")
        screen.run_worker(reading.log_lines(self.fleet, screen), group="message-log")

    def on_ask_groups(self, message: AskGroups) -> None:
        """A pane wants queues counted."""
        self.push_screen(GroupsScreen(self._refreshes(message.hosts), message.where))

    def on_group_chosen(self, message: GroupChosen) -> None:
        """Show the messages of a group: back to the queue, filtered."""
        self.pop_screen()
        if isinstance(self.screen, QueueScreen):
            self.screen.queue.set_filter(message.where)

    def on_ask_marks(self, message: AskMarks) -> None:
        """Mark a group's messages in the queue beneath."""
        for screen in self.screen_stack:
            if isinstance(screen, QueueScreen):
                marked = screen.queue.marked
                screen.queue.set_marked(marked | message.keys if message.marked else marked - message.keys)

    def on_ask_evidence(self, message: AskEvidence) -> None:
        """Show raw commands and outputs."""
        self.push_screen(EvidenceScreen(message.host, message.topic))

    def on_ask_action(self, message: AskAction) -> None:
        """Something is to be done to messages: show the plan."""
        self.acting.ask(message)

    def on_ask_undo(self, message: AskUndo) -> None:
        """A delete is to be undone: show what that would do."""
        self.acting.ask_undo(message)

    def on_ask_journal(self, message: AskJournal) -> None:
        """Something of the journal is to be read, verified, shown or undone."""
        self.acting.past.answer(message)

    def on_ask_kept(self, message: AskKept) -> None:
        """Show what a delete set aside."""
        self.push_screen(self.acting.kept_screen(message.kept))

    # --- keys -------------------------------------------------------------------------------------------------------

    def action_help(self) -> None:
        """Show the keys that work here."""
        pane = self.mail_screen.pane if self.mail_screen is not None else None
        scopes = {each.value: each for each in Scope} | {"hosts": Scope.OVERVIEW, "attention": Scope.OVERVIEW}
        scopes |= {"envelope": Scope.MESSAGE, "message-log": Scope.MESSAGE}
        here = [scopes[pane.id]] if pane is not None and pane.id in scopes else []
        here += [Scope.HOST] if isinstance(self.screen, HostScreen) else []
        refused = self.acting.refusals(getattr(self.screen, "host", None))
        self.push_screen(HelpScreen(here, dict(self.options.keys), refused))

    async def action_back(self) -> None:
        """Close a dialog, else clear a filter, else go back; never quits."""
        screen = self.mail_screen
        if screen is not None and screen.go_back():
            return
        if len(self.screen_stack) > 2:
            self.pop_screen()

    def action_up(self) -> None:
        """Go up one level."""
        if len(self.screen_stack) > 2:
            self.pop_screen()

    def action_leave(self) -> None:
        """Go to the overview; from there, quit."""
        if len(self.screen_stack) > 2:
            self.action_overview()
        elif self.acting.running.may_leave():
            self.exit()

    def action_overview(self) -> None:
        """Show all hosts."""
        while len(self.screen_stack) > 2:
            self.pop_screen()

    def action_refresh_now(self) -> None:
        """Read hosts again now: that of the screen, or all."""
        host = getattr(self.screen, "host", None)
        self.fleet.retry(host)
        self.notify(f"reading {show_line(host) if host else 'all hosts'} again", timeout=2, markup=False)

    def action_redraw(self) -> None:
        """Paint the whole screen anew: something else may have written over it."""
        self.refresh(repaint=True, layout=True)

    def action_pause(self) -> None:
        """Stop or resume reading queues."""
        self.about.paused = not self.about.paused
        self.fleet.pause(self.about.paused)

    def action_next_pane(self) -> None:
        """Go to the next pane."""
        if self.mail_screen is not None:
            self.mail_screen.step_pane(1)

    def action_previous_pane(self) -> None:
        """Go to the previous pane."""
        if self.mail_screen is not None:
            self.mail_screen.step_pane(-1)

    def action_zoom(self) -> None:
        """Give the pane the whole screen, or take it back."""
        if self.mail_screen is not None:
            self.mail_screen.toggle_class("-zoomed")
            pane = self.mail_screen.pane
            if pane is not None:
                self.mail_screen.focus_pane(pane)

    def action_host(self, step: int) -> None:
        """Show the next or previous host."""
        names = self.host_names
        shown, chosen = getattr(self.screen, "host", None), getattr(self.screen, "chosen", None)
        at = names.index(shown) + step if shown in names else names.index(chosen) if chosen in names else 0
        self.open_host(names[at % len(names)])

    def action_switch_host(self) -> None:
        """Find a host by name."""
        self.push_screen(CommandPalette(providers=[HostCommands], placeholder="host ..."))

    def action_evidence(self) -> None:
        """Show the raw command and output behind the pane."""
        screen = self.mail_screen
        pane = screen.pane if screen is not None else None
        if screen is None or pane is None:
            return
        host = pane.host or getattr(screen, "chosen", None)
        if host is not None and pane.evidence_topic:
            self.post_message(AskEvidence(host, pane.evidence_topic))

    def action_copy(self) -> None:
        """Copy what the pane says its cursor stands on."""
        pane = self.mail_screen.pane if self.mail_screen is not None else None
        text = getattr(pane, "copied", None)
        if text:
            self.copy_to_clipboard(show_line(text))
            self.notify(f"{len(text)} characters sent to the clipboard (OSC 52)", timeout=3, markup=False)

    async def action_undo_list(self) -> None:
        """Show every delete that can be undone."""
        screen = UndoScreen()
        await self.push_screen(screen)
        self.acting.list_undo(screen)

    async def action_journal(self) -> None:
        """Show what was done from here."""
        await self.acting.past.open()

    def action_outcomes(self) -> None:
        """Show what became of each message of the last actions."""
        self.push_screen(self.acting.running.outcomes_screen())

    def action_disarm(self) -> None:
        """Let nothing be changed again on hosts that ask first."""
        self.acting.disarm()

    def action_mouse(self) -> None:
        """Leave the mouse to the terminal, or take it back."""
        driver = self._driver
        if driver is None:
            return
        self._mouse = not self._mouse
        switch = getattr(driver, "_enable_mouse_support" if self._mouse else "_disable_mouse_support", None)
        if switch is not None:
            switch()
        self.notify(
            "the mouse is mailtui's" if self._mouse else "the mouse is the terminal's: select text", markup=False
        )


SWITCH: Final = 0.0005
"""Seconds after which a thread at work lets the event loop go on, a tenth of Python's own: keys are answered sooner."""


async def run_console(hosts: Sequence[Host], options: ConsoleOptions | None = None) -> None:
    """Run the console over these hosts until it is left; every link is closed before this returns."""
    sys.setswitchinterval(SWITCH)
    with COLLECTOR.calm():
        await _run(hosts, options)


async def _run(hosts: Sequence[Host], options: ConsoleOptions | None) -> None:
    async with Fleet(hosts, journal=Journal(default_directory())) as fleet:
        console = Console(fleet, options)
        loop = asyncio.get_running_loop()
        for ending in (signal.SIGTERM, signal.SIGHUP):  # the terminal is given back, the links are closed
            loop.add_signal_handler(ending, console.exit)
        try:
            await console.run_async(mouse=options.mouse if options is not None else True)
        finally:
            for ending in (signal.SIGTERM, signal.SIGHUP):
                loop.remove_signal_handler(ending)
