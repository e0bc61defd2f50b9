"""`make demo` on a fresh clone, beside `pip install` alone."""

import pytest

from tests.bench import demo_start

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]


def test_the_demo_opens_soon_after_what_pip_takes() -> None:
    assert demo_start.measure() <= demo_start.GOAL
