"""What an administrator would say of a host at a glance: pure readings of its view, with a word, a sign and a rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from mailtui.model import Accepting, LinkState, RunnerState
from mailtui.panes import units
from mailtui.panes.pane import SILENT, STALE_REFRESHES
from mailtui.store import HostView

OLD = 3600.0
"""Seconds from which waiting mail is called old."""

LOW_SPACE = 0.05
"""Share of free bytes or inodes of the spool under which it is called low."""


class Rank(IntEnum):
    """How much it matters; what is worse sorts first."""

    BAD = 0
    WARN = 1
    STALE = 2
    OK = 3


SIGNS = {Rank.BAD: "!!", Rank.WARN: "!", Rank.STALE: "~", Rank.OK: " "}
"""A sign beside the colour, for those who do not see it."""

STYLES = {Rank.BAD: "bold $error", Rank.WARN: "$warning", Rank.STALE: "$stale", Rank.OK: ""}
"""Theme style of each rank."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a host."""

    rank: Rank
    text: str
    cure: str = ""
    pane: str = "queue"
    """The pane of the host's screen that shows it."""
    where: str = ""
    """What the queue's filter must be to show it."""
    about: str = ""
    """What stays the same while numbers in the text change; the text where empty."""


def link_words(view: HostView, now: float) -> tuple[str, Rank]:
    """Say how the link stands: `12 ms`, `stale 9 s`, `retry 8 s`, `host key`."""
    link = view.link
    match link.state:
        case LinkState.OK:
            if silent(view, now):
                return f"silent {units.age(now - (view.heard_at or link.at))}", Rank.STALE
            latency = view.latency
            return ("up" if latency is None else f"{max(1, round(latency * 1000))} ms"), Rank.OK
        case LinkState.CONNECTING:
            return "connecting", Rank.BAD if _again(view) else Rank.STALE
        case LinkState.RETRYING:
            wait = max(0.0, (link.retry_at or now) - now)
            return f"retry {units.age(wait)}", Rank.BAD
        case state:
            return state.value.replace("-", " "), Rank.BAD


def _again(view: HostView) -> bool:
    """Tell whether a connection being made follows one that failed or was lost: the trouble is not over by trying."""
    return view.link.attempt > 1 or bool(view.link.detail) or view.heard_at is not None


def link_trouble(view: HostView, now: float) -> Finding | None:
    """Say what is wrong with the link and when the host was last heard; None while it is up or first made."""
    words, rank = link_words(view, now)
    if rank is Rank.OK or (view.link.state is LinkState.CONNECTING and not _again(view)):
        return None
    text = _unnamed(view.link.detail, view.name) or words
    if view.link.state is not LinkState.OK and view.heard_at is not None:
        text = f"{text}, last seen {units.age(now - view.heard_at)} ago"
    return Finding(rank, f"link: {text}", view.link.cure, "service", about="link")


def _unnamed(detail: str, name: str) -> str:
    """Leave the host's name out of why there is no link: it stands beside it, its address does not."""
    if detail.startswith(f"{name} ("):
        place, _, rest = detail[len(name) + 2 :].partition(")")
        return place + rest
    return detail.removeprefix(f"{name}: ").removeprefix(f"{name} ")


def service_words(view: HostView) -> tuple[str, Rank]:
    """Say how the mail server stands, the worst first: `not running`, `MSP runner dead`, `refusing: load`."""
    if view.stats is None:
        if view.failure("stats") is not None:
            return "could not tell", Rank.STALE
        return ("..." if view.link.state is LinkState.OK else "-"), Rank.STALE
    service = view.stats.service
    if service.daemon is False:
        return "not running", Rank.BAD
    dead = [runner.queue for runner in service.queue_runners if runner.state is RunnerState.DEAD]
    if dead:
        return f"{' and '.join(runner_name(queue) for queue in dead)} runner dead", Rank.BAD
    if service.accepting is Accepting.NO:
        return f"refusing: {service.why_not or 'no reason given'}", Rank.BAD
    if service.accepting is Accepting.YES:
        return "accepting", Rank.OK
    return "could not tell", Rank.STALE


def runner_name(queue: str) -> str:
    """Name a queue runner as administrators do: MTA or MSP."""
    return {"mqueue": "MTA", "mqueue-client": "MSP"}.get(queue, queue)


def queue_stale(view: HostView, now: float, refresh: float) -> bool:
    """Tell whether the queue shown is too old to be called current."""
    return view.queue_at is not None and (silent(view, now) or now - view.queue_at > STALE_REFRESHES * refresh + 1)


def stats_stale(view: HostView, now: float, refresh: float) -> bool:
    """Tell whether the sample shown is too old to be called current."""
    stats = view.stats
    return stats is not None and (silent(view, now) or now - stats.taken_at > STALE_REFRESHES * refresh + 1)


def silent(view: HostView, now: float) -> bool:
    """Tell whether the link is down or has said nothing for too long."""
    return view.link.state is not LinkState.OK or now - (view.heard_at or view.link.at) > SILENT


def findings(view: HostView, now: float) -> Sequence[Finding]:
    """List what needs attention on a host, worst first; what was so before the link went is said as past."""
    known = sorted([*_service(view), *_space(view), *_queue(view, now)], key=lambda finding: finding.rank)
    if silent(view, now):
        known = [_past(finding) for finding in known]
    known += [_missing(sentence) for sentence in view.table.missing]
    known += [
        Finding(
            Rank.STALE,
            f"{failed.source}: {failed.why}",
            failed.cure,
            _PANES.get(failed.source, "service"),
            about=failed.source,
        )
        for failed in view.failures
    ]
    trouble = link_trouble(view, now)
    return [trouble, *known] if trouble is not None else known


_PANES = {"queue": "queue", "log": "log"}
"""Panes of sources; the others are about the service."""


def _past(finding: Finding) -> Finding:
    """Say of a finding that it is known from before only."""
    topic, colon, rest = finding.text.partition(": ")
    return replace(finding, rank=Rank.STALE, text=f"{topic}: was {rest}" if colon else f"was: {finding.text}")


def _queue(view: HostView, now: float) -> list[Finding]:
    counts = view.counts(now)
    if counts is None:
        return []
    found = []
    if counts.oldest_age is not None and counts.oldest_age > OLD:
        words = f"oldest waiting message {units.age(counts.oldest_age)}"
        found.append(Finding(Rank.WARN, words, "Enter, then b: count by reason", about="oldest"))
    if counts.lost:
        text = f"{units.count(counts.lost)} lost message{'s' if counts.lost > 1 else ''} (the MTA cannot use the files)"
        found.append(Finding(Rank.WARN, text, "Enter shows them (state=lost)", where="state=lost", about="lost"))
    return found


def _missing(sentence: str) -> Finding:
    """Part what could not be read from how to get it."""
    what, semicolon, cure = sentence.rpartition("; ")
    return Finding(Rank.STALE, what, cure) if semicolon else Finding(Rank.STALE, sentence)


def _service(view: HostView) -> list[Finding]:
    words, rank = service_words(view)
    cure = "restart the mail server, or start its queue runner again" if "runner" in words else ""
    found = [Finding(rank, f"service: {words}", cure, "service", about="service")] if rank is Rank.BAD else []
    limits = view.stats.limits if view.stats is not None else ()
    near_by = [limit for limit in limits if limit.limit > 0 and limit.used >= 0.9 * limit.limit]
    return found + [
        Finding(Rank.WARN, f"{near.name}: {near.used:g} of {near.limit:g} used", "", "service", about=near.name)
        for near in near_by
    ]


def _space(view: HostView) -> list[Finding]:
    spool = view.stats.spool if view.stats is not None else None
    if spool is None:
        return []
    found = []
    if spool.bytes_total and spool.bytes_free < LOW_SPACE * spool.bytes_total:
        found.append(
            Finding(
                Rank.BAD, f"spool {spool.path}: {units.size(spool.bytes_free)} free", pane="resources", about="bytes"
            )
        )
    if spool.inodes_total and spool.inodes_free is not None and spool.inodes_free < LOW_SPACE * spool.inodes_total:
        text = f"spool {spool.path}: {units.count(spool.inodes_free)} inodes free"
        found.append(Finding(Rank.BAD, text, pane="resources", about="inodes"))
    return found


def unread(view: HostView) -> bool:
    """Tell whether a first reading of queue or service is still to come."""
    return view.queue_at is None or view.stats is None


def rank_of(view: HostView, now: float) -> Rank:
    """Give the worst rank of a host's findings; what was never read is not called fine."""
    return min((finding.rank for finding in findings(view, now)), default=Rank.STALE if unread(view) else Rank.OK)


def by_trouble(view: HostView, rank: Rank, now: float) -> tuple[int, int, str]:
    """Give the key that sorts the worst host first, then the longer queue, then by name.

    Queues count by their order of magnitude, so that rows do not change places at every reading.
    """
    counts = view.counts(now) if rank is not Rank.OK else None
    return rank, -(counts.total.bit_length() if counts is not None else 0), view.name
