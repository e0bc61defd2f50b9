"""What hosts print of load, memory, disks, sockets and processes is read, and what they do not print is None."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtui.model import Memory
from mailtui.parsing import resources
from mailtui.parsing.resources import CpuTimes, Process, Sockets, Traffic

PROC = b"""\
stat cpu  17799 5 11873 345846 752 0 378 19 0 0
meminfo MemTotal:       24684096 kB
meminfo MemFree:        24057788 kB
meminfo MemAvailable:   24181016 kB
meminfo SwapTotal:       2097148 kB
meminfo SwapFree:        2097000 kB
loadavg 0.33 0.31 0.22 1/162 2869
uptime 1890.80 3458.46
dev Inter-|   Receive                                                |  Transmit
dev  face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier
dev     lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0
dev   eth0: 376635392   14734    0    0    0     0          0         0  1031963   11636    0    0    0     0       0
dev   eth1:1000 1 0 0 0 0 0 0 37 1 0 0 0 0 0
cpus 2
"""


def test_files_of_proc() -> None:
    found = resources.proc(PROC)
    assert found.load == (0.33, 0.31, 0.22)
    assert found.cpus == 2
    assert found.cpu == CpuTimes(busy=17799 + 5 + 11873 + 378 + 19, total=17799 + 5 + 11873 + 345846 + 752 + 378 + 19)
    assert found.memory == Memory(24684096 * 1024, 24181016 * 1024, 148 * 1024)
    assert found.traffic == Traffic(376636392, 1032000)
    assert found.uptime == 1890.8


def test_nothing_of_proc_is_none_everywhere() -> None:
    assert resources.proc(b"") == resources.Resources()


def test_kernel_that_does_not_tell_available_memory() -> None:
    body = b"MemTotal: 100 kB\nMemFree: 10 kB\nBuffers: 20 kB\nCached: 30 kB\n"
    assert resources.meminfo(body) == Memory(100 * 1024, 60 * 1024, 0)


def test_percent_and_rates_survive_a_reboot() -> None:
    assert resources.percent_busy(CpuTimes(10, 100), CpuTimes(35, 150)) == 50.0
    assert resources.percent_busy(CpuTimes(35, 150), CpuTimes(1, 2)) is None
    assert resources.rate(100, 400, 3.0) == 100.0
    assert resources.rate(400, 100, 3.0) is None
    assert resources.rate(100, 400, 0.0) is None


def test_freebsd() -> None:
    uptime = b" 8:40PM  up 3 days,  1:02, 2 users, load averages: 0.52, 0.58, 0.59\n"
    sysctl = (
        b"hw.ncpu: 4\nhw.physmem: 8000000\nhw.pagesize: 4096\nkern.cp_time: 100 0 50 5 900\n"
        b"kern.boottime: { sec = 1700000000, usec = 12 } Tue Nov 14 22:13:20 2023\n"
        b"vm.stats.vm.v_free_count: 100\nvm.stats.vm.v_inactive_count: 50\n"
    )
    found = resources.bsd(uptime, sysctl, now=1700000100.0)
    assert found.load == (0.52, 0.58, 0.59)
    assert (found.cpus, found.cpu, found.uptime) == (4, CpuTimes(155, 1055), 100.0)
    assert found.memory == Memory(8000000, 150 * 4096, 0)


def test_uptime_alone() -> None:
    body = b" 20:40:01 up 1 min,  1 user,  load average: 1,50, 0.75, 0.10\n"
    assert resources.bsd(body, b"", 0.0) == resources.Resources(load=(1.5, 0.75, 0.1))


@pytest.mark.parametrize(
    "body",
    [
        b"Filesystem     1024-blocks     Used Available Capacity Mounted on\n/dev/vda 1000 300 700 23% /\n",
        b"Filesystem 1024-blocks Used Available Capacity Mounted on\nnas:/a b/c 1000 300 700 23% /var/my mail\n",
    ],
)
def test_df(body: bytes) -> None:
    assert resources.space(body) == (1000 * 1024, 700 * 1024)


def test_df_of_a_full_disk_whose_reserve_is_in_use() -> None:
    body = b"Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/ada0p2 1000 980 -50 105% /var\n"
    assert resources.space(body) == (1024000, 0)


def test_inodes() -> None:
    gnu = b"Filesystem       Inodes  IUsed    IFree IUse% Mounted on\n/dev/vda 16777216 455713 16321503 3% /\n"
    busybox = b"Filesystem              Inodes      Used Available Capacity Mounted on\n/dev/vda 100 40 60 40% /\n"
    bsd = b"Filesystem 512-blocks Used Avail Capacity iused ifree %iused Mounted on\n/dev/a 9 8 1 89% 40 60 40% /\n"
    btrfs = b"Filesystem Inodes IUsed IFree IUse% Mounted on\n/dev/sda2 0 0 0 - /\n"
    assert resources.inodes(gnu) == (16777216, 16321503)
    assert resources.inodes(busybox) == (100, 60)
    assert resources.inodes(bsd) == (100, 60)
    assert resources.inodes(btrfs) is None


def test_blocks() -> None:
    assert resources.blocks(b"4096 20568388\n") == (4096, 20568388)
    assert resources.blocks(b"/var/spool/mqueue: 4096 1\n-c: No such file\n") is None


def test_sockets_of_both_families() -> None:
    body = (
        b"listen 00000000:0019\nlisten 0100007F:024B\nlisten 00000000000000000000000000000000:0019\n"
        b"listen B80D01200000000000000000010000FF:01D1\nlisten rubbish\nopen 12\n"
    )
    listening = ("0.0.0.0:25", "127.0.0.1:587", "[::]:25", "[2001:db8::ff00:1]:465")
    assert resources.sockets(body) == Sockets(listening, 12)
    assert resources.sockets(b"") is None


def test_netstat_of_the_bsds() -> None:
    body = (
        b"tcp4       0      0 *.25                   *.*                    LISTEN\n"
        b"tcp6       0      0 *.25                   *.*                    LISTEN\n"
        b"tcp4       0      0 127.0.0.1.587          *.*                    LISTEN\n"
        b"tcp4       0      0 192.0.2.1.25           198.51.100.7.4711      ESTABLISHED\n"
    )
    assert resources.netstat(body) == Sockets(("0.0.0.0:25", "[::]:25", "127.0.0.1:587"), 1)


def test_processes_of_proc() -> None:
    body = (
        b"/proc/99/cmdline:sendmail: MTA: accepting connections\0\0\0\n/proc/99/stat:99 (sendmail-mta) S 1 \n"
        b"/proc/7/cmdline:/usr/sbin/sendmail\0-bd\0-q10m\0\n/proc/7/stat:7 (a) R (b) S 99 7 7\n/proc/8/cmdline:\n"
    )
    table = resources.proc_table(body, 120, whole=True)
    assert table.processes == (
        Process(99, 1, None, b"sendmail: MTA: accepting connections"),
        Process(7, 99, None, b"/usr/sbin/sendmail -bd -q10m"),
    )
    assert (table.total, table.whole) == (120, True)


def test_newline_in_a_command_line_makes_no_second_process() -> None:
    body = b"/proc/66/cmdline:evil\n/proc/66/cmdline:sendmail: accepting connections\0\n"
    table = resources.proc_table(body, 1, whole=True)
    assert [process.args for process in table.processes] == [b"evil?sendmail: accepting connections"]


POSIX_PS = b"""\
  PID  PPID USER     COMMAND
    1     0 root     /sbin/init
  120     1 root     sendmail: accepting connections (sendmail)
total 95
"""
BUSYBOX_PS = b"""\
PID   PPID  USER     COMMAND
    1     0 root     init
   45     1 smmsp    sendmail: Queue runner@01:00:00 for /var/spool/clientmqueue
"""
HIDDEN_PS = b"""\
  PID  PPID USER     COMMAND
 2001  2000 oncall   sendmail-watcher
total 3
"""


def test_ps_with_heading() -> None:
    table = resources.ps_table(POSIX_PS, "oncall")
    assert table.processes[1] == Process(120, 1, "root", b"sendmail: accepting connections (sendmail)")
    assert (table.total, table.whole) == (95, True)


def test_ps_of_busybox() -> None:
    table = resources.ps_table(BUSYBOX_PS, "root")
    assert [process.pid for process in table.processes] == [1, 45]
    assert (table.total, table.whole) == (2, True)


def test_ps_that_shows_only_ones_own_is_not_whole() -> None:
    assert not resources.ps_table(HIDDEN_PS, "oncall").whole
    assert not resources.ps_table(b"", "oncall").whole
    assert resources.ps_table(HIDDEN_PS, "root").whole


@pytest.mark.parametrize(
    "parser",
    [
        resources.proc,
        resources.space,
        resources.inodes,
        resources.blocks,
        resources.sockets,
        resources.netstat,
        lambda body: resources.bsd(body, body, 0.0),
        lambda body: resources.proc_table(body, 1, whole=True),
        lambda body: resources.ps_table(body, "x"),
    ],
)
@given(
    body=st.binary()
    | st.lists(
        st.sampled_from(
            [
                *PROC.splitlines(),
                *POSIX_PS.splitlines(),
                b"open 99999999999999999999999",
                b"/proc/1/stat:) S 1 ",
                b"cpu ",
            ]
        )
        | st.binary(max_size=9)
    ).map(b"\n".join)
)
def test_no_bytes_make_a_parser_raise(parser: Callable[[bytes], object], body: bytes) -> None:
    parser(body)
