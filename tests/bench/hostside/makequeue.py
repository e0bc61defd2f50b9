"""Fill a queue directory on a lab host: makequeue.py DIRECTORY COUNT.

Control files as Sendmail 8.17 leaves them after some attempts; one message in four has several recipients, each with
its own status. It runs on the host's bare Python, without anything of ours.
"""

# ruff: noqa: UP031 - what is written is full of letters that would read as placeholders

import os
import pwd
import random
import sys
import time

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
REASONS = (
    "Deferred: Connection refused by mx.d%d.test.",
    "Deferred: Connection timed out with mx2.d%d.test.",
    "Deferred: 452 4.2.2 <u@d%d.test>: Mailbox full, quota exceeded (5120000 of 5120000 KB)",
    "Deferred: 451 4.7.1 Greylisted for 300 seconds by d%d.test, please try again later",
    "Deferred: Name server: d%d.test.: host name lookup failure",
    "host map: lookup (d%d.test): deferred",
)
HEADERS = """H?P?Return-Path: <\x81g>
H??Received: from app%(app)d.lab.test (app%(app)d.lab.test [10.77.0.%(app)d])
\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))
\tby sm1.lab.test (8.17.1.9/8.17.1.9/Debian-2+deb12u2) with ESMTPS id %(id)s
\tfor <%(to)s>; Sun, 22 Nov 2026 19:23:33 GMT
H??From: Shop %(app)d <orders-%(number)d@shop.example>
H??To: <%(to)s>
H??Subject: Order %(number)d has left our warehouse
H??Date: Sun, 22 Nov 2026 19:23:33 +0000
H??Message-ID: <%(number)d.%(app)d@shop.example>
H??MIME-Version: 1.0
H??Content-Type: text/plain; charset=utf-8
H??List-Unsubscribe: <https://shop.example/u/%(number)d>
.
"""


def control(number: int, name: str, now: int, chance: random.Random) -> str:
    arrived, tries = now - chance.randint(600, 400000), chance.randint(0, 9)
    domain, app = number % 997, number % 200 + 20
    to = "user%d@d%d.test" % (number, domain)
    many = 1 if number % 4 else chance.randint(2, 9)
    words = REASONS[number % len(REASONS)]
    reason = "M%s\n" % (words % domain) if tries else ""
    rows = [
        "V8\nT%d\nK%d\nN%d\nP%d\nI0/46/%d\n%sFbs\n"
        % (
            arrived,
            now - chance.randint(1, 500) if tries else 0,
            tries,
            30000 + number % 9000,
            16000000 + number,
            reason,
        ),
        "$_app%d.lab.test [10.77.0.%d]\n$rESMTPS\n$sapp%d.lab.test\n${daemon_flags}\n${if_addr}10.77.0.11\n"
        % (app, app, app),
        "S<bounce-%d@shop.example>\n" % number,
    ]
    for place in range(many):
        each = to if not place else "also%d.%d@d%d.test" % (number, place, (domain + place) % 997)
        if tries and many > 1:
            rows.append("M%s\n" % (REASONS[(number + place) % len(REASONS)] % ((domain + place) % 997)))
        rows.append("rRFC822; %s\nRPFD:<%s>\n" % (each, each))
    rows.append(HEADERS % {"app": app, "id": name, "to": to, "number": number})
    return "".join(rows)


def write(path: str, content: bytes, uid: int, gid: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(handle, content)
    os.fchown(handle, uid, gid)
    os.close(handle)


def main() -> None:
    directory, count = sys.argv[1], int(sys.argv[2])
    owner = pwd.getpwnam(sys.argv[3] if len(sys.argv) > 3 else "smmta")
    chance, now = random.Random(7), int(time.time())
    body = b"Your order is on its way.\n" * 40
    for number in range(count):
        stamp = "".join(DIGITS[number // 60**place % 60] for place in (3, 2, 1, 0))
        name = "6AMJ%s%06d" % (stamp, number % 1000000)
        text = control(number, name, now, chance).encode("latin-1")
        write("%s/df%s" % (directory, name), body[: chance.randint(20, 1000)], owner.pw_uid, owner.pw_gid)
        write("%s/qf%s" % (directory, name), text, owner.pw_uid, owner.pw_gid)
    os.utime(directory, (now - 60, now - 60))


main()
