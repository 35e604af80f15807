# SPDX-License-Identifier: MIT
"""The real programs: for each its command line, its input, made once into BUILD_DIR/bench/inputs,
and the traces of them that bench/replay.c plays.

A program is a function `NAME(inputs, ARGUMENTS...)` that returns a Command; its arguments are
those of a case in cases.py. redis is a server and has redis_server.py to itself.
"""

import os
import shutil
import subprocess
import sys
from collections import namedtuple

import redis_server
from launcher import Missing

REAL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "real")

# argv, and what is set in the environment beside LD_PRELOAD
Command = namedtuple("Command", "argv settings", defaults=[{}])

GIT_SETTINGS = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
# all deltas anew, each time the same, in one thread, and a window that takes no minutes
COLLECT = ["-c", "pack.threads=1", "-c", "gc.aggressiveWindow=10", "gc", "--aggressive", "--quiet"]


def find(*names):
    """The path of the first of the programs that is installed."""
    for name in names:
        path = shutil.which(name)
        if path:
            return path
    raise Missing(f"{' or '.join(names)} is not installed")


# ---- Inputs ----

class Inputs:
    """Generated files, made when missing or older than the script that makes them."""

    def __init__(self, build_dir):
        self.directory = os.path.abspath(os.path.join(build_dir, "bench", "inputs"))
        os.makedirs(self.directory, exist_ok=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def generate(self, name, script, argument):
        """The output of real/SCRIPT with its one argument."""
        path, source = self.path(name), os.path.join(REAL, script)
        if not is_newer(path, source):
            with open(path + ".part", "wb") as out:
                subprocess.run([sys.executable, source, argument], stdout=out, check=True)
            os.rename(path + ".part", path)
        return path

    def repository(self, commits):
        """A bare git repository of that many commits, collected once: the first time is not like
        the others, which find the pack they make."""
        stream = self.generate(f"history_{commits}", "history.py", commits)
        path = self.path(f"history_{commits}.git")
        if not is_newer(path, stream):
            shutil.rmtree(path, ignore_errors=True)
            shutil.rmtree(path + ".part", ignore_errors=True)
            environment = {**os.environ, **GIT_SETTINGS}
            subprocess.run(["git", "init", "-q", "--bare", path + ".part"], check=True,
                           env=environment)
            with open(stream, "rb") as history:
                subprocess.run(["git", "-C", path + ".part", "fast-import", "--quiet", "--done"],
                               stdin=history, check=True, env=environment)
            subprocess.run(["git", "-C", path + ".part"] + COLLECT, check=True, env=environment)
            os.rename(path + ".part", path)
        return path


def is_newer(path, source):
    """Is there `path`, and is it not older than `source`?"""
    return os.path.exists(path) and os.path.getmtime(path) >= os.path.getmtime(source)


# ---- Programs ----

def python3(_inputs, script, thousands, malloc):
    """real/SCRIPT.py; `malloc` is PYTHONMALLOC: with pymalloc little reaches the allocator."""
    argv = [find("/usr/bin/python3", "python3"), "-S", os.path.join(REAL, script + ".py")]
    return Command(argv + [thousands], {"PYTHONMALLOC": malloc, "PYTHONHASHSEED": "0"})


def sqlite3(_inputs, rows):
    return Command([find("sqlite3"), "-batch", "-bail", ":memory:", "-cmd", ".parameter init",
                    "-cmd", f".parameter set @rows {rows}",
                    ".read '" + os.path.join(REAL, "rows.sql") + "'"])


def gcc(inputs, functions):
    """The driver, cc1 and as, on a generated file."""
    source = inputs.generate(f"large_{functions}.c", "large_c.py", functions)
    return Command([find("gcc"), "-O2", "-c", source, "-o", inputs.path("large.o")])


def cc1(inputs, functions):
    """gcc's compiler proper, one process: for a trace."""
    source = inputs.generate(f"large_{functions}.c", "large_c.py", functions)
    compiler = subprocess.run([find("gcc"), "-print-prog-name=cc1"], stdout=subprocess.PIPE,
                              text=True, check=True).stdout.strip()
    return Command([find(compiler), "-quiet", "-O2", source, "-o", inputs.path("large.s")])


def compile_templates(inputs, compiler, records):
    return Command([find(compiler), "-std=c++17", "-O1", f"-DRECORDS={records}", "-c",
                    os.path.join(REAL, "templates.cpp"), "-o", inputs.path("templates.o")])


def gxx(inputs, records):
    return compile_templates(inputs, "g++", records)


def clangxx(inputs, records):
    return compile_templates(inputs, "clang++", records)


def lua(_inputs, thousands):
    return Command([find("lua5.4", "lua"), os.path.join(REAL, "tables.lua"), thousands])


def node(_inputs, thousands):
    return Command([find("node"), os.path.join(REAL, "buffers.js"), thousands])


def git(inputs, commits):
    program = find("git")
    return Command([program, "-C", inputs.repository(commits)] + COLLECT, GIT_SETTINGS)


PROGRAMS = {"python3": python3, "sqlite3": sqlite3, "gcc": gcc, "cc1": cc1, "g++": gxx,
            "clang++": clangxx, "lua": lua, "node": node, "git": git}


# ---- What run.py asks for ----

def runner(name, args, build_dir, measure, launcher):
    """A function from a preload path to the Run of the program on it. `measure` is the path of
    bench/measure.c's program. Raises Missing."""
    if name == "redis":
        server, client = find("redis-server"), find("redis-benchmark")
        return lambda preload: redis_server.run(server, client, args.split(), preload)
    command = PROGRAMS[name](Inputs(build_dir), *args.split())
    return lambda preload: launcher.run([measure, preload] + command.argv, "", command.settings)


def trace(name, program, args, build_dir):
    """The path of the trace of a real program, recorded when missing or older than the command or
    its recorder. Raises Missing where recording fails."""
    directory = os.path.abspath(os.path.join(build_dir, "bench", "traces"))
    recorder = os.path.abspath(os.path.join(build_dir, "hakmem"))
    library = os.path.join(os.path.dirname(recorder), "libhakmem_record.so")
    path = os.path.join(directory, "_".join([name] + args.split()) + ".hmtrace")
    for needed in (recorder, library):
        if not os.path.exists(needed):
            raise Missing(f"there is no {needed}")
    if is_newer(path, recorder) and is_newer(path, library):
        return path
    command = PROGRAMS[program](Inputs(build_dir), *args.split())
    os.makedirs(directory, exist_ok=True)
    environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    done = subprocess.run([recorder, "record", "-o", path + ".part", "--"] + command.argv,
                          env={**environment, **command.settings}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          errors="replace", check=False)
    if done.returncode != 0 or not os.path.exists(path + ".part"):
        words = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise Missing(f"hakmem record failed: {words[-1]}")
    os.rename(path + ".part", path)
    return path
