"""What Sendmail's processes, pid file and sockets say of the service: does it run, accept, and work off its queues.

Rules. A process title is the best witness. Nothing is called dead unless the whole process table could be read. The
client queue's runner is expected where a submit.cf is known, for mail that could not be handed over lies there until a
runner takes it; where a cron entry does that and cron runs, its absence proves nothing, unless a runner was seen here
before. Of the daemon's own queue a runner is always expected.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from mailtui.model import Accepting, Identity, QueueRunner, RunnerState, Service
from mailtui.parsing.resources import Process, ProcessTable, Sockets
from mailtui.text import natural, show_line

_BINARIES = (b"sendmail", b"sendmail-mta", b"sendmail-msp", b"sendmail.sendmail", b"sm-mta", b"sm-msp")
_TITLE = re.compile(rb"(?:\S*/)?sendmail: (?:([A-Za-z][\w-]*): )?(.*?)(?: \(sendmail\))?")
_DAEMON = re.compile(rb"(?:accepting|rejecting|delaying|deferring) connections\b")
_REJECTING = re.compile(rb"rejecting connections(?: on daemon ([^:]+))?(?:: (.*))?")
_RUNNER = re.compile(rb"Queue (?:runner|control)(?:@(?:(\d{1,4})\+)?(\d{1,3}):(\d\d):(\d\d))?(?: for (.*))?")
_RUNNING = re.compile(rb"running queue: (.*)")
_INTERVAL = re.compile(rb"-q[pf]?((?:\d{1,7}[smhdw]?)+)")
_EVERY = re.compile(rb"\*/(\d{1,2})\s")
_UNITS = {b"s": 1, b"m": 60, b"": 60, b"h": 3600, b"d": 86400, b"w": 604800}


class Role(Enum):
    """What a Sendmail process does."""

    DAEMON = auto()
    RUNNER = auto()
    """Waits and starts a queue run at its interval."""
    QUEUE_RUN = auto()
    """Works off a queue right now."""
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class SendmailProcess:
    """A process of Sendmail with what its title or command line says."""

    pid: int
    ppid: int | None
    role: Role
    title: bytes
    """Without the `sendmail: MTA: ` before it; a bare command line where titles cannot be set."""
    client: bool = False
    """True for the runner of the client queue."""
    interval: float | None = None


@dataclass(frozen=True, slots=True)
class Witness:
    """All that a sample tells of the service."""

    table: ProcessTable | None = None
    sockets: Sockets | None = None
    pid: int | None = None
    pid_state: str = ""
    """`alive`, `dead`, `missing` or "" where the pid file could not be read."""
    pid_command: bytes = b""
    """The daemon's command line, second line of the pid file."""
    children: int | None = None
    max_children: int | None = None
    control_title: bytes = b""
    """The daemon's title as its control socket tells it."""
    load: float | None = None
    free_blocks: int | None = None
    last_runs: Mapping[bool, float] = field(default_factory=dict)
    """When a queue run that daemon or runner started was last seen, by `client`."""
    client_seen: bool = False
    """A runner of the client queue was seen in an earlier sample."""
    cron: bytes = b""
    """The crontab line that works off the client queue."""


def number(text: str) -> int | None:
    """Read an option's value; 0, "" and what is no number mean there is no limit."""
    return natural(text) or None


def seconds(text: bytes) -> float | None:
    """Read the interval of a command line's `-q10m`, `-q1h30m` or `-qp5m`; None where there is none."""
    for word in text.split():
        if found := _INTERVAL.fullmatch(word):
            parts: list[tuple[bytes, bytes]] = re.findall(rb"(\d+)([smhdw]?)", found.group(1))
            return float(sum(int(count) * _UNITS[unit] for count, unit in parts))
    return None


def read_process(process: Process, client_queue: str) -> SendmailProcess | None:
    """Tell what a process does for Sendmail; None where it is none of its processes."""
    titled = _TITLE.fullmatch(process.args)
    if titled:
        return _read_title(process, titled.group(1) or b"", titled.group(2), client_queue)
    words = process.args.split()
    if not words or words[0].rpartition(b"/")[2] not in _BINARIES:
        return None
    client, interval = b"-Ac" in words, seconds(process.args)
    if any(word in (b"-bd", b"-bD") for word in words):
        role = Role.DAEMON
    else:
        role = Role.OTHER if interval is None else Role.RUNNER
    return SendmailProcess(process.pid, process.ppid, role, process.args, client, interval)


def _read_title(process: Process, label: bytes, title: bytes, client_queue: str) -> SendmailProcess:
    if _DAEMON.match(title):
        return SendmailProcess(process.pid, process.ppid, Role.DAEMON, title)
    if found := _RUNNER.fullmatch(title):
        days, hours, minutes, rest, place = found.groups()
        interval = None
        if hours is not None:
            interval = float((int(days or 0) * 24 + int(hours)) * 3600 + int(minutes) * 60 + int(rest))
        client = label == b"MSP" or _is_client(place or b"", client_queue)
        return SendmailProcess(process.pid, process.ppid, Role.RUNNER, title, client, interval)
    if found := _RUNNING.fullmatch(title):
        client = label == b"MSP" or _is_client(found.group(1), client_queue)
        return SendmailProcess(process.pid, process.ppid, Role.QUEUE_RUN, title, client)
    return SendmailProcess(process.pid, process.ppid, Role.OTHER, title)


def _is_client(place: bytes, client_queue: str) -> bool:
    path = place.rstrip(b"/")
    known = client_queue.rstrip("/").encode()
    return path == known if known else b"client" in path.rpartition(b"/")[2]


def sendmail_processes(table: ProcessTable | None, client_queue: str) -> list[SendmailProcess]:
    """Give Sendmail's processes of a table."""
    found = (read_process(process, client_queue) for process in (table.processes if table else ()))
    return [process for process in found if process is not None]


def daemons(processes: list[SendmailProcess], witness: Witness) -> list[SendmailProcess]:
    """Give the listening daemon: the one that the pid file names or else, by their titles, all there are."""
    named = [process for process in processes if process.pid == witness.pid and not process.client]
    titled = [process for process in processes if process.role is Role.DAEMON]
    pids = {process.pid for process in titled}
    # A daemon's child keeps the daemon's title until it sets its own.
    return named or [process for process in titled if process.ppid not in pids]


def service(identity: Identity, witness: Witness) -> Service:
    """Judge the service by everything a sample tells."""
    processes = sendmail_processes(witness.table, identity.fact("client_queue"))
    found = daemons(processes, witness)
    whole = witness.table is not None and witness.table.whole and witness.table.total > 0
    daemon = _daemon(found, witness, whole=whole)
    accepting, why_not = _accepting(identity, daemon, found, witness)
    listening = witness.sockets.listening if witness.sockets else ()
    runners = _runners(identity, processes, found, daemon, witness, whole=whole)
    return Service(daemon, listening, accepting, why_not, runners)


def _daemon(found: list[SendmailProcess], witness: Witness, *, whole: bool) -> bool | None:
    if found:
        return True
    if whole:
        return False
    if witness.pid_state == "alive" or (witness.sockets and witness.sockets.listening):
        return True
    return False if witness.pid_state == "dead" else None


def _accepting(
    identity: Identity, daemon: bool | None, found: list[SendmailProcess], witness: Witness
) -> tuple[Accepting, str | None]:
    if daemon is False:
        return Accepting.NO, "the daemon is not running"
    titles = [process.title for process in found] + ([witness.control_title] if witness.control_title else [])
    refused = next((match for title in titles if (match := _REJECTING.fullmatch(title))), None)
    refuse_la = number(identity.fact("refuse_la"))
    if refused:
        return Accepting.NO, _refusal(refused, refuse_la)
    wanted = number(identity.fact("min_free_blocks"))
    if wanted and witness.free_blocks is not None and witness.free_blocks < wanted:
        return Accepting.NO, f"disk space low: {witness.free_blocks} blocks free, MinFreeBlocks is {wanted}"
    limit = witness.max_children
    if limit and witness.children is not None and witness.children >= limit:
        return Accepting.NO, f"{witness.children} children, MaxDaemonChildren is {limit}"
    if any(title.startswith(b"accepting") for title in titles):
        return Accepting.YES, None
    if refuse_la and witness.load is not None and witness.load >= refuse_la:
        return Accepting.NO, f"load average {witness.load:g}, RefuseLA is {refuse_la}"
    if witness.sockets is None:
        return Accepting.UNKNOWN, None
    if witness.sockets.listening:
        return Accepting.YES, None
    return Accepting.NO, "nothing listens on port 25, 465 or 587"


def _refusal(refused: re.Match[bytes], refuse_la: int | None) -> str:
    name, reason = refused.group(1), refused.group(2) or b""
    text = str(show_line(reason, 200)) if reason else "it rejects connections"
    if reason.startswith(b"load average") and refuse_la:
        text = f"{text}, RefuseLA is {refuse_la}"
    return f"{text} (daemon {show_line(name, 60)})" if name else text


def _runners(
    identity: Identity,
    processes: list[SendmailProcess],
    found: list[SendmailProcess],
    daemon: bool | None,
    witness: Witness,
    *,
    whole: bool,
) -> tuple[QueueRunner, ...]:
    waiting = {process.client: process for process in processes if process.role is Role.RUNNER}
    interval = seconds(witness.pid_command) or next((one.interval for one in found if one.interval), None)
    if runner := waiting.get(False):
        state, interval = RunnerState.RUNNING, runner.interval
    elif daemon and (interval is not None or False in witness.last_runs):
        state = RunnerState.RUNNING
    elif daemon is False and whole:
        state = RunnerState.DEAD
    else:
        # A daemon of unknown arguments, or one without -q whose queue cron may run.
        state = RunnerState.UNKNOWN
    runners = [QueueRunner("mqueue", state, interval, witness.last_runs.get(False))]
    client = waiting.get(True)
    if client or identity.fact("submit_cf"):
        runners.append(_client_runner(client, witness, whole=whole))
    return tuple(runners)


def _client_runner(client: SendmailProcess | None, witness: Witness, *, whole: bool) -> QueueRunner:
    last = witness.last_runs.get(True)
    if client:
        return QueueRunner("mqueue-client", RunnerState.RUNNING, client.interval, last)
    if not whole:
        return QueueRunner("mqueue-client", RunnerState.UNKNOWN, None, last)
    if witness.cron and not witness.client_seen and _cron_runs(witness.table):
        every = _EVERY.match(witness.cron)
        return QueueRunner("mqueue-client", RunnerState.UNKNOWN, int(every.group(1)) * 60.0 if every else None, last)
    return QueueRunner("mqueue-client", RunnerState.DEAD, None, last)


def _cron_runs(table: ProcessTable | None) -> bool:
    names = (process.args.split()[0].rpartition(b"/")[2] for process in (table.processes if table else ()))
    return any(name in (b"cron", b"crond", b"fcron") for name in names)
