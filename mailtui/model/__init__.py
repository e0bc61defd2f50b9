"""The records that everything above speaks in: frozen, typed, without behaviour beyond reading themselves.

Text that a stranger could have written is `bytes`; it becomes readable only through `mailtui.text`. Times are POSIX
seconds (UTC), sizes bytes, durations seconds. What an MTA does not have is None, never guessed.
"""

from mailtui.model.host import CAPABILITIES, Capability, Identity, LinkState
from mailtui.model.log import LogCursor, LogEvent, LogRecord
from mailtui.model.queue import (
    Basis,
    Client,
    Hold,
    HoldBy,
    Message,
    NextAttempt,
    QueueCounts,
    QueueListing,
    QueueRow,
    QueueState,
    Recipient,
    RecipientState,
    SpoolFile,
    domain_of,
)
from mailtui.model.service import (
    Accepting,
    Limit,
    Memory,
    Network,
    Processes,
    QueueRunner,
    Rates,
    RunnerState,
    Service,
    Spool,
    Stats,
)

__all__ = [
    "CAPABILITIES",
    "Accepting",
    "Basis",
    "Capability",
    "Client",
    "Hold",
    "HoldBy",
    "Identity",
    "Limit",
    "LinkState",
    "LogCursor",
    "LogEvent",
    "LogRecord",
    "Memory",
    "Message",
    "Network",
    "NextAttempt",
    "Processes",
    "QueueCounts",
    "QueueListing",
    "QueueRow",
    "QueueRunner",
    "QueueState",
    "Rates",
    "Recipient",
    "RecipientState",
    "RunnerState",
    "Service",
    "Spool",
    "SpoolFile",
    "Stats",
    "domain_of",
]
