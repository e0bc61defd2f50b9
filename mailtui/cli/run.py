"""From a command's words to an exit code: the one place where errors become text."""

from __future__ import annotations

import os
import re
import sys
from itertools import pairwise

from mailtui.cli import commands, options, output, say
from mailtui.errors import DONE, FAILED, INTERRUPTED, USAGE, ConfigError, MailtuiError, NotWritten, UsageError

NAGIOS_UNKNOWN = 3
"""What `check` says of everything it cannot tell."""


_SHORT = re.compile(r"-[qv]*(?:[qv]|[Co].*)")
"""Common short options, written together or with a value."""


def run(command: str, words: list[str], *, guessed: bool = False) -> int:
    """Run one command and give its exit code; nothing but programming errors leaves it as an exception.

    `guessed` is for words that name no command: hosts for the console, or a command mistyped.
    """
    if unbuilt(command, words):
        return NAGIOS_UNKNOWN if command == "check" else USAGE
    try:
        return _run(command, words, guessed=guessed)
    finally:
        say.flush()


def _run(command: str, words: list[str], *, guessed: bool) -> int:
    try:
        if guessed:
            from mailtui.cli import mistyped

            mistyped.check(words)
        args = options.parse(command, words)
        say.be_quiet(args.quiet)
        log_to(args.log_file, args.verbose)
        code: int = args.run(args)
        output.flush()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        hush()
        return DONE
    except MailtuiError as error:
        return report(error)
    except BaseExceptionGroup as group:
        return report_first(group)
    return code


def report(error: MailtuiError) -> int:
    """Say an error with its cure and give its exit code."""
    if isinstance(error, NotWritten):
        hush()
    if isinstance(error, ConfigError):
        say.lines(error.message, error.cure)
    else:
        say.error(f"mailtui: {error.message}", error.cure)
    return error.exit_code


def report_first(group: BaseExceptionGroup[BaseException]) -> int:
    """Report the first of our own errors in a task group's; anything else is a programming error and goes on."""
    if group.subgroup(KeyboardInterrupt) is not None:
        return INTERRUPTED
    if group.subgroup(BrokenPipeError) is not None:
        hush()
        return DONE
    ours, others = group.split(MailtuiError)
    if ours is None or others is not None:
        raise group
    leaf: BaseException = ours
    while isinstance(leaf, BaseExceptionGroup):
        leaf = leaf.exceptions[0]
    if not isinstance(leaf, MailtuiError):
        raise group
    return report(leaf)


def unbuilt(command: str, words: list[str]) -> bool:
    """Say of a command that is only named so far that it is not built yet."""
    verb = verb_of(words)
    if command in commands.UNBUILT:
        name = command
    elif verb in commands.UNBUILT_VERBS.get(command, ()):
        name = f"{command} {verb}"
    else:
        return False
    say.error(f"mailtui {name}: not built yet")
    return True


def verb_of(words: list[str]) -> str:
    """Give the first word that is neither a common option nor its value; empty where another option comes first."""
    from mailtui.cli import command_at

    at = command_at(words)
    before = words[:at]
    return "" if at is None or any(_is_own(word, last) for last, word in pairwise(["", *before])) else words[at]


def _is_own(word: str, last: str) -> bool:
    """Tell whether a word is an option that not every command takes."""
    if not word.startswith("-") or last in commands.VALUED:
        return False
    return word.partition("=")[0] not in commands.COMMON_NAMES and not _SHORT.fullmatch(word)


def unwritten(error: OSError) -> int:
    """Say why standard output takes nothing, unless its reader has left; gives the exit code."""
    hush()
    if isinstance(error, BrokenPipeError):
        return DONE
    say.error(f"mailtui: standard output: {error.strerror}")
    return FAILED


def reopen() -> None:
    """Open standard streams that the caller closed: no file of ours may get their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


def hush() -> None:
    """Let what is still buffered go nowhere: nobody reads it, or it cannot be written."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def log_to(file: str | None, verbose: int) -> None:
    """Send diagnostic messages to a file that only its owner reads, with `-v` to stderr, else nowhere."""
    import logging

    from mailtui.text import show

    class SafeFormatter(logging.Formatter):
        """Lets no control sequence of a host into the file."""

        def format(self, record: logging.LogRecord) -> str:
            return show(super().format(record))

    if file is None and not verbose:
        logging.lastResort = logging.NullHandler()  # else it would print what libraries say of hosts, as it comes
        return
    handler: logging.Handler = logging.StreamHandler()
    if file is not None:
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise UsageError(f"--log-file {file}: {error.strerror}") from error
        handler = logging.StreamHandler(os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace"))
    handler.setFormatter(SafeFormatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.DEBUG if verbose > 1 else logging.INFO, force=True)
