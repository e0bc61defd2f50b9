"""What `doctor HOST` looks at: the way to a host, its mail server, and what the login may do there."""

from __future__ import annotations

import asyncio
import re
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mailtui.cli import hosting
from mailtui.cli.findings import Finding, Status
from mailtui.cli.ping import ping
from mailtui.cli.times import brief
from mailtui.errors import HostError, TimedOut

if TYPE_CHECKING:
    from mailtui.config import Host
    from mailtui.model import Capability
    from mailtui.mta.contract import Evidence
    from mailtui.session import Link

STEPS = ("reach", "host key", "login", "shell", "mail server")
"""The way to a host, in order; a fault at one leaves those behind it unknown."""

HERE = ("shell", "mail server")
"""The same where the host is this machine itself."""

FAULTS = {
    "unreachable": "reach",
    "host-key": "host key",
    "auth": "login",
    "needs-input": "login",
    "refused": "login",
    "restricted-shell": "shell",
    "no-mta": "mail server",
    "unsupported": "mail server",
}
"""Host state -> the step it stands for."""

SKEW_WARN, SKEW_BAD = 2.0, 60.0
"""Seconds a host's clock may differ: times of its log and queue are shown as they come."""

UNBUILT_WORDS = ("not built", "not yet")
"""How an adapter's `why` says that no right is missing but the program."""

HARM = {
    "postsuper": "`-d ALL` fits in, which empties the queue",
    "sendmail": "`-C FILE` and `-O QueueDirectory=...` fit in, which run and read what they like as root",
    "exim": "`-C FILE` and `-be` fit in, which run any command as root",
    "exim4": "`-C FILE` and `-be` fit in, which run any command as root",
    "smtpctl": "`remove all` fits in, which empties the queue",
    "postqueue": "`-c DIRECTORY` fits in, which reads another configuration as root",
    "mailq": "it is the mail server's own command by another name: `-C FILE` fits in",
    "cat": "any file fits in, /etc/shadow too",
    "tail": "any file fits in, /etc/shadow too",
    "find": "`-exec` fits in, which runs any command as root",
    "sh": "any command fits in",
}
"""Command -> what a wildcard in its arguments lets through."""

_GRANT = re.compile(rb"^\s+\(([^)]*)\)\s*(.+)$", re.M)
_TAGS = re.compile(rb"^(?:[A-Z_]+:\s*|[A-Z_]+=\S+\s+)*")
_WILDCARD = re.compile(rb"(?<!\\)[*?\[]")


def examine(args: Namespace, host: Host) -> list[Finding]:
    """Look at a host; whatever fails becomes a finding."""
    return asyncio.run(_examine(host, args.timeout))


async def _examine(host: Host, timeout: float) -> list[Finding]:
    began = time.monotonic()
    fault: HostError
    found: list[Finding] = [Finding("config", Status.OK, configured(host))]
    try:
        async with asyncio.timeout(timeout):
            async with hosting.open_link(host) as link:
                took = time.monotonic() - began
                found += way(host, None, took)
                found += [server(link), clock(link), await distance(link), *tools(link)]
                found += [*await rights(link), *vault(link)]
                found += await logs(link)
    except HostError as error:
        fault = error
    except TimeoutError:
        fault = TimedOut(f"{host.name} did not answer within {timeout:g} s", "raise --timeout, or look at its load")
    else:
        return found
    return [*found, *(trouble(fault) if len(found) > 1 else way(host, fault, time.monotonic() - began))]


def configured(host: Host) -> str:
    """Tell how a host is reached."""
    if host.transport == "local":
        return "this machine itself, without SSH"
    parts = [f"{host.user}@{host.address}" if host.user else str(host.address or host.name)]
    parts += [f"port {host.port}"] if host.port else []
    parts += [f"by way of {host.jump}"] if host.jump and host.jump.lower() != "none" else []
    return f"{', '.join(parts)}; mode {host.mode}"


def way(host: Host, error: HostError | None, took: float) -> list[Finding]:
    """Tell each step of the way to a host: good up to a fault, not known behind it."""
    steps = HERE if host.transport == "local" else STEPS
    at = FAULTS.get(error.kind, steps[0]) if error is not None else ""
    fault = steps.index(at) if at in steps else 0 if error is not None else len(steps)
    good = {"reach": "answers", "host key": "known", "login": "accepted", "shell": "runs our scripts"}
    found = [Finding(step, Status.OK, good.get(step, "found")) for step in steps[:fault] if step in good]
    if error is None:
        return [replace(found[0], took=took), *found[1:]]
    found.append(Finding(steps[fault], Status.BAD, error.message, advice=error.cure, took=took))
    behind = f"not known before {steps[fault]} is right"
    return [*found, *(Finding(step, Status.UNKNOWN, behind) for step in steps[fault + 1 :])]


def trouble(error: HostError) -> list[Finding]:
    """Tell what failed on a host that had been reached."""
    return [Finding("link", Status.BAD, error.message, advice=error.cure)]


def server(link: Link) -> Finding:
    """Tell which mail server was found and by what."""
    identity = link.identity
    told = f"{link.mta.title} {identity.version}, {', '.join(identity.instances) or 'one instance'}"
    return Finding("mail server", Status.OK, told, f"login {identity.login}", evidence=texts(link.evidence))


def texts(evidence: Sequence[Evidence]) -> tuple[str | bytes, ...]:
    """Give commands and their raw output as evidence."""
    return tuple(b"$ %s\n%s" % (each.command.encode("utf-8", "replace"), each.output) for each in evidence)


def clock(link: Link) -> Finding:
    """Compare the host's clock with ours."""
    skew = link.identity.clock_skew
    if skew is None:
        return Finding("clock", Status.UNKNOWN, "the host's clock could not be read")
    told = f"{abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} ours"
    advice = "let NTP set both clocks: ages and merged logs are wrong by as much"
    if abs(skew) <= SKEW_WARN:
        return Finding("clock", Status.OK, told)
    return Finding("clock", Status.BAD if abs(skew) > SKEW_BAD else Status.WARN, told, advice=advice)


async def rights(link: Link) -> list[Finding]:
    """Tell what the login may do, and warn of sudo rules that allow more than they seem to."""
    read = await link.capabilities()
    evidence = texts(read.evidence)
    unbuilt = [each for each in read.value if is_unbuilt(each)]
    found = [right(each) for each in read.value if each not in unbuilt]
    if unbuilt:
        found.append(Finding("may", Status.INFO, f"not built yet: {', '.join(each.name for each in unbuilt)}"))
    return [*found, *sudo_wildcards(read.evidence, evidence)]


def is_unbuilt(capability: Capability) -> bool:
    """Tell whether it is the program that lacks, not a right."""
    return not capability.allowed and any(word in capability.why for word in UNBUILT_WORDS)


def right(capability: Capability) -> Finding:
    """Tell of one capability whether the login has it."""
    name = f"may {capability.name}"
    if capability.allowed:
        return Finding(name, Status.OK, capability.why or "yes")
    return Finding(name, Status.WARN, capability.why or "no", advice=capability.cure)


def sudo_wildcards(evidence: Sequence[Evidence], raw: tuple[str | bytes, ...]) -> Iterator[Finding]:
    """Name sudo rules that allow more than they seem to: a `*` also matches blanks, so options can be slipped in."""
    for each in evidence:
        if not is_listing(each.command):
            continue
        for rule in dict.fromkeys(dangerous(each.output)):
            told = b"a wildcard allows more arguments than it seems to: " + rule
            yield Finding(
                "sudo", Status.WARN, told.decode("utf-8", "backslashreplace"), evidence=raw, advice=narrower(rule)
            )
        if unlimited(each.output):
            yield Finding(
                "sudo", Status.WARN, "any command may be run as root without a password: ALL", evidence=raw,
                advice="whoever gets hold of this login has the host; `mailtui sudoers HOST --helper` needs much less",
            )  # fmt: skip


def narrower(rule: bytes) -> str:
    """Say what a rule with a wildcard lets through, where that is known, and what to write in its place."""
    command = rule.partition(b" ")[0].rpartition(b"/")[2].decode("ascii", "replace")
    cure = "write the arguments out, or as a regular expression (^...$, sudo 1.9.10); see `mailtui sudoers`"
    return f"{HARM[command]}; {cure}" if command in HARM else cure


def is_listing(command: str) -> bool:
    """Tell whether a command lists what sudo allows; the output of others may hold anything, mail included."""
    words = command.split()
    return len(words) > 1 and words[0].rpartition("/")[2] == "sudo" and "-l" in words and words[-1].startswith("-")


def granted(listing: bytes) -> Iterator[tuple[bytes, bool | None]]:
    """Give each command of a `sudo -l` listing, without its tags, and whether it needs no password.

    None where it does not run as root.
    """
    for match in _GRANT.finditer(listing):
        root = not {b"root", b"ALL"}.isdisjoint(re.split(rb"[\s,]+", match[1].partition(b":")[0].strip()))
        free = False
        for command in re.split(rb"(?<!\\),\s*", match[2]):
            tags = _TAGS.match(command.strip())
            said = re.findall(rb"\b(?:NO)?PASSWD:", tags[0]) if tags else []
            free = said[-1] == b"NOPASSWD:" if said else free
            yield _TAGS.sub(b"", command.strip()), free if root else None


def dangerous(listing: bytes) -> Iterator[bytes]:
    """Give the commands of a `sudo -l` listing that a wildcard makes wider than they look."""
    for rule, _ in granted(listing):
        path, _, arguments = rule.partition(b" ")
        plain = [part for part in (path, arguments) if not (part.startswith(b"^") and part.endswith(b"$"))]
        if any(_WILDCARD.search(part) for part in plain):
            yield rule


def unlimited(listing: bytes) -> bool:
    """Tell whether the last rule for any command wants no password; the last one counts."""
    last = [free for rule, free in granted(listing) if rule == b"ALL" and free is not None][-1:]
    return last == [True]


def vault(link: Link) -> Iterator[Finding]:
    """Give the line for whoever wants the vault emptied in time: nothing on the host does it by itself."""
    if link.identity.fact("act"):
        told = "what a delete sets aside is destroyed after its time only while a console or a command asks for it"
        line = "17 4 * * * mailtui undo purge --expired --yes"
        yield Finding("vault", Status.INFO, told, advice=f"in the crontab of your own machine: {line}")


def tools(link: Link) -> Iterator[Finding]:
    """Tell which helpers a host lacks."""
    if not link.identity.fact("perl"):
        told = "no perl: queue files are read more slowly"
        if not link.identity.fact("python3"):
            told = "no perl and no python3: queue files are read more slowly, and there is neither delete nor undo"
        yield Finding("tools", Status.INFO, told)
    if not link.identity.fact("sudo"):
        yield Finding("tools", Status.INFO, "no sudo: the login can do what its own rights allow")


async def logs(link: Link) -> list[Finding]:
    """Tell which mail logs the login may read."""
    try:
        found = await link.find_logs()
    except HostError as error:
        return [Finding("logs", Status.WARN, error.message, advice=error.cure)]
    if found.value:
        return [Finding("logs", Status.OK, ", ".join(found.value), evidence=texts(found.evidence))]
    advice = f"put {link.identity.login} into the group that may read them, or name them: `logs:` of this host"
    return [Finding("logs", Status.WARN, "no mail log that the login may read", advice=advice)]


async def distance(link: Link) -> Finding:
    """Tell how long a round trip takes."""
    took = await ping(link)
    if took is None:
        return Finding("latency", Status.UNKNOWN, "could not be measured")
    return Finding("latency", Status.OK, f"{took * 1000:.0f} ms" if took < 1 else brief(took), took=took)
