"""Run or quarantine a queue as `sendmail -q` and `sendmail -Q` do, by its own files and log: acting.py CF WORD...

It runs by itself on a demo host, without mailtui and without site packages. Whether a message is delivered is up to
the host's troubles (state/troubles); what it prints and logs has Sendmail's words. As with Sendmail, several -qI are
alternatives and each means a part of an id, and a message that somebody has locked is left alone.
"""

# It starts faster without pathlib.
# ruff: noqa: PTH104, PTH108, PTH110, PTH112, PTH116, PTH123, PTH207, PTH208

from __future__ import annotations

import fcntl
import glob
import os
import random
import re
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
WORK_TIME = 90_000
FLUSHED = 500
"""A queue run that nothing limits tries so many messages."""
ASKS_WHO = b"grey.example"
"""The domain whose server wants a login."""
CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


class Directory(NamedTuple):
    """The folders of one queue directory."""

    top: str
    qf: str
    df: str
    xf: str


class Trouble(NamedTuple):
    """What a domain answers for now."""

    relief: float
    """Chance of a delivery."""
    dsn: bytes
    replied: bool
    """True where the other side says it."""
    reason: bytes

    def words(self, recipient: bytes) -> bytes:
        """Give the reason for one recipient."""
        domain = domain_of(recipient)
        return self.reason % {b"rcpt": recipient.strip(b"<>"), b"domain": domain, b"mx": b"mx1." + domain}


class Wish(NamedTuple):
    """What the command line asks for."""

    client: bool
    verbose: bool
    held: bool
    """True where it is about quarantined messages."""
    reason: bytes | None
    """To quarantine with; empty to release, None to deliver."""
    give_up: bool
    """True where mail is returned at once."""
    limits: dict[str, list[bytes]]
    """-qI, -qR and -qS by their letter."""

    def wants(self, identity: bytes, content: bytes) -> bool:
        """Tell whether a message passes the limits."""
        lines = content.split(b"\n")
        within = {
            "I": [identity],
            "R": [line.partition(b":")[2] for line in lines if line[:1] == b"R"],
            "S": [line[1:] for line in lines if line[:1] == b"S"],
        }
        return all(
            any(needle in text for needle in needles for text in within[letter])
            for letter, needles in self.limits.items()
        )


def wish(words: list[str]) -> Wish:
    """Read a command line."""
    limits: dict[str, list[bytes]] = {}
    for word in words:
        if word[:2] == "-q" and word[2:3] in ("I", "R", "S"):
            limits.setdefault(word[2], []).append(os.fsencode(word[3:]))
    reasons = [os.fsencode(word[2:]) for word in words if word[:2] == "-Q"]
    return Wish(
        "-Ac" in words, "-v" in words, any(word[:3] == "-qQ" for word in words), reasons[-1] if reasons else None,
        "-OTimeout.queuereturn=now" in words, limits,
    )  # fmt: skip


def directories(cf: str) -> list[Directory]:
    """Give the queue directories that a cf names."""
    found: list[str] = []
    with open(cf, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("O QueueDirectory="):
                pattern = line.partition("=")[2].strip()
                found += sorted(glob.glob(pattern)) if pattern.endswith("*") else [pattern]
            elif line.startswith("Q"):
                found += [part.strip()[2:] for part in line.split(",") if part.strip().startswith("P=")]
    made = []
    for top in found:
        qf, df, xf = (f"{top}/{kind}" if os.path.isdir(f"{top}/{kind}") else top for kind in ("qf", "df", "xf"))
        made.append(Directory(top, qf, df, xf))
    return made


def domain_of(recipient: bytes) -> bytes:
    """Give the domain of an address."""
    return recipient.rpartition(b"@")[2].rstrip(b">")


@contextmanager
def locked(path: str) -> Iterator[bytes | None]:
    """Lock a control file and give what is in it; None where somebody else holds it or it is gone."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        yield None
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            same = os.path.samestat(os.fstat(handle), os.stat(path))
        except (BlockingIOError, FileNotFoundError):
            same = False
        yield os.read(handle, os.fstat(handle).st_size + 1) if same else None
    finally:
        os.close(handle)


class Host:
    """The demo host that this runs on."""

    def __init__(self, root: str, name: str) -> None:
        self.root = root
        self.name = os.fsencode(name)
        self.lines: list[bytes] = []
        self.troubles: dict[bytes, Trouble] = {}
        with open(f"{root}/state/troubles", "rb") as file:
            for line in file:
                domain, relief, dsn, replied, reason = line.rstrip(b"\n").split(b"\t")
                self.troubles[domain] = Trouble(float(relief), dsn, replied == b"1", reason)
        self._iso = self._stamps_are_iso()

    def _stamps_are_iso(self) -> bool:
        for name in ("mail.log", "mail.log.1"):
            try:
                with open(f"{self.root}/var/log/{name}", "rb") as file:
                    if first := file.read(1):
                        return first.isdigit()
            except FileNotFoundError:
                continue
        return True

    def log(self, text: bytes, client: bool) -> None:
        """Note a line for the log, as rsyslog writes it."""
        now = time.time()
        local = time.localtime(now)
        zone = time.strftime("%z", local)
        stamp = time.strftime("%b %e %H:%M:%S", local)
        if self._iso:
            stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', local)}.{int(now % 1 * 1e6):06d}{zone[:3]}:{zone[3:]}"
        program = b"sm-msp-queue" if client else b"sm-mta"
        told = CONTROL.sub(lambda found: b"\\%03o" % ord(found.group()), text)
        self.lines.append(b"%b %b %b[%d]: %b\n" % (stamp.encode(), self.name, program, os.getpid(), told))

    def close(self) -> None:
        """Append what was noted."""
        if self.lines:
            handle = os.open(f"{self.root}/var/log/mail.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.write(handle, b"".join(self.lines))
            os.close(handle)
            self.lines = []


class Message:
    """One message: where its files lie, and what its control file says."""

    def __init__(self, directory: Directory, name: str, content: bytes) -> None:
        self.directory = directory
        self.id = os.fsencode(name[2:])
        self.path = f"{directory.qf}/{name}"
        self.lines = content.split(b"\n")
        self.sender = self.value(b"S")
        self.recipients = [line.partition(b":")[2] for line in self.lines if line[:1] == b"R"]

    def value(self, code: bytes) -> bytes:
        """Give the first line of a code."""
        return next((line[1:] for line in self.lines if line[:1] == code), b"")

    def number(self, code: bytes) -> int:
        """Give the number in the first line of a code; 0 where it is none."""
        value = self.value(code)
        return int(value) if value.isdigit() else 0

    def rewrite(self, lines: list[bytes], letter: str) -> None:
        """Replace the control file at once, and then give it its letter: there is always exactly one."""
        temporary = f"{self.directory.qf}/tf{os.fsdecode(self.id)}"
        if os.path.exists(temporary):
            os.unlink(temporary)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(handle, b"\n".join(lines))
        os.fsync(handle)
        os.close(handle)
        os.rename(temporary, self.path)
        os.rename(self.path, f"{self.directory.qf}/{letter}f{os.fsdecode(self.id)}")

    def remove(self) -> None:
        """Remove all its files, the control file last, so that nothing ever looks lost."""
        name = os.fsdecode(self.id)
        for path in (f"{self.directory.xf}/xf{name}", f"{self.directory.df}/df{name}", self.path):
            if os.path.exists(path):
                os.unlink(path)

    def quarantine(self, reason: bytes) -> None:
        """Hold it for a reason, or with none give it back to the queue."""
        lines = [line for line in self.lines if line[:1] != b"q"]
        at = next((number for number, line in enumerate(lines) if line[:1] in (b"F", b"$", b"S")), len(lines))
        self.rewrite([*lines[:at], b"q" + reason, *lines[at:]] if reason else lines, "h" if reason else "q")

    def defer(self, trouble: Trouble, now: float) -> None:
        """Note a failed attempt: its time, its number, and what was said."""
        tries = self.number(b"N")
        fresh = {
            b"K": [b"K%d" % now],
            b"N": [b"N%d" % (tries + 1)],
            b"P": [
                b"P%d" % (self.number(b"P") + (WORK_TIME if tries else 0)), b"M" + trouble.words(self.recipients[-1])
            ],
            b"M": [],
        }  # fmt: skip
        lines: list[bytes] = []
        recipients = iter(self.recipients)
        before = b""
        for line in self.lines:
            code = line[:1]
            if trouble.replied and code in (b"C", b"r", b"R") and before not in (b"C", b"r"):
                lines.append(b"M" + trouble.words(next(recipients)))
            lines += fresh.get(code, [line])
            before = code
        self.rewrite(lines, "q")


def tell(verbose: bool, *lines: bytes) -> None:
    """Print lines where somebody wants the dialogue."""
    if verbose:
        sys.stdout.buffer.write(b"".join(line + b"\n" for line in lines))
        sys.stdout.buffer.flush()


def say(verbose: bool, *steps: tuple[float, tuple[bytes, ...]]) -> None:
    """Print the steps of a dialogue, each after the seconds that the other side takes, a tenth of them in a hurry."""
    hurry = 0.1 if os.environ.get("MAILTUI_DEMO_HURRY") else 1.0
    for seconds, lines in steps if verbose else ():
        time.sleep(seconds * hurry)
        tell(verbose, *lines)


def converse(host: Host, message: Message, asked: Wish, trouble: Trouble, queued: bytes | None) -> None:
    """Print what `sendmail -v` prints of one attempt; `queued` is what the other side says of mail that it takes."""
    domain = domain_of(message.recipients[-1])
    mx = b"mx1." + domain
    first, reached = message.recipients[0], queued is not None or trouble.replied
    by = b"relay" if asked.client else b"esmtp"
    say(asked.verbose, (0.3, (b"%b... Connecting to %b. via %b..." % (first, mx, by),)))
    if not reached:
        say(asked.verbose, (2.5, ()))
        return
    name = host.name + b".example.net"
    hello = (b"250-PIPELINING", b"250-SIZE 52428800", b"250-8BITMIME", b"250-ENHANCEDSTATUSCODES")
    say(
        asked.verbose,
        (0.8, (b"220 %b ESMTP" % mx,)),
        (0.1, (b">>> EHLO " + name,)),
        (0.4, (b"250-%b Hello %b, pleased to meet you" % (mx, name), *hello, b"250-STARTTLS", b"250 DSN")),
        (0.1, (b">>> STARTTLS",)),
        (0.4, (b"220 2.0.0 Ready to start TLS",)),
        (0.3, (b">>> EHLO " + name,)),
        (0.3, (b"250-" + mx, *hello, b"250-AUTH PLAIN LOGIN CRAM-MD5", b"250 DSN")),
    )
    if domain == ASKS_WHO:
        say(
            asked.verbose,
            (0.1, (b">>> AUTH LOGIN",)),
            (0.4, (b"334 VXNlcm5hbWU6",)),
            (0.1, (b">>> ZGVtby11c2Vy",)),
            (0.4, (b"334 UGFzc3dvcmQ6",)),
            (0.1, (b">>> ZGVtby1wYXNzd29yZA==",)),
            (0.5, (b"235 2.7.0 Authentication successful",)),
        )
    say(
        asked.verbose,
        (0.1, (b">>> MAIL From:%b SIZE=%d" % (message.sender or b"<>", 900 + sum(message.id)),)),
        (0.4, (b"250 2.1.0 %b... Sender ok" % (message.sender or b"<>"),)),
    )
    for recipient in message.recipients:
        refusal = trouble.words(recipient).removeprefix(b"Deferred: ")
        answer = refusal if queued is None else b"250 2.1.5 %b... Recipient ok" % recipient
        say(asked.verbose, (0.1, (b">>> RCPT To:%b" % recipient,)), (0.6, (answer,)))
    if queued is not None:
        say(
            asked.verbose,
            (0.1, (b">>> DATA",)),
            (0.4, (b"354 Go ahead",)),
            (0.1, (b">>> .",)),
            (1.5, (b"250 2.0.0 " + queued,)),
        )


def part(message: Message, asked: Wish) -> None:
    """Print how `sendmail -v` takes leave."""
    mx = b"mx1." + domain_of(message.recipients[-1])
    say(asked.verbose, (0.2, (b"Closing connection to %b." % mx, b">>> QUIT")), (0.3, (b"221 2.0.0 %b closing" % mx,)))


def deliver(host: Host, message: Message, asked: Wish) -> None:
    """Try a message: it leaves the queue, or waits on."""
    now = time.time()
    domain = domain_of(message.recipients[-1])
    trouble = host.troubles.get(domain) or Trouble(0.3, b"4.4.1", False, b"Deferred: Connection timed out with %(mx)b.")
    taken = random.random() < trouble.relief  # noqa: S311 (a story, not a secret)
    waited = max(0, int(now) - message.number(b"T"))
    days, rest = divmod(waited, 86_400)
    delay = f"{f'{days}+' if days else ''}{rest // 3600:02d}:{rest % 3600 // 60:02d}:{rest % 60:02d}".encode()
    relay = b"mx1.%b." % domain
    if taken:
        secure = b"version=TLSv1.3, verify=OK, cipher=TLS_AES_256_GCM_SHA384, bits=256/256"
        host.log(b"STARTTLS=client, relay=%b, %b" % (relay, secure), asked.client)
    talk = b"Ok: queued as %X" % zlib.crc32(message.id) if taken else None
    converse(host, message, asked, trouble, talk)
    for recipient in message.recipients:
        where = b"mailer=esmtp, pri=%d, relay=mx1.%b. [203.0.113.%d]" % (
            message.number(b"P"), domain_of(recipient), 10 + sum(domain_of(recipient)) % 200,
        )  # fmt: skip
        if asked.client:
            where = b"mailer=relay, pri=%d, relay=[127.0.0.1] [127.0.0.1]" % message.number(b"P")
        words = trouble.words(recipient)
        queued = b"Ok: queued as %X" % zlib.crc32(message.id + recipient)
        reply = b"reply=%b, " % words.removeprefix(b"Deferred: ") if trouble.replied else b""
        end = b"dsn=2.0.0, stat=Sent (%b)" % queued if taken else b"dsn=%b, %bstat=%b" % (trouble.dsn, reply, words)
        told = (message.id, recipient, delay, where, end)
        host.log(b"%b: to=%b, delay=%b, xdelay=00:00:01, %b, %b" % told, asked.client)
        tell(asked.verbose, b"%b... %b" % (recipient, b"Sent (%b)" % queued if taken else words))
    if taken:
        message.remove()
    else:
        message.defer(trouble, now)
    if taken or trouble.replied:
        part(message, asked)


def give_up(host: Host, message: Message, asked: Wish) -> None:
    """Return a message to its sender: it leaves the queue, and the log says why."""
    notice = new_id()
    why = b"Cannot send message for too long"
    to = message.sender if message.sender not in (b"", b"<>") else b"postmaster"
    host.log(b"%b: %b: DSN: %b" % (message.id, notice, why), asked.client)
    sent = b"%b: to=%b, delay=00:00:00, xdelay=00:00:00, mailer=local, pri=30000, dsn=2.0.0, stat=Sent"
    host.log(sent % (notice, to), asked.client)
    tell(asked.verbose, *(b"%b... %b" % (recipient, why) for recipient in message.recipients))
    message.remove()


def new_id() -> bytes:
    """Make a queue id of the present time, as Sendmail does."""
    at = time.gmtime()
    parts = (
        (at.tm_year - 1900) % 60, at.tm_mon - 1, at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec % 60,
        random.randrange(60), random.randrange(60),  # noqa: S311
    )  # fmt: skip
    return f"{''.join(DIGITS[part] for part in parts)}{os.getpid() % 1_000_000:06d}".encode()


def chosen(directory: Directory, asked: Wish) -> list[str]:
    """Give the names of the control files that a run goes over."""
    letter = "h" if asked.held else "q"
    names = [name for name in os.listdir(directory.qf) if name[:2] == f"{letter}f"]
    if wanted := asked.limits.get("I"):
        return sorted(name for name in names if any(needle in os.fsencode(name[2:]) for needle in wanted))
    if asked.limits or asked.reason is not None or len(names) <= FLUSHED:
        return sorted(names)
    return random.sample(names, FLUSHED)


def main() -> int:
    """Go over every queue directory."""
    # The log is written in the machine's zone, whatever the caller's TZ says.
    os.environ.pop("TZ", None)
    time.tzset()
    asked = wish(sys.argv[2:])
    host = Host(os.environ["MAILTUI_DEMO_HOST"], os.environ["MAILTUI_DEMO_NAME"])
    for directory in directories(sys.argv[1]):
        names = chosen(directory, asked)
        for number, name in enumerate(names, start=1):
            with locked(f"{directory.qf}/{name}") as content:
                where = f"{directory.top}/{name[2:]}".encode()
                if asked.reason is None:
                    tell(asked.verbose, b"", b"Running %b (sequence %d of %d)" % (where, number, len(names)))
                if content is None:
                    told = b"Skipping ./%b" if asked.reason is not None else b"%b: locked"
                    tell(asked.verbose or asked.reason is not None, told % name[2:].encode())
                elif asked.wants(os.fsencode(name[2:]), content):
                    message = Message(directory, name, content)
                    if asked.reason is not None:
                        message.quarantine(asked.reason)
                        if asked.reason:
                            host.log(b"%b: quarantine=%b" % (message.id, asked.reason), asked.client)
                    elif message.recipients:
                        (give_up if asked.give_up else deliver)(host, message, asked)
        host.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
