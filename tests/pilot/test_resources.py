"""The charts of the resources pane: what was missed shows as a gap, and nothing is forgotten when the pane is left."""

from dataclasses import replace

from mailtui.panes.resources import charts
from tests.pilot import world


def test_charts_are_drawn_from_what_the_store_keeps() -> None:
    sample = replace(world.stats(), load=(1.5, 1.0, 0.5))
    samples = [replace(sample, taken_at=at) for at in (10.0, 15.0, 60.0)]
    drawn = charts(samples, [(12.0, 7), (58.0, 9)], 5.0)
    assert drawn["load"] == (1.5, 1.5, None, 1.5)
    assert drawn["queue"] == (None, 7.0, None, 9.0)


def test_charts_without_samples_are_empty() -> None:
    assert set(charts([], [(1.0, 1)], 5.0).values()) == {()}
