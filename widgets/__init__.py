"""Textual widgets that know nothing of mail: callers hand in finished Content or Segments, never str.

Each name is imported when it is first asked for, so that a screen pays only for what it shows.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailtui.widgets.cells import Cell as Cell
    from mailtui.widgets.columns import Column as Column
    from mailtui.widgets.fields import Field as Field
    from mailtui.widgets.fields import Fields as Fields
    from mailtui.widgets.filter_bar import Fault as Fault
    from mailtui.widgets.filter_bar import FilterBar as FilterBar
    from mailtui.widgets.glyphs import ASCII_CLASS as ASCII_CLASS
    from mailtui.widgets.glyphs import Glyphs as Glyphs
    from mailtui.widgets.glyphs import glyphs_of as glyphs_of
    from mailtui.widgets.line_view import LineView as LineView
    from mailtui.widgets.meter import Level as Level
    from mailtui.widgets.meter import Meter as Meter
    from mailtui.widgets.meter import Reading as Reading
    from mailtui.widgets.meter import bar_text as bar_text
    from mailtui.widgets.status_line import Side as Side
    from mailtui.widgets.status_line import StatusItem as StatusItem
    from mailtui.widgets.status_line import StatusLine as StatusLine
    from mailtui.widgets.table_source import TableSource as TableSource
    from mailtui.widgets.tail_source import TailSource as TailSource
    from mailtui.widgets.tail_view import TailView as TailView
    from mailtui.widgets.transcript import Transcript as Transcript
    from mailtui.widgets.trend import Trend as Trend
    from mailtui.widgets.trend import trend_text as trend_text
    from mailtui.widgets.virtual_table import VirtualTable as VirtualTable

_HOMES = {
    "ASCII_CLASS": "glyphs",
    "Cell": "cells",
    "Column": "columns",
    "Fault": "filter_bar",
    "Field": "fields",
    "Fields": "fields",
    "FilterBar": "filter_bar",
    "Glyphs": "glyphs",
    "Level": "meter",
    "LineView": "line_view",
    "Meter": "meter",
    "Reading": "meter",
    "Side": "status_line",
    "StatusItem": "status_line",
    "StatusLine": "status_line",
    "TableSource": "table_source",
    "TailSource": "tail_source",
    "TailView": "tail_view",
    "Transcript": "transcript",
    "Trend": "trend",
    "VirtualTable": "virtual_table",
    "bar_text": "meter",
    "glyphs_of": "glyphs",
    "trend_text": "trend",
}

__all__ = tuple(_HOMES)


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
