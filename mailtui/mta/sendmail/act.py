"""Acts on a Sendmail host: by its own command for what it can do, by the vault for what it cannot."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from mailtui.errors import Refused
from mailtui.model import (
    Acted,
    Code,
    Identity,
    ItemOutcome,
    KeptMessage,
    Order,
    Outcome,
    QueueRow,
    RemoteCommand,
    Target,
    UndoSet,
    plain_reason,
)
from mailtui.mta.contract import Evidence, Read
from mailtui.mta.sendmail import engine
from mailtui.mta.sendmail.ids import ID
from mailtui.mta.sendmail.queuefile import own_sender
from mailtui.mta.sendmail.rows import QF
from mailtui.procedure import REGISTRY, Limits, Procedure, Reply, Request, Script
from mailtui.text import natural, show_line

ENGINE: Final = b"".join(map(engine.source, ("act.sh", "vault.sh", "vault-python.sh")))
"""Defines queue_act."""
ACTS: Final = b"act_looks=\n"
"""Lets queue_act change the host."""
_LOOKS: Final = b"act_looks=1\n"
_SELF: Final = engine.source("act-self.sh")
ACT: Final = REGISTRY.add(Script("sendmail/act", ENGINE + ACTS + _SELF, changes=True))
ACT_SUDO: Final = REGISTRY.add(
    Script("sendmail/act-sudo", engine.as_root(ENGINE + ACTS + b"queue_act\n"), changes=True)
)
ACT_HELPER: Final = REGISTRY.add(
    Script("sendmail/act-helper", b"acts=1\n" + engine.source("ask-helper.sh"), changes=True)
)
VAULT: Final = REGISTRY.add(Script("sendmail/vault", ENGINE + _LOOKS + _SELF))
"""The same for what only looks, and refuses any other verb: read-only hosts may show their vault."""
VAULT_SUDO: Final = REGISTRY.add(Script("sendmail/vault-sudo", engine.as_root(ENGINE + _LOOKS + b"queue_act\n")))

ALL_ACTS: Final = "mailtui sudoers HOST --for retry,hold,release,delete,undo,bounce,flush --helper"
"""Prints what lets a login act that may not."""

_LIMITS: Final = Limits(seconds=300.0)
_AT_ONCE: Final = 100
"""Ids of one call of sendmail."""

_UNDO_ID: Final = re.compile(r"u-[0-9A-Za-z-]{8,40}")

_DONE: Final = {Code.REQUESTED, Code.DELIVERED, Code.BOUNCED, Code.HELD, Code.RELEASED, Code.MOVED, Code.RESTORED}
_SKIPPED: Final = {Code.GONE, Code.CHANGED, Code.IN_DELIVERY, Code.LOCKED, Code.OUTSIDE_FILTER}

_STAMP: Final = re.compile(rb"^T.*$", re.MULTILINE)
_SENDER: Final = re.compile(rb"^S.*$", re.MULTILINE)


def target(row: QueueRow) -> Target:
    """Give what an action on a row is aimed at: its T and S line are what a reused id would not have."""
    created, sender = _STAMP.search(row.raw), _SENDER.search(row.raw)
    known = row.format == QF and created is not None and sender is not None
    fingerprint = created[0] + b" " + sender[0] if known and created is not None and sender is not None else b""
    return Target(row.key, row.id, row.queue, row.directory, row.state.value, fingerprint)


def commands(identity: Identity, verb: str, targets: Sequence[Target], order: Order) -> tuple[RemoteCommand, ...]:
    """Give the literal commands of a batch: those of sendmail, or the renames of the vault in words of mv."""
    sendmail = identity.fact("sendmail") or "sendmail"
    if verb == "flush":
        return tuple(_flush(identity, sendmail, order))
    if verb == "delete":
        # the moves are the vault's own, under the lock; there is no command that does them
        listed = "".join(f"{each.id} {show_line(each.directory)}\n" for each in targets)
        return (RemoteCommand(("mailtui-vault", "delete", order.undo_id), listed),) if targets else ()
    options = {
        "hold": (f"-Q{_reason(order)}",), "release": ("-qQ", "-Q"), "bounce": ("-OTimeout.queuereturn=now",),
        "live-retry": ("-v",),
    }.get(verb, ())  # fmt: skip
    found = []
    for queue in ("mqueue", "mqueue-client"):
        ids = [f"-qI{each.id}" for each in targets if each.queue == queue]
        client = ("-Ac",) if queue == "mqueue-client" else ()
        found += [
            RemoteCommand((sendmail, *client, *options, *ids[start : start + _AT_ONCE]))
            for start in range(0, len(ids), _AT_ONCE)
        ]
    return tuple(found)


def _flush(identity: Identity, sendmail: str, order: Order) -> Iterable[RemoteCommand]:
    if order.forget:
        yield RemoteCommand((sendmail, "-OTimeout.hoststatus=1s", "-bH"))
    ages = ("-OMinQueueAge=0", "-OMaxQueueAge=0")
    yield RemoteCommand((sendmail, "-q", *ages))
    if identity.fact("client_queue"):
        yield RemoteCommand((sendmail, "-Ac", "-q", *ages))


def act(identity: Identity, verb: str, targets: Sequence[Target], order: Order) -> Procedure[Acted]:
    """Do one batch; what the host did not tell of is `unknown`, or failed where it told why nothing was done."""
    sent: list[Target] = []
    refused: list[Target] = []
    for each in targets:
        (sent if sendable(each) else refused).append(each)
    reply = yield from _ask(identity, verb, order_lines(identity, verb, sent, order))
    if verb == "flush":
        _raise_refused(reply)
        return Acted((), bool(reply.named("ran")))
    told: dict[int, ItemOutcome] = {}
    for numbers, code, body in _told(reply):
        like = outcome("", "", code, body)
        for number in map(natural, numbers):
            if number is not None and number < len(sent):
                meant = sent[number]
                told[number] = ItemOutcome(meant.key, meant.id, like.outcome, like.code, like.detail)
    nothing = reply.body("refused").strip()
    found = [told.get(number) or _untold(each, reply, nothing) for number, each in enumerate(sent)]
    found += [
        ItemOutcome(each.key, each.id, Outcome.FAILED, Code.DENIED, "its id or control file cannot be sent to a host")
        for each in refused
    ]
    return Acted(tuple(found))


def _told(reply: Reply) -> Iterator[tuple[Sequence[str], str, bytes]]:
    """Give what the host told of messages: their numbers, what became of them, and a word to that."""
    for section in reply.sections:
        if section.name == "did" and len(section.args) == 2:
            yield section.args[:1], section.args[1], section.body
        elif section.name == "all" and len(section.args) == 1:
            yield section.body.decode("ascii", "replace").split(), section.args[0], b""


def outcome(key: str, queue_id: str, code: str, body: bytes) -> ItemOutcome:
    """Read one section that tells of a message."""
    detail = show_line(body.strip()) if body else ""
    try:
        known = Code(code)
    except ValueError:
        return ItemOutcome(key, queue_id, Outcome.FAILED, Code.DENIED, detail)
    end = Outcome.DONE if known in _DONE else Outcome.SKIPPED if known in _SKIPPED else Outcome.FAILED
    return ItemOutcome(key, queue_id, end, known, detail)


def _untold(each: Target, reply: Reply, nothing: bytes) -> ItemOutcome:
    """Say what is known of a message that the host did not tell of."""
    if nothing:
        return ItemOutcome(each.key, each.id, Outcome.FAILED, Code.DENIED, show_line(nothing))
    why = "the link was lost in the act" if not reply.complete else f"the host ended with status {reply.status}"
    return ItemOutcome(each.key, each.id, Outcome.UNKNOWN, Code.TIMEOUT, why)


def undo_sets(host: str, identity: Identity) -> Procedure[Read[tuple[UndoSet, ...]]]:
    """Read what the vault on the host holds, newest first."""
    reply = yield from _ask(identity, "vault", [*_directories(identity), b"."])
    _raise_refused(reply)
    sets: dict[str, UndoSet] = {}
    busy = {section.args[0] for section in reply.named("busy") if section.args}
    lifetime = natural(identity.fact("queuereturn"))
    for section in reply.named("set"):
        if len(section.args) != 3 or not _UNDO_ID.fullmatch(section.args[0]):
            continue
        undo_id, at, until = section.args
        texts, messages = _kept(host, section.body, None if lifetime is None else float(lifetime))
        before = sets.get(undo_id)
        begun = UndoSet(undo_id, host, float(at), texts.get(b"by", ""), float(until), texts.get(b"reason", ""))
        sets[undo_id] = UndoSet(
            undo_id, host, min(begun.at, before.at) if before else begun.at, begun.by,
            min(begun.until, before.until) if before else begun.until, begun.reason,
            (before.messages if before else ()) + messages, undo_id in busy,
        )  # fmt: skip
    found = tuple(sorted(sets.values(), key=lambda each: each.at, reverse=True))
    return Read(found, (Evidence("ls -lR /var/spool/.mailtui-undo", _raw(reply), reply.status),))


def _raw(reply: Reply) -> bytes:
    return b"\n".join(section.body for section in reply.sections)[: engine.SHOWN]


def _kept(host: str, body: bytes, lifetime: float | None) -> tuple[dict[bytes, str], tuple[KeptMessage, ...]]:
    """Read a set's body: its texts, and its messages."""
    texts: dict[bytes, str] = {}
    messages: list[KeptMessage] = []
    for line in body.split(b"\n"):
        word, _, rest = line.partition(b" ")
        if word in (b"by", b"reason"):
            texts[word] = show_line(rest)
        elif word == b"item" and len(parts := rest.split(b" ", 5)) == 6:
            state, _, queue_id, _, created, directory = parts
            born = natural(created.decode("ascii", "replace"))
            expires = None if born is None or lifetime is None else float(born) + lifetime
            key = engine.key_of(host, directory, queue_id.decode("ascii", "replace"))
            messages.append(KeptMessage(key, key.rpartition(":")[2], state.decode("ascii", "replace"), None, expires))
        elif word == b"from" and messages:
            last = messages[-1]
            messages[-1] = KeptMessage(last.key, last.id, last.state, own_sender(rest, b""), last.expires_at)
    return texts, tuple(messages)


def undo(host: str, identity: Identity, kept: UndoSet, order: Order) -> Procedure[Acted]:
    """Put what a delete set aside back."""
    lines = [*_options(identity, "undo", order), *_directories(identity), b".", kept.undo_id.encode()]
    reply = yield from _ask(identity, "undo", lines)
    _raise_refused(reply)
    told: dict[str, ItemOutcome] = {}
    for section in reply.named("back"):
        place, _, word = section.body.partition(b"\n")
        queue_id, _, directory = place.partition(b" ")
        key = engine.key_of(host, directory, queue_id.decode("ascii", "replace"))
        told[key] = outcome(key, key.rpartition(":")[2], section.args[0] if section.args else "", word)
    busy = bool(reply.named("busy"))
    found = []
    for each in kept.messages:
        known = told.get(each.key)
        if known is None and busy:
            known = ItemOutcome(each.key, each.id, Outcome.SKIPPED, Code.LOCKED, "somebody else restores it now")
        if known is None and reply.complete:
            known = ItemOutcome(each.key, each.id, Outcome.SKIPPED, Code.GONE, "it is not in the vault any more")
        found.append(
            known or ItemOutcome(each.key, each.id, Outcome.UNKNOWN, Code.TIMEOUT, "the link was lost in the act")
        )
    return Acted(tuple(found))


def purge(identity: Identity, undo_ids: Sequence[str]) -> Procedure[tuple[str, ...]]:
    """Destroy what these deletes set aside, for good."""
    wanted = [each.encode() for each in undo_ids if _UNDO_ID.fullmatch(each)]
    reply = yield from _ask(identity, "purge", [*_directories(identity), b".", *wanted])
    _raise_refused(reply)
    return tuple(dict.fromkeys(section.args[0] for section in reply.named("purged") if section.args))


# --- what is sent ---------------------------------------------------------------------------------------------------


def sendable(each: Target) -> bool:
    """Tell whether a message can be named to a host: by a queue id, a directory and a fingerprint."""
    return bool(ID.fullmatch(each.id) and each.fingerprint and b"\n" not in each.directory)


def order_lines(identity: Identity, verb: str, sent: Sequence[Target], order: Order) -> list[bytes]:
    """Give what queue_act reads behind the verb."""
    count = [f"O count {len(sent)}".encode()] if sent else []
    found = [*count, *_options(identity, verb, order), *_directories(identity), b"."]
    for each in sent:
        letter = {"held": "h", "lost": "Q"}.get(each.state, "q")
        found += [f"{each.queue} {letter} {each.id} ".encode() + each.directory, each.fingerprint]
    return found


def _options(identity: Identity, verb: str, order: Order) -> list[bytes]:
    values = {
        "sendmail": identity.fact("sendmail") if identity.fact("act") != "helper" else "",
        "reason": _reason(order) if verb == "hold" else plain_reason(order.reason),
        "by": plain_reason(order.by),
        "undo": order.undo_id,
        "keep": str(int(order.keep)),
        "held": "1" if order.held else "",
        "forget": "1" if order.forget else "",
    }
    return [f"O {name} {value}".encode() for name, value in values.items() if value]


def _reason(order: Order) -> str:
    """Give the reason of a hold; `sendmail -Q` without one would release instead."""
    return plain_reason(order.reason) or plain_reason(f"held by {order.by}" if order.by else "held")


def _directories(identity: Identity) -> list[bytes]:
    """Give the configured directories; the helper has its own."""
    if identity.fact("act") == "helper":
        return []
    return [
        f"D {each.queue} {each.group or '-'} {each.path}".encode("utf-8", "surrogateescape")
        for each in engine.queue_paths(identity)
    ]


def _ask(identity: Identity, verb: str, lines: Sequence[bytes]) -> Procedure[Reply]:
    """Have queue_act do it, by the means that the login has; raises Refused where it has none."""
    looks = verb == "vault"
    means = identity.fact("act")
    data = [verb.encode(), *lines]
    if means == "self":
        script = VAULT if looks else ACT
    elif means == "helper":
        script = engine.ASK_HELPER if looks else ACT_HELPER
        data = [identity.fact("sudo").encode(), identity.fact("helper").encode(), *data]
    elif means == "sudo":
        script = VAULT_SUDO if looks else ACT_SUDO
        data = [identity.fact("sudo").encode(), *data]
    else:
        why = identity.fact("act_why") or f"{identity.login or 'this login'} may not act on this queue"
        raise Refused(why, ALL_ACTS)
    reply = yield Request(script, b"".join(line + b"\n" for line in data), _LIMITS)
    if reply.status == 2 and means != "self":
        raise Refused("sudo no longer lets this login act on the queue", "look at: sudo -n -l")
    return reply


def _raise_refused(reply: Reply) -> None:
    if nothing := reply.body("refused").strip():
        raise Refused(show_line(nothing))
