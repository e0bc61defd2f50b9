"""`mailtui stats`: one sample of service, limits and resources of each host."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mailtui.cli import hosting, records, sample
from mailtui.cli.options import Parser, examples
from mailtui.cli.output import Document, write
from mailtui.cli.sizes import size
from mailtui.cli.times import brief, iso
from mailtui.errors import UsageError
from mailtui.text import show, show_line

if TYPE_CHECKING:
    from mailtui.model import QueueCounts, Service, Stats
    from mailtui.session import Answer

FIELDS = (
    "taken_at", "service", "limits", "load", "cpus", "cpu_percent", "memory", "spool", "network", "processes",
    "queue", "rates", "uptime",
)  # fmt: skip


def add(parser: Parser) -> None:
    """Describe `mailtui stats`."""
    hosting.add_hosts(parser)
    parser.epilog = examples("mailtui stats mx1", "mailtui stats @prod --json")
    parser.add_argument("--history", metavar="T", help="trends of so long (not built yet)")
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Run `mailtui stats`."""
    if args.history is not None:
        raise UsageError("stats --history: not built yet")
    answers = hosting.ask(args, hosting.hosts_of(args, args.hosts), sample.take)
    rows = [record(answer) for answer in answers]
    write(args, Document("stats", {"hosts": rows}, lambda: rows, record="stats", text=lambda: text(answers)))
    return hosting.settle(answers)


def record(answer: Answer[Stats]) -> records.Object:
    """Give a host's object: all of it null where the host did not answer."""
    if answer.value is not None:
        return records.stats(answer.host.name, answer.value)
    found: records.Object = {"host": answer.host.name, **dict.fromkeys(FIELDS)}
    return found if answer.error is None else {**found, "error": records.error(answer.error)}


def text(answers: list[Answer[Stats]]) -> str:
    """Write a paragraph a host."""
    return show("\n".join(f"{answer.host.name}\n{''.join(lines(answer))}" for answer in answers))


def lines(answer: Answer[Stats]) -> Iterator[str]:
    """Write one host's sample, a line a topic."""
    stats = answer.value
    if stats is None:
        yield f"  no answer: {show_line(answer.error.message) if answer.error else '-'}\n"
        return
    topics = {
        "service": service(stats.service),
        "runners": runners(stats),
        "limits": ", ".join(f"{limit.name} {limit.used:g} of {limit.limit:g}" for limit in stats.limits),
        "load": load(stats),
        "memory": memory(stats),
        "spool": spool(stats),
        "network": network(stats),
        "processes": ""
        if stats.processes is None
        else f"{stats.processes.mta} of the MTA, {stats.processes.total} in all",
        "queue": "" if stats.queue is None else queue(stats.queue),
        "a minute": rates(stats),
        "up": "" if stats.uptime is None else brief(stats.uptime),
        "taken": iso(whole(stats.taken_at)) or "",
    }
    for topic, told in topics.items():
        yield f"  {topic:<10}{show_line(told or 'not known')}\n"


def whole(at: float) -> float:
    """Give a time without its fraction, which nobody reads in a table."""
    return math.floor(at) if math.isfinite(at) else at


def service(found: Service) -> str:
    """Tell whether the mail server runs, listens and accepts."""
    daemon = {True: "daemon runs", False: "daemon does not run", None: "daemon: not known"}[found.daemon]
    accepting = f"accepting: {found.accepting}" + (f" ({found.why_not})" if found.why_not else "")
    listening = f"listening on {', '.join(found.listening)}" if found.listening else "listens nowhere"
    return f"{daemon}, {accepting}, {listening}"


def runners(found: Stats) -> str:
    """Tell of each queue runner whether it lives and when it last ran."""
    told = []
    for runner in found.service.queue_runners:
        every = f" every {brief(runner.interval)}" if runner.interval else ""
        last = f", last run {brief(found.taken_at - runner.last_run_at)} ago" if runner.last_run_at else ""
        told.append(f"{runner.queue} {runner.state}{every}{last}")
    return "; ".join(told)


def load(found: Stats) -> str:
    """Tell load averages and processor use."""
    parts = [] if found.load is None else [" ".join(f"{value:.2f}" for value in found.load)]
    parts += [] if found.cpus is None else [f"{found.cpus} processors"]
    parts += [] if found.cpu_percent is None else [f"{found.cpu_percent:.0f} % busy"]
    return ", ".join(parts)


def memory(found: Stats) -> str:
    """Tell memory and swap."""
    if found.memory is None:
        return ""
    memory = found.memory
    return f"{size(memory.available)} of {size(memory.total)} available, {size(memory.swap_used)} swapped"


def spool(found: Stats) -> str:
    """Tell the room on the queue's file system."""
    if found.spool is None:
        return ""
    spool = found.spool
    inodes = "" if spool.inodes_free is None else f", {spool.inodes_free:,} of {spool.inodes_total or 0:,} inodes free"
    return f"{spool.path}: {size(spool.bytes_free)} of {size(spool.bytes_total)} free{inodes}"


def network(found: Stats) -> str:
    """Tell traffic and open SMTP connections."""
    net = found.network
    parts = [] if net.rx_per_s is None else [f"{size(net.rx_per_s)}/s in"]
    parts += [] if net.tx_per_s is None else [f"{size(net.tx_per_s)}/s out"]
    parts += [] if net.smtp_connections is None else [f"{net.smtp_connections} SMTP connections"]
    return ", ".join(parts)


def queue(found: QueueCounts) -> str:
    """Tell the queue's counts and its oldest mail."""
    names = ("active", "queued", "deferred", "held", "lost")
    parts = [f"{getattr(found, name):,} {name}" for name in names if getattr(found, name)]
    oldest = "" if found.oldest_age is None else f", oldest {brief(found.oldest_age)}"
    part = "" if found.complete else " or more (not all of it could be read)"
    return f"{found.total:,}{part}{': ' if parts else ''}{', '.join(parts)}{oldest}"


def rates(found: Stats) -> str:
    """Tell the flow of mail."""
    names = ("received", "delivered", "deferred", "bounced", "rejected")
    known = [(name, getattr(found.rates, name)) for name in names]
    return ", ".join(f"{value:.1f} {name}" for name, value in known if value is not None)
