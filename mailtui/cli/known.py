"""What of the program a configuration or an option may name: themes, actions, mail servers."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING

from mailtui.errors import UsageError

if TYPE_CHECKING:
    from mailtui.config import Known

CONTRACT = ("postfix", "exim", "opensmtpd")
"""Mail servers that a configuration may name before their adapters are there."""


def known() -> Known:
    """Give all of it."""
    from mailtui.config import Known
    from mailtui.keys import KEYS
    from mailtui.mta import registry

    return Known(
        themes=themes(),
        is_theme=is_theme,
        actions=tuple(key.id for key in KEYS),
        adapters=tuple(dict.fromkeys(("auto", *registry.names(), *CONTRACT))),
    )


@cache
def themes() -> tuple[str, ...]:
    """Give the names of our own themes."""
    from mailtui.themes import available, load_themes

    return tuple(spec.name for spec in load_themes(available())[0])


def is_theme(name: str) -> bool:
    """Tell whether the console has a theme of this name; Textual is imported only where it is none of ours."""
    if name in themes():
        return True
    from textual.theme import BUILTIN_THEMES

    return name in BUILTIN_THEMES


def check_theme(name: str | None) -> None:
    """Refuse a theme that the console does not have; raises UsageError."""
    if name is not None and not is_theme(name):
        near = get_close_matches(name, themes(), n=1)
        raise UsageError(
            f"--theme: no theme is called {name!r}",
            f"did you mean {near[0]}?" if near else f"one of: {', '.join(themes())}",
        )
