"""The Sendmail adapter: one object that hands each verb to the module that does it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence

from mailtui.model import (
    Acted,
    Capability,
    Identity,
    LogCursor,
    Message,
    Order,
    QueueRow,
    RemoteCommand,
    Target,
    UndoSet,
)
from mailtui.mta.contract import (
    FollowParser,
    KnownQueue,
    LiveParser,
    LogParser,
    LogQuery,
    QueueReading,
    Read,
    StatsParser,
)
from mailtui.mta.sendmail import act, detect, follow, ids, listing, live, log, message, rights, search, stats
from mailtui.procedure import Procedure, Request


class Sendmail:
    """Reads Sendmail hosts."""

    name: str = "sendmail"
    title: str = "Sendmail"
    id_pattern: re.Pattern[str] = ids.ID

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._refused: set[tuple[str, ...]] = set()
        """Hosts and logins whose sudo has said no: they are not asked again, for that may mail root."""

    def detect(self, *, sudo: bool = True) -> Procedure[Read[Identity | None]]:
        """Find Sendmail; None where the host has none."""
        return detect.detect(self._now, self._refused, sudo=sudo)

    def capabilities(self, identity: Identity, logs: Sequence[str] = ()) -> Procedure[Read[tuple[Capability, ...]]]:
        """Find what this login may do."""
        return rights.capabilities(identity, logs)

    def list_queue(self, host: str, identity: Identity, known: KnownQueue | None) -> Procedure[QueueReading]:
        """Read the whole queue, or with `known` only what changed."""
        return listing.list_queue(host, identity, known, self._now)

    def decode(self, host: str, identity: Identity | None, row: QueueRow) -> Message:
        """Make the whole message of a row."""
        skew = (identity.clock_skew or 0.0) if identity is not None else 0.0
        return message.decode(host, identity, row, self._now() + skew)

    def show(self, host: str, identity: Identity, row: QueueRow) -> Procedure[Read[Message]]:
        """Read one message's envelope and headers anew."""
        return message.show(host, identity, row, self._now)

    def stats_request(self, identity: Identity, interval: float) -> Request:
        """Give the request of the sampling stream."""
        return stats.stats_request(identity, interval)

    def stats_parser(self, host: str, identity: Identity) -> StatsParser:
        """Make the parser of the sampling stream."""
        return stats.stats_parser(host, identity)

    def find_logs(self, identity: Identity, configured: Sequence[str]) -> Procedure[Read[tuple[str, ...]]]:
        """Find the mail logs that the login may read."""
        return follow.find_logs(identity, configured)

    def follow_request(self, identity: Identity, path: str, cursor: LogCursor | None, last: int) -> Request:
        """Give the request that follows a log."""
        return follow.follow_request(identity, path, cursor, last)

    def follow_parser(self, identity: Identity, path: str, cursor: LogCursor | None) -> FollowParser:
        """Make the parser of a following stream."""
        return follow.follow_parser(identity, path, cursor)

    def search_request(self, identity: Identity, paths: Sequence[str], query: LogQuery) -> Request:
        """Give the request that searches logs."""
        return search.search_request(identity, paths, query)

    def log_parser(self, host: str, identity: Identity | None, now: float) -> LogParser:
        """Make a parser of Sendmail's log lines."""
        return log.log_parser(host, identity, now)

    def target(self, row: QueueRow) -> Target:
        """Give what an action on a row is aimed at."""
        return act.target(row)

    def commands(
        self, identity: Identity, verb: str, targets: Sequence[Target], order: Order
    ) -> tuple[RemoteCommand, ...]:
        """Give the literal commands of a batch."""
        if verb == live.ACTION:
            live.check(identity)
        return act.commands(identity, verb, targets, order)

    def act(self, identity: Identity, verb: str, targets: Sequence[Target], order: Order) -> Procedure[Acted]:
        """Do one batch."""
        return act.act(identity, verb, targets, order)

    def live_request(self, identity: Identity, targets: Sequence[Target], order: Order) -> Request:
        """Give the request that retries messages aloud."""
        return live.request(identity, targets, order)

    def live_parser(self, targets: Sequence[Target]) -> LiveParser:
        """Make the parser of that stream."""
        return live.Live(targets)

    def undo_sets(self, host: str, identity: Identity) -> Procedure[Read[tuple[UndoSet, ...]]]:
        """Read what the vault holds."""
        return act.undo_sets(host, identity)

    def undo(self, host: str, identity: Identity, kept: UndoSet, order: Order) -> Procedure[Acted]:
        """Put what a delete set aside back."""
        return act.undo(host, identity, kept, order)

    def purge(self, identity: Identity, undo_ids: Sequence[str]) -> Procedure[tuple[str, ...]]:
        """Destroy what these deletes set aside."""
        return act.purge(identity, undo_ids)

    def sudoers(self, identity: Identity, features: Sequence[str], *, helper: bool, logs: Sequence[str] = ()) -> str:
        """Print minimal sudoers lines, and with `helper` the root-owned helper."""
        return rights.sudoers(identity, features, helper=helper, logs=logs)
