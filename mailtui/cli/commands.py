"""The table of all commands: where each lives and what it is for. Plain tuples, so that `--help` imports nothing."""

COMMANDS = {
    "open": ("console", "NAME...", "the console (also without the word `open`)"),
    "demo": ("demo", "", "the console on made-up hosts"),
    "hosts": ("hosts", "list|test|trust", "the configured hosts: what works, their keys"),
    "queue": (
        "queue",
        "list|count|group|show|retry|hold|release|delete|bounce|flush",
        "what is queued, since when and why; act on it",
    ),
    "undo": ("undo", "UNDO_ID...|list|purge", "bring back what was deleted, or destroy it"),
    "journal": ("journal", "verify|erase", "what was done from here, and if it holds"),
    "logs": ("logs", "HOST...", "search or follow mail logs, merged by time"),
    "stats": ("stats", "HOST...", "service, limits, load, memory, spool, queue"),
    "doctor": ("doctor", "[HOST]", "what is wrong here or with a host, with cures"),
    "sudoers": ("sudoers", "HOST", "the sudoers lines a login needs, and the helper"),
    "config": ("configuration", "path|check", "which configuration is used, and its faults"),
    "version": ("version", "", "versions of mailtui and what it runs on"),
}
"""Built commands: name -> (module of this package, arguments, what it is for), in the order of `--help`."""

UNBUILT = (
    "init", "completion", "trace", "explain", "why", "route", "send", "dns", "tls", "diagnose",
    "mta", "audit", "access", "drill", "capture", "check", "alerts", "watch", "export", "record", "replay", "incident",
    "serve",
)  # fmt: skip
"""Commands that are named already, so that no host takes their name, and say that they are not built yet."""

UNBUILT_VERBS: dict[str, tuple[str, ...]] = {
    "hosts": ("import",),
    "queue": ("reasons", "requeue"),
    "logs": ("summary",),
    "config": ("show", "schema"),
}
"""The same within the built commands."""

CONSOLE_TWINS = "`mailtui queue list HOST` and `mailtui stats HOST` need no terminal"
"""What to use where the console cannot run."""

COMMON = (
    ("-C, --config FILE", "this configuration file"),
    ("-o, --output FORMAT", "table, json, jsonl, yaml or csv"),
    ("--json", "the same as -o json"),
    ("-q, --quiet", "no remarks on stderr, only errors"),
    ("-v, --verbose", "say more on stderr"),
    ("--timeout T", "give a host this long to answer: 20, 20s, 2m"),
    ("--color WHEN", "auto, always or never"),
    ("--log-file FILE", "write diagnostic messages there"),
    ("--no-input", "never ask anything"),
)
"""Options that every command takes, before or behind its name."""

COMMON_NAMES = tuple(name.split()[0] for form, _ in COMMON for name in form.split(", "))
"""The same by name alone."""

LEFT = 32
"""Width of the left column of `--help`."""

VALUED = ("-C", "--config", "-o", "--output", "--timeout", "--color", "--log-file", "--theme")
"""Options whose next word is their value; what `main` must know to find the command's name."""


def unbuilt(word: str) -> str:
    """Give the whole name of a command or verb that is not built yet, by its last word; empty for any other word."""
    if word in UNBUILT:
        return word
    return next((f"{family} {word}" for family, verbs in UNBUILT_VERBS.items() if word in verbs), "")


def words() -> list[str]:
    """Give every word that names a command; no host may be called so."""
    return [*COMMANDS, *UNBUILT]


def overview() -> str:
    """Write the text of `mailtui --help`."""
    lines = [
        "usage: mailtui [HOST | GROUP | @TAG ...]      the console",
        "       mailtui COMMAND ... [-h]",
        "",
        "The console a mail administrator on call opens first: queue, log and resources",
        "of mail hosts over SSH.",
        "",
        "commands:",
    ]
    for name, (_, arguments, purpose) in COMMANDS.items():
        form = f"  {name} {arguments}"
        lines += [form.ljust(LEFT) + purpose] if len(form) < LEFT else [form, " " * LEFT + purpose]
    lines += ["", "options of every command:"]
    lines += [f"  {form}".ljust(LEFT) + purpose for form, purpose in COMMON]
    lines += [
        "  -h, --help".ljust(LEFT) + "this, or with a command its own options",
        "  --version".ljust(LEFT) + "versions",
    ]
    lines += ["", "not built yet:"]
    names = [*UNBUILT, *(f"{family} {verb}" for family, verbs in UNBUILT_VERBS.items() for verb in verbs)]
    line = " "
    for name in names:
        if len(line) + len(name) > 77:
            lines.append(line)
            line = " "
        line += f" {name},"
    lines += [line.rstrip(","), ""]
    return "\n".join(lines)
