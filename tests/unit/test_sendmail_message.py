"""Rows decoded to whole messages, messages read anew, and why they wait."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from mailtui.errors import Unreachable
from mailtui.model import Client, HoldBy, Identity, Message, QueueRow, QueueState, RecipientState, SpoolFile
from mailtui.mta.sendmail import message, rows, waiting
from mailtui.mta.sendmail.mailq import MailqParser
from mailtui.mta.sendmail.queuefile import parse
from mailtui.procedure import REGISTRY, Reply, Request, Section, play
from mailtui.transport.drive import drive
from mailtui.transport.gate import Gate
from mailtui.transport.local import LocalTransport

CORPUS = Path(__file__).parent.parent / "corpus" / "sendmail"
NOW = 1795375500.0
HERE = rows.Directory("0", b"/var/spool/mqueue", "mqueue", None, "ok", "", NOW)


def identity(**facts: str) -> Identity:
    known = {"queuereturn": "432000", "queue_directory": "/var/spool/mqueue", "uid": "0"}
    return Identity("sendmail", "8.17.1.9", ("sendmail",), 0.0, "root", tuple((known | facts).items()))


def row_of(name: str, **changes: bytes) -> QueueRow:
    raw = (CORPUS / name).read_bytes()
    for old, new in changes.items():
        raw = raw.replace(old.encode(), new)
    return rows.RowMaker("mx1").file(HERE, HERE.prefix("mx1"), name, "1.1", 17, raw)


def decoded(row: QueueRow, now: float = NOW, **facts: str) -> Message:
    return message.decode("mx1", identity(**facts), row, now)


def test_whole_message_of_a_control_file() -> None:
    found = decoded(row_of("qf6AMJNXAx000136"))
    assert found.expires_at == 1795375413.0 + 432000
    assert (found.attempts, found.last_attempt_at, found.state) == (2, 1795375462.0, QueueState.DEFERRED)
    assert found.client == Client(b"localhost", "127.0.0.1")
    assert found.message_id == b"<11.438259135@sm1.lab.test>"
    assert found.subject == b"=?utf-8?Q?=F0=9F=94=A5_Sale_ends_today!?="
    assert found.recipients_complete and len(found.recipients) == 17
    full = next(each for each in found.recipients if each.address == b"nadia.891@full.test")
    assert (full.state, full.dsn) == (RecipientState.DEFERRED, "4.2.2")
    assert found.auth_user is None and found.headers == ()


def test_authenticated_sender_and_clients() -> None:
    record = b"${auth_authen}labuser@sm1\n$_IDENT:x@mail.example.net [IPv6:2001:db8::1] (may be forged)\n"
    file = parse(record)
    assert message.client(file) == Client(b"mail.example.net", "2001:db8::1")
    assert message.client(parse(b"$_[192.0.2.1]\n")) == Client(None, "192.0.2.1")
    assert message.client(parse(b"$_root@localhost\n")) == Client(b"localhost", None)
    assert message.client(parse(b"${client_addr}192.0.2.9\n")) == Client(None, "192.0.2.9")
    assert message.client(parse(b"$_\n")) is None
    row = rows.RowMaker("mx1").file(HERE, "k", "qf6AMJNXAx000136", "1", 1, record)
    assert decoded(row).auth_user == b"labuser@sm1"


def test_held_lost_and_orphaned() -> None:
    held = decoded(row_of("hf6AMJNXBL000136"))
    assert held.hold is not None and (held.hold.by, held.hold.durable) == (HoldBy.UNKNOWN, True)
    assert held.hold.reason == b"Sender quar.test under review"
    assert held.recipients[0].state is RecipientState.PENDING
    orphan = decoded(rows.RowMaker("mx1").orphan(HERE, "df6AMJNXAx000136", "1.1", 9, 1795375420.0))
    assert (orphan.state, orphan.arrived_at, orphan.recipients_complete) == (QueueState.LOST, 1795375413.0, False)
    assert (orphan.sender, orphan.expires_at) == (None, None), "not known, and nothing will expire it"
    assert orphan.why_waiting == "a data file without a queue file: nothing can deliver it"
    lost = decoded(row_of("qf6AMJNXAv000136")._replace(state=QueueState.LOST))
    assert lost.why_waiting is not None and lost.why_waiting.startswith("set aside as lost")


def listed(line: bytes) -> Message:
    parser = MailqParser()
    (record,) = parser.feed(line) + parser.close()
    row = rows.RowMaker("mx1").listed(HERE, record, "", NOW, 0.0)
    assert row is not None
    return decoded(row)


def test_message_of_mailq_claims_no_more_than_it_shows() -> None:
    line = b"6AMJNXAx000136      6      30059 Nov 22 19:23 <a@b>\n                 (Deferred: x)\n\t\t\t\t\t\t<c@one.test>\n"
    found = listed(line)
    assert (found.subject, found.attempts, found.client, found.message_id) == (None, None, None, None)
    assert (found.arrived_at, found.state) == (1795375413.0, QueueState.DEFERRED)
    assert found.recipients[0].reason == b"Deferred: x"
    two = listed(line + b"\t\t\t\t\t\t<e@two.test>\n")
    assert [each.reason for each in two.recipients] == [None, None], "whose reason it is mailq does not tell"
    assert not listed(b"6AMJNXAx000136  (no control file)\n").recipients_complete


@pytest.mark.parametrize(
    ("mark", "expected"),
    [("X", "load is too high"), ("-", "too young"), ("*", None), ("?", None)],
)
def test_marks_of_mailq_say_why(mark: str, expected: str | None) -> None:
    line = b"6AMJNXAx000136%s     6      30059 Nov 22 19:23 <a@b>\n\t\t\t\t\t\t<c@d>\n" % mark.encode()
    found = listed(line)
    assert found.why_waiting is None if expected is None else expected in (found.why_waiting or "")
    assert (found.state is QueueState.ACTIVE) == (mark == "*")


def test_too_young_to_be_tried_again() -> None:
    row = row_of("qf6AMJNXAx000136")  # arrived 19:23:33, tried 49 s later, it is now 38 s after that
    assert decoded(row, min_queue_age="1800").why_waiting == "too young: MinQueueAge rests it for 29 min 22 s more"
    assert decoded(row, now=NOW + 1800, min_queue_age="1800").why_waiting is None
    assert "11 s more" in (decoded(row, max_queue_age="3600").why_waiting or "")
    assert decoded(row, now=NOW + 12, max_queue_age="3600").why_waiting is None
    untried = row_of("hf6AMJNXBL000136")._replace(state=QueueState.QUEUED)
    assert decoded(untried, min_queue_age="1800").why_waiting is None, "what was never tried is not too young"


REFUSED = row_of("qf6AMJNXAv000136")
STATUS = b"V0\nE111\nH0\nS75\nD4.4.1\nU1795375432\n.\n"


def asked(load: bytes, **facts: str) -> str | None:
    sections = (Section("load", (), load), Section("status", ("test./refused./mx",), STATUS))
    answer = Reply(sections, 0)
    known = identity(host_status_directory="/hs", **facts)
    why, evidence = play(waiting.ask(decoded(REFUSED), known, NOW), lambda request: answer)
    assert evidence[0].output == load
    return why


def test_host_that_is_marked_down_and_the_load() -> None:
    assert asked(b"0.50 1 1", host_status_timeout="180") == (
        "mx.refused.test is marked down since 1 min 8 s (cached host status): "
        "an ordinary queue run skips it for 1 min 52 s more; a retry does not"
    )
    assert asked(b"0.50 1 1", host_status_timeout="60") is None, "too long ago to count"
    why = asked(b"70.25 1 1", queue_la="60", host_status_timeout="180")
    assert why == "the load 70.25 is not below QueueLA (60): mail is queued, not tried"


def test_paths_of_host_status_are_only_plain_names() -> None:
    paths = list(waiting.status_paths(decoded(REFUSED)))
    assert paths == ["test./refused./mx", "test./refused./mx.", "test./refused", "test./refused."]
    hostile = row_of("qf6AMJNXAv000136", **{"refused.test": b"../../etc/x"})
    assert list(waiting.status_paths(decoded(hostile))) == ["mx", "mx."], "what is left of it is no way out"


async def test_status_files_are_read_on_the_host(tmp_path: Path) -> None:
    (tmp_path / "test./refused.").mkdir(parents=True)
    (tmp_path / "test./refused./mx").write_bytes(STATUS)
    (tmp_path / "secret").write_bytes(b"no")
    transport = LocalTransport(gate=Gate(REGISTRY, read_only=True))
    data = f"{tmp_path}\ntest./refused.\n../secret\n{tmp_path}/secret\ntest./none\n".encode()
    try:
        reply = await transport.run(Request(waiting.WAITING, data))
    finally:
        await transport.close()
    assert [(each.args, each.body) for each in reply.named("status")] == [(("test./refused./mx",), STATUS)]
    assert reply.body("load")


async def test_message_is_read_anew_with_all_its_headers(tmp_path: Path) -> None:
    name = "qf6AMJNXAv000136"
    shutil.copyfile(CORPUS / name, tmp_path / name)
    directory = rows.Directory("0", bytes(tmp_path), "mqueue", None, "ok", "", NOW)
    row = rows.RowMaker("mx1").file(directory, directory.prefix("mx1"), name, "1.1", 17, b"V8\n")
    transport = LocalTransport(gate=Gate(REGISTRY, read_only=True))
    known = identity(queue_directory=str(tmp_path))
    try:
        read = await drive(transport, message.show("mx1", known, row, time.time))
        assert [header for header, _ in read.value.headers][:3] == [b"Return-Path", b"Received", b"From"]
        assert read.value.sender == b'"tab\there"@grey.test'
        assert read.evidence[0].command == f"cat {tmp_path}/{name}"
        stat = (tmp_path / name).stat()
        assert read.value.files == (
            SpoolFile(bytes(tmp_path / name), stat.st_size, stat.st_mode & 0o7777, float(int(stat.st_mtime))),
        )
        (tmp_path / name).unlink()
        with pytest.raises(Unreachable, match="has left the queue"):
            await drive(transport, message.show("mx1", known, row, time.time))
    finally:
        await transport.close()


def test_a_message_whose_reading_broke_off_has_not_left() -> None:
    directory = rows.Directory("0", b"/q", "mqueue", None, "ok", "", NOW)
    row = rows.RowMaker("mx1").file(directory, directory.prefix("mx1"), "qf6AMJNXAv000136", "1.1", 17, b"V8\n")
    told = Section("dir", ("0", "mqueue", "-", "ok", "1", "1", "9"), b"/q")
    with pytest.raises(Unreachable, match="not read to its end"):
        play(message.show("mx1", identity(), row, time.time), lambda _: Reply((told,), 255))


def test_lines_that_tell_no_file_are_left_out() -> None:
    directory = rows.Directory("0", b"/q", "mqueue", None, "ok", "", NOW)
    row = rows.RowMaker("mx1").file(directory, directory.prefix("mx1"), "qf6AMJNXAv000136", "1.1", 17, b"V8\n")
    content = b"qf6AMJNXAv000136 1 1 17 3\nV8\n"
    lines = b"hi\n1 644 9 /q/df6AMJNXAv000136\n1 999 9 /q/x\n1 644 9 /other/x\n\xff 1 1 /q/x\n"
    sections = (
        Section("dir", ("0", "mqueue", "-", "ok", "1", "1", "9"), b"/q"),
        Section("rows", ("0",), content),
        Section("files", ("0",), lines),
        Section("end", ("0", "0", "0"), b""),
    )
    read = play(message.show("mx1", identity(), row, time.time), lambda _: Reply(sections, 0))
    assert [each.path for each in read.value.files] == [b"/q/df6AMJNXAv000136"]


@pytest.mark.parametrize("below", ["", "/qf"])
async def test_listed_message_is_read_by_sudo_cat_where_that_is_allowed(tmp_path: Path, below: str) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text('#!/bin/sh\n[ "$1" = -n ] || exit 9\nshift\n[ "$1" != -l ] || exit 0\nexec "$@"\n')
    sudo.chmod(0o755)
    name = "qf6AMJNXAv000136"
    (tmp_path / "q" / below.strip("/")).mkdir(parents=True)
    shutil.copyfile(CORPUS / name, tmp_path / f"q{below}" / name)
    line = b"6AMJNXAv000136      6      30059 Nov 22 19:23 <a@b>\n\t\t\t\t\t\t<c@d>\n"
    (record,) = (parser := MailqParser()).feed(b"\t\t%s/q (1 request)\n" % bytes(tmp_path) + line) + parser.close()
    directory = rows.Directory("", record.directory, "mqueue", None, "listed", "", NOW)
    row = rows.RowMaker("mx1").listed(directory, record, "", NOW, 0.0)
    assert row is not None
    transport = LocalTransport(gate=Gate(REGISTRY, read_only=True))
    known = identity(sudo=str(sudo), cat="/bin/cat", sudo_cat="1")
    try:
        read = await drive(transport, message.show("mx1", known, row, time.time))
        assert (read.value.key, read.value.subject, read.value.attempts) == (row.key, b"Backup finished on db1", 1)
        assert read.evidence[1].command == f"sudo -n cat {tmp_path}/q{below}/{name}"
        sudo.write_text("#!/bin/sh\nexit 1\n")
        refused = await drive(transport, message.show("mx1", known, row, time.time))
        assert refused.value.subject is None, "what sudo refuses is not run"
    finally:
        await transport.close()
