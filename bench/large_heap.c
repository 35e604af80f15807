/* SPDX-License-Identifier: MIT */
/*
 * How many mappings a large heap is: COUNT blocks of SIZE bytes, of each of which a page is
 * written, one behind the other; each grown by half by realloc, ROUNDS times; every other one
 * freed; all freed. A look at each of these, WAIT_MS later.
 */
#include "harness.h"

enum { COUNT, SIZE, ROUNDS, WAIT_MS, PARAMS };

static struct harness_param params[PARAMS] = {
    [COUNT] = {"COUNT", 1000, 1, 1000000, {0}},
    [SIZE] = {"SIZE", 4 << 20, 1, (uint64_t)1 << 32, {0}},
    [ROUNDS] = {"ROUNDS", 2, 0, 100, {0}},
    [WAIT_MS] = {"WAIT_MS", 2000, 0, 3600000, {0}},
};

static void say(const char *when)
{
    usleep((useconds_t)params[WAIT_MS].value * 1000);
    harness_say("HEAP when=%s rss_kb=%lu mappings=%lu\n", when, harness_status_kb("VmRSS:"),
                harness_mappings());
}

int main(int argc, char **argv)
{
    harness_parse(argc, argv, params, PARAMS);
    size_t count = params[COUNT].value;
    char **blocks = harness_map(count * sizeof *blocks);
    size_t size = params[SIZE].value;
    double start = harness_now();
    for (size_t i = 0; i < count; i++) {
        blocks[i] = harness_need(malloc(size), size);
        *blocks[i] = 1;
    }
    say("taken");
    for (size_t round = 0; round < params[ROUNDS].value; round++) {
        size += size / 2;
        for (size_t i = 0; i < count; i++) {
            blocks[i] = harness_need(realloc(blocks[i], size), size);
        }
    }
    say("grown");
    for (size_t i = 0; i < count; i += 2) {
        free(blocks[i]);
    }
    say("half");
    for (size_t i = 1; i < count; i += 2) {
        free(blocks[i]);
    }
    say("freed");
    harness_result("large_heap", count * (2 + params[ROUNDS].value), harness_now() - start);
    return 0;
}
