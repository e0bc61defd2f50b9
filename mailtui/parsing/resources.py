"""Pure parsers of what any host tells of its load, memory, disks, network and processes; nothing here knows an MTA.

Each takes the bytes a host printed and gives a record, or None where the text does not hold it: a host without /proc,
with BusyBox or with a kernel of another decade degrades field by field and never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from mailtui.model import Memory

_NUMBER = rb"\d{1,19}"
_DECIMAL = rb"\d{1,12}(?:[.,]\d{1,6})?"

_LOADAVG = re.compile(rb"\s*(%b)\s+(%b)\s+(%b)\b" % (_DECIMAL, _DECIMAL, _DECIMAL))
_UPTIME_LOAD = re.compile(rb"load averages?:\s*(%b),?\s+(%b),?\s+(%b)" % (_DECIMAL, _DECIMAL, _DECIMAL))
_CPU = re.compile(rb"^cpu((?:[ \t]+%b){4,12})" % _NUMBER, re.M)
_MEMINFO = re.compile(rb"^(\w+):\s+(%b) kB" % _NUMBER, re.M)
_INTERFACE = re.compile(rb"^\s*([^\s:]+):\s*(%b)((?:\s+%b){7})\s+(%b)" % (_NUMBER, _NUMBER, _NUMBER), re.M)
_DF = re.compile(rb"\s(%b)\s+(?:%b|-)\s+(-?%b)\s+(?:-?\d{1,4}%%|-)\s+/" % (_NUMBER, _NUMBER, _NUMBER))
_BSD_INODES = re.compile(rb"\s(%b)\s+(%b)\s+\d{1,3}%%\s+/" % (_NUMBER, _NUMBER))
_BLOCKS = re.compile(rb"\s*(%b) (%b)\s*" % (_NUMBER, _NUMBER))
_SYSCTL = re.compile(rb"^([\w.]+)(?:: |=| = )(.*)$", re.M)
_PROC_LINE = re.compile(rb"^[^\n]*?/(\d{1,10})/(cmdline|stat):([^\n]*)$", re.M)
_HEX_ADDRESS = re.compile(rb"([0-9A-Fa-f]{8}|[0-9A-Fa-f]{32}):([0-9A-Fa-f]{4})")
_NETSTAT = re.compile(
    rb"^(tcp\d*)\s+%b\s+%b\s+(\S+)[.:](\d{1,5})\s+\S+\s+(LISTEN|ESTABLISHED)\s*$" % (_NUMBER, _NUMBER), re.M
)


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Ticks since boot over all processors."""

    busy: int
    total: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes since boot over all interfaces but loopback."""

    received: int
    sent: int


@dataclass(frozen=True, slots=True)
class Resources:
    """What one look at a host's counters told; None where it does not tell."""

    load: tuple[float, float, float] | None = None
    cpus: int | None = None
    cpu: CpuTimes | None = None
    memory: Memory | None = None
    traffic: Traffic | None = None
    uptime: float | None = None


@dataclass(frozen=True, slots=True)
class Sockets:
    """Listening SMTP sockets and open SMTP connections to them."""

    listening: tuple[str, ...]
    """`address:port`, IPv6 in brackets."""
    open: int


@dataclass(frozen=True, slots=True)
class Process:
    """One process; what the host hides is None."""

    pid: int
    ppid: int | None
    user: str | None
    args: bytes
    """The command line or process title, words parted by one blank."""


@dataclass(frozen=True, slots=True)
class ProcessTable:
    """The processes that were asked for, and how many there are in all."""

    processes: tuple[Process, ...]
    total: int
    whole: bool
    """False where the host shows a login only its own (hidepid): what is not seen may well be there."""


def percent_busy(before: CpuTimes, after: CpuTimes) -> float | None:
    """Give the share of time the processors worked between two looks; None after a reboot or without time between."""
    total = after.total - before.total
    busy = after.busy - before.busy
    return min(100.0, 100.0 * busy / total) if total > 0 and busy >= 0 else None


def rate(before: int, after: int, seconds: float) -> float | None:
    """Give a counter's growth a second; None where it fell (reset) or no time passed."""
    return (after - before) / seconds if seconds > 0 and after >= before else None


def tagged(body: bytes) -> dict[str, bytes]:
    """Part lines `TAG REST` by their tag, keeping the rests as one body each."""
    parts: dict[str, list[bytes]] = {}
    for line in body.split(b"\n"):
        tag, _, rest = line.partition(b" ")
        parts.setdefault(tag.decode("ascii", "replace"), []).append(rest)
    return {tag: b"\n".join(rests) for tag, rests in parts.items()}


def proc(body: bytes) -> Resources:
    """Read files of Linux's /proc, each line after its file's name (`stat`, `meminfo`, `loadavg`, `uptime`, `dev`)."""
    parts = tagged(body)
    uptime = re.match(_DECIMAL, parts.get("uptime", b""))
    return Resources(
        load=loadavg(parts.get("loadavg", b"")),
        cpus=_count(parts.get("cpus", b"")),
        cpu=cpu_times(parts.get("stat", b"")),
        memory=meminfo(parts.get("meminfo", b"")),
        traffic=traffic(parts.get("dev", b"")),
        uptime=float(uptime.group()) if uptime else None,
    )


def bsd(uptime: bytes, sysctl: bytes, now: float) -> Resources:
    """Read what `uptime` and FreeBSD's or OpenBSD's `sysctl` print."""
    values = {name.decode("ascii"): value for name, value in _SYSCTL.findall(sysctl)}
    found = _UPTIME_LOAD.search(uptime)
    boot = re.search(rb"sec = (\d{1,12})", values.get("kern.boottime", b""))
    return Resources(
        load=_three(found) if found else None,
        cpus=_count(values.get("hw.ncpu", b"")),
        cpu=_bsd_cpu(values.get("kern.cp_time", b"")),
        memory=_bsd_memory(values),
        uptime=now - int(boot.group(1)) if boot else None,
    )


def loadavg(body: bytes) -> tuple[float, float, float] | None:
    """Read /proc/loadavg."""
    found = _LOADAVG.match(body)
    return _three(found) if found else None


def cpu_times(body: bytes) -> CpuTimes | None:
    """Read the `cpu` line of /proc/stat; idle and iowait are not busy, guest time is already in user."""
    found = _CPU.search(body)
    if not found:
        return None
    ticks = [int(number) for number in found.group(1).split()][:8]
    idle = ticks[3] + (ticks[4] if len(ticks) > 4 else 0)
    return CpuTimes(sum(ticks) - idle, sum(ticks))


def meminfo(body: bytes) -> Memory | None:
    """Read /proc/meminfo; kernels before 3.14 do not tell what is available, so it is summed."""
    kib = {name: int(value) for name, value in _MEMINFO.findall(body)}
    if b"MemTotal" not in kib:
        return None
    free = kib.get(b"MemFree", 0) + kib.get(b"Buffers", 0) + kib.get(b"Cached", 0)
    swap = kib.get(b"SwapTotal", 0) - kib.get(b"SwapFree", 0)
    return Memory(kib[b"MemTotal"] * 1024, kib.get(b"MemAvailable", free) * 1024, max(0, swap) * 1024)


def traffic(body: bytes) -> Traffic | None:
    """Read /proc/net/dev."""
    found = [
        (int(received), int(sent)) for name, received, _, sent in _INTERFACE.findall(body) if not name.startswith(b"lo")
    ]
    return Traffic(sum(one for one, _ in found), sum(two for _, two in found)) if found else None


def space(body: bytes) -> tuple[int, int] | None:
    """Read `df -Pk` of one directory: bytes in all and bytes free to others than root."""
    found = _DF.search(body)
    return (int(found.group(1)) * 1024, max(0, int(found.group(2))) * 1024) if found else None


def inodes(body: bytes) -> tuple[int, int] | None:
    """Read `df -Pi` (GNU, BusyBox) or BSD's `df -i`: inodes in all and free; None where there is no such limit."""
    lines = body.split(b"\n")
    if b"ifree" in lines[0].lower() and b"avail" in lines[0].lower():
        found = _BSD_INODES.search(body)
        counts = (int(found.group(1)) + int(found.group(2)), int(found.group(2))) if found else None
    else:
        found = _DF.search(body)
        counts = (int(found.group(1)), max(0, int(found.group(2)))) if found else None
    return counts if counts and counts[0] > 0 else None


def blocks(body: bytes) -> tuple[int, int] | None:
    """Read `stat -f -c '%s %a'`: block size and blocks free to others than root; BSD's stat prints something else."""
    found = _BLOCKS.fullmatch(body)
    return (int(found.group(1)), int(found.group(2))) if found else None


def sockets(body: bytes) -> Sockets | None:
    """Read lines `listen ADDRESS` (as in /proc/net/tcp) and `open COUNT`."""
    parts = tagged(body)
    count = _count(parts.get("open", b""))
    if count is None:
        return None
    addresses = (_address(word) for word in parts.get("listen", b"").split())
    return Sockets(tuple(dict.fromkeys(address for address in addresses if address)), count)


def netstat(body: bytes) -> Sockets | None:
    """Read `netstat -an` of the BSDs: `tcp4 0 0 *.25 *.* LISTEN`."""
    listening: list[str] = []
    connections = 0
    for family, address, port, state in _NETSTAT.findall(body):
        if state == b"LISTEN":
            host = {b"*": "[::]" if family.endswith(b"6") else "0.0.0.0"}.get(address)  # noqa: S104
            text = address.decode("ascii", "replace")
            listening.append(f"{host or (f'[{text}]' if ':' in text else text)}:{int(port)}")
        else:
            connections += 1
    return Sockets(tuple(dict.fromkeys(listening)), connections) if body.strip() else None


def proc_table(body: bytes, total: int, *, whole: bool) -> ProcessTable:
    """Read lines `/proc/PID/cmdline:ARGS` and `/proc/PID/stat:...` as grep prints them.

    Whoever puts a newline into a command line cannot make a second process of it: such lines are joined again.
    """
    lines: dict[int, bytes] = {}
    parents: dict[int, int] = {}
    for pid_text, file, rest in _PROC_LINE.findall(body):
        pid = int(pid_text)
        if file == b"cmdline":
            lines[pid] = lines[pid] + b"?" + rest if pid in lines else rest
        elif found := re.match(rb".*\) \S (\d{1,10}) ", rest):
            parents[pid] = int(found.group(1))
    processes = (Process(pid, parents.get(pid), None, _words(args)) for pid, args in lines.items())
    return ProcessTable(tuple(process for process in processes if process.args), total, whole)


def ps_table(body: bytes, login: str) -> ProcessTable:
    """Read `ps` with a heading line, POSIX's or BusyBox's; `total N` at the end counts what a filter left out.

    It is whole where it shows process 1 or a process of somebody else.
    """
    lines = body.splitlines()
    heading = [word.decode("ascii", "replace").upper() for word in lines[0].split()] if lines else []
    processes = tuple(process for process in _ps_lines(heading, lines[1:]) if process.args)
    total = next((_count(line[6:]) for line in reversed(lines) if line.startswith(b"total ")), None)
    others = any(process.pid == 1 or process.user not in (None, login) for process in processes)
    whole = others or (login == "root" and bool(processes))
    return ProcessTable(processes, len(processes) if total is None else total, whole)


def _ps_lines(heading: list[str], lines: list[bytes]) -> Iterator[Process]:
    if "PID" not in heading:
        return
    places = {name: place for place, name in enumerate(heading)}
    for line in lines:
        words = line.split(None, len(heading) - 1)
        if len(words) < len(heading) or not _is_number(words[places["PID"]]):
            continue
        parent = words[places["PPID"]] if "PPID" in places else b""
        user = words[places["USER"]].decode("ascii", "replace") if "USER" in places else None
        yield Process(int(words[places["PID"]]), int(parent) if _is_number(parent) else None, user, _words(words[-1]))


def _words(args: bytes) -> bytes:
    return b" ".join(args.replace(b"\0", b" ").split())


def _is_number(word: bytes) -> bool:
    return len(word) < 11 and word.isdigit()


def _count(word: bytes) -> int | None:
    word = word.strip()
    return int(word) if len(word) < 19 and word.isdigit() else None


def _three(found: re.Match[bytes]) -> tuple[float, float, float]:
    one, five, fifteen = (float(number.replace(b",", b".")) for number in found.groups())
    return one, five, fifteen


def _address(word: bytes) -> str | None:
    """Read `0100007F:0019`: 32-bit words as a little-endian kernel prints them."""
    found = _HEX_ADDRESS.fullmatch(word)
    if not found:
        return None
    raw = bytes.fromhex(found.group(1).decode("ascii"))
    raw = b"".join(raw[start : start + 4][::-1] for start in range(0, len(raw), 4))
    port = int(found.group(2), 16)
    return f"{IPv4Address(raw)}:{port}" if len(raw) == 4 else f"[{IPv6Address(raw)}]:{port}"


def _bsd_cpu(value: bytes) -> CpuTimes | None:
    ticks = [int(number) for number in re.findall(_NUMBER, value)]
    return CpuTimes(sum(ticks) - ticks[-1], sum(ticks)) if len(ticks) in (5, 6) else None


def _bsd_memory(values: dict[str, bytes]) -> Memory | None:
    total = _count(values.get("hw.physmem", b""))
    page = _count(values.get("hw.pagesize", b""))
    free = _count(values.get("vm.stats.vm.v_free_count", b""))
    inactive = _count(values.get("vm.stats.vm.v_inactive_count", b""))
    if total is None or page is None or free is None or inactive is None:
        return None
    return Memory(total, (free + inactive) * page, 0)
