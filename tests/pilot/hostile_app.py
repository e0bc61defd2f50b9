"""A console over hosts that lie in every field; run in a pty by test_safety, its protections switched off by name.

python -m tests.pilot.hostile_app REPORT [no-show] [no-barrier] [crash]
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

PAYLOADS: dict[str, bytes] = {
    "clear": b"\x1b[2J",
    "move": b"\x1b[77;88H",
    "colour": b"\x1b[5;6;8;53m",
    "osc52": b"\x1b]52;c;UFdORUQ=\x07",
    "osc52-st": b"\x1b]52;c;UFdORUQ=\x1b\\",
    "osc0": b"\x1b]0;PWNED\x07",
    "osc8": b"\x1b]8;;http://pwned.test\x1b\\link\x1b]8;;\x1b\\",
    "dcs": b"\x1bP+q544e\x1b\\",
    "apc": b"\x1b_Gpwned\x1b\\",
    "pm-sos": b"\x1b^pwned\x1b\\\x1bXpwned\x1b\\",
    "reset": b"\x1bc",
    "charset": b"\x1b(0",
    "c1-csi": b"\xc2\x9b5;6;8;53m",
    "c1-osc": b"\xc2\x9d52;c;UFdORUQ=\xc2\x9c",
    "c1-raw": b"\x9b5;6;8;53m\x9d0;PWNED\x9c\x90q\x9c",
    "bel": b"\x07\x07",
    "nul": b"\x00",
    "so-si": b"\x0e\x0f",
    "cr": b"\rPWNED",
    "vt-ff-bs": b"\x0b\x0c\x08\x08\x7f",
    "bidi": "\u202egnp.exe\u202c\u2066x\u2069\u061c\u200f".encode(),
    "zero-width": "a\u200b\u200c\u200d\u2060\ufeff\u00adb".encode(),
    "separators": "a\u2028b\u2029c".encode(),
    "tags": "\U000e0001\U000e0050\U000e0057\U000e007f".encode(),
    "marks": b"z" + "\u0301".encode() * 10_000,
    "wide": "漢字かな 😀🎉 👨‍👩‍👧‍👦 👍🏽 🇩🇪 ❤️ é".encode(),
    "bytes": bytes(range(256)),
    "surrogates": b"\xed\xa0\x80\xed\xb0\x80\xff\xfe",
    "truncated": b"\xe2\x82",
    "markup": b"[/bold]",
    "bracket": b"[",
    "closing": b"[/",
    "click": b"[@click=app.pwned('x')]go[/]",
    "quit": b"[@click=app.quit]x[/]",
    "variable": b"[$error]x[/]",
    "href": b"[link=file:///etc/passwd]x[/link]",
}
"""What strangers put into every field they can."""

CUT = {"marks": b"z" + "\u0301".encode() * 40}
"""Shorter forms for where all of them stand together."""


def broken_protections(names: list[str]) -> None:
    """Take protections away before anything has imported them."""
    if "no-show" in names:
        from tests.pilot import hostile_app  # this module runs as __main__

        hostile_app.PAYLOADS.update(CUT)  # pyte takes minutes for ten thousand marks on one character
        from mailtui import text

        vars(text)["_clean"] = lambda raw, limit: raw
    if "no-barrier" in names:
        from mailtui.screens import barrier

        vars(barrier)["_CONTROL"] = re.compile("(?!)")


def main() -> None:
    """Run the console until it is left, then report what it counted."""
    report, *broken = sys.argv[1:]
    broken_protections(broken)
    from tests.pilot.hostile_world import HostileConsole, hostile_fleet

    app = HostileConsole(hostile_fleet(), crash="crash" in broken)
    app.run()
    told = {"hits": app.about.hits, "actions": app.foreign, "code": app.return_code}
    Path(report).write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main()
