"""Control files recorded on a real Sendmail 8.17, and what Sendmail's source allows beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailtui.mta.sendmail import queuefile
from mailtui.mta.sendmail.rows import Directory, RowMaker

CORPUS = Path(__file__).parent.parent / "corpus" / "sendmail"
FULL = b"Deferred: 452 4.2.2 <nadia.891@full.test>: Mailbox full, quota exceeded (5120000 of 5120000 KB)"


def recorded(name: str) -> bytes:
    return (CORPUS / name).read_bytes()


def test_every_remaining_recipient_with_its_own_reason() -> None:
    file = queuefile.parse(recorded("qf6AMJNXAx000136"))
    reasons = dict(zip((each.address for each in file.recipients), queuefile.reasons(file), strict=True))
    assert len(reasons) == 17
    assert reasons[b"nadia.891@full.test"] == FULL
    assert reasons[b"bob.308@bogus.test"] == b"host map: lookup (bogus.test): deferred"
    assert reasons[b"sven.542@busy.test"] is None, "the message's status is about another domain"
    assert (file.attempts, file.created_at, file.last_attempt_at) == (2, 1795375413.0, 1795375462.0)
    assert file.macro(b"{if_addr}") == b"10.77.0.11"
    assert file.header(b"MESSAGE-id") == b"<11.438259135@sm1.lab.test>"
    assert file.headers[0] == (b"Return-Path", b"<\x81g>")
    assert file.complete and not file.unknown


def test_status_of_a_recipient_who_is_done_is_not_shown_as_the_reason() -> None:
    row = queuefile.envelope(recorded("qf6AMJNXBF000136"))
    assert queuefile.parse(recorded("qf6AMJNXBF000136")).reason == b"User unknown"
    assert row.reason == b"Deferred: 451 4.3.0 Temporary lookup failure"
    assert len(row.recipients) == 9


ONE_LEFT = b"V8\nT1\nK2\nN1\nM%b\nFbs\nS<a@b.test>\nRPFD:<lena@refused.test>\nM%b\nRPFD:<marek@grey.test>\nH??A: b\n.\n"


@pytest.mark.parametrize(
    ("message", "own", "expected"),
    [
        (b"450 <marek@grey.test>: Greylisted", b"450 <marek@grey.test>: Greylisted", None),
        (b"450 <gone@grey.test>: Greylisted", b"450 <marek@grey.test>: Greylisted", None),
        (b"450 try later", b"450 try later", None),
        (b"User unknown", b"450 Full", None),
        (b"550 5.1.1 <lena@refused.test>: No such user", b"450 Full", None),
        (b"Connection refused by mx.refused.test.", b"450 Full", b"Connection refused by mx.refused.test."),
        (b"450 <lena@refused.test>: Full", b"450 Full", b"450 <lena@refused.test>: Full"),
        (b"Connection refused by mx.elsewhere.test.", b"450 Full", b"Connection refused by mx.elsewhere.test."),
    ],
)
def test_status_of_another_recipient_is_not_shown_as_the_reason(
    message: bytes, own: bytes, expected: bytes | None
) -> None:
    assert queuefile.reasons(queuefile.parse(ONE_LEFT % (message, own))) == (expected, own)


def test_quarantine_and_null_senders() -> None:
    held = queuefile.envelope(recorded("hf6AMJNXBL000136"))
    assert held.quarantine == b"Sender quar.test under review"
    assert (held.attempts, held.last_attempt_at) == (0, None), "K is the arrival until there was an attempt"
    assert queuefile.envelope(recorded("qf6AMJNXBD000136")).sender == b""
    assert queuefile.envelope(recorded("qf6AMKmj8b000258")).sender == b"", "a bounce of Sendmail's own: MAILER-DAEMON"


def test_client_queue_file_with_controlling_user() -> None:
    (recipient,) = queuefile.parse(recorded("qf6AMJNg08001104")).recipients
    assert recipient == queuefile.QueuedRecipient(
        address=b"dmitri.160@accept.test",
        flags=b"PFD",
        reason=b"Deferred: 451 4.7.1 Sender domain temporarily refused, try again later",
        original=b"RFC822; dmitri.160@accept.test",
        controlling_user=b"dmitri.160@accept.test",
    )


def test_row_and_whole_file_agree() -> None:
    for path in sorted(CORPUS.glob("[qh]f6*")):
        row, file = queuefile.envelope(path.read_bytes()), queuefile.parse(path.read_bytes())
        assert row.recipients == [each.address for each in file.recipients], path.name
        assert (row.sender, row.attempts, row.quarantine) == (file.sender, file.attempts, file.quarantine)


@pytest.mark.parametrize(
    ("record", "complete"),
    [
        (b"", False),
        (b"V8\nT1795375413\nS<a@", False),
        (b"V8\n.\n", True),
        (b"\n\n", False),
        (b"R\nM\nS\nT\nT-1\n.", True),
    ],
)
def test_unfinished_and_odd_files(record: bytes, complete: bool) -> None:
    assert queuefile.parse(record).complete is complete
    assert queuefile.envelope(record).arrived_at in (None, 1795375413.0)


def test_addresses_of_old_versions_and_odd_forms() -> None:
    record = b"S<a>b>\nRold@example.net\nRPFD:<x:y@example.net>\nR:<z@example.net>\nRS:<|prog>\n"
    assert queuefile.envelope(record).recipients == [b"old@example.net", b"x:y@example.net", b"z@example.net", b"|prog"]


def test_nothing_is_dropped_of_what_is_not_understood() -> None:
    record = b"V8\nMone\nMtwo\nS<a@b>\n%odd\nMthree\nMfour\nrRFC822; c@d\n.\nHno colon\n$\n"
    assert queuefile.parse(record).unknown == (
        b"Mtwo", b"%odd", b"Mthree", b"Hno colon", b"$", b"Mfour", b"rRFC822; c@d",
    )  # fmt: skip


def test_quoted_eight_bit_bytes_are_read_as_they_came() -> None:
    assert (
        queuefile.parse(b"H??Subject: Gr\xc3\xbc\xc3\xff\x9fe \xff\xff\n").header(b"subject")
        == "Grüße ".encode() + b"\xff"
    )
    assert queuefile.envelope(b"S<a@b>\nRPF:<\xc3\xff\x9f@c>\n").recipients == ["ß@c".encode()]


@pytest.mark.parametrize(
    ("reason", "dsn", "relay"),
    [
        (FULL, "4.2.2", None),
        (b"Deferred: 451-4.7.1 later", "4.7.1", None),
        (b"Deferred: Connection refused by mx.refused.test.", None, b"mx.refused.test"),
        (b"Deferred: Connection timed out with mx.timeout.test.", None, b"mx.timeout.test"),
        (b"Deferred: mx.unreach.test.: No route to host", None, b"mx.unreach.test"),
        (b"Deferred: 451 4.4.1 reply: read error from mx.drop.test.", "4.4.1", b"mx.drop.test"),
        (b"Deferred: no answer from 4.5.6.7", None, None),
        (b"", None, None),
        (None, None, None),
    ],
)
def test_codes_and_relays_in_reasons(reason: bytes | None, dsn: str | None, relay: bytes | None) -> None:
    assert queuefile.dsn(reason) == dsn
    assert queuefile.relay(reason) == relay


def test_a_batch_reads_every_recorded_file_as_one_alone() -> None:
    maker, here = RowMaker("h"), Directory("0", b"/q", "mqueue", None, "ok", "1.1", 2e9)
    paths = sorted(CORPUS.glob("[qh]f6*"))
    files = [(path.name, path.read_bytes()) for path in paths]
    body = b"".join(f"{name} 7 1795375413 30 {len(content)}\n".encode() + content for name, content in files)
    alone = [maker.file(here, here.prefix("h"), name, "7.1795375413", 30, content) for name, content in files]
    assert list(maker.batch(here, body)) == alone
    assert len({row.nrcpt > 1 for row in alone}) == 2


def test_a_batch_reads_what_lies_between_usual_files_by_its_length() -> None:
    maker, here = RowMaker("h"), Directory("0", b"/q", "mqueue", None, "ok", "1.1", 2e9)
    usual = b"V8\nT1795375413\nK0\nN0\nFbs\nS<a@b>\nRPFD:<c@d>\nMown\nRPFD:<e@D>\nH??Subject: x\n.\n"
    inner = b"qf6AMJ0AUQ037826 1 1795375413 9 %d\n" % len(usual) + usual
    odd = [b"", b"V8\n" + inner, usual + b"Mmore\n", usual + inner, usual.replace(b"c@d", b"\xff\x9f@d"), usual[:-2]]
    for files in (odd, [usual, *odd], [each for one in odd for each in (one, usual)]):
        body = b"".join(b"qf6AMJ0AUQ037826 7 1795375413 -1 %d\n" % len(content) + content for content in files)
        prefix = here.prefix("h")
        alone = [maker.file(here, prefix, "qf6AMJ0AUQ037826", "7.1795375413", None, content) for content in files]
        assert list(maker.batch(here, body)) == alone
