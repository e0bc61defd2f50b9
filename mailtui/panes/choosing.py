"""From the messages a person chose to those that an action is meant for: pure, and costly enough for a thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mailtui import actions, query
from mailtui.actions import ActionSpec, Chosen
from mailtui.model import ItemOutcome, Message, QueueRow, Recipient, RecipientState, Target, domain_of

Decode = Callable[[QueueRow], Message]

_NOBODY = Recipient(b"\0", RecipientState.PENDING)
"""A recipient that no filter can mean: stands for those that could not be read."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What of the chosen messages is acted on, and what is left out."""

    chosen: tuple[Chosen, ...]
    skipped: tuple[ItemOutcome, ...]
    expired: int = 0
    """Past their lifetime: one attempt more, then they bounce."""


def choose(
    spec: ActionSpec,
    host: str,
    rows: Sequence[QueueRow],
    target: Callable[[QueueRow], Target],
    decode: Decode,
    *,
    where: str = "",
    whole: bool = False,
    now: float = 0.0,
) -> Choice:
    """Sort rows into what is acted on and what is left out; a filter counts recipients that it does not match."""
    outside = Outside(host, where, decode, now) if where and spec.whole else None
    lifetime = _lifetime(rows, decode) if spec.id in ("retry", "release") else None
    chosen, skipped = actions.choose(
        spec,
        rows,
        target,
        outside=outside or (lambda row: 0),
        whole=whole,
        lifetime=lifetime,
        ours=(lambda row: _ours(decode(row))) if spec.id == "bounce" else (lambda row: True),
    )
    late = sum(each.expires_at is not None and each.expires_at < now for each in chosen)
    return Choice(chosen, skipped, late)


def _lifetime(rows: Sequence[QueueRow], decode: Decode) -> float | None:
    """Give how long messages may wait here, as the first one that tells says: decoding them all would take long."""
    for row in rows[:10]:
        ends = decode(row).expires_at
        if ends is not None and row.arrived_at is not None:
            return ends - row.arrived_at
    return None


def _ours(message: Message) -> bool:
    """Tell whether a message came from a login or from the host itself, so that its sender is someone known there."""
    return message.auth_user is not None or message.client is None or message.client.ip in ("127.0.0.1", "::1")


class Outside:
    """Counts the recipients of a message that a filter does not match when each is looked at alone.

    A message that the filter does not match at all was chosen by hand: then it has nothing to say.
    """

    def __init__(self, host: str, where: str, decode: Decode, now: float) -> None:
        self._decode = decode
        self._alone: Message | None = None
        parsed = query.parse(where, "queue")
        self._whole = parsed.rows(host=host, now=now, message=decode)
        self._single = parsed.rows(host=host, now=now, message=lambda row: self._alone or decode(row))

    def __call__(self, row: QueueRow) -> int:
        """Count them; at least one where not all recipients could be read and the filter asks for recipients."""
        if not self._whole(row):
            return 0
        message = self._decode(row)
        waiting = [each for each in message.recipients if each.state is not RecipientState.DONE]
        if len(waiting) < 2 and message.recipients_complete:
            return 0
        outside = sum(not self._match(row, message, each) for each in waiting)
        unread = not message.recipients_complete and not outside and not self._match(row, message, _NOBODY)
        return outside + unread

    def _match(self, row: QueueRow, message: Message, recipient: Recipient) -> bool:
        reason = row.reason if recipient.reason is None else recipient.reason
        self._alone = replace(message, recipients=(recipient,), reason=reason)
        domains = (domain_of(recipient.address),)
        try:
            # without the raw record, which tells of the other recipients too
            return self._single(row._replace(recipient=recipient.address, domains=domains, reason=reason, raw=b""))
        finally:
            self._alone = None
