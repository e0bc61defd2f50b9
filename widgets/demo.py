"""Each widget by itself: `python -m mailtui.widgets.demo NAME [THEME] [--ascii]`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Mapping, Sequence
from importlib import import_module
from math import sin
from types import MappingProxyType
from typing import ClassVar, Final

from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from mailtui.widgets import (
    ASCII_CLASS,
    Cell,
    Column,
    Fault,
    Field,
    Fields,
    FilterBar,
    Level,
    Meter,
    Reading,
    Side,
    StatusItem,
    StatusLine,
    TailView,
    Transcript,
    Trend,
    VirtualTable,
)

REASONS: Final = (
    ("Connection refused by mail.example.net", "$text-error"),
    ("451 4.7.1 Greylisting in action, please come back later", "$text-warning"),
    ("Connection timed out with mx.example.org", "$text-warning"),
    ("", ""),
)
COLUMNS: Final = (
    Column("state", "", width=1),
    Column("id", "ID", width=14),
    Column("age", "AGE", width=6, align="right"),
    Column("size", "SIZE", width=7, align="right", priority=3),
    Column("from", "FROM", min_width=12, max_width=40, priority=2),
    Column("to", "TO", min_width=16, max_width=44),
    Column("tries", "TRIES", width=5, align="right", priority=4),
    Column("reason", "REASON", weight=2, min_width=20, priority=1),
)
NAMES: Final = ("olga", "山田太郎", "renée", "ops", "билл", "news🎉letter", "x" * 70)


class Rows:
    """Made-up rows in a given order."""

    columns: Sequence[Column] = COLUMNS

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers = numbers
        self._index = {number: index for index, number in enumerate(numbers)}

    def __len__(self) -> int:
        return len(self._numbers)

    def key(self, index: int) -> Hashable:
        """Give the number."""
        return self._numbers[index]

    def index(self, key: Hashable) -> int | None:
        """Find the number."""
        return self._index.get(key) if isinstance(key, int) else None

    def cells(self, index: int) -> Sequence[Cell]:
        """Make up the cells."""
        n = self._numbers[index]
        reason, style = REASONS[n % 4]
        state = Content.styled("!", "bold $text-error") if n % 4 == 0 else Content("~" if n % 4 < 3 else " ")
        return (
            state,
            [Segment(f"6AM{n * 7919 % 10**9:09d}")],
            [Segment(f"{n % 24}h{n * 7 % 60:02d}m")],
            [Segment(f"{n * 37 % 900}.{n % 10} K")],
            [Segment(f"{NAMES[n % 7]}@dom{n % 800}.example")],
            [Segment(f"{NAMES[n * 3 % 7]}{n % 9}@dst{n % 700}.example")],
            [Segment(str(n % 17))],
            Content.styled(reason, style) if style else Content("trying now"),
        )

    def row_style(self, index: int) -> str:
        """Every eleventh row rests."""
        return "text-muted" if self._numbers[index] % 11 == 10 else ""


class Log:
    """Made-up lines that can grow."""

    first = 0

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def line(self, number: int) -> Cell:
        """Make up a line."""
        if number % 97 == 96:
            return Content.styled("    -- 14 s without a connection, nothing is missing --", "italic $text-muted")
        stat, style = (("Sent (ok: queued)", "$text-success"), ("Deferred: Connection refused", "$text-warning"))[
            number % 5 == 4
        ]
        clock = f"14:{number // 60 % 60:02d}:{number % 60:02d}"
        head = f" mx3 sm-mta[{2000 + number % 90}]: 6AM{number * 7919 % 10**9:09d}: "
        what = f"to=<{NAMES[number % 7]}@dst{number % 700}.example>, delay=00:0{number % 9}:12, relay=mx.example.net, "
        return Content.assemble((clock, "$text-muted"), head, what, "dsn=4.0.0, stat=", (stat, style))


def check(text: str) -> Fault | None:
    """Find the first question mark wrong."""
    column = text.find("?")
    return None if column < 0 else Fault("unexpected '?', try from:, to:, age> or a word", column)


def table() -> Sequence[Widget]:
    """A queue of 100,000."""
    widget = VirtualTable(Rows(range(100_000)))
    widget.sort = ("age", True)
    return (widget,)


def empty() -> Sequence[Widget]:
    """A table that a filter has emptied."""
    return (VirtualTable(Rows(()), empty=Content("no messages match; Esc clears the filter")),)


def tail() -> Sequence[Widget]:
    """A log of a million lines that grows."""
    log = Log(1_000_000)
    view = TailView(log)

    def grow() -> None:
        log.count += 3
        view.notify_lines()

    view.call_later(lambda: view.set_interval(0.2, grow))
    return (view,)


def filter_bar() -> Sequence[Widget]:
    """A filter above a table."""
    return (FilterBar(check, text="from:olga ?", placeholder="type to filter"), *table())


def meters() -> Sequence[Widget]:
    """One meter in each state."""
    readings = (
        ("spool", Reading(12.3, 30.0, Level.OK, "12.3 of 30 GB")),
        ("inodes", Reading(81, 100, Level.WARN, "1.6 M of 2.0 M")),
        ("children", Reading(40, 40, Level.BAD, "40 of 40")),
        ("memory", Reading(5, 16, Level.STALE, "5 of 16 GB, 42 s ago")),
        ("load", Reading(None, None, Level.UNKNOWN, "not allowed to look")),
    )
    shown: list[Widget] = []
    for label, reading in readings:
        meter = Meter(Content(label))
        meter.show_reading(reading)
        shown.append(meter)
    return shown


def trends() -> Sequence[Widget]:
    """A wave, one with gaps, a flat one and none."""
    wave = [5 + 4 * sin(i / 6) for i in range(90)]
    shown: list[Widget] = []
    for label, samples, text in (
        ("in/min", wave, "112 /min"),
        ("out/min", [None if 30 < i < 50 else v for i, v in enumerate(wave)], "  9 /min"),
        ("load", [0.0] * 60, "0.00"),
        ("queue", [], "unknown"),
    ):
        trend = Trend(Content(label))
        trend.show_samples(samples, Content.styled(text, "bold"))
        shown.append(trend)
    return shown


def status() -> Sequence[Widget]:
    """A header."""
    return (
        StatusLine(
            (
                StatusItem(Content.styled("mailtui", "bold $text-primary")),
                StatusItem(Content("fleet: prod (12 hosts)"), priority=3),
                StatusItem(Content.styled("! 2 alerts", "bold $text-error"), Side.CENTRE, priority=1),
                StatusItem(Content.styled("read-only", "$text-warning"), Side.RIGHT, priority=2),
                StatusItem(Content.styled("14:02:31 UTC", "$text-muted"), Side.RIGHT, priority=4),
            )
        ),
    )


def fields() -> Sequence[Widget]:
    """An envelope."""
    return (
        Fields(
            (
                Field("Envelope"),
                Field("id", Content("6AMBXyz012345")),
                Field("sender", Content("<olga@example.org>")),
                Field("size", Content("12.4 K")),
                Field("arrived", Content.assemble("13:40:02 UTC", ("  22 min ago", "$text-muted"))),
                Field("Recipients"),
                Field("<a@example.net>", Content.styled("451 4.7.1 Greylisting in action, " * 4, "$text-warning")),
                Field("<b@example.net>", Content.styled("not tried yet", "$text-muted")),
            )
        ),
    )


def transcript() -> Sequence[Widget]:
    """A command and its output."""
    lines: list[Cell] = [Content.styled("$ mailq -v", "bold $text-primary"), Content("")]
    lines += [
        Content(f"6AM{n:06d}     {n * 91 % 7000:6d} Sat Nov 22 13:4{n % 10} <olga@example.org>") for n in range(60)
    ]
    lines += [Content.styled("exit 0, 1.2 s, 4,211 bytes", "$text-muted")]
    return (Transcript(lines),)


def gallery() -> Sequence[Widget]:
    """All of them on one screen."""
    return (*status(), *meters(), *trends(), *filter_bar(), *tail())


DEMOS: Final[Mapping[str, Callable[[], Sequence[Widget]]]] = MappingProxyType(
    {
        demo.__name__.replace("_", "-"): demo
        for demo in (table, empty, tail, filter_bar, meters, trends, status, fields, transcript, gallery)
    }
)
"""Every demo by name."""


class Demo(App[None]):
    """Shows the widgets of one demo."""

    CSS = """
    Screen { layout: vertical; }
    #stage { height: 1fr; }
    VirtualTable, TailView { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "quit", "Quit"), Binding("space", "mark", "Mark")]

    def __init__(self, name: str, theme: str = "mailtui-dark", *, ascii_only: bool = False) -> None:
        super().__init__()
        self._make = DEMOS[name]
        self._wanted = theme
        self.set_class(ascii_only, ASCII_CLASS)

    def compose(self) -> ComposeResult:
        """Show the widgets."""
        with Vertical(id="stage"):
            yield from self._make()

    def on_mount(self) -> None:
        """Wear the theme; widgets themselves need none, so themes are no import of this package."""
        themes = import_module("mailtui.themes")
        for spec in themes.load_themes(themes.available())[0]:
            self.register_theme(themes.to_textual(spec))
        self.theme = self._wanted
        self.screen.focus_next()

    def action_mark(self) -> None:
        """Mark the row and go on."""
        for view in self.query(VirtualTable):
            view.toggle_mark()
            view.action_move(1)


def main(words: Sequence[str]) -> int:
    """Run the demo that the command line names."""
    names = [word for word in words if word != "--ascii"]
    if not names or names[0] not in DEMOS:
        sys.stderr.write(f"usage: python -m mailtui.widgets.demo {'|'.join(DEMOS)} [THEME] [--ascii]\n")
        return 2
    Demo(*names[:2], ascii_only="--ascii" in words).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
