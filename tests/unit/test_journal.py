"""The journal: synced before anything runs, one chain of hashes, nothing silently repaired, nobody named."""

from __future__ import annotations

import errno
import fcntl
import hmac
import json
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailtui import journal as module
from mailtui.clock import Clock
from mailtui.errors import FAILED, UsageError
from mailtui.journal import FORMAT, Fault, Journal, JournalFault, default_directory


class Hands:
    """A clock whose hands are moved."""

    def __init__(self, text: str = "2026-11-24T20:00:00") -> None:
        self.now = 0.0
        self.set(text)
        self.clock = Clock(wall=lambda: self.now)

    def set(self, text: str) -> float:
        self.now = datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
        return self.now


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def journal(tmp_path: Path, hands: Hands) -> Journal:
    return Journal(tmp_path / "state" / "journal", hands.clock)


def filled(journal: Journal, count: int = 3) -> Path:
    """Append some records; gives the file of the month."""
    for number in range(count):
        journal.append("intent", {"number": number})
    return max(journal.directory.glob("*.jsonl"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def whats(faults: list[Fault]) -> list[tuple[int, str]]:
    return [(fault.line, fault.what) for fault in faults]


# --- writing


def test_a_record_is_a_line_of_ascii_with_its_format(journal: Journal, hands: Hands) -> None:
    made = journal.append("intent", {"host": "mx\u00e9\x1b[2J\udcff", "keys": ["a\nb"]})
    data = (journal.directory / "2026-11.jsonl").read_bytes()
    assert data.isascii()
    assert data.count(b"\n") == 1
    assert b"\x1b" not in data
    record = json.loads(data)
    assert record["format"] == FORMAT
    assert (record["id"], record["kind"], record["at"]) == (made, "intent", hands.now)
    assert (record["host"], record["keys"]) == ("mx\u00e9\x1b[2J\udcff", ["a\nb"])
    assert list(journal.records()) == [record]


def test_files_are_this_users_alone_whatever_the_umask(journal: Journal) -> None:
    before = os.umask(0)
    try:
        filled(journal)
        journal.pseudonym(b"a@b.example")
    finally:
        os.umask(before)
    assert {mode(path) for path in journal.directory.iterdir()} == {0o600}
    assert {path.name for path in journal.directory.iterdir()} == {"2026-11.jsonl", "key", "lock"}
    assert (mode(journal.directory), mode(journal.directory.parent)) == (0o700, 0o700)


def test_what_is_appended_is_synced_and_a_new_files_directory_before_it(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.pseudonym(b"a@b.example")
    steps: list[str] = []
    sync, write = os.fsync, os.write

    def fsync(descriptor: int) -> None:
        steps.append("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def wrote(descriptor: int, data: bytes) -> int:
        steps.append("write")
        return write(descriptor, data)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "write", wrote)
    journal.append("intent", {})
    assert steps == ["directory", "write", "file"]
    steps.clear()
    journal.append("outcome", {})
    assert steps == ["write", "file"]


def test_the_journals_own_fields_are_nobody_elses(journal: Journal) -> None:
    with pytest.raises(ValueError, match="hash, prev"):
        journal.append("intent", {"prev": "0", "hash": "0"})
    assert not journal.directory.exists()


def test_an_append_reads_the_end_of_the_file_alone(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(journal, 1)
    for _ in range(20):
        journal.append("outcome", {"filler": "x" * 50_000})
    path = filled(journal, 1)
    read = 0
    pread = os.pread

    def counted(descriptor: int, size: int, offset: int) -> bytes:
        nonlocal read
        data = pread(descriptor, size, offset)
        read += len(data)
        return data

    monkeypatch.setattr(os, "pread", counted)
    journal.append("outcome", {})
    assert path.stat().st_size > 1_000_000
    assert 0 < read <= 64 * 1024


@pytest.mark.parametrize("size", [1, 100, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 300_000])
def test_long_records_are_chained_as_short_ones_are(journal: Journal, size: int) -> None:
    journal.append("intent", {"filler": "x" * size})
    filled(journal, 2)
    assert journal.verify() == []


# --- the chain


def test_a_chain_goes_on_through_months_and_processes(journal: Journal, hands: Hands) -> None:
    filled(journal, 2)
    hands.set("2026-12-01T00:00:00")
    Journal(journal.directory, hands.clock).append("intent", {})
    hands.set("2027-02-01T00:00:00")
    filled(journal, 2)
    assert sorted(path.name for path in journal.directory.glob("*.jsonl")) == [
        "2026-11.jsonl", "2026-12.jsonl", "2027-02.jsonl",
    ]  # fmt: skip
    records = list(journal.records())
    assert records[0]["prev"] == "0" * 64
    assert [after["prev"] for after in records[1:]] == [before["hash"] for before in records[:-1]]
    assert [record.get("opens") for record in records] == ["2026-11", None, "2026-12", "2027-02", None]
    assert journal.verify() == []


def test_records_are_given_from_a_time_on(journal: Journal, hands: Hands) -> None:
    filled(journal, 1)
    later = hands.set("2026-12-24T00:00:00")
    journal.append("intent", {"number": 7})
    assert [record["number"] for record in journal.records()] == [0, 7]
    assert [record["number"] for record in journal.records(later)] == [7]
    assert list(journal.records(later + 1)) == []


def test_a_clock_that_was_set_back_does_not_fork_the_chain(journal: Journal, hands: Hands) -> None:
    hands.set("2026-12-01T00:00:01")
    filled(journal, 1)
    early = hands.set("2026-11-30T23:59:59")
    path = filled(journal, 1)
    assert path.name == "2026-12.jsonl"
    assert journal.verify() == []
    assert len(list(journal.records(early))) == 2


def test_every_changed_byte_is_found(journal: Journal) -> None:
    path = filled(journal, 3)
    good = path.read_bytes()
    assert journal.verify() == []
    for place in range(len(good)):
        for byte in {good[place] ^ 1, good[place] ^ 0x20, 0x0A, 0x00, 0xFF} - {good[place]}:
            path.write_bytes(good[:place] + bytes([byte]) + good[place + 1 :])
            faults = journal.verify()
            assert faults, (place, byte)
            assert faults[0].file == path.name
            assert faults[0].line == good.count(b"\n", 0, place) + 1, (place, byte)


def test_a_record_left_out_or_put_in_is_found(journal: Journal, hands: Hands) -> None:
    filled(journal, 3)
    hands.set("2026-12-01T00:00:00")
    path = filled(journal, 4)
    november = path.with_name("2026-11.jsonl")
    lines, before = path.read_bytes().splitlines(keepends=True), november.read_bytes()

    def faults(*kept: bytes) -> list[int]:
        path.write_bytes(b"".join(kept))
        return [fault.line for fault in journal.verify() if fault.file == path.name]

    assert faults(*lines) == []
    assert faults(lines[0], *lines[2:]) == [2]
    assert faults(*lines[1:])[0] == 1
    assert faults(lines[1], lines[0], *lines[2:])[:2] == [1, 2]
    assert faults(*lines[:2], lines[1], *lines[2:]) == [3]
    assert faults(lines[0], b"\n", *lines[1:]) == [2, 3]
    path.write_bytes(b"".join(lines))
    november.write_bytes(b"".join(before.splitlines(keepends=True)[:-1]))
    assert whats(journal.verify()) == [(1, "does not follow the record before it: some were left out or put in")]
    november.write_bytes(b"".join(before.splitlines(keepends=True)[1:]))
    assert whats(journal.verify()) == [(1, "does not begin this month: some before it were left out")]


def test_a_month_that_was_taken_out_of_the_middle_is_found(journal: Journal, hands: Hands) -> None:
    for month in ("2026-09", "2026-10", "2026-11"):
        hands.set(f"{month}-01T00:00:00")
        filled(journal, 2)
    (journal.directory / "2026-10.jsonl").unlink()
    assert [(fault.file, fault.line) for fault in journal.verify()] == [("2026-11.jsonl", 1)]


def test_a_record_of_a_later_mailtui_is_named_and_not_read(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(journal, 1)
    monkeypatch.setattr(module, "FORMAT", 2)
    journal.append("intent", {"number": 1})
    monkeypatch.setattr(module, "FORMAT", 1)
    filled(journal, 1)
    assert whats(journal.verify()) == [(2, "has format 2, which this mailtui does not read")]
    assert [record["number"] for record in journal.records()] == [0, 0]


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000,
        b"{}",
        b"7",
        b"\xff",
        b'{"format":true}',
        b'{"format":1}',
        b'{"format":1,"at":NaN}',
        b"",
        b"\0" * 99,
    ],
)
def test_what_is_no_record_is_named(journal: Journal, line: bytes) -> None:
    path = filled(journal, 1)
    path.write_bytes(path.read_bytes() + line + b"\n")
    journal.append("intent", {"number": 1})
    assert whats(journal.verify()) == [(2, "is no record: half-written, or damaged")]
    assert len(list(journal.records())) == 2


def test_no_journal_is_an_empty_one(journal: Journal) -> None:
    assert (journal.verify(), list(journal.records())) == ([], [])
    assert not journal.directory.exists()


# --- power loss, full disks, strangers


@pytest.mark.parametrize("cut", [1, 2, 40, 76, 150])
def test_a_half_written_line_is_named_and_glued_to_nothing(journal: Journal, cut: int) -> None:
    path = filled(journal, 2)
    path.write_bytes(path.read_bytes()[:-cut])
    journal.append("outcome", {"number": 9})
    journal.append("outcome", {"number": 10})
    assert path.read_bytes().count(b"\n") == 4
    whole = cut == 1
    """Where the newline alone is missing, the record is all there."""
    assert whats(journal.verify()) == ([] if whole else [(2, "is no record: half-written, or damaged")])
    assert [record["number"] for record in journal.records()] == ([0, 1] if whole else [0]) + [9, 10]
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"x" + lines[1], *lines[2:]]))
    assert (3, "does not follow the record before it: some were left out or put in") in whats(journal.verify())


def test_a_half_written_first_line_stops_nothing(journal: Journal, hands: Hands) -> None:
    filled(journal, 1)
    hands.set("2026-12-01T00:00:00")
    path = filled(journal, 1)
    path.write_bytes(path.read_bytes()[:20])
    filled(journal, 2)
    assert [(fault.file, fault.line) for fault in journal.verify()] == [("2026-12.jsonl", 1)]
    path.write_bytes(b"")
    filled(journal, 2)
    assert journal.verify() == []


def full(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Let the disk be full after some bytes of the next record."""
    write, left = os.write, after

    def short(descriptor: int, data: bytes) -> int:
        nonlocal left
        if left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        wrote = write(descriptor, data[:left])
        left -= wrote
        return wrote

    monkeypatch.setattr(os, "write", short)


@pytest.mark.parametrize("after", [0, 1, 60])
def test_a_full_disk_is_said_and_leaves_nothing_half(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    path = filled(journal, 2)
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        full(patch, after)
        with pytest.raises(JournalFault, match="cannot be written: No space left") as fault:
            journal.append("intent", {})
    assert fault.value.exit_code == FAILED
    assert "free space" in fault.value.cure
    assert path.read_bytes() == before
    filled(journal, 1)
    assert journal.verify() == []


def test_a_disk_that_is_full_at_the_first_record_is_no_fork(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        full(patch, 10)
        with pytest.raises(JournalFault):
            journal.append("intent", {})
    filled(journal, 2)
    assert journal.verify() == []


def test_what_cannot_be_synced_is_not_written(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    path = filled(journal, 1)
    before = path.read_bytes()

    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(JournalFault, match="Input/output"):
            journal.append("intent", {})
    assert path.read_bytes() == before


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let the system itself refuse more; Python ignores the signal."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_record_that_the_system_cuts_short_is_taken_back(journal: Journal) -> None:
    path = filled(journal, 2)
    before = path.read_bytes()
    with files_of_at_most(len(before) + 50):
        fault = None
        try:
            journal.append("intent", {})
        except JournalFault as error:
            fault = error
    assert fault is not None
    assert "too large" in fault.message
    assert path.read_bytes() == before
    assert journal.verify() == []


def test_a_directory_that_others_may_write_to_is_refused_not_mended(journal: Journal) -> None:
    path = filled(journal, 1)
    for open_to in (0o770, 0o702):
        journal.directory.chmod(open_to)
        asks: list[Callable[[], str]] = [
            lambda: journal.append("intent", {}),
            lambda: Journal(journal.directory).pseudonym(b"a@b.example"),
        ]
        for asked in asks:
            with pytest.raises(JournalFault, match=f"open to others \\(mode {open_to:o}\\)") as fault:
                asked()
            assert fault.value.cure == f"chmod 700 {journal.directory}"
    assert (mode(journal.directory), path.read_bytes().count(b"\n")) == (0o702, 1)
    journal.directory.chmod(0o700)
    path.chmod(0o640)
    with pytest.raises(JournalFault) as fault:
        journal.append("intent", {})
    assert fault.value.cure == f"chmod 600 {path}"


def test_what_belongs_to_somebody_else_is_refused(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(journal, 1)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(JournalFault, match="belongs to another user") as fault:
        journal.append("intent", {})
    assert "chown -R 4711" in fault.value.cure


def test_a_link_or_a_pipe_in_the_files_place_is_refused(journal: Journal, tmp_path: Path) -> None:
    path = filled(journal, 1)
    other = tmp_path / "other"
    path.rename(other)
    path.symlink_to(other)
    before = other.read_bytes()
    for asked in (lambda: journal.append("intent", {}), journal.verify):
        with pytest.raises(JournalFault):
            asked()
    path.unlink()
    os.mkfifo(path, 0o600)
    for asked in (lambda: journal.append("intent", {}), journal.verify):
        with pytest.raises(JournalFault, match="is no file"):
            asked()
    assert other.read_bytes() == before


def test_a_file_in_the_directorys_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(b"")
    with pytest.raises(JournalFault) as fault:
        Journal(tmp_path / "journal").append("intent", {})
    assert fault.value.cure
    with pytest.raises(JournalFault) as fault:
        Journal(tmp_path / "journal").verify()
    assert fault.value.cure


@pytest.mark.parametrize("call", ["write", "mkdir"])
def test_a_read_only_place_is_said(journal: Journal, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def refused(*args: Any, **more: Any) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, call, refused)
    with pytest.raises(JournalFault, match="Read-only file system") as fault:
        journal.append("intent", {})
    assert "nothing is changed on any host" in fault.value.cure


def test_a_journal_that_cannot_be_read_is_not_taken_for_an_empty_one(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(journal, 1)

    def refused(path: Path) -> Iterator[Path]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(JournalFault, match="cannot be read: Permission denied") as fault:
        journal.verify()
    assert "chmod 700" in fault.value.cure
    with pytest.raises(JournalFault, match="cannot be written"):
        journal.append("intent", {})


def test_a_lock_that_another_keeps_ends_in_a_fault(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    path = filled(journal, 1)
    monkeypatch.setattr(module, "_TRIES", 2)
    monkeypatch.setattr(module, "_PAUSE", 0.0)
    with (journal.directory / "lock").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for asked in (lambda: journal.append("intent", {}), journal.verify):
            with pytest.raises(JournalFault, match="keeps the journal locked") as fault:
                asked()
        assert "fuser" in fault.value.cure
    assert path.read_bytes().count(b"\n") == 1
    journal.append("intent", {})


WRITER = """
import sys
from pathlib import Path
from mailtui.journal import Journal
journal = Journal(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(40):
    journal.append("intent", {"who": sys.argv[2], "number": number, "filler": "x" * 3000})
print(journal.pseudonym(b"a@b.example"))
"""


def test_two_processes_append_at_once(tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, directory, who], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for who in ("a", "b")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    said = [writer.communicate(timeout=60)[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    journal = Journal(directory)
    assert journal.verify() == []
    for who in ("a", "b"):
        assert [record["number"] for record in journal.records() if record["who"] == who] == list(range(40))
    assert len({record["id"] for record in journal.records()}) == 80
    assert said[0] == said[1] == journal.pseudonym(b"a@b.example") + "\n"


# --- erasing


def test_whole_months_are_erased_and_that_is_noted(journal: Journal, hands: Hands) -> None:
    for month in ("2026-08", "2026-09", "2026-10"):
        hands.set(f"{month}-01T00:00:00")
        filled(journal, 2)
    hands.set("2026-11-01T00:00:00")
    assert journal.erase("2026-10") == ("2026-08", "2026-09")
    assert sorted(path.stem for path in journal.directory.glob("*.jsonl")) == ["2026-10", "2026-11"]
    assert journal.verify() == []
    last = list(journal.records())[-1]
    assert (last["kind"], last["before"], last["months"]) == ("erased", "2026-10", ["2026-08", "2026-09"])
    assert journal.erase("2026-11") == ("2026-10",)
    filled(journal, 1)
    assert journal.verify() == []


def test_the_current_month_is_never_erased(journal: Journal) -> None:
    path = filled(journal, 2)
    before = path.read_bytes()
    with pytest.raises(UsageError, match="2026-11 is the current month") as error:
        journal.erase("2026-12")
    assert error.value.cure == "--before 2026-11 at most"
    assert journal.erase("2026-11") == ()
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["", "2026", "2026-1", "2026-13", "2026-00", "2026-11-24", "../2026-11", "2026-11\n"])
def test_what_is_no_month_is_refused(journal: Journal, text: str) -> None:
    with pytest.raises(UsageError, match="is no month"):
        journal.erase(text)


def test_what_cannot_be_erased_is_said(journal: Journal, hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    hands.set("2026-10-01T00:00:00")
    filled(journal, 1)
    hands.set("2026-11-01T00:00:00")

    def refused(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "unlink", refused)
    with pytest.raises(JournalFault, match="Permission denied"):
        journal.erase("2026-11")
    assert journal.verify() == []


# --- pseudonyms


def test_the_same_address_has_one_name_and_nobody_elses(journal: Journal, tmp_path: Path) -> None:
    name = journal.pseudonym(b"Anna@One.example")
    assert name == journal.pseudonym(b"anna@one.example") == Journal(journal.directory).pseudonym(b"anna@one.example")
    assert len(name) == 16
    assert name != journal.pseudonym(b"bert@one.example")
    assert name != Journal(tmp_path / "another").pseudonym(b"anna@one.example")
    assert journal.pseudonym(b"") == ""
    assert journal.seal(b"A") != journal.seal(b"a")


@pytest.mark.parametrize("data", [b"", b"a", b"anna@one.example", bytes(range(256)) * 9])
def test_a_pseudonym_is_the_beginning_of_an_hmac(journal: Journal, data: bytes) -> None:
    assert journal.seal(data) == journal.seal(data), "what is hashed of the key already stays as it was"
    key = (journal.directory / "key").read_bytes()
    assert journal.seal(data) == hmac.new(key, data, "sha256").hexdigest()[:16]


def test_addresses_in_a_text_are_veiled(journal: Journal) -> None:
    anna = journal.pseudonym(b"anna@one.example")
    text = 'spam of <Anna@one.example>, from="anna@one.example" and \udcff@x; not @ nor a@ nor 12:00'
    stranger = journal.pseudonym(b"\xff@x")
    assert journal.veiled(text) == f'spam of <{anna}>, from="{anna}" and {stranger}; not @ nor a@ nor 12:00'


@pytest.mark.parametrize("key", [b"", b"x" * 31, b"x" * 33])
def test_a_damaged_key_renames_nobody(journal: Journal, key: bytes) -> None:
    journal.pseudonym(b"a@b.example")
    path = journal.directory / "key"
    path.write_bytes(key)
    with pytest.raises(JournalFault, match="key is damaged") as fault:
        Journal(journal.directory).pseudonym(b"a@b.example")
    assert f"rm {path}" in fault.value.cure
    assert path.read_bytes() == key


def test_a_key_that_others_may_read_is_refused(journal: Journal) -> None:
    journal.pseudonym(b"a@b.example")
    (journal.directory / "key").chmod(0o644)
    with pytest.raises(JournalFault) as fault:
        Journal(journal.directory).pseudonym(b"a@b.example")
    assert fault.value.cure == f"chmod 600 {journal.directory / 'key'}"


def test_a_key_that_cannot_be_read_is_said(journal: Journal) -> None:
    journal.directory.mkdir(parents=True, mode=0o700)
    (journal.directory / "key").symlink_to("nowhere")
    with pytest.raises(JournalFault, match="cannot be written"):
        journal.pseudonym(b"a@b.example")
    (journal.directory / "key").unlink()
    (journal.directory / "key").mkdir()
    with pytest.raises(JournalFault, match="is no file"):
        journal.pseudonym(b"a@b.example")


def test_a_key_that_was_half_made_is_made_again(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        full(patch, 5)
        with pytest.raises(JournalFault):
            journal.pseudonym(b"a@b.example")
    assert not (journal.directory / "key").exists()
    assert journal.pseudonym(b"a@b.example") == Journal(journal.directory).pseudonym(b"a@b.example")


def test_the_directory_is_that_of_the_users_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_directory() == tmp_path / "mailtui" / "journal"
    monkeypatch.setenv("HOME", str(tmp_path))
    for unusable in ("", "relative"):
        monkeypatch.setenv("XDG_STATE_HOME", unusable)
        assert default_directory() == tmp_path / ".local/state/mailtui/journal"
