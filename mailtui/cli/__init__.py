"""The command line: every screen's headless twin.

What this module imports is paid by every start, so it is nothing but the table of commands: the argument parser of a
command, and all that the command needs, come with its own module.
"""

import sys

from mailtui.cli import commands


def main(argv: list[str] | None = None) -> int:
    """Run one command line and give its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    if None in (sys.stdin, sys.stdout, sys.stderr):
        from mailtui.cli.run import reopen

        reopen()
    at = command_at(argv)
    ahead = argv if at is None else argv[:at]
    if "-h" in ahead or "--help" in ahead:
        return _print(commands.overview())
    if "--version" in ahead:
        from mailtui.cli.version import line

        return _print(line())
    if at is not None and argv[at] == "help":
        return _help(argv[:at] + argv[at + 1 :])
    from mailtui.cli.run import run

    if at is None or argv[at] not in commands.words():
        return run("open", argv, guessed=at is not None)
    return run(argv[at], argv[:at] + argv[at + 1 :])


def _help(words: list[str]) -> int:
    """Print the help of the command that is named, else that of all."""
    at = command_at(words)
    if at is None or words[at] not in commands.COMMANDS:
        return _print(commands.overview())
    from mailtui.cli.run import run

    return run(words[at], words[:at] + words[at + 1 :] + ["--help"])


def command_at(argv: list[str]) -> int | None:
    """Find the first word that is neither an option nor an option's value; None where there is none."""
    skip = False
    for at, word in enumerate(argv):
        if skip:
            skip = False
        elif word == "--":
            return None
        elif word in commands.VALUED or _bundle(word):
            skip = True
        elif not word.startswith("-") or word == "-":
            return at
    return None


def _bundle(word: str) -> bool:
    """Tell whether short options are written together and the last one takes the next word (`-qC FILE`)."""
    return len(word) > 2 and word[0] == "-" and word[-1] in "Co" and not word[1:-1].strip("qv")


def _print(text: str) -> int:
    """Print to a reader that may have left already, or to a disk that is full."""
    try:
        print(text, flush=True)
    except OSError as error:
        from mailtui.cli.run import unwritten

        return unwritten(error)
    return 0
