"""Finds Sendmail on a host: version, build, options, queues, and what the login has there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from mailtui.model import Identity
from mailtui.mta.contract import Evidence, Read
from mailtui.procedure import REGISTRY, Procedure, Reply, Request
from mailtui.text import natural

DETECT: Final = REGISTRY.load(__package__, "detect.sh", "sendmail/detect")
RIGHTS: Final = REGISTRY.load(__package__, "rights.sh", "sendmail/rights")

HELPER: Final = "/usr/local/libexec/mailtui-helper"
"""Where the optional root-owned helper is looked for."""

PROGRAM: Final = 'read -r n && s=$(dd bs=1 count=$n 2>/dev/null) && eval "$s"'
"""What `/bin/sh -c` is given to run a script as root: the bootstrap's own program, so that sudo sees nothing else."""

ACTING: Final = ("retry", "flush", "hold", "release", "delete", "undo", "bounce")
"""What a login may be let do to queued mail, by the names of `mailtui sudoers --for`."""

_VERSION: Final = re.compile(rb"^Version ([0-9][0-9A-Za-z.+-]{0,40})", re.MULTILINE)
_FLAGS: Final = re.compile(rb"^ *(?:Compiled with|OS Defines):(.*(?:\n[\t ]{2,}.*)*)", re.MULTILINE)
_OPTION: Final = re.compile(rb"O ?([A-Za-z][A-Za-z.]*) *= *(.*)")
_GROUP: Final = re.compile(rb"Q([A-Za-z0-9_-]{1,64}) *,(.*)")
_PATH: Final = re.compile(rb"(?:^|,)\s*P(?:ath)?\s*=\s*([^,]*)", re.IGNORECASE)
_SPAN: Final = re.compile(r"([0-9]+)([smhdw]?)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

_NUMBERS: Final = {
    "queue_la": b"queuela",
    "refuse_la": b"refusela",
    "max_daemon_children": b"maxdaemonchildren",
    "connection_rate_throttle": b"connectionratethrottle",
    "min_free_blocks": b"minfreeblocks",
    "max_queue_run_size": b"maxqueuerunsize",
}
"""Facts that are whole numbers, and their options."""

_HOST: Final = (
    "sendmail", "sudo_found", "sudo_version", "uid", "perl", "zone", "os", "hostname", "mailq", "proc", "cat", "tail",
    "logs", "python3", "flock", "setsid", "doas",
)  # fmt: skip
"""Facts that the host tells as they are. `sudo_found` is where sudo lies; `sudo` is set only where it may be asked."""


def detect(
    now: Callable[[], float], refused: set[tuple[str, ...]], *, sudo: bool = True
) -> Procedure[Read[Identity | None]]:
    """Find Sendmail; None where the host has none.

    `now` is our own clock; `refused` holds the hosts and logins whose sudo has said no, so that none is asked twice.
    Without `sudo` it is left alone.
    """
    reply = yield Request(DETECT, b"" if sudo else b"never\n")
    seen_at = now()
    version = reply.body("version")
    evidence = _evidence(reply)
    found = _VERSION.search(version)
    if not found and not (reply.named("late") and reply.named("cf")):
        return Read(None, evidence)
    host = dict(_pairs(reply.body("host")))
    facts = {name: host.get(name, "") for name in _HOST}
    facts["flags"] = " ".join(_text(word) for match in _FLAGS.findall(version) for word in match.split())
    facts |= _main(reply)
    facts |= _submit(reply)
    asked: tuple[Evidence, ...] = ()
    # Several hosts may have one name: what tells them apart goes with it.
    who = tuple(host.get(name, "") for name in ("hostname", "machine", "login"))
    if not sudo:
        facts["sudo_found"] = ""
    facts |= {"sudo": "", "sudo_list": "", "sudo_cat": "", "sudo_any": "", "helper": "", "helper_verbs": ""}
    facts["hasflock"] = "1" if "HASFLOCK" in facts["flags"].split() else ""
    known = who in refused
    if facts["sudo_found"] and not known:
        answer = yield Request(RIGHTS, sudo_data(facts))
        asked = sudo_evidence(answer)
        if answer.status == 0:
            allowed = [_text(line) for line in answer.body("allowed").splitlines()]
            facts["sudo"] = facts["sudo_found"]
            facts["helper"] = HELPER if HELPER in allowed else ""
            facts["sudo_cat"] = "1" if "cat" in allowed else ""
            facts["sudo_list"] = ";".join(each for each in allowed if each.startswith("-"))
            facts["sudo_any"] = "1" if "sh" in allowed else ""
            verbs = answer.body("verbs") if facts["helper"] else b""
            facts["helper_verbs"] = " ".join(re.findall(r"[a-z]+", _text(verbs)))
        elif answer.status == 2:
            refused.add(who)
            known = True
    facts |= _means(facts, host.get("login", ""), own=bool(reply.named("own")), refused=known, asked=sudo)
    identity = Identity(
        mta="sendmail",
        version=_text(found[1]) if found else "unknown",
        instances=("sendmail",),
        clock_skew=_skew(host.get("epoch", ""), _text(reply.body("end")).strip(), seen_at, reply.took),
        login=host.get("login", ""),
        facts=tuple(sorted(facts.items())),
    )
    return Read(identity, evidence + asked)


def _means(facts: Mapping[str, str], login: str, *, own: bool, refused: bool, asked: bool) -> dict[str, str]:
    """Tell how the login may act on queued mail: by itself, through the helper, by sudo, or why not at all."""
    verbs = [each for each in ACTING if each in facts["helper_verbs"].split()]
    if facts["uid"] == "0" or own:
        return {"act": "self", "act_why": ""}
    if facts["sudo_any"] and len(verbs) < len(ACTING):
        return {"act": "sudo", "act_why": ""}
    if verbs:
        return {"act": "helper", "act_why": ""}
    who = login or "this login"
    if facts["helper"]:
        why = f"the helper on this host only reads, and {who} may do no more by sudo"
    elif facts["sudo"]:
        why = f"sudo lets {who} read here, not act"
    elif not asked:
        why = f"{who} is neither root nor owner of the queue, and sudo is to be left alone here"
    elif refused:
        why = f"{who} is neither root nor owner of the queue, and sudo refuses what it would take"
    elif facts["sudo_found"]:
        why = f"{who} is neither root nor owner of the queue, and no sudo rules of mailtui's are installed"
    else:
        why = f"{who} is neither root nor owner of the queue, and there is no sudo here"
    return {"act": "", "act_why": why}


def sudo_data(facts: Mapping[str, str]) -> bytes:
    """Give what the script that asks sudo reads; the queue file in it stands for all of them."""
    file = f"{facts['queue_directory'].replace('*', '1')}/qf000000000000" if facts["queue_directory"] else ""
    lines = (facts["sudo_found"], facts["sendmail"], HELPER, facts["cat"], file, PROGRAM)
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


def sudo_evidence(answer: Reply) -> tuple[Evidence, ...]:
    """Give what sudo lists for this login; nothing where it was not asked."""
    return tuple(Evidence("sudo -n -l", section.body, answer.status) for section in answer.named("rules"))


def _skew(begun: str, ended: str, seen_at: float, took: float) -> float | None:
    """Compare the host's clock with ours as NTP does: by two pairs of times, so that the way there and back cancels."""
    if natural(begun) is None:
        return None
    last = begun if natural(ended) is None else ended
    skew = ((float(begun) - (seen_at - took)) + (float(last) - seen_at)) / 2 + 0.5  # `date` drops fractions
    return skew if abs(skew) > 1 else 0.0


def _evidence(reply: Reply) -> tuple[Evidence, ...]:
    """Give what was asked as one would type it, and the answers."""
    asked = "id; uname -a; date; command -v sendmail mailq sudo perl python3"
    told = [Evidence(asked, reply.body("host"), reply.status)]
    if version := reply.body("version") + reply.body("late"):
        status = 124 if reply.named("late") else reply.status
        told.append(Evidence("timeout 20 sendmail -d0.10 -bt </dev/null", version, status))
    for name in ("cf", "submit"):
        for section in reply.named(name):
            path = _text(section.body.partition(b"\n")[0])
            told.append(Evidence(f"grep '^[OQ]' {path}", section.body, 0 if "readable" in section.args else 1))
    return tuple(told)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def _pairs(body: bytes) -> Iterable[tuple[str, str]]:
    for line in body.splitlines():
        name, _, value = _text(line).partition(" ")
        yield name, value


def _settings(reply: Reply, name: str) -> tuple[str, dict[bytes, bytes] | None, list[bytes]]:
    """Read a configuration file's section: its path, its options (None where it may not be read), its lines."""
    sections = reply.named(name)
    if not sections:
        return "", None, []
    path, *lines = sections[0].body.splitlines() or [b""]
    if "readable" not in sections[0].args:
        return _text(path), None, []
    options = {match[1].lower(): match[2].strip() for line in lines if (match := _OPTION.fullmatch(line))}
    old = {b"OQ": b"queuedirectory"}  # one letter options, from before version 8.7
    for line in lines:
        if (option := old.get(line[:2])) and option not in options and line[2:3] == b"/":
            options[option] = line[2:].strip()
    return _text(path), options, lines


def _main(reply: Reply) -> dict[str, str]:
    """Read the facts of the daemon's configuration file; all empty where it cannot be read."""
    path, options, lines = _settings(reply, "cf")
    given = options or {}

    def value(option: bytes) -> str:
        return _text(given.get(option, b""))

    expiry = given.get(b"timeout.queuereturn.normal") or given.get(b"timeout.queuereturn", b"5d")
    facts = {name: "" if natural(number := value(option)) is None else number for name, option in _NUMBERS.items()}
    return facts | {
        "cf": path,
        "queue_directory": value(b"queuedirectory"),
        "queue_groups": "" if options is None else _groups(lines, value(b"queuedirectory")),
        "control_socket": value(b"controlsocketname"),
        "pid_file": value(b"pidfile"),
        "host_status_directory": _under(value(b"hoststatusdirectory"), value(b"queuedirectory")),
        "host_status_timeout": "" if options is None else seconds(value(b"timeout.hoststatus") or "30m", "m"),
        "datablock": "" if options is None else seconds(value(b"timeout.datablock") or "1h", "m"),
        "run_as": _users(value(b"runasuser"), value(b"trusteduser")),
        "queuereturn": "" if options is None else seconds(_text(expiry), "d"),
        "min_queue_age": seconds(value(b"minqueueage"), "m"),
        "max_queue_age": seconds(value(b"maxqueueage"), "m"),
        "privacy": value(b"privacyoptions"),
    }


def _submit(reply: Reply) -> dict[str, str]:
    path, options, _ = _settings(reply, "submit")
    given = options or {}
    client = _text(given.get(b"queuedirectory", b""))
    return {"submit_cf": path, "client_queue": client, "submit_as": _users(_text(given.get(b"runasuser", b"smmsp")))}


def _users(*options: str) -> str:
    """Give the users (names or numbers) that options name as `user:group`."""
    names = (re.split("[:./]", each)[0] for each in options)
    return " ".join(name for name in names if re.fullmatch(r"[A-Za-z0-9_][\w-]*", name, re.ASCII))


def _groups(lines: list[bytes], queue_directory: str) -> str:
    """Give the queue groups that have a path of their own, as `name path` joined by `;`."""
    groups = []
    for line in lines:
        if match := _GROUP.fullmatch(line):
            path = _PATH.search(match[2])
            where = _text(path[1].strip()) if path else ""
            if where and ";" not in where:
                groups.append(f"{_text(match[1])} {_under(where, queue_directory)}")
    return ";".join(groups)


def _under(path: str, queue_directory: str) -> str:
    """Make a path absolute: a relative one lies below the queue directory."""
    if not path or path.startswith("/"):
        return path
    base = queue_directory.rpartition("/")[0] if queue_directory.endswith("*") else queue_directory
    return f"{base}/{path}" if base else ""


def seconds(span: str, unit: str) -> str:
    """Read a time of the configuration (`5d`, `1h30m`, a bare number in `unit`) as seconds; "" where it is none."""
    if not span or not re.fullmatch(r"(?:[0-9]+[smhdw]?)+", span):
        return ""
    return str(sum(int(count) * _SECONDS[letter or unit] for count, letter in _SPAN.findall(span)))
