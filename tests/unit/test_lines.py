import tracemalloc

from mailtui.parsing.lines import CUT, LONGEST, Lines, LineSplitter


def test_lines_come_when_complete() -> None:
    splitter = LineSplitter(offset=100)
    assert splitter.feed(b"one\ntw") == [Lines(100, b"one\n", 104)]
    assert splitter.pending == 2
    assert splitter.feed(b"o\n") == [Lines(104, b"two\n", 108)]
    assert splitter.offset == 108
    assert splitter.tail == b"one\ntwo\n"


def test_nul_and_carriage_return_stay() -> None:
    assert LineSplitter().feed(b"a\0b\rc\x0b\n") == [Lines(0, b"a\0b\rc\x0b\n", 7)]


def test_a_long_line_is_cut_and_offsets_stay_right() -> None:
    long = b"x" * (LONGEST + 5)
    stream = b"first\n" + long + b"\nlast\n"
    cut = long[:LONGEST] + CUT + b"\n"
    whole = LineSplitter().feed(stream)
    assert b"".join(block.data for block in whole) == b"first\n" + cut + b"last\n"
    assert whole[-1] == Lines(6 + len(long) + 1, b"last\n", len(stream))

    splitter = LineSplitter()
    pieces = [block for at in range(0, len(stream), 1000) for block in splitter.feed(stream[at : at + 1000])]
    assert b"".join(block.data for block in pieces) == b"first\n" + cut + b"last\n"
    assert pieces[-1] == whole[-1]
    assert splitter.tail == stream[-256:]


def test_a_line_of_exactly_the_longest_length_is_whole() -> None:
    line = b"x" * LONGEST + b"\n"
    assert LineSplitter().feed(line) == [Lines(0, line, len(line))]
    splitter = LineSplitter()
    assert splitter.feed(line[:-1]) == []
    assert splitter.feed(b"\n") == [Lines(0, line, len(line))]


def test_a_line_of_5_mb_takes_little_memory() -> None:
    splitter = LineSplitter()
    tracemalloc.start()
    for _ in range(5 * 1024):
        assert splitter.feed(b"y" * 1024) == []
    blocks = splitter.feed(b"\nnext\n")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1024 * 1024
    assert [len(block.data) for block in blocks] == [LONGEST + len(CUT) + 1, 5]
    assert blocks[1].offset == 5 * 1024 * 1024 + 1


def test_finish_completes_the_open_line() -> None:
    splitter = LineSplitter()
    splitter.feed(b"a\nb")
    assert splitter.finish() == [Lines(2, b"b\n", 3)]
    assert splitter.finish() == []
    assert splitter.feed(b"c\n") == [Lines(3, b"c\n", 5)]


def test_the_tail_knows_what_stood_before() -> None:
    splitter = LineSplitter(offset=1000, before=b"z" * 300)
    assert splitter.tail == b"z" * 256
    splitter.feed(b"ab\ncd")
    assert splitter.tail == b"z" * 253 + b"ab\n"
