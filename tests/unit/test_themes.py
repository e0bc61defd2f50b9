"""Themes: all of them readable and high enough in contrast; a broken one is an error, not the end."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.widgets import Input, Label

from mailtui.themes import (
    BASE_TCSS,
    FOLDER,
    GROUNDS,
    VARIABLES,
    ThemeError,
    ThemeSpec,
    available,
    default_variables,
    load_theme,
    load_themes,
    to_textual,
)

SHIPPED = [load_theme(path) for path in available()]
LEAST = {"mailtui-dark": 4.5, "mailtui-light": 4.5, "mailtui-high-contrast": 7.0}
TEXTS = ("foreground", "primary", "secondary", "accent", "success", "warning", "error")


def _luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a: str, b: str) -> float:
    """Give the WCAG 2 contrast ratio of two colours."""
    low, high = sorted((_luminance(a), _luminance(b)))
    return (high + 0.05) / (low + 0.05)


def _pairs(spec: ThemeSpec) -> dict[str, float]:
    texts = {name: getattr(spec.colors, name) for name in TEXTS}
    texts |= {name: value for name, value in spec.variables.items() if name not in GROUNDS}
    grounds = {name: getattr(spec.colors, name) for name in ("background", "surface", "panel")}
    grounds |= {name: spec.variables[name] for name in ("cursor", "cursor-blurred")}
    return {f"{t} on {g}": contrast(text, ground) for t, text in texts.items() for g, ground in grounds.items()}


def test_contrast_is_measured_as_wcag_does() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("spec", SHIPPED, ids=lambda spec: spec.name)
def test_every_text_colour_can_be_read_on_every_ground(spec: ThemeSpec) -> None:
    least = LEAST[spec.name]
    assert {pair: round(ratio, 2) for pair, ratio in _pairs(spec).items() if ratio < least} == {}


@pytest.mark.parametrize("spec", SHIPPED, ids=lambda spec: spec.name)
def test_cursor_and_frames_stand_out_from_the_background(spec: ThemeSpec) -> None:
    ground = spec.colors.background
    assert contrast(spec.variables["cursor"], ground) >= 1.2
    assert contrast(spec.variables["cursor-blurred"], ground) >= 1.15
    assert contrast(spec.variables["rule"], ground) >= 1.5
    assert spec.variables["cursor"] != spec.variables["cursor-blurred"]


def test_shipped_themes_are_named_as_their_files() -> None:
    assert [spec.name for spec in SHIPPED] == [path.stem for path in available()]
    assert sorted(LEAST) == sorted(spec.name for spec in SHIPPED)
    assert [spec.name for spec in SHIPPED if not spec.dark] == ["mailtui-light"]


@pytest.mark.parametrize("spec", SHIPPED, ids=lambda spec: spec.name)
async def test_textual_takes_the_theme_and_the_shared_rules(spec: ThemeSpec) -> None:
    class Shown(App[None]):
        CSS_PATH = BASE_TCSS

        def get_theme_variable_defaults(self) -> dict[str, str]:
            return default_variables(dark=spec.dark)

        def compose(self) -> ComposeResult:
            yield Label("held", classes="held pane")
            yield Input()

        def on_mount(self) -> None:
            self.register_theme(to_textual(spec))
            self.theme = spec.name

    app = Shown()
    async with app.run_test() as pilot:
        await pilot.pause()
        label = app.query_one(Label)
        assert label.styles.color.hex.lower() == spec.variables["held"]
        assert label.styles.border_top[1].hex.lower() == spec.variables["rule"]
        assert app.theme_variables["text-muted"] == spec.variables["muted"]
        assert app.screen.styles.background.hex.lower() == spec.colors.background


GOOD = (FOLDER / "mailtui-dark.yaml").read_text(encoding="utf-8")


def _bare(name: str = "mine") -> str:
    text = GOOD.split("variables:")[0]
    return text.replace("mailtui-dark", name)


def test_missing_variables_are_taken_from_the_colours(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(_bare(), encoding="utf-8")
    spec = load_theme(path)
    assert set(spec.variables) == set(VARIABLES)
    assert spec.variables["bad"] == spec.colors.error
    assert spec.variables["event-deferred"] == spec.colors.warning


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the file: expected a mapping"),
        ("- a", "the file: expected a mapping"),
        ("name: [", "parsing a flow node"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        (GOOD.replace("mailtui-dark", "No Such Name"), "name: expected"),
        (GOOD.replace("dark: true", "dark: perhaps"), "dark: expected"),
        (GOOD.replace("  error:", "  eror:"), "colors: unknown eror"),
        (re.sub(r"  error:.*\n", "", GOOD), "colors: missing error"),
        (GOOD.replace("  muted:", "  mutted:"), "variables: unknown mutted"),
        (re.sub(r"  muted:.*", "  muted: red", GOOD), "variables.muted: expected a colour"),
        (GOOD + "font: big\n", "the file: unknown font"),
    ],
)
def test_a_broken_theme_says_where_and_why(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ThemeError, match=re.escape(says)) as caught:
        load_theme(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_broken_user_theme_leaves_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("nonsense", encoding="utf-8")
    (tmp_path / "b.yaml").write_text(_bare(), encoding="utf-8")
    (tmp_path / "c.yaml").write_bytes(b"\xff\xfe")
    specs, errors = load_themes([*available(tmp_path), tmp_path / "gone.yaml"])
    assert [spec.name for spec in specs] == [*sorted(LEAST), "mine"]
    assert len(errors) == 3


def test_colours_are_written_in_theme_files_alone() -> None:
    hexes = re.compile(r"#[0-9a-fA-F]{6}\b")
    folders = (FOLDER, FOLDER.parent / "widgets")
    files = [path for folder in folders for path in [*folder.rglob("*.py"), *folder.rglob("*.tcss")]]
    assert files
    found = {path.name: hexes.findall(path.read_text(encoding="utf-8")) for path in files}
    assert {name: colors for name, colors in found.items() if colors} == {}
