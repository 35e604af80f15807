# SPDX-License-Identifier: MIT
"""What run.py runs: the table of cases, with arguments that make most runs last 0.05 to 0.5 s.

A case is a workload of bench/ (`PROGRAM` is its file), a real program (`real NAME`, whose
arguments real_programs.py explains), or the replay of a trace that is recorded on demand
(`replay`, whose arguments are a name in TRACES and the rounds to play).
"""

from collections import namedtuple

# arguments, arguments with --quick (None: left out there), how many runs make one sample (more
# for short runs), and the most repetitions (None: as many as asked for; few for long runs)
Case = namedtuple("Case", "program args quick runs reps", defaults=[1, None])

WORKLOADS = [
    Case("bench_random_mixed", "10000000 256 42", "1000000 256 42", 3),
    Case("bench_random_mixed", "10000000 100000 42", "1000000 100000 42", 3),
    Case("bench_random_mixed", "100000 256 42", "100000 256 42", 20),
    Case("bench_tiny_hot", "20000000 32 100 lifo", "2000000 32 100 lifo", 3),
    Case("bench_tiny_hot", "20000000 32 100 fifo", "2000000 32 100 fifo", 3),
    Case("bench_tiny_hot", "20000000 32 100 random", "2000000 32 100 random", 3),
    Case("bench_tiny_hot", "10000000 32 10000 random", "1000000 32 10000 random", 3),
    Case("larson", "2 50", "2 10"),
    Case("larson", "8 20", "8 2"),
    Case("producer_consumer", "1 1 3000000", "1 1 300000"),
    Case("producer_consumer", "1 3 3000000", "1 3 300000"),
    Case("producer_consumer", "3 1 3000000", "3 1 300000"),
    Case("producer_consumer", "1 1 3000000 64 1024 32", "1 1 300000 64 1024 32"),
    Case("producer_consumer", "1 1 200000 64 64K", "1 1 30000 64 64K"),
    Case("producer_consumer", "1 1 200000 64 64K 32", "1 1 30000 64 64K 32"),
    Case("producer_consumer", "1 3 200000 64 64K 32", "1 3 30000 64 64K 32"),
    Case("producer_consumer", "3 1 200000 64 64K 32", "3 1 30000 64 64K 32"),
    Case("passthrough", "2 4000000", "2 400000"),
    Case("passthrough", "4 2000000", "4 200000"),
    Case("cross_thread_sharing", "passive 2 16 8 50", "passive 2 16 8 5"),
    Case("cross_thread_sharing", "kept 2 16 8 50", "kept 2 16 8 5"),
    Case("cross_thread_sharing", "active 2 16 8 50", "active 2 16 8 5"),
    Case("oversubscription", "64 50000", "64 5000", 3),
    Case("thread_churn", "3000", "300", 3),
    Case("aligned", "3000000", "300000", 3),
    Case("calloc_mixed", "700000", "100000", 3),
    Case("realloc_growth", "strings 16K 5000 1", "strings 16K 200 1", 3),
    Case("realloc_growth", "vectors 32M 2 3", "vectors 32M 2 1"),
    Case("realloc_growth", "vectors 1G 1 1", None, reps=3),
    Case("large_spans", "loop 500", "loop 50"),
    Case("large_spans", "random 1500", "random 150"),
    Case("fragmentation", "64M 16", "16M 16"),
    Case("growth_collapse", "256M", "128M"),
    Case("growth_collapse", "2G 1", None, reps=3),
    Case("startup", "", "", 20),
]

REAL = [
    Case("real redis", "set,get,lpush 3 300000", "set,get,lpush 3 30000"),
    Case("real redis", "set,get,lpush 1024 100000", "set,get,lpush 1024 10000"),
    Case("real python3", "objects 100 pymalloc", "objects 10 pymalloc"),
    Case("real python3", "objects 100 malloc", "objects 10 malloc"),
    Case("real python3", "json_text 60 malloc", "json_text 10 malloc"),
    Case("real python3", "simulation 60 malloc", "simulation 10 malloc"),
    Case("real sqlite3", "60000", "10000"),
    Case("real gcc", "120", "5"),
    Case("real g++", "1", None),
    Case("real clang++", "1", None),
    Case("real lua", "200", "20"),
    Case("real node", "40", "5"),
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
