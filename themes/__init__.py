"""Themes: one YAML file each. A theme that cannot be read is reported, never fatal.

A file needs `name`, `dark` and ten `colors`; each of the `variables` may be left out and is then taken from a colour.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import yaml

if TYPE_CHECKING:
    from textual.theme import Theme

FOLDER: Final = Path(__file__).parent
"""Where the themes live that come with the program."""

BASE_TCSS: Final = FOLDER / "base.tcss"
"""Style rules that all screens share."""

VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "muted": "secondary",
        "rule": "panel",
        "scrollbar": "panel",
        "cursor": "panel",
        "cursor-blurred": "surface",
        "mark": "accent",
        "ok": "success",
        "warn": "warning",
        "bad": "error",
        "stale": "secondary",
        "held": "secondary",
        "unknown": "secondary",
        "fault-us": "error",
        "fault-them": "warning",
        "fault-nobody": "secondary",
        "event-received": "primary",
        "event-sent": "success",
        "event-deferred": "warning",
        "event-bounced": "error",
        "event-rejected": "error",
        "event-auth": "primary",
        "event-system": "secondary",
    }
)
"""Every variable of ours, each with the colour that stands in for it."""

GROUNDS: Final = ("rule", "scrollbar", "cursor", "cursor-blurred")
"""Variables that colour grounds and lines; all others colour text."""

_HEX: Final = re.compile(r"#[0-9a-fA-F]{6}")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class ThemeError(ValueError):
    """A theme file that cannot be used; the text says which file and why."""


@dataclass(frozen=True, slots=True)
class Colors:
    """The colours that every theme has to give, as #rrggbb."""

    background: str
    surface: str
    panel: str
    foreground: str
    primary: str
    secondary: str
    accent: str
    success: str
    warning: str
    error: str


@dataclass(frozen=True, slots=True)
class ThemeSpec:
    """A theme as read from its file, whole: all variables have a value."""

    name: str
    dark: bool
    colors: Colors
    variables: Mapping[str, str]
    """The meanings of VARIABLES as #rrggbb."""


def available(*folders: Path) -> list[Path]:
    """List the theme files that come with the program and those in further folders."""
    return [path for folder in (FOLDER, *folders) for path in sorted(folder.glob("*.yaml"))]


def load_themes(paths: Iterable[Path]) -> tuple[list[ThemeSpec], list[ThemeError]]:
    """Load what can be loaded; the rest comes back as errors to report."""
    specs: list[ThemeSpec] = []
    errors: list[ThemeError] = []
    for path in paths:
        try:
            specs.append(load_theme(path))
        except ThemeError as error:
            errors.append(error)
    return specs, errors


def load_theme(path: Path) -> ThemeSpec:
    """Read one theme file; raises ThemeError for whatever is wrong with it."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ThemeError(f"{path}: {' '.join(str(error).split())}") from error
    try:
        return _parse(tree)
    except ThemeError as error:
        raise ThemeError(f"{path}: {error}") from error


def to_textual(spec: ThemeSpec) -> Theme:
    """Make the theme that Textual registers; its derived text colours are replaced by ours, which are tested."""
    from textual.theme import Theme

    if "NO_COLOR" in os.environ:
        spec = without_colors(spec)
    return Theme(name=spec.name, dark=spec.dark, **asdict(spec.colors), variables=textual_variables(spec))


def without_colors(spec: ThemeSpec) -> ThemeSpec:
    """Give a theme for NO_COLOR: every meaning as bright as plain text, and only what is quiet stays dimmer.

    Textual turns colours into greys of their luminance then, and red would be the dimmest of all words.
    """
    plain = spec.colors.foreground
    meanings = ("primary", "accent", "success", "warning", "error")
    colors = replace(spec.colors, **dict.fromkeys(meanings, plain))
    quiet = (*GROUNDS, "muted", "stale", "unknown", "event-system")
    variables = {name: color if name in quiet else plain for name, color in spec.variables.items()}
    return ThemeSpec(spec.name, spec.dark, colors, MappingProxyType(variables))


def textual_variables(spec: ThemeSpec) -> dict[str, str]:
    """Give all CSS variables of a theme: our meanings, and those of Textual that would otherwise be computed."""
    colors, own = spec.colors, spec.variables
    return {
        **own,
        "text": colors.foreground,
        "text-muted": own["muted"],
        "text-disabled": own["muted"],
        "text-primary": colors.primary,
        "text-secondary": colors.secondary,
        "text-accent": colors.accent,
        "text-success": colors.success,
        "text-warning": colors.warning,
        "text-error": colors.error,
        "foreground-muted": own["muted"],
        "block-cursor-foreground": colors.foreground,
        "block-cursor-background": own["cursor"],
        "block-cursor-text-style": "none",
        "block-cursor-blurred-foreground": colors.foreground,
        "block-cursor-blurred-background": own["cursor-blurred"],
        "block-hover-background": own["cursor-blurred"],
        "border": colors.primary,
        "border-blurred": own["rule"],
        "scrollbar": own["scrollbar"],
        "scrollbar-hover": own["muted"],
        "scrollbar-active": colors.primary,
        "scrollbar-background": colors.background,
        "scrollbar-background-hover": colors.background,
        "scrollbar-background-active": colors.background,
        "scrollbar-corner-color": colors.background,
        "footer-background": colors.panel,
        "footer-foreground": own["muted"],
        "footer-key-foreground": colors.primary,
        "footer-description-foreground": own["muted"],
        "input-cursor-background": colors.foreground,
        "input-cursor-foreground": colors.background,
        "input-selection-background": own["cursor"],
        "button-focus-text-style": "bold",
    }


def default_variables(*, dark: bool = True) -> dict[str, str]:
    """Give our variables for an app that wears a theme of somebody else (`App.get_theme_variable_defaults`)."""
    return dict(load_theme(FOLDER / f"mailtui-{'dark' if dark else 'light'}.yaml").variables)


def _parse(tree: object) -> ThemeSpec:
    top = _mapping(tree, "the file", {"name", "dark", "colors", "variables"})
    name, dark = top.get("name"), top.get("dark")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ThemeError("name: expected up to 40 of a-z, 0-9 and '-'")
    if not isinstance(dark, bool):
        raise ThemeError("dark: expected true or false")
    names = [field.name for field in fields(Colors)]
    given = _colors(_mapping(top.get("colors"), "colors", set(names)), "colors")
    missing = [color for color in names if color not in given]
    if missing:
        raise ThemeError(f"colors: missing {', '.join(missing)}")
    own = _colors(_mapping(top.get("variables") or {}, "variables", set(VARIABLES)), "variables")
    variables = {variable: own.get(variable, given[color]) for variable, color in VARIABLES.items()}
    return ThemeSpec(name, dark, Colors(**given), MappingProxyType(variables))


def _mapping(value: object, where: str, known: set[str]) -> dict[object, object]:
    if not isinstance(value, dict):
        raise ThemeError(f"{where}: expected a mapping")
    unknown = sorted(str(key) for key in value if key not in known)
    if unknown:
        raise ThemeError(f"{where}: unknown {', '.join(unknown)}")
    return value


def _colors(values: dict[object, object], where: str) -> dict[str, str]:
    colors: dict[str, str] = {}
    for key, value in values.items():
        if not isinstance(value, str) or not _HEX.fullmatch(value):
            raise ThemeError(f'{where}.{key}: expected a colour as "#rrggbb"')
        colors[str(key)] = value
    return colors
