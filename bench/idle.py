#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What programs that have gone idle still hold: bench/idle_rss under each allocator, side by side.

usage: bench/idle.py [BUILD_DIR] [--peers LIST] [--wait MS]

For each case: RSS before, at the peak, right after the last free, and WAIT later with the program
asleep; live bytes; and the mappings then. The program's own bookkeeping is part of all of them.
"""

import argparse
import os
import subprocess
import sys

from run import DEFAULT_PEERS, LIBRARIES, OURS, find_library

# title, arguments of idle_rss before WAIT_MS, after it
CASES = [
    ("1,500,000 blocks of 16 to 700 bytes, all freed", ["1500000", "16", "700", "0", "3000", "300",
                                                       "1"]),
    ("the same, one in 1,000 stays alive", ["1500000", "16", "700", "1000", "3000", "300", "1"]),
    ("the same by 8 threads, which sleep", ["1500000", "16", "700", "1000", "3000", "300", "8"]),
    ("60,000 blocks of 1 to 16 KiB, one in 100 stays", ["60000", "1024", "16384", "100", "0", "1",
                                                       "1"]),
    ("300 blocks of 1 to 4 MiB, all freed", ["300", "1048576", "4194304", "0", "0", "1", "1"]),
]
POINTS = ["before", "peak", "freed", "idle"]


def parse_idle(text):
    """Point -> (rss_kb, mappings), and live_kb."""
    points, live = {}, 0
    for line in text.splitlines():
        if not line.startswith("IDLE "):
            continue
        fields = dict(pair.split("=", 1) for pair in line.split()[1:])
        if "when" in fields:
            points[fields["when"]] = (int(fields["rss_kb"]), int(fields["mappings"]))
        else:
            live = int(fields["live_kb"])
    return points, live


def measure(program, arguments, preload):
    environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    if preload:
        environment["LD_PRELOAD"] = preload
    done = subprocess.run([program, *arguments], env=environment, capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        return None
    return parse_idle(done.stdout)


def mib(kilobytes):
    return f"{kilobytes / 1024:9.1f}"


def show_case(program, title, arguments, allocators):
    print(f"\n{title} (MiB of RSS)")
    print(f"{'':10}{'before':>9}{'peak':>9}{'freed':>9}{'idle':>9}{'live':>9}{'mappings':>10}")
    for name, preload in allocators.items():
        found = measure(program, arguments, preload)
        if not found:
            print(f"{name:10}failed")
            continue
        points, live = found
        print(f"{name:10}" + "".join(mib(points[point][0]) for point in POINTS) + mib(live) +
              f"{points['idle'][1]:10}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build_dir", nargs="?", default="build")
    parser.add_argument("--peers", default=DEFAULT_PEERS, help="allocators beside ours")
    parser.add_argument("--wait", default="2000", metavar="MS", help="how long it sleeps")
    options = parser.parse_args()
    program = os.path.join(os.path.abspath(options.build_dir), "bench", "idle_rss")
    ours = os.path.join(os.path.abspath(options.build_dir), "libhakmem.so")
    if not os.path.exists(program) or not os.path.exists(ours):
        sys.exit(f"idle.py: no {program} or {ours}: run make bench-programs first")
    allocators = {OURS: ours}
    for peer in options.peers.split(","):
        path = "" if peer == "glibc" else find_library(LIBRARIES.get(peer, peer))
        if path is None:
            print(f"{peer}: library not found, left out", file=sys.stderr)
        else:
            allocators[peer] = path
    print(f"RSS of a program that sleeps, {options.wait} ms after its last free")
    for title, arguments in CASES:
        show_case(program, title, [*arguments, options.wait], allocators)


if __name__ == "__main__":
    main()
