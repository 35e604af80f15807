#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Owns the command that makes one HTML file, with plots, of the raw.csv that bench/run.py wrote.

    bench/report.py RAW_CSV OUTPUT_HTML [--text BENCH_TEXT]

The file needs nothing beside it: style and plots are in it, and there is no script. CPU and kernel
are this machine's, or stand in the first line of BENCH_TEXT, what run.py printed.
"""

import argparse
import os
import platform
import time

import raw_runs
import report_page
from run import OURS, cpu_model, stop, usage_error


def parse_arguments():
    parser = argparse.ArgumentParser(
        description="Make one HTML file with plots of what bench/run.py measured.")
    parser.add_argument("raw", metavar="RAW_CSV", help="BUILD_DIR/bench/raw.csv")
    parser.add_argument("output", metavar="OUTPUT_HTML", help="the file to write")
    parser.add_argument("--text", metavar="BENCH_TEXT", help="what run.py printed, to be shown too")
    parser.error = usage_error
    return parser.parse_args()


def read_text(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError as error:
        usage_error(f"{path}: {error.strerror}")


def machine(text):
    """CPU and kernel, as run.py writes them in its first line."""
    if text:
        return text.splitlines()[0]
    return f"{cpu_model()}, {os.cpu_count()} CPUs, Linux {platform.release()}"


def main():
    options = parse_arguments()
    text = read_text(options.text) if options.text else ""
    try:
        results = raw_runs.read(options.raw, OURS)
        when = time.localtime(os.path.getmtime(options.raw))
    except OSError as error:
        usage_error(f"{options.raw}: {error.strerror}")
    except raw_runs.BadRaw as fault:
        stop(f"{options.raw}: {fault}")
    page = report_page.page(results, machine(text), time.strftime("%Y-%m-%d %H:%M", when), text)
    try:
        with open(options.output, "w", encoding="utf-8") as file:
            file.write(page)
    except OSError as error:
        stop(f"{options.output}: {error.strerror}")


if __name__ == "__main__":
    main()
