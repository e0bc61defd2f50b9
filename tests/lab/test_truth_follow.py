"""Following a log: over a lost sshd and a rotation, over a line of 5 MB and bytes of every kind."""

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab.harness import Lab
from tests.lab.truth import answer, command, environment, text

LONG = 5_000_000


class Follower:
    """`logs -f` as a process; what it has written so far."""

    def __init__(self, running: subprocess.Popen[bytes]) -> None:
        self.running = running
        self.lines: list[bytes] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.running.stdout is not None
        for line in self.running.stdout:
            self.lines.append(line)

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in list(self.lines)]

    def numbers(self, mark: str) -> list[int]:
        """The sequence numbers that came with a mark, in the order they came."""
        found = (re.search(rf"{mark} (\d+) end$", record["text"]) for record in self.records())
        return [int(match[1]) for match in found if match]


@contextmanager
def following(lab: Lab, login: str, tmp_path: Path) -> Iterator[Follower]:
    with (tmp_path / "said").open("wb") as said:
        words = command(lab, "logs", login, "-f", "-o", "jsonl")
        running = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, env=environment()
        )
        try:
            follower = Follower(running)
            lab.wait(lambda: follower.lines, 30, "the first lines")
            yield follower
        finally:
            running.kill()
            running.wait()
            follower._reader.join(5)
            assert running.stdout is not None
            running.stdout.close()


def numbered(mark: str, *numbers: int) -> list[str]:
    return [f"{mark} {number} end" for number in numbers]


@pytest.fixture
def mark(lab: Lab) -> str:
    return "seq" + lab.exec("sm1", "date +%s%N").decode().strip()


@pytest.mark.timeout(200, func_only=True)
@pytest.mark.parametrize(("host", "copytruncate"), [("sm1", False), ("sm2", False), ("sm1", True)])
def test_no_line_lost_or_doubled_over_an_outage_and_a_rotation(
    lab: Lab, tmp_path: Path, mark: str, host: str, copytruncate: bool
) -> None:
    with following(lab, f"{host}-root", tmp_path) as follower:
        try:
            lab.log(host, *numbered(mark, *range(100)))
            lab.wait(lambda: len(follower.numbers(mark)) == 100, 20, "lines before the outage")
            lab.kill_sshd(host)
            lab.wait(lambda: "sshd:" not in str(lab.processes(host)))
            lab.log(host, *numbered(mark, *range(100, 200)))
            written(lab, host, mark, 199)
            if not copytruncate:  # what a copy took away while nobody looked cannot be told from what was lost
                lab.rotate_log(host)
            lab.log(host, *numbered(mark, *range(200, 300)))
            written(lab, host, mark, 299)
        finally:
            lab.restore(host)
        lab.wait(lambda: len(follower.numbers(mark)) >= 300, 90, "lines of the outage")
        if copytruncate:
            lab.rotate_log(host, copytruncate=True)
        lab.log(host, *numbered(mark, *range(300, 400)))
        lab.wait(
            lambda: len(follower.numbers(mark)) >= 400, 30, f"lines after the outage: {follower.numbers(mark)[-3:]}"
        )
        lab.rotate_log(host, compress=True)
        lab.log(host, *numbered(mark, *range(400, 500)))
        lab.wait(lambda: 499 in follower.numbers(mark), 30, "lines after the second rotation")
        assert follower.numbers(mark) == list(range(500))
        assert follower.running.poll() is None
    assert "trying again in" in (tmp_path / "said").read_text()


def written(lab: Lab, host: str, mark: str, last: int) -> None:
    """Wait until the syslog daemon has written a line down."""
    lab.wait(lambda: f"{mark} {last} end".encode() in lab.exec(host, "tail -n 300 /var/log/mail.log"))


@pytest.fixture
def every_byte() -> bytes:
    """All bytes but the end of a line, broken UTF-8 and surrogates, as one line each."""
    whole = bytes(code for code in range(256) if code != 0x0A)
    return b"".join(
        b"Nov 22 21:00:00 sm1 sm-mta[7]: odd %d " % number + part + b" end\n"
        for number, part in enumerate(
            [whole, b"\xed\xa0\x80\xf0\x9f\x92", b"\xc3", b"\x1b]52;c;AAAA\x07\x9b2J", b"\xff\xfe\0\r\v"]
        )
    )


def test_every_byte_and_a_line_of_5_mb(lab: Lab, tmp_path: Path, mark: str, every_byte: bytes) -> None:
    with following(lab, "sm1-root", tmp_path) as follower:
        low = memory(follower.running.pid)
        lab.log("sm1", *numbered(mark, 0))
        lab.wait(lambda: follower.numbers(mark) == [0])
        append(lab, every_byte)
        append(lab, b"Nov 22 21:00:00 sm1 sm-mta[7]: long " + b"x" * LONG + b"\n")
        lab.log("sm1", *numbered(mark, 1))
        lab.wait(lambda: follower.numbers(mark) == [0, 1], 60, "the line behind the long one")
        records = follower.records()
        grown = memory(follower.running.pid) - low
        assert "trying again" not in (tmp_path / "said").read_text(), "the connection stayed"
    odd = [record["text"] for record in records if ": odd " in record["text"]]
    assert odd == [text(line) for line in every_byte.split(b"\n")[:-1]]
    (long,) = [record["text"] for record in records if ": long x" in record["text"]]
    assert 60_000 < len(long) < 70_000
    assert long != "x" * len(long)
    assert grown < 10 * 1024, f"{grown} KiB more"
    assert follower.lines
    assert all(line.isascii() and b"\x7f" not in line for line in follower.lines)


def append(lab: Lab, data: bytes) -> None:
    """Write bytes into the log as no syslog daemon would."""
    lab.exec("sm1", "sh", "-c", "cat >>/var/log/mail.log", stdin=data)


def memory(pid: int) -> int:
    """Resident memory of a process, KiB."""
    return int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0])


def test_a_long_line_and_every_byte_are_found_again(lab: Lab, every_byte: bytes) -> None:
    append(lab, every_byte)
    found = answer(lab, "log", "logs", "sm1-root", "--grep", "sm-mta.7.: (odd|long) ", "-n", "6")["records"]
    lines = [text(line) for line in every_byte.split(b"\n")[:-1]]
    assert [each["text"] for each in found[-5:]] == lines
    assert all(len(each["text"]) < 70_000 for each in found)
