/* SPDX-License-Identifier: MIT */
/*
 * The ancestor's benchmark: one random slot an iteration; a full slot is freed, an empty one gets
 * a block of 16..1039 bytes. The same random number picks the slot and the size.
 */
#include "harness.h"

enum { ITERATIONS, SLOTS, SEED, PARAMS };

static void mix(void **slots, uint32_t count, uint64_t iterations, uint32_t seed)
{
    for (uint64_t i = 0; i < iterations; i++) {
        uint32_t r = harness_random(&seed);
        void **slot = &slots[r % count];
        if (*slot) {
            free(*slot);
            *slot = NULL;
        } else {
            size_t size = 16u + (r & 0x3FF);
            unsigned char *block = harness_need(malloc(size), size);
            block[0] = (unsigned char)r;
            *slot = block;
        }
    }
}

int main(int argc, char **argv)
{
    struct harness_param params[PARAMS] = {
        [ITERATIONS] = {"ITERATIONS", 10000000, 1, UINT32_MAX, {0}},
        [SLOTS] = {"SLOTS", 256, 1, 100000000, {0}},
        [SEED] = {"SEED", 42, 1, UINT32_MAX, {0}},
    };
    harness_parse(argc, argv, params, PARAMS);
    uint32_t count = (uint32_t)params[SLOTS].value;
    void **slots = harness_map(count * sizeof *slots);

    double start = harness_now();
    mix(slots, count, params[ITERATIONS].value, (uint32_t)params[SEED].value);
    double seconds = harness_now() - start;

    for (uint32_t i = 0; i < count; i++) {
        free(slots[i]);
    }
    harness_result("bench_random_mixed", params[ITERATIONS].value, seconds);
    return 0;
}
