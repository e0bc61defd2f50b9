"""Count what is opened in directories until standard input ends: opens.py DIRECTORY...

Prints `watching`, then at the end a JSON object: how often control files, data files, other files and the directories
themselves were opened, and whether events were lost. The kernel tells (inotify), so nobody can open a file unseen.
"""

import ctypes
import json
import os
import select
import struct
import sys

IN_OPEN, IN_Q_OVERFLOW, IN_ISDIR = 0x20, 0x4000, 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
watch = libc.inotify_init()
for directory in sys.argv[1:]:
    if libc.inotify_add_watch(watch, os.fsencode(directory), IN_OPEN) < 0:
        raise OSError(ctypes.get_errno(), directory)
count = {"control": 0, "data": 0, "other": 0, "directory": 0, "lost": 0}


def take() -> None:
    data, at = os.read(watch, 1 << 20), 0
    while at < len(data):
        _, mask, _, length = struct.unpack_from("iIII", data, at)
        name = data[at + 16 : at + 16 + length].rstrip(b"\0")
        at += 16 + length
        if mask & IN_Q_OVERFLOW:
            count["lost"] += 1
        elif mask & IN_ISDIR or not name:
            count["directory"] += 1
        else:
            count[{b"qf": "control", b"hf": "control", b"Qf": "control", b"df": "data"}.get(name[:2], "other")] += 1


print("watching", flush=True)
while True:
    ready = select.select([watch, sys.stdin], [], [])[0]
    if watch in ready:
        take()
    elif not os.read(0, 1):
        break
print(json.dumps(count))
