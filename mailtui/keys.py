"""The key table: footer, help, palette and documentation are derived from it; a key is written once.

Moving within lists and logs is the widgets' own (`LIST_KEYS` only describes it, for help).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    """Where a key works."""

    APP = "everywhere"
    PANES = "screens with panes"
    OVERVIEW = "overview"
    HOST = "host"
    QUEUE = "queue"
    GROUPS = "groups"
    LOG = "log"
    MESSAGE = "message"
    DIALOG = "dialog"


@dataclass(frozen=True, slots=True)
class Key:
    """One action and its keys."""

    id: str
    """Stable name, by which `keys:` of the configuration remaps it."""
    keys: str
    """Default keys, comma-separated, in Textual's spelling."""
    action: str
    """Textual action on the node of the scope."""
    title: str
    """What footer and palette call it."""
    scope: Scope
    help: str = ""
    """A sentence for the help screen; the title where empty."""
    footer: int = 0
    """Rank in the footer from 1; 0 is not shown there."""
    palette: bool = False
    """True where the palette offers it too."""


KEYS: Final = (
    Key("app.help", "question_mark", "help", "Help", Scope.APP, "The keys that work here, searchable.", 9, True),
    Key("app.palette", "colon,ctrl+p", "command_palette", "Command", Scope.APP, "Every command, by name.", 8),
    Key("app.back", "escape", "back", "Back", Scope.APP, "Clear the filter, else go back; never quits."),
    Key("app.quit", "q,ctrl+q", "leave", "Quit", Scope.APP, "Back to the overview, then quit.", palette=True),
    Key("app.overview", "0", "overview", "Overview", Scope.APP, "All hosts.", palette=True),
    Key("app.refresh", "ctrl+r", "refresh_now", "Refresh", Scope.APP, "Read the hosts again now; reconnect.", 7, True),
    Key("app.pause", "p", "pause", "Pause refresh", Scope.APP, "Stop reading queues until pressed again.", palette=True),
    Key("app.next_pane", "tab", "app.next_pane", "Next pane", Scope.PANES),
    Key("app.previous_pane", "shift+tab", "app.previous_pane", "Previous pane", Scope.PANES),
    Key("app.zoom", "z", "zoom", "Zoom pane", Scope.APP, "Give the pane the whole screen, and back.", palette=True),
    Key("app.next_host", "right_square_bracket", "host(1)", "Next host", Scope.APP),
    Key("app.previous_host", "left_square_bracket", "host(-1)", "Previous host", Scope.APP),
    Key("app.switch", "H", "switch_host", "Switch host", Scope.APP, "Find a host by name.", palette=True),
    Key("app.evidence", "e", "evidence", "Evidence", Scope.APP, "The raw command and its raw output behind what is on screen.", 5, True),
    Key("app.copy", "y", "copy", "Copy", Scope.APP, "Copy the id or line to the clipboard (OSC 52)."),
    Key("app.mouse", "m", "mouse", "Mouse off/on", Scope.APP, "Leave the mouse to the terminal, to select text.", palette=True),
    Key("overview.open", "l,right", "open", "Open host", Scope.OVERVIEW, "Queue, log, resources and service of the host.", 1),
    Key("host.queue", "1", "pane('queue')", "Queue", Scope.HOST),
    Key("host.log", "2", "pane('log')", "Log", Scope.HOST),
    Key("host.resources", "3", "pane('resources')", "Resources", Scope.HOST),
    Key("host.service", "4", "pane('service')", "Service", Scope.HOST),
    Key("host.up", "h,left", "app.up", "Up", Scope.HOST, "Back to all hosts."),
    Key("queue.open", "l,right", "open", "Open message", Scope.QUEUE, "Envelope, recipients, headers and log lines.", 1),
    Key("queue.filter", "slash", "filter", "Filter", Scope.QUEUE, "Show what matches, live: words, from:x, age>1h, domain=y, not ...", 2),
    Key("queue.toggle_filter", "F", "toggle_filter", "Filter off/on", Scope.QUEUE, "Lift the filter and set it again, on the same message."),
    Key("queue.sort", "s", "sort", "Sort", Scope.QUEUE, "Next column; click a heading to choose.", 4),
    Key("queue.reverse", "S", "reverse", "Reverse sort", Scope.QUEUE),
    Key("queue.group", "b", "group", "Group by", Scope.QUEUE, "Count by reason, domain or sender.", 3),
    Key("groups.open", "l,right", "open", "Show messages", Scope.GROUPS, "The messages of this group.", 1),
    Key("groups.by", "b", "next_by", "Group by next", Scope.GROUPS, "Reason, domain, sender, queue, age.", 2),
    Key("log.filter", "slash", "filter", "Filter", Scope.LOG, "Show lines that match: words, to:x, event=deferred, not ...", 2),
    Key("log.toggle_filter", "F", "toggle_filter", "Filter off/on", Scope.LOG, "Lift the filter and set it again, on the same line."),
    Key("log.open", "l,right", "open", "Open message", Scope.LOG, "The message that the line is about, or the line whole.", 1),
    Key("message.up", "h,left", "app.up", "Up", Scope.MESSAGE, "Back to the queue."),
    Key("dialog.close", "escape", "app.back", "Close", Scope.DIALOG, "Close this.", 1),
)  # fmt: skip
"""Every key that is not a widget's own."""

LIST_KEYS: Final = (
    ("j k ↓ ↑", "Move"),
    ("g G Home End", "First, last (a log follows again)"),
    ("Ctrl+F Ctrl+B PgDn PgUp", "Page"),
    ("Ctrl+D Ctrl+U", "Half a page"),
    ("Enter", "Open"),
    ("f", "Log: pause, follow"),
    ("w", "Log: wrap long lines"),
)
"""What the lists' own keys do, for help."""


def of(*scopes: Scope) -> tuple[Key, ...]:
    """Give the keys of these scopes, in table order."""
    return tuple(key for key in KEYS if key.scope in scopes)


_NAMES: Final = {
    "question_mark": "?",
    "colon": ":",
    "slash": "/",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "escape": "Esc",
    "tab": "Tab",
    "right": "→",
    "left": "←",
}


def spelled(keys: str) -> str:
    """Spell keys as people do: `ctrl+p,colon` -> `Ctrl+P :`."""
    return " ".join(_NAMES.get(key, _spell(key)) for key in keys.split(","))


def _spell(key: str) -> str:
    *modifiers, last = key.split("+")
    parts = [modifier.capitalize() for modifier in modifiers]
    return "+".join([*parts, _NAMES.get(last, last.upper() if modifiers and len(last) == 1 else last)])
