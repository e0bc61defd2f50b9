"""Rewrite one message in so many as an attempt does, a new file renamed over the old: changequeue.py DIRECTORY EVERY."""

# ruff: noqa: UP031 - what is written is full of letters that would read as placeholders

import os
import re
import sys
import time

directory, every = sys.argv[1], int(sys.argv[2])
names = sorted(name for name in os.listdir(directory) if name.startswith("qf"))[::every]
for name in names:
    path = "%s/%s" % (directory, name)
    with open(path, "rb") as old:
        text = re.sub(rb"(?m)^N(\d+)$", lambda found: b"N%d" % (int(found[1]) + 1), old.read(), count=1)
    with open("%s/tf%s" % (directory, name[2:]), "wb") as new:
        new.write(re.sub(rb"(?m)^K\d+$", b"K%d" % time.time(), text, count=1))
    os.chmod(new.name, 0o600)
    os.rename(new.name, path)
print(len(names))
