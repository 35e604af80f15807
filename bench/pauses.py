#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does memory that goes back to the kernel hold up other threads? bench/pauses under each
allocator, side by side.

usage: bench/pauses.py [BUILD_DIR] [--peers LIST] [--seconds N] [--busy N]

Two tables: with a decay of 50 ms, or what comes near it, and with each allocator's defaults. Each
has one line for the clock alone, which shows what the machine does to a thread that calls no
allocator, and two for each allocator: with memory freed by another thread, and with none ("still").
`calls` are malloc and free together, `touches` the writing of new blocks, with its page faults. Of
those over 100 us: had the thread lost its processor, had it slept in the kernel, or neither. What
gives pages back (madvise, munmap) is timed on its thread's clock: `slow` are those over 100 us of
processor time. Of glibc, which calls the kernel itself, none are seen.
"""

import argparse

from idle import PEERS, allocators_of, lines_of
from run import OURS, build, positive

SHORT = {
    OURS: {"HAKMEM_DECAY_MS": "50"},
    "jemalloc": {"MALLOC_CONF": "dirty_decay_ms:50,muzzy_decay_ms:0,background_thread:true"},
    "mimalloc": {"MIMALLOC_PAGE_RESET": "1", "MIMALLOC_RESET_DELAY": "50"},
    "tcmalloc": {"TCMALLOC_RELEASE_RATE": "10"},
}
MIB_FREED = "200"
# title, settings by allocator, how long the thread that frees sleeps after it
TABLES = [("a decay of 50 ms", SHORT, "100"), ("the defaults", {}, "1500")]
LOADS = ["purge", "still"]


def us(nanoseconds):
    return f"{int(nanoseconds) / 1000:.1f}"


def cells(kinds):
    calls, touches = kinds["calls"], kinds["touches"]
    purges, bytes_purged = kinds["purges_cpu"], int(kinds["purged"]["bytes"])
    return [f"{int(calls['count']) / 1e6:.1f}", calls["median"], calls["p999"],
            us(calls["p99999"]), us(calls["worst"]), calls["long"], calls["preempted"],
            calls["waited"], calls["worked"], touches["long"], touches["waited"],
            touches["worked"], f"{bytes_purged / (1 << 20):.0f}", purges["count"],
            us(purges["median"]), us(purges["p99"]), us(purges["worst"]), purges["long"]]


GROUPS = [("calls", 46), (">100 us: lost, slept, worked", 28), ("touches >100 us", 21),
          ("given back, us on its processor", 46)]
HEADINGS = [("M", 6), ("50% ns", 8), ("99.9%", 8), ("99.999%", 10), ("worst us", 14), ("all", 7),
            ("lost", 7), ("slept", 7), ("worked", 7), ("all", 7), ("slept", 7), ("worked", 7),
            ("MiB", 7), ("calls", 8), ("50%", 7), ("99%", 8), ("worst", 9), ("slow", 7)]


def show_line(name, lines):
    if not lines:
        print(f"{name:16}failed")
        return
    row = cells({line["kind"]: line for line in lines})
    print(f"{name:16}" + "".join(f"{cell:>{width}}" for cell, (_, width) in zip(row, HEADINGS)),
          flush=True)


def show_table(options, allocators, table):
    title, settings, pause = table
    program = build("pauses", options.build_dir)
    busy, seconds = str(options.busy), str(options.seconds)
    print(f"\n{title}; {options.seconds} s each")
    print(f"{'':16}" + "".join(f"{name:>{width}}" for name, width in GROUPS))
    print(f"{'':16}" + "".join(f"{name:>{width}}" for name, width in HEADINGS))
    show_line("the clock alone", lines_of(program, [busy, seconds, "clock", MIB_FREED, pause],
                                          allocators[OURS], "PAUSES", settings.get(OURS)))
    for name, preload in allocators.items():
        for load in LOADS:
            lines = lines_of(program, [busy, seconds, load, MIB_FREED, pause], preload, "PAUSES",
                             settings.get(name))
            show_line(name if load == "purge" else f"{name}, {load}", lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build_dir", nargs="?", default="build")
    parser.add_argument("--peers", default=PEERS, help=f"allocators beside ours (default {PEERS})")
    parser.add_argument("--seconds", type=positive, default=5, metavar="N", help="of each run")
    parser.add_argument("--busy", type=int, default=0, metavar="N",
                        help="threads (default: as many as CPUs, less one)")
    options = parser.parse_args()
    allocators = allocators_of(options)
    print(f"another thread frees {MIB_FREED} MiB by turns while others allocate")
    for table in TABLES:
        show_table(options, allocators, table)


if __name__ == "__main__":
    main()
