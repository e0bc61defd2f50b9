"""A queue of any size on a lab host, made inside it in seconds and taken away with the host's whole state."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailtui.config import Host, load
from tests.lab.harness import Lab, held

HOST = "sm1"
QUEUE = "/var/spool/mqueue"
HELPER = "/usr/local/libexec/mailtui-helper"

MAKE = (Path(__file__).parent / "hostside" / "makequeue.py").read_bytes()
CHANGE = (Path(__file__).parent / "hostside" / "changequeue.py").read_bytes()


@contextmanager
def big_queue(count: int) -> Iterator[Lab]:
    """Hold the lab with so many messages in the queue of its first host, and no daemon that works on them."""
    with held():
        lab = Lab()
        lab("up")
        lab.restart(HOST)
        try:
            still(lab)
            make(lab, count)
            yield lab
        finally:
            lab.restart(HOST)


def still(lab: Lab) -> None:
    """End the host's Sendmail, so that nothing but us reads or changes its queues."""
    lab.kill(HOST, *(each for each in lab.processes(HOST) if each.command.startswith("sendmail:")))


def make(lab: Lab, count: int) -> None:
    """Write the messages; the directory's times then lie far enough back to prove something."""
    lab.exec(HOST, "python3", "-c", MAKE.decode(), QUEUE, str(count), timeout=600)


def change(lab: Lab, every: int) -> int:
    """Rewrite one message in so many as Sendmail does after an attempt (a new file, renamed); how many."""
    return int(lab.exec(HOST, "python3", "-c", CHANGE.decode(), QUEUE, str(every), timeout=600))


def host(lab: Lab, name: str) -> Host:
    """Give one login of the lab's configuration."""
    return next(each for each in load(lab.config_path).hosts if each.name == name)


def install_helper(lab: Lab, name: str = "sm1-qview") -> None:
    """Install what `mailtui sudoers --helper` prints for a login, as it says."""
    command = [
        sys.executable,
        "-m",
        "mailtui",
        "-C",
        str(lab.config_path),
        "sudoers",
        name,
        "--for",
        "list,read",
        "--helper",
    ]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rules, _, _ = text.partition("# ---- the helper")
    lab.put(HOST, f"/etc/sudoers.d/mailtui-{name.partition('-')[2]}", rules.encode(), "440")
    lab.put(HOST, HELPER, text[text.index("#!/bin/sh\n") :].encode(), "755")
