"""The command palette: what the key table offers at this place, and every host by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from mailtui.keys import KEYS, Scope, spelled
from mailtui.text import show_line

if TYPE_CHECKING:
    from mailtui.app import Console


Command = tuple[str, str, Callable[[], object]]
"""Title, help and callback."""


@dataclass(eq=False)
class _Offer(DiscoveryHit):
    """What is offered before anything is typed, in an order that does not change from run to run."""

    rank: float = 0.0

    @property
    def score(self) -> float:
        """What the palette sorts by."""
        return self.rank


class _Commands(Provider):
    """Names and what they run; matching and showing is the same for all."""

    RANK: ClassVar[int] = 0
    """Which provider's commands stand first: Textual keeps the providers in a set, that is in no order."""

    def commands(self) -> list[Command]:
        """Give title, help and callback of each command."""
        raise NotImplementedError

    @property
    def console(self) -> Console:
        """The app."""
        return cast("Console", self.app)

    async def discover(self) -> Hits:
        """Offer everything before anything is typed."""
        for title, text, run in self.commands():
            yield _Offer(Content(title), run, help=text, rank=self.RANK)

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
                yield Hit(score + self.RANK * TIE, shown, run, help=text)


TIE: Final = 1e-6
"""What decides between providers whose commands match equally well."""


class KeyCommands(_Commands):
    """Commands of the key table."""

    RANK = 2

    def commands(self) -> list[Command]:
        """Give those rows of the table that are marked for it and work where the palette was called."""
        nodes = {active.binding.id: active.node for active in self.screen.active_bindings.values()}
        return [
            (
                f"{key.title} ({spelled(key.keys).split(' ')[0]})",
                key.help,
                partial(self.console.run_action, key.action, nodes.get(key.id)),
            )
            for key in KEYS
            if key.palette and (key.scope is Scope.APP or key.id in nodes)
        ]


class ThemeCommands(_Commands):
    """Themes by name."""

    def commands(self) -> list[Command]:
        """Give one command a theme."""
        return [
            (f"Theme: {name}", "Change the colours.", partial(self.console.set_theme, name))
            for name in self.console.theme_names
        ]


class HostCommands(_Commands):
    """Hosts by name."""

    RANK = 1

    def commands(self) -> list[Command]:
        """Give one command a host."""
        return [
            (f"Host: {show_line(name)}", "Queue, log, resources and service.", partial(self.console.open_host, name))
            for name in self.console.host_names
        ]
