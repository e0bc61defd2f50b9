"""Control files of any bytes: never an exception, never a lost line; what is built is read back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailtui.mta.sendmail import queuefile
from mailtui.mta.sendmail.rows import Directory, RowMaker

HERE = Directory("0", b"/q", "mqueue", None, "ok", "1.1", 2e9)
LINE = st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b"").replace(b"\xff", b""))
TEXT = LINE.map(lambda raw: b"x" + raw)
ADDRESS = LINE.map(lambda raw: b"<" + raw + b"@example.net>")
RECIPIENT = st.tuples(st.none() | TEXT, ADDRESS)


@given(st.binary(max_size=400))
def test_any_bytes_are_read(record: bytes) -> None:
    file = queuefile.parse(record)
    row = queuefile.envelope(record)
    assert len(queuefile.reasons(file)) == len(file.recipients)
    assert [each.address for each in file.recipients] == row.recipients


@given(st.lists(st.sampled_from([b"V", b"T", b"M", b"S", b"R", b"r", b"C", b"H", b"$", b"F", b"%", b"N"]).flatmap(
    lambda code: TEXT.map(lambda text: code + text)), max_size=12, unique=True))  # fmt: skip
def test_no_line_is_lost(lines: list[bytes]) -> None:
    file = queuefile.parse(b"".join(line + b"\n" for line in lines))
    kept = len(file.unknown) + len(file.macros) + len(file.headers) + len(file.recipients)
    kept += sum(each.reason is not None for each in file.recipients)
    kept += sum(each.original is not None for each in file.recipients)
    controlling = sum(line[:1] == b"C" for line in lines)
    single = len({line[:1] for line in lines if line[:1] in b"VTSFN"}) + (file.reason is not None)
    assert kept + single + controlling == len(lines)


@given(
    sender=ADDRESS,
    recipients=st.lists(RECIPIENT, max_size=6),
    headers=st.lists(st.tuples(st.sampled_from([b"Subject", b"X-Odd", b"To"]), TEXT), max_size=4),
    attempts=st.integers(0, 99),
    quarantine=st.none() | TEXT,
)
def test_what_is_written_is_read_back(
    sender: bytes,
    recipients: list[tuple[bytes | None, bytes]],
    headers: list[tuple[bytes, bytes]],
    attempts: int,
    quarantine: bytes | None,
) -> None:
    lines = [b"V8", b"T1795375413", b"K1795375462", b"N%d" % attempts, b"P30000"]
    lines += [b"q" + quarantine] if quarantine is not None else []
    lines += [b"Fbs", b"S" + sender]
    for reason, address in recipients:
        lines += [b"M" + reason] if reason is not None else []
        lines += [b"RPFD:" + address]
    lines += [b"H??" + name + b": " + value for name, value in headers] + [b"."]
    record = b"".join(line + b"\n" for line in lines)
    file = queuefile.parse(record)
    assert file.complete and not file.unknown
    assert file.sender == sender[1:-1]
    assert [(each.reason, b"<" + each.address + b">") for each in file.recipients] == recipients
    assert list(file.headers) == headers
    assert (file.attempts, file.quarantine) == (attempts, quarantine)
    row = queuefile.envelope(record)
    assert row.sender == sender[1:-1]
    assert row == queuefile.envelope(b"%unknown\n" + record), "the fast way reads what the slow one does"
    name = f"{'q' if quarantine is None else 'h'}f6AMJ0AUQ037826"
    body = f"{name} 12 1795375413 300 {len(record)}\n".encode() + record
    maker = RowMaker("h")
    slow = maker.file(HERE, "h:/q:", name, "12.1795375413", 300, record)
    assert list(maker.batch(HERE, body * 2)) == [slow, slow], "one step reads what three do"


HEAD = b"qf6AMJ0AUQ037826 12 1795375413 300 %d\n"
FRONT = b"V8\nT1795375413\nK0\nN0\nFbs\n"
USUAL = FRONT + b"S<a@b>\nRPFD:<c@D>\nH??Subject: x\n.\n"
PIECE = st.sampled_from([
    USUAL, FRONT, HEAD % len(USUAL), b"Mlate\n", b"M\n", b"Mmessage's\n", b"S<a@b>\n", b"RPFD:<c@D>\n", b"R<d@d>\n",
    b"RP:e@\xff\x9fd\n", b"rRFC822; c@d\n", b"C:root\n", b"$_x\n", b"H??Subject: qf1 1 1 1 1\n", b"\tx\n", b"qheld\n",
    b"%odd\n", b".\n", b"\xff", b"qf6AMJ",
])  # fmt: skip
ODD = st.lists(PIECE, max_size=9).map(b"".join)
RECIPIENTS = st.lists(PIECE, max_size=5).map(lambda pieces: FRONT + b"S<a@b>\nRPFD:<c@D>\n" + b"".join(pieces) + b".\n")
RECORD = st.just(USUAL) | ODD | RECIPIENTS | ODD.map(lambda rest: USUAL + rest)


@given(st.lists(RECORD, max_size=6), st.sampled_from([b"qf6AMJ0AUQ037826", b"hf6AMJ0AUQ037826", b"qfodd"]))
def test_what_stands_in_a_file_is_no_file_of_its_own(records: list[bytes], name: bytes) -> None:
    maker = RowMaker("h")
    body = b"".join(name + b" 12 1795375413 -1 %d\n" % len(record) + record for record in records)
    alone = [maker.file(HERE, "h:/q:", name.decode(), "12.1795375413", None, record) for record in records]
    assert list(maker.batch(HERE, body)) == alone


@given(
    st.lists(st.sampled_from([b"Subject: the end.", b"Subject: more\n\tof it.", b"Subject: .", b"X-Y: z"]), max_size=4),
    st.data(),
)
def test_a_file_that_was_cut_is_not_whole_whatever_its_last_line_ends_with(
    headers: list[bytes], data: st.DataObject
) -> None:
    """A full stop ends many a subject; what ends a control file is a line that is nothing else."""
    front = b"V8\nT1795375413\nK0\nN0\nFbs\nS<a@b>\nRPFD:<c@d>\n"
    record = front + b"".join(b"H??" + each + b"\n" for each in headers) + b".\n"
    cut = record[: data.draw(st.one_of(st.just(len(record) - 2), st.integers(0, len(record) - 1)))]
    for raw, unfinished in ((record, 0), (cut, 1)):
        slow = RowMaker("mx1")
        slow.file(HERE, "h:/q:", "qf6AMKAAAA000001", "1.1", 5, raw)
        assert len(slow.unfinished) == unfinished, raw
        fast = RowMaker("mx1")
        (row,) = fast.batch(HERE, b"qf6AMKAAAA000001 1 1 5 %d\n%s" % (len(raw), raw))
        assert (len(fast.unfinished), row.raw) == (unfinished, raw)
