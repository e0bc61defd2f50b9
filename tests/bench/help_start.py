"""How long `mailtui --help` takes beside the interpreter with the two modules that any command line needs."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench.measure import Report, pairs

PAIRS = 25


def wall(command: Sequence[str]) -> Callable[[], float]:
    def run() -> float:
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began

    return run


def run(report: Report) -> None:
    peer = wall([sys.executable, "-c", "import argparse, json"])
    report.ratio("python -m mailtui --help / import argparse, json",
                 pairs(wall([sys.executable, "-m", "mailtui", "--help"]), peer, PAIRS), 1.5, must=True)  # fmt: skip
    installed = Path(sys.executable).with_name("mailtui")
    if installed.exists():
        measured = pairs(wall([str(installed), "--help"]), peer, PAIRS)
        report.ratio("installed mailtui --help / import argparse, json", measured, 1.5, must=True)


if __name__ == "__main__":
    from tests.bench.measure import main

    main(run)
