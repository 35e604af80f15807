/* SPDX-License-Identifier: MIT */
/*
 * Aligned blocks in random slots, from posix_memalign and aligned_alloc in turn: alignments of 16
 * to 4096 bytes, each as likely, few of 64 KiB, fewer of 2 MiB; mostly 16 B..1 KiB, some to 32 KiB.
 * Blocks that are not aligned as asked are counted and told, and the run goes on: Debian 12's
 * mimalloc gives some, and would be in no comparison.
 */
#include "harness.h"

enum { ITERATIONS, SLOTS, SEED, PARAMS };

/* Of 4096 alignments 1 is of 2 MiB, 16 are of 64 KiB. */
static size_t random_alignment(uint32_t *seed)
{
    uint32_t r = harness_random(seed) % 4096;
    if (r == 0) {
        return (size_t)2 << 20;
    }
    return r <= 16 ? (size_t)64 << 10 : (size_t)16 << r % 9;
}

/* Of 64 blocks 4 are of 1..32 KiB, the rest below. */
static size_t random_size(uint32_t *seed)
{
    uint32_t kind = harness_random(seed) % 64;
    uint32_t r = harness_random(seed);
    return kind < 4 ? 1024 + r % (31u << 10) : 16 + r % 1008;
}

/* aligned_alloc is asked for multiples of the alignment, as C11 wants; `size` bytes are used. */
static void *new_aligned(size_t alignment, size_t size, bool by_posix)
{
    void *block = NULL;
    if (!by_posix) {
        block = aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    } else if (posix_memalign(&block, alignment, size) != 0) {
        block = NULL;
    }
    block = harness_need(block, size);
    harness_touch(block, 0, size, 1);
    return block;
}

int main(int argc, char **argv)
{
    struct harness_param params[PARAMS] = {
        [ITERATIONS] = {"ITERATIONS", 1000000, 1, UINT32_MAX, {0}},
        [SLOTS] = {"SLOTS", 2000, 1, 10000000, {0}},
        [SEED] = {"SEED", 42, 1, UINT32_MAX, {0}},
    };
    harness_parse(argc, argv, params, PARAMS);
    uint32_t count = (uint32_t)params[SLOTS].value;
    uint32_t seed = (uint32_t)params[SEED].value;
    void **slots = harness_map(count * sizeof *slots);

    uint64_t blocks = 0;
    uint64_t misaligned = 0;
    double start = harness_now();
    for (uint64_t i = 0; i < params[ITERATIONS].value; i++) {
        void **slot = &slots[harness_random(&seed) % count];
        if (*slot) {
            free(*slot);
            *slot = NULL;
        } else {
            size_t alignment = random_alignment(&seed);
            *slot = new_aligned(alignment, random_size(&seed), i % 2 == 0);
            blocks++;
            misaligned += (uintptr_t)*slot % alignment != 0;
        }
    }
    double seconds = harness_now() - start;

    for (uint32_t i = 0; i < count; i++) {
        free(slots[i]);
    }
    if (misaligned) {
        harness_say("NOTE %ju of %ju blocks are not aligned as asked\n", (uintmax_t)misaligned,
                    (uintmax_t)blocks);
    }
    harness_result("aligned", params[ITERATIONS].value, seconds);
    return 0;
}
