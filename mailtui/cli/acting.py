"""What all commands that change hosts have in common: consent, one connection for plan and act, Ctrl+C, exit code."""

from __future__ import annotations

import asyncio
import signal
import sys
import termios
from argparse import Namespace
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from mailtui.cli import hosting, say
from mailtui.clock import SYSTEM
from mailtui.errors import DONE, FAILED, PARTLY, REFUSED, UNKNOWN, HostError, MailtuiError, TimedOut, UsageError

if TYPE_CHECKING:
    from mailtui.cli.options import Parser
    from mailtui.config import Host
    from mailtui.model import ItemOutcome
    from mailtui.session import Link

P = TypeVar("P")
R = TypeVar("R")

PATIENCE = 1.0
"""Seconds after which something that takes time says so on a terminal, and between two such lines."""


class NotJournalled(HostError):
    """Nothing was done on a host, because the journal could not be written first."""

    exit_code: ClassVar[int] = FAILED
    kind: ClassVar[str] = "refused"


def add_consent(parser: Parser) -> None:
    """Let a command be agreed to beforehand."""
    parser.add_argument("--yes", action="store_true", help="do it without asking; needed where nobody can be asked")


# --- consent --------------------------------------------------------------------------------------------------------


def check_consent(args: Namespace) -> None:
    """Refuse a change that nobody has agreed to and nobody can be asked about; raises UsageError."""
    if args.yes or getattr(args, "dry_run", False):
        return
    if args.no_input or not sys.stdin.isatty():
        why = "--no-input forbids to ask" if args.no_input else "standard input is no terminal, so nobody can be asked"
        raise UsageError(f"this changes things, and {why}", "add --yes once you have seen what it would do")


async def agree(args: Namespace, card: Sequence[str], question: str, typed: str = "") -> None:
    """Show a plan card and ask, unless `--yes` was given; `typed` is what must be written instead of `y`.

    Raises MailtuiError where the answer is no.
    """
    if args.yes:
        return
    for line in card:
        say.error(line)
    # What was typed or pasted before the question was read answers no question.
    with suppress(OSError, ValueError, termios.error):
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    say.prompt(f"{question} Type {typed or 'y'} to go on: ")
    said = (await line_of_input()).strip()
    if said != typed if typed else said.lower() not in ("y", "yes"):
        raise MailtuiError("nothing was done")


async def line_of_input() -> str:
    """Read a line of standard input while the connections stay alive."""
    try:
        descriptor = sys.stdin.fileno()
    except (OSError, ValueError):
        return sys.stdin.readline()
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    # No thread: one that waits for a line would keep Ctrl+C from ending the program.
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
    return sys.stdin.readline()


def arm(link: Link) -> None:
    """Open a host's gate for this one command; raises Refused where its mode is read-only."""
    if link.gate.read_only:
        link.gate.arm()


# --- while it runs --------------------------------------------------------------------------------------------------


class Steps:
    """Says on a terminal how far something is that takes more than a second."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._last = SYSTEM.monotonic()

    def say(self, text: str) -> None:
        """Say it, at most once a second."""
        now = SYSTEM.monotonic()
        if self._shown and now - self._last >= PATIENCE:
            self._last = now
            say.remark(text)


class Stop:
    """Whether the user wants it to end: Ctrl+C once lets the current batch end, twice ends at once."""

    def __init__(self) -> None:
        self.wanted = False

    def __call__(self) -> bool:
        """Tell whether it is wanted."""
        return self.wanted

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take Ctrl+C for a wish to stop while something is being changed."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def pressed() -> None:
            if self.wanted and task is not None:
                task.cancel()
            elif not self.wanted:
                self.wanted = True
                say.error("stopping after the current batch; Ctrl+C again cuts the connections: its outcome is unknown")

        loop.add_signal_handler(signal.SIGINT, pressed)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGINT)


@dataclass(slots=True)
class Case(Generic[P, R]):
    """One host of a changing command: what was found there, what came of it, or why nothing did."""

    host: Host
    prepared: P | None = None
    result: R | None = None
    error: HostError | None = None


def run_all(
    hosts: Sequence[Host],
    timeout: float,
    prepare: Callable[[Link], Awaitable[P]],
    decide: Callable[[list[Case[P, R]]], Awaitable[bool]],
    perform: Callable[[Link, P], Awaitable[R]],
    stop: Stop,
    admit: Callable[[Host], None] = lambda host: None,
) -> list[Case[P, R]]:
    """Prepare on all hosts at once, decide over all of them, and perform on the same connections.

    A host's failure is its own; what `decide` refuses is refused for all, before anything is changed.
    """
    try:
        return asyncio.run(_run_all(hosts, timeout, prepare, decide, perform, stop, admit))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _run_all(
    hosts: Sequence[Host],
    timeout: float,
    prepare: Callable[[Link], Awaitable[P]],
    decide: Callable[[list[Case[P, R]]], Awaitable[bool]],
    perform: Callable[[Link, P], Awaitable[R]],
    stop: Stop,
    admit: Callable[[Host], None],
) -> list[Case[P, R]]:
    loop = asyncio.get_running_loop()
    cases: list[Case[P, R]] = [Case(host) for host in hosts]
    decision: asyncio.Future[bool] = loop.create_future()
    ready = asyncio.Event()
    waiting = len(cases)
    refusal: MailtuiError | None = None

    def arrived() -> None:
        nonlocal waiting
        waiting -= 1
        if not waiting:
            ready.set()

    async def one(case: Case[P, R]) -> None:
        async with AsyncExitStack() as stack:
            try:
                admit(case.host)
                async with asyncio.timeout(timeout):
                    link = await stack.enter_async_context(hosting.open_link(case.host))
                    prepared = case.prepared = await prepare(link)
            finally:
                arrived()
            if await decision:
                case.result = await perform(link, prepared)

    async def caught(case: Case[P, R]) -> None:
        try:
            await one(case)
        except HostError as error:
            if case.result is None:  # else it is the closing of the connection that failed
                case.error = error
        except TimeoutError:
            cure = "raise --timeout, or look at the host's load"
            case.error = TimedOut(f"{case.host.name} did not answer within {timeout:g} s", cure)

    steps = Steps()
    names = ", ".join(host.name for host in hosts)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(caught(case)) for case in cases]
        told = loop.call_later(PATIENCE, steps.say, f"reading {names}")
        await ready.wait()
        told.cancel()
        go = False
        try:
            go = await decide(cases)
        except MailtuiError as fault:
            refusal = fault
        if go:
            with stop.listening():
                told = loop.call_later(PATIENCE, steps.say, f"working on {names}")
                decision.set_result(True)
                await asyncio.wait(tasks)
                told.cancel()
        else:
            decision.set_result(False)
    if refusal is not None:
        raise refusal
    return cases


# --- how it ended ---------------------------------------------------------------------------------------------------


def exit_code(cases: Sequence[Case[P, R]], outcomes: Sequence[ItemOutcome]) -> int:
    """Give the exit code of an action on several hosts (contract.md): unknown before partly before all the others."""
    from mailtui.execute import verdict
    from mailtui.model import Outcome

    errors = [case.error for case in cases]
    failed = [error for error in errors if error is not None]
    if any(each.outcome is Outcome.UNKNOWN for each in outcomes):
        return UNKNOWN
    code = verdict(outcomes) if outcomes else DONE
    if not failed:
        return code
    if len(failed) == len(errors) and not outcomes:
        return FAILED if all(isinstance(error, NotJournalled) for error in failed) else hosting.code_of(errors)
    denied = code == REFUSED and all(error.exit_code == REFUSED for error in failed)
    return REFUSED if denied else PARTLY


def say_errors(cases: Sequence[Case[P, R]]) -> None:
    """Say of each host where nothing could be done why, with its cure."""
    for case in cases:
        if case.error is not None:
            say.error(f"{case.host.name}: {case.error.message}", case.error.cure)
