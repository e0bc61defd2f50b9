"""Where a fleet lies: a private directory that does not outlive its process for long, even after SIGKILL."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PREFIX: Final = "mailtui-demo-"
_LOCK: Final = ".alive"


@contextlib.contextmanager
def own_directory(parent: Path | None) -> Iterator[Path]:
    """Make a directory and remove it at the end, together with those that killed demos of this user left behind."""
    above = Path(tempfile.gettempdir()) if parent is None else parent
    _sweep(above)
    # Its real path: what the hosts print must be what they were told.
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=above)).resolve()
    handle = os.open(directory / f"{_LOCK}.new", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        # Under its name it appears locked: a sweep between the two calls cannot take it for abandoned.
        (directory / f"{_LOCK}.new").rename(directory / _LOCK)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(handle)


def make_folder(path: Path) -> None:
    """Make a folder and those above it that are missing, private whatever the umask."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def _sweep(above: Path) -> None:
    """Remove the directories of ours that nobody holds any more."""
    for directory in above.glob(f"{_PREFIX}*"):
        try:
            handle = os.open(directory / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            if os.fstat(handle).st_uid == os.getuid():
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(directory, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(handle)
