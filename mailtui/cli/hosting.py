"""From names on the command line to hosts, and from hosts to answers and an exit code."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mailtui.cli import commands, say
from mailtui.errors import AUTH, DONE, PARTLY, REFUSED, UNREACHABLE, HostError, UsageError

if TYPE_CHECKING:
    from mailtui.cli.options import Parser
    from mailtui.config import Config, Host
    from mailtui.session import Answer, Link

T = TypeVar("T")


def open_link(host: Host) -> AbstractAsyncContextManager[Link]:
    """Connect to a host; the one place where commands reach the network, and where tests put theirs."""
    from mailtui.session import Link

    return Link.open(host)


def add_hosts(parser: Parser, *, some: bool = True) -> None:
    """Let a command take hosts; with `some` at least one."""
    parser.add_argument("hosts", metavar="HOST", nargs="+" if some else "*", help="a host, a group or @tag")


def configuration(args: Namespace) -> Config:
    """Load the configuration; raises ConfigError."""
    from mailtui.config import load

    return load(Path(args.config) if args.config else None)


def resolved(config: Config, names: Sequence[str]) -> list[Host]:
    """Give the hosts that names, groups and tags mean, all of them for no names; raises UsageError."""
    from mailtui.config import resolve

    for name in names:
        if verb := commands.unbuilt(name):
            raise UsageError(f"{verb}: not built yet")
    return list(resolve(config, names))


def hosts_of(args: Namespace, names: Sequence[str]) -> list[Host]:
    """Load the configuration and give the hosts that names mean."""
    return resolved(configuration(args), names)


def names(args: Namespace) -> list[str]:
    """Give the names of all hosts, without checking the rest of the configuration."""
    from mailtui.config import host_names

    return list(host_names(Path(args.config) if args.config else None))


def ask(args: Namespace, hosts: Sequence[Host], question: Callable[[Link], Awaitable[T]]) -> list[Answer[T]]:
    """Put a question to all hosts at the same time, each over its own connection."""
    from mailtui.session import ask_all

    async def one(host: Host) -> T:
        async with open_link(host) as link:
            return await question(link)

    return asyncio.run(ask_all(hosts, one, args.timeout))


def ask_one(args: Namespace, host: Host, question: Callable[[Link], Awaitable[T]]) -> T:
    """Put a question to one host; raises its HostError."""
    answer = ask(args, [host], question)[0]
    if answer.error is not None or answer.value is None:
        raise answer.error or HostError(f"{host.name} gave no answer")
    return answer.value


def only_host(args: Namespace, name: str) -> Host:
    """Give the one host of a name; a group of several is refused."""
    hosts = hosts_of(args, [name])
    if len(hosts) != 1:
        raise UsageError(f"{name} is {len(hosts)} hosts: name one", " ".join(host.name for host in hosts))
    return hosts[0]


def say_errors(answers: Sequence[Answer[T]]) -> None:
    """Say of each host that did not answer why, with its cure."""
    for answer in answers:
        if answer.error is not None:
            say.error(f"{answer.host.name}: {answer.error.message}", answer.error.cure)


def code_of(errors: Sequence[HostError | None]) -> int:
    """Give the exit code of a question to several hosts from what each failed with."""
    failed = [error for error in errors if error is not None]
    if not failed:
        return DONE
    if len(failed) < len(errors):
        return PARTLY
    codes = {error.exit_code for error in failed}
    return codes.pop() if codes in ({AUTH}, {REFUSED}) else UNREACHABLE


def remark_nothing(answers: Sequence[Answer[T]], what: str) -> None:
    """Say that nothing was found, where any host was looked through."""
    if any(answer.value is not None for answer in answers):
        say.remark(what)


def settle(answers: Sequence[Answer[T]]) -> int:
    """Say the errors and give the exit code."""
    say_errors(answers)
    return code_of([answer.error for answer in answers])
