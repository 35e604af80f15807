/* SPDX-License-Identifier: MIT */
/*
 * Large blocks, each page touched: sizes doubling in a loop (one block alive at a time), or random
 * sizes replacing each other in a few slots.
 */
#include "harness.h"

enum { MODE, ITERATIONS, MIN_SIZE, MAX_SIZE, SEED, PARAMS };
enum { LOOP, RANDOM };
enum { SLOTS = 16 };

static void *new_span(size_t size)
{
    void *span = harness_need(malloc(size), size);
    harness_touch(span, 0, size, 1);
    return span;
}

/* Returns the calls made. */
static uint64_t run_loop(const struct harness_param *params)
{
    uint64_t ops = 0;
    for (uint64_t i = 0; i < params[ITERATIONS].value; i++) {
        for (size_t size = params[MIN_SIZE].value; size <= params[MAX_SIZE].value; size *= 2) {
            free(new_span(size));
            ops += 2;
        }
    }
    return ops;
}

/* Every doubling from MIN_SIZE to MAX_SIZE equally likely, and any size within it. */
static size_t random_size(const struct harness_param *params, uint32_t *seed)
{
    unsigned doublings = 1;
    while (params[MIN_SIZE].value << doublings < params[MAX_SIZE].value) {
        doublings++;
    }
    size_t base = params[MIN_SIZE].value << harness_random(seed) % doublings;
    size_t size = base + harness_random(seed) % base;
    return size < params[MAX_SIZE].value ? size : params[MAX_SIZE].value;
}

/* Returns the calls made. */
static uint64_t run_random(const struct harness_param *params)
{
    void *slots[SLOTS] = {NULL};
    uint32_t seed = (uint32_t)params[SEED].value;
    for (uint64_t i = 0; i < params[ITERATIONS].value; i++) {
        void **slot = &slots[harness_random(&seed) % SLOTS];
        free(*slot);
        *slot = new_span(random_size(params, &seed));
    }
    for (size_t i = 0; i < SLOTS; i++) {
        free(slots[i]);
    }
    return 2 * params[ITERATIONS].value;
}

int main(int argc, char **argv)
{
    struct harness_param params[PARAMS] = {
        [MODE] = {"MODE", LOOP, 0, 0, {"loop", "random"}},
        [ITERATIONS] = {"ITERATIONS", 1000, 1, UINT32_MAX, {0}},
        [MIN_SIZE] = {"MIN_SIZE", 64 << 10, 1, UINT32_MAX, {0}},
        [MAX_SIZE] = {"MAX_SIZE", 8 << 20, 1, UINT32_MAX, {0}},
        [SEED] = {"SEED", 42, 1, UINT32_MAX, {0}},
    };
    harness_parse(argc, argv, params, PARAMS);
    if (params[MIN_SIZE].value > params[MAX_SIZE].value) {
        harness_fail(2, "MIN_SIZE is above MAX_SIZE");
    }
    double start = harness_now();
    uint64_t ops = params[MODE].value == LOOP ? run_loop(params) : run_random(params);
    harness_result("large_spans", ops, harness_now() - start);
    return 0;
}
