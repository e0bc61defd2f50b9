"""Why a message is not tried right now: its state, its age, the load, or a host that is marked down."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from mailtui.model import Identity, Message, QueueState
from mailtui.mta.contract import Evidence
from mailtui.procedure import REGISTRY, Procedure, Reply, Request

WAITING: Final = REGISTRY.load(__package__, "waiting.sh", "sendmail/waiting")

_HOST: Final = re.compile(rb"[0-9A-Za-z][0-9A-Za-z_-]{0,62}(?:\.[0-9A-Za-z_-]{1,63}){0,20}")
_FIELD: Final = re.compile(rb"^([SU])([0-9]{1,15})$", re.MULTILINE)
_LOAD: Final = re.compile(rb"(?:load averages?: *)?([0-9]{1,6}[.,][0-9]{1,2})")
_MARKED: Final = "its host is marked down (cached host status), so an ordinary queue run skips it; a retry does not"
_MOST: Final = 20
"""Domains whose hosts are looked up; a message to more is read as far."""


def why(
    message: Message, identity: Identity | None, now: float, *, mark: str = " ", note: bytes | None = None
) -> str | None:
    """Say why a message waits, from what its record tells alone; None where nothing is known to keep it.

    `mark` and `note` are what `mailq` showed of it; `now` is the host's clock.
    """
    if message.state is QueueState.HELD:
        return "quarantined: nothing tries it until it is released"
    if message.state is QueueState.LOST and message.arrived_at is not None and not message.recipients:
        return "a data file without a queue file: nothing can deliver it"
    if message.state is QueueState.LOST:
        return "set aside as lost (Qf): Sendmail found its queue file damaged or unsafe and never tries it"
    if mark == "X":
        return "the load is too high for its priority (QueueLA)"
    if mark == "-":
        return "too young: MinQueueAge or MaxQueueAge rests it after its last attempt"
    if note is not None:
        return f"mailq says of it: {note.decode('ascii', 'backslashreplace')}"
    if identity is not None and (rest := resting(message, identity, now)):
        return rest
    return _MARKED if message.reason == b"Deferred" else None


def resting(message: Message, identity: Identity, now: float) -> str | None:
    """Tell whether a message is too young to be tried again (queue.c gatherq: MinQueueAge, MaxQueueAge)."""
    last, arrived = message.last_attempt_at, message.arrived_at
    if not message.attempts or last is None or arrived is None:
        return None
    least, most = identity.fact("min_queue_age"), identity.fact("max_queue_age")
    if least and (left := last + float(least) - now) > 0:
        return f"too young: MinQueueAge rests it for {span(left)} more"
    if most and float(most) and (left := last + min(last - arrived, float(most)) - now) > 0:
        return f"too young: with MaxQueueAge it rests as long as it had waited, {span(left)} more"
    return None


def ask(message: Message, identity: Identity, now: float) -> Procedure[tuple[str | None, tuple[Evidence, ...]]]:
    """Say why a message waits, asking the host for its load and the status of the hosts that the message is for."""
    if message.why_waiting is not None and message.why_waiting != _MARKED:
        return message.why_waiting, ()
    top = identity.fact("host_status_directory")
    lines = [top, *status_paths(message)] if top else []
    reply = yield Request(WAITING, "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))
    evidence = [Evidence("cat /proc/loadavg", reply.body("load"), reply.status)]
    evidence += [
        Evidence(f"cat {top}/{section.args[0]}", section.body, reply.status)
        for section in reply.named("status")
        if section.args
    ]
    return _load(reply, identity) or _down(reply, identity, now) or message.why_waiting, tuple(evidence)


def status_paths(message: Message) -> Iterable[str]:
    """Give where the status of a message's hosts lies: `a.b.example` in `example./b./a`, a domain's in a directory."""
    hosts = dict.fromkeys(each.relay for each in message.recipients if each.relay)
    for host in [*hosts, *message.domains][:_MOST]:
        if _HOST.fullmatch(host):
            *parents, leaf = host.decode().lower().split(".")[::-1]
            yield "/".join([*(f"{each}." for each in parents), leaf])
            yield "/".join(f"{each}." for each in [*parents, leaf])


def _load(reply: Reply, identity: Identity) -> str | None:
    found, limit = _LOAD.search(reply.body("load")), identity.fact("queue_la")
    if not found or not limit or not float(limit):
        return None
    load = float(found[1].replace(b",", b"."))
    return (
        f"the load {load:g} is not below QueueLA ({limit}): mail is queued, not tried" if load >= float(limit) else None
    )


def _down(reply: Reply, identity: Identity, now: float) -> str | None:
    """Name a host that failed so recently that Sendmail does not try it."""
    lifetime = identity.fact("host_status_timeout")
    for section in reply.named("status"):
        fields = dict(_FIELD.findall(section.body))
        failed, at = int(fields.get(b"S", b"0")), float(fields.get(b"U", b"0"))
        if section.args and failed and lifetime and (left := at + float(lifetime) - now) > 0:
            host = ".".join(part.rstrip(".") for part in section.args[0].split("/")[::-1])
            told = f"{host} is marked down since {span(now - at)} (cached host status)"
            return f"{told}: an ordinary queue run skips it for {span(left)} more; a retry does not"
    return None


def span(seconds: float) -> str:
    """Say a duration in its two largest units."""
    left = max(0, round(seconds))
    parts: list[str] = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if left >= size or (unit == "s" and not parts):
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts[:2])
