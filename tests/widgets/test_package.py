"""The package as a whole: what it imports, what it offers, and every demo in every dress."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.app import App

import mailtui.widgets
from mailtui.widgets.demo import DEMOS, Demo, main
from mailtui.widgets.glyphs import ASCII, UNICODE

FOLDER = Path(mailtui.widgets.__file__).parent


def test_importing_the_package_imports_no_textual() -> None:
    code = "import sys, mailtui.widgets; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_widgets_know_nothing_of_mailtui(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    ours = [name for name in imported if name.split(".")[0] == "mailtui"]
    assert [name for name in ours if not name.startswith("mailtui.widgets")] == []


def test_every_name_offered_is_there() -> None:
    assert dir(mailtui.widgets) == sorted(mailtui.widgets.__all__)
    for name in mailtui.widgets.__all__:
        assert getattr(mailtui.widgets, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = mailtui.widgets.Nonsense


def test_ascii_glyphs_are_ascii_and_all_glyphs_one_cell_wide() -> None:
    from dataclasses import astuple

    from rich.cells import cell_len

    for glyphs in (ASCII, UNICODE):
        flat = [sign for value in astuple(glyphs) for sign in ([value] if isinstance(value, str) else value)]
        assert {cell_len(sign) for sign in flat} == {1}
        assert glyphs is UNICODE or all(sign.isascii() for sign in flat)


@pytest.mark.parametrize("theme", ["mailtui-dark", "mailtui-light", "mailtui-high-contrast"])
@pytest.mark.parametrize("name", sorted(DEMOS))
async def test_every_demo_in_every_theme_and_size(
    name: str, theme: str, painted_frame: Callable[[App[Any]], Awaitable[None]]
) -> None:
    app = Demo(name, theme)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("j", "space", "G")
        for size in ((120, 36), (200, 60), (1, 1)):
            await pilot.resize_terminal(*size)
            await painted_frame(app)
        assert app.theme == theme


@pytest.mark.parametrize("name", ["meters", "trends", "status", "empty", "transcript", "fields"])
async def test_in_ascii_nothing_else_is_drawn(
    name: str,
    painted_frame: Callable[[App[Any]], Awaitable[None]],
    screen_lines: Callable[[App[Any]], list[str]],
) -> None:
    app = Demo(name, ascii_only=True)
    async with app.run_test(size=(60, 20)):
        await painted_frame(app)
        text = "".join(screen_lines(app))
        assert text.strip()
        assert text.isascii()


async def test_a_cut_and_wrapped_log_is_ascii_too(
    painted_frame: Callable[[App[Any]], Awaitable[None]], screen_lines: Callable[[App[Any]], list[str]]
) -> None:
    app = Demo("tail", ascii_only=True)
    async with app.run_test(size=(60, 20)) as pilot:
        for key in ("k", "w"):
            await pilot.press(key)
            await painted_frame(app)
            drawn = {c for c in "".join(screen_lines(app)) if not c.isascii()}
            assert drawn <= set("山田太郎éбилл🎉")


def test_the_command_line_names_its_demos(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nonsense"]) == 2
    assert main([]) == 2
    assert "filter-bar" in capsys.readouterr().err
