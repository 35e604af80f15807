#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Owns the command that runs the soak and makes its picture.

    tests/soak/soak.py BUILD_DIR [--seconds N] [--load LOAD] [--output DIRECTORY] ...

BUILD_DIR/soak/soak does the work; its lines of figures go to soak.csv and the page to soak.html in
DIRECTORY, BUILD_DIR/soak unless said otherwise. What it finds is printed, and is on the page too.
Exit status 1 if it found an error, ended by a signal or hung.
"""

import argparse
import os
import platform
import selectors
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "bench"))

import soak_page  # noqa: E402
from run import cpu_model, positive, stop, usage_error  # noqa: E402

LOADS = ("server", "handover", "shift", "pins")
SILENCE_S = 600  # no line for so long: it hangs


def parse_arguments():
    parser = argparse.ArgumentParser(description="Run the soak and draw what it measured.")
    parser.add_argument("build", metavar="BUILD_DIR", help="where soak/soak was built")
    parser.add_argument("--seconds", type=positive, default=1800, help="how long; default 1800")
    parser.add_argument("--load", default="server", help="one of " + ", ".join(LOADS))
    parser.add_argument("--threads", type=positive, default=8, help="workers; default 8")
    parser.add_argument("--faults", default="50", metavar="N",
                        help="of 1000 calls to the kernel N fail; default 50")
    parser.add_argument("--patience", default="0", metavar="SECONDS",
                        help="added to a rest that would miss its bound; default 0")
    parser.add_argument("--output", metavar="DIRECTORY", help="default BUILD_DIR/soak")
    parser.error = usage_error
    options = parser.parse_args()
    if options.load not in LOADS:
        usage_error(f"--load must be one of {', '.join(LOADS)}, not '{options.load}'")
    return options


def lines_of(program):
    """Each line as it comes; ends the program when it is silent for too long."""
    selector = selectors.DefaultSelector()
    selector.register(program.stdout, selectors.EVENT_READ)
    pending = b""
    while True:
        if not selector.select(SILENCE_S):
            program.kill()
            yield f"soak: error: no line for {SILENCE_S} s: it hangs"
            return
        piece = os.read(program.stdout.fileno(), 65536)
        if not piece:
            return
        *lines, pending = (pending + piece).split(b"\n")
        yield from (line.decode(errors="replace") for line in lines)


def run(command, raw):
    """Figures to `raw`, the rest printed. Returns that rest and the exit status."""
    said = []
    # the program pauses until its memory has come down: while nothing calls, that is a helper's work
    environment = dict(os.environ, HAKMEM_BACKGROUND="1")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, env=environment) as program:
        for line in lines_of(program):
            if line[:1].isdigit() or line.startswith(("# ", "seconds,")):
                raw.write(line + "\n")
                raw.flush()
            else:
                said.append(line)
                print(line, flush=True)
    return said, program.returncode


def main():
    options = parse_arguments()
    program = os.path.join(options.build, "soak", "soak")
    output = options.output or os.path.join(options.build, "soak")
    command = [program, str(options.seconds), options.load, str(options.threads), options.faults,
               options.patience]
    started = time.strftime("%Y-%m-%d %H:%M")
    raw, page = (os.path.join(output, "soak." + end) for end in ("csv", "html"))
    try:
        os.makedirs(output, exist_ok=True)
        with open(raw, "w", encoding="utf-8") as file:
            said, status = run(command, file)
    except OSError as error:
        stop(f"{error.filename}: {error.strerror}")
    if status == 2:
        sys.exit(2)  # wrong arguments, it has said which
    if status not in (0, 1):
        said.append(f"soak: error: it ended with status {status}")
        print(said[-1])
    machine = f"{cpu_model()}, {os.cpu_count()} CPUs, Linux {platform.release()}"
    try:
        soak_page.write(raw, page, said, machine, started)
    except (soak_page.BadRaw, OSError) as fault:
        stop(f"{raw}: {fault}")
    print(f"the picture: {page}")
    sys.exit(1 if status else 0)


if __name__ == "__main__":
    main()
