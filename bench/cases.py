# SPDX-License-Identifier: MIT
"""What run.py runs: the table of cases, with arguments that make most runs last 0.1 to 0.6 s.

A case is a workload of bench/ (`PROGRAM` is its file), a real program (`real NAME`, whose
arguments real_programs.py explains), or the replay of a trace that is recorded on demand
(`replay`, whose arguments are a name in TRACES and the rounds to play).
"""

from collections import namedtuple

# arguments, arguments with --quick (None: left out there), how many runs make one sample (more
# for short runs), and the most repetitions (None: as many as asked for; few for long runs)
Case = namedtuple("Case", "program args quick runs reps", defaults=[1, None])

WORKLOADS = [
    Case("bench_random_mixed", "10000000 256 42", "1000000 256 42"),
    Case("bench_random_mixed", "10000000 100000 42", "1000000 100000 42"),
    Case("bench_random_mixed", "100000 256 42", "100000 256 42", 20),
    Case("bench_tiny_hot", "", "1000000"),
    Case("larson", "2 50", "2 10"),
    Case("larson", "8 10", "8 2"),
    Case("producer_consumer", "1 1 1000000", "1 1 100000"),
    Case("producer_consumer", "1 3 1000000", "1 3 100000"),
    Case("producer_consumer", "3 1 1000000", "3 1 100000"),
    Case("producer_consumer", "1 1 1000000 64 1024 32", "1 1 100000 64 1024 32"),
    Case("producer_consumer", "1 1 100000 64 64K", "1 1 10000 64 64K"),
    Case("producer_consumer", "1 1 100000 64 64K 32", "1 1 10000 64 64K 32"),
    Case("passthrough", "2 2000000", "2 200000"),
    Case("passthrough", "4 1000000", "4 100000"),
    Case("cross_thread_sharing", "passive", "passive 2 16 8 5"),
    Case("cross_thread_sharing", "active 2 16 8 100", "active 2 16 8 10"),
    Case("oversubscription", "64 20000", "64 5000"),
    Case("aligned", "700000", "100000"),
    Case("fragmentation", "64M 8", "16M 8"),
    Case("large_spans", "loop 100", "loop 10"),
    Case("large_spans", "random 500", "random 100"),
    Case("realloc_growth", "32M 2 2", "4M 2 1"),
    Case("realloc_growth", "1G 1 1", None, reps=1),
    Case("thread_churn", "1000", "200"),
    Case("calloc_mixed", "300000", "50000"),
    Case("growth_collapse", "128M", "16M"),
    Case("growth_collapse", "2G 1", None, reps=1),
    Case("startup", "", "", 20),
]

REAL = [
    Case("real redis", "set,get,lpush 3 150000", "set,get,lpush 3 20000"),
    Case("real redis", "set,get,lpush 1024 60000", "set,get,lpush 1024 10000"),
    Case("real python3", "objects 60 pymalloc", "objects 10 pymalloc"),
    Case("real python3", "objects 60 malloc", "objects 10 malloc"),
    Case("real python3", "json_text 60 malloc", "json_text 10 malloc"),
    Case("real python3", "simulation 60 malloc", "simulation 10 malloc"),
    Case("real sqlite3", "60000", "10000"),
    Case("real gcc", "50", "5"),
    Case("real g++", "1", None),
    Case("real clang++", "1", None),
    Case("real lua", "120", "20"),
    Case("real node", "20", "5"),
    Case("real git", "200", "50"),
]

# what is recorded for a replay: the program and the arguments of a real program
TRACES = {
    "python3": ("python3", "objects 20 malloc"),
    "sqlite3": ("sqlite3", "20000"),
    "cc1": ("cc1", "50"),
    "lua": ("lua", "30"),
    "node": ("node", "5"),
}

REPLAYS = [Case("replay", f"{name} 10", f"{name} 1") for name in TRACES]

CASES = WORKLOADS + REAL + REPLAYS
