"""Queue ids and keys from the command line: held against the adapters' patterns before anything is connected."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from mailtui.errors import UsageError

if TYPE_CHECKING:
    from mailtui.config import Host


def check_id(text: str, hosts: Sequence[Host]) -> str:
    """Give the queue id back, or raise UsageError where none of the hosts' mail servers could have made it."""
    from mailtui.mta import registry

    named = {host.mta for host in hosts}
    wanted = registry.names() if "auto" in named else sorted(named)
    adapters = [name for name in wanted if name in registry.names()]
    # A host whose mail server has no adapter is asked nothing: it says so itself, and keeps no other from answering.
    if adapters and not any(registry.adapter(name).id_pattern.fullmatch(text) for name in adapters):
        raise UsageError(f"{text[:80]!r} is no queue id of {' or '.join(adapters)}")
    return text


def check_key_or_id(text: str, hosts: Sequence[Host], configured: Collection[str]) -> str:
    """Give a key or a queue id back; raises UsageError, also for a key of another host than those asked.

    A key is only compared with those that a host listed; its last part is held against the patterns all the same.
    """
    host, _, rest = text.partition(":")
    if rest and host in {each.name for each in hosts}:
        check_id(rest.rpartition(":")[2], hosts)
        return text
    if rest and host in configured:
        asked = ", ".join(each.name for each in hosts)
        raise UsageError(f"that is a key of {host}, not of {asked}", f"mailtui queue show {host} {shlex.quote(text)}")
    return check_id(text, hosts)
