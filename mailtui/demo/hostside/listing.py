"""Print a queue as `sendmail -bp` does, from the qf files: listing.py CF VERBOSE FILTER.

It runs by itself on a demo host, without mailtui and without site packages. Widths and texts are those of
print_single_queue() in Sendmail's queue.c.
"""

# A queue may have 100,000 files: pathlib would double the time.
# ruff: noqa: PTH123, PTH207, PTH112, PTH208, PTH116

from __future__ import annotations

import glob
import os
import sys
import time

TITLE = b"-----Q-ID----- --Size-- -----Q-Time----- ------------Sender/Recipient-----------\n"
VERBOSE_TITLE = b"-----Q-ID----- --Size-- -Priority- ---Q-Time--- --------Sender/Recipient--------\n"


def directories(cf: str) -> list[tuple[str, str]]:
    """Give the folders of control and data files of all queue directories that a cf names."""
    found: list[str] = []
    with open(cf, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("O QueueDirectory="):
                pattern = line.partition("=")[2].strip()
                found += sorted(glob.glob(pattern)) if pattern.endswith("*") else [pattern]
            elif line.startswith("Q"):
                found += [part.strip()[2:] for part in line.split(",") if part.strip().startswith("P=")]
    return [(f"{path}/qf", f"{path}/df") if os.path.isdir(f"{path}/qf") else (path, path) for path in found]


class Listed:
    """One message: what its qf file says, and how it looks in the list."""

    def __init__(self, name: str, qf: bytes, size: int) -> None:
        self.id = name[2:].encode()
        self.size = size
        self.lost = name[0] == "Q"
        self.sender = b""
        self.created = 0
        self.priority = 0
        self.status = b""
        self.quarantine = b""
        self.recipients: list[tuple[bytes, bytes, bytes]] = []
        reason = control = b""
        for line in qf.split(b"\n"):
            code, value = line[:1], line[1:]
            if code == b"T":
                self.created = int(value)
            elif code == b"P":
                self.priority = int(value)
            elif code == b"M":
                reason = value
            elif code == b"q":
                self.quarantine = value
            elif code == b"C":
                control = value.partition(b":")[2]
            elif code == b"S":
                self.sender, self.status, reason = value, reason, b""
            elif code == b"R":
                self.recipients.append((value.partition(b":")[2], reason, control))
                reason = control = b""

    def show(self, verbose: bool) -> bytes:
        """Print it as mailq does; reasons are cut at 60 bytes, or 100 when verbose."""
        cut = 100 if verbose else 60
        when = time.strftime("%a %b %e %H:%M", time.localtime(self.created)).encode()
        head = self.id + (b"?" if self.lost else b" ")
        if verbose:
            head += b"%8d %10d %s %s" % (self.size, self.priority, when[4:], self.sender[:78])
        else:
            head += b"%8d %s %s" % (self.size, when, self.sender[:39])
        if self.quarantine:
            head += b"\n     QUARANTINE: " + self.quarantine[:cut]
        if self.status:
            head += b"\n                 (" + self.status[:cut] + b")"
        for address, reason, control in self.recipients:
            if verbose and control:
                head += b"\n\t\t\t\t\t\t(---" + control[:64] + b"---)"
            head += b"\n\t\t\t\t\t\t" + address[:71] if verbose else b"\n\t\t\t\t\t" + address[:38]
            if verbose and reason:
                head += b"\n\t\t (" + reason[:cut] + b")"
        return head + b"\n"


def read(qf: str, df: str, letter: str) -> list[Listed]:
    """Read all control files of this kind in a folder, in the order of the queue."""
    listed = []
    for name in os.listdir(qf):
        if name[0] != letter or name[1] != "f":
            continue
        try:
            with open(f"{qf}/{name}", "rb") as file:
                content = file.read()
        except FileNotFoundError:
            continue
        try:
            size = os.stat(f"{df}/df{name[2:]}").st_size
        except FileNotFoundError:
            size = 0
        listed.append(Listed(name, content, size))
    return sorted(listed, key=lambda each: (each.priority, each.created))


def wanted(each: Listed, choice: str) -> bool:
    """Tell whether a message passes -qI, -qR or -qS; all three look for a part of the text."""
    needle = choice[3:].encode()
    if choice.startswith("-qI"):
        return needle in each.id
    if choice.startswith("-qR"):
        return any(needle in address for address, _, _ in each.recipients)
    return needle in each.sender if choice.startswith("-qS") else True


def main() -> int:
    """Print every queue directory, then the total."""
    cf, verbose, choice = sys.argv[1], sys.argv[2] == "1", sys.argv[3]
    letter = {"-qQ": "h", "-qL": "Q"}.get(choice[:3], "q")
    out = sys.stdout.buffer
    total = 0
    for qf, df in directories(cf):
        listed = [each for each in read(qf, df, letter) if wanted(each, choice)]
        total += len(listed)
        if not listed:
            out.write(f"{df} is empty\n".encode())
            continue
        out.write(f"\t\t{df} ({len(listed)} request{'s' if len(listed) > 1 else ''})\n".encode())
        out.write(VERBOSE_TITLE if verbose else TITLE)
        out.writelines(each.show(verbose) for each in listed)
    out.write(b"\t\tTotal requests: %d\n" % total)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
