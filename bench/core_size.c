/* SPDX-License-Identifier: MIT */
/*
 * A program whose core file is looked at: it allocates PEAK bytes of blocks of mixed sizes (most of
 * 16 to 1024 bytes, some to 64 KiB, some to 4 MiB), writes to all of each, frees all but one in
 * KEEP, in runs of RUN neighbours, sleeps for WAIT_MS, tells what it holds, and aborts.
 */
#include "harness.h"

enum { PEAK, KEEP, RUN, WAIT_MS, SEED, PARAMS };

static struct harness_param params[PARAMS] = {
    [PEAK] = {"PEAK", 500 << 20, 1, (uint64_t)1 << 40, {0}},
    [KEEP] = {"KEEP", 10, 1, UINT32_MAX, {0}},
    [RUN] = {"RUN", 1, 1, UINT32_MAX, {0}},
    [WAIT_MS] = {"WAIT_MS", 0, 0, 3600000, {0}},
    [SEED] = {"SEED", 42, 1, UINT32_MAX, {0}},
};

/* In bytes, nine tenths are in blocks up to 64 KiB. */
static size_t next_size(uint32_t *seed)
{
    uint32_t kind = harness_random(seed) % 8192;
    size_t most = kind == 0 ? (size_t)4 << 20 : kind < 128 ? (size_t)64 << 10 : 1024;
    return 16 + harness_random(seed) % (most - 15);
}

int main(int argc, char **argv)
{
    harness_parse(argc, argv, params, PARAMS);
    uint32_t seed = harness_seed(params[SEED].value, 0);
    size_t most = params[PEAK].value / 64;
    char **blocks = harness_map(most * sizeof *blocks);
    uint32_t *sizes = harness_map(most * sizeof *sizes);
    size_t count = 0, live = 0;
    for (size_t taken = 0; taken < params[PEAK].value && count < most; taken += sizes[count++]) {
        sizes[count] = (uint32_t)next_size(&seed);
        blocks[count] = harness_need(malloc(sizes[count]), sizes[count]);
        for (size_t at = 0; at < sizes[count]; at++) {
            blocks[count][at] = (char)(seed + at * 7 + 1);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (i / params[RUN].value % params[KEEP].value == 0) {
            live += sizes[i];
        } else {
            free(blocks[i]);
        }
    }
    /* the program's own tables are no part of what is compared */
    munmap(blocks, most * sizeof *blocks);
    munmap(sizes, most * sizeof *sizes);
    usleep((useconds_t)params[WAIT_MS].value * 1000);
    harness_say("CORE live_kb=%zu rss_kb=%lu\n", live >> 10, harness_status_kb("VmRSS:"));
    abort();
}
