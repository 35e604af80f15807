# SPDX-License-Identifier: MIT
"""Owns the figures made of runs: samples, ratios and means, for bench/run.py and bench/report.py.

What a case's allocator did is a list of repetitions, each a list of runs. A ratio is ours / peer.
"""

import math
import statistics
import time
from collections import namedtuple

# what the table compares, and the least value of a field that is worth a ratio
Metric = namedtuple("Metric", "field heading scale digits least")
METRICS = [Metric("wall", "wall ms", 1e3, 2, 0.0005), Metric("loop", "loop ms", 1e3, 2, 0.0005),
           Metric("peak_kb", "peak KiB", 1, 0, 1), Metric("faults", "faults", 1, 0, 1)]


def samples(repetitions, field):
    """A sample for each repetition: the median of its runs."""
    return [statistics.median(getattr(run, field) for run in runs) for runs in repetitions]


def ratios(ours, peer, metric):
    """ours / peer, inside each repetition; where both are too small to compare, nothing."""
    pairs = zip(samples(ours, metric.field), samples(peer, metric.field))
    return [mine / theirs for mine, theirs in pairs
            if min(mine, theirs) > 0 and max(mine, theirs) >= metric.least]


def system_share(repetitions):
    """Percent of the processor time spent in the kernel, over all runs.

    A kernel that counts by ticks gives the whole time of a run shorter than a tick to the side
    the tick fell on, and to user where none fell. For such a run only a tick in the kernel says
    something: it stands for one tick of time.
    """
    tick = time.clock_getres(6)  # CLOCK_MONOTONIC_COARSE: the kernel's tick
    kernel = total = 0.0
    for run in (run for runs in repetitions for run in runs):
        whole = run.utime + run.stime
        by_tick = whole < tick and 0 in (run.utime, run.stime)
        kernel += (tick if run.stime > 0 else 0) if by_tick else run.stime
        total += whole
    return min(100.0, 100 * kernel / total) if total > 0 else 0.0


def geometric_mean(values):
    return math.exp(sum(math.log(value) for value in values) / len(values))
