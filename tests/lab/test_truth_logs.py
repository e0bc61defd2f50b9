"""Searching current, rotated and compressed logs gives what zgrep on the host gives."""

import datetime
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.lab.harness import Lab
from tests.lab.truth import answer, run, settled, text

FILES = "/var/log/mail.log.2.gz /var/log/mail.log.1 /var/log/mail.log"
HOSTS = ("sm1", "sm2")


@pytest.fixture(scope="module", params=HOSTS)
def host(request: pytest.FixtureRequest, lab: Lab) -> Iterator[str]:
    """A host with a log in three files, one of them compressed, that nothing is written to."""
    name: str = request.param
    if name == HOSTS[0]:
        lab.restart(*HOSTS)
        for each in HOSTS:
            lab.fill(each, 150)
    settled(lab, name)
    for number in (1, 2):
        lab.log(name, f"before rotation {number} of 3 \x1b[31mred")
        lab.wait(partial(logged, lab, name, f"before rotation {number}"))
        lab.rotate_log(name)
    lab.log(name, *(f"6AMzzzzz00000{number}: to=<a@b.test>, stat=Sent" for number in range(3)))
    lab.wait(partial(logged, lab, name, "zzzzz000002"))
    yield name


def logged(lab: Lab, host: str, words: str) -> bool:
    """Whether the current file has these words."""
    return words.encode() in lab.exec(host, "cat /var/log/mail.log")


def zgrep(lab: Lab, host: str, options: str) -> list[str]:
    """Matching lines, the oldest file first."""
    found = lab.exec(host, f"for f in {FILES}; do zgrep -a -h {options} $f; done; :")
    return [text(line) for line in found.split(b"\n")[:-1]]


def shown(lab: Lab, host: str, *words: str) -> list[str]:
    return [each["text"] for each in answer(lab, "log", "logs", f"{host}-root", *words)["records"]]


def at(record: dict[str, Any]) -> datetime.datetime:
    return datetime.datetime.fromisoformat(record["at"])


def test_all_of_it_and_since_a_moment(lab: Lab, host: str) -> None:
    lines = zgrep(lab, host, "''")
    found = answer(lab, "log", "logs", f"{host}-root", "--since", "2020-01-01T00:00Z")
    assert found["hosts"] == [{"host": f"{host}-root", "complete": True}]
    every = found["records"]
    assert sorted(each["text"] for each in every) == sorted(lines)
    assert len({each["file"] for each in every}) == 3
    assert [at(each) for each in every] == sorted(at(each) for each in every)

    middle = every[len(every) // 2]
    until = at(middle) + datetime.timedelta(seconds=2)
    words = ("--since", middle["at"], "--until", until.isoformat().replace("+00:00", "Z"))
    expected = [each["text"] for each in every if at(middle) <= at(each) <= until]
    assert expected
    assert shown(lab, host, *words) == expected


@pytest.mark.parametrize(
    "pattern", ["stat=Deferred: (Connection|450)", "before rotation [12]", "ruleset=check_(mail|rcpt)"]
)
def test_by_pattern(lab: Lab, host: str, pattern: str) -> None:
    lines = zgrep(lab, host, f"-E '{pattern}'")
    assert lines
    assert sorted(shown(lab, host, "--grep", pattern)) == sorted(lines)


def test_by_message(lab: Lab, host: str) -> None:
    lines = zgrep(lab, host, "-E ': [0-9A-Za-z]{14,15}: to='")
    many = max((re.split(r": ", line)[1] for line in lines), key=[re.split(r": ", line)[1] for line in lines].count)
    expected = zgrep(lab, host, f"-F '{many}: '")
    assert len(expected) > 2
    assert set(shown(lab, host, "--id", many)) >= set(expected)
    assert all(many in line for line in shown(lab, host, "--id", many))


@pytest.mark.parametrize("count", [1, 4, 5000])
def test_the_newest(lab: Lab, host: str, count: int) -> None:
    lines = zgrep(lab, host, "''")
    assert shown(lab, host, "-n", str(count)) == lines[-count:]


def test_the_newest_that_match(lab: Lab, host: str) -> None:
    lines = zgrep(lab, host, "-E 'stat=Deferred'")
    assert sorted(shown(lab, host, "--grep", "stat=Deferred", "-n", "7")) == sorted(lines[-7:])


def test_several_hosts_merged_by_time(lab: Lab, host: str) -> None:
    found = answer(
        lab, "log", "logs", "sm1-root", "sm2-root", "--grep", "stat=Deferred", "--since", "2020-01-01T00:00Z"
    )
    times = [at(each) for each in found["records"]]
    assert times == sorted(times)
    assert {each["host"] for each in found["records"]} == {"sm1-root", "sm2-root"}


def test_a_pattern_that_the_host_does_not_take(lab: Lab, host: str) -> None:
    done = run(lab, "logs", f"{host}-root", "--grep", "(", "--json")
    assert done.code in (1, 2)
    assert done.out == ""
    assert done.err.strip()
