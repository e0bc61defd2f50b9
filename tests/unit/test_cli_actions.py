"""`mailtui queue retry|hold|release|delete|bounce|flush`: what is refused, asked, done, told, and how it ends."""

import asyncio
import io
import json
import os
import shlex
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from mailtui import actions
from mailtui.cli import acting, say, selection
from mailtui.cli.select import Reading
from mailtui.clock import SYSTEM
from mailtui.errors import AuthenticationFailed, HostError, HostKeyRefused, NoMta, Refused, Unreachable
from mailtui.model import (
    CAPABILITIES,
    Acted,
    Hold,
    HoldBy,
    Identity,
    Message,
    Order,
    Outcome,
    QueueListing,
    QueueState,
    Recipient,
    RecipientState,
)
from mailtui.session import gate_of
from tests.unit.cli_world import ESCAPES, NASTY, NOW, FakeLink, Run, World, message, row, run, valid, world

__all__ = ["run", "world"]

ONE, TWO = (f"{number:014d}" for number in (1, 2))
IDENTITY = Identity("sendmail", "8.17.1", ("mta",), None, "oncall")
KEY = f"mx1:/var/spool/mqueue:{ONE}"
VERBS = ["retry", "hold", "release", "delete", "bounce"]


@pytest.fixture(autouse=True)
def rights(world: World) -> None:
    """Let the login do everything, unless a test takes a right away."""
    world.rights = frozenset(CAPABILITIES)


class Terminal(io.StringIO):
    """A terminal on which something is typed."""

    def isatty(self) -> bool:
        return True


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Put somebody at the terminal who types this."""
    monkeypatch.setattr(sys, "stdin", Terminal(text))


def hosts(run: Run, *words: str) -> tuple[int, list[dict[str, Any]], str]:
    """Run an action with JSON; gives its exit code, hosts and stderr."""
    code, out, err = run(*words, "--json")
    return code, valid(out, "action")["hosts"], err


def journal(run: Run) -> list[dict[str, Any]]:
    """Give what the journal holds."""
    found: list[dict[str, Any]] = valid(run("journal", "--json")[1], "journal")["records"]
    return found


# --- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "text",
    ["ALL", "a;id", "$(x)", "../x", "x" * 300, f"{ONE}\n-d\nALL", f"{ONE}\n", "", "x" * 11, "x" * 21, "mx1:ALL",
     "mx1:/var/spool/mqueue:../x", f"mx1:/var\n/x:{ONE}", f"mx1:{ONE}", f"mx9:/q:{ONE}", "\x1b[2J", "@none",
     "mx2", f"mx2:/var/spool/mqueue:{ONE}", "requeue", "００００００００００００００"],
)  # fmt: skip
def test_a_word_that_names_nothing_is_refused_before_any_connection(
    run: Run, world: World, verb: str, text: str
) -> None:
    code, out, err = run("queue", verb, "mx1", ONE, "--yes", "--", text)
    assert (code, out) == (2, "")
    assert world.opened == []
    assert err
    assert not ESCAPES.search(err.replace("\n", ""))


def test_the_word_that_is_wrong_is_named(run: Run) -> None:
    assert (
        "'a;id' is no host, group or @tag, and neither a key nor an id"
        in run("queue", "hold", "mx1", "a;id", "--yes")[2]
    )
    assert "'mx9' is no host" in run("queue", "hold", "mx9", ONE, "--yes")[2]
    assert "mx2 stands behind a message" in run("queue", "hold", "mx1", ONE, "mx2", "--yes")[2]
    assert "mx2, which is not named" in run("queue", "hold", "mx1", f"mx2:/q:{ONE}", "--yes")[2]


@pytest.mark.parametrize("words", [["mx1", "-d"], [], ["mx1"], ["mx1", "--where", "nosuch:x"], ["mx1", ONE, "--max", "0"],
    ["mx1", ONE, "--pace", "fast"], ["mx1", ONE, "--wait", "soon"], [ONE]])  # fmt: skip
def test_wrong_command_lines_are_refused_before_any_connection(run: Run, world: World, words: list[str]) -> None:
    code, out, _ = run("queue", "delete", *words, "--yes")
    assert (code, out, world.opened) == (2, "", [])


def test_an_empty_selection_never_means_all(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = run("queue", "delete", "mx1", "--yes")
    assert code == 2
    assert "never means all" in err
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n  \n"))
    assert run("queue", "delete", "mx1", "-", "--yes")[0] == 2
    assert world.opened == []


def test_groups_and_tags_are_hosts(run: Run, world: World) -> None:
    world.messages["mx3"] = [message("mx3", 9)]
    code, found, _ = hosts(run, "queue", "retry", "every", "--where", "state=deferred", "--yes")
    assert [(each["host"], each["counts"]["done"]) for each in found] == [("mx1", 3), ("mx2", 0), ("mx3", 1)]
    assert code == 6  # mx2 is read-only
    assert "error" in found[1]


def test_ids_and_keys_come_from_standard_input(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{KEY}\n{TWO}\r\n\n{ONE}\n"))
    code, (host,), _ = hosts(run, "queue", "retry", "mx1", "-", "--yes")
    assert code == 0
    assert sorted(each["id"] for each in host["outcomes"]) == [ONE, TWO]
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{ONE}\nALL\n"))
    assert run("queue", "retry", "mx1", "-", "--yes")[0] == 2
    assert len(world.acts) == 1


# --- selection ------------------------------------------------------------------------------------------------------


def test_a_filter_that_matches_nothing_does_nothing_and_says_so(run: Run, world: World) -> None:
    code, (host,), err = hosts(run, "queue", "delete", "mx1", "--where", "from:nobody", "--yes")
    assert (code, host["outcomes"], set(host["counts"].values())) == (0, [], {0})
    assert "no message matches the filter" in err
    assert (world.acts, journal(run)) == ([], [])


def test_an_id_of_several_messages_is_refused_with_the_keys(run: Run, world: World) -> None:
    world.messages["mx3"] = [message("mx3", 1)]
    world.messages["mx1"].append(message("mx1", 1, key=f"mx1:/var/spool/two:{ONE}", directory=b"/var/spool/two"))
    code, out, err = run("queue", "delete", "mx1", "mx3", ONE, "--yes")
    assert (code, out, world.acts) == (2, "", [])
    for key in (KEY, f"mx1:/var/spool/two:{ONE}", f"mx3:/var/spool/mqueue:{ONE}"):
        assert f"  {key}\n" in err
    code, found, _ = hosts(run, "queue", "delete", "mx1", "mx3", KEY, "--yes")
    assert code == 0
    assert [len(each["outcomes"]) for each in found] == [1, 0]


def test_what_is_not_there_is_told(run: Run, world: World) -> None:
    gone = "99999999999999"
    code, (host,), _ = hosts(run, "queue", "retry", "mx1", gone, "--yes")
    assert code == 1
    told = {"id": gone, "key": None, "outcome": "skipped", "code": "gone", "detail": "it is not in the queue of mx1"}
    assert host["outcomes"] == [told]
    code, (host,), _ = hosts(run, "queue", "retry", "mx1", gone, ONE, "--yes")
    assert code == 6
    assert host["counts"] == {"done": 1, "skipped": 1, "failed": 0, "unknown": 0}


def test_an_id_that_is_on_one_host_is_not_missed_on_another(run: Run, world: World) -> None:
    world.messages["mx3"] = [message("mx3", 9)]
    code, found, _ = hosts(run, "queue", "retry", "mx1", "mx3", ONE, "--yes")
    assert (code, [len(each["outcomes"]) for each in found]) == (0, [1, 0])


def test_names_and_a_filter_together_act_on_what_both_mean(run: Run, world: World) -> None:
    code, (host,), _ = hosts(run, "queue", "retry", "mx1", ONE, TWO, "--where", "state=deferred", "--yes")
    assert code == 0
    assert [(each["id"], each["outcome"], each["code"]) for each in host["outcomes"]] == [
        (TWO, "skipped", "outside-filter"), (ONE, "done", "requested"),
    ]  # fmt: skip


def test_a_plan_of_more_than_max_messages_is_refused(run: Run, world: World) -> None:
    code, out, err = run("queue", "delete", "mx1", "--where", "state=deferred", "--max", "2", "--yes")
    assert (code, out, world.acts) == (2, "", [])
    assert "3 messages, more than --max 2" in err
    assert run("queue", "retry", "mx1", "--where", "state=deferred", "--max", "3", "--yes")[0] == 0


# --- recipients outside the filter ----------------------------------------------------------------------------------


def test_messages_with_other_recipients_are_left_alone_unless_whole(run: Run, world: World) -> None:
    code, (host,), _ = hosts(run, "queue", "delete", "mx1", "--where", "domain=two.example", "--yes")
    assert code == 1
    assert {each["code"] for each in host["outcomes"]} == {"outside-filter"}
    assert host["outside"] == {"messages": 2, "recipients": 2, "samples": ["r3@one.example", "r6@one.example"]}
    assert world.acts == []
    code, (host,), _ = hosts(
        run, "queue", "delete", "mx1", "--where", "domain=two.example", "--whole-messages", "--yes"
    )
    assert (code, host["counts"]["done"]) == (0, 2)


def test_retry_takes_every_message_that_any_recipient_matches(run: Run) -> None:
    code, (host,), _ = hosts(run, "queue", "retry", "mx1", "--where", "domain=two.example", "--yes")
    assert (code, host["counts"]["done"]) == (0, 2)


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("state=deferred", 0),
        ("nrcpt>1", 0),
        ("to:other", 1),
        ("domain=two.example", 1),
        ("domain=.example", 0),
        ("to:r3 or to:other", 0),
        ("other@two", 1),
        ("from:nobody or to:@two.example", 1),
        ("nrcpt=2 to:@one.example", 1),
        ("reason:greylisted", 0),
    ],
)
def test_recipients_are_counted_one_by_one(where: str, count: int) -> None:
    found = message("mx1", 3)
    assert others(found, where)(row(found)) == count


def others(found: Message, where: str) -> selection.Others:
    """Count the recipients of a message for a filter."""
    listing = QueueListing(NOW, True, (), (row(found),))
    return selection.Others(Reading("mx1", IDENTITY, listing, lambda wanted: found), where)  # fmt: skip


def test_a_recipient_with_a_reason_of_its_own_may_be_outside() -> None:
    both = (
        Recipient(b"a@one.example", RecipientState.DEFERRED, b"452 full"),
        Recipient(b"b@one.example", RecipientState.DEFERRED, b"451 try later"),
        Recipient(b"c@one.example", RecipientState.DONE),
    )
    found = message("mx1", 3, recipients=both, reason=b"452 full")
    counting = others(found, "reason:full")
    assert counting(row(found)) == 1
    assert list(counting.addresses.values()) == [(b"b@one.example",)]


def test_recipients_that_could_not_be_read_count_where_the_filter_asks_for_them() -> None:
    found = message("mx1", 1, recipients_complete=False)
    assert others(found, "domain=one.example")(row(found)) == 1
    assert others(found, "state=deferred")(row(found)) == 0


# --- consent --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [*([verb, "mx1", ONE] for verb in VERBS), ["flush", "mx1"]])
def test_without_a_terminal_yes_is_needed(run: Run, world: World, words: list[str]) -> None:
    code, out, err = run("queue", *words)
    assert (code, out, world.opened) == (2, "", [])
    assert "--yes" in err


def test_no_input_asks_nothing_at_a_terminal_either(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, "y\n")
    code, _, err = run("queue", "retry", "mx1", ONE, "--no-input")
    assert (code, world.opened) == (2, [])
    assert "--no-input forbids" in err


def test_the_plan_card_is_shown_and_asked_about(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, "y\n")
    world.messages["mx1"][0] = message("mx1", 1, sender=NASTY, recipients=(Recipient(NASTY, RecipientState.PENDING),))
    code, out, err = run("queue", "hold", "mx1", "--where", "state=deferred")
    assert code == 0
    for told in (
        "hosts      mx1 (3)", "messages   3, 8.8K, to 3 domains", "senders    ", "<> (1)", "oldest     ", f"sample     {ONE} ",
        "sample     00000000000003 <> -> r3@one.example", f"command    /usr/sbin/fake hold {ONE}", "Hold 3 messages on mx1? Type y",
    ):  # fmt: skip
        assert told in err
    assert not ESCAPES.search((out + err).replace("\n", ""))
    assert [each[1] for each in world.acts] == ["hold"]


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "mx1 3\n", "yess\n"])
def test_any_other_answer_changes_nothing(run: Run, world: World, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    type_in(monkeypatch, answer)
    code, out, err = run("queue", "retry", "mx1", "--where", "state=deferred")
    assert (code, out, world.acts) == (1, "", [])
    assert "nothing was done" in err
    assert journal(run) == []


@pytest.mark.parametrize(("answer", "code"), [("y\n", 1), ("mx1 2\n", 1), ("mx1 3\n", 0)])
def test_what_cannot_be_undone_wants_host_and_count_typed(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    world.messages["mx1"] = [message("mx1", number) for number in (1, 2, 4)]
    type_in(monkeypatch, answer)
    got, _, err = run("queue", "bounce", "mx1", "--where", "domain=one.example")
    assert got == code
    assert len(world.acts) == 1 - code
    assert "Type mx1 3 to go on" in err
    assert "strangers  3" in err


def test_a_card_tells_what_is_left_out_taken_along_and_expired(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "n\n")
    world.messages["mx1"].append(message("mx1", 7, recipients=(Recipient(b"x@two.example", RecipientState.PENDING),)))
    err = run("queue", "delete", "mx1", "--where", "domain=two.example")[2]
    assert "left out   2 messages" in err
    type_in(monkeypatch, "n\n")
    err = run("queue", "delete", "mx1", "--where", "domain=two.example", "--whole-messages")[2]
    assert "beyond     2 recipients" in err
    held = {"state": QueueState.HELD, "hold": Hold(HoldBy.OPERATOR, b"x"), "expires_at": NOW - 1}
    world.messages["mx1"] = [message("mx1", 8, **held)]
    type_in(monkeypatch, "n\n")
    assert "expired    1 are past their lifetime" in run("queue", "release", "mx1", "--where", "state=held")[2]


def test_the_connection_of_the_plan_is_that_of_the_act(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, "y\n")
    assert run("queue", "retry", "mx1", ONE)[0] == 0
    assert world.opened == ["mx1"]


def test_an_old_plan_is_not_carried_out(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "VALID", -1.0)
    type_in(monkeypatch, "y\n")
    code, _, err = run("queue", "retry", "mx1", ONE)
    assert (code, world.acts) == (1, [])
    assert "nothing was done" in err


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Put a real terminal at standard input; gives its other end."""
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "r", encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield ours
    os.close(ours)


def test_a_real_terminal_is_asked(run: Run, world: World, terminal: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(say, "prompt", lambda text: os.write(terminal, b"y\n"))
    assert run("queue", "retry", "mx1", ONE)[0] == 0
    assert len(world.acts) == 1


def test_what_was_typed_before_the_question_answers_nothing(
    run: Run, world: World, terminal: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.write(terminal, b"y\n")
    monkeypatch.setattr(say, "prompt", lambda text: os.write(terminal, b"n\n"))
    assert run("queue", "retry", "mx1", ONE)[0] == 1
    assert world.acts == []


# --- arming, rights, dry run ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [["--yes"], ["--dry-run"], ["--yes", "--max", "1"]])
@pytest.mark.parametrize("words", [["retry", "mx2", ONE], ["flush", "mx2"], ["delete", "mx2", "--where", "x"]])
def test_a_read_only_host_is_refused_whatever_the_flags(
    run: Run, world: World, words: list[str], flags: list[str]
) -> None:
    code, (host,), err = hosts(run, "queue", *words, *flags)
    assert (code, world.acts) == (5, [])
    assert host["error"]["kind"] == "refused"
    assert "read-only" in err


def test_ask_mode_is_armed_for_this_command_alone(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    armed: list[bool] = []
    original = FakeLink.__init__

    def noting(self: FakeLink, world: World, host: Any) -> None:
        original(self, world, host)
        self.gate = gate_of(host)
        world.before = lambda verb: armed.append(self.gate.read_only)
        assert self.gate.read_only

    monkeypatch.setattr(FakeLink, "__init__", noting)
    assert run("queue", "retry", "mx1", ONE, "--yes")[0] == 0
    assert run("queue", "retry", "mx1", ONE, "--dry-run")[0] == 0
    assert armed == [False]


@pytest.mark.parametrize("verb", ["hold", "delete", "bounce"])
def test_a_right_that_is_missing_is_told_with_its_cure(run: Run, world: World, verb: str) -> None:
    world.rights = frozenset({"list", "read"})
    code, (host,), err = hosts(run, "queue", verb, "mx1", ONE, TWO, "--yes")
    assert (code, world.acts, journal(run)) == (5, [], [])
    assert [(each["outcome"], each["code"]) for each in host["outcomes"]] == [("failed", "denied")] * 2
    assert f"mx1: {verb} is refused to this login: " in err
    assert "  mailtui sudoers\n" in err
    assert hosts(run, "queue", verb, "mx1", ONE, "--dry-run")[0] == 5


def test_a_flush_that_is_refused_is_the_hosts_error(run: Run, world: World) -> None:
    world.rights = frozenset()
    code, (host,), _ = hosts(run, "queue", "flush", "mx1", "--yes")
    assert (code, host["requested"], host["outcomes"], host["error"]["kind"]) == (5, False, [], "refused")


@pytest.mark.parametrize("words", [*([verb, "mx1", ONE] for verb in VERBS), ["flush", "mx1"]])
def test_a_dry_run_tells_the_commands_and_changes_nothing(run: Run, world: World, words: list[str]) -> None:
    if words[0] == "release":
        world.messages["mx1"] = [message("mx1", 1, state=QueueState.HELD)]
    code, (host,), _ = hosts(run, "queue", *words, "--dry-run")
    assert code == 0
    assert (host["dry_run"], host["outcomes"], set(host["counts"].values())) == (True, [], {0})
    assert (host["undo_id"], host["journal_id"], host["requested"]) == (None, None, False)
    assert [each["argv"] for each in host["commands"]] == [
        ["/usr/sbin/fake", words[0], ONE if len(words) > 2 else "all"]
    ]
    assert (world.acts, journal(run)) == ([], [])
    assert shlex.join(host["commands"][0]["argv"]) in run("queue", *words, "--dry-run")[1]


# --- what comes of it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "told"), [("retry", "requested"), ("hold", "held"), ("delete", "moved"), ("bounce", "bounced")]
)
def test_what_is_done_is_told_and_journalled(run: Run, world: World, verb: str, told: str) -> None:
    code, (host,), _ = hosts(run, "queue", verb, "mx1", ONE, "--yes", "--reason", "ticket 7\n\x1b[2J")
    assert code == 0
    assert host["outcomes"] == [{"id": ONE, "key": KEY, "outcome": "done", "code": told, "detail": ""}]
    assert host["reason"] == "ticket 7 ?[2J"
    intent, outcome = journal(run)
    assert (host["journal_id"], outcome["fields"]["intent"]) == (intent["id"], intent["id"])
    assert (intent["kind"], outcome["kind"]) == ("intent", "outcome")
    order = world.acts[0][3]
    assert (order.reason, order.keep, "@" in order.by) == ("ticket 7 ?[2J", 7 * 86400.0, True)


def test_a_hold_always_has_a_reason(run: Run, world: World) -> None:
    for reason in ([], ["--reason", ""], ["--reason", " \n"]):
        _, (host,), _ = hosts(run, "queue", "hold", "mx1", ONE, "--yes", *reason)
        assert host["reason"].startswith("held by ")
        assert world.acts[-1][3].reason == host["reason"]
    assert hosts(run, "queue", "retry", "mx1", ONE, "--yes")[1][0]["reason"] is None


def test_a_reason_that_is_cut_is_told(run: Run) -> None:
    err = run("queue", "hold", "mx1", ONE, "--yes", "--reason", "x" * 200)[2]
    assert f"the reason is kept as: {'x' * 100}\n" in err
    assert "kept as" not in run("queue", "hold", "mx1", ONE, "--yes", "--reason", "ticket 7")[2]


def test_a_delete_tells_how_to_undo_it(run: Run, world: World) -> None:
    code, (host,), err = hosts(run, "queue", "delete", "mx1", "--where", "nrcpt=1", "--yes")
    assert code == 0
    assert host["undo_id"] == world.sets["mx1"][0].undo_id
    assert host["undo_until"]
    assert f"mailtui undo {host['undo_id']} brings them back until {host['undo_until']}" in err


def test_one_delete_on_several_hosts_has_one_undo_id(run: Run, world: World) -> None:
    world.messages["mx3"] = [message("mx3", 9)]
    _, found, _ = hosts(run, "queue", "delete", "mx1", "mx3", "--where", "state=deferred", "--yes", "--whole-messages")
    assert len({each["undo_id"] for each in found}) == 1
    assert len(world.sets) == 2


def test_flush_is_requested_and_has_no_outcomes(run: Run, world: World) -> None:
    code, (host,), _ = hosts(run, "queue", "flush", "mx1", "--yes", "--forget-host-status")
    assert (code, host["requested"], host["outcomes"]) == (0, True, [])
    assert world.acts[0][3].forget is True
    assert "yes" in run("queue", "flush", "mx1", "--yes")[1]


def test_what_is_so_already_is_done(run: Run, world: World) -> None:
    code, (host,), _ = hosts(run, "queue", "release", "mx1", ONE, "--yes")
    assert (code, host["outcomes"][0]["outcome"], host["outcomes"][0]["code"]) == (0, "done", "released")
    assert world.acts == []


@pytest.mark.parametrize(
    ("odd", "code"),
    [
        ({}, 0),
        ({ONE: Outcome.FAILED}, 6),
        ({ONE: Outcome.FAILED, TWO: Outcome.FAILED}, 1),
        ({ONE: Outcome.UNKNOWN}, 7),
        ({ONE: Outcome.UNKNOWN, TWO: Outcome.FAILED}, 7),
        ({"mx1": Unreachable("cut")}, 7),
        ({"mx1": Refused("no longer")}, 5),
    ],
)
def test_exit_codes_of_outcomes(run: Run, world: World, odd: dict[str, Outcome | HostError], code: int) -> None:
    world.odd = odd
    got, (host,), err = hosts(run, "queue", "hold", "mx1", ONE, TWO, "--yes")
    assert got == code
    assert len(host["outcomes"]) == 2
    assert ("unknown, and nothing is repeated" in err) == (code == 7)


def test_what_a_lost_link_left_unknown_is_looked_up_over_a_new_one(run: Run, world: World) -> None:
    world.odd = {"mx1": Unreachable("cut")}
    code, (host,), _ = hosts(run, "queue", "delete", "mx1", ONE, "--yes")
    assert (code, world.opened, len(world.acts)) == (1, ["mx1", "mx1"], 1)
    assert [(each["outcome"], each["detail"]) for each in host["outcomes"]] == [
        ("failed", "still in the queue: not deleted"),
    ]  # fmt: skip
    assert [each["kind"] for each in journal(run)] == ["intent", "outcome", "settled"]


def test_what_stays_unknown_where_the_host_is_gone(run: Run, world: World) -> None:
    world.odd = {"mx1": Unreachable("cut")}
    world.before = lambda verb: world.errors.update(mx1=Unreachable("no route"))
    code, (host,), err = hosts(run, "queue", "delete", "mx1", ONE, "--yes")
    assert (code, host["counts"]["unknown"], host["error"]["kind"]) == (7, 1, "unreachable")
    assert "mailtui queue list mx1" in err


def test_a_table_has_a_line_a_host_and_every_outcome_that_is_not_done(run: Run, world: World) -> None:
    world.odd = {ONE: Outcome.FAILED}
    code, out, _ = run("queue", "hold", "mx1", ONE, TWO, "--yes")
    assert code == 6
    lines = [line.split() for line in out.splitlines()]
    assert lines[0][:6] == ["HOST", "ACTION", "DONE", "SKIPPED", "FAILED", "UNKNOWN"]
    assert lines[1][:6] == ["mx1", "hold", "1", "0", "1", "0"]
    assert [line[1] for line in lines if "locked" in line] == [ONE]
    assert TWO not in out
    assert not ESCAPES.search(out.replace("\n", ""))


def test_a_host_that_is_down_stops_no_other(run: Run, world: World) -> None:
    world.errors["mx3"] = Unreachable("no route", "look at the cable")
    code, found, err = hosts(run, "queue", "retry", "mx1", "mx3", "--where", "state=deferred", "--yes")
    assert code == 6
    assert found[0]["counts"]["done"] == 3
    assert found[1]["error"] == {"kind": "unreachable", "message": "no route", "cure": "look at the cable"}
    assert (found[1]["outcomes"], found[1]["commands"]) == ([], [])
    assert "mx3: no route" in err


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ((Unreachable("a"), Unreachable("b")), 3),
        ((AuthenticationFailed("a"), HostKeyRefused("b")), 4),
        ((Refused("a"), Refused("b")), 5),
        ((Unreachable("a"), NoMta("b")), 3),
    ],
)
def test_exit_codes_where_no_host_answers(
    run: Run, world: World, errors: tuple[HostError, HostError], code: int
) -> None:
    world.errors = dict(zip(("mx1", "mx3"), errors, strict=True))
    assert hosts(run, "queue", "flush", "mx1", "mx3", "--yes")[0] == code


def test_no_journal_no_action(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null/no")
    code, (host,), err = hosts(run, "queue", "delete", "mx1", ONE, "--yes")
    assert (code, world.acts) == (1, [])
    assert "journal" in host["error"]["message"]
    assert "journal" in err


def test_ctrl_c_lets_the_batch_end_and_tells_what_was_done(run: Run, world: World) -> None:
    world.before = lambda verb: signal.raise_signal(signal.SIGINT) if not world.acts else None
    code, (host,), err = hosts(
        run, "queue", "retry", "mx1", "--where", "state=deferred", "--yes", "--pace", "60000/min"
    )
    assert code == 130
    assert host["counts"] == {"done": 1, "skipped": 2, "failed": 0, "unknown": 0}
    assert "stopping after the current batch" in err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_ends_at_once(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hanging(*_: object) -> Acted:
        world.acts.append(("mx1", "retry", (), Order()))
        for _press in range(2):
            signal.raise_signal(signal.SIGINT)
            await asyncio.to_thread(int)
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(FakeLink, "act", hanging)
    code, out, err = run("queue", "retry", "mx1", ONE, "--yes")
    assert (code, out, len(world.acts)) == (130, "", 1)
    assert "Ctrl+C again cuts" in err
    assert [each["kind"] for each in journal(run)] == ["intent"]


def test_ctrl_c_after_the_last_batch_changes_nothing(run: Run, world: World) -> None:
    world.before = lambda verb: signal.raise_signal(signal.SIGINT)
    assert hosts(run, "queue", "retry", "mx1", ONE, "--yes")[0] == 0


def test_new_messages_are_told_and_left_alone(run: Run, world: World) -> None:
    world.before = lambda verb: world.messages["mx1"].append(message("mx1", 77))
    code, (host,), err = hosts(run, "queue", "retry", "mx1", "--where", "state=deferred", "--yes")
    assert (code, host["counts"]["done"]) == (0, 3)
    assert "1 new messages match since" in err


def test_progress_is_said_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(acting, "SYSTEM", replace(SYSTEM, monotonic=lambda: now[0]))
    for shown in (True, False):
        monkeypatch.setattr(sys.stderr, "isatty", lambda shown=shown: shown)
        steps = acting.Steps()
        steps.say("too early")
        now[0] += 1.5
        steps.say("mx1: 10 of 20")
        steps.say("too soon")
        assert capsys.readouterr().err == ("mx1: 10 of 20\n" if shown else "")


def test_jsonl_and_csv_have_a_line_a_host(run: Run, world: World) -> None:
    lines = run("queue", "retry", "mx1", "mx3", "--where", "x", "--dry-run", "-o", "jsonl")[1].splitlines()
    assert [json.loads(line)["host"] for line in lines] == ["mx1", "mx3"]
    heading = run("queue", "retry", "mx1", ONE, "--dry-run", "-o", "csv")[1].splitlines()[0].split(",")
    assert {"counts.done", "outside.messages", "outcomes", "undo_id", "error.kind"} <= set(heading)
