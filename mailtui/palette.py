"""The command palette: every command of the key table, and every host by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from mailtui.keys import KEYS, spelled
from mailtui.text import show_line

if TYPE_CHECKING:
    from mailtui.app import Console


class _Commands(Provider):
    """Names and what they run; matching and showing is the same for all."""

    def commands(self) -> list[tuple[str, str, Callable[[], object]]]:
        """Give title, help and callback of each command."""
        raise NotImplementedError

    @property
    def console(self) -> Console:
        """The app."""
        return cast("Console", self.app)

    async def discover(self) -> Hits:
        """Offer everything before anything is typed."""
        for title, text, run in self.commands():
            yield DiscoveryHit(Content(title), run, help=text)

    async def search(self, query: str) -> Hits:
        """Offer what matches."""
        matcher = self.matcher(query)
        for title, text, run in self.commands():
            score = matcher.match(title)
            if score > 0:
                # not Textual's highlight: it reads markup, and a title holds names
                shown = Content(title)
                for at in matcher.fuzzy_search.match(query, title)[1]:
                    shown = shown.stylize(matcher.match_style, at, at + 1)
                yield Hit(score, shown, run, help=text)


class KeyCommands(_Commands):
    """Commands of the key table."""

    def commands(self) -> list[tuple[str, str, Callable[[], object]]]:
        """Give those rows of the table that are marked for it."""
        return [
            (f"{key.title} ({spelled(key.keys).split(' ')[0]})", key.help, partial(self.console.run_action, key.action))
            for key in KEYS
            if key.palette
        ]


class ThemeCommands(_Commands):
    """Themes by name."""

    def commands(self) -> list[tuple[str, str, Callable[[], object]]]:
        """Give one command a theme."""
        return [
            (f"Theme: {name}", "Change the colours.", partial(self.console.set_theme, name))
            for name in self.console.theme_names
        ]


class HostCommands(_Commands):
    """Hosts by name."""

    def commands(self) -> list[tuple[str, str, Callable[[], object]]]:
        """Give one command a host."""
        return [
            (f"Host: {show_line(name)}", "Queue, log, resources and service.", partial(self.console.open_host, name))
            for name in self.console.host_names
        ]
