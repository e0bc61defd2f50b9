"""The configuration is read strictly, every fault is told with place and cure, and names mean hosts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtui.cli import commands
from mailtui.config import (
    COMMAND_WORDS,
    ConfigFaults,
    Fault,
    Known,
    LogVia,
    check,
    find,
    host_names,
    load,
    places,
    resolve,
)
from mailtui.config.reader import read
from mailtui.config.strict import read_document
from mailtui.errors import ConfigError, UsageError

EXAMPLE = Path(__file__).parents[2] / "examples/hosts.yaml"


def write(folder: Path, text: str, name: str = "config.yaml") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def faults(folder: Path, text: str) -> list[str]:
    found = check(write(folder, text)).faults
    return [f"{fault.line}:{fault.column}: {fault.text}; {fault.cure}" for fault in found]


# --- where it is looked for -----------------------------------------------------------------------------------------


def test_order_of_places() -> None:
    environ = {"MAILTUI_CONFIG": "/m.yaml", "XDG_CONFIG_HOME": "/xdg"}
    assert places(environ) == (Path("/m.yaml"), Path("/xdg/mailtui/config.yaml"), Path("/etc/mailtui/config.yaml"))
    usual = Path("~/.config/mailtui/config.yaml").expanduser()
    assert places({})[0] == usual
    assert places({"XDG_CONFIG_HOME": "relative"})[0] == usual, "it must be absolute, else it does not count"


def test_named_file_wins_and_must_be_there(tmp_path: Path) -> None:
    named, by_env = write(tmp_path, "a", "named.yaml"), write(tmp_path, "b", "env.yaml")
    write(tmp_path, "c", "mailtui/config.yaml")
    environ = {"MAILTUI_CONFIG": str(by_env), "XDG_CONFIG_HOME": str(tmp_path)}
    assert find(named, environ) == named
    assert find(None, environ) == by_env
    assert find(None, {"XDG_CONFIG_HOME": str(tmp_path)}) == tmp_path / "mailtui/config.yaml"
    with pytest.raises(ConfigError, match=r"named by -C"):
        find(tmp_path / "absent.yaml", environ)
    with pytest.raises(ConfigError, match=r"named by \$MAILTUI_CONFIG"):
        find(None, {"MAILTUI_CONFIG": str(tmp_path / "absent.yaml"), "XDG_CONFIG_HOME": str(tmp_path)})


def test_a_home_that_nobody_has_is_a_fault_of_who_named_it() -> None:
    with pytest.raises(ConfigError, match=r"named by -C.*~nosuchuser"):
        find(Path("~nosuchuser/x"), {})
    with pytest.raises(ConfigError, match=r"named by \$MAILTUI_CONFIG.*~nosuchuser"):
        find(None, {"MAILTUI_CONFIG": "~nosuchuser/x"})


def test_a_place_that_one_may_not_look_into_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "is_file", denied)
    with pytest.raises(ConfigError, match="is not a file"):
        find(tmp_path / "config.yaml", {})


def test_without_any_file_the_cure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "is_file", lambda self: False)
    with pytest.raises(ConfigError, match="no configuration found") as caught:
        find(None, {"XDG_CONFIG_HOME": str(tmp_path)})
    assert "mailtui demo" in caught.value.cure
    assert caught.value.exit_code == 2


# --- what it says ---------------------------------------------------------------------------------------------------


def test_example_is_without_fault_and_shows_every_key() -> None:
    config = load(EXAMPLE)
    mx3 = next(host for host in config.hosts if host.name == "mx3")
    assert (mx3.address, mx3.port, mx3.user, mx3.mode, mx3.mta) == ("192.0.2.13", 22, "oncall", "read-only", "sendmail")
    assert mx3.identity == Path("~/.ssh/oncall").expanduser()
    assert mx3.known_hosts == (Path("~/.ssh/known_hosts").expanduser(),)
    assert (mx3.logs, mx3.tags, mx3.groups) == (("/var/log/mail.log",), ("prod", "eu"), ("prod",))
    assert (mx3.refresh, mx3.undo_keep, mx3.sudo) == (5.0, 604800.0, "auto")
    assert [host.transport for host in config.hosts] == ["ssh", "ssh", "ssh", "local"]
    assert config.theme == "mailtui-dark"


def test_defaults_hold_where_a_host_says_nothing(tmp_path: Path) -> None:
    config = load(
        write(
            tmp_path,
            "version: 1\ndefaults: {mode: read-only, refresh: 1m, mta: sendmail, sudo: never, undo_keep: 1d}\n"
            "hosts:\n  a:\n  b: {mode: ask, refresh: 2s, mta: auto, sudo: ask, undo_keep: 2h}\n",
        )
    )
    a, b = config.hosts
    assert (a.mode, a.refresh, a.mta, a.sudo, a.undo_keep) == ("read-only", 60.0, "sendmail", "never", 86400.0)
    assert (b.mode, b.refresh, b.mta, b.sudo, b.undo_keep) == ("ask", 2.0, "auto", "ask", 7200.0)


def test_hosts_d_is_merged_in_order(tmp_path: Path) -> None:
    main = write(tmp_path, "version: 1\nhosts: {a: {}}\ngroups: {all-of-it: [a, b, c]}\n")
    write(tmp_path, "hosts: {c: {}}\n", "hosts.d/2.yaml")
    write(tmp_path, "hosts: {b: {identity: key}}\ngroups: {one: b}\n", "hosts.d/1.yaml")
    write(tmp_path, "# nothing yet\n", "hosts.d/3.yaml")
    write(tmp_path, "never read", "hosts.d/readme.txt")
    config = load(main)
    assert [host.name for host in config.hosts] == ["a", "b", "c"]
    assert [host.groups for host in config.hosts] == [("all-of-it",), ("all-of-it", "one"), ("all-of-it",)]
    assert config.hosts[1].identity == tmp_path / "hosts.d/key"
    assert [file.name for file in config.files] == ["config.yaml", "1.yaml", "2.yaml", "3.yaml"]
    assert host_names(main) == ("a", "b", "c")


def test_logs_here_and_on_another_host(tmp_path: Path) -> None:
    text = (
        "version: 1\nhosts: {a: {logs: [/l, {via: b, path: /r}]}, b: {logs: /one, known_hosts: /k, instances: auto}}\n"
    )
    a, b = load(write(tmp_path, text)).hosts
    assert (a.logs, a.logs_via) == (("/l",), (LogVia("b", "/r"),))
    assert (b.logs, b.known_hosts, b.instances) == (("/one",), (Path("/k"),), ())


def test_yaml_turns_no_text_into_something_else(tmp_path: Path) -> None:
    text = "a: 22:30\nb: 010\nc: yes\nd: no\ne: on\nf: 1_000\ng: 0x1f\nh: 2026-11-22\n"
    text += "i: '5'\nj: 5\nk: true\nl: ~\nm: 1.5\n"
    assert read_document(write(tmp_path, text)).value == {
        "a": "22:30", "b": "010", "c": "yes", "d": "no", "e": "on", "f": "1_000", "g": "0x1f", "h": "2026-11-22",
        "i": "5", "j": 5, "k": True, "l": None, "m": 1.5,
    }  # fmt: skip


# --- faults ---------------------------------------------------------------------------------------------------------


def test_all_faults_of_all_files_in_one_pass(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        "version: 2\ndefaults:\n  mode: rw\nhosts:\n  mx1:\n    adress: 192.0.2.1\n    port: 22:30\n  mx1: {}\n"
        "groups:\n  prod: [mx7]\n",
    )
    extra = write(tmp_path, "hosts:\n  mx1: {}\ntheme: x\n", "hosts.d/more.yaml")
    assert list(map(str, check(main).faults)) == [
        f"{main}:1:10: version: 2 is not among its values; write 1",
        f"{main}:3:9: mode: rw is not among its values; write read-only, ask or read-write",
        f"{main}:6:5: adress is not a key here; did you mean address?",
        f"{main}:7:11: port must be a whole number; write digits alone, without quotes",
        f"{main}:8:3: mx1 is given twice; keep one; the first is in line 5",
        f"{main}:10:10: mx7 is no host; did you mean mx1?",
        f"{extra}:2:3: mx1 is given twice; keep one; the first is at {main}:5",
        f"{extra}:3:1: theme is not a key here; keys here are version, hosts, groups",
    ]
    with pytest.raises(ConfigFaults) as caught:
        load(main)
    assert len(caught.value.faults) == 8
    assert str(caught.value).count("\n") == 7


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "1:1: the file is empty; write `version: 1` and `hosts:`"),
        ("hosts: {}\n", "1:1: version is missing; write `version: 1`"),
        ("version: 1\nhosts: [a]\n", "2:8: hosts must hold `key: value` lines; indent them below it"),
        ("version: 1\nhosts: {a: b}\n", "2:12: a must hold `key: value` lines; indent them below it"),
        ("version: 1\nhosts:\n\ta: {}\n", "3:1: not YAML: "),
        ("version: 1\nhosts: {a: [}\n", "2:13: not YAML: "),
        ("version: 1\n---\nversion: 1\n", "2:1: not YAML: "),
        ("version: 1\nhosts: {a: {refresh: 5}}\n", "2:22: refresh: 5 is not a duration; write a number with its unit"),
        ("version: 1\nhosts: {a: {refresh: 10ms}}\n", "2:22: refresh: a refresh of 10ms is too often"),
        ("version: 1\nhosts: {a: {port: 0}}\n", "2:19: port is too small; write 1 to 65535"),
        ("version: 1\nhosts: {a: {port: '22'}}\n", "2:19: port must be a whole number"),
        ("version: 1\nhosts: {a: {user: 42}}\n", "2:19: user must be text"),
        ("version: 1\nhosts: {a: {address: root@b}}\n", "2:22: address: root@b is not a host name or IP address"),
        ("version: 1\nhosts: {a: {address: -oProxyCommand=x}}\n", "2:22: address: -oProxyCommand=x is not a host name"),
        ("version: 1\nhosts: {a: {user: -x}}\n", "2:19: user: -x is not a login name"),
        (
            "version: 1\nhosts: {a: {identity: ~nosuch/k}}\n",
            "2:23: identity: there is no home directory ~nosuch; write",
        ),
        ("version: 1\nhosts: {a: {known_hosts: ~nosuch/k}}\n", "2:26: known_hosts: there is no home directory ~nosuch"),
        ("version: 1\nhosts: {a: {known_hosts: [/x, ~nosuch/k]}}\n", "2:31: known_hosts: there is no home directory"),
        ("version: 1\nhosts: {a: {logs: [mail.log]}}\n", "2:20: path: mail.log is not an absolute path on the host"),
        ("version: 1\nhosts: {a: {logs: [/a/../b]}}\n", "2:20: path: /a/../b is not an absolute path on the host"),
        ("version: 1\nhosts: {a: {logs: [{via: b, path: /x}]}}\n", "2:26: b is no host; add `b: {}` under `hosts:`"),
        ("version: 1\nhosts: {a: {tags: ['@x']}}\n", "2:20: tags: @x cannot be a tag"),
        ("version: 1\nhosts: {a: {mta: ../x}}\n", "2:18: mta: ../x is not the name of a mail server"),
        ("version: 1\nhosts: {queue: {}}\n", "2:9: queue is a word of the command line"),
        ("version: 1\nhosts: {-o: {}}\n", "2:9: '-o' cannot be a name"),
        ('version: 1\nhosts: {"a\\eb": {}}\n', "2:9: 'a\\x1bb' cannot be a name"),
        ("version: 1\nhosts: {a: {}}\ngroups: {a: [a]}\n", "3:10: a is a host as well; give the group another name"),
        ("version: 1\nhosts: {a: {password: x}}\n", "2:13: password: a secret never stands in a configuration"),
        ("version: 1\nhosts: {a: {password_command: x}}\n", "2:13: password_command is not built yet"),
        ("version: 1\nhosts: {a: &x {}, b: *x}\n", "2:12: an alias repeats what stands here"),
        ("version: 1\nhosts: {a: {<<: {port: 1}}}\n", "2:13: merge keys (<<) are not read"),
        ("version: 1\nhosts: !!python/name:os.system {}\n", "2:8: the tag tag:yaml.org,2002:python/name:os.system"),
        ("version: 1\n? [a]\n: b\n", "2:3: a key must be one word"),
        ("version: 1\nhistory: {prometheus: x}\n", "2:23: prometheus is not a URL"),
        ("version: 1\nwat: 1\n", "2:1: wat is not a key here; keys here are version, hosts"),
    ],
)
def test_fault_tells_place_and_cure(tmp_path: Path, text: str, wanted: str) -> None:
    found = faults(tmp_path, text)
    assert len(found) == 1, found
    assert found[0].startswith(wanted)
    assert len(found[0]) > len(wanted) or wanted.endswith(found[0][-5:])


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(b"version: 1\nhosts: {\xff: {}}\n")
    assert check(file).faults == (Fault(str(file), 2, 9, "this byte is not UTF-8", "save the file as UTF-8"),)


def test_a_link_in_hosts_d_that_leads_nowhere_is_a_fault(tmp_path: Path) -> None:
    main = write(tmp_path, "version: 1\nhosts: {a: {}}\n")
    link = tmp_path / "hosts.d/gone.yaml"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "nowhere.yaml")
    assert [fault.file for fault in check(main).faults] == [str(link)]
    assert check(main).config is None


KNOWN = Known(("ours",), lambda name: name == "ours", ("app.quit",), ("auto", "sendmail"))


def test_what_is_named_in_vain_keeps_nobody_from_using_the_rest(tmp_path: Path) -> None:
    text = "version: 1\ndefaults: {mta: exmi}\nhosts: {a: {identity: no-key}, b: {}}\nkeys: {x: q}\ntheme: hours\n"
    checked = check(write(tmp_path, text), known=KNOWN)
    assert [fault.line for fault in checked.faults] == [2, 3, 4, 5]
    assert checked.faults[-1].cure == "did you mean ours?"
    assert checked.config is not None
    assert [host.name for host in load(write(tmp_path, text)).hosts] == ["a", "b"]


def test_a_key_file_that_is_there_and_one_that_nobody_uses_are_no_faults(tmp_path: Path) -> None:
    write(tmp_path, "key", "key")
    text = "version: 1\nhosts: {a: {identity: key}, b: {identity: no-key, transport: local}}\ntheme: ours\n"
    assert check(write(tmp_path, text), known=KNOWN).faults == ()


def test_one_mistake_is_told_once(tmp_path: Path) -> None:
    text = "version: 1\nhosts: {a: {mta: ../x, identity: ~nosuch/k}}\n"
    assert len(check(write(tmp_path, text), known=KNOWN).faults) == 2


def test_deep_nesting_is_a_fault(tmp_path: Path) -> None:
    assert faults(tmp_path, "[" * 20000 + "]" * 20000)[0].startswith("1:21: nested too deeply")


@given(text=st.binary(max_size=80) | st.text(alphabet="ab:-[]{}&*!<>|'\"#\n \t?,1.~%@", max_size=60).map(str.encode))
def test_no_file_makes_the_reader_raise(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    file = tmp_path_factory.mktemp("config") / "config.yaml"
    file.write_bytes(text)
    checked = read(file)
    assert (checked.config is None) == bool(checked.faults)
    assert set(checked.faults) <= set(read(file, KNOWN).faults)


# --- names ----------------------------------------------------------------------------------------------------------

NAMED = "version: 1\nhosts: {mx1: {tags: [eu]}, mx2: {tags: [eu, prod]}, out: {}}\ngroups: {inbound: [mx2, mx1]}\n"


@pytest.mark.parametrize(
    ("names", "hosts"),
    [
        ([], ["mx1", "mx2", "out"]),
        (["out"], ["out"]),
        (["inbound"], ["mx2", "mx1"]),
        (["@eu"], ["mx1", "mx2"]),
        (["out", "@prod", "inbound", "out"], ["out", "mx2", "mx1"]),
    ],
)
def test_names_groups_and_tags(tmp_path: Path, names: list[str], hosts: list[str]) -> None:
    assert [host.name for host in resolve(load(write(tmp_path, NAMED)), names)] == hosts


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("mx3", "did you mean mx"),
        ("imbound", "did you mean inbound?"),
        ("@pord", "did you mean @prod?"),
        ("@zzzz", "tags are @eu, @prod; add `tags: [zzzz]` to a host in "),
        ("@out", "did you mean out?"),
        ("@", "tags are @eu, @prod; add `tags: [TAG]` to a host in "),
        ("", "name a host, a group or @tag"),
        ("count", "mailtui --help"),
        ("laptop.example.org", "an ssh alias needs only a line `laptop.example.org: {}` under `hosts:`"),
    ],
)
def test_unknown_name_is_never_guessed(tmp_path: Path, name: str, cure: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(load(write(tmp_path, NAMED)), ["mx1", name])
    assert name in caught.value.message
    assert caught.value.cure.startswith(cure)


def test_a_group_without_hosts_is_refused(tmp_path: Path) -> None:
    config = load(write(tmp_path, "version: 1\nhosts: {a: {}}\ngroups: {none: []}\n"))
    with pytest.raises(UsageError, match="the group none is empty"):
        resolve(config, ["none"])


def test_without_hosts_nothing_resolves(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no host is configured"):
        resolve(load(write(tmp_path, "version: 1\n")), [])


def test_every_word_of_the_command_line_is_reserved() -> None:
    words = {*commands.words(), *(verb for verbs in commands.UNBUILT_VERBS.values() for verb in verbs)}
    words |= {"ack", "add", "backup", "diff", "drift", "erase", "flow", "host", "list", "purge", "remove", "report"}
    words |= {"restore", "service", "silence", "summary", "verify"}
    words |= {verb for _, verbs, _ in commands.COMMANDS.values() for verb in verbs.split("|") if verb.islower()}
    assert words <= COMMAND_WORDS


def test_importing_the_configuration_imports_neither_yaml_nor_pydantic() -> None:
    code = "import sys, mailtui.config; sys.exit(bool({'yaml', 'pydantic'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=EXAMPLE.parents[1]).returncode == 0


def test_names_are_listed_without_pydantic() -> None:
    code = (
        "import sys, pathlib, mailtui.config as c; c.host_names(pathlib.Path('examples/hosts.yaml'));"
        "sys.exit('pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=EXAMPLE.parents[1]).returncode == 0
