/* SPDX-License-Identifier: MIT */
/*
 * False sharing of cache lines, after Berger's cache-scratch and cache-thrash. passive: the main
 * thread allocates small blocks one after another and deals them out; each thread frees its own,
 * allocates as many again and writes them, many times. kept: of the blocks dealt out each thread
 * keeps every other one, replaces the rest and writes these. active: nothing is dealt out.
 *
 * Only the writes are timed, and ops counts them. Then the line that matters most: how many of the
 * blocks written have a cache line in common with a block of another thread.
 */
#include "harness.h"
#include "threads.h"

enum { MODE, THREADS, BLOCKS, SIZE, ROUNDS, WRITES, PARAMS };
enum { PASSIVE, ACTIVE, KEPT };
enum { CACHE_LINE = 64 };

struct writer {
    volatile unsigned char **blocks;
    struct writer *all; /* of all threads */
    pthread_barrier_t *barrier;
    const struct harness_param *params;
    double seconds;
};

static bool has_line_of(const volatile unsigned char *block, const struct writer *other)
{
    size_t size = other->params[SIZE].value;
    uintptr_t first = (uintptr_t)block / CACHE_LINE;
    uintptr_t last = ((uintptr_t)block + size - 1) / CACHE_LINE;
    for (size_t i = 0; i < other->params[BLOCKS].value; i++) {
        uintptr_t start = (uintptr_t)other->blocks[i];
        if (start / CACHE_LINE <= last && (start + size - 1) / CACHE_LINE >= first) {
            return true;
        }
    }
    return false;
}

/* How many blocks of a thread are replaced in each round, and written. */
static size_t count_written(const struct harness_param *params)
{
    return params[MODE].value == KEPT ? params[BLOCKS].value / 2 : params[BLOCKS].value;
}

/* The index of the nth of them. */
static size_t written(const struct harness_param *params, size_t n)
{
    return params[MODE].value == KEPT ? 2 * n + 1 : n;
}

/* Blocks that were dealt out and kept may share lines with each other, whatever the allocator. */
static void say_shared(const struct writer *all, const char *when)
{
    size_t shared = 0;
    size_t threads = all->params[THREADS].value;
    size_t count = count_written(all->params);
    for (size_t n = 0; n < threads * count; n++) {
        const volatile unsigned char *block =
            all[n / count].blocks[written(all->params, n % count)];
        bool found = false;
        for (size_t t = 0; t < threads && !found; t++) {
            found = t != n / count && has_line_of(block, &all[t]);
        }
        shared += found;
    }
    harness_say("NOTE %s: %zu of %zu new blocks share a cache line with another thread's\n", when,
                shared, threads * count);
}

static void replace_blocks(struct writer *writer)
{
    size_t size = writer->params[SIZE].value;
    size_t count = count_written(writer->params);
    for (size_t n = 0; n < count; n++) {
        free((void *)writer->blocks[written(writer->params, n)]);
    }
    for (size_t n = 0; n < count; n++) {
        writer->blocks[written(writer->params, n)] = harness_need(malloc(size), size);
    }
}

static void *write_blocks(void *argument)
{
    struct writer *writer = argument;
    size_t last = writer->params[SIZE].value - 1;
    size_t count = count_written(writer->params);
    uint64_t rounds = writer->params[ROUNDS].value;
    for (uint64_t round = 0; round < rounds; round++) {
        replace_blocks(writer);
        pthread_barrier_wait(writer->barrier);
        if (writer == writer->all && (round == 0 || round + 1 == rounds)) {
            say_shared(writer, round == 0 ? "hand-over" : "end");
        }
        pthread_barrier_wait(writer->barrier);
        double start = harness_now();
        for (uint64_t n = 0; n < writer->params[WRITES].value; n++) {
            volatile unsigned char *block = writer->blocks[written(writer->params, n % count)];
            block[0]++;
            block[last]++;
        }
        writer->seconds += harness_now() - start;
        pthread_barrier_wait(writer->barrier);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct harness_param params[PARAMS] = {
        [MODE] = {"MODE", PASSIVE, 0, 0, {"passive", "active", "kept"}},
        [THREADS] = {"THREADS", 2, 1, 64, {0}},
        [BLOCKS] = {"BLOCKS", 16, 1, 100, {0}}, /* of each thread */
        [SIZE] = {"SIZE", 8, 1, 4096, {0}},
        [ROUNDS] = {"ROUNDS", 20, 1, 1000000, {0}},
        [WRITES] = {"WRITES", 1000000, 1, UINT32_MAX, {0}}, /* of each thread, a round */
    };
    harness_parse(argc, argv, params, PARAMS);
    if (count_written(params) == 0) {
        harness_fail(2, "kept needs at least 2 BLOCKS");
    }
    size_t threads = params[THREADS].value;
    size_t count = params[BLOCKS].value;
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, (unsigned)threads);
    struct writer *writers = harness_map(threads * sizeof *writers);
    for (size_t t = 0; t < threads; t++) {
        void *blocks = harness_map(count * sizeof *writers->blocks);
        writers[t] = (struct writer){blocks, writers, &barrier, params, 0};
    }
    for (size_t n = 0; params[MODE].value != ACTIVE && n < threads * count; n++) {
        size_t size = params[SIZE].value;
        writers[n % threads].blocks[n / threads] = harness_need(malloc(size), size);
    }
    harness_run_threads(threads, write_blocks, writers, sizeof *writers);

    double seconds = 0;
    for (size_t t = 0; t < threads; t++) {
        seconds += writers[t].seconds / (double)threads;
        for (size_t i = 0; i < count; i++) {
            free((void *)writers[t].blocks[i]);
        }
    }
    uint64_t writes = 2 * threads * params[ROUNDS].value * params[WRITES].value;
    harness_result("cross_thread_sharing", writes, seconds);
    return 0;
}
