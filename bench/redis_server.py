# SPDX-License-Identifier: MIT
"""redis-server on an allocator, loaded by redis-benchmark, which stays on libc's.

One run is a new server with no data, on a Unix socket in a directory of its own. Wall time is
that of redis-benchmark; memory, faults and times are the server's, read from /proc at its end.
"""

import os
import signal
import subprocess
import tempfile
import time

from launcher import RUN_TIMEOUT_SECONDS, Run, RunFailed

START_TIMEOUT_SECONDS = 10


def libc_path():
    """The C library of this process."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        return next(line.split()[-1] for line in maps if "/libc.so.6" in line)


def start(server, socket, preload):
    """The server, answering. Debian links redis-server with jemalloc: without a preload, libc is
    what is preloaded, so that its malloc comes first."""
    directory = os.path.dirname(socket)
    environment = {**os.environ, "LD_PRELOAD": preload or libc_path()}
    with open(os.path.join(directory, "log"), "wb") as log:
        process = subprocess.Popen(
            [server, "--port", "0", "--unixsocket", socket, "--dir", directory, "--save", "",
             "--appendonly", "no", "--loglevel", "warning"],
            env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    end = time.monotonic() + START_TIMEOUT_SECONDS
    while not os.path.exists(socket):
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            process.wait()
            raise RunFailed(f"redis-server does not start: {last_line(directory)}")
        time.sleep(0.01)
    return process


def last_line(directory):
    with open(os.path.join(directory, "log"), encoding="utf-8", errors="replace") as log:
        lines = log.read().strip().splitlines()
    return lines[-1] if lines else "nothing on stderr"


def usage_of(pid, wall):
    """The Run of a server that is still there."""
    status = {}
    with open(f"/proc/{pid}/status", encoding="utf-8") as lines:
        for line in lines:
            key, _, value = line.partition(":")
            status[key] = value.split()
    with open(f"/proc/{pid}/stat", encoding="utf-8") as line:
        fields = line.read().rpartition(")")[2].split()
    tick = os.sysconf("SC_CLK_TCK")
    return Run(wall, wall, 0, int(status["VmHWM"][0]), int(status["VmRSS"][0]), int(fields[7]),
               int(fields[9]), int(fields[11]) / tick, int(fields[12]) / tick)


def load(client, socket, tests, value_size, requests):
    """Wall seconds of redis-benchmark."""
    argv = [client, "-s", socket, "-q", "-t", tests, "-d", value_size, "-n", requests, "-c", "20",
            "-P", "16", "-r", "20000"]
    environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    began = time.perf_counter()
    try:
        done = subprocess.run(argv, env=environment, stdin=subprocess.DEVNULL, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=RUN_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        raise RunFailed(f"redis-benchmark runs for more than {RUN_TIMEOUT_SECONDS} s") from None
    wall = time.perf_counter() - began
    if done.returncode != 0 or b"rror" in done.stdout:
        raise RunFailed(f"redis-benchmark: exit status {done.returncode}")
    return wall


def stop(process):
    """The server's exit status."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(START_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def run(server, client, args, preload):
    """One run: `args` are redis-benchmark's tests, the size of a value, requests of each test."""
    with tempfile.TemporaryDirectory(prefix="hakmem-bench.") as directory:
        socket = os.path.join(directory, "socket")
        process = start(server, socket, preload)
        try:
            wall = load(client, socket, *args)
            if process.poll() is not None:
                raise RunFailed(f"redis-server died: {last_line(directory)}")
            measured = usage_of(process.pid, wall)
        finally:
            status = stop(process)
        if status != 0:
            raise RunFailed(f"redis-server: exit status {status}: {last_line(directory)}")
        return measured
