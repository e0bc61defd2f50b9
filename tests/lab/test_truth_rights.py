"""What each login is shown of the queue: all by the helper, what the host allows without it, and it is told the rest."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.harness import Lab
from tests.lab.truth import answer, control, controls, filled, listing, run, spots, started, still

pytestmark = pytest.mark.timeout(240, func_only=True)

RULES, HELPER = "/etc/sudoers.d/mailtui-qview", "/usr/local/libexec/mailtui-helper"


@pytest.fixture(scope="module", autouse=True)
def queue(lab: Lab) -> Iterator[None]:
    """A full queue; afterwards qview has no rights again, and sudo has refused nothing of all this."""
    filled(lab, "sm1", 600)
    lab.exec("sm1", f"rm -f {RULES} {HELPER}")
    yield
    lab.exec("sm1", f"rm -f {RULES} {HELPER}")


def complaints(lab: Lab) -> str:
    """What sudo wrote down or mailed of commands that it refused."""
    look = "grep -E 'command not allowed|NOT in sudoers|password is required|incorrect password' /var/log/auth.log"
    mails = "grep -h -E 'SECURITY information' /var/mail/* /var/spool/mqueue*/df* /var/spool/mqueue*/[qh]f*"
    return lab.exec("sm1", f"{look} || :; {mails} 2>/dev/null || :").decode(errors="replace")


@pytest.fixture(autouse=True)
def nothing_refused(lab: Lab) -> Iterator[None]:
    """A refused sudo mails root: none of these tests may cause one."""
    before = complaints(lab)
    yield
    assert complaints(lab) == before


def printed(lab: Lab, *words: str) -> str:
    """What `mailtui sudoers` prints for a person."""
    done = run(lab, "sudoers", "sm1-qview", *words)
    assert done.code == 0, done.err
    return done.out


def install(lab: Lab, text: str) -> None:
    """Do what the comments say, with the names and modes that they say."""
    rules, cut, helper = text.partition("\n# ---- the helper")
    target = re.search(r"install -o root -g root -m 0440 FILE (\S+)", rules)
    assert target is not None and target[1] == RULES
    if cut:
        place = re.search(r"install -D -o root -g root -m 0755 FILE (\S+)", helper)
        assert place is not None and place[1] == HELPER
        lab.put("sm1", place[1], helper[helper.index("#!/bin/sh\n") :].encode(), "755")
    lab.put("sm1", "/root/FILE", rules.encode() + b"\n")
    lab.exec("sm1", f"visudo -cf /root/FILE && install -o root -g root -m 0440 /root/FILE {RULES} && visudo -c")


@pytest.fixture
def helper(lab: Lab) -> Iterator[None]:
    """The printed helper, installed."""
    install(lab, printed(lab, "--for", "list,read", "--helper"))
    yield
    lab.exec("sm1", f"rm -f {RULES} {HELPER}")


def same(message: dict[str, Any]) -> dict[str, Any]:
    """A message without what differs by login and by moment."""
    return {name: value for name, value in message.items() if name not in ("key", "host", "age", "why_waiting")}


def test_by_the_helper_everything_is_there(lab: Lab, helper: None) -> None:
    files, (root, mine) = still(lab, "sm1", "sm1-root", "sm1-qview")
    assert mine["complete"], mine["missing"]
    assert mine["missing"] == []
    assert mine["total"] == root["total"] >= len(controls(files)) >= 300
    ours, theirs = spots(mine), spots(root)
    assert {spot: same(each) for spot, each in ours.items()} == {spot: same(each) for spot, each in theirs.items()}


def test_the_helper_shows_one_message_whole(lab: Lab, helper: None) -> None:
    found = spots(listing(lab, "sm1-qview"))
    spot = next(spot for spot, each in found.items() if each["subject"] and each["state"] == "held")
    mine = answer(lab, "message", "queue", "show", "sm1-qview", found[spot]["key"])
    root = answer(lab, "message", "queue", "show", "sm1-root", found[spot]["id"])
    assert mine["headers"] == root["headers"]
    assert len(mine["headers"]) > 5


def test_the_helper_gives_no_more_than_it_says(lab: Lab, helper: None) -> None:
    for words in ("sweep", "/etc/shadow", "-h"):
        assert lab.ssh("sm1-qview", f"sudo -n -l {HELPER} {words}").returncode != 0
    mark = "0" * 32
    said = lab.ssh("sm1-qview", f"sudo -n {HELPER}", stdin=f"read\n{mark}\n../../../etc/shadow\n$(id)\n".encode())
    assert b"root:" not in said.stdout + said.stderr
    assert lab.ssh("sm1-qview", f"sudo -n {HELPER}", stdin=b"write\n").returncode == 64


def test_the_login_may_do_what_the_helper_gives(lab: Lab, helper: None) -> None:
    (found,) = answer(lab, "hosts", "hosts", "test", "sm1-qview")["hosts"]
    may = {name for name, right in found["capabilities"].items() if right["allowed"]}
    assert may == {"list", "read", "stats"}
    assert all(right["cure"] for name, right in found["capabilities"].items() if name == "logs")


def test_by_sudo_alone_logs_are_read_and_ids_are_there(lab: Lab) -> None:
    install(lab, printed(lab, "--for", "list,read,logs"))
    try:
        (found,) = answer(lab, "hosts", "hosts", "test", "sm1-qview")["hosts"]
        assert {"list", "logs", "stats"} <= {name for name, right in found["capabilities"].items() if right["allowed"]}
        files, (mine,) = still(lab, "sm1", "sm1-qview")
        assert {each["id"] for each in mine["messages"]} == {file.id for file in controls(files).values()}
        logged = answer(lab, "log", "logs", "sm1-qview", "-n", "5")["records"]
        assert len(logged) == 5
        lines = lab.exec("sm1", "cat /var/log/mail.log").decode("utf-8", "backslashreplace").splitlines()
        assert all(each["text"] in lines for each in logged)
        followed_by_sudo(lab)
    finally:
        lab.exec("sm1", f"rm -f {RULES}")


def followed_by_sudo(lab: Lab) -> None:
    """Follow by `sudo tail`; nothing of it stays, though the login may not end what runs as root."""
    with started(lab, "logs", "sm1-qview", "-f", "-o", "jsonl") as running:
        lab.wait(lambda: [p for p in lab.processes("sm1") if "tail -n" in p.command and p.user == "root"])
        assert running.stdout is not None
        lab.log("sm1", "seen by sudo")
        assert any(b"seen by sudo" in line for line in iter(running.stdout.readline, b""))
        running.kill()
        running.wait()
    lab.wait(lambda: not [p for p in lab.processes("sm1") if "tail -n" in p.command], 35)


@pytest.mark.parametrize("login", ["sm1-oncall", "sm1-guest"])
def test_without_the_helper_what_mailq_shows(lab: Lab, login: str) -> None:
    files, (found,) = still(lab, "sm1", login)
    assert not found["complete"]
    told = " ".join(found["missing"])
    assert "/var/spool/mqueue may not be read" in told
    assert "subject" in told
    assert "mailtui sudoers " + login in told
    truth = {spot: control(file.content) for spot, file in controls(files).items()}
    listed = spots(found)
    assert set(listed) == set(truth)
    for spot, message in listed.items():
        addresses = {each["address"] for each in message["recipients"]}
        # mailq shows controls in its own way and cuts what is long: those are compared by number
        plain = {each for each in truth[spot].recipients if each.isascii() and each.isprintable() and len(each) < 60}
        assert plain <= addresses, spot
        assert len(message["recipients"]) == len(truth[spot].recipients), spot
        for each in message["recipients"]:
            own = truth[spot].recipients.get(each["address"])
            if own is not None and own.isprintable() and len(own) < 60:
                assert each["reason"] == own, (spot, each)
    held = {spot for spot, file in controls(files).items() if file.letter == "h"}
    assert {spot for spot, each in listed.items() if each["state"] == "held"} == held != set()


def test_a_closed_queue_is_never_empty(lab: Lab) -> None:
    if len(lab.queue_files("sm3", "qh")) < 20:
        lab.fill("sm3", 60)
    found = listing(lab, "sm3")
    real = [path for path in lab.queue_files("sm3") if "/mqueue/" in path]
    assert len(real) > 10
    assert not found["complete"]
    told = " ".join(found["missing"])
    assert "/var/spool/mqueue may not be read by oncall" in told
    assert "mailq is refused" in told
    assert "mailtui sudoers sm3" in told
    client = {path.rpartition("/")[2][2:] for path in lab.queue_files("sm3") if "mqueue-client" in path}
    assert {message["id"] for message in found["messages"] if message["queue"] == "mqueue-client"} == client
    count = answer(lab, "count", "queue", "count", "sm3")["hosts"][0]
    assert count["complete"] is False
    done = run(lab, "queue", "count", "sm3")
    assert done.code == 0
    assert "sm3: /var/spool/mqueue may not be read by oncall" in done.err
    assert re.search(r"^sm3 .* no$", done.out, re.MULTILINE)


def test_what_may_not_be_read_is_refused_with_its_cure(lab: Lab) -> None:
    done = run(lab, "logs", "sm3", "--json")
    assert done.code == 5
    assert "no mail log that the login may read" in done.err
    (found,) = answer(lab, "hosts", "hosts", "test", "sm3")["hosts"]
    for name in ("list", "read", "logs"):
        right = found["capabilities"][name]
        assert (right["allowed"], bool(right["why"]), bool(right["cure"])) == (False, True, True), name


def test_hosts_that_answer_and_hosts_that_do_not(lab: Lab, tmp_path: Path) -> None:
    config = tmp_path / "mailtui.yaml"
    config.write_text(
        lab.all_config_path.read_text().replace(
            "groups:", "  nobody:\n    address: 10.77.0.250\n    port: 1\ngroups:", 1
        )
    )
    found = answer(lab, "count", "queue", "count", "sm1-root", "nobody", "--timeout", "5s", code=6, config=config)
    assert [host.get("error", {}).get("kind") for host in found["hosts"]] == [None, "unreachable"]
    answer(lab, "count", "queue", "count", "nobody", "--timeout", "5s", code=3, config=config)
