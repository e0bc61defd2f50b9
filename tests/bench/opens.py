"""What is opened on a lab host, counted there by the kernel."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab.harness import LAB

_SCRIPT = (Path(__file__).parent / "hostside" / "opens.py").read_text()


@dataclass(slots=True)
class Opens:
    """How often files of watched directories were opened; filled when the watching ends."""

    control: int = -1
    data: int = -1
    other: int = -1
    directory: int = -1
    lost: int = -1
    """Times the kernel had more events than it keeps: then the counts are too low."""


@contextmanager
def watched(host: str, *directories: str) -> Iterator[Opens]:
    """Count what is opened in directories of a lab host, by whomever, while in the context."""
    found = Opens()
    command = [str(LAB), "exec", host, "python3", "-c", _SCRIPT, *directories]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == b"watching\n"
        yield found
        process.stdin.close()
        for name, value in json.loads(process.stdout.read()).items():
            setattr(found, name, value)
