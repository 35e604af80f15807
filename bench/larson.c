/* SPDX-License-Identifier: MIT */
/*
 * A server after Larson and Krishnan (1998): each thread replaces random blocks of its own set;
 * after a round it ends and a new thread takes the set over, so that blocks are freed by threads
 * that did not allocate them.
 */
#include "harness.h"
#include "threads.h"

enum { THREADS, ROUNDS, OPS, BLOCKS, MIN_SIZE, MAX_SIZE, SEED, PARAMS };

struct set {
    void **blocks;
    const struct harness_param *params;
    uint32_t seed;
};

static void *new_block(const struct set *set, uint32_t r)
{
    size_t min = set->params[MIN_SIZE].value;
    size_t size = min + r % (set->params[MAX_SIZE].value - min + 1);
    unsigned char *block = harness_need(malloc(size), size);
    block[0] = (unsigned char)r;
    block[size - 1] = (unsigned char)r;
    return block;
}

static void *replace(void *argument)
{
    struct set *set = argument;
    uint64_t ops = set->params[OPS].value;
    uint32_t count = (uint32_t)set->params[BLOCKS].value;
    for (uint64_t i = 0; i < ops; i++) {
        void **slot = &set->blocks[harness_random(&set->seed) % count];
        free(*slot);
        *slot = new_block(set, harness_random(&set->seed));
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct harness_param params[PARAMS] = {
        [THREADS] = {"THREADS", 2, 1, 1024, {0}},
        [ROUNDS] = {"ROUNDS", 20, 1, 1000000, {0}},
        [OPS] = {"OPS", 100000, 1, UINT32_MAX, {0}},
        [BLOCKS] = {"BLOCKS", 1000, 1, 10000000, {0}},
        [MIN_SIZE] = {"MIN_SIZE", 8, 1, 1 << 30, {0}},
        [MAX_SIZE] = {"MAX_SIZE", 1000, 1, 1 << 30, {0}},
        [SEED] = {"SEED", 42, 1, UINT32_MAX, {0}},
    };
    harness_parse(argc, argv, params, PARAMS);
    if (params[MIN_SIZE].value > params[MAX_SIZE].value) {
        harness_fail(2, "MIN_SIZE is above MAX_SIZE");
    }
    size_t threads = params[THREADS].value;
    size_t count = params[BLOCKS].value;
    struct set *sets = harness_map(threads * sizeof *sets);
    for (size_t i = 0; i < threads; i++) {
        sets[i].blocks = harness_map(count * sizeof(void *));
        sets[i].params = params;
        sets[i].seed = harness_seed(params[SEED].value, i);
    }

    double start = harness_now();
    for (uint64_t round = 0; round < params[ROUNDS].value; round++) {
        harness_run_threads(threads, replace, sets, sizeof *sets);
    }
    double seconds = harness_now() - start;

    for (size_t i = 0; i < threads * count; i++) {
        free(sets[i / count].blocks[i % count]);
    }
    harness_result("larson", 2 * threads * params[ROUNDS].value * params[OPS].value, seconds);
    return 0;
}
