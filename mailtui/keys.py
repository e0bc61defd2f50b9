"""The key table: footer, help, palette and documentation are derived from it; a key is written once.

Moving within lists and logs is the widgets' own (`LIST_KEYS` only describes it, for help).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mailtui.actions import ACTIONS


class Scope(StrEnum):
    """Where a key works."""

    APP = "everywhere"
    PANES = "screens with panes"
    OVERVIEW = "overview"
    HOST = "host"
    QUEUE = "queue"
    GROUPS = "groups"
    LOG = "log"
    ABOVE = "screens above a host"
    MESSAGE = "message"
    UNDO = "undo"
    JOURNAL = "journal"
    LIVE = "live"
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


def _acts(scope: Scope) -> tuple[Key, ...]:
    """Give the keys of the actions that make sense in a scope."""
    return tuple(
        Key(
            f"{scope.value}.{each.id}",
            each.key,
            f"act('{each.id}')",
            each.title,
            scope,
            each.help,
            _RANKS.get(each.id, 0),
            True,
        )
        for each in ACTIONS
        if each.of_messages or scope is Scope.QUEUE
    )


_RANKS: Final = {"delete": 12, "hold": 13, "retry": 14, "release": 15}
"""Ranks of actions in the footer; they come first while something is marked."""

KEYS: Final = (
    Key("app.help", "question_mark", "help", "Help", Scope.APP, "The keys that work here, signs and filters, searchable.", 4, True),
    Key("app.palette", "colon,ctrl+p", "command_palette", "Command", Scope.APP, "What can be done here, and every host, by name.", 7),
    Key("app.back", "escape", "back", "Back", Scope.APP, "Clear the filter, else go back; never quits."),
    Key("app.quit", "q,ctrl+q", "leave", "Quit", Scope.APP, "Back to the overview, then quit.", 5, True),
    Key("app.overview", "0", "overview", "Overview", Scope.APP, "All hosts.", palette=True),
    Key("app.queues", "Q", "queues", "All queues", Scope.APP, "The queues of all hosts as one list: what is done there is one plan over them.", palette=True),
    Key("app.refresh", "ctrl+r", "refresh_now", "Refresh", Scope.APP, "Read the hosts again now; reconnect.", 10, True),
    Key("app.redraw", "ctrl+l", "redraw", "Redraw", Scope.APP, "Paint the whole screen anew.", palette=True),
    Key("app.pause", "p", "pause", "Pause refresh", Scope.APP, "Stop reading queues until pressed again.", palette=True),
    Key("app.next_pane", "tab", "app.next_pane", "Pane", Scope.PANES, "Next pane.", 8),
    Key("app.previous_pane", "shift+tab", "app.previous_pane", "Previous pane", Scope.PANES),
    Key("app.zoom", "z", "zoom", "Zoom pane", Scope.APP, "Give the pane the whole screen, and back.", palette=True),
    Key("app.next_host", "right_square_bracket", "host(1)", "Next host", Scope.APP, palette=True),
    Key("app.previous_host", "left_square_bracket", "host(-1)", "Previous host", Scope.APP, palette=True),
    Key("app.switch", "H", "switch_host", "Switch host", Scope.APP, "Find a host by name.", palette=True),
    Key("app.evidence", "e", "evidence", "Evidence", Scope.APP, "The raw command and its raw output behind what is on screen.", 6, True),
    Key("app.copy", "y", "copy", "Copy", Scope.APP, "Copy the host, id or line to the clipboard (OSC 52).", palette=True),
    Key("app.mouse", "m", "mouse", "Mouse off/on", Scope.APP, "Leave the mouse to the terminal, to select text.", palette=True),
    Key("app.undo", "U", "undo_list", "Undo list", Scope.APP, "What deletes set aside on all hosts, and what brings it back.", palette=True),
    Key("app.journal", "J", "journal", "Journal", Scope.APP, "What was done from here on all hosts, newest first, and what came of it.", palette=True),
    Key("app.outcomes", "L", "outcomes", "Last outcomes", Scope.APP, "What became of each message of the last actions.", palette=True),
    Key("app.disarm", "X", "disarm", "Disarm", Scope.APP, "Let nothing be changed again on hosts that ask first.", palette=True),
    Key("overview.open", "enter,l,right", "open", "Open", Scope.OVERVIEW, "The host; from what needs attention, where the trouble shows.", 1),
    Key("overview.hosts", "1", "pane('hosts')", "Hosts", Scope.OVERVIEW, palette=True),
    Key("overview.attention", "2", "pane('attention')", "Needs attention", Scope.OVERVIEW, palette=True),
    Key("host.queue", "1", "pane('queue')", "Queue", Scope.HOST, palette=True),
    Key("host.log", "2", "pane('log')", "Log", Scope.HOST, palette=True),
    Key("host.resources", "3", "pane('resources')", "Resources", Scope.HOST, palette=True),
    Key("host.service", "4", "pane('service')", "Service", Scope.HOST, palette=True),
    Key("host.up", "h,left", "app.up", "Back", Scope.HOST, "Back to all hosts."),
    Key("queue.open", "enter,l,right", "open", "Open", Scope.QUEUE, "The message: envelope, recipients, headers, log lines.", 1),
    Key("queue.filter", "slash", "filter", "Filter", Scope.QUEUE, "Show what matches, live: words, from:x, age>1h, domain=y, not ...", 2, True),
    Key("queue.toggle_filter", "F", "toggle_filter", "Filter off/on", Scope.QUEUE, "Lift the filter and set it again, on the same message.", palette=True),
    Key("queue.sort", "s", "sort", "Sort", Scope.QUEUE, "By the next column; click a heading to choose.", 9, True),
    Key("queue.reverse", "S", "reverse", "Reverse sort", Scope.QUEUE, palette=True),
    Key("queue.group", "b", "group", "Group", Scope.QUEUE, "Count by reason, domain, sender ...; Enter shows a group.", 3, True),
    Key("queue.mark", "space", "mark", "Mark", Scope.QUEUE, "Mark or unmark the message, and go on to the next; actions take what is marked.", 11),
    Key("queue.mark_down", "shift+down", "mark_on(1)", "Mark downward", Scope.QUEUE),
    Key("queue.mark_up", "shift+up", "mark_on(-1)", "Mark upward", Scope.QUEUE),
    Key("queue.mark_range", "V", "mark_range", "Mark range", Scope.QUEUE, "From the message marked last to this one.", palette=True),
    Key("queue.mark_all", "a", "mark_all", "Mark all shown", Scope.QUEUE, "All that the filter shows.", palette=True),
    Key("queue.unmark", "A", "unmark", "Clear marks", Scope.QUEUE, palette=True),
    *_acts(Scope.QUEUE),
    Key("queue.undo", "u", "undo", "Undo delete", Scope.QUEUE, "Bring back what was deleted last here.", palette=True),
    Key("groups.open", "enter,l,right", "open", "Show messages", Scope.GROUPS, "The messages of this group.", 1),
    Key("groups.by", "b", "next_by", "Group by next", Scope.GROUPS, "Reason, domain, sender, sender domain, queue, state, host.", 2, True),
    Key("groups.mark", "space", "mark", "Mark group", Scope.GROUPS, "Mark or unmark its messages in the queue.", 4),
    *_acts(Scope.GROUPS),
    Key("log.filter", "slash", "filter", "Filter", Scope.LOG, "Show lines that match: words, to:x, event=deferred, not ...", 2, True),
    Key("log.toggle_filter", "F", "toggle_filter", "Filter off/on", Scope.LOG, "Lift the filter and set it again, on the same line.", palette=True),
    Key("log.open", "enter,l,right", "open", "Open", Scope.LOG, "The message that the line is about; its lines where it has left the queue.", 1),
    Key("message.up", "h,left", "app.up", "Back", Scope.ABOVE, "Back to where you came from.", 3),
    *_acts(Scope.MESSAGE),
    Key("undo.open", "enter,l,right", "open", "Show messages", Scope.UNDO, "The messages that this delete set aside.", 1),
    Key("undo.undo", "u", "undo", "Undo", Scope.UNDO, "Put them back where they came from.", 2, True),
    Key("journal.open", "enter,l,right", "open", "Show all of it", Scope.JOURNAL, "Reason, literal commands, host key, and what became of each message.", 1),
    Key("journal.undo", "u", "undo", "Undo", Scope.JOURNAL, "Bring back what this delete set aside, as far as the host still holds it.", 2, True),
    Key("journal.verify", "v", "verify", "Verify", Scope.JOURNAL, "Hold every record against the one before it: was anything changed or left out?", 9, True),
    Key("journal.older", "o", "older", "Older", Scope.JOURNAL, "Read one older month more.", 11, True),
    Key("live.stop", "s", "stop", "Stop watching", Scope.LIVE, "The delivery itself goes on on the host: nothing may end it half done.", 1),
    Key("dialog.close", "escape", "app.back", "Close", Scope.DIALOG, "Close this.", 1),
    Key("dialog.up", "up", "scroll(-1)", "Up", Scope.DIALOG),
    Key("dialog.down", "down", "scroll(1)", "Down", Scope.DIALOG),
    Key("dialog.page_up", "pageup", "scroll(-10)", "Page up", Scope.DIALOG),
    Key("dialog.page_down", "pagedown", "scroll(10)", "Page down", Scope.DIALOG),
)  # fmt: skip
"""Every key that is not a widget's own."""

LIST_KEYS: Final = (
    ("j k ↓ ↑", "Move"),
    ("g G Home End", "First, last (a log follows again)"),
    ("PgDn PgUp", "Page; Ctrl+F Ctrl+B as well"),
    ("Ctrl+D Ctrl+U", "Half a page"),
    ("Enter", "Open"),
    ("f", "Log: pause, follow"),
    ("w", "Log: wrap long lines"),
)
"""What the lists' own keys do, for help."""

PLAN_KEYS: Final = (
    ("y", "Do it; nothing happens in the first second, nor when the plan is older than a minute"),
    ("Esc Enter", "Cancel: it has the focus"),
    ("Tab", "To where a word must be typed; it cannot be pasted"),
    ("e", "Write why: for the journal, the host's log and its vault; Enter or Esc ends that"),
    ("w", "Take whole messages along, also their recipients that the filter does not match"),
    ("s", "Stop after this batch, while an action runs"),
)
"""What the keys of plans do, for help: they are not to be changed, so that nobody confirms what he did not mean."""

LEGEND: Final = (
    ("!!", "In trouble: no link, mail server or queue runner dead, refusing mail, spool full"),
    ("!", "To look at: old or lost mail, a limit almost reached"),
    (
        "~, was",
        "Not from now: the link is silent or down, or reading is paused; also what could not be told or not yet",
    ),
    ("133+", "At least so many: not all could be read"),
    ("held", "Nothing tries it: quarantined or on hold"),
    ("lost", "The mail server cannot use its files: nothing will ever try it by itself"),
    ("STALE, -", "Older than three refreshes; not known"),
    ("* 3 marked", "Chosen for the next action; they stay marked over sorting, filters and refreshes"),
    ("ask", "Nothing is changed on the host before a plan was confirmed; that arms it for 15 minutes"),
    ("ARMED 14 min", "Confirmed plans are carried out on this host; X disarms it"),
    ("CUT OFF", "Whoever did it died in the act: the host's queue and vault decide, once it is connected"),
    ("unknown", "The link died in the act: reading the queue again decides; nothing is repeated by itself"),
)
"""What signs and words on the screens mean, for help."""

FILTERS: Final = (
    ("timeout", "queue", "A word, anywhere in id, addresses, state or reason; upper and lower case are alike"),
    ("from:anna", "queue", "The field holds it; from=a@b.org: is exactly it; to~^root: a regular expression"),
    ("age>1h size>1M", "queue", "Side by side: both must hold"),
    ("a or not b", "queue", "or, not, and ( ) to group"),
    ('reason:"no x"', "queue", "Quotes hold blanks together"),
    ("domain=.x.org", "queue", "A recipient's domain and all below it"),
    ("state=held", "queue", "active, queued, deferred, held or lost"),
    ("nrcpt>5", "queue", "Numbers: nrcpt, size, age, attempts"),
    ("event=sent", "log", "Log: also to, from, relay, dsn, id, program"),
)
"""The filter language by examples, each with what it filters, for help."""


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
    "enter": "Enter",
    "space": "Space",
    "delete": "Del",
    "up": "↑",
    "down": "↓",
    "pageup": "PgUp",
    "pagedown": "PgDn",
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
