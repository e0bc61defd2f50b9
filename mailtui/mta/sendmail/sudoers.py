"""The sudoers lines and the root-owned helper that let a login do on a Sendmail host what it may not do yet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from mailtui.model import Identity
from mailtui.mta.sendmail import engine
from mailtui.mta.sendmail.bycommand import VIEWS, arguments
from mailtui.mta.sendmail.detect import ACTING, HELPER
from mailtui.mta.sendmail.follow import WINDOW

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
_VERBS: Final = {
    "retry": ("retry", "live"),
    "delete": ("delete", "vault", "purge"),
    "undo": ("undo", "vault", "purge"),
}
"""What the helper takes for a feature, where that is more than the verb of its name."""
_COMMAND: Final = f'{HELPER} ""'


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
    } | {name: [_COMMAND] for name in _acts(identity, features) if helper}
    wanted = [line for lines in granted.values() for line in lines]
    foreign = sorted({path for path in (each.partition(" ")[0] for each in wanted) if not _SYSTEM.fullmatch(path)})
    commands = [each for each in wanted if each.partition(" ")[0] not in foreign]
    lines = [*_heading(identity, [name for name in features if granted.get(name)])] if wanted else []
    lines += [f"# {name}: no line: {_why_none(identity, name, helper)}." for name in features if not granted.get(name)]
    lines += [
        f"# No line for {_line(path)}, which PATH names first: {identity.login} might replace it." for path in foreign
    ]
    lines += [f"Defaults:{_name(identity)} !requiretty"] if commands else []
    lines += [
        f"{_name(identity)} ALL=(root) {_bound(identity, command, features)}NOPASSWD: {command}"
        for command in dict.fromkeys(commands)
    ]
    with_helper = helper and _COMMAND in commands
    lines += _doas(identity) if with_helper else ()
    text = "".join(f"{line}\n" for line in lines)
    return text + _helper_file(identity, _acts(identity, features)) if with_helper else text


def helper_script(text: str) -> str:
    """Take the helper out of what `sudoers` printed; "" where it is not in it."""
    start = text.find("#!/bin/sh\n")
    return text[start:] if start >= 0 else ""


def _acts(identity: Identity, features: Sequence[str]) -> tuple[str, ...]:
    """Give the acting features that the helper can do here: with a sendmail that the login cannot replace."""
    return tuple(each for each in ACTING if each in features) if _SYSTEM.fullmatch(identity.fact("sendmail")) else ()


def _why_none(identity: Identity, feature: str, helper: bool) -> str:
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
    if feature == "list":
        return "no sendmail command was found"
    if feature in ACTING and helper:
        found = _line(identity.fact("sendmail"))
        return (
            f"PATH names {found} first, which {identity.login} might replace"
            if found
            else "no sendmail command was found"
        )
    if feature in ACTING:
        return (
            "what acts checks each message and runs as one program of root's: it needs the helper (--helper), "
            "a login that sudo allows ALL without a password, or root itself"
        )
    return "not built: Sendmail has no such thing" if feature == "requeue" else "not built yet"


def _bound(identity: Identity, command: str, features: Sequence[str]) -> str:
    """Have sudo end what hangs as root, for the login cannot; a followed log goes on for as long as it is read.

    What acts on hundreds of messages of a big queue may take minutes, and is not to be cut short.
    """
    if " -F " in command or _version(identity) < _TIMEOUT:
        return ""
    return "TIMEOUT=15m " if command == _COMMAND and _acts(identity, features) else "TIMEOUT=2m "


def _heading(identity: Identity, features: Sequence[str]) -> Iterable[str]:
    file = f"/etc/sudoers.d/mailtui-{identity.login.replace('.', '_')}"
    host = _line(identity.fact("hostname"))
    yield f"# What {identity.login} may run as root on {host} for mailtui: {', '.join(features)}."
    yield f"# Install it as {file} (exactly this name: mailtui asks sudo nothing where it"
    yield "# does not see it, for a question that sudo refuses mails root):"
    yield f"#   visudo -cf FILE && install -o root -g root -m 0440 FILE {file}"
    yield "# Where others may not enter /etc/sudoers.d, only the helper is found."
    yield f"# Where {identity.login} may run anything by sudo without a password, an empty file of that name is enough."


def _doas(identity: Identity) -> Iterable[str]:
    """Give the line for a host that has doas in place of sudo."""
    if identity.fact("doas") and not identity.fact("sudo_found"):
        yield "# This host has doas and no sudo. The same for /etc/doas.conf (mailtui itself asks only sudo so far):"
        yield f"#   permit nopass {identity.login} as root cmd {HELPER} args"


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


def _helper_file(identity: Identity, acts: Sequence[str]) -> str:
    """Give the helper with this host's queue directories, and what it may do there, written into it."""
    paths = [f"D {each.queue} {each.group or '-'} {each.path}" for each in engine.queue_paths(identity)]
    quoted = [each.replace("'", "'\\''") for each in paths]
    may = f"may {', '.join(acts)} messages there" if acts else "never changes anything"
    verbs = dict.fromkeys(verb for each in acts for verb in _VERBS.get(each, (each,)))
    body = [
        "",
        f"# ---- the helper: install what follows as {HELPER}, owner root, mode 0755:",
        f"#   install -D -o root -g root -m 0755 FILE {HELPER}",
        "#!/bin/sh",
        "# mailtui's helper: lets a login that may run it by sudo read this host's Sendmail queue. It takes no",
        "# arguments, looks only into the directories below (print it anew when they change), and",
        f"# {may}.",
        f"ACTS='{' '.join(verbs)}'",
        f"SENDMAIL={identity.fact('sendmail') if acts else ''}",
        "queue_directories() {",
        *(f"  printf '%s\\n' '{each}'" for each in quoted),
        "}",
        "",
    ]
    parts = ("engine.sh", "act.sh", "vault.sh", "vault-python.sh", "helper.sh") if acts else ("engine.sh", "helper.sh")
    return "".join(f"{line}\n" for line in body) + b"".join(map(engine.source, parts)).decode()
