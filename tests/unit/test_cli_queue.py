"""`mailtui queue`: which messages, in which order, grouped how."""

import json
from dataclasses import replace
from typing import Any

import pytest

from mailtui.cli import ids, sample
from mailtui.config import Host
from mailtui.errors import Refused, UsageError
from mailtui.model import LogEvent, QueueState, Recipient, RecipientState
from tests.unit.cli_world import NOW, Run, World, message, nothing_known, record, run, valid, world

__all__ = ["run", "world"]


def listed(run: Run, *words: str) -> list[dict[str, Any]]:
    """Give the messages of a listing in the order of its lines."""
    code, out, _ = run("queue", "list", *words, "-o", "jsonl")
    assert code == 0
    return [json.loads(line) for line in out.splitlines()]


def test_the_oldest_comes_first(run: Run) -> None:
    assert [each["age"] for each in listed(run, "mx1")] == [360, 300, 240, 180, 120, 60]


def test_sorting_goes_over_all_hosts_and_what_has_no_value_comes_last(run: Run, world: World) -> None:
    world.messages["mx2"] = [message("mx2", 9, size=None), message("mx2", 8, size=1)]
    assert [each["size"] for each in listed(run, "pair", "--sort", "size")] == [1, *range(1000, 7000, 1000), None]
    assert [each["size"] for each in listed(run, "pair", "--sort", "-size")] == [*range(6000, 0, -1000), 1, None]


@pytest.mark.parametrize(
    "field", ["age", "attempts", "domain", "from", "host", "id", "nrcpt", "queue", "reason", "size", "state", "to"]
)
def test_every_sort_field_sorts(run: Run, field: str) -> None:
    assert len(listed(run, "pair", "--sort", field)) == 7
    assert len(listed(run, "pair", "--sort", f"-{field}")) == 7


def test_limit_is_for_all_hosts_together_and_total_counts_all(run: Run, world: World) -> None:
    world.messages["mx2"] = [message("mx2", 10)]
    answer = valid(run("queue", "list", "pair", "--limit", "2", "--json")[1], "queue")
    assert [(host["host"], host["total"], len(host["messages"])) for host in answer["hosts"]] == [
        ("mx1", 6, 1),
        ("mx2", 1, 1),
    ]


def test_where_selects_by_any_recipient(run: Run) -> None:
    assert [each["id"][-1] for each in listed(run, "mx1", "--where", "domain=two.example")] == ["6", "3"]
    assert listed(run, "mx1", "--where", "domain=nowhere.example") == []


def test_where_that_matches_nothing_is_no_failure(run: Run) -> None:
    code, out, _ = run("queue", "count", "mx1", "--where", "from:nobody", "--json")
    assert code == 0
    assert valid(out, "count")["hosts"][0]["total"] == 0


@pytest.mark.parametrize("words", [["list", "mx1"], ["count", "mx1"], ["group", "mx1", "--by", "sender"]])
def test_where_that_matches_nothing_says_so(run: Run, words: list[str]) -> None:
    code, out, err = run("queue", *words, "--where", "from:nobody")
    assert (code, err) == (0, "no message matches the filter\n")
    assert run("queue", *words, "--where", "from:nobody", "-q") == (0, out, "")
    assert run("queue", *words)[2] == ""


@pytest.mark.parametrize("words", [["list", "mx1"], ["count", "mx1"], ["group", "mx1", "--by", "sender"]])
@pytest.mark.parametrize("where", ["", "  "])
def test_an_empty_filter_is_refused(run: Run, world: World, words: list[str], where: str) -> None:
    code, out, err = run("queue", *words, "--where", where)
    assert (code, out, world.opened) == (2, "", [])
    assert "a word or field is expected here" in err


def test_the_cure_for_a_sort_field_is_no_field(run: Run) -> None:
    err = run("queue", "list", "mx1", "--sort", "foo")[2]
    assert "cannot sort by 'foo'" in err
    assert "-foo" not in err


def test_a_key_of_another_host_is_named_so(run: Run, world: World) -> None:
    key = "mx1:/var/spool/mqueue:00000000000001"
    code, _, err = run("queue", "show", "mx2", key)
    assert (code, world.opened) == (2, [])
    assert "that is a key of mx1, not of mx2" in err
    assert f"mailtui queue show mx1 {key}" in err


def test_an_id_is_held_against_no_pattern_where_no_adapter_is_installed(world: World) -> None:
    sendmail, postfix = Host(name="a"), Host(name="b", mta="postfix")
    assert ids.check_id("4Yx2", [postfix]) == "4Yx2"
    with pytest.raises(UsageError):
        ids.check_id("4Yx2", [sendmail, postfix])


def test_ages_are_those_of_the_reading(run: Run) -> None:
    host = valid(run("queue", "list", "mx1", "--json")[1], "queue")["hosts"][0]
    assert host["taken_at"] == "2026-11-18T11:06:40Z"
    assert host["messages"][-1]["arrived_at"] == "2026-11-18T11:05:40Z"


def test_count_takes_the_oldest_of_waiting_mail_alone(run: Run, world: World) -> None:
    world.messages["mx1"] = [
        message("mx1", 1),
        message("mx1", 2),
        message("mx1", 100, state=QueueState.HELD),
        message("mx1", 200, state=QueueState.LOST, arrived_at=None),
    ]
    host = valid(run("queue", "count", "mx1", "--json")[1], "count")["hosts"][0]
    assert host["states"] == {"active": 0, "queued": 1, "deferred": 1, "held": 1, "lost": 1}
    assert (host["total"], host["oldest_age"]) == (4, 120)


def groups(run: Run, *words: str) -> dict[str, dict[str, Any]]:
    """Give the groups by value."""
    code, out, _ = run("queue", "group", *words, "--json")
    assert code == 0
    return {each["value"]: each for each in valid(out, "groups")["groups"]}


def test_a_message_counts_in_each_of_its_domains(run: Run, world: World) -> None:
    extra = tuple(Recipient(b"a%d@TWO.example" % each, RecipientState.PENDING) for each in range(3))
    world.messages["mx2"] = [message("mx2", 7, recipients=extra, size=None)]
    found = groups(run, "pair", "--by", "domain")
    assert list(found) == ["one.example", "two.example"]
    assert (found["one.example"]["count"], found["one.example"]["recipients"]) == (6, 6)
    assert (found["two.example"]["count"], found["two.example"]["recipients"]) == (3, 5)
    assert found["two.example"]["hosts"] == ["mx1", "mx2"]
    assert found["two.example"]["size"] == 9000


def test_ages_fall_into_classes(run: Run, world: World) -> None:
    world.messages["mx1"] = [
        message("mx1", each, arrived_at=at)
        for each, at in enumerate([NOW, NOW - 300, NOW - 301, NOW - 1280 * 60, NOW - 1281 * 60, None], 1)
    ]
    found = groups(run, "mx1", "--by", "host")["mx1"]
    assert {name: count for name, count in found["ages"].items() if count} == {
        "5m": 2, "10m": 1, "1280m": 1, "older": 1, "unknown": 1,
    }  # fmt: skip
    assert list(groups(run, "mx1", "--by", "age")) == ["5m", "10m", "1280m", "older", "unknown"]
    table = run("queue", "group", "mx1", "--by", "host", "--matrix")[1].splitlines()
    assert table[0].split() == ["TOTAL", *found["ages"], "HOST"] or table[0].split()[1:4] == ["5m", "10m", "20m"]


def test_groups_by_reason_are_the_raw_texts(run: Run) -> None:
    found = groups(run, "mx1", "--by", "reason")
    assert {value: each["count"] for value, each in found.items()} == {"450 4.7.1 greylisted": 3, "": 3}


def test_groups_name_what_has_no_value(run: Run) -> None:
    assert "(none)" in run("queue", "group", "mx1", "--by", "reason")[1]
    assert "<>" in run("queue", "group", "mx1", "--by", "sender")[1]
    assert "client.example [192.0.2.1]" in groups(run, "mx1", "--by", "client")


def test_provider_is_not_yet(run: Run) -> None:
    code, _, err = run("queue", "group", "mx1", "--by", "provider")
    assert code == 2
    assert "not yet" in err


def test_show_tells_a_person_all(run: Run, world: World) -> None:
    world.logs["mx1"] = b"1795000000 stat=Deferred\n"
    code, out, _ = run("queue", "show", "mx1", "00000000000003")
    assert code == 0
    for told in ("00000000000003 on mx1", "r3@one.example", "other@two.example", "Subject: Hello"):
        assert told in out
    assert "<>" in out


def test_show_without_a_readable_log_says_so(run: Run, world: World) -> None:
    code, out, err = run("queue", "show", "mx1", "00000000000003", "--json")
    assert code == 0
    assert valid(out, "message")["log"] is None
    assert "mx1: no log lines" in err


def test_show_of_a_host_that_fails(run: Run, world: World) -> None:
    world.errors["mx1"] = Refused("no")
    assert run("queue", "show", "mx1", "00000000000003")[0] == 5


def test_table_aligns_and_colours_only_when_asked(run: Run, world: World) -> None:
    world.messages["mx1"] = [replace(message("mx1", 1), sender="名前@x.example".encode(), state=QueueState.LOST)]
    plain = run("queue", "list", "mx1")[1]
    assert "\x1b" not in plain
    assert "\x1b[31mlost" in run("queue", "list", "mx1", "--color", "always")[1]
    heading, line = plain.splitlines()
    wide = sum(2 if ord(char) > 0x2E80 else 1 for char in line[: line.index("r1@one")])
    assert wide == heading.index("TO")


def test_no_color_is_heeded(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICOLOR_FORCE", "1")
    assert "\x1b[" in run("queue", "list", "mx1")[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in run("queue", "list", "mx1")[1]


# --- stats ----------------------------------------------------------------------------------------------------------


def stats_of(run: Run) -> dict[str, Any]:
    """Sample the first host."""
    code, out, _ = run("stats", "mx1", "--json")
    assert code == 0
    found: dict[str, Any] = valid(out, "stats")["hosts"][0]
    return found


def test_queue_and_rates_are_read_where_the_sample_leaves_them_open(run: Run, world: World) -> None:
    world.stats = nothing_known()
    world.missing = ("half of it",)
    world.logs["mx1"] = b"%d old\n%d sent\n%d sent\n" % (NOW - 1000, NOW - 200, NOW - 100)
    world.mta.events = {b"sent": LogEvent.SENT, b"old": LogEvent.SENT}
    host = stats_of(run)
    assert (host["queue"]["total"], host["queue"]["complete"], host["queue"]["oldest_age"]) == (6, False, 360)
    assert host["rates"] == {"received": 0, "delivered": 0.4, "deferred": 0, "bounced": 0, "rejected": 0}
    assert (world.queries[0].since, world.queries[0].last) == (NOW + 0.2 - 300, 5000)


def test_a_whole_listing_tells_more_of_the_queue_than_the_sample(run: Run, world: World) -> None:
    host = stats_of(run)
    assert (host["queue"]["total"], host["queue"]["oldest_age"]) == (6, 360)


def test_what_the_sample_tells_is_not_replaced_by_less(run: Run, world: World) -> None:
    world.logs["mx1"] = b""
    world.missing = ("half of it",)
    host = stats_of(run)
    assert host["queue"]["held"] == 3
    assert host["rates"]["received"] == 1.5


def test_rates_without_a_readable_log_are_not_known(run: Run, world: World) -> None:
    world.stats = nothing_known()
    assert set(stats_of(run)["rates"].values()) == {None}


def test_rates_of_a_busy_log_are_over_the_time_its_lines_cover() -> None:
    found = [record("mx1", NOW - 50 + each / 100, b"") for each in range(sample.LINES)]
    busy = [replace(each, event=LogEvent.DEFERRED) for each in found]
    assert sample.per_minute(busy, NOW).deferred == sample.LINES * 60 / 50


def test_a_table_tells_seconds_and_json_the_whole_time(run: Run, world: World) -> None:
    world.stats = replace(world.stats, taken_at=NOW + 0.123456)
    assert "taken     2026-11-18T11:06:40Z\n" in run("stats", "mx1")[1]
    assert stats_of(run)["taken_at"] == "2026-11-18T11:06:40.123456Z"
