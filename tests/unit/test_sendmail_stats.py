"""Samples of a Sendmail host become service state, limits and rates; what a login may not see is never called dead."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtui.model import Accepting, Identity, QueueRunner, RunnerState, Service, Stats
from mailtui.mta.sendmail import stats
from mailtui.mta.sendmail.service import seconds
from mailtui.procedure import REGISTRY, Section
from mailtui.session import sampled
from mailtui.transport import frames
from mailtui.transport.contract import Begin, Data
from mailtui.transport.gate import Gate
from mailtui.transport.local import LocalTransport
from tests.shells import shells

FACTS = {
    "queue_directory": "/var/spool/mqueue",
    "client_queue": "/var/spool/mqueue-client",
    "submit_cf": "/etc/mail/submit.cf",
    "pid_file": "/run/sendmail/mta/sendmail.pid",
    "queue_la": "60",
    "refuse_la": "90",
    "max_daemon_children": "150",
    "min_free_blocks": "100",
    "connection_rate_throttle": "0",
}
DAEMON = b"/proc/99/cmdline:sendmail: MTA: accepting connections\0\0\n/proc/99/stat:99 (sendmail-mta) S 1 \n"
MSP = b"/proc/102/cmdline:sendmail: MSP: Queue runner@00:10:00 for /var/spool/mqueue-client\0\n"
CHILD = b"/proc/501/cmdline:sendmail: MTA: server host [192.0.2.1] cmd read\0\n/proc/501/stat:501 (s) S 99 \n"
CRON_LINE = b"*/20 * * * * smmsp test -x /x && /usr/share/sendmail/sendmail cron-msp\n"
CRON = b"/proc/30/cmdline:/usr/sbin/cron\0-f\0\n"
PID_FILE = Section("pid", ("alive",), b"99\n/usr/sbin/sendmail-mta -Am -L sm-mta -bd -q10m\n")
LISTENING = Section("tcp", (), b"listen 00000000:0019\nopen 3\n")


def identity(**facts: str) -> Identity:
    return Identity("sendmail", "8.17.1.9", (), None, "oncall", tuple({**FACTS, **facts}.items()))


def ps(*lines: bytes, seen: str = "all", total: int = 20) -> Section:
    return Section("ps", ("proc", seen, str(total)), b"".join(lines))


def slow(free_blocks: int = 5000) -> list[Section]:
    df = b"Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda 1000 300 700 23% /\n"
    return [
        Section("space", (), df),
        Section("inodes", (), df),
        Section("blocks", (), b"4096 %d\n" % free_blocks),
    ]


def judge(*sections: Section, **facts: str) -> Service:
    return stats.stats_parser("sm1", identity(**facts)).feed(sections, 1000.0).service


def loaded(load: float) -> Section:
    return Section("proc", (), b"loadavg %.2f 1.0 1.0 1/1 1\n" % load)


def test_healthy_host() -> None:
    found = judge(loaded(0.4), ps(DAEMON, MSP, CHILD), *slow(), PID_FILE, LISTENING)
    assert found == Service(
        daemon=True,
        listening=("0.0.0.0:25",),
        accepting=Accepting.YES,
        why_not=None,
        queue_runners=(
            QueueRunner("mqueue", RunnerState.RUNNING, 600.0, None),
            QueueRunner("mqueue-client", RunnerState.RUNNING, 600.0, None),
        ),
    )


def test_only_the_client_queue_runner_is_killed() -> None:
    parser = stats.stats_parser("sm1", identity())
    before = parser.feed([ps(DAEMON, MSP), *slow(), PID_FILE], 1000.0)
    after = parser.feed([ps(DAEMON)], 1005.0)
    assert [runner.state for runner in before.service.queue_runners] == [RunnerState.RUNNING, RunnerState.RUNNING]
    assert after.service.daemon
    assert after.service.queue_runners == (
        QueueRunner("mqueue", RunnerState.RUNNING, 600.0, None),
        QueueRunner("mqueue-client", RunnerState.DEAD, None, None),
    )


def test_client_queue_run_by_cron_is_not_called_dead() -> None:
    cron = Section("cron", (), CRON_LINE)
    assert judge(ps(DAEMON, CRON), *slow(), cron).queue_runners[1] == QueueRunner(
        "mqueue-client", RunnerState.UNKNOWN, 1200.0, None
    )
    assert judge(ps(DAEMON), *slow(), cron).queue_runners[1].state is RunnerState.DEAD, "cron itself does not run"


def test_runner_seen_before_is_dead_though_cron_runs() -> None:
    parser = stats.stats_parser("sm1", identity())
    parser.feed([ps(DAEMON, CRON, MSP), *slow(), Section("cron", (), CRON_LINE)], 1000.0)
    assert parser.feed([ps(DAEMON, CRON)], 1005.0).service.queue_runners[1].state is RunnerState.DEAD


def test_without_submit_cf_no_client_runner_is_expected() -> None:
    assert len(judge(ps(DAEMON), submit_cf="").queue_runners) == 1


def test_everything_is_down() -> None:
    found = judge(ps(b""), *slow(), Section("tcp", (), b"open 0\n"))
    assert (found.daemon, found.accepting, found.why_not) == (False, Accepting.NO, "the daemon is not running")
    assert {runner.state for runner in found.queue_runners} == {RunnerState.DEAD}


@pytest.mark.parametrize("table", [ps(b"", seen="own", total=3), ps(b"", total=0), None])
def test_hidden_processes_are_never_called_dead(table: Section | None) -> None:
    found = judge(*([table] if table else []), *slow())
    assert (found.daemon, found.accepting) == (None, Accepting.UNKNOWN)
    assert {runner.state for runner in found.queue_runners} == {RunnerState.UNKNOWN}


def test_hidden_processes_but_a_living_pid_file() -> None:
    found = judge(ps(b"", seen="own", total=3), *slow(), PID_FILE, LISTENING)
    assert (found.daemon, found.accepting) == (True, Accepting.YES)
    assert [runner.state for runner in found.queue_runners] == [RunnerState.RUNNING, RunnerState.UNKNOWN]


def test_hidden_processes_and_a_stale_pid_file() -> None:
    stale = replace(PID_FILE, args=("dead",))
    assert judge(ps(b"", seen="own", total=3), *slow(), stale, Section("tcp", (), b"open 0\n")).daemon is False


@pytest.mark.parametrize(
    ("title", "why"),
    [
        (b"load average: 95", "load average: 95, RefuseLA is 90 (daemon MTA-v4)"),
        (b"150 children, max 150", "150 children, max 150 (daemon MTA-v4)"),
        (b"\x1b[2Jfree memory: 3", "<1b>[2Jfree memory: 3 (daemon MTA-v4)"),
    ],
)
def test_refusing_daemon_says_why(title: bytes, why: str) -> None:
    line = b"/proc/9/cmdline:sendmail: MTA: rejecting connections on daemon MTA-v4: " + title + b"\0\n"
    found = judge(ps(line), *slow())
    assert (found.daemon, found.accepting, found.why_not) == (True, Accepting.NO, why)


def test_disk_space_low() -> None:
    found = judge(ps(DAEMON), *slow(free_blocks=99), LISTENING)
    assert (found.accepting, found.why_not) == (Accepting.NO, "disk space low: 99 blocks free, MinFreeBlocks is 100")


def test_all_children_in_use() -> None:
    found = judge(ps(DAEMON, CHILD), *slow(), max_daemon_children="1")
    assert (found.accepting, found.why_not) == (Accepting.NO, "1 children, MaxDaemonChildren is 1")


def test_load_counts_only_where_no_title_tells() -> None:
    bare = b"/proc/9/cmdline:/usr/sbin/sendmail\0-bd\0-q1h30m\0\n"
    found = judge(loaded(95), ps(bare), LISTENING)
    assert (found.accepting, found.why_not) == (Accepting.NO, "load average 95, RefuseLA is 90")
    assert found.queue_runners[0] == QueueRunner("mqueue", RunnerState.RUNNING, 5400.0, None)
    assert judge(loaded(95), ps(DAEMON), LISTENING).accepting is Accepting.YES


def test_daemon_that_does_not_listen() -> None:
    bare = b"/proc/9/cmdline:/usr/sbin/sendmail\0-bd\0\n"
    found = judge(ps(bare), Section("tcp", (), b"open 0\n"))
    assert (found.accepting, found.why_not) == (Accepting.NO, "nothing listens on port 25, 465 or 587")


def test_titles_of_other_systems() -> None:
    table = (
        b"  PID  PPID USER     COMMAND\n    1     0 root     /sbin/init\n"
        b"  120     1 root     sendmail: accepting connections (sendmail)\n"
        b"  121     1 smmsp    sendmail: Queue runner@1+00:30:00 for /var/spool/clientmqueue\n"
        b"  122     1 root     vi /etc/mail/sendmail.mc\ntotal 60\n"
    )
    parser = stats.stats_parser("bsd", identity(client_queue="", pid_file=""))
    sample = parser.feed([Section("ps", ("table",), table)], 1000.0)
    assert sample.service.accepting is Accepting.YES
    assert sample.service.queue_runners[1] == QueueRunner("mqueue-client", RunnerState.RUNNING, 88200.0, None)
    assert sample.processes is not None
    assert (sample.processes.total, sample.processes.mta) == (60, 2)


def test_queue_run_of_the_daemon_tells_the_last_run() -> None:
    run = b"/proc/7/cmdline:sendmail: MTA: running queue: /var/spool/mqueue\0\n/proc/7/stat:7 (s) S 99 \n"
    by_hand = run.replace(b"S 99", b"S 4711").replace(b"/7/", b"/8/")
    parser = stats.stats_parser("sm1", identity())
    assert parser.feed([ps(DAEMON, by_hand)], 1000.0).service.queue_runners[0].last_run_at is None
    parser.feed([ps(DAEMON, run)], 1005.0)
    runner = parser.feed([ps(DAEMON)], 1010.0).service.queue_runners[0]
    assert (runner.state, runner.last_run_at) == (RunnerState.RUNNING, 1005.0)


def test_the_pid_file_names_the_daemon_among_several() -> None:
    other = b"/proc/55/cmdline:sendmail: rejecting connections\0\n/proc/55/stat:55 (s) S 1 \n"
    found = judge(ps(other, DAEMON), *slow(), PID_FILE)
    assert found.accepting is Accepting.YES


@pytest.mark.parametrize(
    ("text", "interval"),
    [(b"sendmail -bd -q10m", 600), (b"-q1h30m", 5400), (b"-qp5", 300), (b"-q", None), (b"-qI6AM", None), (b"", None)],
)
def test_interval_of_a_command_line(text: bytes, interval: float | None) -> None:
    assert seconds(text) == interval


MSTAT = b"C:12\r\nM:40\r\nL:0\r\nQ:NOTCONFIGURED:-1\r\nD:0/./75683796\r\nP:120 accepting connections\r\n"


def test_control_socket_serves_where_processes_are_hidden() -> None:
    parser = stats.stats_parser("sm1", identity(max_daemon_children=""))
    sample = parser.feed([ps(b"", seen="own"), *slow(), PID_FILE, Section("control", (), MSTAT)], 1000.0)
    assert sample.service.accepting is Accepting.YES
    assert [(limit.name, limit.used, limit.limit) for limit in sample.limits] == [
        ("MaxDaemonChildren", 12, 40),
    ]


def mail(received: int, at: int, heading: bytes = b"") -> Section:
    body = heading + b"1795375413 %d\n T %d 19323 308 6463 %d 9 56\n C %d 542 98\n" % (at, received, received, received)
    return Section("mailstats", (), body)


def test_rates_over_a_minute_from_mailstats() -> None:
    parser = stats.stats_parser("sm1", identity(connection_rate_throttle="10"))
    assert parser.feed([mail(0, 1000)], 1.0).rates.received is None
    rates = [parser.feed([mail(15 * n, 1000 + 15 * n)], 1.0 + 15 * n).rates.received for n in range(1, 9)]
    assert rates == [60.0] * 8
    sample = parser.feed([], 200.0)
    assert (sample.rates.received, sample.rates.delivered, sample.rates.rejected) == (60.0, 0.0, 60.0)
    assert [(limit.name, limit.used) for limit in sample.limits] == [("ConnectionRateThrottle", 1.0)]


def test_the_evidence_is_the_newest_of_each_thing_and_what_one_would_type() -> None:
    parser = stats.stats_parser("sm1", identity())
    parser.feed([mail(0, 1000), Section("space", (), b"one"), Section("proc", (), b"a")], 1.0)
    parser.feed([Section("proc", (), b"b")], 6.0)
    shown = {each.command: each.output for each in parser.evidence()}
    assert shown["df -Pk /var/spool/mqueue"] == b"one"
    assert shown["mailstats -P"] == mail(0, 1000).body
    assert [output for command, output in shown.items() if command.startswith("cat /proc/stat")] == [b"b"]


def test_rates_begin_anew_with_a_new_statistics_file() -> None:
    parser = stats.stats_parser("sm1", identity())
    parser.feed([mail(500, 1000)], 1.0)
    assert parser.feed([mail(3, 1060)], 61.0).rates.received is None
    assert parser.feed([mail(63, 1120)], 121.0).rates.received == 60.0


def test_mailstats_of_debians_wrapper_means_the_daemon() -> None:
    wrapped = mail(10, 5, b"MSP statistics...\n").body + mail(673, 6, b"MTA statistics...\n").body
    found = stats.mailstats(wrapped, 0.0)
    assert found is not None
    assert (found.received, found.delivered, found.at) == (673, 308, 6.0)


def test_cpu_and_network_since_the_sample_before() -> None:
    line = b"stat cpu  %d 0 0 %d\ndev eth0: %d 0 0 0 0 0 0 0 %d 0\nuptime %d.0 0.0\n"
    parser = stats.stats_parser("sm1", identity())
    first = parser.feed([Section("proc", (), line % (0, 0, 0, 0, 100))], 50.0)
    second = parser.feed([Section("proc", (), line % (25, 75, 4000, 400, 104))], 99.0)
    assert (first.cpu_percent, first.network.rx_per_s) == (None, None)
    assert (second.cpu_percent, second.network.rx_per_s, second.network.tx_per_s) == (25.0, 1000.0, 100.0)
    rebooted = parser.feed([Section("proc", (), line % (1, 1, 1, 1, 3))], 120.0)
    assert (rebooted.cpu_percent, rebooted.network.rx_per_s) == (None, None)


def test_queue_counts_say_when_a_directory_was_closed() -> None:
    open_ = stats.queue_counts(b"count 5 2 1\ncount 1 0 0\n")
    assert open_ is not None
    assert (open_.queued, open_.held, open_.lost, open_.complete) == (6, 2, 1, True)
    partly = stats.queue_counts(b"count 5 2 1\nunreadable\n")
    assert partly is not None
    assert not partly.complete
    assert stats.queue_counts(b"unreadable\n") is None, "a directory one may not enter is never an empty queue"


def test_patterns_of_queue_groups() -> None:
    grouped = identity(queue_directory="/var/spool/mqueue/q*", queue_groups="bulk /var/spool/mqueue/bulk;x /a b/q*")
    assert stats.queue_patterns(grouped) == (
        "/var/spool/mqueue/q*",
        "/var/spool/mqueue-client",
        "/var/spool/mqueue/bulk",
        "/a b/q*",
    )
    assert stats.spool_of(grouped) == "/var/spool/mqueue"


WORDS = st.sampled_from([DAEMON, MSP, CHILD, MSTAT, PID_FILE.body, CRON_LINE, b"\n", b"count 1 1 1\n", b"total 9"])


@given(
    st.lists(
        st.builds(
            Section,
            st.sampled_from(
                ["proc", "ps", "tcp", "space", "blocks", "pid", "control", "mailstats", "queue", "cron", "x"]
            ),
            st.lists(st.sampled_from(["proc", "all", "own", "3", "²", "alive"]), max_size=3).map(tuple),
            st.lists(WORDS | st.binary(max_size=20), max_size=4).map(b"".join),
        )
    )
)
def test_no_sample_makes_the_parser_raise(sections: list[Section]) -> None:
    parser = stats.stats_parser("sm1", identity())
    parser.feed(sections, 1.0)
    parser.feed(sections, 2.0)


# --- the script itself, in every shell there is ---------------------------------------------------------------------

SHELLS = ("dash", "bash", "busybox ash", "mksh")


@contextmanager
def running(shell: str, asked: Identity, interval: float, **env: str) -> Iterator[Iterator[list[Section]]]:
    """Run stats.sh under the real bootstrap and give its samples."""
    request = stats.stats_request(asked, interval)
    mark = frames.new_mark()
    inner = 'read -r n && s=$(dd bs=1 count=$n 2>/dev/null) && eval "$s"'
    with subprocess.Popen(
        [*shell.split(), "-c", inner],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, **env},
    ) as process:
        assert process.stdin is not None
        process.stdin.write(frames.program(request.script.text, mark, request.data))
        process.stdin.flush()
        try:
            yield samples(process, frames.FrameParser(mark))
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def samples(process: subprocess.Popen[bytes], parser: frames.FrameParser) -> Iterator[list[Section]]:
    assert process.stdout is not None
    sections: list[Section] = []
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if not select.select([process.stdout], [], [], 1)[0]:
            continue
        data = os.read(process.stdout.fileno(), 65536)
        assert data, "the script ended by itself"
        for event in parser.feed(data):
            if isinstance(event, Begin):
                if event.name == "eos":
                    yield sections
                    sections = []
                else:
                    sections.append(Section(event.name, event.args, b""))
            elif isinstance(event, Data) and sections:
                sections[-1] = replace(sections[-1], body=sections[-1].body + event.body)
    raise AssertionError("no sample within 20 s")


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A host's directories: two queues, one with qf/ apart, a pid file, and a /proc of its own."""
    for name, files in (
        ("q1", ["qf1", "df1", "qf2", "hf3", "Qf4", "xf1", "tf9"]),
        ("q2/qf", ["qf5"]),
        ("q2/df", ["df5"]),
    ):
        (tmp_path / "my queue" / name).mkdir(parents=True)
        for file in files:
            (tmp_path / "my queue" / name / file).touch()
    proc = tmp_path / "proc"
    for pid, title in (("1", b"init\0"), ("99", b"sendmail: MTA: accepting connections\0\0"), ("4", b"evil $(id)\0")):
        (proc / pid).mkdir(parents=True)
        (proc / pid / "cmdline").write_bytes(title)
        (proc / pid / "status").write_bytes(b"Name:\tx\nUid:\t0\t0\t0\t0\n")
        (proc / pid / "stat").write_bytes(b"%s (x) S 1 %s 0 -1 4 0\n" % (pid.encode(), pid.encode()))
    (proc / "net").mkdir()
    (proc / "net/tcp").write_bytes(
        b"  sl  local_address rem_address   st tx_queue\n"
        b"   0: 00000000:0019 00000000:0000 0A 00000000:00000000\n"
        b"   1: 0100007F:0019 0100007F:9999 01 00000000:00000000\n"
        b"   2: 0100007F:9999 0100007F:0019 01 00000000:00000000\n"
    )
    (proc / "net/dev").write_bytes(b"Inter-|\n face |\n    lo: 1 1 1 1 1 1 1 1 1 1\n  eth0: 5 1 1 1 1 1 1 1 7 1\n")
    (proc / "stat").write_bytes(b"cpu  1 2 3 4 5 6 7 8 9\ncpu0 1\ncpu1 1\nintr 99 99\n")
    (proc / "meminfo").write_bytes(b"MemTotal: 100 kB\nMemAvailable: 50 kB\nHugePages_Total: 0\n")
    (proc / "loadavg").write_bytes(b"0.10 0.20 0.30 1/100 9\n")
    (proc / "uptime").write_bytes(b"100.5 7.0\n")
    (tmp_path / "sendmail.pid").write_bytes(b"99\nsendmail -bd -q30m\n")
    return tmp_path


@pytest.mark.parametrize("shell", shells(*SHELLS))
def test_script_in_every_shell(shell: str, host: Path) -> None:
    asked = identity(
        queue_directory=f"{host}/my queue/q*", client_queue=f"{host}/nowhere", pid_file=f"{host}/sendmail.pid"
    )
    parser = stats.stats_parser("sm1", asked)
    with running(shell, asked, 0.1, MAILTUI_PROC=f"{host}/proc") as stream:
        taken: list[Stats] = [parser.feed(next(stream), 1.0 + n) for n in range(3)]
    first = taken[0]
    assert first.service.daemon
    assert first.service.listening == ("0.0.0.0:25",)
    assert first.service.accepting is Accepting.YES
    assert first.service.queue_runners[0] == QueueRunner("mqueue", RunnerState.RUNNING, 1800.0, None)
    assert first.network.smtp_connections == 1
    assert (first.load, first.cpus, first.uptime) == ((0.1, 0.2, 0.3), 2, 100.5)
    assert first.memory is not None
    assert first.spool is not None
    assert first.spool.bytes_total > first.spool.bytes_free > 0
    assert first.processes is not None
    assert (first.processes.total, first.processes.mta) == (3, 1)
    assert first.queue is not None
    assert (first.queue.queued, first.queue.held, first.queue.lost, first.queue.complete) == (3, 1, 1, False)
    assert taken[2].queue == first.queue, "what is read less often stays"


@pytest.mark.parametrize("shell", shells(*SHELLS))
def test_titles_of_other_users_prove_nothing(shell: str, host: Path) -> None:
    status = host / "proc/99/status"
    asked = identity(queue_directory=f"{host}/my queue/q*", pid_file="", run_as="1234", submit_as="nobody")
    daemons = {}
    # real, effective, saved and file system user: a set-user-id program lends its own to whoever starts it
    for uids in ("1000 0 0 0", "100 100 100 100", "0 0 0 0", "1234 1234 1234 1234", "65534 65534 65534 65534"):
        status.write_text(f"Name:\tx\nUid:\t{uids.replace(' ', chr(9))}\nGid:\t0\t0\t0\t0\n")
        with running(shell, asked, 0.1, MAILTUI_PROC=f"{host}/proc") as stream:
            sample = stats.stats_parser("sm1", asked).feed(next(stream), 1.0)
        assert sample.processes is not None
        assert sample.processes.total == 3
        daemons[uids.split()[0]] = sample.service.daemon
    assert daemons == {"1000": False, "100": False, "0": True, "1234": True, "65534": True}


# BusyBox's shell runs its own applets before the stand-ins on PATH.
@pytest.mark.parametrize("shell", shells(*(one for one in SHELLS if one != "busybox ash")))
def test_script_without_proc(shell: str, host: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, text in (
        (
            "ps",
            "printf '  PID  PPID USER COMMAND\\n 1 0 root init\\n 9 1 root sendmail: accepting connections\\n"
            " 8 1 evil sendmail: accepting connections\\n'",
        ),
        ("uptime", "echo 'up 1 day, load averages: 0.5, 0.6, 0.7'"),
        ("sysctl", "echo hw.ncpu: 3"),
        ("netstat", "echo 'tcp4  0  0 *.25   *.*   LISTEN'"),
    ):
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    asked = identity(queue_directory=f"{host}/my queue/q1", pid_file="")
    with running(shell, asked, 0.1, MAILTUI_PROC="/nonexistent", PATH=f"{tools}:{os.environ['PATH']}") as stream:
        sample = stats.stats_parser("bsd", asked).feed(next(stream), 1.0)
    assert (sample.load, sample.cpus, sample.cpu_percent, sample.memory) == ((0.5, 0.6, 0.7), 3, None, None)
    assert sample.service.accepting is Accepting.YES
    assert sample.service.listening == ("0.0.0.0:25",)
    assert sample.processes is not None
    assert (sample.processes.total, sample.processes.mta) == (3, 1)


def test_slow_sections_are_rare() -> None:
    interval, slow_every, count_every, *_ = stats.stats_request(identity(), 5.0).data.decode().splitlines()
    assert (interval, slow_every, count_every) == ("5", "3", "12")


async def test_samples_over_the_local_transport(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILTUI_PROC", f"{host}/proc")
    asked = identity(queue_directory=f"{host}/my queue/q1", pid_file=f"{host}/sendmail.pid")
    transport = LocalTransport(gate=Gate(REGISTRY, read_only=True))
    parser = stats.stats_parser("here", asked)
    try:
        async with transport.stream(stats.stats_request(asked, 0.1)) as events, aclosing(sampled(events)) as each:
            first = parser.feed(await anext(each), 1.0)
            second = parser.feed(await anext(each), 2.0)
    finally:
        await transport.close()
    assert first.service.accepting is second.service.accepting is Accepting.YES
    assert second.cpu_percent is None, "no tick passed in this /proc"
    assert first.queue is not None
    assert first.queue.queued == 2
