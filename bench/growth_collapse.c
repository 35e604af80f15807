/* SPDX-License-Identifier: MIT */
/*
 * A heap that grows to HEAP bytes of live blocks (16 B..1 KiB, every 16th up to 16 KiB) and is
 * freed in random order, ROUNDS times. Shows what growing costs, the peak, and what remains.
 */
#include "harness.h"

enum { HEAP, ROUNDS, SEED, PARAMS };

static size_t random_size(uint32_t *seed)
{
    uint32_t r = harness_random(seed);
    return 16u + (r >> 28 == 0 ? r & 0x3FFF : r & 0x3FF);
}

/* Blocks that a heap of this size takes with this seed. */
static size_t count_blocks(size_t heap, uint32_t seed)
{
    size_t count = 0;
    for (size_t live = 0; live < heap; live += random_size(&seed)) {
        count++;
    }
    return count;
}

static void grow(void **blocks, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = random_size(&seed);
        blocks[i] = harness_need(malloc(size), size);
        harness_touch(blocks[i], 0, size, (unsigned char)i);
    }
}

int main(int argc, char **argv)
{
    struct harness_param params[PARAMS] = {
        [HEAP] = {"HEAP", 256 << 20, 16, (uint64_t)64 << 30, {0}},
        [ROUNDS] = {"ROUNDS", 2, 1, 1000, {0}},
        [SEED] = {"SEED", 42, 1, UINT32_MAX, {0}},
    };
    harness_parse(argc, argv, params, PARAMS);
    uint32_t seed = (uint32_t)params[SEED].value;
    uint32_t order_seed = harness_seed(seed, 1);
    size_t count = count_blocks(params[HEAP].value, seed);
    void **blocks = harness_map(count * sizeof *blocks);
    unsigned long own_kb = harness_status_kb("VmRSS:");

    double seconds = 0;
    for (uint64_t round = 0; round < params[ROUNDS].value; round++) {
        double start = harness_now();
        grow(blocks, count, seed);
        double grown = harness_now();
        unsigned long full_kb = harness_status_kb("VmRSS:");
        harness_shuffle(blocks, count, &order_seed);

        double freeing = harness_now();
        for (size_t i = 0; i < count; i++) {
            free(blocks[i]);
        }
        double end = harness_now();
        seconds += grown - start + end - freeing;
        harness_say("NOTE grown in %.3f s to %lu KiB, freed in %.3f s, %lu KiB remain\n",
                    grown - start, full_kb - own_kb, end - freeing,
                    harness_status_kb("VmRSS:") - own_kb);
    }
    harness_result("growth_collapse", 2 * count * params[ROUNDS].value, seconds);
    return 0;
}
