"""Hostile queue files, and a mail command that never returns or never stops: bounded, told, and gone afterwards."""

import re
import time
from collections.abc import Iterator

import pytest

from tests.lab.harness import Lab
from tests.lab.truth import answer, control, filled, gone, listing, pids, run, spots, still, text

SENDMAIL = "/usr/libexec/sendmail/sendmail"
PLACE = "/var/spool/mqueue"
ID = "6AM0000000BYTE"
BYTES = bytes(code for code in range(256) if code not in (0x0A,))
MORE = b"\xed\xa0\x80 \xf0\x9f\x92 \xc3( \x1b]52;c;AAAA\x07 \x9b2J \xe2\x80\xae [/bold] [@click=app.quit]x[/]"


@pytest.fixture
def odd(lab: Lab) -> Iterator[None]:
    """A quarantined message, which no queue run touches, with every byte wherever one can stand."""
    filled(lab, "sm1", 150)
    lines = [
        b"V8",
        b"T1795381785",
        b"K1795382414",
        b"N3",
        b"P1",
        b"M" + BYTES,
        b"q" + MORE + BYTES,
        b"Fbs",
        b"$_" + MORE,
        b"S<" + MORE + b"@" + BYTES + b">",
        b"M" + BYTES + MORE,
        b"RPFD:<" + BYTES + b"@odd.test>",
        b"RPFD:<plain@odd.test>",
        b"X" + BYTES,
        b"H??Subject: " + MORE + BYTES,
        b"H??X-" + BYTES.replace(b":", b"") + b": " + BYTES,
        b"H??Message-Id: <" + MORE + b">",
        b".",
    ]
    lab.put("sm1", f"{PLACE}/hf{ID}", b"\n".join(lines) + b"\n", "640", "root:smmsp")
    lab.put("sm1", f"{PLACE}/df{ID}", BYTES, "640", "root:smmsp")
    yield
    lab.exec("sm1", f"rm -f {PLACE}/hf{ID} {PLACE}/df{ID}")


def plain(raw: bytes) -> str:
    """What Sendmail means by bytes in a control file."""
    return text(re.sub(rb"\xff([\x80-\x9f\xff])", rb"\1", raw))


def test_every_byte_comes_through_the_listing(lab: Lab, odd: None) -> None:
    files, (found,) = still(lab, "sm1", "sm1-root")
    message = spots(found)[PLACE, ID]
    truth = control(files[f"{PLACE}/hf{ID}"].content)
    assert message["state"] == "held"
    assert message["hold"]["reason"] == plain(MORE + BYTES) == truth.quarantine
    assert message["sender"] == plain(MORE + b"@" + BYTES)
    assert [each["address"] for each in message["recipients"]] == [plain(BYTES + b"@odd.test"), "plain@odd.test"]
    assert message["recipients"][0]["reason"] == plain(BYTES + MORE)
    assert message["size"] == len(BYTES)
    assert message["message_id"] == plain(b"<" + MORE + b">")
    assert (message["subject"] or "").strip() == plain(MORE + BYTES).strip()
    assert found["complete"]
    assert found["total"] == len({file.spot for file in files.values()})


def test_every_byte_comes_through_one_message(lab: Lab, odd: None) -> None:
    message = answer(lab, "message", "queue", "show", "sm1-root", ID)
    headers = {each["name"]: each["value"] for each in message["headers"]}
    assert headers["Subject"].strip() == plain(MORE + BYTES).strip()
    assert headers[plain(b"X-" + BYTES.replace(b":", b"")).strip()].strip() == plain(BYTES).strip()


@pytest.mark.parametrize("words", [("queue", "list", "sm1-root"), ("queue", "show", "sm1-root", ID)])
def test_no_control_reaches_a_terminal(lab: Lab, odd: None, words: tuple[str, ...]) -> None:
    done = run(lab, *words)
    assert done.code == 0
    assert ID in done.out
    bad = {char for char in done.out + done.err if char not in "\n\t" and not char.isprintable()}
    assert bad == set()
    assert "<1b>" in done.out


def test_by_mailq_nothing_is_lost_either(lab: Lab, odd: None) -> None:
    files, (found,) = still(lab, "sm1", "sm1-oncall")
    assert {each["id"] for each in found["messages"]} == {file.id for file in files.values() if file.letter in "qhQ"}
    assert spots(found)[PLACE, ID]["state"] == "held"


# --- commands that hang, or print for ever --------------------------------------------------------------------------

HANG = "sleep 100000"
ENDLESS = "yes 'all work and no play makes a mail queue'"
GARBAGE = "head -c 3000000 /dev/urandom"
DIES = "kill -9 $$"


@pytest.fixture
def wrapped(lab: Lab, request: pytest.FixtureRequest) -> Iterator[str]:
    """The host's sendmail, but for its listing, which does something else."""
    instead: str = request.param
    wrapper = f'#!/bin/sh\ncase " $* " in *" -bp "*) {instead}; exit ;; esac\nexec {SENDMAIL}.real "$@"\n'
    lab.exec("sm1", f"mv {SENDMAIL} {SENDMAIL}.real")
    try:
        lab.put("sm1", SENDMAIL, wrapper.encode(), "755")
        yield instead
    finally:
        lab.exec("sm1", f"mv {SENDMAIL}.real {SENDMAIL}; pkill -x yes; pkill -f 'sleep 10000[0]'; :")


# What sudo runs as root an ordinary login cannot end; it ends itself where it prints and nobody listens.
@pytest.mark.parametrize(
    ("wrapped", "login"), [(HANG, "sm1-guest"), (ENDLESS, "sm1-guest"), (ENDLESS, "sm1-oncall")], indirect=["wrapped"]
)
def test_bounded_in_time_and_bytes(lab: Lab, wrapped: str, login: str) -> None:
    before = pids(lab, "sm1")
    began = time.monotonic()
    done = run(lab, "queue", "list", login, "--timeout", "6s", "--json")
    assert time.monotonic() - began < 20
    assert done.code in (0, 3)
    assert "Traceback" not in done.err
    assert len(done.out) < 10_000_000
    assert len(done.err) < 10_000
    said = done.err.strip().splitlines()[0]
    assert "within 6 s" in said or "printed more than 268,435,456 bytes" in said, said
    gone(lab, "sm1", before, 3)


@pytest.mark.parametrize("wrapped", [GARBAGE, DIES], indirect=True)
def test_garbage_and_an_early_end_are_no_empty_queue(lab: Lab, wrapped: str) -> None:
    before = pids(lab, "sm1")
    found = listing(lab, "sm1-guest")
    assert not found["complete"]
    assert found["messages"] == []
    assert "mailq is refused" in " ".join(found["missing"]) or "ended with status" in " ".join(found["missing"])
    gone(lab, "sm1", before, 3)
