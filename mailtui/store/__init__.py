"""The store: the one mutable thing, written by `apply(change)` alone, read through immutable snapshots."""

from mailtui.store.changes import (
    Change,
    EvidenceRead,
    Heard,
    HostFound,
    LinkChanged,
    LogGapped,
    LogRead,
    QueueRead,
    SourceFailed,
    StatsRead,
    decode,
    encode,
)
from mailtui.store.log import EVENTS, LogBuffer
from mailtui.store.queue import BIG, COLUMNS, QueueTable, View
from mailtui.store.queues import QueuesTable
from mailtui.store.store import Formats, HostView, Shown, Store, Topic

__all__ = [
    "BIG",
    "COLUMNS",
    "EVENTS",
    "Change",
    "EvidenceRead",
    "Formats",
    "Heard",
    "HostFound",
    "HostView",
    "LinkChanged",
    "LogBuffer",
    "LogGapped",
    "LogRead",
    "QueueRead",
    "QueueTable",
    "QueuesTable",
    "Shown",
    "SourceFailed",
    "StatsRead",
    "Store",
    "Topic",
    "View",
    "decode",
    "encode",
]
