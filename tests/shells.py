"""The shells that tests run scripts in; one that is not installed is skipped aloud, never left out."""

import shutil

import pytest
from _pytest.mark import ParameterSet


def installed(shell: str) -> bool:
    """Tell whether a shell, with or without an option or an applet's name, can be started here."""
    return shutil.which(shell.split()[0]) is not None


def shells(*names: str) -> list[ParameterSet]:
    """Give these shells as parameters of a test."""
    return [
        pytest.param(
            name, marks=pytest.mark.skipif(not installed(name), reason=f"{name} is not installed here"), id=name
        )
        for name in names
    ]


needs_busybox = pytest.mark.skipif(not installed("busybox"), reason="busybox is not installed here")
