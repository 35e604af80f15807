/* SPDX-License-Identifier: MIT */
/*
 * Many short threads, ALIVE of them at a time: each frees what its predecessor left, allocates
 * BLOCKS blocks, frees half of them and leaves the other half to its successor.
 */
#include "harness.h"
#include "threads.h"

enum { THREADS, ALIVE, BLOCKS, SEED, PARAMS };

struct chain {
    void **blocks; /* the odd ones are the predecessor's when a thread starts */
    size_t count;
    uint32_t seed;
};

static void *short_life(void *argument)
{
    struct chain *chain = argument;
    for (size_t i = 1; i < chain->count; i += 2) {
        free(chain->blocks[i]);
    }
    for (size_t i = 0; i < chain->count; i++) {
        uint32_t r = harness_random(&chain->seed);
        size_t size = 16u + (r & 0x3FF);
        chain->blocks[i] = harness_need(malloc(size), size);
        harness_touch(chain->blocks[i], 0, size, (unsigned char)r);
    }
    for (size_t i = 0; i < chain->count; i += 2) {
        free(chain->blocks[i]);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct harness_param params[PARAMS] = {
        [THREADS] = {"THREADS", 4000, 1, 100000000, {0}},
        [ALIVE] = {"ALIVE", 8, 1, 1024, {0}},
        [BLOCKS] = {"BLOCKS", 400, 1, 10000000, {0}},
        [SEED] = {"SEED", 42, 1, UINT32_MAX, {0}},
    };
    harness_parse(argc, argv, params, PARAMS);
    size_t alive = params[ALIVE].value;
    size_t count = params[BLOCKS].value;
    struct chain *chains = harness_map(alive * sizeof *chains);
    for (size_t i = 0; i < alive; i++) {
        chains[i].blocks = harness_map(count * sizeof(void *));
        chains[i].count = count;
        chains[i].seed = harness_seed(params[SEED].value, i);
    }

    uint64_t rounds = (params[THREADS].value + alive - 1) / alive;
    double start = harness_now();
    for (uint64_t round = 0; round < rounds; round++) {
        harness_run_threads(alive, short_life, chains, sizeof *chains);
    }
    double seconds = harness_now() - start;

    for (size_t i = 0; i < alive; i++) {
        for (size_t j = 1; j < count; j += 2) {
            free(chains[i].blocks[j]);
        }
    }
    harness_say("NOTE %.2f us a thread\n", seconds * 1e6 / (double)(rounds * alive));
    harness_result("thread_churn", 2 * rounds * alive * count, seconds);
    return 0;
}
