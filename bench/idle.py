#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What programs that have gone idle still hold, under each allocator, side by side.

usage: bench/idle.py [BUILD_DIR] [--peers LIST] [--wait MS] [--only PART]

PART is one of
  rss       bench/idle_rss: RSS before, at the peak, right after the last free, and WAIT later with
            the program asleep; live bytes; and the mappings then
  mappings  bench/large_heap: mappings and RSS of large heaps, WAIT later
  threads   bench/thread_rss: RSS after so many threads, one after another
The programs' own bookkeeping is part of all of them.
"""

import argparse
import os
import subprocess
import sys

from run import OURS, build, find_allocators

# title, arguments of idle_rss before WAIT_MS, after it
RSS_CASES = [
    ("1,500,000 blocks of 16 to 700 bytes, all freed", ["1500000", "16", "700", "0", "3000", "300",
                                                       "1"]),
    ("the same, one in 1,000 stays alive", ["1500000", "16", "700", "1000", "3000", "300", "1"]),
    ("the same by 8 threads, which sleep", ["1500000", "16", "700", "1000", "3000", "300", "8"]),
    ("60,000 blocks of 1 to 16 KiB, one in 100 stays", ["60000", "1024", "16384", "100", "0", "1",
                                                       "1"]),
    ("300 blocks of 1 to 4 MiB, all freed", ["300", "1048576", "4194304", "0", "0", "1", "1"]),
]
RSS_POINTS = ["before", "peak", "freed", "idle"]

# title, arguments of large_heap before WAIT_MS
MAPPINGS_CASES = [
    ("1,000 blocks of 4 MiB, grown to 9 by realloc, a page of each written", ["1000", "4M", "2"]),
    ("600 blocks of 64 MiB, grown to 96", ["600", "64M", "1"]),
]
MAPPINGS_POINTS = ["taken", "grown", "half", "freed"]

THREADS = 100000
PEERS = "glibc,mimalloc,jemalloc,tcmalloc"


def lines_of(program, arguments, preload, word, settings=None):
    """What a run says in lines that begin with `word`: the fields of each. None: it failed."""
    environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    environment.update(settings or {})
    if preload:
        environment["LD_PRELOAD"] = preload
    done = subprocess.run([program, *arguments], env=environment, capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        return None
    return [dict(pair.split("=", 1) for pair in line.split()[1:])
            for line in done.stdout.splitlines() if line.startswith(word + " ")]


def allocators_of(options):
    """Name -> preload path, ours first."""
    found = find_allocators(options)
    if OURS not in found:
        sys.exit(f"{os.path.basename(sys.argv[0])}: no libhakmem.so in {options.build_dir}: "
                 "run make first")
    return {OURS: found.pop(OURS), **found}


def rows_of(allocators, program, arguments, word):
    """(name, lines_of) under each allocator that does not fail; of the others that is printed."""
    for name, preload in allocators.items():
        lines = lines_of(program, arguments, preload, word)
        if lines:
            yield name, lines
        else:
            print(f"{name:10}failed", flush=True)


def mib(kilobytes):
    return f"{int(kilobytes) / 1024:9.1f}"


def show_rss(options, allocators):
    program = build("idle_rss", options.build_dir)
    print(f"RSS of a program that sleeps, {options.wait} ms after its last free")
    for title, arguments in RSS_CASES:
        print(f"\n{title} (MiB of RSS)")
        print(f"{'':10}{'before':>9}{'peak':>9}{'freed':>9}{'idle':>9}{'live':>9}{'mappings':>10}")
        for name, lines in rows_of(allocators, program, [*arguments, options.wait], "IDLE"):
            points = {line["when"]: line for line in lines if "when" in line}
            print(f"{name:10}" + "".join(mib(points[point]["rss_kb"]) for point in RSS_POINTS) +
                  mib(lines[-1]["live_kb"]) + f"{points['idle']['mappings']:>10}", flush=True)


def show_mappings(options, allocators):
    program = build("large_heap", options.build_dir)
    print(f"\nmappings of a large heap, and MiB of RSS, {options.wait} ms later")
    for title, arguments in MAPPINGS_CASES:
        print(f"\n{title}")
        print(f"{'':10}{'mappings':<32}{'RSS':>9}")
        print(f"{'':10}" + "".join(f"{point:>8}" for point in MAPPINGS_POINTS) +
              "".join(f"{point:>9}" for point in MAPPINGS_POINTS))
        for name, points in rows_of(allocators, program, [*arguments, options.wait], "HEAP"):
            print(f"{name:10}" + "".join(f"{point['mappings']:>8}" for point in points) +
                  "".join(mib(point["rss_kb"]) for point in points), flush=True)


def show_threads(options, allocators):
    program = build("thread_rss", options.build_dir)
    print("\nMiB of RSS after so many threads, one after another")
    rows = rows_of(allocators, program, [str(THREADS)], "THREADS")
    for number, (name, points) in enumerate(rows):
        if number == 0:
            print(f"{'':10}" + "".join(f"{int(point['count']):>9,}" for point in points))
        print(f"{name:10}" + "".join(mib(point["rss_kb"]) for point in points), flush=True)


PARTS = {"rss": show_rss, "mappings": show_mappings, "threads": show_threads}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build_dir", nargs="?", default="build")
    parser.add_argument("--peers", default=PEERS, help=f"allocators beside ours (default {PEERS})")
    parser.add_argument("--wait", default="2000", metavar="MS", help="how long it sleeps")
    parser.add_argument("--only", choices=PARTS, help="one part alone")
    options = parser.parse_args()
    allocators = allocators_of(options)
    for name, show in PARTS.items():
        if options.only in (None, name):
            show(options, allocators)


if __name__ == "__main__":
    main()
