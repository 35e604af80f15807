# SPDX-License-Identifier: MIT
"""Owns the reading of raw.csv, the runs that bench/run.py wrote: cases, allocators, who failed."""

import csv
import math
import shlex
from collections import namedtuple

from launcher import Run
from run import RAW_HEADER

# allocator -> its repetitions, each a list of runs; failed: allocator -> "N of M runs"
Case = namedtuple("Case", "title runs failed")
Results = namedtuple("Results", "command allocators absent cases repetitions")


class BadRaw(Exception):
    """Not a file that bench/run.py wrote."""


class RawRun(Run):
    """A run as run.py measured it. What a real program does not tell is 0."""
    __slots__ = ()

    @property
    def rate(self):
        """Operations a second, on the workload's own clock."""
        return self.ops / self.loop if self.loop > 0 else 0.0


def number(text, column):
    try:
        value = float(text or 0)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise BadRaw(f"{column} is no number from 0: '{text}'")
    return value


def place(text, column):
    if not text.isdecimal():
        raise BadRaw(f"{column} is no whole number: '{text}'")
    return int(text)


def add_row(cases, row):
    """Put a row of the file into (workload, args) -> allocator -> repetition -> runs."""
    if len(row) != len(RAW_HEADER):
        raise BadRaw(f"{len(row)} columns, not {len(RAW_HEADER)}")
    workload, args, allocator, repetition, run = row[:5]
    place(run, "run")
    values = [number(text, column) for text, column in zip(row[5:], RAW_HEADER[5:])]
    repetitions = cases.setdefault((workload, args), {}).setdefault(allocator, {})
    repetitions.setdefault(place(repetition, "repetition"), []).append(RawRun(*values))


def read_rows(lines):
    """The command in the first line, and the cases as add_row leaves them."""
    first = next(lines, "")
    command = ""
    if first.startswith("#"):
        command = first[1:].strip()
        first = next(lines, "")
    if not first.strip():
        raise BadRaw("there is no run in it")
    if next(csv.reader([first])) != RAW_HEADER:
        raise BadRaw("not the columns that bench/run.py writes")
    cases = {}
    for index, row in enumerate(csv.reader(lines), 1):
        try:
            add_row(cases, row)
        except BadRaw as fault:
            raise BadRaw(f"run {index}: {fault}") from None
    if not cases:
        raise BadRaw("there is no run in it")
    return command, cases


def make_case(key, found, allocators):
    """A case without the allocators that did not finish it: run.py leaves out the one that fails,
    so it has fewer runs than the others."""
    counts = {name: sum(map(len, found.get(name, {}).values())) for name in allocators}
    most = max(counts.values())
    runs = {name: [found[name][key] for key in sorted(found[name])]
            for name in allocators if counts[name] == most}
    failed = {name: f"{counts[name]} of {most} runs"
              for name in allocators if counts[name] < most}
    return Case(" ".join(key).rstrip(), runs, failed)


def peers_asked_for(command):
    """The names in the command's --peers. One that fails in every case has no run in the file."""
    try:
        words = shlex.split(command)
    except ValueError:
        return []
    lists = [after for word, after in zip(words, words[1:]) if word == "--peers"]
    lists += [word.partition("=")[2] for word in words if word.startswith("--peers=")]
    return [peer.partition("=")[0] for peer in lists[-1].split(",") if peer] if lists else []


def read(path, ours):
    """The results in the file, `ours` first among the allocators; BadRaw, OSError."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            command, found = read_rows(file)
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadRaw(f"no text: {error}") from None
    names = list(dict.fromkeys(name for case in found.values() for name in case))
    if ours not in names:
        raise BadRaw(f"no run of '{ours}' in it")
    names.sort(key=lambda name: name != ours)
    repetitions = {key for case in found.values() for runs in case.values() for key in runs}
    absent = [name for name in peers_asked_for(command) if name not in names]
    return Results(command, names, absent, [make_case(key, found[key], names) for key in found],
                   len(repetitions))
