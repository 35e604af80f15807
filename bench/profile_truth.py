#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What heap profilers say of programs whose heap is known: bench/profile_truth.py BUILD_DIR.

`shares` runs known_sites (leak, fragment) and redis-server under load with hakmem's profiler and
those of jemalloc, gperftools and heaptrack, and prints the live bytes of each function, in parts
of 100, beside the true ones where the program knows them. `bias` runs `known_sites sizes` many
times and compares the mean of the estimates with the truth. A profiler that is missing is left out.
"""

import argparse
import collections
import glob
import json
import math
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = 5
Z_99 = 2.576
# functions that pass memory on: who calls them has asked for it
PASSING = re.compile(r"^(_*libc_|_*(je_)?(malloc|calloc|realloc|free|posix_memalign|aligned_alloc)|"
                     r"hak_|entry_|alloc|z(try)?(malloc|calloc|realloc)|zmalloc_|s_(trymalloc|malloc|"
                     r"realloc)|ztry|extend_|do_|tc_|operator new|prof_|route_|watched_|own_stack|"
                     r"sample|counted$|0x|\[)")


def run(command, env=None, **options):
    return subprocess.run(command, env={**os.environ, **(env or {})}, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def newest(pattern):
    found = sorted(glob.glob(pattern), key=os.path.getmtime)
    return found[-1] if found else None


# ---- the profilers: each runs `drive(command, env)` and gives folded stacks of what is live ----

def with_hakmem(build, directory, program, drive):
    output = os.path.join(directory, "hakmem.folded")
    drive([os.path.join(build, "hakmem"), "profile", "--live", "-o", output, "--"], {})
    with open(output, encoding="utf-8") as file:
        return file.read()


def with_jemalloc(_, directory, program, drive):
    drive([], {"MALLOC_CONF": "prof:true,lg_prof_sample:19,prof_final:true,"
                              f"prof_prefix:{directory}/je",
               "LD_PRELOAD": "libjemalloc.so.2"})
    return run(["jeprof", "--collapsed", program, newest(f"{directory}/je*.heap")]).stdout


def with_gperftools(_, directory, program, drive):
    drive([], {"HEAPPROFILE": f"{directory}/gp", "LD_PRELOAD": "libtcmalloc.so.4"})
    return run(["google-pprof", "--collapsed", program, newest(f"{directory}/gp*.heap")]).stdout


def with_heaptrack(_, directory, program, drive):
    drive(["heaptrack", "-o", f"{directory}/ht"], {})
    folded = f"{directory}/ht.folded"
    run(["heaptrack_print", "-f", newest(f"{directory}/ht*"), "--flamegraph-cost-type", "leaked",
         "-F", folded])
    with open(folded, encoding="utf-8") as file:
        return file.read()


PROFILERS = {"hakmem": (with_hakmem, None), "jemalloc": (with_jemalloc, "jeprof"),
             "gperftools": (with_gperftools, "google-pprof"),
             "heaptrack": (with_heaptrack, "heaptrack")}


# ---- programs ----

def function_of(stack):
    """Who asked for the memory: the innermost function that does not only pass it on."""
    frames = [re.sub(r"<[0-9a-f]+>$|\[inline\]$|@.*$| \([^)]*\)$", "", frame)
              for frame in stack.split(";") if frame]
    frames = [re.sub(r"\.(constprop|part|isra|cold).*$", "", frame) for frame in frames]
    for frame in reversed(frames):
        if not PASSING.match(frame):
            return frame
    return frames[0]


def by_function(folded):
    live = collections.Counter()
    for line in folded.splitlines():
        stack, _, size = line.rpartition(" ")
        if stack and size.isdigit():
            live[function_of(stack)] += int(size)
    return live


def drive_known(path, mode, truth, column=2):
    def drive(command, env):
        for line in run(command + [path, mode], env).stdout.splitlines():
            if line.startswith("truth "):
                words = line.split()
                truth[words[1]] = int(words[column])
    return drive


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def drive_redis(command, env):
    port = free_port()
    server = subprocess.Popen(command + ["redis-server", "--port", str(port), "--save", ""],
                              env={**os.environ, **env}, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    client = ["redis-cli", "-p", str(port)]
    while subprocess.run(client + ["ping"], stdout=subprocess.DEVNULL, check=False,
                         stderr=subprocess.DEVNULL).returncode:
        time.sleep(0.05)
    for load in ("-t set -d 200 -r 1000000 -n 500000", "-t lpush -d 64 -n 300000",
                 "-t hset -d 32 -r 100000 -n 200000", "-t sadd,zadd -r 200000 -n 200000"):
        run(["redis-benchmark", "-p", str(port), "-q", *load.split()])
    subprocess.run(client + ["shutdown", "nosave"], check=False, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    server.wait()


# ---- reports ----

def shares_of(live):
    total = sum(live.values())
    return {name: 100 * size / total for name, size in live.items()} if total else {}


def print_shares(title, truth, answers):
    columns = ({"truth": shares_of(truth)} if truth else {}) | answers
    names = sorted({name for shares in columns.values() for name in
                    sorted(shares, key=shares.get, reverse=True)[:TOP]},
                   key=lambda name: -max(shares.get(name, 0) for shares in columns.values()))
    print(f"{title}: live bytes by function, in parts of 100")
    print(f"  {'':32}" + "".join(f"{column:>12}" for column in columns))
    for name in names[:2 * TOP]:
        print(f"  {name[:32]:32}" + "".join(f"{shares.get(name, 0):12.1f}"
                                            for shares in columns.values()))
    for column, shares in answers.items() if truth else ():
        worst = max(abs(shares.get(name, 0) - share) for name, share in shares_of(truth).items())
        print(f"  {column}: at most {worst:.1f} from the truth")


def report_shares(build, known):
    programs = {"leak": known, "fragment": known, "redis-server": shutil.which("redis-server")}
    for mode, program in programs.items():
        truth, answers = {}, {}
        for name, (profile, tool) in PROFILERS.items():
            if not program or (tool and not shutil.which(tool)):
                continue
            drive = drive_known(known, mode, truth) if program == known else drive_redis
            with tempfile.TemporaryDirectory() as directory:
                answers[name] = shares_of(by_function(profile(build, directory, program, drive)))
        print_shares(mode, {name: size for name, size in truth.items() if size}, answers)


def report_bias(build, known, runs):
    estimates, truth = collections.defaultdict(list), {}
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as directory:
            live = by_function(with_hakmem(build, directory, known,
                                           drive_known(known, "sizes", truth, 3)))
        for name in truth:
            estimates[name].append(live.get(name, 0))
    print(f"sizes, {runs} runs: mean of the estimates by the truth, and its 99 % interval")
    is_right = True
    for name, size in truth.items():
        ratios = [estimate / size for estimate in estimates[name]]
        mean, error = statistics.mean(ratios), statistics.stdev(ratios) / math.sqrt(runs) * Z_99
        within = abs(mean - 1) <= error or (error < 1e-9 and abs(mean - 1) < 0.05)
        is_right &= within
        print(f"  {name:20} {mean:.4f} +- {error:.4f}  {'within' if within else 'OUTSIDE'}")
    return is_right


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build_dir", metavar="BUILD_DIR", help="where hakmem is")
    parser.add_argument("what", choices=["shares", "bias"])
    parser.add_argument("--runs", type=int, default=200, help="of bias (200)")
    options = parser.parse_args()
    known = os.path.join(options.build_dir, "bench", "known_sites")
    os.makedirs(os.path.dirname(known), exist_ok=True)
    run(["cc", "-O2", "-g", os.path.join(HERE, "known_sites.c"), "-o", known])
    if options.what == "bias":
        return 0 if report_bias(options.build_dir, known, options.runs) else 1
    report_shares(options.build_dir, known)
    return 0


if __name__ == "__main__":
    sys.exit(main())
