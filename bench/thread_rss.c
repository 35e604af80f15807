/* SPDX-License-Identifier: MIT */
/*
 * Threads one after another, THREADS of them: each takes BLOCKS blocks of 16 bytes to 32 KiB and
 * writes to them, frees what its predecessor left, and all of its own but each LEAVEth, which it
 * leaves to its successor. RSS after 1,000, 10,000, ... threads: it should be the same.
 */
#include "harness.h"

enum { THREADS, BLOCKS, LEAVE, SEED, PARAMS };

static struct harness_param params[PARAMS] = {
    [THREADS] = {"THREADS", 100000, 1, 100000000, {0}},
    [BLOCKS] = {"BLOCKS", 300, 1, 1000000, {0}},
    [LEAVE] = {"LEAVE", 8, 1, 1000000, {0}},
    [SEED] = {"SEED", 42, 1, UINT32_MAX, {0}},
};

static void **blocks; /* each LEAVEth is the predecessor's when a thread starts */
static uint32_t seed;

/* 16 bytes to 32 KiB, each doubling half as often as the one before, but for the last. */
static size_t next_size(void)
{
    unsigned doubling = (unsigned)__builtin_ctz(harness_random(&seed) | 1u << 10);
    size_t base = (size_t)16 << doubling;
    return base + harness_random(&seed) % base;
}

static void *live_shortly(void *unused)
{
    (void)unused;
    for (size_t i = 0; i < params[BLOCKS].value; i += params[LEAVE].value) {
        free(blocks[i]);
    }
    for (size_t i = 0; i < params[BLOCKS].value; i++) {
        size_t size = next_size();
        blocks[i] = harness_need(malloc(size), size);
        harness_touch(blocks[i], 0, size, 1);
    }
    for (size_t i = 0; i < params[BLOCKS].value; i++) {
        if (i % params[LEAVE].value != 0) {
            free(blocks[i]);
        }
    }
    return NULL;
}

static void say(uint64_t threads)
{
    harness_say("THREADS count=%ju rss_kb=%lu\n", (uintmax_t)threads, harness_status_kb("VmRSS:"));
}

int main(int argc, char **argv)
{
    harness_parse(argc, argv, params, PARAMS);
    blocks = harness_map(params[BLOCKS].value * sizeof(void *));
    seed = harness_seed(params[SEED].value, 0);
    uint64_t next = params[THREADS].value < 1000 ? params[THREADS].value : 1000;
    double start = harness_now();
    for (uint64_t i = 1; i <= params[THREADS].value; i++) {
        pthread_t thread;
        harness_start(&thread, live_shortly, NULL);
        pthread_join(thread, NULL);
        if (i == next) {
            say(i);
            next *= 10;
        }
    }
    double seconds = harness_now() - start;
    harness_result("thread_rss", 2 * params[THREADS].value * params[BLOCKS].value, seconds);
    return 0;
}
