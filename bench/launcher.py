# SPDX-License-Identifier: MIT
"""Starts one measured program, waits for it, and reads what it printed: one Run, or why not.

Peak RSS is what the program says of itself (VmHWM), or bench/measure.c of a real program: the
kernel's ru_maxrss of a child also covers the parent that spawned it, which is Python here.
"""

import os
import signal
import time
from collections import namedtuple

RUN_TIMEOUT_SECONDS = 300

Run = namedtuple("Run", "wall loop ops peak_kb rss_kb faults majflt utime stime")


class RunFailed(Exception):
    """A measured program that did not end with its result."""


class Missing(Exception):
    """A case that cannot run here, because a program or a file is not there."""


def run_of_result(result, wall, usage):
    """The figures of a RESULT line. That of measure.c has those of the real program's tree, and
    `wall` and `usage` would be measure's own."""
    seconds = float(result["seconds"])
    peak, rss = int(result["peak_rss_kb"]), int(result["rss_kb"])
    if result["name"] == "measure":
        return Run(seconds, seconds, 0, peak, rss, int(result["minflt"]), int(result["majflt"]),
                   float(result["utime"]), float(result["stime"]))
    return Run(wall, seconds, int(result["ops"]), peak, rss, usage.ru_minflt, usage.ru_majflt,
               usage.ru_utime, usage.ru_stime)


class Launcher:
    """Starts programs with posix_spawn, in a process group of their own, and waits."""

    def __init__(self):
        self.out = os.memfd_create("stdout")
        self.err = os.memfd_create("stderr")
        self.environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
        self.pid = 0
        self.timed_out = False
        self.notes = []  # what the last run has to say beside its figures
        signal.signal(signal.SIGALRM, self.on_alarm)

    def on_alarm(self, _signal, _frame):
        self.timed_out = True
        self.kill_group()

    def kill_group(self):
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def spawn(self, argv, preload, settings):
        """Wall seconds, wait status and rusage of the program."""
        environment = {**self.environment, **settings}
        if preload:
            environment["LD_PRELOAD"] = preload
        for fd in (self.out, self.err):
            os.ftruncate(fd, 0)
            os.lseek(fd, 0, os.SEEK_SET)
        actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                   (os.POSIX_SPAWN_DUP2, self.out, 1), (os.POSIX_SPAWN_DUP2, self.err, 2)]
        start = time.perf_counter()
        self.pid = os.posix_spawn(argv[0], argv, environment, file_actions=actions,
                                  setpgroup=0, setsigdef=[signal.SIGPIPE])
        self.timed_out = False
        signal.alarm(RUN_TIMEOUT_SECONDS)
        try:
            _, status, usage = os.wait4(self.pid, 0)
        except KeyboardInterrupt:
            self.kill_group()
            raise
        finally:
            signal.alarm(0)
        return time.perf_counter() - start, status, usage

    def text(self, fd):
        return os.pread(fd, 1 << 16, 0).decode(errors="replace")

    def check(self, status):
        """Raise RunFailed unless the program ended well and with the allocator asked for."""
        errors = self.text(self.err).strip()
        last = errors.splitlines()[-1] if errors else "nothing on stderr"
        if self.timed_out:
            raise RunFailed(f"still running after {RUN_TIMEOUT_SECONDS} s, killed")
        if os.WIFSIGNALED(status):
            raise RunFailed(f"{signal.Signals(os.WTERMSIG(status)).name}: {last}")
        if os.WEXITSTATUS(status) != 0:
            raise RunFailed(f"exit status {os.WEXITSTATUS(status)}: {last}")
        if "cannot be preloaded" in errors:
            raise RunFailed(last)

    def run(self, argv, preload, settings=None):
        """One run of a program that prints a RESULT line; `settings` are added to its environment
        and LD_PRELOAD is set for it alone."""
        wall, status, usage = self.spawn(argv, preload, settings or {})
        self.check(status)
        lines = self.text(self.out).splitlines()
        self.notes = [line[5:] for line in lines if line.startswith("NOTE ")]
        for line in lines:
            if line.startswith("RESULT "):
                result = dict(pair.split("=", 1) for pair in line.split()[1:])
                return run_of_result(result, wall, usage)
        raise RunFailed("no RESULT line")
