"""Findings: what a check saw, how bad it is, and what to do about it; in JSON and for people."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailtui.cli import records
from mailtui.cli.output import Document, write
from mailtui.cli.table import STYLES, in_color
from mailtui.cli.times import seconds
from mailtui.errors import DONE, FAILED
from mailtui.text import show, show_line


class Status(StrEnum):
    """How a finding is to be taken, from the worst to the best."""

    BAD = "bad"
    WARN = "warn"
    UNKNOWN = "unknown"
    INFO = "info"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    check: str
    status: Status
    summary: str
    detail: str = ""
    evidence: tuple[str | bytes, ...] = ()
    """What it was read from, raw."""
    advice: str = ""
    took: float | None = None


def verdict(findings: Sequence[Finding]) -> Status:
    """Give the worst status, information counting as well."""
    worst = min((list(Status).index(finding.status) for finding in findings), default=list(Status).index(Status.OK))
    found = list(Status)[worst]
    return Status.OK if found is Status.INFO else found


def report(args: Namespace, kind: str, target: str, seen_from: str, findings: Sequence[Finding]) -> int:
    """Write findings and give the exit code: 1 where one is bad."""
    rows = [record(finding) for finding in findings]
    end = verdict(findings)
    body: records.Object = {"target": target, "seen_from": seen_from, "findings": rows, "verdict": end}
    write(args, Document(kind, body, lambda: rows, record="finding", text=lambda: text(args, findings, end)))
    return FAILED if end is Status.BAD else DONE


def record(finding: Finding) -> records.Object:
    """Give a finding's object."""
    return {
        "check": finding.check,
        "status": finding.status,
        "summary": finding.summary,
        "detail": finding.detail or None,
        "evidence": list(finding.evidence),
        "advice": finding.advice or None,
        "took": seconds(finding.took),
    }


def text(args: Namespace, findings: Sequence[Finding], end: Status) -> str:
    """Write a line a finding, with its advice below it, and the verdict at the end."""
    colored = in_color(args.color)
    wide = max((len(finding.check) for finding in findings), default=0)
    parts = []
    for finding in findings:
        parts.append(
            f"{word(finding.status, colored)} {show_line(finding.check):<{wide}}  {show_line(finding.summary)}\n"
        )
        below = [finding.detail] if args.verbose or finding.status in (Status.BAD, Status.WARN) else []
        below += [finding.advice] if finding.status is not Status.OK else []
        parts += [f"{'':{wide + 10}}{line}\n" for told in below for line in show(told).splitlines()]
        if args.verbose:
            parts += [f"{'':{wide + 10}}| {line}\n" for each in finding.evidence for line in show(each).splitlines()]
    return "".join([*parts, f"verdict: {word(end, colored).strip()}\n"])


def word(status: Status, colored: bool) -> str:
    """Write a status, padded, in colour where there is one for it."""
    style = {Status.BAD: "bad", Status.WARN: "warn", Status.OK: "ok"}.get(status, "dim")
    return f"\x1b[{STYLES[style]}m{status:<7}\x1b[0m" if colored else f"{status:<7}"
