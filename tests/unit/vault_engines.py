"""The two programs that the vault is written in, each alone on PATH, and both made to tell of every step they take."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailtui.mta.sendmail import act
from mailtui.procedure import REGISTRY, Script

PERL = shutil.which("perl")
PYTHON = os.path.realpath(os.environ.get("MAILTUI_VAULT_PYTHON") or sys.executable)
"""The python3 of the host; the variable names an older one to try."""
needs_perl = pytest.mark.skipif(PERL is None, reason="perl is not installed: its vault is NOT tested")
ENGINES = [pytest.param("perl", marks=needs_perl), "python3"]

_TOOLS = (
    "sh",
    "awk",
    "cat",
    "chmod",
    "date",
    "dd",
    "df",
    "env",
    "find",
    "head",
    "id",
    "ls",
    "mkdir",
    "mv",
    "rm",
    "sleep",
    "stat",
)


def only(path: Path, monkeypatch: pytest.MonkeyPatch, *engines: str) -> Path:
    """Leave nothing on PATH but a few tools and these engines; gives the directory."""
    place = path / f"only {' '.join(engines)}"
    if not place.exists():
        place.mkdir()
        found = {name: shutil.which(name) for name in _TOOLS} | {
            name: PERL if name == "perl" else PYTHON for name in engines
        }
        for name, program in found.items():
            assert program, f"{name} is missing"
            (place / name).symlink_to(program)
    monkeypatch.setenv("PATH", str(place))
    return place


_PERL_STEPS = r"""
package Stepper;
our ($steps, $syncs, $limit) = (0, 0, $ENV{MAILTUI_KILL_AT} || 0);
sub step {
  if (defined $ENV{MAILTUI_STEPS}) { open my $log, ">>", $ENV{MAILTUI_STEPS}; print $log "@_\n"; close $log }
  system $ENV{MAILTUI_PROBE} if defined $ENV{MAILTUI_PROBE};
  kill 9, $$ if ++$steps == $limit;
}
BEGIN {
  *CORE::GLOBAL::rename = sub { my $done = CORE::rename($_[0], $_[1]); local $!; step("rename", @_); return $done };
  *CORE::GLOBAL::mkdir = sub { my $done = CORE::mkdir($_[0], $_[1]); my $error = $!; step("mkdir", $_[0]); $! = $error; return $done };
  *CORE::GLOBAL::flock = sub { my $done = CORE::flock($_[0], $_[1]); step("flock"); return $done };
  *CORE::GLOBAL::rmdir = sub { my $done = CORE::rmdir($_[0]); step("rmdir", @_); return $done };
  *CORE::GLOBAL::unlink = sub { my $done = CORE::unlink(@_); step("unlink", $_) for @_; return $done };
}
require IO::Handle;
{ no warnings; my $sync = \&IO::Handle::sync; *IO::Handle::sync = sub { my $done = $sync->(@_); step("sync", (stat $_[0])[1]); if (++$syncs == ($ENV{MAILTUI_FAIL_AT} || 0)) { $! = 5; return undef } return $done } }
1;
"""

_PYTHON_STEPS = r"""
import fcntl, os
def stepping(name, real):
    def stepped(*args):
        try:
            return real(*args)
        finally:
            step(name, *args)
    return stepped
def step(name, *args):
    global steps
    words = [name] + [str(os.fstat(each).st_ino) if isinstance(each, int) else os.fsdecode(each) for each in args if each != 0o700]
    if "MAILTUI_STEPS" in os.environ:
        with open(os.environ["MAILTUI_STEPS"], "a", errors="surrogateescape") as log:
            log.write(" ".join(words) + "\n")
    if "MAILTUI_PROBE" in os.environ:
        os.system(os.environ["MAILTUI_PROBE"])
    steps += 1
    if steps == int(os.environ.get("MAILTUI_KILL_AT") or 0):
        os.kill(os.getpid(), 9)
steps = 0
for name in ("rename", "mkdir", "rmdir", "unlink"):
    setattr(os, name, stepping(name, getattr(os, name)))
fsync, syncs = stepping("sync", os.fsync), []
def failing(handle):
    fsync(handle)
    syncs.append(handle)
    if len(syncs) == int(os.environ.get("MAILTUI_FAIL_AT") or 0):
        raise OSError(5, "Input/output error")
os.fsync = failing
flock = fcntl.flock
fcntl.flock = lambda handle, how: stepping("flock", lambda: flock(handle, how))()
"""


@contextmanager
def stepped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have what acts tell of each step in the file $MAILTUI_STEPS, run $MAILTUI_PROBE at it, end at the
    $MAILTUI_KILL_AT-th, and fail at the $MAILTUI_FAIL_AT-th sync."""
    folder.mkdir(exist_ok=True)
    (folder / "Stepper.pm").write_text(_PERL_STEPS)
    (folder / "stepper.py").write_text(_PYTHON_STEPS)
    text = act.ACT.text
    for program, prelude in (
        (b"  perl -e '", f"  perl -I{folder} -MStepper -e '"),
        (b"-I -S -B -c '\n", f'-I -S -B -c \'exec(open("{folder}/stepper.py").read())\n'),
    ):
        assert text.count(program) == 1
        text = text.replace(program, prelude.encode())
    script = Script("sendmail/stepped", text, changes=True)
    with monkeypatch.context() as patch:
        patch.setitem(REGISTRY._scripts, script.name, script)
        patch.setattr(act, "ACT", script)
        yield
