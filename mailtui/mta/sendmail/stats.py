"""Sendmail's resource stream: the request of the long-lived sampler and the parser of its samples."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mailtui.model import Identity, Limit, Network, Processes, QueueCounts, Rates, Spool, Stats
from mailtui.mta.contract import Evidence
from mailtui.mta.sendmail.service import (
    Role,
    SendmailProcess,
    Witness,
    daemons,
    number,
    sendmail_processes,
    service,
)
from mailtui.parsing import resources
from mailtui.parsing.resources import ProcessTable, Resources, Sockets
from mailtui.procedure import REGISTRY, Limits, Request, Section
from mailtui.text import natural

STATS = REGISTRY.load(__package__, "stats.sh", "sendmail/stats")

SLOW = 15.0
"""Seconds between readings of what costs a process each: disks, sockets, pid file, counters."""
COUNT = 60.0
"""Seconds between countings of the queue directories' names."""
WINDOW = 60.0
"""Seconds over which message rates are taken."""

_SOURCES = {
    "proc": "cat /proc/stat /proc/meminfo /proc/loadavg /proc/uptime /proc/net/dev",
    "uptime": "uptime",
    "sysctl": "sysctl hw kern vm.stats",
    "ps": "ps -A -o pid,ppid,user,args | grep -e sendmail -e sm-mta -e sm-msp -e cron",
    "tcp": "cat /proc/net/tcp /proc/net/tcp6 | grep -e :0019 -e :024B -e :01D1",
    "netstat": "netstat -an",
    "space": "df -Pk {spool}",
    "inodes": "df -Pi {spool}",
    "blocks": "stat -f -c '%s %a' {spool}",
    "pid": "cat {pid_file}",
    "cron": "grep -hs sendmail /etc/crontab /etc/cron.d/*",
    "control": "echo mstat | nc -U {control}",
    "mailstats": "mailstats -P",
    "queue": "ls {queues} | grep -c -e ^qf -e ^hf -e ^Qf",
}
"""What one would type for each section of a sample; the script reads the same more cheaply."""

_TOTALS = re.compile(rb"^\s*T\s+(\d{1,18})\s+\d+\s+(\d{1,18})\s+\d+\s+(\d{1,18})\s", re.M)
_CONNECTIONS = re.compile(rb"^\s*C\s+(\d{1,18})\s", re.M)
_STAMPS = re.compile(rb"^\d{1,12} (\d{1,12})$", re.M)
_COUNT = re.compile(rb"^count (\d{1,12}) (\d{1,12}) (\d{1,12})$", re.M)
_CHILDREN = re.compile(rb"^C:(\d{1,9})", re.M)
_MAXIMUM = re.compile(rb"^M:(\d{1,9})", re.M)
_CONTROL_DAEMON = re.compile(rb"^P:\d+ ((?:accepting|rejecting|delaying|deferring) connections[^\n]*)", re.M)


@dataclass(frozen=True, slots=True)
class Mailstats:
    """Sendmail's own counters since its statistics file was made."""

    at: float
    received: int
    delivered: int
    rejected: int
    connections: int | None


@dataclass(slots=True)
class _Slow:
    """What was read last of what is not in each sample."""

    sockets: Sockets | None = None
    spool: Spool | None = None
    free_blocks: int | None = None
    pid: int | None = None
    pid_state: str = ""
    pid_command: bytes = b""
    children: int | None = None
    max_children: int | None = None
    control_title: bytes = b""
    cron: bytes = b""
    queue: QueueCounts | None = None
    counters: deque[Mailstats] = field(default_factory=deque)


def queue_patterns(identity: Identity) -> tuple[str, ...]:
    """Give every queue directory, patterns ending in a star as they stand in the cf, each once."""
    groups = (entry.strip().partition(" ")[2].strip() for entry in identity.fact("queue_groups").split(";"))
    named = (identity.fact("queue_directory"), identity.fact("client_queue"), *groups)
    return tuple(dict.fromkeys(path for path in named if path.startswith("/")))


def spool_of(identity: Identity) -> str:
    """Give the directory whose file system holds the queue: QueueDirectory without its star."""
    path = identity.fact("queue_directory")
    if "*" in path:
        path = path[: path.index("*")].rpartition("/")[0]
    return path if path.startswith("/") else "/var/spool/mqueue"


def stats_request(identity: Identity, interval: float) -> Request:
    """Give the request of the long-lived sampling stream; every `eos` section closes a sample."""
    lines = (
        f"{interval:g}",
        str(max(1, round(SLOW / interval))),
        str(max(1, round(COUNT / interval))),
        spool_of(identity),
        identity.fact("pid_file"),
        identity.fact("control_socket"),
        identity.fact("perl"),
        " ".join(filter(None, (identity.fact("run_as"), identity.fact("submit_as") or "smmsp"))),
        *queue_patterns(identity),
    )
    data = "".join(f"{line}\n" for line in lines).encode()
    return Request(STATS, data, Limits(seconds=0))


def stats_parser(host: str, identity: Identity) -> StatsParser:
    """Make the parser of the sampling stream's sections."""
    return StatsParser(host, identity)


class StatsParser:
    """Turns samples into `Stats`; keeps the sample before for rates and the last of what is read now and then."""

    def __init__(self, host: str, identity: Identity) -> None:
        self.host = host
        self.identity = identity
        self._before: tuple[float, Resources] | None = None
        self._slow = _Slow()
        self._last_runs: dict[bool, float] = {}
        self._client_seen = False
        self._evidence: dict[str, Evidence] = {}

    def evidence(self) -> tuple[Evidence, ...]:
        """Give the newest raw output of each thing that is sampled, some of it from samples before."""
        return tuple(self._evidence.values())

    def feed(self, sections: Sequence[Section], taken_at: float) -> Stats:
        """Read one sample (all sections between two `sample` marks)."""
        by_name = {section.name: section for section in sections}
        for name in by_name.keys() & _SOURCES.keys():
            command = _SOURCES[name].format(spool=spool_of(self.identity), **_files(self.identity))
            self._evidence[name] = Evidence(command, by_name[name].body, None)
        bodies = {name: section.body for name, section in by_name.items()}
        now = self._resources(bodies, taken_at)
        self._read_slow(by_name, bodies, taken_at)
        table = _table(by_name.get("ps"), self.identity.login)
        mta = sendmail_processes(table, self.identity.fact("client_queue"))
        witness = self._witness(table, mta, now, taken_at)
        sockets = self._slow.sockets
        percent, received, sent = self._since_before(now, taken_at)
        return Stats(
            taken_at=taken_at,
            service=service(self.identity, witness),
            limits=self._limits(witness),
            load=now.load,
            cpus=now.cpus,
            cpu_percent=percent,
            memory=now.memory,
            spool=self._slow.spool,
            network=Network(received, sent, sockets.open if sockets else None),
            processes=Processes(table.total, len(mta)) if table and table.whole else None,
            queue=self._slow.queue,
            rates=self._rates(),
            uptime=now.uptime,
        )

    def _resources(self, bodies: dict[str, bytes], taken_at: float) -> Resources:
        if "proc" in bodies:
            return resources.proc(bodies["proc"])
        return resources.bsd(bodies.get("uptime", b""), bodies.get("sysctl", b""), taken_at)

    def _since_before(self, now: Resources, taken_at: float) -> tuple[float | None, float | None, float | None]:
        """Give CPU percent and bytes a second received and sent since the sample before."""
        if self._before is None:
            self._before = taken_at, now
            return None, None, None
        at, before = self._before
        self._before = taken_at, now
        passed = taken_at - at
        if now.uptime is not None and before.uptime is not None:
            passed = now.uptime - before.uptime
        percent = resources.percent_busy(before.cpu, now.cpu) if before.cpu and now.cpu else None
        if before.traffic is None or now.traffic is None:
            return percent, None, None
        received = resources.rate(before.traffic.received, now.traffic.received, passed)
        return percent, received, resources.rate(before.traffic.sent, now.traffic.sent, passed)

    def _read_slow(self, by_name: dict[str, Section], bodies: dict[str, bytes], taken_at: float) -> None:
        slow = self._slow
        if "tcp" in bodies:
            slow.sockets = resources.sockets(bodies["tcp"])
        elif "netstat" in bodies:
            slow.sockets = resources.netstat(bodies["netstat"])
        if "space" in bodies:
            slow.spool = _spool(self.identity, bodies)
            free = resources.blocks(bodies.get("blocks", b""))
            slow.free_blocks = free[1] if free else None
            pid = by_name.get("pid")
            slow.pid, slow.pid_state, slow.pid_command = _pid_file(pid) if pid else (None, "", b"")
            slow.cron = bodies.get("cron", b"").strip().partition(b"\n")[0]
            self._read_control(bodies.get("control", b""))
        if "queue" in bodies:
            slow.queue = queue_counts(bodies["queue"])
        counters = mailstats(bodies.get("mailstats", b""), taken_at)
        if counters:
            if slow.counters and counters.received < slow.counters[-1].received:
                slow.counters.clear()
            slow.counters.append(counters)
            while len(slow.counters) > 2 and slow.counters[1].at <= counters.at - WINDOW:
                slow.counters.popleft()

    def _read_control(self, body: bytes) -> None:
        slow = self._slow
        children, maximum, daemon = _CHILDREN.search(body), _MAXIMUM.search(body), _CONTROL_DAEMON.search(body)
        slow.children = int(children.group(1)) if children else None
        slow.max_children = int(maximum.group(1)) or None if maximum else None
        slow.control_title = daemon.group(1).strip() if daemon else b""

    def _witness(
        self, table: ProcessTable | None, processes: list[SendmailProcess], now: Resources, taken_at: float
    ) -> Witness:
        slow = self._slow
        whole = table is not None and table.whole
        witness = Witness(
            table=table,
            sockets=slow.sockets,
            pid=slow.pid,
            pid_state=slow.pid_state,
            pid_command=slow.pid_command,
            max_children=number(self.identity.fact("max_daemon_children")) or slow.max_children,
            # A title read now is newer than what the control socket told some samples ago.
            control_title=b"" if whole else slow.control_title,
            load=now.load[0] if now.load else None,
            free_blocks=slow.free_blocks,
            children=slow.children,
            last_runs=self._last_runs,
            client_seen=self._client_seen,
            cron=slow.cron,
        )
        parents = {process.pid for process in daemons(processes, witness)}
        waiting = {process.pid for process in processes if process.role is Role.RUNNER}
        self._client_seen |= any(process.client and process.pid in waiting for process in processes)
        for process in processes:
            if process.role is Role.QUEUE_RUN and process.ppid in parents | waiting:
                self._last_runs[process.client] = taken_at
        if whole and parents:
            children = sum(process.ppid in parents for process in processes)
            return replace(witness, children=children)
        return witness

    def _limits(self, witness: Witness) -> tuple[Limit, ...]:
        """Give the limits that are set and whose use is known; MinFreeBlocks is a floor: it shows in `why_not`."""
        fact = self.identity.fact
        known = (
            ("MaxDaemonChildren", witness.children, witness.max_children),
            ("ConnectionRateThrottle", self._connection_rate(), number(fact("connection_rate_throttle"))),
            ("QueueLA", witness.load, number(fact("queue_la"))),
            ("RefuseLA", witness.load, number(fact("refuse_la"))),
        )
        return tuple(Limit(name, used, limit) for name, used, limit in known if used is not None and limit is not None)

    def _connection_rate(self) -> float | None:
        """Give connections a second over the window."""
        counters = self._slow.counters
        if len(counters) < 2 or counters[0].connections is None or counters[-1].connections is None:
            return None
        return resources.rate(counters[0].connections, counters[-1].connections, counters[-1].at - counters[0].at)

    def _rates(self) -> Rates:
        counters = self._slow.counters
        if len(counters) < 2:
            return Rates()
        first, last = counters[0], counters[-1]
        passed = (last.at - first.at) / 60
        return Rates(
            received=resources.rate(first.received, last.received, passed),
            delivered=resources.rate(first.delivered, last.delivered, passed),
            rejected=resources.rate(first.rejected, last.rejected, passed),
        )


def _files(identity: Identity) -> dict[str, str]:
    """Give the paths that the commands behind samples name."""
    return {
        "pid_file": identity.fact("pid_file"),
        "control": identity.fact("control_socket"),
        "queues": " ".join(queue_patterns(identity)),
    }


def _table(section: Section | None, login: str) -> ProcessTable | None:
    if section is None:
        return None
    if section.args[:1] == ("proc",) and len(section.args) == 3 and (own := natural(section.args[2])) is not None:
        return resources.proc_table(section.body, own, whole=section.args[1] == "all")
    return resources.ps_table(section.body, login)


def _spool(identity: Identity, bodies: dict[str, bytes]) -> Spool | None:
    size = resources.space(bodies.get("space", b""))
    if size is None:
        return None
    inodes = resources.inodes(bodies.get("inodes", b""))
    return Spool(spool_of(identity), *size, *(inodes or (None, None)))


def _pid_file(section: Section) -> tuple[int | None, str, bytes]:
    state = section.args[0] if section.args else ""
    lines = section.body.strip().split(b"\n")
    pid = int(lines[0]) if lines[0].isdigit() and len(lines[0]) < 11 else None
    return pid, state, lines[1] if len(lines) > 1 else b""


def mailstats(body: bytes, taken_at: float) -> Mailstats | None:
    """Read `mailstats -P`; of the several blocks that Debian's wrapper prints, the daemon's."""
    body = body.rpartition(b"MTA statistics")[2]
    totals = _TOTALS.search(body)
    if not totals:
        return None
    stamp = _STAMPS.search(body)
    connections = _CONNECTIONS.search(body)
    return Mailstats(
        at=float(stamp.group(1)) if stamp else taken_at,
        received=int(totals.group(1)),
        delivered=int(totals.group(2)),
        rejected=int(totals.group(3)),
        connections=int(connections.group(1)) if connections else None,
    )


def queue_counts(body: bytes) -> QueueCounts | None:
    """Count control files by their names' first letters; None where no directory could be read.

    A name does not tell whether the message was tried, so all that wait count as queued here; only a listing knows.
    """
    found = [(int(one), int(two), int(three)) for one, two, three in _COUNT.findall(body)]
    if not found:
        return None
    queued, held, lost = (sum(column) for column in zip(*found, strict=True))
    return QueueCounts(queued=queued, held=held, lost=lost, complete=b"unreadable" not in body)
