"""Queue ids and keys from the command line: held against the adapters' patterns before anything is connected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mailtui.errors import UsageError

if TYPE_CHECKING:
    from mailtui.config import Host


def check_id(text: str, hosts: Sequence[Host]) -> str:
    """Give the queue id back, or raise UsageError where none of the hosts' mail servers could have made it."""
    from mailtui.mta import registry

    named = {host.mta for host in hosts}
    adapters = registry.names() if "auto" in named else sorted(named)
    if not any(registry.adapter(name).id_pattern.fullmatch(text) for name in adapters):
        raise UsageError(f"{text[:80]!r} is no queue id of {' or '.join(adapters)}")
    return text


def check_key_or_id(text: str, hosts: Sequence[Host]) -> str:
    """Give a key or a queue id back; raises UsageError.

    A key is only compared with those that a host listed; its last part is held against the patterns all the same.
    """
    host, _, rest = text.partition(":")
    if rest and host in {each.name for each in hosts}:
        check_id(rest.rpartition(":")[2], hosts)
        return text
    return check_id(text, hosts)
