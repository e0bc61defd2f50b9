"""Which tests share a process under `pytest -n`."""

from importlib import import_module

import pytest

TOGETHER = ("tests/lab/", "tests/unit/test_packaging.py::")
"""Tests below one of these run in one process: there is one lab, and the archives are built once."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Give each test to the process that is free, but for those that stay together.

    Not by `--dist loadgroup`: with pytest 9.2, xdist 3.8 splits its groups without a word.
    """
    scheduler = import_module("xdist.scheduler").LoadScopeScheduling(config, log)
    scheduler._split_scope = group
    return scheduler


def group(nodeid: str) -> str:
    """Name what a test stays together with: itself, as a rule."""
    return next((start for start in TOGETHER if nodeid.startswith(start)), nodeid)
