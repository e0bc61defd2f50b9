"""The lab does what the other tests with it rely on."""

import json
import re

import pytest

from tests.lab.harness import Lab

HOSTS = ("sm1", "sm2", "sm3")
SHELLS = ("bash", "dash", "zsh", "tcsh", "fish", "mksh", "ash")


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("role", ["root", "oncall", "guest", "qview"])
def test_every_role_logs_in_by_its_own_key(lab: Lab, host: str, role: str) -> None:
    assert lab.ssh(f"{host}-{role}", "id -un").stdout.decode().split() == [role]


@pytest.mark.parametrize("shell", SHELLS)
def test_login_shells(lab: Lab, shell: str) -> None:
    own = "$fish_pid" if shell == "fish" else "$$"
    done = lab.ssh(f"sm1-sh-{shell}", f"ps -o comm= -p {own}; true")
    assert done.stdout.decode().split() == [shell]


def test_the_noisy_login_is_noisy(lab: Lab) -> None:
    done = lab.ssh("sm1-sh-noisy", "echo here")
    assert len(done.stdout) > 10_000
    assert done.stdout.endswith(b"ready> here\n")
    assert b"\x1b[2J" in done.stdout
    assert b"AUTHORISED USE ONLY" in done.stderr
    assert b"stty:" in done.stderr


def test_a_login_without_a_shell_says_so(lab: Lab) -> None:
    done = lab.ssh("sm1-sh-nologin", "id")
    assert (done.returncode, done.stdout) == (1, b"This account is currently not available.\n")


def test_sudo_is_narrow_or_absent(lab: Lab) -> None:
    assert lab.ssh("sm1-oncall", "sudo -n /usr/sbin/sendmail -bp").returncode == 0
    assert lab.ssh("sm1-oncall", "sudo -n -l /usr/bin/id").returncode != 0
    assert lab.ssh("sm1-guest", "sudo -n -l /usr/sbin/sendmail -bp").returncode != 0
    assert lab.ssh("sm3-oncall", "sudo -n true").returncode == 127


def test_a_helper_can_be_installed_for_a_login(lab: Lab) -> None:
    lab.put("sm1", "/usr/local/libexec/lab-helper", b"#!/bin/sh\nid -un\n", "755")
    lab.put("sm1", "/etc/sudoers.d/lab-helper", b'qview ALL=(root) NOPASSWD: /usr/local/libexec/lab-helper ""\n', "440")
    try:
        assert lab.ssh("sm1-qview", "sudo -n /usr/local/libexec/lab-helper").stdout == b"root\n"
        assert lab.ssh("sm1-guest", "sudo -n -l /usr/local/libexec/lab-helper").returncode != 0
    finally:
        lab.exec("sm1", "rm /etc/sudoers.d/lab-helper")


def test_locales_are_there(lab: Lab) -> None:
    assert {b"de_DE.utf8", b"ja_JP.utf8", b"tr_TR.utf8"} <= set(lab.ssh("sm1", "locale -a").stdout.split())


def test_the_closed_queue_is_closed(lab: Lab) -> None:
    assert lab.exec("sm3", "stat -c '%a %U %G' /var/spool/mqueue") == b"700 root root\n"
    assert b"Permission denied" in lab.ssh("sm3", "mailq 2>&1; ls /var/spool/mqueue 2>&1").stdout
    assert lab.ssh("sm3", "cat /var/log/mail.log").returncode == 1


@pytest.mark.parametrize(
    ("host", "stamp"), [("sm1", rb"[A-Z][a-z]{2} [ \d]\d \d\d:"), ("sm2", rb"\d{4}-\d\d-\d\dT\d\d:")]
)
def test_stamps_of_the_log(lab: Lab, host: str, stamp: bytes) -> None:
    assert re.match(stamp, lab.exec(host, "tail -n 1 /var/log/mail.log"))


def test_queue_groups_spread_and_split(lab: Lab) -> None:
    lab.restart("sm2")
    for number in range(30):
        lab.inject("sm2", "a@sm2.lab.test", f"b{number}@refused.test")
    lab.inject("sm2", "a@sm2.lab.test", "c@news.test", message=b"X-Lab: quarantine\r\n\r\n")
    places = {path.rpartition("/")[0].removeprefix("/var/spool/mqueue/") for path in lab.queue_files("sm2", "qhd")}
    assert {"q1", "q2", "q3/qf", "q3/df", "bulk"} <= places


@pytest.mark.parametrize(
    ("domain", "reason"),
    [
        ("refused.test", "Connection refused by mx.refused.test."),
        ("timeout.test", "Connection timed out with mx.timeout.test."),
        ("unreach.test", "No route to host"),
        ("grey.test", "Greylisted"),
        ("full.test", "Mailbox full"),
        ("busy.test", "Too many connections"),
        ("tempdata.test", "Content filter unavailable"),
        ("drop.test", " mx.drop.test."),  # "reply: read error from", or "Connection reset by": as Sendmail met the cut
        ("bogus.test", "lookup (bogus.test): deferred"),
        ("hostile.test", "[bold red]Your mail"),
    ],
)
def test_mail_that_stays_says_why(lab: Lab, domain: str, reason: str) -> None:
    lab.exec("sm1", "rm -rf /var/lib/sendmail/host_status/*")  # else a host that failed a moment ago is not even tried
    identifier = lab.inject("sm1", "a@sm1.lab.test", f"b@{domain}")
    file = f"/var/spool/mqueue/qf{identifier}"
    lab.wait(lambda: reason.encode() in lab.exec("sm1", f"cat {file}"), 60, f"{reason!r} in {file}")


@pytest.mark.parametrize("domain", ["accept.test", "twomx.test", "v6only.test", "s1@slow.test"])
def test_mail_that_is_delivered(lab: Lab, domain: str) -> None:
    address = domain if "@" in domain else f"b@{domain}"
    subject = f"to {address} {lab.exec('sink', 'date +%s%N').decode().strip()}"
    identifier = lab.inject("sm1", "a@sm1.lab.test", address, message=f"Subject: {subject}\r\n\r\n".encode())
    arrived = lab.wait(lambda: lab.exec("sink", f"grep -F '{subject}' /var/log/sink.jsonl || :"), 60, subject)
    assert json.loads(arrived)["to"] == [address]
    lab.wait(lambda: f"/var/spool/mqueue/qf{identifier}" not in lab.queue_files("sm1"))


def test_mail_that_bounces(lab: Lab) -> None:
    identifier = lab.inject("sm1", "localuser@sm1.lab.test", "nobody@reject.test")
    logged = f"grep -E '{identifier}: .*dsn=5.1.1.*User unknown' /var/log/mail.log || :"
    lab.wait(lambda: lab.exec("sm1", logged), 60, f"bounce of {identifier}")


def test_mail_that_is_quarantined(lab: Lab) -> None:
    identifier = lab.inject("sm1", "a@sm1.lab.test", "b@accept.test", message=b"X-Lab: quarantine\r\n\r\n")
    lab.wait(lambda: f"/var/spool/mqueue/hf{identifier}" in lab.queue_files("sm1"))


def test_mail_that_stays_in_the_client_queue(lab: Lab) -> None:
    before = set(lab.queue_files("sm1", "q"))
    lab.submit("sm1", "cron@tempsender.test", "b@accept.test")
    after = lab.wait(lambda: set(lab.queue_files("sm1", "q")) - before)
    assert all(path.startswith("/var/spool/mqueue-client/qf") for path in after)


def test_fill_leaves_hundreds_in_at_least_seven_ways(lab: Lab) -> None:
    lab.restart("sm1")
    said = lab.fill("sm1", 500)
    assert "wrong password: {'535': 9}" in said
    assert 300 < len(lab.queue_files("sm1", "q")) < 450
    assert 30 < len(lab.queue_files("sm1", "h")) < 100
    reasons = lab.exec("sm1", "cat /var/spool/mqueue/qf*")
    ways = [
        b"refused by",
        b"timed out",
        b"No route",
        b"Greylisted",
        b"Mailbox full",
        b"Too many",
        b"mx.drop.test",  # "reply: read error from" or "Connection reset by": as Sendmail met the cut
        b"filter",
    ]
    assert [way for way in ways if way not in reasons] == []


def test_a_cut_cable_is_silent_and_can_be_mended(lab: Lab) -> None:
    lab.exec("dns", "nc -z -w 2 10.77.0.11 22")
    lab.cut("sm1")
    try:
        assert lab.exec("dns", "nc -z -w 2 10.77.0.11 22; echo $?") == b"1\n"
        assert lab.exec("sm1", "cat /sys/class/net/eth0/carrier") == b"1\n"
    finally:
        lab.mend("sm1")
    assert lab.ssh("sm1", "echo back").stdout == b"back\n"


def test_sshd_goes_and_comes(lab: Lab) -> None:
    lab.kill_sshd("sm1")
    try:
        lab.wait(lambda: "sshd:" not in str(lab.processes("sm1")))
        assert lab.ssh("sm1", "true").returncode == 255
    finally:
        lab.restore("sm1")
    assert lab.ssh("sm1", "true").returncode == 0


@pytest.mark.parametrize("copytruncate", [False, True])
def test_rotation_keeps_the_lines(lab: Lab, copytruncate: bool) -> None:
    def lines(*files: str) -> list[bytes]:
        return re.findall(rb"rotated (\d) \d+", lab.exec("sm1", f"cat {' '.join(files)} | grep ' {mark}$' || :"))

    mark = lab.exec("sm1", "date +%s%N").decode().strip()
    lab.log("sm1", *(f"rotated {number} {mark}" for number in range(5)))
    lab.wait(lambda: len(lines("/var/log/mail.log")) == 5)
    lab.rotate_log("sm1", copytruncate=copytruncate)
    lab.log("sm1", *(f"rotated {number} {mark}" for number in range(5, 10)))
    lab.wait(lambda: len(lines("/var/log/mail.log")) == 5)
    assert lines("/var/log/mail.log.1", "/var/log/mail.log") == [b"%d" % number for number in range(10)]


def test_a_second_user_is_told_who_holds_the_lab(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAILTUI_LAB_LOCKED")
    monkeypatch.setenv("MAILTUI_LAB_WAIT", "0")
    with pytest.raises(AssertionError, match=r"still held by pid \d+ \(pytest in"):
        lab("up")


def test_the_configuration_names_hosts_and_roles(lab: Lab) -> None:
    plain, everything = lab.config_path.read_text(), lab.all_config_path.read_text()
    assert re.findall(r"^  (sm\d):$", plain, re.MULTILINE) == list(HOSTS)
    assert "  sm1-guest:\n    address: 10.77.0.11\n    port: 22\n    user: guest\n" in plain
    assert "sm1-sh-fish" not in plain
    assert "sm1-sh-fish" in everything
