"""What strangers write into mail, logs and names never reaches the terminal as anything but text (safety.md D1-D4)."""

from __future__ import annotations

import ast
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Static

import mailtui
from mailtui import query
from mailtui.panes.grouping import BY, expression, groups
from mailtui.panes.pane import AskEvidence, AskMessage
from mailtui.query.syntax import LONGEST
from mailtui.screens.evidence import EvidenceScreen
from mailtui.screens.message import MessageScreen
from mailtui.text import show_line
from tests.pilot.hostile_app import PAYLOADS
from tests.pilot.hostile_world import HostileConsole, host_names, hostile_fleet
from tests.pilot.terminal import Terminal, foreign

ESCAPE, END = b"\x1b", b"\x1b[F"
HOSTS = len(PAYLOADS) // 3
QUEUE = f"1 Queue: {len(PAYLOADS) + 2} messages"
DRAWN = (PAYLOADS["move"], PAYLOADS["colour"])
"""Payloads of kinds that Textual sends itself."""
PASTED = b"\x1b[200~re\x07ason\xc2\x9b31m\xe2\x80\xae\x1b[201~"


@dataclass(slots=True)
class Walk:
    """A walk over every screen, in a terminal."""

    terminal: Terminal
    seen: dict[str, str] = field(default_factory=dict)
    grids: dict[str, list[list[str]]] = field(default_factory=dict)
    hits: int = -1
    actions: list[str] = field(default_factory=list)
    status: int = -1

    def look(self, name: str, text: str) -> None:
        """Remember a screen."""
        self.seen[name] = text
        self.grids[name] = self.terminal.cells


def walked(folder: Path, *broken: str) -> Walk:
    """Show every screen of the hostile fleet once, click about, and leave."""
    report = folder / "report.json"
    terminal = Terminal("tests.pilot.hostile_app", str(report), *broken)
    walk = Walk(terminal)
    try:
        _overview(walk)
        _queue_and_message(walk)
        if not broken:
            _groups_and_panes(walk)
            _dialogs(walk)
            for tag in (f"h{number:02d}" for number in range(1, HOSTS + 1)):
                terminal.type("]")
                walk.look(f"host {tag}", terminal.until(partial(_second_line_has, tag)))
        terminal.press("q", "2 Needs attention")
        terminal.type("q")
        walk.status = terminal.finish()
    finally:
        terminal.close()
    told = json.loads(report.read_text(encoding="utf-8"))
    walk.hits, walk.actions = told["hits"], told["actions"]
    return walk


def _second_line_has(tag: str, text: str) -> bool:
    return tag in text.split("\n")[1]


def _overview(walk: Walk) -> None:
    terminal = walk.terminal
    terminal.until("2 Needs attention")
    walk.look("toast of a theme", terminal.text)
    walk.look("hosts", terminal.press("G", f"h{HOSTS:02d}"))
    terminal.press("g\te", "Evidence: host of h")
    walk.look("evidence of a host", terminal.text)
    terminal.press(ESCAPE, "1 Hosts")
    walk.look("attention", terminal.press("G"))


def _queue_and_message(walk: Walk) -> None:
    terminal = walk.terminal
    terminal.press("\tg\r", "4 Service")
    walk.look("queue", terminal.press("z", lambda text: "4 Service" not in text and "no theme" not in text))
    terminal.press("z", "4 Service")
    walk.look("message", terminal.press("\r", "Message 6AM"))
    walk.look("headers", terminal.press(END, "X-Both-"))
    _click(terminal, 3)
    terminal.press("e", "Evidence: ")
    terminal.press(ESCAPE, "Message 6AM")
    terminal.press(ESCAPE, "4 Service")


def _click(terminal: Terminal, step: int) -> None:
    """Click all over a screen of text, but not its footer, whose keys are our own."""
    terminal.click(*((x, y) for y in range(49) for x in range(y % step, 160, step)))


def _groups_and_panes(walk: Walk) -> None:
    terminal = walk.terminal
    walk.look("evidence", terminal.press("e", "Evidence: queue of h00"))
    terminal.press(ESCAPE, "4 Service")
    for by in (each for each in BY if each != "host"):  # of one host's queue there is nothing to count by it
        walk.look(f"groups by {by}", terminal.press("b", f" by {by}: "))
    terminal.press("b", " by reason: ")
    walk.look("group", terminal.press("\r", "shown of"))
    terminal.press(ESCAPE, QUEUE)
    for key, pane, title in (("2", "log", "2 Log"), ("3", "resources", "3 Resources"), ("4", "service", "4 Service")):
        text = terminal.press(key + "z", lambda text: "1 Queue" not in text)
        assert title in text
        walk.look(pane, text)
        terminal.press("z", "1 Queue")
    terminal.press("2g", "paused")
    walk.look("toast of a line", terminal.press("\r", "longer"))
    terminal.press("y", "clipboard")
    terminal.press(ESCAPE, lambda text: "/id=" not in text)


def _dialogs(walk: Walk) -> None:
    terminal = walk.terminal
    terminal.press("1z", lambda text: "2 Log" not in text and "Group" in text)
    terminal.press("/", lambda text: "Group" not in text)
    walk.look("fault of a filter", terminal.press("age>soon[/bold]", "age is a duration"))
    terminal.press(ESCAPE, lambda text: "soon" not in text)
    walk.look("pasted filter", terminal.press(PASTED, "re<07>ason"))
    terminal.press(ESCAPE, lambda text: "ason<" not in text)
    terminal.press(ESCAPE, "Group")
    terminal.press("z", "2 Log")
    terminal.press("?", "search keys")
    walk.look("help", terminal.press("[/bold]", "[/bold]"))
    terminal.press(ESCAPE, lambda text: "Keys" not in text)
    terminal.press(b"\x10", "Search")
    walk.look("palette", terminal.press("Host: h0", "Host: h09"))
    terminal.press(ESCAPE, lambda text: "Host: h09" not in text)
    walk.look("switcher", terminal.press("H", "Host: h01"))
    terminal.press(ESCAPE, lambda text: "Host: h01" not in text)
    walk.look("toast of a refresh", terminal.press(b"\x12", "reading h00"))


# --- D1: escapes ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """A walk with every protection in its place."""
    return walked(tmp_path_factory.mktemp("walk"))


def test_no_payload_reaches_the_terminal(whole: Walk) -> None:
    assert list(foreign(bytes(whole.terminal.output), DRAWN, copies=True)) == []
    assert whole.status == 0


def test_nothing_is_left_to_the_last_barrier(whole: Walk) -> None:
    assert whole.hits == 0, "something is painted without show()"


@pytest.mark.parametrize(
    "screen",
    ["toast of a theme", "hosts", "attention", "evidence of a host", "queue", "message",  "headers", "evidence",
     "groups by reason", "groups by domain", "groups by sender", "groups by queue", "group", "log", "service", "toast of a line",
     "palette", "switcher", "toast of a refresh", "host h01"],
)  # fmt: skip
def test_controls_are_visible_on_every_screen(whole: Walk, screen: str) -> None:
    assert "<1b>" in whole.seen[screen]


def test_what_is_pasted_is_visible_too(whole: Walk) -> None:
    assert "re<07>ason<9b>31m<202e>" in whole.seen["pasted filter"]


def test_without_show_the_barrier_stops_everything(tmp_path: Path) -> None:
    walk = walked(tmp_path, "no-show")
    assert walk.hits > 0
    assert list(foreign(bytes(walk.terminal.output), DRAWN)) == []


def test_without_both_the_payloads_are_found(tmp_path: Path) -> None:
    terminal = Terminal("tests.pilot.hostile_app", str(tmp_path / "report.json"), "no-show", "no-barrier")

    def all_kinds(_: str) -> bool:
        return {found.kind for found in foreign(bytes(terminal.output))} >= {"csi", "string", "control"}

    try:
        terminal.until(lambda _: b"\x1b[77;88H" in terminal.output)
        terminal.press("\r", all_kinds)  # the overview cuts the longer ones, a host's log does not
    finally:
        terminal.close()


@pytest.mark.parametrize("name", [name for name, data in PAYLOADS.items() if show_line(data).encode() != data])
def test_the_judge_knows_every_payload(name: str) -> None:
    harmless = name in ("marks", "move", "colour")  # text may hold marks, frames move and colour
    assert bool(list(foreign(b"ab" + PAYLOADS[name] + b"cd"))) != harmless
    assert list(foreign(b"ab" + PAYLOADS[name] + b"cd", payloads=[PAYLOADS[name][:11]]))


def test_a_traceback_is_safe_too(tmp_path: Path) -> None:
    terminal = Terminal("tests.pilot.hostile_app", str(tmp_path / "report.json"), "crash")
    try:
        terminal.until("2 Needs attention")
        terminal.type("m")
        assert terminal.finish() == 0
    finally:
        terminal.close()
    assert b"RuntimeError" in terminal.output
    assert b"<1b>[2J" in terminal.output
    # Textual rings once for a fatal error
    assert [found.what for found in foreign(bytes(terminal.output), DRAWN)] == [b"\x07"]


# --- D2: markup and clicks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["markup", "bracket", "closing", "click", "quit", "variable", "href"])
def test_markup_is_literal_text(whole: Walk, name: str) -> None:
    word = PAYLOADS[name].decode()
    assert f"{word[:18]}" in whole.seen["queue"]
    assert f"<{name}>{word}" in "".join(line.strip("│ ▌") for line in whole.seen["headers"].split("\n"))


def test_clicks_all_over_run_nothing_of_strangers(whole: Walk) -> None:
    assert whole.actions == []


@asynccontextmanager
async def console(size: tuple[int, int]) -> AsyncIterator[tuple[HostileConsole, Pilot[None]]]:
    app = HostileConsole(hostile_fleet())
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        yield app, pilot


async def settled(pilot: Pilot[None]) -> None:
    """Wait until workers have ended and everything is painted."""
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    await pilot.pause()


def segments(app: App[None]) -> Iterator[Segment]:
    for strip in app.screen._compositor.render_strips():
        yield from strip


def clickable(app: App[None]) -> list[str]:
    """Give the texts on the screen that a click would run or open something by."""
    return [
        segment.text
        for segment in segments(app)
        if segment.style is not None and (segment.style.link or "@click" in segment.style.meta)
    ]


async def test_no_cell_of_any_screen_holds_an_action_or_a_link() -> None:
    async with console((160, 50)) as (app, pilot):
        name = host_names()[0]
        key = next(iter(app.store.host(name).table.by_key))
        assert clickable(app) == []
        app.open_host(name)
        await settled(pilot)
        assert clickable(app) == []
        for ask in (AskMessage(name, key), AskEvidence(name, "queue")):
            app.post_message(ask)
            await settled(pilot)
            assert clickable(app) == []
        await pilot.press("escape", "escape", "b")
        await settled(pilot)
        assert clickable(app) == []
        await pilot.press("escape", "H", "h")
        await settled(pilot)
        assert clickable(app) == []
        assert app.foreign == []


async def test_the_search_for_actions_finds_them() -> None:
    class Trap(App[None]):
        def compose(self) -> ComposeResult:
            yield Static("[@click=app.pwned('x')]go[/]")
            yield Static("[link='file:///etc/passwd']x[/link]")

    app = Trap()
    async with app.run_test():
        assert clickable(app) == ["go", "x"]


# --- D3: widths -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("screen", ["queue", "message", "headers", "log", "service", "groups by sender", "evidence"])
def test_borders_stand_in_their_columns(whole: Walk, screen: str) -> None:
    for row in whole.grids[screen][3:-2]:
        assert row[0] in "│╭╰", "".join(row)
        assert row[-1] in "│╮╯▁▂▃▄▅▆▇█ ", "".join(row)


def test_columns_of_the_queue_stay_aligned(whole: Walk) -> None:
    grid = whole.grids["queue"]
    head = next(row for row in grid if "REASON" in "".join(row))
    starts = ["".join(cell or "_" for cell in head).index(name) for name in ("STATE", "FROM", "TO ", "QUEUE", "REASON")]
    rows = [
        row
        for row in grid
        if any(word in "".join(row[:14]) for word in ("deferred", "held", "lost", "queued", "active"))
    ]
    assert len(rows) == len(PAYLOADS) + 2
    for row in rows:
        assert [row[at - 1] for at in starts] == [" "] * len(starts), "".join(row)
        assert all(row[at].strip() for at in starts), "".join(row)


# --- D4: every byte -------------------------------------------------------------------------------------------------


async def test_every_byte_is_shown_on_every_screen() -> None:
    async with console((1600, 60)) as (app, pilot):
        name = host_names()[0]
        rows = {row.raw: row for row in app.store.host(name).table.by_key.values()}
        for payload in ("bytes", "surrogates", "truncated", "c1-raw", "nul", "separators"):
            data = PAYLOADS[payload]
            app.post_message(AskMessage(name, rows[data].key))
            await settled(pilot)
            assert isinstance(app.screen, MessageScreen)
            shown = "".join(segment.text for segment in segments(app))
            for field_ in (
                b"subject " + data,
                b"auth " + data,
                data + b"@from.test",
                data + b" reason",
                b"X-" + data[:4],
            ):
                assert show_line(field_) in shown, field_
            app.action_up()
            await settled(pilot)


async def test_evidence_holds_every_byte() -> None:
    async with console((1600, 60)) as (app, pilot):
        app.post_message(AskEvidence(host_names()[0], "queue"))
        await settled(pilot)
        assert isinstance(app.screen, EvidenceScreen)
        shown = "".join(segment.text for segment in segments(app))
        for part in PAYLOADS["bytes"].split(b"\n"):
            assert show_line(part) in shown


@pytest.mark.parametrize("by", sorted(BY))
def test_every_group_leads_to_its_messages(by: str) -> None:
    """However its value is written: no message is lost between a group and its filter."""
    store = hostile_fleet().store
    name = host_names()[0]
    rows = tuple(store.host(name).table.by_key.values())
    for group in groups(rows, by):
        text = expression(by, group.value, literal=query.literal)
        if len(text) > LONGEST:
            continue
        wanted = query.parse(text, "queue").rows(host=name, now=0.0, message=lambda row: store.decode(name, row))
        assert sum(map(wanted, rows)) == group.count, group.value[:60]


# --- the source: no way past show() ---------------------------------------------------------------------------------

SOURCE = Path(mailtui.__file__).parent
FINISHED = {"Content", "cell", "styled", "assemble", "join", "trend_text", "fault_line"}
"""What makes finished text; everything else must be a constant, or a name that one of these was given to."""
MARKUP_READERS = {"Static", "Label", "Button", "Option", "Tab", "Collapsible", "DiscoveryHit", "Tooltip"}
FORBIDDEN = {"Markdown", "MarkdownViewer", "RichLog", "DataTable", "Tree", "from_markup", "render_markup", "highlight"}
"""Widgets and calls that read markup, or Textual's own, which have ours in their place."""
TITLES = {"border_title", "border_subtitle", "tooltip", "title", "sub_title"}


def _name(node: ast.expr) -> str:
    """Give the last name of what is called: `Content.styled(...)` -> `styled`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _finished(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value is None or (isinstance(node.value, str) and "[" not in node.value)
    return (isinstance(node, ast.Call) and _name(node.func) in FINISHED) or isinstance(node, ast.Name)


def unsafe(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Give lines where text could reach a widget with markup or controls in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name, keywords = _name(node.func), {each.arg: each.value for each in node.keywords}
            plain = keywords.get("markup")
            if isinstance(node.func, ast.Attribute) and name == "notify":
                if not (isinstance(plain, ast.Constant) and plain.value is False):
                    yield node.lineno, "notify() without markup=False"
                elif any(
                    isinstance(part, ast.FormattedValue) and not _shown(part.value) for part in ast.walk(node.args[0])
                ):
                    yield node.lineno, "notify() of what show() has not seen"
            elif isinstance(plain, ast.Constant) and plain.value is True:
                yield node.lineno, "markup=True"
            elif name in MARKUP_READERS and node.args and not _finished(node.args[0]):
                yield node.lineno, f"{name}() of unfinished text"
            elif name == "update" and node.args and isinstance(node.args[0], ast.JoinedStr | ast.BinOp):
                yield node.lineno, "update() of unfinished text"
            elif name in FORBIDDEN:
                yield node.lineno, name
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and target.attr in TITLES and not _finished(node.value):
                    yield node.lineno, f"{target.attr} of unfinished text"
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, each.name) for each in node.names if each.name in FORBIDDEN)


def _shown(node: ast.expr) -> bool:
    """Tell whether a value within a message is safe: made by show(), a number's format, or a choice of these."""
    if isinstance(node, ast.IfExp):
        return _shown(node.body) and _shown(node.orelse)
    return isinstance(node, ast.Constant) or (
        isinstance(node, ast.Call) and _name(node.func) in ("show", "show_line", "len")
    )


def _textual_modules() -> list[Path]:
    return [path for path in sorted(SOURCE.rglob("*.py")) if "textual" in path.read_text() and path.name != "demo.py"]


@pytest.mark.parametrize("path", _textual_modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_source_lets_plain_text_into_a_widget(path: Path) -> None:
    assert list(unsafe(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize(
    "line",
    ["self.notify(text)", "self.notify(f'{name} is gone', markup=False)", "Static(f'{subject}')", "Label(row.sender)",
     "view.update(f'{subject}')", "pane.border_title = subject.decode()", "self.sub_title = f'{host}'", "from textual.widgets import Markdown",
     "Content.from_markup(subject)", "matcher.highlight(title)", "Static(x, markup=True)", "DiscoveryHit(row.title, run)"],
)  # fmt: skip
def test_the_guard_sees_what_it_forbids(line: str) -> None:
    assert list(unsafe(ast.parse(line)))
