"""What a login may do on a Sendmail host, and what would let it do more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from mailtui.model import CAPABILITIES, Capability, Identity
from mailtui.mta.contract import Evidence, Read
from mailtui.mta.sendmail import engine
from mailtui.mta.sendmail.act import ALL_ACTS
from mailtui.mta.sendmail.bycommand import MAILQ, arguments
from mailtui.mta.sendmail.detect import ACTING, RIGHTS, sudo_data, sudo_evidence
from mailtui.mta.sendmail.follow import CURE as LOG_CURE
from mailtui.mta.sendmail.follow import find_logs
from mailtui.mta.sendmail.mailq import MailqParser
from mailtui.mta.sendmail.sudoers import helper_script, sudoers
from mailtui.procedure import Procedure, Request

__all__ = ["ACT_CURE", "capabilities", "helper_script", "sudoers"]

_CURE: Final = "`mailtui sudoers HOST --for list,read --helper` prints what would allow it"
ACT_CURE: Final = f"`{ALL_ACTS}` prints what would allow it"
"""What lets a login act that may not."""

_ANEW: Final = f"print the helper anew: `{ALL_ACTS}`"
_LOCKED: Final = ("delete", "undo")
"""What moves files, and so takes the mail server's own lock."""


def capabilities(identity: Identity, configured: Sequence[str] = ()) -> Procedure[Read[tuple[Capability, ...]]]:
    """Find what this login may do, with `configured` logs; nothing that is refused is ever run by sudo."""
    evidence: tuple[Evidence, ...] = ()
    if identity.fact("sudo"):
        answer = yield Request(RIGHTS, sudo_data(dict(identity.facts)))
        evidence += sudo_evidence(answer)
    closed = yield from _closed(identity)
    listing = Capability("list", True)
    reading = Capability("read", True)
    if closed:
        single = bool(identity.fact("sudo_cat"))
        reading = Capability(
            "read", single, "one at a time, by sudo cat" if single else closed, "" if single else _CURE
        )
        refused, shown = yield from _mailq_refused(identity)
        evidence += shown
        why = f"{closed}, and mailq is refused: {refused}" if refused else f"only what mailq shows: {closed}"
        listing = Capability("list", not refused, why, _CURE)
    logs = yield from find_logs(identity, configured)
    evidence += logs.evidence
    log = Capability("logs", True) if logs.value else Capability("logs", False, "no mail log may be read", LOG_CURE)
    stats = Capability(
        "stats", True, "" if identity.fact("proc") else "no /proc here: only what ps, df and uptime tell"
    )
    built = {each.name: each for each in (listing, reading, log, stats, *_acting(identity))}
    return Read(tuple(built.get(name) or Capability(name, False, "not built yet") for name in CAPABILITIES), evidence)


def _acting(identity: Identity) -> Iterable[Capability]:
    """Tell of each action whether the login may do it, and of what Sendmail has no action for."""
    means = identity.fact("act")
    verbs = identity.fact("helper_verbs").split()
    why = identity.fact("act_why") or "what the login may do was not found out"
    for name in ACTING:
        if not means:
            yield Capability(name, False, why, _ANEW if identity.fact("helper") else ACT_CURE)
        elif means == "helper" and name not in verbs:
            yield Capability(name, False, "the helper on this host was printed without it", _ANEW)
        elif name in _LOCKED and not identity.fact("perl") and not identity.fact("python3"):
            lacks = "cannot lock safely here: perl and python3 are missing; hold remains"
            yield Capability(name, False, lacks, "install perl or python3 on the host")
        else:
            yield Capability(name, True)
    yield Capability("requeue", False, "not built: Sendmail has no such thing", "retry it instead")


def _closed(identity: Identity) -> Procedure[str]:
    """Say which queue directories may not be read; "" where all may."""
    login = identity.login or "this login"
    paths = engine.queue_paths(identity)
    if not identity.fact("helper") and not any(each.queue == "mqueue" for each in paths):
        return f"{identity.fact('cf') or 'the configuration'} may not be read by {login}"
    reply = yield from engine.ask(identity, "dirs")
    denied = [each for each in engine.contents("", reply).directories.values() if each.state == "denied"]
    names = ", ".join(each.path.decode("utf-8", "backslashreplace") for each in denied)
    return f"{names} may not be read by {login}" if denied else ""


def _mailq_refused(identity: Identity) -> Procedure[tuple[str, tuple[Evidence, ...]]]:
    """Say why `mailq` does not list; "" where it does. Tried on the view that is cheapest, that of lost messages."""
    view = "L"
    means = "sudo" if arguments("mqueue", view) in identity.fact("sudo_list").split(";") else "direct"
    lines = [identity.fact("sendmail"), identity.fact("sudo"), f"{means} mqueue {view}"]
    reply = yield Request(MAILQ, "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))
    output = reply.body("mailq")
    command = f"{'sudo -n ' if means == 'sudo' else ''}{identity.fact('sendmail')} {arguments('mqueue', view)}"
    parser = MailqParser()
    parser.feed(output)
    parser.close()
    told = output.decode("utf-8", "backslashreplace").strip().replace("\n", "; ") or "it says nothing"
    return "" if parser.total is not None else told[:200], (Evidence(command, output, reply.status),)
