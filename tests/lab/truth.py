"""What a host really holds, read by the simplest means there are, to hold the program's answers against.

Nothing here uses the program's own parsers: queue files come as a tar made by root on the host, and are read line by
line. The program itself is run as a user runs it, as a process of its own.
"""

import io
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import jsonschema

from mailtui import schemas
from tests.lab.harness import Lab, Process

T = TypeVar("T")

ROOT = Path(__file__).parents[2]

WAYS = (
    b"Connection refused by",
    b"Connection timed out with",
    b"No route to host",
    b"Greylisted",
    b"Mailbox full",
    b"Too many connections",
    b"Content filter unavailable",
    b"lookup (bogus.test): deferred",
    b"Sender domain temporarily refused",
    b"[bold red]Your mail",
)
"""What the control files say of messages that fail in as many ways."""


# --- the program ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Done:
    """What a command of the program left."""

    code: int
    out: str
    err: str


def command(lab: Lab, *words: str, config: Path | None = None) -> list[str]:
    """The words that start the program on the lab's hosts, by all their logins."""
    return [sys.executable, "-m", "mailtui", "-C", str(config or lab.all_config_path), *words]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment without what this session's person has set up."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SSH_", "MAILTUI_", "XDG_"))}
    return {**kept, "PYTHONPATH": str(ROOT), **(extra or {})}


def run(lab: Lab, *words: str, config: Path | None = None, env: Mapping[str, str] | None = None) -> Done:
    """Run the program to its end."""
    done = subprocess.run(
        command(lab, *words, config=config),
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env=environment(env),
        timeout=100,
        check=False,
    )
    return Done(done.returncode, done.stdout.decode("ascii" if "--json" in words else "utf-8"), done.stderr.decode())


def answer(lab: Lab, kind: str, *words: str, code: int = 0, config: Path | None = None) -> dict[str, Any]:
    """The program's JSON answer, held against its shipped schema and the exit code it must end with."""
    done = run(lab, *words, "--json", config=config)
    assert done.code == code, (words, done.code, done.err, done.out[:500])
    found: dict[str, Any] = json.loads(done.out)
    jsonschema.validate(found, schemas.schema(kind), cls=jsonschema.Draft202012Validator)
    return found


def listing(lab: Lab, login: str, code: int = 0) -> dict[str, Any]:
    """One host's object of `queue list`."""
    found: dict[str, Any] = answer(lab, "queue", "queue", "list", login, code=code)["hosts"][0]
    return found


def text(data: bytes) -> str:
    r"""Bytes as the JSON answers have them: UTF-8 where it is, `\xNN` where not."""
    return data.decode("utf-8", "backslashreplace")


# --- the queue as root sees it --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class File:
    """A file of a queue directory."""

    path: str
    content: bytes
    changed: float

    @property
    def letter(self) -> str:
        return self.path.rpartition("/")[2][0]

    @property
    def id(self) -> str:
        return self.path.rpartition("/")[2][2:]

    @property
    def spot(self) -> tuple[str, str]:
        """Queue directory and id: what tells messages of one host apart; qf/ df/ xf/ belong to one directory."""
        return re.sub(r"/[qdx]f$", "", self.path.rpartition("/")[0]), self.id


def spool(lab: Lab, host: str) -> dict[str, File]:
    """Every file of both queues at this moment, by its path."""
    packed = lab.exec(host, "cd / && tar -cf - var/spool/mqueue var/spool/mqueue-client 2>/dev/null; :")
    with tarfile.open(fileobj=io.BytesIO(packed)) as tape:
        found = {}
        for member in tape:
            # a message split over queue groups has one data file under two names
            data = tape.extractfile(member) if member.isfile() or member.islnk() else None
            if data is not None:
                path = "/" + member.name
                found[path] = File(path, data.read(), float(member.mtime))
        return found


@dataclass(frozen=True, slots=True)
class Control:
    """A control file, read line by line."""

    sender: str
    recipients: dict[str, str | None]
    """Address -> its own status line, None where it has none."""
    status: str | None
    """The message's status line."""
    quarantine: str | None
    arrived: int
    attempts: int
    tried: int

    def reasons(self, address: str) -> set[str | None]:
        """What may be told of a recipient: its own status; else the message's, or that it is not known."""
        own = self.recipients[address]
        return {own} if own is not None else {self.status, None}


def control(raw: bytes) -> Control:
    """Read a control file: the first byte of a line says what it is, headers end it."""
    raw = re.sub(rb"\xff([\x80-\x9f\xff])", rb"\1", raw)  # Sendmail's own quoting of bytes that are codes to it
    values: dict[str, str] = {}
    recipients: dict[str, str | None] = {}
    own = None
    for line in raw.split(b"\n"):
        code, rest = line[:1].decode("latin-1"), text(line[1:])
        if code == "H":
            break
        if code == "R":
            address = rest.partition(":")[2]
            recipients[address[1:-1] if address.startswith("<") else address] = own
            own = None
        elif code == "M" and "S" in values:
            own = rest
        elif code in "MSTKNqF":
            values.setdefault(code, rest)
    sender = values.get("S", "")
    return Control(
        sender="" if sender in ("<>", "MAILER-DAEMON") else sender.removeprefix("<").removesuffix(">"),
        recipients=recipients,
        status=values.get("M"),
        quarantine=values.get("q"),
        arrived=int(values.get("T", "0")),
        attempts=int(values.get("N", "0")),
        tried=int(values.get("K", "0")),
    )


def controls(files: Mapping[str, File]) -> dict[tuple[str, str], File]:
    """The control files by directory and id."""
    return {file.spot: file for file in files.values() if file.letter in "qhQ"}


def spots(host: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """A listing's messages by directory and id; each only once."""
    found = {(each["directory"], each["id"]): each for each in host["messages"]}
    assert len(found) == len(host["messages"])
    return found


def steady(lab: Lab, host: str, ask: Callable[[], T]) -> tuple[dict[str, File], T]:
    """The spool and what was answered of it, while nothing in it changed."""

    def once() -> list[tuple[dict[str, File], T]]:
        before = spool(lab, host)
        found = ask()
        after = spool(lab, host)
        same = {p: f.content for p, f in before.items()} == {p: f.content for p, f in after.items()}
        return [(before, found)] if same else []

    return lab.wait(once, 90, f"the queue of {host} to stand still")[0]


def still(lab: Lab, host: str, *logins: str) -> tuple[dict[str, File], list[dict[str, Any]]]:
    """The spool and what logins list of it, while nothing in it changed."""
    return steady(lab, host, lambda: [listing(lab, login) for login in logins])


def filled(lab: Lab, host: str, count: int = 700) -> None:
    """Have hundreds of messages in a host's queues, failing in many ways."""
    if len(lab.queue_files(host)) < count // 2:
        lab.clear(host)
        lab.exec(host, "find /var/lib/sendmail/host_status -type f -delete")
        lab.fill(host, count)


def settled(lab: Lab, host: str) -> None:
    """Wait until no delivery is under way."""

    def quiet() -> bool:
        return not any(re.search(r"sendmail: .*(\./|[0-9]{6} |grace)", p.command) for p in lab.processes(host))

    lab.wait(quiet, 90, f"deliveries on {host}")


# --- processes ------------------------------------------------------------------------------------------------------


def ours(lab: Lab, host: str, before: set[int]) -> list[Process]:
    """Processes that came since, but for sshd's own and the mail server's."""
    found = lab.processes(host)
    return [
        each
        for each in found
        if each.pid not in before
        and not each.command.startswith(("sshd:", "sendmail:", "/etc/mail/smrsh/", "(sd-pam)", "["))
    ]


def gone(lab: Lab, host: str, before: set[int], within: float) -> None:
    """Nothing of ours is left on a host within so many seconds."""
    lab.wait(lambda: not ours(lab, host, before), within, f"no process of ours on {host}: {ours(lab, host, before)}")


def pids(lab: Lab, host: str) -> set[int]:
    """The processes of a host."""
    return {each.pid for each in lab.processes(host)}


@contextmanager
def started(lab: Lab, *words: str, config: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A command of the program that goes on; killed at the end if it still does."""
    with subprocess.Popen(
        command(lab, *words, config=config),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as running:
        try:
            yield running
        finally:
            running.kill()
