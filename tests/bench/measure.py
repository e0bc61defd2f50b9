"""How benches measure and report: alternating pairs with an interval for ratios, counts of work as gates, one table.

A ratio's goal is missed only if its interval lies wholly past it; where the goal lies inside, the answer is "undecided".
"""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PAIRS = 7
"""Pairs of a wall ratio: the fewest whose extremes enclose the median in 95 of 100 cases."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A median and its 95 % interval (by order, so no distribution is assumed)."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        ordered, count = sorted(values), len(values)
        cut, tail = 0, 0.5**count
        while cut + 1 < count / 2:
            more = tail + math.comb(count, cut + 1) * 0.5**count
            if 2 * more > 0.05:
                break
            cut, tail = cut + 1, more
        return cls(statistics.median(ordered), ordered[cut], ordered[count - 1 - cut])

    def __format__(self, spec: str) -> str:
        return f"{self.median:{spec}} ({self.low:{spec}}-{self.high:{spec}})"


@dataclass(frozen=True, slots=True)
class Pairs:
    """What A and B took in turn."""

    a: tuple[float, ...]
    b: tuple[float, ...]

    @property
    def ratio(self) -> Spread:
        return Spread.of([a / b for a, b in zip(self.a, self.b, strict=True)])


def pairs(a: Callable[[], float], b: Callable[[], float], count: int = PAIRS) -> Pairs:
    """Measure A B A B ..., after one of each that does not count."""
    a(), b()
    taken = [(a(), b()) for _ in range(count)]
    return Pairs(tuple(each[0] for each in taken), tuple(each[1] for each in taken))


def percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    figure: str
    goal: str = ""
    verdict: str = ""


@dataclass(slots=True)
class Report:
    """What one bench found; `check` fails where a gate or a goal that must be met is missed."""

    name: str
    rows: list[Row] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def _add(self, what: str, figure: str, goal: str = "", verdict: str = "", *, must: bool = False) -> None:
        row = Row(what, figure, goal, verdict)
        self.rows.append(row)
        print(line(self.name, row), flush=True)
        if must and verdict == "MISSED":
            self.failed.append(f"{what}: {figure}, goal {goal}")

    def note(self, what: str, figure: str) -> None:
        """Print a figure that is not judged."""
        self._add(what, figure)

    def ratio(self, what: str, measured: Pairs, goal: float, *, must: bool = False) -> None:
        """Judge the ratio of A to B by its interval."""
        found = measured.ratio
        verdict = "met" if found.high <= goal else "MISSED" if found.low > goal else "undecided"
        figure = f"{found:.2f}  of {statistics.median(measured.a):.3g} s to {statistics.median(measured.b):.3g} s"
        self._add(what, figure, f"<= {goal:g}", verdict, must=must)

    def most(self, what: str, found: float, limit: float, unit: str = "", *, must: bool = True) -> None:
        """Judge a count of work, or a time whose limit must hold."""
        verdict = "met" if found <= limit else "MISSED"
        self._add(what, f"{found:.6g}{unit}", f"<= {limit:g}{unit}", verdict, must=must)

    def check(self) -> None:
        """Fail where something that must be met was missed."""
        assert not self.failed, "; ".join(self.failed)


def line(bench: str, row: Row) -> str:
    """Write one line of the table."""
    return f"{bench:16} {row.what:58} {row.figure:44} {row.goal:12} {row.verdict}".rstrip()


def main(run: Callable[[Report], None]) -> None:
    """Run one bench by itself: `python -m tests.bench.NAME`."""
    report = Report(Path(sys.argv[0]).stem)
    run(report)
    report.check()
