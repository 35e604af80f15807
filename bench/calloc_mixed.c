/* SPDX-License-Identifier: MIT */
/*
 * calloc of mixed sizes in random slots: mostly 16 B..1 KiB, some to 32 KiB, few to 256 KiB. Each
 * block must read as zero in every cache line, and is dirtied whole before it is freed.
 */
#include "harness.h"

enum { ITERATIONS, SLOTS, SEED, PARAMS };
enum { CACHE_LINE = 64 };

/* Of 64 blocks 1 is of 32..256 KiB, 7 are of 1..32 KiB, the rest below. */
static size_t random_size(uint32_t *seed)
{
    uint32_t kind = harness_random(seed) % 64;
    uint32_t r = harness_random(seed);
    if (kind == 0) {
        return (32u << 10) + r % (224u << 10);
    }
    return kind < 8 ? 1024 + r % (31u << 10) : 16 + r % 1008;
}

static unsigned char *new_zeroed(size_t size)
{
    unsigned char *block = harness_need(calloc(1, size), size);
    unsigned char seen = block[size - 1];
    for (size_t i = 0; i < size; i += CACHE_LINE) {
        seen |= block[i];
    }
    if (seen != 0) {
        harness_fail(1, "calloc of %zu bytes gave memory that is not zero", size);
    }
    return memset(block, 0xA5, size);
}

int main(int argc, char **argv)
{
    struct harness_param params[PARAMS] = {
        [ITERATIONS] = {"ITERATIONS", 1000000, 1, UINT32_MAX, {0}},
        [SLOTS] = {"SLOTS", 1000, 1, 10000000, {0}},
        [SEED] = {"SEED", 42, 1, UINT32_MAX, {0}},
    };
    harness_parse(argc, argv, params, PARAMS);
    uint32_t count = (uint32_t)params[SLOTS].value;
    uint32_t seed = (uint32_t)params[SEED].value;
    void **slots = harness_map(count * sizeof *slots);

    double start = harness_now();
    for (uint64_t i = 0; i < params[ITERATIONS].value; i++) {
        void **slot = &slots[harness_random(&seed) % count];
        if (*slot) {
            free(*slot);
            *slot = NULL;
        } else {
            *slot = new_zeroed(random_size(&seed));
        }
    }
    double seconds = harness_now() - start;

    for (uint32_t i = 0; i < count; i++) {
        free(slots[i]);
    }
    harness_result("calloc_mixed", params[ITERATIONS].value, seconds);
    return 0;
}
