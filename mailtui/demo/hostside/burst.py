"""Append log lines at a steady rate until stdin ends or SIGTERM: burst.py PATH HOST LINES_PER_SECOND.

It runs by itself, without mailtui, so that its CPU is not the console's. Lines are numbered from 1 (`seq=`), follow the
log over rotations, and a JSON object at the end tells what it cost.
"""

# It starts faster without pathlib.
# ruff: noqa: PTH116

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time

TICK = 0.02


def opened(path: str) -> int:
    """Open the log to append."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def rotated(handle: int, path: str) -> bool:
    """Tell whether another file stands at the path by now."""
    try:
        return not os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def block(host: bytes, first: int, count: int) -> bytes:
    """Write so many lines from this number on, all with the same stamp."""
    now = time.time()
    zone = time.strftime("%z", time.localtime(now))
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(now)) + f".{int(now % 1 * 1e6):06d}"
    head = f"{stamp}{zone[:3]}:{zone[3:]}".encode() + b" " + host + b" sm-mta[4711]: 6AMJNXAv004711: to=<burst"
    tail = (
        b"@partner.example>, delay=00:00:01, xdelay=00:00:01, mailer=esmtp, pri=34782, "
        b"relay=mx1.partner.example. [203.0.113.25], dsn=2.0.0, stat=Sent (Ok: queued as seq="
    )
    return b"".join([b"%b%d%b%d)\n" % (head, n % 97, tail, n) for n in range(first, first + count)])


def main() -> int:
    """Write until told to stop."""
    path, host, rate = sys.argv[1], sys.argv[2].encode(), int(sys.argv[3])
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(number))
    handle = opened(path)
    began = time.monotonic()
    written = 0
    while not stopped:
        due = int((time.monotonic() - began) * rate) - written
        if due > 0:
            if rotated(handle, path):
                os.close(handle)
                handle = opened(path)
            os.write(handle, block(host, written + 1, due))
            written += due
        if select.select([sys.stdin], [], [], TICK)[0] and not os.read(sys.stdin.fileno(), 1):
            break
    spent = time.process_time()
    sys.stdout.write(json.dumps({"lines": written, "seconds": time.monotonic() - began, "cpu": spent}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
