"""The machine that a demo host pretends to be: its processes, listeners, counters and its own /proc.

The stand-ins for ps, ss and mailstats print from these files. Scripts that read `${MAILTUI_PROC:-/proc}` find the
fictitious machine instead of the one the demo runs on, so that hosts differ and the demo works where /proc is missing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from mailtui.demo import story
from mailtui.demo.place import make_folder
from mailtui.demo.world import World

_CPUS: Final = 4
_MEMORY: Final = 8 * 1024 * 1024
"""KiB."""
_TICKS: Final = 100
"""Of /proc/stat a second."""
_PAGE_IN: Final = 60_000
"""Bytes a second that the network idles at."""


_DAEMONS: Final = (
    ("root", "/lib/systemd/systemd-journald"), ("root", "/lib/systemd/systemd-udevd"),
    ("messagebus", "/usr/bin/dbus-daemon --system --nofork --nopidfile"), ("root", "/lib/systemd/systemd-logind"),
    ("root", "/usr/sbin/rsyslogd -n -iNONE"), ("_chrony", "/usr/sbin/chronyd -F 1"),
    ("unbound", "/usr/sbin/unbound -d -p"), ("opendkim", "/usr/sbin/opendkim -x /etc/opendkim.conf"),
    ("spamfilt", "/usr/sbin/spamfilter-milter -p local:/run/spamfilter.sock"),
    ("root", "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"), ("root", "/sbin/agetty -o -p -- \\u tty1"),
)  # fmt: skip
"""What runs besides Sendmail: user and title."""


class Process(NamedTuple):
    """One row of the process table."""

    pid: int
    parent: int
    user: str
    started: float
    name: str
    title: str


@dataclass(slots=True)
class Counters:
    """What mailstats prints: messages and KiB in and out, rejected, quarantined."""

    received: int = 0
    received_size: int = 0
    sent: int = 0
    sent_size: int = 0
    rejected: int = 0
    quarantined: int = 0
    connections: int = 0

    def table(self, since: float, now: float) -> str:
        """Give `mailstats -P`."""
        row = (
            f"{self.received:9d} {self.received_size:10d} {self.sent:8d} {self.sent_size:10d}"
            f" {self.rejected:8d} {0:7d} {self.quarantined:7d}"
        )
        return (
            f"{int(since)} {int(now)}\n 5{row}  esmtp\n T{row}\n"
            f" C{self.connections:9d} {self.sent:8d} {self.rejected:6d}\n"
        )


@dataclass(slots=True)
class Machine:
    """Writes the files that tell of a host's machine."""

    world: World
    booted: float
    counters: Counters = field(default_factory=Counters)
    client_counters: Counters = field(default_factory=Counters)
    load: float = 0.0
    _busy: float = 0.0
    _network: tuple[float, float] = (3.1e9, 8.4e9)
    _shown: set[int] = field(default_factory=set)
    _updated: float = 0.0

    def begin(self, now: float) -> None:
        """Write what does not change, and the first state."""
        self.load = self.world.character.load
        through = int((now - self.booted) * self.world.character.traffic)
        self.counters = Counters(through, through * 9, through, through * 9, through // 9, through // 400, through)
        self._updated = now - 1
        self._busy = (now - self.booted) * self.load / 2 * _TICKS
        self._write("proc/net/tcp6", "  sl  local_address" + " " * 25 + "remote_address\n")
        self._write("state/listening", "State  Recv-Q Send-Q Local Address:Port Peer Address:Port\n" + "".join(
            f"LISTEN 0      10     0.0.0.0:{port}      0.0.0.0:*\n" for port in (22, 25, 587)
        ))  # fmt: skip
        run = self.world.root / "run/sendmail"
        pid = self.world.daemon_pid
        _put(run / "sendmail.pid", f"{pid}\n/usr/sbin/sendmail-mta -Am -L sm-mta -bd -q10m\n")
        if self.world.character.msp_runner:
            _put(run / "msp.pid", f"{pid + 3}\n/usr/sbin/sendmail-msp -Ac -L sm-msp-queue -q10m\n")
        self.update(now, ())

    def update(self, now: float, delivering: tuple[tuple[int, str], ...]) -> None:
        """Write processes, counters and /proc as they are now; `delivering` are pid and title of deliveries."""
        spent = max(0.0, now - self._updated)
        self._updated = now
        target = self.world.character.load + 0.1 * len(delivering)
        self.load += (target - self.load) * 0.05 + self.world.random.uniform(-0.02, 0.02)
        self.load = max(0.01, self.load)
        self._busy += spent * min(_CPUS, self.load / 2) * _TICKS
        traffic = spent * _PAGE_IN * (1 + self.world.character.traffic * self.world.random.random())
        self._network = (self._network[0] + traffic, self._network[1] + traffic * 1.6)
        self._processes(now, delivering)
        self._proc(now, len(delivering))
        self._write("state/mailstats", self.counters.table(self.booted, now))
        self._write("state/mailstats-client", self.client_counters.table(self.booted, now))

    def _processes(self, now: float, delivering: tuple[tuple[int, str], ...]) -> None:
        pid = self.world.daemon_pid
        client = self.world.client_queue.qf
        table = [
            Process(1, 0, "root", self.booted, "systemd", "/sbin/init"),
            *(
                Process(number, 1, user, self.booted + 4, title.split()[0].rpartition("/")[2].rstrip(":"), title)
                for number, (user, title) in enumerate(_DAEMONS, start=401)
            ),
            Process(pid, 1, "root", self.booted + 9, "sendmail-mta", "sendmail: MTA: accepting connections"),
        ]
        if self.world.character.msp_runner:
            title = f"sendmail: MSP: Queue runner@00:10:00 for {client}"
            table.append(Process(pid + 3, 1, "smmsp", self.booted + 9, "sendmail-msp", title))
        table += [Process(number, pid, "root", now - 1, "sendmail-mta", title) for number, title in delivering]
        rows = (f"{p.pid}\t{p.parent}\t{p.user}\t{int(p.started)}\t{p.name}\t{p.title}\n" for p in table)
        self._write("state/processes", "".join(rows))
        shown = {process.pid for process in table}
        for process in table:
            if process.pid not in self._shown:
                self._show(process)
        for number in self._shown - shown:
            _remove(self.world.root / "proc" / str(number))
        self._shown = shown

    def _show(self, process: Process) -> None:
        """Make a process's folder below /proc."""
        folder = f"proc/{process.pid}"
        uid = 0 if process.user == "root" else 112
        ticks = int((process.started - self.booted) * _TICKS)
        name = process.name[:15]
        zeros = "0 " * 15
        self._write(f"{folder}/cmdline", process.title.replace(" ", "\0") if process.pid < 600 else process.title)
        self._write(f"{folder}/comm", f"{name}\n")
        stat = f"{process.pid} ({name}) S {process.parent} {process.pid} {process.pid} {zeros}20 0 1 0 {ticks} 0 0\n"
        self._write(f"{folder}/stat", stat)
        ids = f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}\n"
        self._write(f"{folder}/status", f"Name:\t{name}\nPid:\t{process.pid}\nPPid:\t{process.parent}\n{ids}")

    def _proc(self, now: float, delivering: int) -> None:
        uptime = now - self.booted
        busy = int(self._busy)
        idle = max(0, int(uptime * _CPUS * _TICKS) - busy)
        cpu = f"{busy * 2 // 3} 0 {busy // 3} {idle} 0 0 0 0 0 0"
        each = "".join(f"cpu{number} {busy // 6} 0 {busy // 12} {idle // 4} 0 0 0 0 0 0\n" for number in range(_CPUS))
        self._write("proc/stat", f"cpu  {cpu}\n{each}intr 0\nctxt 0\nbtime {int(self.booted)}\nprocesses 81230\n")
        load = self.load
        self._write("proc/loadavg", f"{load:.2f} {load * 0.95:.2f} {load * 0.9:.2f} 1/{140 + delivering} 81230\n")
        self._write("proc/uptime", f"{uptime:.2f} {idle / _TICKS:.2f}\n")
        available = int(_MEMORY * (0.82 - 0.12 * load / (1 + load)))
        self._write("proc/meminfo", (
            f"MemTotal:       {_MEMORY} kB\nMemFree:        {available // 2} kB\nMemAvailable:   {available} kB\n"
            f"Buffers:        81920 kB\nCached:         {available // 3} kB\n"
            "SwapTotal:      2097152 kB\nSwapFree:       2064384 kB\n"
        ))  # fmt: skip
        received, sent = (int(number) for number in self._network)
        self._write("proc/net/dev", (
            "Inter-|   Receive                                                |  Transmit\n"
            " face |bytes    packets errs drop fifo frame compressed multicast|"
            "bytes    packets errs drop fifo colls carrier compressed\n"
            "    lo: 104857600 90000 0 0 0 0 0 0 104857600 90000 0 0 0 0 0 0\n"
            f"  eth0: {received} {received // 900} 0 0 0 0 0 0 {sent} {sent // 900} 0 0 0 0 0 0\n"
        ))  # fmt: skip
        self._write("proc/net/tcp", _connections(delivering))

    def _write(self, name: str, text: str) -> None:
        _put(self.world.root / name, text)


def _connections(delivering: int) -> str:
    """Write /proc/net/tcp: listeners on 22, 25 and 587, and a connection to somebody's port 25 for each delivery."""
    rows = [f"00000000:{port:04X} 00000000:0000 0A" for port in (22, 25, 587)]
    rows += [f"0A0200C0:{40_000 + number:04X} {number + 16:02X}7100CB:0019 01" for number in range(delivering)]
    tail = "00000000:00000000 00:00000000 00000000     0        0 1000 1 0000000000000000 100 0 0 10 0\n"
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    return head + "".join(f"{number:4d}: {row} {tail}" for number, row in enumerate(rows))


def _put(path: Path, text: str) -> None:
    """Replace a file at once, so that nobody reads half of it."""
    temporary = path.with_name(f".{path.name}")
    make_folder(path.parent)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)
    temporary.rename(path)


def _remove(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def write_host_status(world: World, peer: str, now: float, trouble: story.Trouble) -> None:
    """Write what Sendmail remembers of a peer: HostStatusDirectory/example./bigmail./mx1."""
    *folders, last = reversed(peer.split("."))
    path = world.root / "var/lib/sendmail/host_status" / Path(*(f"{part}." for part in folders)) / last
    words = trouble.words(b"x@" + peer.partition(".")[2].encode()).decode("ascii", "replace")
    reply = f"R{words.removeprefix('Deferred: ')}\n" if trouble.replied else ""
    _put(path, f"V0\nE{trouble.errno}\nH0\nS75\nD{trouble.dsn}\n{reply}U{int(now)}\n.\n")
