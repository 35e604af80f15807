#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Looks at a program of moving.c again and again: moving.py HAKMEM SHARED WORD MIB LOOKS. Each look
lies between what VmRSS was before and after it, or says that it does not add up; few say so.
"""
import json
import mmap
import struct
import subprocess
import sys

hakmem, path, word, mib, looks = sys.argv[1:]
limit = (int(mib) + 16) << 20
file = open(path, "rb")
shared = mmap.mmap(file.fileno(), mmap.PAGESIZE, prot=mmap.PROT_READ)
counts = {"within": 0, "over a turn": 0, "says so": 0, "ended": 0, "outside": 0}


def rss(pid):
    """VmRSS in bytes; 0 when there is no such process any more."""
    try:
        with open(f"/proc/{pid}/statm") as statm:
            return int(statm.read().split()[1]) * mmap.PAGESIZE
    except (OSError, IndexError):
        return 0


def bounds(before, after, is_strict):
    """Where the RSS was for sure."""
    if word == "exit" and before and is_strict:
        return before, limit  # it only grows, and may have ended meanwhile
    if is_strict:
        return min(before, after), max(before, after)
    return 0, max(before, after, limit)


def look():
    phase, pid = struct.unpack("=Qq", shared[:16])
    before = rss(pid)
    done = subprocess.run([hakmem, "stats", str(pid), "--json"], capture_output=True, text=True)
    after = rss(pid)
    is_strict = phase % 2 == 0 and struct.unpack("=Qq", shared[:16]) == (phase, pid)
    if done.returncode != 0:
        lines = done.stderr.count("\n")
        good = done.returncode == 1 and lines == 1 and word in ("exit", "exec")
        return "ended" if good else f"status {done.returncode}: {done.stderr}"
    data = json.loads(done.stdout)
    unexplained = data["terms"].pop("unexplained")
    total = sum(data["terms"].values())
    least, most = bounds(before, after, is_strict)
    what = f"{least} <= {data['rss_bytes']} <= {most}, terms {total}, {unexplained} unexplained"
    if not least <= data["rss_bytes"] <= most or total + unexplained != data["rss_bytes"]:
        return what
    if unexplained and is_strict:
        return "says so"
    if unexplained == 0 and not least <= total <= most:
        return what
    return "within" if is_strict else "over a turn"


for number in range(int(looks)):
    outcome = look()
    if outcome not in counts:
        print(f"{word}: look {number}: {outcome}")
        outcome = "outside"
    counts[outcome] += 1
print(f"{word}, {mib} MiB, {looks} looks: " + ", ".join(f"{n} {what}" for what, n in counts.items()))
if 8 * counts["says so"] > int(looks):
    sys.exit(f"{word}: too many looks do not add up")
sys.exit(counts["outside"] > 0)
