"""The command line as such: words, common options, refusals, exit codes, streams."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from mailtui import query
from mailtui.app import ConsoleOptions
from mailtui.cli import command_at, commands, filters, main, options
from mailtui.cli.run import report_first, verb_of
from mailtui.config import COMMAND_WORDS, Host
from mailtui.errors import AuthenticationFailed, HostKeyRefused, NoMta, Refused, Unreachable, UsageError
from tests.unit.cli_world import HELPER, Run, World, message, run, valid, world

__all__ = ["run", "world"]


@pytest.mark.parametrize(
    ("argv", "at"),
    [
        ([], None),
        (["queue", "list"], 0),
        (["--json", "queue"], 1),
        (["-C", "file", "queue"], 2),
        (["-Cfile", "queue"], 1),
        (["-qC", "file", "queue"], 2),
        (["--config=file", "queue"], 1),
        (["-o", "json", "-q", "mx1"], 3),
        (["--theme", "dark"], None),
        (["--", "queue"], None),
        (["-"], 0),
    ],
)
def test_the_command_is_the_first_word_that_is_no_option(argv: list[str], at: int | None) -> None:
    assert command_at(argv) == at


def test_every_command_word_is_refused_as_a_host() -> None:
    verbs = {verb for family in commands.UNBUILT_VERBS.values() for verb in family}
    assert set(commands.words()) <= COMMAND_WORDS
    assert verbs <= COMMAND_WORDS | {"summary"}


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(word in text for word in commands.words())
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("command", list(commands.COMMANDS))
def test_every_built_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    out, err = capsys.readouterr()
    assert f"mailtui {command}" in out
    assert "--timeout" in out
    assert not err


@pytest.mark.parametrize("words", [[word] for word in commands.UNBUILT if word != "check"] + [
    ["queue", "requeue", "mx1", "--yes"], ["-q", "queue", "requeue"], ["-o", "json", "queue", "reasons"],
    ["hosts", "import", "--ssh-config"], ["logs", "summary", "mx1"], ["config", "schema"],
    ["-o", "json", "logs", "summary", "mx1"], ["logs", "--json", "-C", "x", "-qv", "summary", "mx1", "--mail", "a@b"],
])  # fmt: skip
def test_what_is_not_built_says_so_in_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "not built yet" in err


@pytest.mark.parametrize("words", [
    ["queue", "list", "reasons"], ["logs", "-n", "5", "summary", "mx1"], ["stats", "trace"], ["hosts", "test", "import"],
])  # fmt: skip
def test_what_is_not_built_is_never_advised_as_a_host(run: Run, words: list[str]) -> None:
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert "not built yet" in err
    assert "ssh alias" not in err


def test_a_word_behind_an_option_of_its_own_is_no_verb(run: Run, world: World) -> None:
    world.logs = {"mx1": b"x a summary\nx b\n"}
    assert run("logs", "--where", "summary", "mx1", "-q")[:2] == (0, "a summary\n")
    assert verb_of(["-o", "json", "-Cx", "summary"]) == "summary"
    assert verb_of(["--where", "summary"]) == ""
    assert verb_of(["-f", "summary"]) == ""
    assert verb_of([]) == ""


def test_check_that_is_not_built_is_unknown_to_nagios() -> None:
    assert main(["check", "queue", "mx1", "-w", "1", "-c", "2"]) == 3


def test_refusals_name_the_verb(run: Run) -> None:
    for words, told in (
        (["queue", "count", "mx1", "--bogus"], "mailtui queue count: unrecognized arguments: --bogus\n"),
        (["hosts", "list", "extra"], "mailtui hosts list: unrecognized arguments: extra\n"),
        (["stats", "mx1", "--bogus"], "mailtui stats: unrecognized arguments: --bogus\n"),
        (["queue", "show", "mx1", "x", "--body"], "mailtui: queue show --body: not built yet: comes with the journal"),
    ):
        code, out, err = run(*words)
        assert (code, out) == (2, "")
        assert err.startswith(told)


VERBS = [
    [command] for command in commands.COMMANDS if command not in commands.UNBUILT_VERBS or command == "logs"
] + [
    [family, verb]
    for family, (_, verbs, _) in commands.COMMANDS.items()
    for verb in verbs.split("|")
    if verb.islower() and verb
]  # fmt: skip


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_the_help_of_every_verb_ends_with_examples_that_can_be_read(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["help", *words]) == 0
    text = capsys.readouterr().out
    ours = text.partition("never ask anything\n")[2]
    assert max(map(len, ours.splitlines())) <= 80
    lines = text.rpartition("\nexamples:\n")[2].splitlines()
    assert 1 <= len(lines) <= 2
    for line in lines:
        program, *rest = shlex.split(line.replace("SHA256:...", "SHA256:x"))
        assert program == "mailtui"
        at = command_at(rest)
        command = rest[at] if at is not None and rest[at] in commands.COMMANDS else "open"
        args = options.parse(command, [word for place, word in enumerate(rest) if place != at or command == "open"])
        assert args.run
        if getattr(args, "where", None):
            query.parse(args.where, "log" if command == "logs" else "queue")


def test_help_tells_every_field_of_the_filter_language() -> None:
    for told, kind in ((filters.QUEUE, "queue"), (filters.LOG, "log")):
        with pytest.raises(query.FilterError) as refused:
            query.parse("zzzzzzzz:x", kind)
        fields = refused.value.cure.removeprefix("fields are ").partition(";")[0]
        assert told.replace("fields:", "").split() == fields.split(", ")


def test_verbs_stand_before_the_common_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["queue", "--help"]) == 0
    text = capsys.readouterr().out
    assert text.index("the messages themselves") < text.index("common options")


def test_defaults_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in (
        (["queue", "list"], "(-age: the oldest first)"), (["sudoers"], "(list,read,logs)"), (["logs"], "(now)"),
    ):  # fmt: skip
        assert main([*words, "--help"]) == 0
        assert told in " ".join(capsys.readouterr().out.split())


def test_common_options_stand_before_or_behind_the_command() -> None:
    before = options.parse("queue", ["--json", "-q", "--timeout", "2m", "list", "mx1"])
    behind = options.parse("queue", ["list", "mx1", "--json", "-q", "--timeout", "2m"])
    plain = options.parse("queue", ["list", "mx1"])
    assert vars(before) == vars(behind)
    assert (before.output, before.quiet, before.timeout) == ("json", True, 120.0)
    assert (plain.output, plain.quiet, plain.timeout, plain.color) == ("table", False, options.TIMEOUT, "auto")


@pytest.mark.parametrize(
    "words",
    [
        ["queue"],
        ["queue", "list"],
        ["queue", "list", "mx1", "--limit", "0"],
        ["queue", "list", "mx1", "--limit", "-5"],
        ["queue", "list", "mx1", "--sort", "colour"],
        ["queue", "list", "nosuch"],
        ["queue", "list", "mx1", "--where", "size>"],
        ["queue", "group", "mx1"],
        ["queue", "group", "mx1", "--by", "provider"],
        ["queue", "show", "mx1", "00000000000001", "--body"],
        ["queue", "show", "mx1", "00000000000001", "--raw"],
        ["stats", "mx1", "--timeout", "soon"],
        ["stats", "mx1", "--out", "json"],
        ["stats", "mx1", "-o", "xml"],
        ["stats", "mx1", "--history", "7d"],
        ["doctor", "every"],
        ["doctor", "--bundle", "f"],
        ["sudoers", "mx1", "--for", "everything"],
        ["logs", "mx1", "--since", "yesterday"],
        ["logs", "mx1", "--since", "1h", "--until", "2h"],
        ["logs", "mx1", "--grep", "a\nb"],
        ["logs", "mx1", "-f", "-o", "json"],
        ["logs", "mx1", "-f", "--grep", "x"],
        ["-C", "/nonexistent", "hosts", "list"],
        ["-C", "", "hosts", "list"],
        ["-C", "~nosuchuser/x", "hosts", "list"],
        ["--theme", "nope"],
        ["--theme", ""],
        ["demo", "--theme", "nope"],
        ["doctor", "--bundle", ""],
        ["stats", "mx1", "--history", ""],
        ["queue", "list", ""],
        ["queue", "list", "@none"],
        ["mx1"],
        ["demo"],
    ],
)
def test_wrong_words_are_refused_before_any_host_is_asked(run: Run, world: World, words: list[str]) -> None:
    code, out, err = run(*words)
    assert code == 2
    assert out == ""
    assert err
    assert "config.yaml:" not in err
    assert world.opened == []


@pytest.mark.parametrize(
    "text", ["ALL", "-d", "a;id", "$(x)", "../x", "x" * 300, "A\n-d\nALL", "", "mx1:/var/spool/mqueue:../x", "mx1:ALL"]
)
def test_a_queue_id_that_none_can_be_is_refused_before_ssh(run: Run, world: World, text: str) -> None:
    for words in (["queue", "show", "mx1", text], ["logs", "mx1", f"--id={text}"]):
        code, out, err = run(*words)
        assert code == 2
        assert out == ""
        assert "\x1b" not in err
        assert world.opened == []


def test_an_argument_with_escapes_is_shown_harmless(run: Run) -> None:
    code, _, err = run("queue", "show", "mx1", "\x1b[2J")
    assert code == 2
    assert "\x1b" not in err
    assert "<1b>" in err or "\\x1b" in err


def test_console_without_a_terminal_names_what_needs_none(run: Run, world: World) -> None:
    code, out, err = run()
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "mailtui queue list" in err


# --- exit codes over several hosts ----------------------------------------------------------------------------------


def test_all_answered(run: Run) -> None:
    assert run("queue", "count", "every")[0] == 0


def test_some_answered(run: Run, world: World) -> None:
    world.errors["mx3"] = Unreachable("no route", "look at the cable")
    code, out, err = run("queue", "count", "every", "--json")
    assert code == 6
    assert "mx3: no route\n  look at the cable\n" in err
    hosts = {each["host"]: each for each in valid(out, "count")["hosts"]}
    assert hosts["mx3"]["error"] == {"kind": "unreachable", "message": "no route", "cure": "look at the cable"}
    assert hosts["mx3"]["total"] is None
    assert "error" not in hosts["mx1"]


def test_none_answered(run: Run, world: World) -> None:
    auth, key = AuthenticationFailed("denied"), HostKeyRefused("unknown key")
    for errors, code in (
        ({"mx1": auth, "mx2": key}, 4),
        ({"mx1": auth, "mx2": Unreachable("gone")}, 3),
        ({"mx1": Refused("no"), "mx2": NoMta("none")}, 3),
    ):
        world.errors = dict(errors)
        for kind, words in (
            ("queue", ["queue", "list", "pair"]),
            ("count", ["queue", "count", "pair"]),
            ("groups", ["queue", "group", "pair", "--by", "sender"]),
            ("stats", ["stats", "pair"]),
            ("log", ["logs", "pair"]),
            ("hosts", ["hosts", "test", "pair"]),
        ):
            got, out, _ = run(*words, "--json")
            assert got == code, words
            assert all("error" in host for host in valid(out, kind)["hosts"])


@pytest.mark.parametrize(("error", "code"), [(Unreachable("x"), 3), (AuthenticationFailed("x"), 4), (Refused("x"), 5)])
def test_one_host_that_fails(run: Run, world: World, error: Unreachable, code: int) -> None:
    world.errors["mx1"] = error
    got, out, err = run("sudoers", "mx1")
    assert (got, out) == (code, "")
    assert "x" in err


def test_a_helper_is_printed_whole(run: Run) -> None:
    """Text of strangers is cut at 64 KiB; this is a program of ours, and half of it does nothing."""
    got, out, _ = run("sudoers", "mx1", "--for", "list", "--helper")
    assert got == 0
    assert out.splitlines()[-len(HELPER) :] == list(HELPER)


def test_timeout_is_the_hosts_answer(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.errors["mx1"] = Unreachable("unused")

    def slow(host: object) -> object:
        import asyncio
        from contextlib import asynccontextmanager

        @asynccontextmanager
        async def opening() -> AsyncIterator[None]:
            await asyncio.Event().wait()
            yield

        return opening()

    monkeypatch.setattr("mailtui.cli.hosting.open_link", slow)
    code, out, err = run("queue", "count", "mx1", "--json", "--timeout", "0.01")
    assert code == 3
    assert valid(out, "count")["hosts"][0]["error"]["kind"] == "unreachable"
    assert "within" in err


# --- streams --------------------------------------------------------------------------------------------------------


def test_what_is_missing_is_said_on_stderr_and_the_listing_is_not_called_whole(run: Run, world: World) -> None:
    world.missing = ("the client queue cannot be read: run mailtui sudoers mx1",)
    code, out, err = run("queue", "list", "mx1", "--json")
    assert code == 0
    host = valid(out, "queue")["hosts"][0]
    assert host["complete"] is False
    assert host["missing"] == list(world.missing)
    assert "mx1: the client queue cannot be read" in err


def test_remarks_are_left_out_when_quiet(run: Run) -> None:
    assert run("config", "check")[2] == "no faults\n"
    assert run("config", "check", "-q")[2] == ""


def test_the_log_file_is_private_and_safe(tmp_path: Path) -> None:
    file = tmp_path / "log"
    program = (
        "import logging, sys\n"
        "from mailtui.cli.run import log_to\n"
        "log_to(sys.argv[1], 1)\n"
        "logging.getLogger('x').info('host says \\x1b[2J')\n"
    )
    subprocess.run([sys.executable, "-c", program, str(file)], check=True, timeout=60)
    assert "host says <1b>[2J" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert main(["version", "--log-file", str(tmp_path / "no" / "log")]) == 2


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m mailtui --help | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "0"
    assert done.stderr == ""


def test_a_reader_that_leaves_in_the_middle_of_much_is_no_error(run: Run, world: World) -> None:
    program = (
        "import sys\n"
        "from mailtui.cli import output, run, options\n"
        "def much(args):\n"
        "    output.send(f'{n:0100d}\\n' for n in range(100000))\n"
        "    return 0\n"
        "options.parse = lambda command, words: __import__('argparse').Namespace(\n"
        "    run=much, quiet=False, log_file=None, verbose=0)\n"
        "sys.exit(run.run('version', []))\n"
    )
    command = f'{sys.executable} -c "$PROGRAM" | head -1; echo ${{PIPESTATUS[0]}}'
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PROGRAM": program, "PATH": "/usr/bin:/bin"},
    )
    assert done.stdout.splitlines()[-1] == "0"
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here: a full disk is NOT tested")
@pytest.mark.parametrize(
    "words", ["version", "--help", "version -o json", "config path", "queue --help", "hosts list --names"]
)
def test_a_full_disk_is_said_in_a_line(world: World, words: str) -> None:
    command = f"{sys.executable} -m mailtui {words} >/dev/full"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "mailtui: standard output: No space left on device\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here: a full disk is NOT tested")
@pytest.mark.parametrize(
    ("words", "code"), [("config check", 0), ("-C /nonexistent hosts list", 2), ("queue lst", 2), ("nope nope", 2)]
)
def test_a_full_disk_behind_stderr_changes_no_exit_code(world: World, words: str, code: int) -> None:
    command = f"{sys.executable} -m mailtui {words} 2>/dev/full"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.returncode == code


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_may_be_closed(world: World, closed: str) -> None:
    command = f"{sys.executable} -m mailtui config check {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "" if "2>" in closed else "no faults\n")
    assert done.stdout.splitlines() == ([] if " >" in f" {closed}" else [os.environ["MAILTUI_CONFIG"]])


def test_what_libraries_say_goes_nowhere_without_a_log_file() -> None:
    program = (
        "import logging\n"
        "from mailtui.cli.run import log_to\n"
        "log_to(None, 0)\n"
        "logging.getLogger('x').error('host says \\x1b[2J')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_interrupt_gives_130(world: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> object:
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("the signal came late")

    monkeypatch.setattr("mailtui.cli.hosting.ask", interrupted)
    code, out, _ = run("stats", "mx1")
    assert (code, out) == (130, "")


def test_ambiguous_id_is_refused_with_the_keys(run: Run, world: World) -> None:
    world.messages["mx2"] = [message("mx2", 1)]
    code, out, err = run("queue", "show", "pair", "00000000000001")
    assert (code, out) == (2, "")
    assert "mx1:/var/spool/mqueue:00000000000001" in err
    assert "mx2:/var/spool/mqueue:00000000000001" in err
    assert run("queue", "show", "pair", "mx2:/var/spool/mqueue:00000000000001", "--json")[0] == 0


def test_unknown_id_is_a_failure(run: Run) -> None:
    code, out, err = run("queue", "show", "mx1", "99999999999999")
    assert (code, out) == (1, "")
    assert "no message 99999999999999 in the queues of mx1" in err


# --- errors out of task groups --------------------------------------------------------------------------------------


def test_our_error_out_of_a_task_group_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    group = BaseExceptionGroup("", [BaseExceptionGroup("", [UsageError("bad pattern", "write another")])])
    assert report_first(group) == 2
    assert capsys.readouterr().err == "mailtui: bad pattern\n  write another\n"


def test_interrupt_out_of_a_task_group() -> None:
    assert report_first(BaseExceptionGroup("", [KeyboardInterrupt(), UsageError("x")])) == 130


def test_a_bug_is_no_error_of_ours() -> None:
    for errors in ([ValueError("bug")], [UsageError("x"), ValueError("bug")]):
        with pytest.raises(BaseExceptionGroup):
            report_first(BaseExceptionGroup("", errors))


# --- the console ----------------------------------------------------------------------------------------------------


@pytest.fixture
def console(world: World, monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[Host], ConsoleOptions]]:
    """Stand in for the console on a good terminal; gives what it was started with."""
    started: list[tuple[list[Host], ConsoleOptions]] = []

    async def run_console(hosts: list[Host], options: ConsoleOptions) -> None:
        started.append((hosts, options))

    monkeypatch.setattr("mailtui.app.run_console", run_console)
    terminal = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr("mailtui.cli.console.sys", SimpleNamespace(stdin=terminal, stdout=terminal))
    monkeypatch.setenv("TERM", "xterm-256color")
    return started


def test_words_that_are_no_command_are_hosts(run: Run, console: list[tuple[list[Host], ConsoleOptions]]) -> None:
    for words in (["pair"], ["open", "pair"], ["@prod"]):
        assert run(*words)[::2] == (0, "")
        hosts, options = console.pop()
        assert [host.name for host in hosts] == ["mx1", "mx2"]
        assert options.scope == words[-1]
    assert run()[0] == 0
    assert len(console.pop()[0]) == 3


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        (["queu", "list", "mx1"], "mailtui queue"),
        (["queu", "list", "mx1", "--where", "x"], "mailtui queue"),
        (["queu"], "mailtui queue"),
        (["hlep"], "mailtui help"),
        (["frobnicate", "mx1"], "mailtui --help"),
        (["mx9", "mx1"], "mailtui mx"),
    ],
)
def test_a_command_mistyped_is_no_host(
    run: Run, console: list[tuple[list[Host], ConsoleOptions]], words: list[str], cure: str
) -> None:
    code, out, err = run(*words)
    assert (code, out, console) == (2, "", [])
    assert f"{words[0]} is no command, and no host, group or @tag is called so" in err
    assert cure in err


def test_a_command_mistyped_is_told_without_a_configuration(run: Run) -> None:
    assert "did you mean `mailtui queue`?" in run("-C", "/nonexistent", "queu", "list")[2]
    assert "named by -C" in run("-C", "/nonexistent", "hosts", "list")[2]
    assert "needs a terminal" in run("-C", "/nonexistent", "frobnicate", "x")[2]


def test_a_host_that_resembles_a_command_is_a_host(
    run: Run, console: list[tuple[list[Host], ConsoleOptions]], tmp_path: Path
) -> None:
    file = tmp_path / "hosts.yaml"
    file.write_text("version: 1\nhosts: {queues: {}}\ngroups: {statsy: [queues]}\n")
    for word in ("queues", "statsy"):
        assert run("-C", str(file), word)[0] == 0
        assert [host.name for host in console.pop()[0]] == ["queues"]


def test_help_is_a_command_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help"]) == 0
    assert capsys.readouterr().out == f"{commands.overview()}\n"
    assert main(["help", "no-such"]) == 0
    assert capsys.readouterr().out == f"{commands.overview()}\n"
    assert main(["help", "queue", "count"]) == 0
    assert capsys.readouterr().out.startswith("usage: mailtui queue count ")


def test_a_theme_that_is_none_is_refused_before_the_console_opens(
    run: Run, console: list[tuple[list[Host], ConsoleOptions]]
) -> None:
    code, out, err = run("--theme", "mailtui-lihgt", "mx1")
    assert (code, out, console) == (2, "", [])
    assert "did you mean mailtui-light?" in err
    assert "mailtui-dark" in run("--theme", "nope")[2]
    assert run("--theme", "nord")[0] == 0


def test_the_consoles_options(run: Run, console: list[tuple[list[Host], ConsoleOptions]]) -> None:
    assert run("--read-only", "--theme", "mailtui-light", "--ascii", "--no-mouse", "mx1")[0] == 0
    hosts, options = console.pop()
    assert [host.mode for host in hosts] == ["read-only"]
    assert (options.theme, options.ascii, options.mouse, options.read_only) == ("mailtui-light", True, False, True)


def test_a_locale_without_utf8_draws_ascii(
    run: Run, console: list[tuple[list[Host], ConsoleOptions]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for encoding, only in (("ANSI_X3.4-1968", True), ("ISO-8859-1", True), ("UTF-8", False), ("utf8", False)):
        monkeypatch.setattr("locale.getencoding", lambda encoding=encoding: encoding)
        assert run("mx1")[0] == 0
        assert console[-1][1].ascii is only, encoding


def test_a_terminal_that_cannot_draw(
    run: Run, console: list[tuple[list[Host], ConsoleOptions]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    code, out, err = run("mx1")
    assert (code, out, err.count("\n"), console) == (2, "", 1, [])
