"""Retries messages aloud: `sendmail -v -qI<id>`, what it says as it comes, and what came of each message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mailtui.errors import Refused
from mailtui.model import Acted, Code, Identity, ItemOutcome, Order, Outcome, Side, Spoken, Target
from mailtui.mta.sendmail import act, engine
from mailtui.mta.sendmail.dialogue import Dialogue
from mailtui.procedure import REGISTRY, Begin, Data, End, Event, Request, Script
from mailtui.text import natural, show_line

ACTION: Final = "live-retry"
"""What the table of actions calls it."""

VERB: Final = "live"
"""What queue_act and the helper call it."""


def _passed_on(program: bytes) -> bytes:
    """Give the script with its output through a process of the login's own.

    What runs as root the login cannot end; but the pipe to that process breaks as soon as the watchdog ends it, even
    where sshd itself, on a cut link, would go on reading. The status comes in a section, for the pipe has another.
    """
    return b"{\n(\n" + program + b"\n)\nprintf '%s\\n' \"$MARK status $?\"\n} | cat\n"


LIVE: Final = REGISTRY.add(Script("sendmail/live", act.ENGINE + act.ACTS + engine.source("act-self.sh"), changes=True))
LIVE_SUDO: Final = REGISTRY.add(
    Script("sendmail/live-sudo", _passed_on(engine.as_root(act.ENGINE + act.ACTS + b"queue_act\n")), changes=True)
)
LIVE_HELPER: Final = REGISTRY.add(
    Script("sendmail/live-helper", _passed_on(b"acts=1\n" + engine.source("ask-helper.sh")), changes=True)
)


def check(identity: Identity) -> None:
    """Raise Refused where the login may not, or where the helper is older than this."""
    means = identity.fact("act")
    if means == "helper" and VERB not in identity.fact("helper_verbs").split():
        raise Refused(
            f"the helper on this host was printed without `{VERB}`, which runs sendmail aloud",
            f"print the helper anew: `{act.ALL_ACTS}`",
        )
    if means not in ("self", "sudo", "helper"):
        why = identity.fact("act_why") or f"{identity.login or 'this login'} may not act on this queue"
        raise Refused(why, act.ALL_ACTS)


def request(identity: Identity, targets: Sequence[Target], order: Order) -> Request:
    """Give the request of the stream; raises Refused where the login has no means."""
    check(identity)
    lines = [VERB.encode(), *act.order_lines(identity, VERB, sendable(targets), order)]
    means = identity.fact("act")
    script = {"self": LIVE, "sudo": LIVE_SUDO, "helper": LIVE_HELPER}[means]
    if means != "self":
        asked = [identity.fact("sudo"), *([identity.fact("helper")] if means == "helper" else [])]
        lines = [*(each.encode() for each in asked), *lines]
    return Request(script, b"".join(line + b"\n" for line in lines))


def sendable(targets: Sequence[Target]) -> list[Target]:
    """Give those whose id and fingerprint can be sent to a host, in order."""
    return [each for each in targets if act.sendable(each)]


class Live:
    """Reads the stream: lines for a person as they come, and at the end one outcome for each message."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = tuple(targets)
        self._sent = sendable(targets)
        self._dialogue = Dialogue()
        self._section: Begin | None = None
        self._body = bytearray()
        self._told: dict[int, ItemOutcome] = {}
        self._started: set[int] = set()
        self._ended: set[int] = set()
        self._running: set[int] = set()
        self._refused = ""
        self.over = False
        """True once the host has said its last word."""

    def feed(self, event: Event) -> list[Spoken]:
        """Take one event and give what lines it completes; raises Refused where nothing at all was done."""
        if isinstance(event, Data):
            if self._section is not None and self._section.name == "said":
                return self._dialogue.feed(event.body)
            if len(self._body) < engine.SHOWN:
                self._body += event.body
            return []
        lines = self._close()
        if isinstance(event, End):
            self.over = True
            return [*lines, *self._dialogue.finish()]
        self._section = event
        if event.name == "ended":
            lines += self._dialogue.finish()
        return lines

    def _close(self) -> list[Spoken]:
        """Read the section that has ended."""
        section, body = self._section, bytes(self._body)
        self._section, self._body = None, bytearray()
        if section is None:
            return []
        match section.name, section.args:
            case "started", _:
                self._running = {number for each in section.args if (number := natural(each)) is not None}
                self._started |= self._running
            case "ended", _:
                self._ended |= self._running
            case "did", (word, code) if (number := natural(word)) is not None and number < len(self._sent):
                return self._did(number, code, body)
            case "refused", _:
                self._refused = show_line(body.strip())
                raise Refused(self._refused)
            case "status", ("2",) if not self._started:
                raise Refused("sudo no longer lets this login act on the queue", "look at: sudo -n -l")
        return []

    def _did(self, number: int, code: str, body: bytes) -> list[Spoken]:
        meant = self._sent[number]
        if code in ("left", "kept"):
            self._told[number] = self._result(meant, left=code == "left")
            return []
        told = self._told[number] = act.outcome(meant.key, meant.id, code, body)
        return [Spoken(Side.NOTE, f"{meant.id}: not tried: {told.detail or told.code.value}".encode())]

    def _result(self, meant: Target, *, left: bool) -> ItemOutcome:
        """Say what came of a message: certain only where what was said and what is there agree."""
        said = self._dialogue.said.get(meant.id, set())
        why = show_line(self._dialogue.reasons.get(meant.id, b""))
        if left and said == {Side.SENT}:
            return ItemOutcome(meant.key, meant.id, Outcome.DONE, Code.DELIVERED)
        if left and Side.FAILED in said and Side.DEFERRED not in said:
            return ItemOutcome(meant.key, meant.id, Outcome.DONE, Code.BOUNCED, why)
        if not left and Side.DEFERRED in said:
            return ItemOutcome(meant.key, meant.id, Outcome.DONE, Code.DEFERRED, why)
        if not left and not said and meant.id in self._dialogue.locked:
            busy = "sendmail left it alone: it is being delivered now"
            return ItemOutcome(meant.key, meant.id, Outcome.SKIPPED, Code.IN_DELIVERY, busy)
        return ItemOutcome(meant.key, meant.id, Outcome.DONE, Code.REQUESTED, "it has left the queue" if left else "")

    def acted(self, *, stopped: bool) -> Acted:
        """Give one outcome for each message; `stopped` where a person looked away, else the link was lost."""
        known = {id(each): number for number, each in enumerate(self._sent)}
        return Acted(tuple(self._outcome(each, known.get(id(each)), stopped=stopped) for each in self._targets))

    def _outcome(self, each: Target, number: int | None, *, stopped: bool) -> ItemOutcome:
        if number is None:
            why = "its id or control file cannot be sent to a host"
            return ItemOutcome(each.key, each.id, Outcome.FAILED, Code.DENIED, why)
        if number in self._told:
            return self._told[number]
        if number in self._started and (stopped or self.over):
            why = "it goes on, but nobody watches it" if stopped else "the host watches it no more"
            return ItemOutcome(each.key, each.id, Outcome.DONE, Code.REQUESTED, why)
        if self.over:
            return ItemOutcome(each.key, each.id, Outcome.FAILED, Code.DENIED, "the host ended without a word of it")
        why = "it was left before the host began" if stopped else "the link was lost in the act"
        return ItemOutcome(each.key, each.id, Outcome.UNKNOWN, Code.TIMEOUT, why)
