from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailtui.model import Identity, LogEvent, LogRecord
from mailtui.mta.sendmail.log import SESSIONS, SendmailLog, log_parser

CORPUS = Path(__file__).parent.parent / "corpus" / "sendmail"
NOW = datetime(2026, 11, 22, 20, tzinfo=UTC).timestamp()
EVENTS = tuple(LogEvent)


def parser() -> SendmailLog:
    return log_parser("sm1", None, NOW)


def records(name: str) -> list[LogRecord]:
    read = parser().record
    return [read(line) for line in (CORPUS / f"log-{name}.txt").read_bytes().split(b"\n")[:-1]]


def one(body: bytes) -> LogRecord:
    return parser().record(b"Nov 22 19:23:33 sm1 sm-mta[9]: " + body)


@pytest.mark.parametrize("name", ["outgoing", "rejects", "tls-auth-milter", "other", "more"])
def test_events_agree_with_records(name: str) -> None:
    block = (CORPUS / f"log-{name}.txt").read_bytes()
    codes = parser().events(block)
    assert [EVENTS[code] for code in codes] == [record.event for record in records(name)]
    assert b"\n".join(record.text for record in records(name)) + b"\n" == block


def test_the_recorded_attempts() -> None:
    found = Counter(record.event for record in records("outgoing"))
    assert found == {
        LogEvent.DEFERRED: 82,
        LogEvent.SENT: 29,
        LogEvent.BOUNCED: 23,
        LogEvent.RECEIVED: 8,
        LogEvent.QUARANTINED: 5,
        LogEvent.REJECTED: 2,
        LogEvent.QUEUED: 1,
    }
    quoted = next(record for record in records("outgoing") if record.id == "6AMJNXCU000161")
    assert quoted.recipient == b'"quote\\\\"inside"@grey.test'


def test_a_shortened_address_swallows_no_field() -> None:
    record = one(
        b'6AMJU1Rv001153: to=<"aa...b@x.test>, delay=00:00:01, dsn=4.2.0, reply=450 <"aa"@x.test> no, stat=Deferred'
    )
    assert (record.event, record.delay, record.dsn) == (LogEvent.DEFERRED, 1.0, "4.2.0")


def test_a_deferral() -> None:
    line = (CORPUS / "log-outgoing.txt").read_bytes().split(b"\n")[4]
    record = parser().record(line, "/var/log/mail.log", 77)
    assert record == LogRecord(
        host="sm1",
        at=datetime(2026, 11, 22, 19, 23, 33, tzinfo=UTC).timestamp(),
        at_raw=b"Nov 22 19:23:33",
        program=b"sm-mta",
        pid=148,
        id="6AMJNXTu000135",
        event=LogEvent.DEFERRED,
        text=line,
        recipient=b"rosa.313@full.test",
        relay=b"mx.full.test. [10.77.0.52]",
        dsn="4.2.2",
        result=b"Deferred: 452 4.2.2 <rosa.313@full.test>: Mailbox full, quota exceeded (5120000 of 5120000 KB)",
        delay=0.0,
        file="/var/log/mail.log",
        offset=77,
    )


def test_several_recipients_are_joined() -> None:
    record = one(b'6AMJU1Rv001153: to=<a@x.test>,<"b,c"@x.test>,root, delay=00:00:01, dsn=2.0.0, stat=Sent')
    assert record.recipient == b'a@x.test,"b,c"@x.test,root'
    assert record.event is LogEvent.SENT


def test_a_message_gets_tls_and_user_of_its_connection() -> None:
    tls, auth, received, _, sent, done = records("more")[:6]
    assert tls.event is LogEvent.TLS
    assert auth.event is LogEvent.AUTH
    assert received.tls == b"TLSv1.3 TLS_AES_256_GCM_SHA384 256/256 verify=NO"
    assert received.auth_user == b"labuser@sm1.lab.test"
    assert (received.sender, received.size, received.nrcpt) == (b"labuser@sm1.lab.test", 512, 2)
    assert (received.message_id, received.client) == (b"<a.1@ops.lab.test>", b"ops.lab.test [10.77.0.1]")
    assert sent.tls == b"TLSv1.3 TLS_AES_256_GCM_SHA384 256/256 verify=OK"
    assert sent.delay == ((24 + 2) * 60 + 3) * 60 + 4
    assert done.event is LogEvent.REMOVED


def test_events_alone_remember_sessions_too() -> None:
    block = (CORPUS / "log-more.txt").read_bytes()
    read = parser()
    read.events(block)
    received = read.record(block.split(b"\n")[2])
    assert received.auth_user == b"labuser@sm1.lab.test"


def test_another_process_or_peer_gets_nothing() -> None:
    read = parser()
    read.record(b"Nov 22 19:30:01 sm1 sm-mta[5]: STARTTLS=server, relay=a.test [10.0.0.1], version=TLSv1.3")
    mail = b"Nov 22 19:30:01 sm1 sm-mta[%d]: 6AMJU1Rv001153: from=<x@y>, size=1, class=0, nrcpts=1, relay=%b [10.0.0.1]"
    assert read.record(mail % (5, b"a.test")).tls is not None
    assert read.record(mail % (6, b"a.test")).tls is None
    assert read.record(mail % (5, b"b.test")).tls is None


def test_an_old_session_is_forgotten() -> None:
    read = parser()
    read.record(b"Nov 22 10:30:01 sm1 sm-mta[5]: STARTTLS=server, relay=a.test [10.0.0.1], version=TLSv1.3")
    read.record(b"Nov 22 15:30:01 sm1 sm-mta[6]: STARTTLS=server, relay=c.test [10.0.0.1], version=TLSv1.3")
    mail = (
        b"Nov 22 15:30:02 sm1 sm-mta[5]: 6AMJU1Rv001153: from=<x@y>, size=1, class=0, nrcpts=1, relay=a.test [10.0.0.1]"
    )
    assert read.record(mail).tls is None


def test_sessions_take_bounded_memory() -> None:
    read = parser()
    line = b"Nov 22 19:30:01 sm1 sm-mta[%d]: STARTTLS=server, relay=a.test [10.0.0.1], version=TLSv1.3"
    for pid in range(1, 3 * SESSIONS):
        read.record(line % pid)
    assert len(read._sessions._young) + len(read._sessions._old) <= 2 * (SESSIONS + 2)


def test_hostile_values_change_no_outcome() -> None:
    bounced, deferred = records("more")[6:8]
    assert bounced.event is LogEvent.BOUNCED
    assert bounced.recipient == b'"a, delay=1, dsn=2.0.0, stat=Sent"@x.test'
    assert bounced.result == b"User unknown"
    assert deferred.event is LogEvent.DEFERRED
    assert deferred.result == b"Deferred: 451 4.7.1 x, stat=Sent"
    forged = next(record for record in records("more") if record.id == "6AMJU1S8001175")
    assert forged.message_id == b"<x, relay=trusted [1.2.3.4]>"
    assert forged.relay == b"root@localhost"


@pytest.mark.parametrize(
    ("body", "event"),
    [
        (b"6AMJU1Rz001163: 6AMJU1S0001163: DSN: User unknown", LogEvent.BOUNCED),
        (b"6AMJU1Rz001163: 6AMJU1S0001163: postmaster notify: User unknown", LogEvent.BOUNCED),
        (b"6AMJU1Rz001163: 6AMJU1S0001163: DSN: Cannot send message for too long", LogEvent.EXPIRED),
        (b"6AMJU1Rz001163: 6AMJU1S0001163: DSN: Message could not be delivered for 5 days", LogEvent.EXPIRED),
        (b"6AMJU1Rz001163: 6AMJU1S0001163: sender notify: Warning: could not send message", LogEvent.WARNING),
        (b"6AMJU1Rz001163: 6AMJU1S0001163: DSN: Return receipt", LogEvent.OTHER),
        (b"6AMJU1Rz001163: clone 6AMJU1S0001163, owner=x", LogEvent.QUEUED),
        (b"6AMJU1Rz001163: discarded", LogEvent.DISCARDED),
        (b"6AMJU1Rz001163: Milter: data, discard", LogEvent.DISCARDED),
        (b"6AMJU1Rz001163: Milter: to=<a@b>, reject=550 5.7.1 no", LogEvent.REJECTED),
        (b"6AMJU1Rz001163: milter=m, action=rcpt, tempfail", LogEvent.REJECTED),
        (b"6AMJU1Rz001163: Milter (m): to error state", LogEvent.ERROR),
        (b"6AMJU1Rz001163: Milter (m) insert (1): header: X: y", LogEvent.MILTER),
        (b"6AMJU1Rz001163: <a@b>... User unknown", LogEvent.REJECTED),
        (b"ruleset=check_relay, arg1=h, arg2=10.0.0.1, relay=h [10.0.0.1], reject=421 4.3.2 slow", LogEvent.REJECTED),
        (b"ruleset=check_mail, arg1=<a@b>, relay=h, discard", LogEvent.DISCARDED),
        (b"ruleset=tls_server, arg1=SOFTWARE, relay=h, reject=454 4.7.0 no TLS", LogEvent.TLS),
        (b"rejecting connections on daemon MTA: load average: 12", LogEvent.REFUSING),
        (b"refusing connections on daemon MTA: load average: 12", LogEvent.REFUSING),
        (b"accepting connections again for daemon MTA", LogEvent.CONNECT),
        (b"runqueue: Skipping queue run -- load average too high", LogEvent.QUEUE_RUN),
        (b"NOQUEUE: SYSERR(root): no", LogEvent.ERROR),
        (b"NOQUEUE: connect from a.test [10.0.0.1]", LogEvent.CONNECT),
        (b"6AMJU1Rz001163: collect: premature EOM: unexpected close", LogEvent.WARNING),
        (b"6AMJU1Rz001163: to=<a@b>, delay=00:00:00, stat=Host unknown (no)", LogEvent.BOUNCED),
        (b"6AMJU1Rz001163: to=<a@b>, delay=00:00:00, dsn=4.4.3, stat=queued", LogEvent.QUEUED),
        (b"6AMJU1Rz001163: to=<a@b>, delay=00:00:00, dsn=5.3.5, stat=Local configuration error", LogEvent.BOUNCED),
        (b"6AMJU1Rz001163: to=<a@b>, delay=00:00:00, mailer=esmtp, pri=1, stat=something new", LogEvent.OTHER),
        (b"6AMJU1Rz001163: to=<a@b>, delay=00:00:00, pri=44211, stat=NUL byte not allowed", LogEvent.REJECTED),
        (b"6AMJU1Rz001163: to=<a@b>, delay=00:00:00, pri=30064, stat=lab milter: message refused", LogEvent.REJECTED),
        (b"starting daemon (8.17.1.9): SMTP", LogEvent.OTHER),
        (b"", LogEvent.OTHER),
    ],
)
def test_kinds(body: bytes, event: LogEvent) -> None:
    line = b"Nov 22 19:23:33 sm1 sm-mta[9]: " + body
    assert parser().record(line).event is event
    assert EVENTS[parser().events(line + b"\n")[0]] is event


def test_refusals_tell_whom_and_why() -> None:
    first = one(
        b"6AMJNhah001130: ruleset=check_rcpt, arg1=<x@accept.test>, relay=ops.lab.test [10.77.0.1], "
        b"reject=550 5.7.1 <x@accept.test>... Relaying denied"
    )
    assert (first.recipient, first.client, first.dsn) == (b"x@accept.test", b"ops.lab.test [10.77.0.1]", "5.7.1")
    assert first.result == b"550 5.7.1 <x@accept.test>... Relaying denied"
    failed = one(b"6AMJNiOD001151: AUTH failure (PLAIN): wrong, user=a, relay=x, relay=ops.lab.test [10.77.0.1]")
    assert (failed.auth_user, failed.client) == (b"a, relay=x", b"ops.lab.test [10.77.0.1]")


def test_other_stamps_and_programs() -> None:
    with_zone = log_parser("sm2", Identity("sendmail", "8", (), None, "x", (("zone", "+0100"),)), NOW)
    line = b"Nov 22 19:30:30 sm1 rsyslogd: start"
    assert with_zone.record(line).at == datetime(2026, 11, 22, 18, 30, 30, tzinfo=UTC).timestamp()
    assert with_zone.record(line).program == b"rsyslogd"
    repeated = parser().record(b"Nov 22 19:30:29 sm1 last message repeated 3 times")
    assert (repeated.at_raw, repeated.program, repeated.event) == (b"Nov 22 19:30:29", b"", LogEvent.OTHER)
    odd = parser().record(b"from=<a@b>, without a head\n")
    assert (odd.at, odd.event, odd.text) == (None, LogEvent.OTHER, b"from=<a@b>, without a head")


def test_an_incomplete_last_line_has_no_code() -> None:
    assert len(parser().events(b"a\n\nb")) == 2
    assert parser().events(b"") == b""
