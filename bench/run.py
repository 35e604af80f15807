#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run the workloads of bench/ under each allocator, interleaved, and compare them with ours.

Within a repetition the allocators take turns run by run, in an order that moves on by one each
time, so that a busy moment of the machine falls on all of them alike. A sample is the median of
one repetition's runs; figures are medians over the repetitions. A ratio is always ours / peer,
taken inside each repetition: below 1 we use less. Every run goes to BUILD_DIR/bench/raw.csv.

cases.py has the table of cases, launcher.py starts the programs, real_programs.py knows the real
ones. LD_PRELOAD is set for the measured program alone. What is printed also goes to
BUILD_DIR/bench/bench.txt.
"""

import argparse
import csv
import fnmatch
import glob
import mmap
import os
import platform
import re
import resource
import shlex
import statistics
import subprocess
import sys
from collections import namedtuple

import real_programs
from cases import CASES, TRACES
from figures import (METRICS, OURS, WALL, behind_best, goals, mean_of, ratio_of, samples,
                     system_share)
from launcher import Launcher, Missing, RunFailed

HERE = os.path.dirname(os.path.abspath(__file__))
DEFAULT_PEERS = "glibc,mimalloc,jemalloc,tcmalloc,tbbmalloc,scudo"
LIBRARIES = {
    "mimalloc": "libmimalloc.so.2",
    "jemalloc": "libjemalloc.so.2",
    "tcmalloc": "libtcmalloc_minimal.so.4",
    "tbbmalloc": "libtbbmalloc_proxy.so.2",
    "scudo": "libclang_rt.scudo_standalone-x86_64.so",
}
LIBRARY_DIRS = ["/usr/local/lib", f"/usr/lib/{platform.machine()}-linux-gnu", "/usr/lib64",
                "/usr/lib", "/usr/lib/llvm-*/lib/clang/*/lib/linux"]

WARM_LEAST_BYTES = 16 << 20
MADV_POPULATE_WRITE = 23  # which mmap does not name yet

# what was measured of a case: its title, allocator -> repetitions (None: failed), and what each
# allocator's last run had to say
Result = namedtuple("Result", "title runs notes")

RAW_HEADER = ["workload", "args", "allocator", "repetition", "run", "wall_s", "loop_s", "ops",
              "peak_rss_kb", "end_rss_kb", "minflt", "majflt", "utime_s", "stime_s"]


def stop(message):
    sys.exit(f"{os.path.basename(sys.argv[0])}: {message}")


def usage_error(message):
    print(f"{os.path.basename(sys.argv[0])}: {message}", file=sys.stderr)
    sys.exit(2)


# ---- What to run ----

def positive(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a number from 1, not '{text}'")
    return int(text)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description="Run the workloads of bench/ and real programs under each allocator, "
                    "interleaved.",
        epilog="A peer is one of glibc, " + ", ".join(LIBRARIES) + ", or NAME=LIBRARY_PATH. Real "
               "programs are 'real NAME ARGUMENTS', traces played again 'replay NAME ROUNDS'.")
    parser.add_argument("build_dir", metavar="BUILD_DIR", help="where libhakmem.so is")
    parser.add_argument("--reps", type=positive, metavar="N",
                        help="repetitions (default $REPS, or 5; 2 with --quick)")
    parser.add_argument("--only", metavar="PATTERN",
                        help="cases with this text, or glob, in 'PROGRAM ARGUMENTS': larson, "
                             "'real redis', 'real '")
    parser.add_argument("--peers", default=DEFAULT_PEERS, metavar="LIST",
                        help=f"allocators beside ours (default {DEFAULT_PEERS})")
    parser.add_argument("--quick", action="store_true",
                        help="smaller arguments, without the longest cases: a trial")
    options = parser.parse_args()
    if not os.path.isdir(options.build_dir):
        usage_error(f"no build directory: {options.build_dir}")
    if options.reps is None:
        default = "2" if options.quick else "5"
        try:
            options.reps = positive(os.environ.get("REPS") or default)
        except argparse.ArgumentTypeError as error:
            usage_error(f"REPS {error}")
    return options


def select_cases(options):
    cases = CASES
    if options.quick:
        cases = [case._replace(args=case.quick, runs=min(case.runs, 5)) for case in cases
                 if case.quick is not None]
    if options.only:
        cases = [case for case in cases
                 if fnmatch.fnmatchcase(f"{case.program} {case.args}", f"*{options.only}*")]
    if not cases:
        usage_error(f"no case matches '{options.only}'")
    return cases


def llvm_version(path):
    found = re.search(r"/llvm-(\d+)/", path)
    return int(found.group(1)) if found else 0


def find_library(soname):
    """The first directory's that has it, and the newest of LLVM's."""
    for directory in LIBRARY_DIRS:
        found = sorted(glob.glob(os.path.join(directory, soname)))
        if found:
            return max(found, key=llvm_version)
    return None


def library_of(peer):
    """Name and preload path of a peer: '' preloads nothing, None is not there."""
    name, has_path, path = peer.partition("=")
    if has_path:
        return name, path if os.path.isfile(path) else None
    if name == "glibc":
        return name, ""
    if name not in LIBRARIES:
        usage_error(f"unknown peer '{name}'; one of glibc, {', '.join(LIBRARIES)}, or NAME=PATH")
    return name, find_library(LIBRARIES[name])


def find_allocators(options):
    """Name -> preload path, in the order of the table. What is missing is named and left out."""
    wanted = [library_of(peer) for peer in options.peers.split(",") if peer]
    ours = os.path.abspath(os.path.join(options.build_dir, "libhakmem.so"))
    wanted.append((OURS, ours if os.path.isfile(ours) else None))
    allocators = {}
    for name, path in wanted:
        if path is None:
            print(f"{name}: library not found, left out", file=sys.stderr)
        else:
            allocators[name] = path
    if not allocators:
        stop("no allocator to run")
    return allocators


def build(program, build_dir):
    """The program's path, compiled anew where it is missing or older than its source or a header
    of bench/. Raises Missing where there is no source."""
    binary = os.path.join(build_dir, "bench", program)
    source = os.path.join(HERE, program + ".c")
    if not os.path.exists(source):
        raise Missing(f"there is no {source}")
    sources = [source] + glob.glob(os.path.join(HERE, "*.h"))
    newest = max(os.path.getmtime(path) for path in sources)
    if not os.path.exists(binary) or os.path.getmtime(binary) < newest:
        compiler = shlex.split(os.environ.get("CC") or "cc")
        command = compiler + ["-O2", "-pthread", source, "-o", binary]
        if subprocess.call(command) != 0:
            stop(f"cannot compile: {shlex.join(command)}")
    return binary


def prepare(case, options, launcher):
    """A function that runs the case once, from a preload path to a Run. Raises Missing."""
    kind, _, name = case.program.partition(" ")
    if kind == "real":
        measure_path = build("measure", options.build_dir)
        return real_programs.runner(name, case.args, options.build_dir, measure_path, launcher)
    argv = [build(case.program, options.build_dir)] + case.args.split()
    if kind == "replay":
        trace_name, rounds = case.args.split()
        trace = real_programs.trace(trace_name, *TRACES[trace_name], options.build_dir)
        argv = [argv[0], trace, rounds]
    return lambda preload: launcher.run(argv, preload)


def prepare_all(options, launcher):
    """Case -> how to run it. What is missing is named and left out."""
    prepared = {}
    for case in select_cases(options):
        try:
            prepared[case] = prepare(case, options, launcher)
        except Missing as missing:
            print(f"{title(case)}: {missing}, left out", file=sys.stderr)
    return prepared


# ---- The runs ----

def warm_memory(size):
    """Take and give back that much memory. On a virtual machine memory that has been free for a
    second may be back at the host, which gives it again some 30 times slower than the kernel alone
    would: without this a run would be fast or slow by what ran before it."""
    with open("/proc/meminfo", encoding="utf-8") as lines:
        available = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    size = min(size, available * 1024 // 2)
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        try:
            memory.madvise(mmap.MADV_HUGEPAGE)
            memory.madvise(MADV_POPULATE_WRITE)
        except OSError:  # an older kernel, or one without huge pages
            for offset in range(0, size, mmap.PAGESIZE):
                memory[offset] = 1


class RawLog:
    """The CSV of all runs, complete up to the last one also when the runner is interrupted."""

    def __init__(self, path):
        self.file = open(path, "w", newline="", encoding="utf-8")
        settings = [f"{name}={shlex.quote(value)}" for name, value in sorted(os.environ.items())
                    if name.startswith(("HAKMEM_", "MIMALLOC_", "MALLOC_", "GLIBC_TUNABLES",
                                        "TCMALLOC_", "SCUDO_"))]
        self.file.write("# " + " ".join(settings + [shlex.join(sys.argv)]) + "\n")
        self.writer = csv.writer(self.file, lineterminator="\n")
        self.writer.writerow(RAW_HEADER)

    def add(self, case, allocator, repetition, index, run):
        self.writer.writerow([case.program, case.args, allocator, repetition, index,
                              f"{run.wall:.6f}", f"{run.loop:.6f}", *run[2:7],
                              f"{run.utime:.6f}", f"{run.stime:.6f}"])
        self.file.flush()


def title(case):
    return f"{case.program} {case.args}".rstrip()


class Warmed:
    """Runs a case, each time on memory that is warm: as much as it took at most until now, and a
    quarter more. A first run, which nobody sees, says how much that is."""

    def __init__(self, run_once, preload):
        self.run_once = run_once
        self.bytes = WARM_LEAST_BYTES
        try:
            self.run(preload)
        except RunFailed:
            pass

    def run(self, preload):
        warm_memory(self.bytes)
        run = self.run_once(preload)
        self.bytes = max(self.bytes, run.peak_kb * 1280)
        return run


def measure(case, run_once, allocators, reps, log, launcher):
    """The Result of all runs of a case. An allocator whose run fails is named, left out of this
    case, and appears with None."""
    reps = min(reps, case.reps or reps)
    notes = {}
    warmed = Warmed(run_once, next(iter(allocators.values())))
    runs = {name: [[] for _ in range(reps)] for name in allocators}
    for turn in range(reps * case.runs):
        repetition, index = divmod(turn, case.runs)
        names = list(allocators)
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            if runs[name] is None:
                continue
            try:
                run = warmed.run(allocators[name])
            except RunFailed as failure:
                print(f"{title(case)} under {name}: {failure}", file=sys.stderr)
                runs[name] = None
                continue
            notes[name] = launcher.notes
            runs[name][repetition].append(run)
            log.add(case, name, repetition, index, run)
    return Result(title(case), runs, notes)


# ---- Text ----

class Copied:
    """Standard output that also goes to a file."""

    def __init__(self, path):
        self.outputs = [sys.stdout, open(path, "w", encoding="utf-8")]

    def write(self, text):
        for output in self.outputs:
            output.write(text)

    def flush(self):
        for output in self.outputs:
            output.flush()


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def print_preamble(options):
    print(f"{cpu_model()}, {os.cpu_count()} CPUs, Linux {platform.release()}, "
          f"{options.reps} repetition{'s' if options.reps > 1 else ''}")
    print("o/p: ours / peer, below 1 ours is ahead; spread: lowest..highest o/p of wall time")
    print("wall: the whole process; loop: the workload's own clock; sys %: time in the kernel,")
    print("an estimate of the share of page faults")
    for name in ("RLIMIT_AS", "RLIMIT_DATA"):
        soft = resource.getrlimit(getattr(resource, name))[0]
        if soft != resource.RLIM_INFINITY:
            print(f"note: {name} of {soft >> 10} KiB holds for every run")


def spread(ratio):
    return f"{ratio.low:.2f}..{ratio.high:.2f}"


def ratio_cells(runs, name):
    """Metric field -> text of the ratio, and the spread of the wall ratio."""
    found = {metric.field: ratio_of(runs, name, metric) if name != OURS else None
             for metric in METRICS}
    cells = {field: f"{ratio.median:.2f}" if ratio else "-" for field, ratio in found.items()}
    return cells, spread(found["wall"]) if found["wall"] else "-"


def print_case(case, result):
    each = f", {case.runs} runs each" if case.runs > 1 else ""
    each += f", {case.reps} repetitions at most" if case.reps else ""
    print(f"\n{title(case)}{each}")
    heading = f"{'allocator':<10}"
    for metric in METRICS:
        heading += f"{metric.heading:>10}{'o/p':>7}"
        heading += f"{'spread':>12}" if metric.field == "wall" else ""
    print(heading + f"{'sys %':>7}")
    for name, repetitions in result.runs.items():
        if repetitions is None:
            print(f"{name:<10}{'failed':>10}")
            continue
        cells, spread = ratio_cells(result.runs, name)
        line = f"{name[:9]:<10}"
        for metric in METRICS:
            median = statistics.median(samples(repetitions, metric.field)) * metric.scale
            line += f"{median:>10.{metric.digits}f}{cells[metric.field]:>7}"
            line += f"{spread:>12}" if metric.field == "wall" else ""
        print(line + f"{system_share(repetitions):>7.1f}")
    for name, notes in result.notes.items():
        for note in notes:
            print(f"  {name}: {note}")
    sys.stdout.flush()


def print_means(results, peers):
    """Geometric means of the ratios over the cases, for each peer."""
    print("\nours / peer, geometric mean over the cases")
    print(f"{'allocator':<10}{'wall':>10}{'loop':>10}{'peak':>10}{'faults':>10}{'cases':>8}")
    for name in peers:
        row = f"{name[:9]:<10}"
        for metric in METRICS:
            mean, _ = mean_of(results, name, metric)
            row += f"{mean:>10.2f}" if mean else f"{'-':>10}"
        print(row + f"{mean_of(results, name, WALL)[1]:>8}")


def print_behind(results, peers):
    """The cases where a peer is faster, the furthest first."""
    behind, count = behind_best(results, peers, WALL)
    print(f"\nbehind the best by more than 3 %: {len(behind)} of {count} cases")
    for best in behind:
        print(f"  {best.title:<44}{best.peer[:9]:<10}{best.ratio.median:>6.2f}  "
              f"{spread(best.ratio)}")


def print_goals(results, peers):
    verdicts = {True: "met", False: "missed", None: ""}
    print("\ngoals")
    for goal in goals(results, peers):
        print(f"  {goal.name:<54}{goal.target:<14}{goal.text:<20} {verdicts[goal.met]}".rstrip())


def print_summary(results, allocators):
    peers = [name for name in allocators if name != OURS]
    if peers and OURS in allocators:
        print_means(results, peers)
        print_behind(results, peers)
        print_goals(results, peers)


def main():
    options = parse_arguments()
    allocators = find_allocators(options)
    os.makedirs(os.path.join(options.build_dir, "bench"), exist_ok=True)
    launcher = Launcher()
    cases = prepare_all(options, launcher)
    raw_path = os.path.join(options.build_dir, "bench", "raw.csv")
    log = RawLog(raw_path)
    sys.stdout = Copied(os.path.join(options.build_dir, "bench", "bench.txt"))
    print_preamble(options)
    results = []
    for case, run_once in cases.items():
        launcher.notes = []
        results.append(measure(case, run_once, allocators, options.reps, log, launcher))
        print_case(case, results[-1])
    print_summary(results, allocators)
    print(f"\nevery run: {raw_path}")
    sys.stdout.flush()
    if any(repetitions is None for result in results for repetitions in result.runs.values()):
        sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
