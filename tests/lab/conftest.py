"""The session's lab, and what all tests with it have in common."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.harness import Lab, held, unavailable

HERE = Path(__file__).parent


WANTED = os.environ.get("MAILTUI_LAB", "")
"""0: never; 1 (CI): fail where it cannot run; else: wherever it can run."""


def skip_reason() -> str:
    """Why no test here can run, and that is accepted."""
    if WANTED == "0":
        return "NO LAB: switched off by MAILTUI_LAB=0; nothing was tested against a real host"
    reason = "" if WANTED else unavailable()
    return reason and f"NO LAB: {reason}; nothing was tested against a real host"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them, or skip them all; the lab's first start does not count against a test's time."""
    ours = [item for item in items if HERE in item.path.parents]
    reason = skip_reason() if ours else ""
    for item in ours:
        item.add_marker(pytest.mark.lab)
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(120, func_only=True))
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The running lab, for this session alone."""
    if reason := unavailable():
        pytest.fail(f"MAILTUI_LAB={WANTED}, but the lab cannot run: {reason}", pytrace=False)
    with held():
        lab = Lab()
        before = "up, pid" in lab("status")
        if WANTED:
            lab("down")
        lab("up")
        for host in ("sm1", "sm2", "sm3"):
            lab.restore(host)
        yield lab
        if not before:
            lab("down")
