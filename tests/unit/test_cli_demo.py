"""Every command against the demo's hosts: real SSH, real shell, real queue files and logs, in a process of its own."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mailtui.cli import main
from mailtui.query import literal
from tests.unit.cli_world import valid

MESSAGES = 60
HOSTS = ("mx1", "mx2", "mx3")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Serve the demo's hosts for this module's tests; give their configuration."""
    folder = tmp_path_factory.mktemp("demo")
    file = folder / "config.yaml"
    ready, ready_end = os.pipe()
    words = ["--serve-only", "--config-out", str(file), "--messages", str(MESSAGES), "--rate", "0"]
    with subprocess.Popen(
        [sys.executable, "-m", "mailtui.demo", *words, "--directory", str(folder), "--ready-fd", str(ready_end)],
        stdin=subprocess.PIPE,
        pass_fds=(ready_end,),
    ) as demo:
        os.close(ready_end)
        try:
            assert os.read(ready, 1) == b"1"
            yield file
        finally:
            os.close(ready)
            demo.terminate()


def mailtui(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command line, all of it but the start of an interpreter."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["-C", str(config), *words])
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def answer(config: Path, kind: str, *words: str) -> dict[str, Any]:
    """Run a command and give its answer, held against its schema."""
    done = mailtui(config, *words, "--json")
    assert done.returncode == 0, done.stderr
    return valid(done.stdout, kind)


def test_list_count_and_group_tell_of_the_same_messages(config: Path) -> None:
    hosts = answer(config, "queue", "queue", "list", *HOSTS)["hosts"]
    counted = answer(config, "count", "queue", "count", *HOSTS)["hosts"]
    grouped = answer(config, "groups", "queue", "group", *HOSTS, "--by", "host")["groups"]
    assert [host["total"] for host in counted] == [len(host["messages"]) for host in hosts]
    assert {group["value"]: group["count"] for group in grouped} == {host["host"]: host["total"] for host in counted}
    assert all(host["complete"] for host in counted)


def test_every_message_is_a_file_and_every_file_a_message(config: Path) -> None:
    listed = {
        f"{message['directory']}/{message['id']}"
        for host in answer(config, "queue", "queue", "list", *HOSTS)["hosts"]
        for message in host["messages"]
    }
    files = {
        f"{path.parent.parent if path.parent.name in ('qf', 'df') else path.parent}/{path.name[2:]}"
        for host in HOSTS
        for path in config.parent.glob(f"*/{host}/var/spool/**/[qhQd]f*")
        if path.is_file()
    }
    assert listed == files


def test_where_and_limit(config: Path) -> None:
    hosts = answer(config, "queue", "queue", "list", *HOSTS, "--where", "attempts>0 age>1m", "--limit", "3")["hosts"]
    messages = [message for host in hosts for message in host["messages"]]
    assert len(messages) == 3
    assert all(message["attempts"] > 0 and message["age"] > 60 for message in messages)


def test_show(config: Path) -> None:
    line = mailtui(config, "queue", "list", "mx1", "--limit", "1", "-o", "jsonl").stdout
    listed = json.loads(line)
    for wanted in (listed["id"], listed["key"]):
        shown = answer(config, "message", "queue", "show", "mx1", wanted)
        assert shown["recipients"] == listed["recipients"]
        assert shown["headers"]
        assert all(record["host"] == "mx1" for record in shown["log"])


def test_logs_of_several_hosts_come_in_order(config: Path) -> None:
    found = answer(config, "log", "logs", *HOSTS, "-n", "200")["records"]
    assert len(found) == 200
    times = [datetime.fromisoformat(record["at"]) for record in found if record["at"] is not None]
    assert times == sorted(times)
    assert {record["host"] for record in found} <= set(HOSTS)


def test_the_newest_lines_over_rotated_logs_are_without_a_hole(config: Path) -> None:
    log = next(config.parent.glob("*/mx2/var/log/mail.log"))
    log.with_name("mail.log.2.gz").touch()  # its time says that it is the newest
    for words in ((), ("--grep", "stat=Sent")):
        everything = answer(config, "log", "logs", "mx2", "-n", "100000", *words)["records"]
        assert len({record["file"] for record in everything}) == 3
        times = [record["at"] for record in everything]
        assert times == sorted(times)
        for last in (7, len(everything) - 40):
            assert answer(config, "log", "logs", "mx2", "-n", str(last), *words)["records"] == everything[-last:]


def test_where_takes_what_groups_show(config: Path) -> None:
    for by, field in (("auth", "auth"), ("reason", "reason"), ("sender", "from"), ("domain", "domain")):
        groups = answer(config, "groups", "queue", "group", *HOSTS, "--by", by)["groups"]
        for group in (*groups[:2], *(each for each in groups[2:] if not each["value"])):
            where = f"{field}={literal(group['value'].encode())}"
            counted = answer(config, "count", "queue", "count", *HOSTS, "--where", where)["hosts"]
            assert sum(host["total"] for host in counted) == group["count"], where


def test_log_of_one_message(config: Path) -> None:
    found = answer(config, "log", "logs", "mx1", "-n", "500")["records"]
    wanted = next(record["id"] for record in reversed(found) if record["id"])
    lines = answer(config, "log", "logs", "mx1", "--id", wanted)["records"]
    assert lines
    assert all(record["id"] == wanted or wanted in record["text"] for record in lines)
    refused = mailtui(config, "logs", "mx1", "--grep", "(")
    assert refused.returncode == 2
    assert "regular expression" in refused.stderr


def test_stats(config: Path) -> None:
    for host in answer(config, "stats", "stats", *HOSTS)["hosts"]:
        assert host["queue"]["complete"]
        assert host["memory"]["total"] > 0
        assert host["rates"]["received"] is not None


def test_hosts(config: Path) -> None:
    for host in answer(config, "hosts", "hosts", "test")["hosts"]:
        assert (host["state"], host["mta"]) == ("ok", "sendmail")
        assert host["capabilities"]["list"]["allowed"]
    assert answer(config, "host-list", "hosts", "list")["hosts"][0]["user"] == "oncall"


def test_doctor_and_sudoers(config: Path) -> None:
    findings = {each["check"]: each["status"] for each in answer(config, "doctor", "doctor", "mx1")["findings"]}
    assert [findings[check] for check in ("reach", "host key", "login", "shell", "mail server", "logs")] == ["ok"] * 6
    assert mailtui(config, "sudoers", "mx1").returncode == 0


def test_a_host_that_is_not_there_is_one_of_several(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    text = config.read_text().replace("hosts:\n", "hosts:\n  gone: {address: 127.0.0.1, port: 1, jump: none}\n", 1)
    file.write_text(text)
    done = mailtui(file, "queue", "count", "mx1", "gone", "--json")
    assert done.returncode == 6
    hosts = valid(done.stdout, "count")["hosts"]
    assert hosts[1]["error"]["kind"] == "unreachable"
    assert mailtui(file, "queue", "count", "gone").returncode == 3


def test_an_unknown_key_is_refused_then_trusted(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    text = config.read_text()
    trusted = next(line for line in text.splitlines() if "known_hosts:" in line)
    file.write_text(text.replace(trusted, "    mta: auto"))
    home = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "mailtui", "-C", str(file)]

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *words],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
            env=home,
            stdin=subprocess.DEVNULL,
        )

    refused = run("queue", "count", "mx1")
    assert refused.returncode == 4
    fingerprint = next(word for word in refused.stderr.split() if word.startswith("SHA256:"))
    assert run("hosts", "trust", "mx1").returncode == 4
    assert run("hosts", "trust", "mx1", "--fingerprint", "SHA256:" + "A" * 43).returncode == 4
    assert run("hosts", "trust", "mx1", "--fingerprint", fingerprint).returncode == 0
    assert run("queue", "count", "mx1").returncode == 0


def test_following_ends_quietly_when_its_reader_leaves(config: Path) -> None:
    command = [sys.executable, "-m", "mailtui", "-C", str(config), "logs", "mx1", "-f", "-n", "3", "-o", "jsonl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as follow:
        assert follow.stdout is not None
        assert follow.stderr is not None
        lines = [json.loads(follow.stdout.readline()) for _ in range(3)]
        assert [line["host"] for line in lines] == ["mx1"] * 3
        follow.send_signal(2)
        assert follow.wait(timeout=30) == 130
        assert follow.stderr.read() == ""
