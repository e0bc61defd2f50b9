"""What a login may do on a Sendmail host, and the sudoers lines and the helper that would let it do more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from mailtui.model import CAPABILITIES, Capability, Identity
from mailtui.mta.contract import Evidence, Read
from mailtui.mta.sendmail import engine
from mailtui.mta.sendmail.bycommand import MAILQ, VIEWS, arguments
from mailtui.mta.sendmail.detect import HELPER, RIGHTS, sudo_data, sudo_evidence
from mailtui.mta.sendmail.follow import CURE as LOG_CURE
from mailtui.mta.sendmail.follow import WINDOW, find_logs
from mailtui.mta.sendmail.mailq import MailqParser
from mailtui.procedure import Procedure, Request

_CURE: Final = "`mailtui sudoers HOST --for list,read --helper` prints what would allow it"
_LOGIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_TIMEOUT: Final = (1, 8, 20)
"""The sudo from which on a rule may bound how long its command runs."""
_REGULAR: Final = (1, 9, 10)
"""First version of sudo whose rules take regular expressions; before it there are only exact commands."""
_PLAIN: Final = re.compile(r"(?:/[\w+-][\w.+-]*)+", re.ASCII)
"""Log files that a rule can name."""
_SYSTEM: Final = re.compile(
    r"(?:/usr(?:/local|/pkg)?|/opt(?:/[\w-][\w.-]*)?)?/(?:s?bin|lib|lib64|libexec)(?:/[\w-][\w.-]*)+", re.ASCII
)
"""Where commands lie that the login cannot replace; its PATH may name others, and they must never run as root."""


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
    built = {each.name: each for each in (listing, reading, log, stats)}
    return Read(tuple(built.get(name) or Capability(name, False, "not built yet") for name in CAPABILITIES), evidence)


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


# --- sudoers --------------------------------------------------------------------------------------------------------


def sudoers(identity: Identity, features: Sequence[str], *, helper: bool, logs: Sequence[str] = ()) -> str:
    """Print minimal sudoers lines without wildcards, and with `helper` the root-owned helper.

    `logs` are those that the configuration names. Where a feature gets no line, a comment says why.
    """
    if not _LOGIN.fullmatch(identity.login):
        return f"# The login {identity.login!r} has a name that these lines cannot hold.\n"
    if identity.fact("uid") == "0":
        return f"# {identity.login} is root on this host: it needs no sudo.\n"
    granted = {
        "list": list(_listing(identity, features, helper)),
        "read": list(_reading(identity, features, helper)),
        "logs": list(_logs(identity, features, logs)),
    }
    wanted = [line for lines in granted.values() for line in lines]
    foreign = sorted({path for path in (each.partition(" ")[0] for each in wanted) if not _SYSTEM.fullmatch(path)})
    commands = [each for each in wanted if each.partition(" ")[0] not in foreign]
    lines = [*_heading(identity, [name for name in features if granted.get(name)])] if wanted else []
    lines += [f"# {name}: no line: {_why_none(identity, name)}." for name in features if not granted.get(name)]
    lines += [
        f"# No line for {_line(path)}, which PATH names first: {identity.login} might replace it." for path in foreign
    ]
    lines += [f"Defaults:{_name(identity)} !requiretty"] if commands else []
    lines += [
        f"{_name(identity)} ALL=(root) {_bound(identity, command)}NOPASSWD: {command}"
        for command in dict.fromkeys(commands)
    ]
    text = "".join(f"{line}\n" for line in lines)
    return text + _helper_file(identity) if helper and f'{HELPER} ""' in commands else text


def _why_none(identity: Identity, feature: str) -> str:
    """Say why a feature gets no line."""
    if feature == "stats":
        return "it needs no rights"
    if feature == "read":
        return (
            f"sudo {_line(identity.fact('sudo_version')) or 'of an unknown version'} cannot name single queue files "
            "(1.9.10 and newer can); --helper prints what reads them"
        )
    if feature == "logs":
        return "no mail log was found on the host; name it under `logs:` of the host in the configuration"
    return "no sendmail command was found" if feature == "list" else "not built yet"


def _bound(identity: Identity, command: str) -> str:
    """Have sudo end what hangs as root, for the login cannot; a followed log goes on for as long as it is read."""
    endless = " -F " in command
    return "" if endless or _version(identity) < _TIMEOUT else "TIMEOUT=2m "


def _heading(identity: Identity, features: Sequence[str]) -> Iterable[str]:
    file = f"/etc/sudoers.d/mailtui-{identity.login.replace('.', '_')}"
    host = _line(identity.fact("hostname"))
    yield f"# What {identity.login} may run as root on {host} for mailtui: {', '.join(features)}."
    yield f"# Install it as {file} (exactly this name: mailtui asks sudo nothing where it"
    yield "# does not see it, for a question that sudo refuses mails root):"
    yield f"#   visudo -cf FILE && install -o root -g root -m 0440 FILE {file}"
    yield "# Where others may not enter /etc/sudoers.d, only the helper is found."


def _listing(identity: Identity, features: Sequence[str], helper: bool) -> Iterable[str]:
    """Grant what lists the queue: the helper, or `mailq` in all its views."""
    if "list" in features and helper:
        yield f'{HELPER} ""'
    elif "list" in features and (sendmail := identity.fact("sendmail")):
        for queue in ("mqueue", "mqueue-client"):
            for view in VIEWS:
                yield _escape(f"{sendmail} {arguments(queue, view)}")


def _reading(identity: Identity, features: Sequence[str], helper: bool) -> Iterable[str]:
    """Grant reading single control files: the helper, or `cat` of exactly them where sudo knows regular expressions.

    Not those of the client queue: its group may write there, and `cat` would follow a link of theirs to any file.
    """
    if "read" not in features:
        return
    if helper:
        yield f'{HELPER} ""'
    elif _regular(identity) and (cat := identity.fact("cat")):
        for each in engine.queue_paths(identity):
            if each.queue == "mqueue-client":
                continue
            directory = _literal(each.path.removesuffix("*"))
            inside = "[0-9A-Za-z_-]{1,64}" if each.path.endswith("*") else ""
            yield f"{_escape(cat)} {_pattern(f'{directory}{inside}(/qf)?/[qhQ]f[0-9A-Za-z]{{12,20}}')}"


def _logs(identity: Identity, features: Sequence[str], configured: Sequence[str]) -> Iterable[str]:
    """Grant following and searching the mail logs; the older ones where sudo knows regular expressions."""
    if "logs" not in features:
        return
    for log in configured or identity.fact("logs").split():
        if not _PLAIN.fullmatch(log):
            continue  # a blank or sign in it would mean something else to sudo
        yield _escape(f"{identity.fact('tail')} -n {WINDOW} -F {log}")
        yield _escape(f"{identity.fact('cat')} {log}")
        if _regular(identity):
            older = rf"{_literal(log)}[.-][0-9]{{1,8}}(\.(gz|xz|bz2|zst))?"
            yield f"{_escape(identity.fact('cat'))} {_pattern(older)}"


def _regular(identity: Identity) -> bool:
    return _version(identity) >= _REGULAR


def _version(identity: Identity) -> tuple[int, ...]:
    """Give the numbers of sudo's version; none where it is not known, which is less than any."""
    numbers = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", identity.fact("sudo_version"))
    return tuple(int(each or 0) for each in numbers.groups()) if numbers is not None else ()


def _name(identity: Identity) -> str:
    return _escape(identity.login)


def _escape(text: str) -> str:
    r"""Escape what sudoers takes for its own in names and arguments (`\`, `,`, `:`, `=`)."""
    return re.sub(r"([\\,:=])", r"\\\1", text)


def _literal(text: str) -> str:
    """Escape what a POSIX extended regular expression takes for its own."""
    return re.sub(r"([][.^$*+?(){}|\\])", r"\\\1", text)


def _pattern(expression: str) -> str:
    """Anchor a regular expression; within one sudoers wants commas escaped, no more."""
    return f"^{expression.replace(',', chr(92) + ',')}$"


def _line(text: str) -> str:
    return re.sub(r"[^ -~]", "?", text)


def _helper_file(identity: Identity) -> str:
    """Give the helper with this host's queue directories written into it, as a file to install."""
    paths = [f"D {each.queue} {each.group or '-'} {each.path}" for each in engine.queue_paths(identity)]
    quoted = [each.replace("'", "'\\''") for each in paths]
    body = [
        "",
        f"# ---- the helper: install what follows as {HELPER}, owner root, mode 0755:",
        f"#   install -D -o root -g root -m 0755 FILE {HELPER}",
        "#!/bin/sh",
        "# mailtui's helper: lets a login that may run it by sudo read this host's Sendmail queue. It takes no",
        "# arguments, reads only the directories below (print it anew when they change), and never changes anything.",
        "queue_directories() {",
        *(f"  printf '%s\\n' '{each}'" for each in quoted),
        "}",
        "",
    ]
    return "".join(f"{line}\n" for line in body) + (engine.source("engine.sh") + engine.source("helper.sh")).decode()


def helper_script(text: str) -> str:
    """Take the helper out of what `sudoers` printed; "" where it is not in it."""
    start = text.find("#!/bin/sh\n")
    return text[start:] if start >= 0 else ""
