"""The lab as tests see it: hosts to act on from behind, a configuration to reach them from the front."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

HERE = Path(__file__).parent
LAB = HERE / "lab"
LOCK = Path("/run/lock/mailtui-lab")

T = TypeVar("T")


class LabFault(AssertionError):
    """The lab did not do what a test asked of it; carries what it said."""


@dataclass(frozen=True, slots=True)
class Process:
    """One row of a host's process table."""

    pid: int
    parent: int
    user: str
    command: str
    """The whole command line; a kernel-style title (`sshd: oncall@notty`) where the process set one."""


def unavailable() -> str:
    """Why the lab cannot run on this machine; empty if it can."""
    if sys.platform != "linux":
        return "it needs Linux namespaces"
    asked = subprocess.run([LAB, "check"], capture_output=True, check=False)
    return asked.stderr.decode(errors="replace").strip() if asked.returncode else ""


@contextmanager
def held(wait: float = 1800) -> Iterator[None]:
    """Hold the machine's only lab; another holder is waited for, and named."""
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"the lab is held by {LOCK.read_text().strip()}: waiting", file=sys.__stderr__, flush=True)
            _acquire(file.fileno(), wait)
        file.truncate(0)
        file.write(f"pid {os.getpid()} (pytest in {Path.cwd()}) since {time.strftime('%T')}\n")
        file.flush()
        os.environ["MAILTUI_LAB_LOCKED"] = "1"
        try:
            yield
        finally:
            del os.environ["MAILTUI_LAB_LOCKED"]


def _acquire(descriptor: int, wait: float) -> None:
    deadline = time.monotonic() + wait
    while time.monotonic() < deadline:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.5)
    raise LabFault(f"the lab is still held by {LOCK.read_text().strip()}")


class Lab:
    """A running lab. Hosts are named as in the table `hosts`, logins as in `lab config --all`."""

    def __init__(self) -> None:
        self.directory = Path(self("path").strip())

    def __call__(self, *words: str, stdin: bytes = b"", timeout: float = 1200) -> str:
        """Run the `lab` script; its output, or a fault with what it said."""
        done = subprocess.run([LAB, *words], input=stdin, capture_output=True, timeout=timeout, check=False)
        if done.returncode:
            said = done.stderr.decode(errors="replace") + done.stdout.decode(errors="replace")[-2000:]
            raise LabFault(f"lab {' '.join(words)[:200]}: exit {done.returncode}: {said}")
        return done.stdout.decode(errors="backslashreplace")

    # --- the front: how mailtui gets there

    @property
    def config_path(self) -> Path:
        """A configuration with the mail hosts by their plain login and by each role (`sm1`, `sm1-root`, ...)."""
        return self.directory / "mailtui.yaml"

    @property
    def all_config_path(self) -> Path:
        """The same and one host for each login shell (`sm1-sh-fish`, ...)."""
        return self.directory / "mailtui-all.yaml"

    def ssh(
        self, login: str, command: str, *, stdin: bytes = b"", timeout: float = 60
    ) -> subprocess.CompletedProcess[bytes]:
        """OpenSSH's own client, for comparison."""
        return subprocess.run(
            [LAB, "ssh", login, command], input=stdin, capture_output=True, timeout=timeout, check=False
        )

    # --- the back: root inside the host, without SSH

    def exec(self, host: str, *command: str, stdin: bytes = b"", timeout: float = 120) -> bytes:
        """Run as root inside a host; its output. One word is a shell command, several are an argument list."""
        words = ("/bin/sh", "-c", *command) if len(command) == 1 else command
        done = subprocess.run(
            [LAB, "exec", host, *words], input=stdin, capture_output=True, timeout=timeout, check=False
        )
        if done.returncode:
            raise LabFault(
                f"{host}: {' '.join(command)[:300]}: exit {done.returncode}: {done.stderr.decode(errors='replace')}"
            )
        return done.stdout

    def put(self, host: str, path: str, content: bytes, mode: str = "644", owner: str = "root:root") -> None:
        """Write a file on a host, all at once (a helper, its sudoers, a queue file)."""
        script = 'mkdir -p "${1%/*}" && cat >"$1.new" && chmod "$2" "$1.new" && chown "$3" "$1.new" && mv "$1.new" "$1"'
        self.exec(host, "sh", "-c", script, "put", path, mode, owner, stdin=content)

    def restart(self, *hosts: str) -> None:
        """Give the hosts back untouched: empty queues, empty logs, as the table says."""
        self("restart", *hosts)

    def restore(self, host: str) -> None:
        """Reach a host again that a test left unreachable."""
        self.mend(host)
        if "[listener]" not in str(self.processes(host)):
            self.start_sshd(host)

    def clear(self, host: str) -> None:
        """Empty both queues of a Sendmail host; mail being delivered just then may write itself again."""
        self.exec(host, "find /var/spool/mqueue /var/spool/mqueue-client -type f -name '[a-zA-Z]f*' -delete")

    def fill(self, host: str, count: int) -> str:
        """`count` messages with every kind of outcome through the host's own MTA, and attempts from outside."""
        return self("fill", host, str(count))

    def inject(
        self, host: str, sender: str, *recipients: str, message: bytes = b"Subject: one\r\n\r\nhello\r\n"
    ) -> str:
        """One message by SMTP on the host itself; its queue id."""
        return self.exec(host, "python3", "/lab/inject.py", sender, *recipients, stdin=message).decode().strip()

    def submit(self, host: str, sender: str, *recipients: str, message: bytes = b"Subject: one\n\nhello\n") -> None:
        """One message by the sendmail command, so by way of mqueue-client."""
        self.exec(host, "/usr/sbin/sendmail", "-i", "-f", sender, *recipients, stdin=message)

    def queue_files(self, host: str, kinds: str = "qhQ") -> list[str]:
        """Paths of the queue files whose first letter is one of these, in both queues, in all their directories."""
        names = f"find /var/spool/mqueue /var/spool/mqueue-client -type f -name '[{kinds}]f*'"
        return sorted(self.exec(host, names).decode().split())

    # --- processes

    def processes(self, host: str) -> list[Process]:
        """The host's process table, without the command that reads it."""
        rows = self.exec(host, "sh", "-c", "echo $$; exec ps -ewwo pid=,ppid=,user:32=,args=").decode(errors="replace")
        reader, *lines = rows.splitlines()
        found = [Process(int(p), int(pp), user, args) for p, pp, user, args in (row.split(None, 3) for row in lines)]
        return [process for process in found if process.pid != int(reader)]

    def kill(self, host: str, *victims: Process, signal: str = "KILL") -> None:
        """End processes of a host by their ids, as seen inside it; one that is gone already is no fault."""
        if victims:
            self.exec(
                host, "sh", "-c", 'kill "$@" 2>/dev/null; true', "kill", f"-{signal}", *(str(p.pid) for p in victims)
            )

    def kill_sshd(self, host: str, *, sessions: bool = True) -> None:
        """End the SSH daemon and, unless told not to, every session of it."""
        daemons = [process for process in self.processes(host) if process.command.startswith("sshd:")]
        self.kill(host, *(process for process in daemons if sessions or "[listener]" in process.command))

    def start_sshd(self, host: str) -> None:
        """Start the SSH daemon again and wait until it answers."""
        self.exec(host, "/usr/sbin/sshd </dev/null >/dev/null 2>&1")
        self.wait(lambda: "[listener]" in str(self.processes(host)), what=f"sshd on {host}")

    # --- network and log

    def cut(self, host: str) -> None:
        """Pull the host's cable: packets vanish, neither end is told."""
        self("cut", host)

    def mend(self, host: str) -> None:
        """Plug the cable in again."""
        self("mend", host)

    def log(self, host: str, *lines: str, tag: str = "lab") -> None:
        """Write lines to the mail log by way of the host's syslog daemon, in this order."""
        self.exec(host, "logger", "-p", "mail.info", "-t", tag, stdin="".join(f"{line}\n" for line in lines).encode())

    def rotate_log(self, host: str, *, copytruncate: bool = False, compress: bool = False) -> None:
        """Rotate mail.log to mail.log.1 as logrotate does; what was .1 goes to .2.gz."""
        take = "cp -p mail.log mail.log.1 && : >mail.log" if copytruncate else (
            "mv mail.log mail.log.1 && install -m 640 -g adm /dev/null mail.log && kill -HUP $(cat /run/rsyslogd.pid)"
        )  # fmt: skip
        older = "[ ! -e mail.log.1 ] || gzip -f mail.log.1; [ ! -e mail.log.1.gz ] || mv mail.log.1.gz mail.log.2.gz"
        self.exec(host, f"cd /var/log && {{ {older}; }} && {take}" + (" && gzip -f mail.log.1" if compress else ""))

    @staticmethod
    def wait(condition: Callable[[], T], timeout: float = 30, what: str = "") -> T:
        """The condition's first true value; a fault with the last one if there is none in time."""
        deadline = time.monotonic() + timeout
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise LabFault(f"not within {timeout:g} s: {what or condition!r} (last: {value!r})")
            time.sleep(0.05)
        return value
