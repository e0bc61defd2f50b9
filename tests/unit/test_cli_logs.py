"""`mailtui logs`: what is asked of hosts, how lines are merged, and following over lost connections."""

import json
from argparse import Namespace
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from mailtui import session
from mailtui.cli import logfollow, logs
from mailtui.errors import AuthenticationFailed, HostError, Unreachable, UsageError
from mailtui.model import LogCursor
from mailtui.mta.contract import LogBlock, LogGap
from mailtui.transport.backoff import Backoff
from tests.unit.cli_world import NOW, Mta, Run, World, run, valid, world

__all__ = ["run", "world"]

PATH = "/var/log/mail.log"


def texts(out: str) -> list[str]:
    """Give the lines of a table without their host."""
    return [line.partition(": ")[2] or line for line in out.splitlines()]


def test_hosts_are_merged_by_time_and_lines_without_time_stay_where_they_were(run: Run, world: World) -> None:
    world.logs = {"mx1": b"1 a\nx untimed\n5 e\n", "mx2": b"2 b\n3 c\n"}
    code, out, _ = run("logs", "mx1", "mx2")
    assert code == 0
    assert texts(out) == ["a", "untimed", "b", "c", "e"]
    assert out.startswith("mx1: ")


def test_the_newest_lines_of_all_hosts(run: Run, world: World) -> None:
    world.logs = {"mx1": b"1 a\n4 d\n", "mx2": b"2 b\n3 c\n"}
    assert texts(run("logs", "mx1", "mx2", "-n", "2")[1]) == ["c", "d"]
    assert world.queries[0].last == 2


def test_without_any_wish_the_newest_hundred(run: Run, world: World) -> None:
    world.logs = {"mx1": b"".join(b"%d line\n" % each for each in range(150))}
    assert len(run("logs", "mx1")[1].splitlines()) == logs.NEWEST


def test_a_filter_runs_here_over_the_last_day(run: Run, world: World) -> None:
    world.logs = {"mx1": b"x yes one\nx no\nx yes two\n"}
    code, out, err = run("logs", "mx1", "--where", "text:yes", "-n", "1")
    assert (code, texts(out)) == (0, ["yes two"])
    assert "24 hours" in err
    query = world.queries[0]
    assert query.last is None
    assert query.since is not None


def test_where_no_line_matches_it_says_so(run: Run, world: World) -> None:
    world.logs = {"mx1": b"1 a\n"}
    assert run("logs", "mx1", "--where", "text:nobody", "--since", "2026-11-22T13:40Z") == (
        0, "", "no log line matches\n",
    )  # fmt: skip
    assert run("logs", "mx1", "--where", "text:nobody", "-q") == (0, "", "")
    assert run("logs", "mx1")[2] == ""


@pytest.mark.parametrize("option", ["--where", "--grep", "--id", "--since", "--until"])
def test_an_empty_wish_is_refused(run: Run, world: World, option: str) -> None:
    world.logs = {"mx1": b"1 a\n"}
    for more in ([], ["-f"]):
        code, out, _ = run("logs", "mx1", option, "", *more)
        assert (code, out, world.opened) == (2, "", [])


def test_pattern_id_and_times_go_to_the_host(run: Run, world: World) -> None:
    world.logs = {"mx1": b""}
    words = ["--grep", "a|b", "--id", "00000000000001", "--since", "2026-11-22T13:40Z", "--until", "2026-11-22T14:40Z"]
    assert run("logs", "mx1", *words)[0] == 0
    query = world.queries[0]
    assert (query.grep, query.id, query.last) == (b"a|b", "00000000000001", None)
    assert (query.until or 0) - (query.since or 0) == 3600


def test_a_host_without_a_readable_log_is_an_error_of_that_host(run: Run, world: World) -> None:
    world.logs = {"mx1": b"1 a\n"}
    code, out, err = run("logs", "mx1", "mx2", "--json")
    assert code == 6
    answer = valid(out, "log")
    assert answer["hosts"][0] == {"host": "mx1", "complete": True}
    assert answer["hosts"][1]["error"]["kind"] == "refused"
    assert "doctor mx2" in err


# --- following ------------------------------------------------------------------------------------------------------


def block(start: int, stop: int) -> LogBlock:
    """Make a block of numbered lines, with the cursor behind it."""
    return LogBlock(PATH, start, b"".join(b"%d line %d\n" % (NOW, each) for each in range(start, stop)),
                    LogCursor(PATH, 1, 2, stop, ""), live=True)  # fmt: skip


class Script:
    """What following gives, connection by connection; notes from where each one went on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *connections: list[LogBlock | LogGap | HostError]) -> None:
        self.connections = list(connections)
        self.cursors: list[int | None] = []
        monkeypatch.setattr(session, "followed", self.followed)
        monkeypatch.setattr(Backoff, "failed", self.failed)

    def failed(self, error: HostError) -> float | None:
        """Wait for no time at all."""
        return None if isinstance(error, AuthenticationFailed) else 0.0

    async def followed(
        self, link: Any, path: str, cursor: LogCursor | None, last: int
    ) -> AsyncGenerator[LogBlock | LogGap]:
        """Stand in for the session's."""
        self.cursors.append(None if cursor is None else cursor.offset)
        if not self.connections:
            raise AuthenticationFailed("no more")
        for each in self.connections.pop(0):
            if isinstance(each, HostError):
                raise each
            yield each


def numbers(out: str) -> list[int]:
    """Give the numbers of the lines printed as JSON."""
    return [int(json.loads(line)["text"].rpartition(" ")[2]) for line in out.splitlines()]


def test_following_goes_on_where_it_was(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.logs = {"mx1": b""}
    script = Script(monkeypatch, [block(0, 3), Unreachable("cut")], [Unreachable("cut")], [block(3, 5)])
    code, out, err = run("logs", "mx1", "-f", "-o", "jsonl")
    assert numbers(out) == [0, 1, 2, 3, 4]
    assert script.cursors[:3] == [None, 3, 3]
    assert "trying again" in err
    assert code == 4  # the script's end


def test_a_gap_is_said_and_following_goes_on(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.logs = {"mx1": b""}
    Script(monkeypatch, [block(0, 1), LogGap(PATH, "rotated \x1b[2J twice"), block(1, 2), AuthenticationFailed("x")])
    _, out, err = run("logs", "mx1", "-f", "-o", "jsonl")
    assert numbers(out) == [0, 1]
    assert "lines may be missing here: rotated <1b>[2J twice" in err


def test_a_first_connection_that_fails_is_not_tried_for_ever(run: Run, world: World) -> None:
    world.errors["mx1"] = Unreachable("no route")
    code, out, err = run("logs", "mx1", "-f")
    assert (code, out) == (3, "")
    assert "no route" in err


def test_one_host_that_fails_stops_no_other(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.logs = {"mx2": b""}
    world.errors["mx1"] = Unreachable("no route")
    Script(monkeypatch, [block(0, 2)])
    code, out, _ = run("logs", "pair", "-f")
    assert texts(out) == ["line 0", "line 1"]
    assert code == 3


def test_following_filters(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.logs = {"mx1": b""}
    Script(monkeypatch, [block(0, 20)])
    assert texts(run("logs", "mx1", "-f", "--where", 'text:"line 1"')[1])[:2] == ["line 1", "line 10"]


def test_offsets_are_those_of_the_file() -> None:
    made = LogBlock(PATH, 100, b"1 b\n\n2 d\n", None, live=True)
    found = logfollow.records_of(made, Mta().log_parser("mx1", None, NOW))
    assert [(each.file, each.offset, each.text) for each in found] == [
        (PATH, 100, b"b"), (PATH, 104, b""), (PATH, 105, b"d"),
    ]  # fmt: skip
    unknown = logfollow.records_of(replace(made, offset=-1), Mta().log_parser("mx1", None, NOW))
    assert [each.offset for each in unknown] == [None, None, None]


def test_a_follow_that_takes_too_long_to_connect(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    async def stuck(link: Any) -> tuple[str, ...]:
        await asyncio.Event().wait()
        return ()

    monkeypatch.setattr("mailtui.logsearch.paths_of", stuck)
    code, _, err = run("logs", "mx1", "-f", "--timeout", "0.01")
    assert code == 3
    assert "did not answer within" in err


@pytest.mark.parametrize("pattern", ["", "a\nb", "a\0b"])
def test_a_pattern_is_one_line(pattern: str) -> None:
    args = Namespace(since=None, until=None, grep=pattern, where=None, id=None, last=None)
    with pytest.raises(UsageError):
        logs.query_of(args, NOW)
