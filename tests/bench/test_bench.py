"""Runs every bench in turn and prints one table at the end: `make bench`. Each also runs by itself: `python -m tests.bench.NAME`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest

from tests.bench.measure import Report, line
from tests.lab.harness import unavailable

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

IN_LAB = ("queue_ssh", "queue_unchanged", "delete_many")
BENCHES = (*IN_LAB, "console_latency", "help_start", "log_parse", "filter_sort")


@pytest.fixture(scope="module")
def table() -> Iterator[list[Report]]:
    reports: list[Report] = []
    yield reports
    print("\n")
    for report in reports:
        for row in report.rows:
            print(line(report.name, row))


@pytest.mark.parametrize("name", BENCHES)
def test_bench(name: str, table: list[Report]) -> None:
    if name in IN_LAB and (reason := unavailable()):
        pytest.skip(f"NO LAB: {reason}")
    report = Report(name)
    table.append(report)
    importlib.import_module(f"tests.bench.{name}").run(report)
    report.check()
