"""What a pane says of a host that was not read, or not lately."""

from __future__ import annotations

from mailtui.model import LinkState
from mailtui.panes import units
from mailtui.panes.health import link_words, silent
from mailtui.store import HostView


def why_unread(view: HostView, source: str, now: float) -> tuple[str, str]:
    """Say why a source could not be read, and what helps; two empty texts where nothing stands in the way."""
    if view.link.state is not LinkState.OK:
        return view.link.detail or link_words(view, now)[0], view.link.cure
    failure = view.failure(source)
    return (failure.why, failure.cure) if failure is not None else ("", "")


def stale_note(view: HostView, now: float) -> str:
    """Say since when a host is not heard; empty while it is."""
    return f"STALE {units.age(now - (view.heard_at or view.link.at))}" if silent(view, now) else ""
