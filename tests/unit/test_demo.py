"""The demo: its hosts answer over real SSH as real ones do, live, and leave nothing behind."""

from __future__ import annotations

import asyncio
import fcntl
import gzip
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC
from pathlib import Path

import asyncssh
import pytest
import yaml

from mailtui.config import load
from mailtui.demo import DemoOptions, run_demo, serving, spool, story
from mailtui.demo import world as world_module
from mailtui.demo.__main__ import main as demo_main
from mailtui.demo.fleet import DemoFleet
from mailtui.demo.hostside import acting, burst, listing
from mailtui.demo.life import Life
from mailtui.demo.maillog import Entry, MailLog
from mailtui.demo.place import own_directory
from mailtui.demo.world import World, shares
from mailtui.errors import MailtuiError, UsageError
from mailtui.model import Accepting, Code, LogEvent, Order, Outcome, QueueRow, QueueState, RunnerState
from mailtui.mta.contract import KnownQueue
from mailtui.mta.sendmail import queuefile
from mailtui.mta.sendmail.log import log_parser
from mailtui.mta.sendmail.mailq import MailqParser
from mailtui.session import Link
from mailtui.transport.contract import BOOTSTRAP

RECORDED_TITLE = b"-----Q-ID----- --Size-- -----Q-Time----- ------------Sender/Recipient-----------"
RECORDED_VERBOSE_TITLE = b"-----Q-ID----- --Size-- -Priority- ---Q-Time--- --------Sender/Recipient--------"


@asynccontextmanager
async def still_fleet(tmp_path: Path, messages: int = 120, hosts: int = 3) -> AsyncIterator[DemoFleet]:
    """Serve a fleet in which nothing happens by itself; tests make time pass by `Life.tick`."""
    async with DemoFleet(hosts, messages, directory=tmp_path, rate=0) as fleet:
        yield fleet


@asynccontextmanager
async def login(fleet: DemoFleet, name: str) -> AsyncIterator[asyncssh.SSHClientConnection]:
    host = yaml.safe_load(fleet.config_path.read_text())["hosts"][name]
    async with asyncssh.connect(
        host["address"], host["port"], username=host["user"], client_keys=[host["identity"]],
        known_hosts=host["known_hosts"], config=None, agent_path=None,
    ) as connection:  # fmt: skip
        yield connection


async def output(fleet: DemoFleet, name: str, command: str) -> bytes:
    async with login(fleet, name) as connection:
        done = await connection.run(command, encoding=None, input=b"", check=True, timeout=20)
    assert isinstance(done.stdout, bytes)
    return done.stdout


def control_files(fleet: DemoFleet) -> list[Path]:
    return sorted(path for path in fleet.directory.glob("*/var/spool/**/[qhQ]f*") if path.is_file())


def alive(group: int) -> bool:
    """Tell whether a process group has a member that is no zombie; whoever adopts orphans may bury them late."""
    told = subprocess.run(["ps", "-A", "-o", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    return any(line.split()[0] == str(group) and "Z" not in line.split()[1] for line in told.splitlines())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


# --- what stands on the hosts ---------------------------------------------------------------------------------------


async def test_fleet_holds_the_messages_asked_for_and_they_are_private(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 300) as fleet:
        assert len(control_files(fleet)) == 300
        loose = [path for path in fleet.directory.rglob("*") if stat.S_IMODE(path.lstat().st_mode) & 0o077]
        assert loose == []
        assert {path.name[0] for path in control_files(fleet)} == {"q", "h", "Q"}
        client = list(fleet.root("mx3").glob("var/spool/mqueue-client/qf*"))
        assert len(client) > 3
        assert list(fleet.root("mx3").glob("var/spool/mqueue/q3/qf/qf*"))
        data = {path.name[2:] for path in fleet.root("mx2").glob("var/spool/mqueue/df*")}
        control = {path.name[2:] for path in fleet.root("mx2").glob("var/spool/mqueue/[qhQ]f*")}
        assert len(data - control) == 1
        assert not control - data


async def test_every_queue_file_is_read_whole_by_the_adapters_parser(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 300) as fleet:
        hostile = 0
        for path in control_files(fleet):
            content = path.read_bytes()
            read = queuefile.parse(content)
            assert (read.complete, read.unknown) == (True, ())
            assert read.recipients
            assert read.header(b"Subject") is not None
            hostile += b"\x1b" in content
        assert hostile > 0


async def test_the_configuration_is_one_that_mailtui_takes(tmp_path: Path) -> None:
    async with still_fleet(tmp_path) as fleet:
        config = load(fleet.config_path)
        assert [host.name for host in config.hosts] == ["mx1", "mx2", "mx3"]
        assert [host.address for host in config.hosts] == ["127.0.0.1"] * 3
        assert [host.logs for host in config.hosts] == [
            (str(fleet.lives[host.name].world.log_path),) for host in config.hosts
        ]


def test_the_same_seed_tells_the_same_story(tmp_path: Path) -> None:
    def names(seed: int, where: str) -> list[str]:
        world = World(tmp_path / where, "mx2", story.STUCK, seed)
        world.build(1_795_375_413.0, 60, lambda made: None)
        return [mail.id + repr(mail.recipients) for mail in world.mails.values()]

    assert names(7, "a") == names(7, "b")
    assert names(7, "c") != names(8, "d")


@pytest.mark.parametrize(("hosts", "messages"), [(1, 5), (2, 0), (3, 600), (3, 100_000), (7, 1234)])
def test_shares_add_up_and_a_huge_queue_stands_on_one_host(hosts: int, messages: int) -> None:
    parts = shares(hosts, messages)
    assert len(parts) == hosts
    assert sum(part.messages for part in parts) == messages
    assert sum(sorted(part.messages for part in parts)[:-1]) <= 600


# --- sessions over SSH ----------------------------------------------------------------------------------------------


async def test_the_bootstrap_runs_a_program_with_its_data(tmp_path: Path) -> None:
    program = b'IFS= read -r word; printf "%s in %s\\n" "$word" "${PWD##*/}"; echo trouble >&2; exit 7\n'
    async with still_fleet(tmp_path, 5) as fleet, login(fleet, "mx1") as connection:
        given = b"%d\n%b$(id) `x` 'y' \\z\n" % (len(program), program)
        done = await connection.run(BOOTSTRAP, encoding=None, input=given, timeout=20)
        assert (done.stdout, done.stderr, done.exit_status) == (b"$(id) `x` 'y' \\z in home\n", b"trouble\n", 7)


async def test_bytes_pass_both_ways_unharmed_and_a_signal_is_told(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 5) as fleet, login(fleet, "mx1") as connection:
        sent = bytes(range(256)) * 20_000
        done = await connection.run("cat", encoding=None, input=sent, timeout=20)
        assert done.stdout == sent
        killed = await connection.run("kill -9 $$", encoding=None, timeout=20)
        assert killed.exit_signal is not None
        assert killed.exit_signal[0] == "KILL"


async def test_a_flood_that_nobody_reads_is_held_back(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 5) as fleet, login(fleet, "mx1") as connection:
        counter = fleet.directory / "written"
        command = f"i=0; while :; do printf %0100000d 0; i=$((i+1)); echo $i >{counter}; done"
        process = await connection.create_process(command, encoding=None)
        await process.stdout.readexactly(100_000)

        seen = [0]

        def stands_still() -> bool:
            seen.append(int(counter.read_text() or 0) if counter.exists() else 0)
            return len(seen) > 50 and len(set(seen[-50:])) == 1

        await until(stands_still)
        assert seen[-1] < 200  # 20 MB; without flow control it never stops
        process.close()


async def test_a_closed_channel_closes_the_pipes_and_kills_nothing(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 5) as fleet, login(fleet, "mx1") as connection:
        told = fleet.directory / "told"
        process = await connection.create_process(f"echo $$; cat >/dev/null; echo ended >{told}", encoding=None)
        await process.stdout.readline()
        process.close()
        await until(told.exists)
        stubborn = await connection.create_process("trap '' PIPE; exec sleep 600", encoding=None)
        stubborn.close()
        await stubborn.wait_closed()
        groups = [group for server in fleet.servers.values() for group in server.running()]
        assert len(groups) == 1
    await until(lambda: not alive(groups[0]))


async def test_only_commands_are_served_and_only_for_the_key(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 5) as fleet:
        async with login(fleet, "mx1") as connection:
            shell = await connection.create_process(encoding=None)
            assert b"commands only" in await shell.stderr.read()
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.open_connection("127.0.0.1", 25)
        stranger = asyncssh.generate_private_key("ssh-ed25519")
        host = yaml.safe_load(fleet.config_path.read_text())["hosts"]["mx1"]
        with pytest.raises(asyncssh.PermissionDenied):
            await asyncssh.connect(
                host["address"], host["port"], username="oncall", client_keys=[stranger],
                known_hosts=host["known_hosts"], config=None, agent_path=None,
            )  # fmt: skip


async def test_a_session_finds_the_stand_ins_first_and_nothing_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_OURS", "x")
    async with still_fleet(tmp_path, 5) as fleet:
        found = await output(fleet, "mx1", "for c in sendmail mailq ps sudo hoststat mailstats; do command -v $c; done")
        assert all(line.startswith(os.fsencode(fleet.directory)) for line in found.split())
        assert len(found.split()) == 6
        assert b"SECRET_OF_OURS" not in await output(fleet, "mx1", "env")
        assert await output(fleet, "mx2", "sudo -n true 2>&1 || echo no") == b"sudo: a password is required\nno\n"


# --- the stand-ins --------------------------------------------------------------------------------------------------


async def test_mailq_looks_as_recorded(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 120) as fleet:
        listed = await output(fleet, "mx3", "mailq")
        lines = listed.split(b"\n")
        assert lines[0] == b"MSP Queue status..."
        assert RECORDED_TITLE in lines
        assert re.search(rb"^\t\t/\S+/mqueue-client \(\d+ requests\)$", listed, re.MULTILINE)
        assert re.search(rb"^\t\t/\S+/q3/df \(\d+ requests?\)$", listed, re.MULTILINE)
        assert re.search(rb"^\w{14}[ *?-] *\d+ \w{3} \w{3} [ \d]\d \d\d:\d\d <?\S+>?$", listed, re.MULTILINE)
        assert re.search(rb"^ {17}\(Deferred: .{1,50}\)$", listed, re.MULTILINE)
        assert re.search(rb"^\t{5}<\S+@\S+>$", listed, re.MULTILINE)
        verbose = await output(fleet, "mx3", "sendmail -bp -v -Ac")
        assert RECORDED_VERBOSE_TITLE in verbose
        assert re.search(rb"^\t{6}\(---\S+@\S+---\)\n\t{6}\S+@\S+\n\t\t \(Deferred: .*\)$", verbose, re.MULTILINE)


async def test_the_three_views_hold_every_message(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 200) as fleet:
        totals = 0
        for name in ("mx1", "mx2", "mx3"):
            command = "sendmail -bp; sendmail -bp -qQ; sendmail -bp -qL; sendmail -Ac -bp"
            listed = await output(fleet, name, command)
            totals += sum(int(count) for count in re.findall(rb"Total requests: (\d+)", listed))
            parser = MailqParser()
            records = [*parser.feed(listed), *parser.close()]
            assert records
        assert totals == 200
        quarantined = await output(fleet, "mx2", "sendmail -bp -qQ")
        assert b"\n     QUARANTINE: spamfilter: looks [bold red]suspicious[/]\n" in quarantined
        lost = await output(fleet, "mx3", "sendmail -bp -qL")
        assert re.search(rb"^\w{14}\? ", lost, re.MULTILINE)


async def test_detection_finds_the_configuration_in_the_banner(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 5) as fleet:
        told = (await output(fleet, "mx2", "sendmail -d0.10 -bt </dev/null")).decode()
        found = re.search(r"Conf file:\t(\S+) \(selected\)", told)
        assert found
        assert "HASFLOCK" in told
        assert f"O QueueDirectory={fleet.root('mx2')}/var/spool/mqueue\n" in Path(found.group(1)).read_text()
        assert await output(fleet, "mx2", "sendmail -bP") == b"Data unavailable: shared memory not updated\n"


async def test_ps_shows_the_hosts_own_table_with_the_dead_runner(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 5) as fleet:
        healthy = await output(fleet, "mx1", "ps -eo pid,user,etimes,args")
        dead = await output(fleet, "mx3", "ps -eo pid,user,etimes,args")
        assert b"sendmail: MTA: accepting connections" in healthy
        assert b"sendmail: MTA: accepting connections" in dead
        assert b"sendmail: MSP: Queue runner@00:10:00" in healthy
        assert b"Queue runner" not in dead
        assert await output(fleet, "mx1", "ps -p 1 -o comm=") == b"systemd\n"
        pid = (fleet.root("mx1") / "run/sendmail/sendmail.pid").read_text().split()[0]
        assert pid.encode() in healthy
        title = await output(fleet, "mx1", f"cat $MAILTUI_PROC/{pid}/cmdline")
        assert title == b"sendmail: MTA: accepting connections"


async def test_mailstats_and_hoststat_look_as_recorded(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 100) as fleet:
        counters = (await output(fleet, "mx2", "mailstats -P")).decode().split("\n")
        assert re.fullmatch(r"\d{10} \d{10}", counters[0])
        assert re.fullmatch(r" T( +\d+){7}", counters[2])
        hosts = (await output(fleet, "mx2", "hoststat")).decode().split("\n")
        assert hosts[0] == " -------------- Hostname --------------- How long ago ---------Results---------"
        refused = [line for line in hosts if "bigmail" in line]
        assert re.fullmatch(r" mx1\.bigmail\.example {2,}\d\d:\d\d:\d\d Deferred: Connection refu", refused[0])


# --- life -----------------------------------------------------------------------------------------------------------


def ticks(life: Life, seconds: int, rate: float = 30.0) -> None:
    life._rate = rate
    now = time.time()
    for second in range(seconds):
        life.tick(now + second)


async def test_life_brings_retries_and_delivers(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 200) as fleet:
        life = fleet.lives["mx1"]
        before = {path: path.stat().st_ino for path in fleet.root("mx1").glob("var/spool/mqueue/qf*")}
        tries = {path: queuefile.parse(path.read_bytes()).attempts for path in before}
        size = life.world.log_path.stat().st_size
        ticks(life, 10)
        after = {path: path.stat().st_ino for path in fleet.root("mx1").glob("var/spool/mqueue/qf*")}
        assert set(after) - set(before), "nothing arrived"
        assert set(before) - set(after), "nothing was delivered"
        again = [path for path in set(before) & set(after) if before[path] != after[path]]
        assert again
        for path in again:
            attempts, earlier = queuefile.parse(path.read_bytes()).attempts, tries[path]
            assert attempts is not None
            assert earlier is not None
            assert attempts > earlier
        assert life.world.log_path.stat().st_size > size
        assert not list(fleet.root("mx1").glob("var/spool/mqueue/tf*"))


async def test_a_message_taken_away_by_somebody_is_not_brought_back(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 200) as fleet:
        life = fleet.lives["mx2"]
        gone = next(mail for mail in life.world.mails.values() if mail.kind == "q")
        life.world.spool.remove(gone)
        ticks(life, 8)
        assert gone.id not in life.world.mails
        assert not gone.control.exists()


@pytest.mark.parametrize("name", ["mx1", "mx2", "mx3"])
async def test_every_log_line_is_one_that_the_adapter_reads(tmp_path: Path, name: str) -> None:
    async with still_fleet(tmp_path, 300) as fleet:
        ticks(fleet.lives[name], 8)
        log = fleet.lives[name].world.log_path
        lines = log.read_bytes().splitlines(keepends=True)
        assert len(lines) > 100
        parser = log_parser(name, None, time.time())
        codes = parser.events(b"".join(lines))
        kinds = {tuple(LogEvent)[code] for code in codes}
        wanted = {LogEvent.RECEIVED, LogEvent.SENT, LogEvent.DEFERRED, LogEvent.TLS, LogEvent.REJECTED}
        assert wanted <= kinds
        unread = [line for line, code in zip(lines, codes, strict=True) if tuple(LogEvent)[code] is LogEvent.OTHER]
        assert len(unread) < len(lines) / 50, unread[:3]
        for line in lines[-50:]:
            record = parser.record(line.rstrip(b"\n"))
            assert record.at is not None
            assert abs(record.at - time.time()) < 6 * 3600
        assert lines[0][:3].isalpha() == (name == "mx1")


async def test_the_log_rotates_by_create_and_compresses_the_older(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 60) as fleet:
        log = fleet.lives["mx2"].world.log_path
        older, written = log.with_name("mail.log.1").read_bytes(), log.with_name("mail.log.1").stat().st_mtime
        current, inode = log.read_bytes(), log.stat().st_ino
        fleet.lives["mx2"].rotate()
        assert log.with_name("mail.log.1").read_bytes() == current
        assert log.with_name("mail.log.1").stat().st_ino == inode
        assert log.stat().st_ino != inode
        assert gzip.decompress(log.with_name("mail.log.2.gz").read_bytes()) == older
        assert log.with_name("mail.log.2.gz").stat().st_mtime == written
        for _ in range(8):
            fleet.lives["mx2"].rotate()
        assert len(list(log.parent.iterdir())) == 5  # mail.log, .1, .2.gz to .4.gz


async def test_old_logs_look_as_old_as_they_are(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 60) as fleet:
        log = fleet.lives["mx2"].world.log_path
        ages = [time.time() - Path(f"{log}{name}").stat().st_mtime for name in ("", ".1", ".2.gz")]
        assert ages[0] < 60 < ages[1] < 3600 < ages[2] < 3 * 3600


async def test_logs_rotate_so_rarely_that_hours_of_them_stay(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 60) as fleet:
        life, now = fleet.lives["mx2"], time.time()
        assert not life.rotation_due(now + 1e9), "nothing happens here"
        life._rate = 1.0
        assert not life.rotation_due(now + 3600)
        assert life.rotation_due(now + 2 * 3600)
        os.truncate(life.world.log_path, 300 * 1024**2)
        assert life.rotation_due(now)
        life.world.log_path.unlink()
        assert not life.rotation_due(now)


def test_control_characters_are_written_as_rsyslog_does(tmp_path: Path) -> None:
    log = MailLog(tmp_path / "mail.log", "mx1", UTC, iso=False)
    assert log.line(Entry(0.0, 5, b"a\x1b[31m\x07b")).endswith(b" mx1 sm-mta[5]: a\\033[31m\\007b\n")


async def test_stamps_are_in_the_zone_that_sessions_see(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    try:
        async with still_fleet(tmp_path, 20) as fleet:
            zone = (await output(fleet, "mx2", "date +%z")).decode().strip()
            stamp = fleet.lives["mx2"].world.log_path.read_text("latin-1").split()[0]
            assert stamp.endswith(f"{zone[:3]}:{zone[3:]}")
            classic = fleet.lives["mx1"].log.line(Entry(time.time(), 5, b"x"))
            assert (await output(fleet, "mx1", "date +%H:%M")).strip() in classic
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


async def test_a_tail_over_ssh_sees_what_life_writes(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 20) as fleet, login(fleet, "mx1") as connection:
        process = await connection.create_process("echo ready; exec tail -n 0 -f ../var/log/mail.log", encoding=None)
        await process.stdout.readline()
        life = fleet.lives["mx1"]

        async def write() -> None:
            while True:
                ticks(life, 1)
                await asyncio.sleep(0.05)

        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            writing = group.create_task(write())
            assert b" mx1 sm-mta[" in await process.stdout.readline()
            writing.cancel()
        process.close()


async def test_a_burst_is_paced_and_loses_no_line_over_a_rotation(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 5, hosts=1) as fleet:
        log = fleet.lives["mx1"].world.log_path
        before = log.stat().st_size
        async with fleet.burst("mx1", 5000) as process:
            assert process.stdin is not None
            await until(lambda: log.stat().st_size > before + 400_000)
            fleet.lives["mx1"].rotate()
            await until(lambda: log.exists() and log.stat().st_size > 100_000)
            process.stdin.close()
            assert process.stdout is not None
            cost = json.loads(await process.stdout.read())
        text = log.with_name("mail.log.1").read_bytes()[before:] + log.read_bytes()
        assert [int(n) for n in re.findall(rb"seq=(\d+)\)\n", text)] == list(range(1, cost["lines"] + 1))
        assert cost["lines"] / cost["seconds"] == pytest.approx(5000, rel=0.1)
        assert cost["cpu"] < cost["seconds"] / 4


# --- mailtui's own transport and adapter ------------------------------------------------------------------------------


def linked(fleet: DemoFleet, name: str) -> AbstractAsyncContextManager[Link]:
    """Connect as the console does: configuration, transport, detection."""
    return Link.open(next(host for host in load(fleet.config_path).hosts if host.name == name))


async def test_detection_finds_everything_by_itself(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 5) as fleet, linked(fleet, "mx3") as link:
        identity = link.identity
        assert (identity.mta, identity.version, identity.login) == ("sendmail", "8.17.1.9", "oncall")
        root = fleet.root("mx3")
        assert identity.fact("queue_directory") == f"{root}/var/spool/mqueue/q*"
        assert identity.fact("queue_groups") == f"bulk {root}/var/spool/bulk"
        assert identity.fact("client_queue") == f"{root}/var/spool/mqueue-client"
        assert identity.fact("hostname") == "mx3.example.net"
        assert identity.fact("queuereturn") == str(5 * 86_400)


async def test_the_list_holds_every_file_with_its_recipients(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 250) as fleet:
        rows: list[QueueRow] = []
        for name in fleet.lives:
            async with linked(fleet, name) as link:
                told = (await link.queue()).listing
                assert (told.complete, told.missing) == (True, ())
                rows += told.rows
        files = control_files(fleet)
        listed = {(os.fsdecode(row.directory), row.id): row for row in rows}
        assert len(rows) == len(listed) == len(files) + 1, "all control files and the orphan"
        for path in files:
            directory = path.parent.parent if path.parent.name == "qf" else path.parent
            row = listed[str(directory), path.name[2:]]
            read = queuefile.parse(path.read_bytes())
            assert (row.nrcpt, row.attempts) == (len(read.recipients), read.attempts)
            assert (row.state is QueueState.LOST) == (path.name[0] == "Q")
            assert (row.state is QueueState.HELD) == (path.name[0] == "h")


async def test_a_refresh_sees_what_life_changed(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 200) as fleet, linked(fleet, "mx1") as link:
        first = await link.queue()
        known = KnownQueue({row.key: row.identity for row in first.listing.rows}, first.notes)
        ticks(fleet.lives["mx1"], 10)
        second = (await link.queue(known)).listing
        before = first.listing.rows if second.partial else ()  # on a busy machine it may have been read whole again
        present = {row.id for row in before} | {row.id for row in second.rows}
        gone = {row.id for row in before if row.key in second.removed}
        files = {path.name[2:] for path in fleet.root("mx1").glob("var/spool/mqueue*/[qhQ]f*")}
        assert second.rows
        assert present - gone == files


async def test_the_sampler_tells_the_dead_runner_of_one_host_only(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 30) as fleet:
        for name, wanted in (("mx2", RunnerState.RUNNING), ("mx3", RunnerState.DEAD)):
            async with linked(fleet, name) as link:
                stats = await link.stats()
            runners = {runner.queue: runner.state for runner in stats.service.queue_runners}
            assert runners == {"mqueue": RunnerState.RUNNING, "mqueue-client": wanted}
            assert stats.service.daemon is True
            assert stats.service.accepting is Accepting.YES
            assert any(place.endswith(":25") for place in stats.service.listening)
            assert stats.load is not None


# --- what is done to the queue --------------------------------------------------------------------------------------


def answer_always(fleet: DemoFleet, name: str, chance: float) -> None:
    """Have all domains take mail with this chance."""
    path = fleet.root(name) / "state/troubles"
    fields = [line.split(b"\t") for line in path.read_bytes().splitlines()]
    path.write_bytes(b"".join(b"\t".join([each[0], b"%f" % chance, *each[2:]]) + b"\n" for each in fields))


def waiting(fleet: DemoFleet, name: str, *, client: bool = False) -> list[Path]:
    """Give the waiting messages of one of a host's queues."""
    pattern = "var/spool/mqueue-client/qf*" if client else "var/spool/mqueue/**/qf*"
    return sorted(path for path in fleet.root(name).glob(pattern) if path.is_file())


def logged(fleet: DemoFleet, name: str, identifier: str) -> list[tuple[LogEvent, bytes]]:
    """Give what the adapter reads in the log of a message."""
    world = fleet.lives[name].world
    parser = log_parser(name, None, time.time())
    lines = [line for line in world.log_path.read_bytes().splitlines() if f"{identifier}:".encode() in line]
    return [(record.event, record.text) for record in map(parser.record, lines)]


async def test_a_live_retry_shows_the_whole_dialogue_without_the_password(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 300) as fleet, linked(fleet, "mx1") as link:
        link.gate.arm()
        answer_always(fleet, "mx1", 1.0)
        rows = (await link.queue()).listing.rows
        row = next(each for each in rows if b"grey.example" in each.domains and each.state is QueueState.DEFERRED)
        said: list[bytes] = []
        acted = await link.live([link.target(row)], Order(by="a"), lambda line: said.append(line.text), asyncio.Event())
        assert [(each.outcome, each.code) for each in acted.outcomes] == [(Outcome.DONE, Code.DELIVERED)]
        asked = said.index(b">>> AUTH LOGIN")
        assert said[asked + 2 : asked + 6] == [
            b">>> ***",
            b"334 UGFzc3dvcmQ6",
            b">>> ***",
            b"235 2.7.0 Authentication successful",
        ]
        assert b">>> ." in said
        assert said[-1].startswith(b"221 ")


@pytest.mark.parametrize(("name", "client"), [("mx1", False), ("mx3", False), ("mx3", True)])
async def test_a_hold_renames_the_control_file_and_a_release_gives_it_back(
    tmp_path: Path, name: str, client: bool
) -> None:
    async with still_fleet(tmp_path, 200) as fleet:
        first, second, third, *_ = waiting(fleet, name, client=client)
        option = "-Ac " if client else ""
        before = first.read_bytes()
        ids = f"-qI{first.name[2:]} -qI{second.name[2:]}"
        assert await output(fleet, name, f"sendmail {option}'-Qby alice: [bold]x' {ids}") == b""
        held = [path.with_name(f"hf{path.name[2:]}") for path in (first, second)]
        assert [path.exists() for path in (first, second, *held, third)] == [False, False, True, True, True]
        read = queuefile.parse(held[0].read_bytes())
        assert (read.complete, read.unknown, read.quarantine) == (True, (), b"by alice: [bold]x")
        assert stat.S_IMODE(held[0].stat().st_mode) == 0o600
        assert b"QUARANTINE: by alice: [bold]x" in await output(fleet, name, f"sendmail {option}-bp -qQ")
        assert logged(fleet, name, first.name[2:])[-1][0] is LogEvent.QUARANTINED
        assert await output(fleet, name, f"sendmail {option}-qI{first.name[2:]}; sendmail {option}-q") == b""
        assert held[0].exists(), "nothing tries what is held"
        assert await output(fleet, name, f"sendmail {option}-qQ -Q -qI{first.name[2:]}") == b""
        assert (first.read_bytes(), held[0].exists(), held[1].exists()) == (before, False, True)
        assert not list(fleet.root(name).glob("var/spool/**/tf*"))


async def test_ids_match_as_a_part_and_one_alone_by_the_whole(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 200) as fleet:
        paths = waiting(fleet, "mx1")
        part = paths[0].name[-6:-2]  # of the process ids, which follow each other
        within = [path for path in paths if part in path.name[2:]]
        assert len(within) > 1
        await output(fleet, "mx1", f"sendmail -Qx -qI{part}")
        assert [path for path in paths if not path.exists()] == within
        await output(fleet, "mx1", "sendmail -qQ -Q")
        assert all(path.exists() for path in paths), "without a limit it is about the whole queue"


async def test_a_retry_delivers_or_notes_the_attempt(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 200) as fleet:
        taken, kept, other, *_ = (path for path in waiting(fleet, "mx1") if b"\nN1\n" not in path.read_bytes())
        untouched = other.read_bytes()
        answer_always(fleet, "mx1", 1.0)
        assert await output(fleet, "mx1", f"sendmail -qI{taken.name[2:]}") == b""
        assert not taken.exists()
        assert not taken.with_name(f"df{taken.name[2:]}").exists()
        told = logged(fleet, "mx1", taken.name[2:])
        assert told[-1][0] is LogEvent.SENT
        assert b"dsn=2.0.0, stat=Sent (Ok: queued as " in told[-1][1]

        answer_always(fleet, "mx1", 0.0)
        before, inode = queuefile.parse(kept.read_bytes()), kept.stat().st_ino
        said = await output(fleet, "mx1", f"sendmail -v -qI{kept.name[2:]}")
        after = queuefile.parse(kept.read_bytes())
        assert (after.complete, after.unknown) == (True, ())
        assert (after.attempts, kept.stat().st_ino == inode) == ((before.attempts or 0) + 1, False)
        assert after.last_attempt_at is not None
        assert abs(after.last_attempt_at - time.time()) < 20
        assert (after.recipients, after.headers) == (before.recipients, before.headers)
        assert after.priority == (before.priority or 0) + 90_000
        assert f"Running {kept.parent}/{kept.name[2:]} (sequence 1 of 1)".encode() in said
        assert logged(fleet, "mx1", kept.name[2:])[-1][0] is LogEvent.DEFERRED
        assert other.read_bytes() == untouched


async def test_every_kind_of_trouble_is_noted_as_life_notes_it(tmp_path: Path) -> None:
    """The bytes of a control file are the same, whoever made the attempt."""
    async with still_fleet(tmp_path, 250) as fleet:
        checked = set()
        for name, life in fleet.lives.items():
            answer_always(fleet, name, 0.0)
            domains = [domain for cause in life.world.character.causes for domain in cause.domains]
            for mail in list(life.world.mails.values()):
                only = domains.count(mail.peer.removeprefix("mx1.")) == 1
                if mail.kind != "q" or not mail.tries or not only or mail.trouble in checked:
                    continue
                checked.add(mail.trouble)
                await output(fleet, name, f"sendmail {'-Ac ' * mail.directory.client}-qI{mail.id}")
                found = mail.control.read_bytes()
                at = queuefile.parse(found).last_attempt_at
                assert at is not None
                assert found == spool.control_bytes(mail.retried(at), life.world.spool.host)
        assert len(checked) >= 6


async def test_a_bounce_leaves_the_queue_and_tells_why(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 200) as fleet:
        answer_always(fleet, "mx2", 0.0)
        first, second, *_ = waiting(fleet, "mx2")
        await output(fleet, "mx2", f"sendmail -OTimeout.queuereturn=now -qI{first.name[2:]}")
        assert not first.exists() and second.exists()
        assert not first.with_name(f"df{first.name[2:]}").exists()
        event, text = logged(fleet, "mx2", first.name[2:])[-1]
        assert event is LogEvent.EXPIRED
        assert b"DSN: Cannot send message for too long" in text


async def test_a_flush_tries_the_whole_queue(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 150) as fleet:
        answer_always(fleet, "mx3", 0.0)
        paths = waiting(fleet, "mx3")
        before = {path: queuefile.parse(path.read_bytes()).attempts for path in paths}
        await output(fleet, "mx3", "sendmail -OTimeout.hoststatus=1s -bH; purgestat")
        await output(fleet, "mx3", "sendmail -q -OMinQueueAge=0 -OMaxQueueAge=0")
        assert {path: (count or 0) + 1 for path, count in before.items()} == {
            path: queuefile.parse(path.read_bytes()).attempts for path in paths
        }
        answer_always(fleet, "mx3", 1.0)
        await output(fleet, "mx3", "sendmail -q; sendmail -Ac -q")
        assert not [path for path in fleet.root("mx3").glob("var/spool/**/qf*") if path.is_file()]


async def test_a_locked_message_is_left_alone(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 100) as fleet:
        path = waiting(fleet, "mx2")[0]
        identifier, before = path.name[2:], path.read_bytes()
        with path.open("rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            assert await output(fleet, "mx2", f"sendmail -Qx -qI{identifier}") == f"Skipping ./{identifier}\n".encode()
            assert f"{identifier}: locked\n".encode() in await output(fleet, "mx2", f"sendmail -v -qI{identifier}")
            fleet.lives["mx2"]._limit = 0  # no arrivals
            ticks(fleet.lives["mx2"], 10)
            assert path.read_bytes() == before, "life honours the lock too"
            assert identifier in fleet.lives["mx2"].world.mails


async def test_life_goes_on_with_what_comes_back(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 200) as fleet:
        life = fleet.lives["mx2"]
        life._limit = 0  # no arrivals
        answer_always(fleet, "mx2", 0.0)
        mail = next(mail for mail in life.world.mails.values() if mail.kind == "q" and not mail.trouble.relief)
        filtered = next(mail for mail in life.world.mails.values() if mail.kind == "h")
        await output(fleet, "mx2", f"sendmail -qI{mail.id}")
        await output(fleet, "mx2", f"sendmail -Qx -qI{mail.id}")
        ticks(life, 10)
        assert mail.id not in life.world.mails, "it is held"
        await output(fleet, "mx2", f"sendmail -qQ -Q -qI{mail.id} -qI{filtered.id}")
        ticks(life, 32)
        attempts = queuefile.parse(mail.control.read_bytes()).attempts
        assert attempts is not None
        assert attempts >= mail.tries + 2, "the attempt by hand counts, and so do those of the queue runs since"
        assert life.world.mails[filtered.id].kind == "q" if filtered.id in life.world.mails else True
        assert not filtered.control.exists()


@pytest.mark.parametrize("name", ["mx1", "mx3"])
async def test_an_ordinary_login_acts_by_itself_for_the_queues_are_its_own(tmp_path: Path, name: str) -> None:
    async with still_fleet(tmp_path, 20) as fleet:
        (fleet.directory / "bin/id").write_text('#!/bin/sh\n[ "$*" = -u ] && exec echo 1001\nexec echo oncall\n')
        async with linked(fleet, name) as link:
            fact = link.identity.fact
            assert (fact("uid"), fact("act"), fact("act_why")) == ("1001", "self", "")
            assert fact("sudo") == ""


async def test_the_console_may_act_on_the_demo_and_does(tmp_path: Path) -> None:
    async with still_fleet(tmp_path, 200) as fleet, linked(fleet, "mx3") as link:
        assert (link.identity.fact("act"), link.identity.fact("hasflock")) == ("self", "1")
        may = {each.name: each.allowed for each in (await link.capabilities()).value}
        acting = ("retry", "flush", "hold", "release", "delete", "undo", "bounce")
        assert [name for name in acting if not may[name]] == []
        link.gate.arm()
        rows = [row for row in (await link.queue()).listing.rows if row.state is QueueState.DEFERRED][:3]
        targets = [link.target(row) for row in rows]
        before = {path: path.read_bytes() for path in control_files(fleet)}
        held = await link.act("hold", targets, Order(reason="by alice"))
        assert [each.code for each in held.outcomes] == [Code.HELD] * 3
        now = {row.key: row for row in (await link.queue()).listing.rows}
        assert {now[row.key].state for row in rows} == {QueueState.HELD}
        freed = await link.act("release", [link.target(now[row.key]) for row in rows], Order())
        assert [each.code for each in freed.outcomes] == [Code.RELEASED] * 3
        gone = await link.act("delete", targets, Order(by="alice", undo_id="u-20261124-demo"))
        assert [each.code for each in gone.outcomes] == [Code.MOVED] * 3
        ids = {row.id for row in rows}
        assert not [path for path in before if path.name[2:] in ids and path.exists()]
        (kept,) = await link.undo_sets()
        back = await link.undo(kept, Order())
        assert [each.code for each in back.outcomes] == [Code.RESTORED] * 3
        assert {path: path.read_bytes() for path in control_files(fleet)} == before


# --- the end --------------------------------------------------------------------------------------------------------


async def test_leaving_removes_everything_after_a_fault_too(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="from inside"):
        async with still_fleet(tmp_path, 20) as fleet, login(fleet, "mx1") as connection:
            process = await connection.create_process("echo $$; trap '' HUP TERM PIPE; sleep 600 & wait", encoding=None)
            group = int(await process.stdout.readline())
            raise RuntimeError("from inside")
    assert list(tmp_path.iterdir()) == []
    await until(lambda: not alive(group))


def test_what_a_killed_demo_left_is_removed_and_a_running_one_is_not(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, pathlib\nfrom mailtui.demo.place import own_directory\n"
        "with own_directory(pathlib.Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    left = list(tmp_path.iterdir())
    assert len(left) == 1
    with own_directory(tmp_path) as mine:
        assert not left[0].exists()
        with own_directory(tmp_path):
            assert mine.exists()


def test_a_file_that_exists_is_neither_overwritten_nor_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("mine")
    (tmp_path / "nowhere.yaml").symlink_to(tmp_path / "gone")
    for name in ("config.yaml", "nowhere.yaml", "no/such/place"):
        assert demo_main(["--serve-only", "--config-out", str(tmp_path / name)]) == 2
    assert config.read_text() == "mine"
    told = capsys.readouterr().err.splitlines()
    assert told[0] == f"mailtui demo: --config-out {config} exists"
    assert told[1] == "name a new file, or remove this one first"
    assert f"{tmp_path}/no/such is no directory that you may write to" in told[4]
    with pytest.raises(UsageError, match="goes with --serve-only"):
        run_demo(DemoOptions(config_out=tmp_path / "new.yaml"), lambda config: 0)


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("mine")
    with pytest.raises(UsageError, match=r"config\.yaml: File exists"), serving._written(config, b"ours"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]
    assert config.read_text() == "mine"


def test_only_the_configuration_that_was_written_is_removed(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    with serving._written(config, b"ours"):
        assert stat.S_IMODE(config.stat().st_mode) == 0o600
        config.rename(tmp_path / "kept.yaml")
        config.write_text("mine")
    assert config.read_text() == "mine"
    config.unlink()
    with serving._written(config, b"ours"):
        config.unlink()
    with pytest.raises(RuntimeError), serving._written(config, b"ours"):
        raise RuntimeError
    assert not config.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_serve_only_writes_the_configuration_and_leaves_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "fleet").mkdir()
    config = tmp_path / "config.yaml"
    command = [sys.executable, "-m", "mailtui.demo", "--serve-only", "--config-out", str(config), "--messages", "30"]
    command += ["--directory", str(tmp_path / "fleet")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as served:
        assert served.stderr is not None
        assert served.stdout is not None
        assert b"3 demo hosts are ready" in served.stderr.readline()
        assert list(yaml.safe_load(config.read_text())["hosts"]) == ["mx1", "mx2", "mx3"]
        served.send_signal(number)
        assert served.stdout.read() == b""
        assert served.wait(20) == 0
    assert not config.exists()
    assert list((tmp_path / "fleet").iterdir()) == []


def test_a_console_gets_the_configuration_and_its_status_is_returned(tmp_path: Path) -> None:
    seen: list[str] = []

    def console(config: Path) -> int:
        seen.extend(yaml.safe_load(config.read_text())["hosts"])
        assert list(tmp_path.iterdir())
        return 3

    assert run_demo(DemoOptions(hosts=2, messages=10, directory=tmp_path), console) == 3
    assert seen == ["mx1", "mx2"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [DemoOptions(hosts=0), DemoOptions(hosts=1000), DemoOptions(messages=-1), DemoOptions(rate=-1),
     DemoOptions(serve_only=True), DemoOptions(directory=Path("/no/such/place"))],
)  # fmt: skip
def test_what_cannot_be_served_is_refused(options: DemoOptions) -> None:
    with pytest.raises(UsageError):
        run_demo(options, lambda config: 0)


async def test_the_server_process_tells_how_far_it_is_and_leaves_on_a_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(world_module, "_TOLD_EACH", 20)
    monkeypatch.setattr(serving, "_SLOW", 10)
    (tmp_path / "fleet").mkdir()
    config = tmp_path / "config.yaml"
    options = DemoOptions(1, 40, directory=tmp_path / "fleet", serve_only=True, config_out=config)
    ready, ready_end = os.pipe()
    never, never_end = os.pipe()
    with open(never) as stdin, open(ready, "rb") as told:
        monkeypatch.setattr(sys, "stdin", stdin)
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            serving_it = group.create_task(serving.serve_until_told(options, ready_end))
            await until(config.exists)
            assert await asyncio.to_thread(told.read) == b"1"
            os.close(never_end)  # the parent is gone
        assert serving_it.result() == 0
    assert not config.exists()
    assert list((tmp_path / "fleet").iterdir()) == []
    words = capsys.readouterr().err
    assert "40 of 40 messages made" in words
    assert "1 demo hosts are ready" in words


def test_the_command_line_refuses_what_cannot_be_served(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo_main(["--serve-only"]) == 2
    assert "--config-out" in capsys.readouterr().err


def test_a_demo_that_does_not_start_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing = tmp_path / "python"
    failing.write_text("#!/bin/sh\nprintf 'no \\033[2Jport left\\n' >&2\nexit 1\n")
    failing.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(failing))
    with pytest.raises(MailtuiError, match="did not start"):
        run_demo(DemoOptions(directory=tmp_path), lambda config: 0)
    assert "no <1b>[2Jport left" in capsys.readouterr().err


def test_what_the_fleet_says_later_is_logged_not_painted_over_the_console(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    fleet = tmp_path / "python"
    fleet.write_text(
        "#!/bin/sh\nfor fd; do :; done\necho starting >&2\nprintf 1 >/dev/fd/$fd\nread -r told\necho oops >&2\n"
    )
    fleet.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fleet))

    def stop(process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(20)

    monkeypatch.setattr("mailtui.demo._stop", stop)

    assert run_demo(DemoOptions(directory=tmp_path), lambda config: 0) == 0
    assert "oops" not in capsys.readouterr().err
    assert "oops" in caplog.text


async def test_the_listing_program_passes_over_what_vanishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    async with still_fleet(tmp_path, 100) as fleet:
        root = fleet.root("mx2")
        queue = root / "var/spool/mqueue"
        (queue / "qf6AMJNXAx000136").symlink_to(queue / "gone")
        first = next(mail for mail in fleet.lives["mx2"].world.mails.values() if mail.kind == "q")
        first.data.unlink()

        def listed(*words: str) -> bytes:
            monkeypatch.setattr(sys, "argv", ["listing.py", str(root / "etc/mail/sendmail.cf"), *words])
            assert listing.main() == 0
            return capsysbinary.readouterr().out

        count = len(list(queue.glob("qf*"))) - 1
        assert f"\t\tTotal requests: {count}\n".encode() in listed("0", "")
        assert b"(1 request)" in listed("0", f"-qI{first.id}")
        assert first.id.encode() + b"        0 " in listed("0", f"-qI{first.id}")
        some = int(listed("1", "-qRbigmail").rpartition(b": ")[2])
        none = int(listed("0", "-qSnobody@nowhere").rpartition(b": ")[2])
        assert 0 < some < count
        assert none == 0


def test_the_burst_program_ends_with_its_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mail.log"
    assert burst.block(b"mx1", 7, 2).count(b"\n") == 2
    handle = burst.opened(str(path))
    assert not burst.rotated(handle, str(path))
    path.unlink()
    assert not burst.rotated(handle, str(path)), "nothing stands there yet"
    path.touch()
    assert burst.rotated(handle, str(path))
    os.close(handle)
    before = signal.getsignal(signal.SIGTERM)
    with open(os.devnull) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(sys, "argv", ["burst.py", str(path), "mx1", "1000"])
        assert burst.main() == 0
    signal.signal(signal.SIGTERM, before)
    assert json.loads(capsys.readouterr().out)["lines"] >= 0


async def test_every_verb_in_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same by a call: what a program of its own does is not seen by the coverage."""
    async with still_fleet(tmp_path, 200) as fleet:
        root = fleet.root("mx1")
        monkeypatch.setenv("MAILTUI_DEMO_HOST", str(root))
        monkeypatch.setenv("MAILTUI_DEMO_NAME", "mx1")
        monkeypatch.setenv("TZ", "UTC")
        (cf,) = root.glob("**/sendmail.cf")
        monkeypatch.setenv("MAILTUI_DEMO_HURRY", "1")

        def sendmail(*words: str) -> None:
            monkeypatch.setattr("sys.argv", ["acting.py", str(cf), *words])
            assert acting.main() == 0

        first, second, third, fourth, *_ = waiting(fleet, "mx1")
        sendmail("-Qa reason", f"-qI{first.name[2:]}")
        held = first.with_name(f"hf{first.name[2:]}")
        assert queuefile.parse(held.read_bytes()).quarantine == b"a reason"
        sendmail("-qQ", "-Q", f"-qI{first.name[2:]}")
        assert first.exists() and not held.exists()
        answer_always(fleet, "mx1", 1.0)
        sendmail("-v", f"-qI{second.name[2:]}")
        assert not second.exists()
        answer_always(fleet, "mx1", 0.0)
        before = queuefile.parse(third.read_bytes()).attempts or 0
        sendmail("-v", f"-qI{third.name[2:]}")
        assert queuefile.parse(third.read_bytes()).attempts == before + 1
        with fourth.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            sendmail("-Qa reason", f"-qI{fourth.name[2:]}")
            assert fourth.exists(), "what is locked is left alone"
        sendmail("-OTimeout.queuereturn=now", f"-qI{fourth.name[2:]}")
        assert not fourth.exists()
        sendmail("-q", "-OMinQueueAge=0", "-OMaxQueueAge=0")
        sendmail("-Ac", "-q")
        assert (queuefile.parse(third.read_bytes()).attempts or 0) >= before + 2
