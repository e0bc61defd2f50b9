"""`mailtui doctor`, `hosts`, `sudoers`, `config`: what is found, and what is said of it."""

import csv
import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mailtui.cli import doctorhere, doctorhost, trust
from mailtui.cli.findings import Finding, Status, verdict
from mailtui.config import Host
from mailtui.errors import AuthenticationFailed, HostKeyRefused, NoMta, RestrictedShell, Unreachable
from mailtui.model import Identity
from mailtui.mta.contract import Evidence
from mailtui.transport.trust import HostKey
from tests.unit.cli_world import HELPER, Run, World, run, valid, world

__all__ = ["run", "world"]


def found(run: Run, *words: str) -> tuple[int, dict[str, dict[str, Any]], str]:
    """Give exit code, the findings by what they are of, and the verdict."""
    code, out, _ = run("doctor", *words, "--json")
    answer = valid(out, "doctor")
    return code, {each["check"]: each for each in answer["findings"]}, answer["verdict"]


@pytest.mark.parametrize(
    ("error", "at"),
    [
        (Unreachable("no route", "look"), "reach"),
        (HostKeyRefused("unknown", "trust it"), "host key"),
        (AuthenticationFailed("denied", "add the key"), "login"),
        (RestrictedShell("rbash", "chsh"), "shell"),
        (NoMta("none", "install"), "mail server"),
    ],
)
def test_the_way_to_a_host_is_told_step_by_step(run: Run, world: World, error: Unreachable, at: str) -> None:
    world.errors["mx1"] = error
    code, findings, end = found(run, "mx1")
    assert (code, end) == (1, "bad")
    steps = [findings[step]["status"] for step in doctorhost.STEPS]
    fault = doctorhost.STEPS.index(at)
    assert steps == ["ok"] * fault + ["bad"] + ["unknown"] * (len(steps) - fault - 1)
    assert findings[at]["advice"] == error.cure


def test_a_good_host(run: Run, world: World) -> None:
    world.logs["mx1"] = b""
    code, findings, end = found(run, "mx1")
    assert (code, end) == (0, "warn")  # it may not do everything
    assert findings["mail server"]["summary"] == "Sendmail 8.17.1, mta, msp"
    assert findings["mail server"]["evidence"] == ["$ sendmail -d0.1\nVersion \x1b[2J"]
    assert findings["latency"]["took"] == 0.013
    assert findings["may list"]["status"] == "ok"
    assert findings["may flush"] | {"took": None} == {
        "check": "may flush", "status": "warn", "summary": "sudo says no", "detail": None, "evidence": [],
        "advice": "mailtui sudoers", "took": None,
    }  # fmt: skip
    assert findings["may"]["status"] == "info"
    assert findings["may"]["summary"].startswith("not built yet: ")
    assert "delete" in findings["may"]["summary"]
    assert "may delete" not in findings
    assert findings["logs"]["status"] == "ok"


@pytest.mark.parametrize(("skew", "status"), [(0.5, "ok"), (-30.0, "warn"), (3600.0, "bad"), (None, "unknown")])
def test_clocks_are_compared(run: Run, world: World, skew: float | None, status: str) -> None:
    world.skew = skew
    assert found(run, "mx1")[1]["clock"]["status"] == status


def test_wildcards_of_sudo_are_named(run: Run, world: World) -> None:
    world.evidence = (
        Evidence("sudo -n -l", b"User may run:\n    (root) NOPASSWD: /usr/sbin/postsuper -h [0-9A-F]*\n", 0),
    )
    finding = found(run, "mx1")[1]["sudo"]
    assert finding["status"] == "warn"
    assert "/usr/sbin/postsuper -h [0-9A-F]*" in finding["summary"]


@pytest.mark.parametrize(
    ("line", "rules"),
    [
        (b"    (root) NOPASSWD: /usr/sbin/sendmail -qI*", [b"/usr/sbin/sendmail -qI*"]),
        (b"    (root) NOPASSWD: /usr/bin/mailq, /bin/cat /var/spool/*", [b"/bin/cat /var/spool/*"]),
        (b"    (root) NOPASSWD: /usr/sbin/sendmail ^-qI[0-9A-Za-z]+ -v$", []),
        (b'    (root) NOPASSWD: /usr/local/libexec/mailtui-helper ""', []),
        (b"    (root) NOPASSWD: /bin/echo \\*", []),
        (b"    (ALL : ALL) SETENV: NOPASSWD: /bin/[ab]", [b"/bin/[ab]"]),
        (b"    env_reset, secure_path=/usr/*", []),
    ],
)
def test_what_is_a_wildcard(line: bytes, rules: list[bytes]) -> None:
    assert list(doctorhost.dangerous(line + b"\n")) == rules


@pytest.mark.parametrize("command", sorted(doctorhost.HARM))
@pytest.mark.parametrize("wildcard", ["*", "-x ?"])
def test_the_advice_says_what_a_wildcard_lets_through(run: Run, world: World, command: str, wildcard: str) -> None:
    listing = f"User may run:\n    (root) NOPASSWD: /usr/sbin/{command} {wildcard}\n"
    world.evidence = (Evidence("sudo -n -l", listing.encode(), 0),)
    finding = found(run, "mx1")[1]["sudo"]
    assert (finding["status"], f"/usr/sbin/{command} {wildcard}" in finding["summary"]) == ("warn", True)
    assert finding["advice"].startswith(doctorhost.HARM[command])
    assert finding["evidence"]


def test_each_rule_that_allows_too_much_is_a_finding_of_its_own(run: Run, world: World) -> None:
    listing = b"    (root) NOPASSWD: /bin/cat /var/log/*, /usr/bin/find *\n    (ALL) NOPASSWD: ALL\n"
    world.evidence = (Evidence("sudo -n -l", listing, 0),)
    answer = valid(run("doctor", "mx1", "--json")[1], "doctor")
    told = [each["summary"] for each in answer["findings"] if each["check"] == "sudo"]
    assert len(told) == 3
    assert told[2] == "any command may be run as root without a password: ALL"


@pytest.mark.parametrize(
    ("listing", "free"),
    [
        (b"    (ALL : ALL) ALL\n", False),
        (b"    (ALL : ALL) NOPASSWD: ALL\n", True),
        (b"    (root) SETENV: NOPASSWD: /x, ALL\n", True),
        (b"    (root) NOPASSWD: /x, PASSWD: ALL\n", False),
        (b"    (ALL) NOPASSWD: ALL\n    (ALL) ALL\n", False),
        (b"    (www-data) NOPASSWD: ALL\n", False),
        (b"    (root) NOPASSWD: ALL\n    (www-data) ALL\n", True),
        (b"    (root) NOPASSWD: /usr/bin/ALL\n", False),
    ],
)
def test_when_everything_is_allowed_without_a_password(listing: bytes, free: bool) -> None:
    assert doctorhost.unlimited(listing) is free


@pytest.mark.parametrize("means", ["self", "helper", "sudo", ""])
def test_who_may_delete_is_told_how_the_vault_is_emptied(means: str) -> None:
    link: Any = SimpleNamespace(identity=Identity("sendmail", "8", (), 0.0, "oncall", (("act", means),)))
    told = list(doctorhost.vault(link))
    assert [each.status for each in told] == ([Status.INFO] if means else [])
    assert all(each.advice.endswith(": 17 4 * * * mailtui undo purge --expired --yes") for each in told)


@pytest.mark.parametrize(
    ("perl", "python3", "told"),
    [
        ("/p", "", []),
        ("", "/y", ["no perl: queue files are read more slowly"]),
        ("", "", ["no perl and no python3: queue files are read more slowly, and there is neither delete nor undo"]),
    ],
)
def test_what_a_host_lacks_is_told(perl: str, python3: str, told: list[str]) -> None:
    facts = (("perl", perl), ("python3", python3), ("sudo", "/s"))
    link: Any = SimpleNamespace(identity=Identity("sendmail", "8", (), 0.0, "oncall", facts))
    assert [each.summary for each in doctorhost.tools(link)] == told


def test_only_the_listing_of_sudo_is_read_for_rules(run: Run, world: World) -> None:
    world.evidence = (Evidence("sudo -n /usr/sbin/sendmail -bp -v", b"     (reason) of a stranger: *\n", 0),)
    assert "sudo" not in found(run, "mx1")[1]


def test_doctor_for_a_person_gives_cures(run: Run, world: World) -> None:
    world.errors["mx1"] = HostKeyRefused("unknown key", "mailtui hosts trust mx1 --fingerprint SHA256:x")
    code, out, _ = run("doctor", "mx1")
    assert code == 1
    assert "mailtui hosts trust mx1" in out
    assert out.endswith("verdict: bad\n")


def test_doctor_here(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "nowhere"))
    code, findings, _ = found(run)
    assert code == 0
    assert findings["python"]["status"] == "ok"
    assert findings["packages"]["status"] == "ok"
    assert findings["agent"]["status"] == "warn"
    assert findings["config"]["summary"] == "3 hosts"


def test_doctor_here_without_hosts_says_how_to_add_one(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "none.yaml"
    file.write_text("version: 1\n")
    code, findings, end = found(run, "-C", str(file))
    assert (code, end) == (0, "warn")
    assert findings["config"]["status"] == "ok"
    assert findings["hosts"]["summary"] == "no host is configured"
    assert str(file) in findings["hosts"]["advice"]
    assert valid(run("hosts", "list", "-C", str(file), "--json")[1], "host-list")["hosts"] == []
    assert run("hosts", "list", "-C", str(file))[0] == 0


def test_doctor_here_before_there_is_a_configuration(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MAILTUI_CONFIG")
    monkeypatch.setattr("mailtui.config.places", lambda environ=None: (tmp_path / "usual.yaml",))
    code, findings, end = found(run)
    assert (code, end) == (0, "warn")
    assert findings["config"]["summary"] == "there is no configuration yet"
    assert "mailtui demo" in findings["config"]["advice"]
    assert found(run, "-C", str(tmp_path / "absent.yaml"))[1]["config"]["status"] == "bad"


def test_doctor_here_names_what_a_configuration_names_in_vain(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "vain.yaml"
    file.write_text("version: 1\nhosts: {mx1: {}}\ntheme: nope\n")
    code, findings, end = found(run, "-C", str(file))
    assert (code, end) == (0, "warn")
    assert "no theme is called nope" in findings["config"]["detail"]


def test_a_host_that_is_this_machine_has_neither_host_key_nor_login(run: Run, world: World, tmp_path: Path) -> None:
    file = tmp_path / "here.yaml"
    file.write_text("version: 1\nhosts: {here: {transport: local}}\n")
    findings = found(run, "here", "-C", str(file))[1]
    assert not {"reach", "host key", "login"} & set(findings)
    assert findings["shell"]["status"] == "ok"
    world.errors["here"] = NoMta("none", "install")
    findings = found(run, "here", "-C", str(file))[1]
    assert [findings[step]["status"] for step in doctorhost.HERE] == ["ok", "bad"]
    world.errors["here"] = Unreachable("gone", "look")
    assert found(run, "here", "-C", str(file))[1]["shell"]["status"] == "bad"


def test_doctor_names_faults_of_the_configuration(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("version: 1\nhosts:\n  mx1: {port: many}\n")
    code, findings, end = found(run, "-C", str(file))
    assert (code, end) == (1, "bad")
    assert "broken.yaml:3" in findings["config"]["detail"]


def test_a_configuration_that_others_may_write_is_named(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "open.yaml"
    file.write_text("version: 1\nhosts:\n  mx1: {}\n")
    file.chmod(0o666)
    out = run("doctor", "-C", str(file))[1]
    assert "others may write" in out
    assert "chmod go-w" in out


@pytest.mark.parametrize(
    ("term", "tty", "status"), [("dumb", True, "bad"), ("xterm", True, "ok"), ("xterm", False, "info")]
)
def test_terminals(monkeypatch: pytest.MonkeyPatch, term: str, tty: bool, status: str) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: tty)
    assert next(doctorhere.terminal()).status == status


def test_the_worst_finding_is_the_verdict() -> None:
    def told(*statuses: Status) -> Status:
        return verdict([Finding("x", status, "") for status in statuses])

    assert told() is Status.OK
    assert told(Status.INFO, Status.OK) is Status.OK
    assert told(Status.UNKNOWN, Status.OK) is Status.UNKNOWN
    assert told(Status.WARN, Status.UNKNOWN) is Status.WARN
    assert told(Status.WARN, Status.BAD) is Status.BAD


# --- hosts ----------------------------------------------------------------------------------------------------------


def test_hosts_list(run: Run, world: World) -> None:
    assert run("hosts", "list", "--names") == (0, "mx1\nmx2\nmx3\n", "")
    hosts = valid(run("hosts", "list", "--json")[1], "host-list")["hosts"]
    assert hosts[1] == {
        "name": "mx2", "address": "192.0.2.2", "user": "oncall", "port": 2222, "mta": "auto", "mode": "read-only",
        "tags": ["prod"], "groups": ["every", "pair"],
    }  # fmt: skip
    assert world.opened == []


def test_hosts_test_tells_what_the_login_may(run: Run, world: World) -> None:
    world.errors["mx3"] = NoMta("no sendmail found")
    code, out, _ = run("hosts", "test", "--json")
    assert code == 6
    hosts = valid(out, "hosts")["hosts"]
    assert [host["state"] for host in hosts] == ["ok", "ok", "no-mta"]
    assert (hosts[0]["capabilities"]["list"] | {"cure": ""}) == {"allowed": True, "why": "", "cure": ""}
    assert hosts[0]["capabilities"]["flush"]["cure"] == "mailtui sudoers"
    assert hosts[0]["latency"] == 0.013
    assert hosts[2]["capabilities"] is None
    assert "list read retry" in run("hosts", "test", "mx1")[1]


class Keys:
    """Stands in for fetching and trusting keys."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.trusted: list[str] = []
        key = trust.fetch
        assert callable(key)
        monkeypatch.setattr(trust, "fetch", self.fetch)
        monkeypatch.setattr(trust, "remember", self.remember)
        self.key = HostKey("mx1", "ssh-ed25519 AAAA", "SHA256:right", trusted=False)
        self.seconds: list[float] = []

    def fetch(self, host: object, seconds: float) -> HostKey:
        """Show the key."""
        self.seconds.append(seconds)
        return self.key

    def remember(self, host: object, fingerprint: str, seconds: float) -> HostKey:
        """Trust the right one alone."""
        self.seconds.append(seconds)
        if fingerprint != self.key.fingerprint:
            raise HostKeyRefused("another key", "compare")
        self.trusted += [] if self.key.trusted else [fingerprint]
        return self.key


def test_trust_needs_the_right_fingerprint(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys(monkeypatch)
    assert run("hosts", "trust", "mx1", "--fingerprint", "SHA256:wrong")[0] == 4
    assert keys.trusted == []
    assert run("hosts", "trust", "mx1", "--fingerprint", "MD5:x")[0] == 2
    assert run("hosts", "trust", "mx1", "--fingerprint", "SHA256:right")[0] == 0
    assert keys.trusted == ["SHA256:right"]


@pytest.mark.parametrize("words", [["--no-input"], []])
def test_trust_without_anyone_to_ask_only_shows_the_key(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    keys = Keys(monkeypatch)
    monkeypatch.setattr("sys.stdin.isatty", lambda: bool(words))
    code, out, err = run("hosts", "trust", "mx1", *words)
    assert (code, out, keys.trusted) == (4, "", [])
    assert "mailtui hosts trust mx1 --fingerprint SHA256:right" in err


@pytest.mark.parametrize(("answer", "code", "trusted"), [("yes\n", 0, ["SHA256:right"]), ("y\n", 4, []), ("", 4, [])])
def test_trust_asks_for_a_whole_yes(
    run: Run, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, trusted: list[str]
) -> None:
    keys = Keys(monkeypatch)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdin.readline", lambda: answer)
    got, _, err = run("hosts", "trust", "mx1")
    assert (got, keys.trusted) == (code, trusted)
    assert "SHA256:right" in err


@pytest.mark.parametrize("words", [[], ["--fingerprint", "SHA256:right"]])
def test_a_key_that_is_trusted_already_is_asked_about_no_more(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    keys = Keys(monkeypatch)
    keys.key = replace(keys.key, trusted=True)
    monkeypatch.setattr("sys.stdin.readline", lambda: pytest.fail("asked"))
    assert run("hosts", "trust", "mx1", *words) == (0, "", "mx1: SHA256:right is already trusted\n")
    answer = valid(run("hosts", "trust", "mx1", *words, "--json")[1], "hosts-trust")
    assert (answer["already"], answer["file"], keys.trusted) == (True, None, [])


def test_the_key_of_a_host_on_the_way_is_called_that_hosts(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys(monkeypatch)
    keys.key = replace(keys.key, hop="bastion")
    code, _, err = run("hosts", "trust", "mx1", "--no-input")
    assert (code, "bastion, on the way to mx1, shows ssh-ed25519 SHA256:right" in err) == (4, True)
    code, _, err = run("hosts", "trust", "mx1", "--fingerprint", "SHA256:right")
    assert (code, err.splitlines()[0]) == (0, "bastion: SHA256:right is trusted from now on")
    assert "mailtui hosts trust mx1" in err.splitlines()[1]


def test_trust_gives_the_host_as_long_as_it_is_told_to(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys(monkeypatch)
    run("hosts", "trust", "mx1", "--timeout", "1m30s", "--no-input")
    run("hosts", "trust", "mx1", "--timeout", "500ms", "--fingerprint", "SHA256:right")
    assert keys.seconds == [90, 0.5]


@pytest.mark.parametrize(("jump", "told"), [("none", "a, port 25"), ("None", "a, port 25"), ("b", "by way of b")])
def test_a_straight_way_leads_over_nobody(jump: str, told: str) -> None:
    summary = doctorhost.configured(Host(name="mx1", address="a", port=25, jump=jump))
    assert told in summary and "by way of n" not in summary.lower()


# --- sudoers and config ---------------------------------------------------------------------------------------------


def test_sudoers_prints_lines_to_paste(run: Run) -> None:
    code, out, err = run("sudoers", "mx1", "--for", "list,read")
    assert (code, err) == (0, "")
    assert out.splitlines() == [f"oncall ALL=(root) NOPASSWD: /usr/sbin/{name}" for name in ("list", "read")]
    assert run("sudoers", "mx1", "--helper")[1].endswith("\n".join(HELPER) + "\n")
    code, out, err = run("sudoers", "mx1", "--for", "capture")
    assert (code, out) == (2, "")
    assert "no sudoers lines for capture" in err
    assert "capture: no line: not built yet." in err


def test_config_check_gives_every_fault(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("version: 1\nhosts:\n  mx1: {port: many}\n  queue: {}\n")
    code, out, err = run("config", "check", "-C", str(file), "--json")
    assert code == 2
    faults = valid(out, "config")["faults"]
    assert [fault["line"] for fault in faults] == [3, 4]
    assert err.count(str(file)) == 2
    assert run("config", "path", "-C", str(file))[:2] == (0, f"{file}\n")
    assert run("queue", "count", "mx1", "-C", str(file))[0] == 2


def test_config_check_as_records_gives_a_row_a_fault(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("version: 1\nhosts:\n  mx1: {port: many}\n  queue: {}\n")
    rows = list(csv.DictReader(io.StringIO(run("config", "check", "-C", str(file), "-o", "csv")[1])))
    assert [(row["file"], row["line"]) for row in rows] == [(str(file), "3"), (str(file), "4")]


def test_config_check_names_what_is_not_there_and_other_commands_go_on(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "vain.yaml"
    file.write_text(
        "version: 1\n"
        "hosts:\n"
        "  mx1: {identity: absent, jump: some-alias}\n"
        "  mx2: {mta: postfix}\n"
        "  mx3: {mta: sendmial}\n"
        "groups: {empty: []}\n"
        "keys: {app.hepl: x, app.quit: Q}\n"
        "theme: mailtui-drak\n"
    )
    code, out, _ = run("config", "check", "-C", str(file), "--json")
    faults = [(fault["line"], fault["column"], fault["text"]) for fault in valid(out, "config")["faults"]]
    assert code == 2
    assert faults == [
        (3, 19, f"identity: there is no file {tmp_path / 'absent'}"),
        (5, 14, "mta: nothing installed is called sendmial"),
        (6, 10, "the group empty is empty"),
        (7, 8, "keys: no action is called app.hepl"),
        (8, 8, "no theme is called mailtui-drak"),
    ]
    assert run("queue", "count", "mx1", "-C", str(file))[0] == 0


@pytest.mark.parametrize("theme", ["mailtui-light", "nord"])
def test_themes_of_ours_and_of_textual_are_known(run: Run, tmp_path: Path, theme: str) -> None:
    file = tmp_path / "theme.yaml"
    file.write_text(f"version: 1\ntheme: {theme}\n")
    assert run("config", "check", "-C", str(file))[0] == 0
