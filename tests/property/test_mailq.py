"""Listings of any bytes in any split: the same records, never an exception, never a lost line."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mailtui.mta.sendmail import mailq

CORPUS = Path(__file__).parent.parent / "corpus" / "sendmail"
LISTINGS = [
    (CORPUS / name).read_bytes() for name in ("sm2-bp-v.txt", "mailq-Ac.txt", "unlocked-rm.txt", "mailq-qL.txt")
]
PIECE = st.sampled_from([
    b"\t\t/var/spool/mqueue (2 requests)\n", b"-----Q-ID----- --Size-- x\n", b"6AMJNXAx000136", b"*", b"X", b" ",
    b"       6 Sun Nov 22 19:23 <a@b>\n", b"       6      30059+Nov 22 19:23 <a@b>\n", b"     QUARANTINE: x\n",
    b"                 (Deferred: y)\n", b"\t\t\t\t\t\t<c@d>\n", b"\t\t (own)\n", b"  (no control file)\n", b"\n",
    b"readqf: cannot open\n", b"/var/spool/mqueue is empty\n", b"\t\tTotal requests: 2\n", b"\xff\x00\x1b[2J",
])  # fmt: skip


def lines_of(parser: mailq.MailqParser, records: list[mailq.MailqRecord]) -> int:
    return sum(record.raw.count(b"\n") + 1 for record in records) + len(parser.stray)


@given(st.lists(PIECE | st.binary(max_size=20), max_size=20).map(b"".join))
def test_any_bytes_are_read_and_kept(data: bytes) -> None:
    parser = mailq.MailqParser()
    records = parser.feed(data) + parser.close()
    for record in records:
        entry = mailq.entry(record.raw)
        assert entry is not None
        mailq.arrival(entry.date, entry.id, 1795400000.0, 0.0)
    known = (b"\t\t/", b"\t\tT", b"-", b"/", b"M")
    expected = [line for line in data.split(b"\n") if line]
    assert lines_of(parser, records) >= sum(not line.startswith(known) for line in expected)


@settings(max_examples=50)
@given(st.sampled_from(LISTINGS), st.lists(st.integers(0, 6000), max_size=8).map(sorted))
def test_any_split_gives_the_same(data: bytes, cuts: list[int]) -> None:
    whole = mailq.MailqParser()
    expected = whole.feed(data) + whole.close()
    parser = mailq.MailqParser()
    edges = [0, *cuts, len(data)]
    got = [record for start, end in pairwise(edges) for record in parser.feed(data[start:end])]
    assert got + parser.close() == expected
    assert (parser.directories, parser.total, parser.stray) == (whole.directories, whole.total, whole.stray)
