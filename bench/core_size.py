#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How large a core file is against what is live: bench/core_size under each allocator.

usage: bench/core_size.py [BUILD_DIR] [--peers LIST] [--peak BYTES] [--gcore]

The program allocates 500 MiB in mixed sizes, frees nine tenths, and aborts: at once, or three
seconds later. `size` is the core file's length, which is what a pipe to a crash handler carries;
`disk` is what it takes: the kernel leaves holes for pages that are not resident. --gcore has gdb
write the core of the stopped program instead. All in MiB.
"""

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile

from run import DEFAULT_PEERS, LIBRARIES, OURS, find_library

CORE_PATTERN = "/proc/sys/kernel/core_pattern"
# title, KEEP, RUN, WAIT_MS
CASES = [
    ("one block in 10 stays, at once", ["10", "1", "0"]),
    ("one block in 10 stays, 3 s later", ["10", "1", "3000"]),
    ("10,000 neighbours in 100,000 stay, at once", ["10", "10000", "0"]),
    ("10,000 neighbours in 100,000 stay, 3 s later", ["10", "10000", "3000"]),
]


def allow_cores():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def core_by_kernel(program, arguments, environment, folder):
    """What the program said, and the path of its core file."""
    done = subprocess.run([program, *arguments], env=environment, cwd=folder, text=True,
                          capture_output=True, check=False, preexec_fn=allow_cores)
    if done.returncode != -signal.SIGABRT:
        raise OSError(done.stderr.strip() or f"status {done.returncode}")
    return done.stdout, find_core(folder)


def core_by_gdb(program, arguments, environment, folder):
    """The same, the program being stopped at its abort()."""
    path = os.path.join(folder, "core.gdb")
    settings = [word for name, value in environment.items() if name == "LD_PRELOAD"
                for word in ("-ex", f"set environment {name} {value}")]
    inherited = {name: value for name, value in environment.items() if name != "LD_PRELOAD"}
    done = subprocess.run(["gdb", "-q", "-batch", *settings, "-ex", "run", "-ex", f"gcore {path}",
                           "-ex", "kill", "--args", program, *arguments], env=inherited,
                          cwd=folder, text=True, capture_output=True, check=False)
    if not os.path.exists(path):
        raise OSError(done.stderr.strip().splitlines()[-1] if done.stderr else "gdb failed")
    return done.stdout, path


def find_core(folder):
    cores = [name for name in os.listdir(folder) if name.startswith("core")]
    if not cores:
        raise OSError(f"no core file in its directory; {CORE_PATTERN} must be a plain name")
    return os.path.join(folder, cores[0])


def measure(take_core, program, arguments, preload):
    """live, RSS, length of the core and what it takes on disk, in bytes."""
    environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    if preload:
        environment["LD_PRELOAD"] = preload
    with tempfile.TemporaryDirectory(prefix="hakmem-core.") as folder:
        output, core = take_core(program, arguments, environment, folder)
        said = next(line for line in output.splitlines() if line.startswith("CORE "))
        fields = dict(pair.split("=", 1) for pair in said.split()[1:])
        os.sync()
        state = os.stat(core)
        return (int(fields["live_kb"]) << 10, int(fields["rss_kb"]) << 10, state.st_size,
                state.st_blocks * 512)


def find_allocators(build_dir, peers):
    """Name -> preload path, ours first. What is missing is named and left out."""
    found = {OURS: os.path.join(build_dir, "libhakmem.so")}
    for peer in peers.split(","):
        path = "" if peer == "glibc" else find_library(LIBRARIES.get(peer, peer))
        if path is None:
            print(f"{peer}: library not found, left out", file=sys.stderr)
        else:
            found[peer] = path
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build_dir", nargs="?", default="build")
    parser.add_argument("--peers", default=DEFAULT_PEERS, help="allocators beside ours")
    parser.add_argument("--peak", default=str(500 << 20), metavar="BYTES")
    parser.add_argument("--gcore", action="store_true", help="by gdb, not by the kernel")
    options = parser.parse_args()
    build_dir = os.path.abspath(options.build_dir)
    program = os.path.join(build_dir, "bench", "core_size")
    if not os.path.exists(program):
        sys.exit(f"core_size.py: no {program}: run make bench-programs first")
    take_core = core_by_gdb if options.gcore else core_by_kernel
    allocators = find_allocators(build_dir, options.peers)
    for title, (keep, run, wait) in CASES:
        print(f"\n{title} (MiB)\n{'':10}{'live':>9}{'RSS':>9}{'size':>9}{'disk':>9}")
        for name, preload in allocators.items():
            try:
                figures = measure(take_core, program, [options.peak, keep, run, wait], preload)
            except OSError as error:
                print(f"{name:10}failed: {error}", flush=True)
                continue
            print(f"{name:10}" + "".join(f"{figure / 1048576:9.1f}" for figure in figures),
                  flush=True)


if __name__ == "__main__":
    main()
