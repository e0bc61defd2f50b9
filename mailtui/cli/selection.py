"""Which messages an action is about: words and a filter, sorted into what is acted on and what is left alone."""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from mailtui.cli import commands, hosting, ids, select
from mailtui.errors import UsageError
from mailtui.model import Code, ItemOutcome, Outcome, Recipient, RecipientState, domain_of

if TYPE_CHECKING:
    from mailtui.actions import ActionSpec, Chosen
    from mailtui.cli.select import Reading
    from mailtui.config import Config, Host
    from mailtui.model import Message, QueueRow, Target

_ID: Final = re.compile(r"[0-9A-Za-z]{12,20}", re.ASCII)
"""What may be a queue id at all; each mail server's own pattern is narrower."""

_NOBODY: Final = Recipient(b"\0", RecipientState.PENDING)
"""A recipient that no filter can mean: stands for those that could not be read."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line names: hosts, and messages by id or key."""

    hosts: tuple[Host, ...]
    ids: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()

    @property
    def named(self) -> bool:
        """Tell whether messages are named."""
        return bool(self.ids or self.keys)


def read_words(args: Namespace) -> Wanted:
    """Tell hosts from messages, hosts first, and read `-` from standard input; raises UsageError for all else."""
    config = hosting.configuration(args)
    names, rest = _hosts_first(config, args.words)
    if not names:
        raise UsageError(f"{args.words[0][:80]!r} is no host, group or @tag", "name the host first, then its messages")
    hosts = tuple(hosting.resolved(config, names))
    found: list[str] = []
    for word in rest:
        found += _input_lines() if word == "-" else [word]
    at = {host.name for host in hosts}
    keys = {word for word in found if ":" in word}
    for word in found:
        _check(word, hosts, at, [host.name for host in config.hosts])
    return Wanted(hosts, frozenset(set(found) - keys), frozenset(keys))


def check_selection(args: Namespace, wanted: Wanted) -> None:
    """Refuse an empty selection and a bad filter; raises UsageError."""
    if args.where is not None:
        from mailtui import query

        query.parse(args.where, "queue")
    elif not wanted.named:
        raise UsageError(
            "no message is named: nothing is selected, which never means all",
            "name ids or keys (`-` reads them from standard input), or select by --where EXPR",
        )


def _hosts_first(config: Config, words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split words at the first that is no host, group or @tag."""
    for at, word in enumerate(words):
        if not _is_host(config, word):
            for later in words[at:]:
                if _is_host(config, later):
                    raise UsageError(f"{later} stands behind a message", "hosts come first, then messages")
            return list(words[:at]), list(words[at:])
    return list(words), []


def _is_host(config: Config, word: str) -> bool:
    from mailtui.config import resolve

    try:
        return bool(word) and bool(resolve(config, [word]))
    except UsageError as fault:
        if word.startswith("@") or "is empty" in fault.message or not config.hosts:
            raise
        return False


def _check(word: str, hosts: Sequence[Host], asked: set[str], configured: Sequence[str]) -> None:
    """Refuse what is neither a queue id nor a key of a host that is asked; raises UsageError."""
    if verb := commands.unbuilt(word):
        raise UsageError(f"{verb}: not built yet")
    host, colon, rest = word.partition(":")
    if colon and rest and host in configured and host not in asked:
        raise UsageError(f"{word[:200]!r} is a message of {host}, which is not named", f"name {host} before it")
    id_ = word.rpartition(":")[2]
    if _ID.fullmatch(id_) is None or (colon and (host not in asked or ":" not in rest or not word.isprintable())):
        raise UsageError(
            f"{word[:80]!r} is no host, group or @tag, and neither a key nor an id of a message",
            "`mailtui hosts list` lists hosts, `mailtui queue list HOST --json` keys and ids",
        )
    ids.check_id(id_, hosts)


def _input_lines() -> list[str]:
    """Read keys and ids from standard input, one a line."""
    try:
        return [line for line in map(str.strip, sys.stdin.read().split("\n")) if line]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"standard input cannot be read: {error}") from error


# --- on one host ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Choice:
    """What one host's queue holds of what is wanted."""

    chosen: tuple[Chosen, ...]
    skipped: tuple[ItemOutcome, ...]
    others: Others | None
    keys_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of each id that is named and there: the messages that have it."""
    absent: tuple[str, ...] = ()
    """Named ids, and keys of this host, that are not in its queue."""
    expired: int = 0
    """Past their lifetime: one attempt more, then they bounce."""


def choose(
    spec: ActionSpec,
    reading: Reading,
    target: Callable[[QueueRow], Target],
    wanted: Wanted,
    where: str | None,
    *,
    whole: bool,
) -> Choice:
    """Sort a host's queue into what is acted on, what is left out and why, and what is not there."""
    from mailtui import actions

    rows: Sequence[QueueRow] = reading.listing.rows
    keys_of: dict[str, tuple[str, ...]] = {}
    absent: list[str] = []
    if wanted.named:
        rows = [row for row in rows if row.id in wanted.ids or row.key in wanted.keys]
        for row in rows:
            if row.id in wanted.ids:
                keys_of[row.id] = (*keys_of.get(row.id, ()), row.key)
        there = {row.key for row in rows}
        here = {key for key in wanted.keys if key.partition(":")[0] == reading.host}
        absent = [*sorted(wanted.ids - keys_of.keys()), *sorted(here - there)]
    matches = select.matcher(reading, where)
    unmatched = [row for row in rows if matches is not None and not matches(row)] if wanted.named else []
    rows = [row for row in rows if matches is None or matches(row)]
    others = Others(reading, where) if where is not None and spec.whole else None
    chosen, skipped = actions.choose(
        spec,
        rows,
        target,
        outside=others or (lambda row: 0),
        whole=whole,
        ours=(lambda row: _ours(reading.decode(row))) if spec.id == "bounce" else (lambda row: True),
    )
    beside = tuple(
        ItemOutcome(row.key, row.id, Outcome.SKIPPED, Code.OUTSIDE_FILTER, "the filter does not match it")
        for row in unmatched
    )
    return Choice(
        chosen=chosen,
        skipped=(*skipped, *beside),
        others=others,
        keys_of=keys_of,
        absent=tuple(absent),
        expired=_expired(spec, reading, chosen),
    )


def _ours(message: Message) -> bool:
    """Tell whether a message came from a login or from the host itself, so that its sender is someone known there."""
    return message.auth_user is not None or message.client is None or message.client.ip in ("127.0.0.1", "::1")


def _expired(spec: ActionSpec, reading: Reading, chosen: Sequence[Chosen]) -> int:
    if spec.id not in ("retry", "release"):
        return 0
    ends = (reading.decode(each.row).expires_at for each in chosen)
    return sum(end is not None and end < reading.listing.taken_at for end in ends)


class Others:
    """Finds the recipients of a message that a filter does not match when each is looked at alone."""

    def __init__(self, reading: Reading, where: str | None) -> None:
        self._decode = reading.decode
        self._alone: Message | None = None
        alone = replace(reading, decode=lambda row: self._alone or reading.decode(row))
        self._matches = select.matcher(alone, where) or (lambda row: True)
        self.addresses: dict[str, tuple[bytes, ...]] = {}
        """Of each message that has any: their addresses."""

    def __call__(self, row: QueueRow) -> int:
        """Count them; at least one where not all recipients could be read and the filter asks for recipients."""
        message = self._decode(row)
        waiting = [each for each in message.recipients if each.state is not RecipientState.DONE]
        if len(waiting) < 2 and message.recipients_complete:
            return 0
        outside = [each.address for each in waiting if not self._match(row, message, each)]
        if outside:
            self.addresses[row.key] = tuple(outside)
        unread = not message.recipients_complete and not outside and not self._match(row, message, _NOBODY)
        return len(outside) + unread

    def _match(self, row: QueueRow, message: Message, recipient: Recipient) -> bool:
        """Hold the filter against a message as if it had this one recipient."""
        reason = row.reason if recipient.reason is None else recipient.reason
        self._alone = replace(message, recipients=(recipient,), reason=reason)
        try:
            # Without the raw record, which tells of the other recipients too.
            domains = (domain_of(recipient.address),)
            return self._matches(row._replace(recipient=recipient.address, domains=domains, reason=reason, raw=b""))
        finally:
            self._alone = None
