"""A first word that names no command: a host, or a command mistyped."""

from __future__ import annotations

from difflib import get_close_matches

from mailtui.cli import command_at, commands, hosting, options
from mailtui.errors import ConfigError, UsageError


def check(words: list[str]) -> None:
    """Refuse words that begin with neither a host nor a command; raises UsageError.

    One word alone that resembles no command is a host not configured yet: the configuration tells how to add it.
    """
    at = command_at(words)
    word = "" if at is None else words[at]
    near = get_close_matches(word, [*commands.words(), "help"], n=1, cutoff=0.7)
    args, unknown = options.parser_of("open").parse_known_args(words, options.usual())
    if not word or word.startswith("@") or not (near or unknown or len(args.hosts) > 1):
        return
    try:
        config = hosting.configuration(args)
    except ConfigError:
        if not near:
            return  # what is wrong with the configuration is told when it is used
    else:
        known = [*(host.name for host in config.hosts), *(group.name for group in config.groups)]
        if word in known:
            return
        near = near or get_close_matches(word, known, n=1)
    cure = f"did you mean `mailtui {near[0]}`?" if near else "`mailtui --help` lists all commands"
    cure += " (a host must stand under `hosts:` of the configuration)"
    raise UsageError(f"{word} is no command, and no host, group or @tag is called so", cure)
