# SPDX-License-Identifier: MIT
#
# Owns a Python workload that checks itself and prints one digest: objects made and freed in
# threads, across threads, in forked and spawned children, in cycles, and through C libraries.
import ctypes
import gc
import hashlib
import json
import os
import pickle
import queue
import subprocess
import sys
import threading
import zlib

digest = hashlib.sha256()


def make_tree(depth, seed):
    if depth == 0:
        return "leaf %d" % seed + "x" * (seed % 97)
    return {"n": seed, "kids": [make_tree(depth - 1, seed * 3 + i) for i in range(3)]}


def serialise():
    tree = make_tree(8, 1)
    text = json.dumps(tree)
    assert json.loads(text) == tree
    assert pickle.loads(pickle.dumps(tree)) == tree
    packed = zlib.compress(text.encode(), 9)
    assert zlib.decompress(packed).decode() == text
    digest.update(packed)


def hand_over_between_threads():
    # What one thread allocates another frees.
    pipe = queue.Queue(maxsize=64)
    sums = []

    def produce(seed):
        for i in range(4000):
            pipe.put(bytes([(seed + i) & 255]) * (1 + (i * 7919 + seed) % 30000))
        pipe.put(None)

    def consume():
        total = 0
        while (item := pipe.get()) is not None:
            assert item.count(item[0]) == len(item)
            total += len(item)
        sums.append(total)

    threads = [threading.Thread(target=produce, args=(s,)) for s in range(3)]
    threads += [threading.Thread(target=consume) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    digest.update(str(sum(sums)).encode())


def short_threads():
    for _ in range(500):
        thread = threading.Thread(target=lambda: [bytearray(i * 50) for i in range(50)])
        thread.start()
        thread.join()


def cycles():
    gc.collect()
    for i in range(20000):
        a, b = [i], {"i": i}
        a.append(b)
        b["a"] = a
    assert gc.collect() >= 0
    assert not gc.garbage


def fork_while_allocating():
    stop = threading.Event()

    def churn():
        while not stop.is_set():
            [bytearray(n) for n in range(1, 5000, 37)]

    threads = [threading.Thread(target=churn) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(60):
        pid = os.fork()
        if pid == 0:
            data = [bytes([i]) * n for n in range(1, 3000, 11)]
            os._exit(0 if all(d.count(i) == len(d) for d in data) else 1)
        assert os.waitpid(pid, 0)[1] == 0
    stop.set()
    for thread in threads:
        thread.join()


def spawn():
    for i in range(10):
        code = "print(sum(len(str(n)) for n in range(%d)))" % (1000 * i)
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
        digest.update(done.stdout)


def through_ctypes():
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.realloc.restype = ctypes.c_void_p
    libc.strdup.restype = ctypes.c_void_p
    for size in (0, 1, 16, 1024, 1025, 53248, 53249, 2097152, 2097153, 9000000):
        block = libc.malloc(ctypes.c_size_t(size))
        ctypes.memset(block, 0x5A, size)
        block = libc.realloc(ctypes.c_void_p(block), ctypes.c_size_t(size * 2 + 1))
        assert ctypes.string_at(block, size) == b"\x5a" * size
        libc.free(ctypes.c_void_p(block))
    for i in range(1000):
        copy = libc.strdup(b"s" * i)
        assert ctypes.string_at(copy) == b"s" * i
        libc.free(ctypes.c_void_p(copy))


for part in (serialise, hand_over_between_threads, short_threads, cycles, fork_while_allocating,
             spawn, through_ctypes):
    part()
print(digest.hexdigest())
