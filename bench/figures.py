# SPDX-License-Identifier: MIT
"""Owns the figures made of runs: samples, ratios, means and the goals they are held against, for
bench/run.py and bench/report.py.

What a case's allocator did is a list of repetitions, each a list of runs. A ratio is ours / peer.
A case is its title and its runs: allocator -> repetitions, or None where it failed.
"""

import math
import statistics
import time
from collections import namedtuple

OURS = "ours"
EVEN = 1.03  # less apart than this is no difference

# the least, the median and the most of a case's ratios
Ratio = namedtuple("Ratio", "low median high")
# the peer that is furthest ahead of ours in a case, or the least behind
Best = namedtuple("Best", "title peer ratio")
# text: what was measured; met: True, False, or None where nothing was
Goal = namedtuple("Goal", "name target text met")

# what the table compares, and the least value of a field that is worth a ratio
Metric = namedtuple("Metric", "field heading scale digits least")
WALL, LOOP = Metric("wall", "wall ms", 1e3, 2, 0.0005), Metric("loop", "loop ms", 1e3, 2, 0.0005)
PEAK, FAULTS = Metric("peak_kb", "peak KiB", 1, 0, 1), Metric("faults", "faults", 1, 0, 1)
METRICS = [WALL, LOOP, PEAK, FAULTS]

# the workloads whose page faults are those of a heap that grows
GROWTH = ("growth_collapse", "realloc_growth vectors")


def samples(repetitions, field):
    """A sample for each repetition: the median of its runs."""
    return [statistics.median(getattr(run, field) for run in runs) for runs in repetitions]


def ratios(ours, peer, metric):
    """ours / peer, inside each repetition; where both are too small to compare, nothing."""
    pairs = zip(samples(ours, metric.field), samples(peer, metric.field))
    return [mine / theirs for mine, theirs in pairs
            if min(mine, theirs) > 0 and max(mine, theirs) >= metric.least]


def ratio_of(runs, peer, metric):
    """ours / peer over the repetitions of a case; None where there is nothing to compare."""
    if not runs.get(OURS) or not runs.get(peer):
        return None
    found = ratios(runs[OURS], runs[peer], metric)
    return Ratio(min(found), statistics.median(found), max(found)) if found else None


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


def mean_of(cases, peer, metric):
    """The geometric mean of the cases' median ratios, and of how many cases it is."""
    found = [ratio_of(case.runs, peer, metric) for case in cases]
    medians = [ratio.median for ratio in found if ratio]
    return (geometric_mean(medians) if medians else None), len(medians)


def best_peers(cases, peers, metric):
    """The Best of each case that has a peer to compare with."""
    found = []
    for case in cases:
        ahead = [(ratio, peer) for peer in peers if (ratio := ratio_of(case.runs, peer, metric))]
        if ahead:
            ratio, peer = max(ahead, key=lambda each: each[0].median)
            found.append(Best(case.title, peer, ratio))
    return found


def behind_best(cases, peers, metric):
    """Where the best peer is ahead of ours by more than 3 %, the furthest first, and the number of
    cases there are to compare."""
    best = best_peers(cases, peers, metric)
    behind = [each for each in best if each.ratio.median > EVEN]
    return sorted(behind, key=lambda each: -each.ratio.median), len(best)


# ---- The goals ----

def goal(name, target, value, most, words=""):
    """A goal that is met by `value` of at most `most`; `value` may be None."""
    if value is None:
        return Goal(name, target, "not measured", None)
    return Goal(name, target, f"{value:.3f}{words}", value <= most)


def mean_beside_best(cases, peers, metric):
    """The geometric mean of ours / the best peer of each case."""
    best = [each.ratio.median for each in best_peers(cases, peers, metric)]
    return geometric_mean(best) if best else None


def goals(cases, peers):
    """What is asked of ours: a Goal each."""
    time_mean = mean_of(cases, "mimalloc", WALL)[0] if "mimalloc" in peers else None
    behind, count = behind_best(cases, peers, WALL)
    memory = [(mean, peer) for peer in peers if (mean := mean_of(cases, peer, PEAK)[0])]
    peak, smallest = max(memory, default=(None, ""))
    growing = [case for case in cases if case.title.startswith(GROWTH)]
    return [
        goal("time, geometric mean, ours / mimalloc", "at most 0.85", time_mean, 0.85),
        Goal("cases behind the best peer in time by more than 3 %", "none",
             f"{len(behind)} of {count}" if count else "not measured",
             not behind if count else None),
        goal("peak RSS, geometric mean, ours / the smallest peer", "at most 1.00", peak, 1.0,
             f" ({smallest})"),
        goal("page faults where a heap grows, ours / the best peer", "at most 0.25",
             mean_beside_best(growing, peers, FAULTS), 0.25),
        goal("peak RSS in the same cases, ours / the best peer", "at most 1.05",
             mean_beside_best(growing, peers, PEAK), 1.05)]
