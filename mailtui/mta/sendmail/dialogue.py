"""Reads what `sendmail -v` says: whose line it is, which secrets are not to be seen, and what came of it.

It eats bytes in any split and knows no sockets. A password is base64 at best, so nothing of one may reach a screen:
what a client line says after `AUTH <mechanism>`, and each client line that answers a 334, is masked for every mechanism
alike; so is what any later line says of them again.
"""

from __future__ import annotations

import re
from typing import Final

from mailtui.model import Side, Spoken
from mailtui.parsing.lines import LineSplitter

MASK: Final = b"***"
"""What stands in the place of a secret."""

_CLIENT: Final = re.compile(rb"\s*>>>\s*")
_AUTH: Final = re.compile(rb"(\s*>>>\s*AUTH\b(?:\s+[\w.-]+)?)(\s*)(.*)", re.IGNORECASE | re.DOTALL)
_REPLY: Final = re.compile(rb"\s*([2-5])([0-9]{2})(?:[ -]|$)")
_SECRET: Final = re.compile(
    rb"(?!(?:AUTH|DATA|EHLO|HELO|MAIL|NOOP|QUIT|RCPT|RSET|STARTTLS)$)[A-Za-z0-9+/=]{4,}", re.IGNORECASE
)
"""What is looked for in later lines too; a server that asks for a secret where there is none hides no command."""
_REMEMBERED: Final = 32
"""Secrets that are looked for in later lines, at most: a dialogue has a handful."""

_RUNNING: Final = re.compile(rb"Running (?:\S*/)?([0-9A-Za-z]{12,20}) \(sequence [0-9]+ of [0-9]+\)")
_LOCKED: Final = re.compile(rb"([0-9A-Za-z]{12,20}): locked")
_TOLD: Final = re.compile(rb"\S.*?\.\.\. (.*)", re.DOTALL)
_SENT: Final = re.compile(rb"Sent\b")
_DEFERRED: Final = re.compile(rb"Deferred\b|.*\b4\.[0-9]{1,3}\.[0-9]{1,3}\b")
_FAILED: Final = re.compile(
    rb"User unknown|Host unknown|User address required|Service unavailable|Data format error|Remote protocol error"
    rb"|Cannot send message|I/O error|Permission denied|Unrecoverable"
)
_STEP: Final = re.compile(rb"Connecting to |Connecting via ")


class Dialogue:
    """Turns what sendmail says into lines without secrets, and notes what it says of each message."""

    def __init__(self) -> None:
        self._lines = LineSplitter()
        self._challenged = False
        self._secrets: list[bytes] = []
        self._message = ""
        self.said: dict[str, set[Side]] = {}
        """By queue id: what was said of its recipients."""
        self.reasons: dict[str, bytes] = {}
        """By queue id: what was said last of a recipient that was not served."""
        self.locked: set[str] = set()
        """The ids of messages that another process delivers."""

    def feed(self, data: bytes) -> list[Spoken]:
        """Take more bytes and give what lines they complete."""
        return [self._line(line) for block in self._lines.feed(data) for line in block.data.split(b"\n")[:-1]]

    def finish(self) -> list[Spoken]:
        """Give an incomplete last line."""
        return [self._line(block.data.removesuffix(b"\n")) for block in self._lines.finish()]

    def _line(self, raw: bytes) -> Spoken:
        line = raw.rstrip(b"\r")
        client = _CLIENT.match(line)
        if client is not None:
            return Spoken(Side.CLIENT, self._masked(line, client[0]))
        reply = _REPLY.match(line)
        if reply is not None:
            # whatever comes before the client answers, the answer is secret
            self._challenged = self._challenged or reply[1] + reply[2] == b"334"
            side = {b"4": Side.LATER, b"5": Side.NEVER}.get(reply[1], Side.GOOD)
            return Spoken(side, self._hidden(line))
        return Spoken(self._note(line), self._hidden(line))

    def _masked(self, line: bytes, sign: bytes) -> bytes:
        """Take the secret out of a line that the client says."""
        begun = _AUTH.match(line)
        if self._challenged:
            self._challenged = False
            self._remember(line[len(sign) :])
            return sign + MASK
        if begun is not None and begun[3]:
            self._remember(begun[3])
            return begun[1] + (begun[2] or b" ") + MASK
        return self._hidden(line)

    def _remember(self, secret: bytes) -> None:
        for word in secret.split():
            if _SECRET.fullmatch(word) and word not in self._secrets and len(self._secrets) < _REMEMBERED:
                self._secrets.append(word)

    def _hidden(self, line: bytes) -> bytes:
        """Mask what was secret before: a server may say it again."""
        for secret in self._secrets:
            line = line.replace(secret, MASK)
        return line

    def _note(self, line: bytes) -> Side:
        """Tell what a line of sendmail's own says, and of which message."""
        if running := _RUNNING.match(line):
            self._message = running[1].decode()
            self.said.setdefault(self._message, set())
        elif locked := _LOCKED.match(line):
            self.locked.add(locked[1].decode())
        elif told := _TOLD.fullmatch(line):
            side = _told(told[1])
            if side is not Side.NOTE:
                self.said.setdefault(self._message, set()).add(side)
            if side in (Side.DEFERRED, Side.FAILED):
                self.reasons[self._message] = self._hidden(told[1]).removeprefix(b"Deferred: ")
            return side
        return Side.NOTE


def _told(words: bytes) -> Side:
    """Tell what sendmail says of a recipient."""
    if _STEP.match(words):
        return Side.NOTE
    if _SENT.match(words):
        return Side.SENT
    if _FAILED.match(words):
        return Side.FAILED
    return Side.DEFERRED if _DEFERRED.match(words) else Side.NOTE
