"""Lines and log records from bytes in any split: nothing is lost, nothing raises, events and records agree."""

from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from mailtui.model import LogEvent
from mailtui.mta.sendmail.log import log_parser
from mailtui.parsing.lines import LineSplitter
from mailtui.parsing.syslog import Stamps, split_head

CORPUS = Path(__file__).parent.parent / "corpus" / "sendmail"
LINES = [line for file in sorted(CORPUS.glob("log-*.txt")) for line in file.read_bytes().split(b"\n")[:-1]]
EVENTS = tuple(LogEvent)

PIECES = [
    b"to=",
    b"from=",
    b"<a@b>",
    b'<"x, y"@z>',
    b", ",
    b",",
    b"delay=",
    b"00:00:01",
    b"dsn=",
    b"4.7.1",
    b"2.0.0",
    b"reply=",
    b"stat=",
    b"Sent",
    b"Deferred: ",
    b"queued",
    b"relay=",
    b"h [10.0.0.1]",
    b"size=1",
    b"class=0",
    b"nrcpts=",
    b"0",
    b"2",
    b"msgid=",
    b"ruleset=check_rcpt",
    b"arg1=",
    b"reject=",
    b"quarantine=",
    b"discard",
    b"STARTTLS=server",
    b"AUTH=server",
    b"AUTH failure (X): ",
    b"user=",
    b"Milter: ",
    b"Milter (m) add",
    b"6AMJU1Rz001163: ",
    b"DSN: ",
    b"... ",
    b'"',
    b"<",
    b">",
    b"\\",
    b"xdelay=",
    b"mailer=x",
    b"pri=1",
    b"ctladdr=",
    b"sn=4.1.1, ",
    b"ts=1",
    b"t=",
    b"\x00",
    b"\xff",
    b"\r",
    b" ",
]
BODIES = st.lists(st.sampled_from(PIECES) | st.binary(max_size=4), max_size=24).map(b"".join)
HEADS = st.sampled_from(
    [b"Nov 22 19:23:33 sm1 sm-mta[9]: ", b"Nov 22 19:23:33 sm1 x: ", b"2026-11-22T19:23:33Z h p[1]: ", b""]
)
IDS = st.sampled_from([b"6AMJU1Rv001153: ", b"NOQUEUE: ", b""])
MADE = st.tuples(HEADS, IDS, BODIES).map(b"".join).map(lambda line: line.replace(b"\n", b""))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    line = draw(st.sampled_from(LINES))
    at = draw(st.integers(0, len(line)))
    drop = draw(st.integers(0, 5))
    return (line[:at] + draw(st.sampled_from(PIECES)) + line[at + drop :]).replace(b"\n", b"")


@example(
    [b"Nov 22 19:23:33 sm1 sm-mta[9]: 6AMJU1Rv001153: " + body for body in (b"ts=1", b"t=", b"sn=4", b"AUTH", b"")]
)
@given(st.lists(MADE | mutated() | st.binary(max_size=80).map(lambda line: line.replace(b"\n", b"")), max_size=6))
def test_events_and_records_agree_and_keep_every_line(lines: list[bytes]) -> None:
    block = b"".join(line + b"\n" for line in lines)
    parser = log_parser("h", None, 1.8e9)
    codes = parser.events(block)
    records = [parser.record(line) for line in lines]
    assert [record.text for record in records] == lines
    assert [EVENTS[code] for code in codes] == [record.event for record in records]


@given(st.lists(st.binary(max_size=40), max_size=12), st.binary(max_size=300))
def test_any_split_gives_the_same_lines(pieces: list[bytes], before: bytes) -> None:
    stream = b"".join(pieces)
    splitter = LineSplitter(1000, before)
    blocks = [block for piece in pieces for block in splitter.feed(piece)]
    end = stream.rfind(b"\n") + 1
    assert b"".join(block.data for block in blocks) == stream[:end]
    position = 1000
    for block in blocks:
        assert block.offset == position
        assert block.data == stream[position - 1000 : block.end - 1000]
        position = block.end
    assert splitter.offset == 1000 + end
    assert splitter.tail == (before + stream[:end])[-256:]
    assert splitter.pending == len(stream) - end
    assert b"".join(block.data for block in splitter.finish()) == (stream[end:] + b"\n" if stream[end:] else b"")


@given(st.binary(max_size=60))
def test_heads_and_stamps_never_raise(line: bytes) -> None:
    split_head(line)
    Stamps(1.8e9).read(line)
