"""The queue of real hosts, message by message and recipient by recipient, against the files themselves."""

import datetime
import re
from collections import Counter
from typing import Any

import pytest

from tests.lab.harness import Lab
from tests.lab.truth import (
    WAYS,
    Control,
    File,
    answer,
    control,
    controls,
    filled,
    listing,
    run,
    spool,
    spots,
    steady,
    still,
    text,
)

HOSTS = ("sm1", "sm2")
pytestmark = pytest.mark.timeout(240, func_only=True)

ORPHAN, SPOILT = "6AM000000001dd", "6AM000000001QQ"


@pytest.fixture(scope="module", params=HOSTS)
def queue(request: pytest.FixtureRequest, lab: Lab) -> Any:
    """A host with 500 messages and more, one of them lost by its control file, one by its lack."""
    host: str = request.param
    filled(lab, host, 700)
    place = "/var/spool/mqueue" if host == "sm1" else "/var/spool/mqueue/q1"
    lab.put(host, f"{place}/df{ORPHAN}", b"the body alone\n", "640", "root:smmsp")
    lab.put(
        host,
        f"{place}/Qf{SPOILT}",
        b"V8\nT1795381785\nK1795382414\nN3\nP1096986\nMtoo open\nFbs\nS<lost@sm1.lab.test>\n"
        b"rRFC822; a@lost.test\nRPFD:<a@lost.test>\nRPFD:<b@lost.test>\nH??Subject: lost\n.\n",
        "640",
        "root:smmsp",
    )
    lab.put(host, f"{place}/df{SPOILT}", b"twelve bytes", "640", "root:smmsp")
    lab.exec(host, f"touch -d '-2 hours' {place}/df{ORPHAN}")
    files, (found,) = still(lab, host, f"{host}-root")
    return host, files, found


def test_every_message_is_there(lab: Lab, queue: Any) -> None:
    host, files, found = queue
    assert found["complete"], found["missing"]
    assert found["missing"] == []
    listed = spots(found)
    held = controls(files)
    orphans = {f.spot for f in files.values() if f.letter == "d" and f.id not in {c.id for c in held.values()}}
    assert set(listed) == set(held) | orphans
    assert found["total"] == len(listed)
    counted = len(lab.queue_files(host))  # by find, quite apart from what was packed
    assert counted == len(held) >= 500, counted
    assert [way for way in WAYS if not any(way in f.content for f in held.values())] == []
    queues = {message["queue"] for message in found["messages"]}
    assert queues == {"mqueue", "mqueue-client"}


def test_every_recipient_with_its_own_reason(queue: Any) -> None:
    _, files, found = queue
    listed = spots(found)
    told: Counter[str] = Counter()
    for spot, file in controls(files).items():
        truth, message = control(file.content), listed[spot]
        assert message["recipients_complete"]
        assert {each["address"] for each in message["recipients"]} == set(truth.recipients), spot
        for each in message["recipients"]:
            told["with" if each["reason"] is not None else "without"] += 1
            assert each["reason"] in truth.reasons(each["address"]), (spot, each)
            if reason := each["reason"]:
                code = re.search(r"(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?![\d.])", reason)
                assert each["dsn"] == (code and code[0]), (spot, each)
        alone = [address for address, own in truth.recipients.items() if own is None]
        if alone == list(truth.recipients) and len({address.rpartition("@")[2].lower() for address in alone}) == 1:
            # they share one connection, so the message's status is theirs, but for that of an address that is done
            done = truth.status == "User unknown" or (
                "<" in (truth.status or "") and not any(address in (truth.status or "") for address in alone)
            )
            assert done or {each["reason"] for each in message["recipients"]} == {truth.status}, spot
    assert told["with"] > 500


def test_no_reason_is_another_recipients(lab: Lab, queue: Any) -> None:
    """A recipient that is given the message's status is named in it by domain, or the log said just that of it."""
    host, files, found = queue
    said: dict[tuple[str, str], str] = {}
    for line in text(lab.exec(host, "cat /var/log/mail.log")).splitlines():
        if match := re.search(r": (\w{14,}): to=(.*?), delay=.*, stat=(.*)", line):
            for address in re.split(r"(?<=>),", match[2]):
                said[match[1], address.strip("<>")] = match[3]
    held = {spot: control(file.content) for spot, file in controls(files).items()}
    compared = 0
    for spot, message in spots(found).items():
        truth = held.get(spot)
        for each in message["recipients"] if truth is not None else ():
            logged = said.get((message["id"], each["address"]), "")
            if truth is not None and truth.recipients[each["address"]] is None and each["reason"] and logged:
                domain = each["address"].rpartition("@")[2]
                ours = each["reason"].startswith("mci_")  # a fault of the host itself, met by the whole message
                assert ours or each["reason"] == logged or domain in each["reason"], (spot, each, logged)
                compared += 1
    assert compared > 100


def test_envelope_and_times(queue: Any) -> None:
    host, files, found = queue
    listed = spots(found)
    bodies = {file.id: file for file in files.values() if file.letter == "d"}
    for spot, file in controls(files).items():
        truth, message = control(file.content), listed[spot]
        assert message["key"].startswith(f"{host}-root:")
        assert message["sender"] == truth.sender, spot
        assert message["attempts"] == truth.attempts, spot
        assert message["arrived_at"] == stamp(truth.arrived), spot
        assert message["last_attempt_at"] == (stamp(truth.tried) if truth.attempts else None), spot
        body = bodies.get(file.id)
        assert message["size"] == (len(body.content) if body else None), spot
        assert message["state"] == state(file, truth), spot
        assert message["queue"] == ("mqueue-client" if "mqueue-client" in spot[0] else "mqueue")
        assert (message["subject"] or "").split() == subject(file), spot


def stamp(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def state(file: File, truth: Control) -> str:
    known = {"h": "held", "Q": "lost"}
    return known.get(file.letter) or ("deferred" if truth.attempts else "queued")


def subject(file: File) -> list[str]:
    """The words of the subject, however it is folded."""
    match = re.search(rb"^H\?[^?]*\?Subject:(.*(?:\n[ \t].*)*)", file.content, re.MULTILINE | re.IGNORECASE)
    return [] if match is None else text(re.sub(rb"\xff([\x80-\x9f\xff])", rb"\1", match[1])).split()


def test_quarantined_with_their_reason(lab: Lab, queue: Any) -> None:
    host, files, found = queue
    listed = spots(found)
    held = {spot: file for spot, file in controls(files).items() if file.letter == "h"}
    assert len(held) >= 20
    for spot, file in held.items():
        assert listed[spot]["state"] == "held"
        assert listed[spot]["hold"]["reason"] == control(file.content).quarantine != ""
    assert {spot for spot, each in listed.items() if each["hold"]} == set(held)
    asked = answer(lab, "count", "queue", "count", f"{host}-root", "--where", "state=held")
    assert asked["hosts"][0]["states"]["held"] == len(held)


def test_lost_ones_are_named_lost(queue: Any) -> None:
    _, _, found = queue
    lost = {message["id"]: message for message in found["messages"] if message["state"] == "lost"}
    assert {ORPHAN, SPOILT} <= set(lost)
    assert lost[ORPHAN]["size"] == len(b"the body alone\n")
    assert lost[ORPHAN]["recipients"] == []
    assert lost[SPOILT]["size"] == len(b"twelve bytes")
    assert [each["address"] for each in lost[SPOILT]["recipients"]] == ["a@lost.test", "b@lost.test"]
    assert {each["reason"] for each in lost[SPOILT]["recipients"]} == {"too open"}


def test_groups_and_split_directories(lab: Lab) -> None:
    filled(lab, "sm2", 700)
    files, (found,) = still(lab, "sm2", "sm2-root")
    places = Counter(spot[0] for spot in controls(files))
    assert {f"/var/spool/mqueue/{name}" for name in ("q1", "q2", "q3", "bulk")} <= set(places)
    assert any(path.startswith("/var/spool/mqueue/q3/qf/") for path in files)
    listed = Counter(message["directory"] for message in found["messages"] if message["state"] != "lost")
    assert listed == Counter(spot[0] for spot, file in controls(files).items() if file.letter != "Q")
    groups = {message["directory"].rpartition("/")[2]: message["queue_group"] for message in found["messages"]}
    assert groups["bulk"] == "bulk"
    assert groups["q1"] == groups["q2"] == groups["q3"] == "mqueue"
    assert groups["mqueue-client"] is None


def test_count_and_group_agree_with_the_list(lab: Lab, queue: Any) -> None:
    host, _, _ = queue
    login = f"{host}-root"

    def ask() -> tuple[Any, ...]:
        count = answer(lab, "count", "queue", "count", login)["hosts"][0]
        groups = [answer(lab, "groups", "queue", "group", login, "--by", by)["groups"] for by in ("domain", "queue")]
        return listing(lab, login), count, *groups

    _, (found, count, groups, queues) = steady(lab, host, ask)
    states = Counter(message["state"] for message in found["messages"])
    assert count["total"] == found["total"]
    assert {name: number for name, number in count["states"].items() if number} == states
    domains = Counter(domain for message in found["messages"] for domain in message["domains"])
    assert {each["value"]: each["count"] for each in groups if each["value"]} == domains
    assert {each["value"]: each["count"] for each in queues} == Counter(m["queue"] for m in found["messages"])
    assert sum(each["recipients"] for each in queues) == sum(len(m["recipients"]) for m in found["messages"])


def shown(lab: Lab, host: str, file: File, key: str) -> tuple[dict[str, Any], int]:
    """What is shown of a message, and its lines in the log, while none came: a retry writes them before its file."""

    def lines() -> int:
        return int(lab.exec(host, f"cd /var/log; for f in mail.log*; do zgrep -hF {file.id} $f; done | wc -l"))

    def once() -> list[tuple[dict[str, Any], int]]:
        before = lines()
        message = answer(lab, "message", "queue", "show", f"{host}-root", key)
        return [(message, before)] if lines() == before else []

    return lab.wait(once, 60, f"the log of {file.id} to stand still")[0]


def test_one_message_shown_whole(lab: Lab, queue: Any) -> None:
    host, _, _ = queue
    files, (found,) = still(lab, host, f"{host}-root")
    held = controls(files)
    many = max(held.values(), key=lambda file: file.content.count(b"\nR") if file.letter == "q" else 0)
    hostile = next(file for file in held.values() if b"\x1b" in file.content)
    quarantined = next(file for file in held.values() if file.letter == "h")
    listed = spots(found)
    for file in (many, hostile, quarantined):
        message, logged = shown(lab, host, file, listed[file.spot]["key"])
        now = spool(lab, host).get(file.path)
        if now is None or now.content != file.content:
            continue  # it was tried again just now
        truth = control(file.content)
        assert {each["address"] for each in message["recipients"]} == set(truth.recipients)
        raw = re.sub(rb"\xff([\x80-\x9f\xff])", rb"\1", file.content)
        names = re.findall(rb"^H(?:\?[^?]*\?)?([^:\n]+):", raw, re.MULTILINE)
        assert [each["name"] for each in message["headers"]] == [text(name) for name in names]
        assert len(message["log"]) == logged
        told = {
            name: value for name, value in message.items() if name in ("sender", "size", "attempts", "state", "reason")
        }
        assert told == {name: listed[file.spot][name] for name in told}


def test_a_message_that_left_is_said_to_be_absent(lab: Lab) -> None:
    done = run(lab, "queue", "show", "sm1-root", "6AM00000000000", "--json")
    assert (done.code, done.out) == (1, "")
    assert "no message 6AM00000000000" in done.err
