/* SPDX-License-Identifier: MIT */
/*
 * The fast path alone: batches of equal tiny blocks, freed last-in-first-out, first-in-first-out
 * or in a random order. ITERATIONS counts pairs of malloc and free in each pattern.
 */
#include "harness.h"

enum { ITERATIONS, SIZE, BATCH, PATTERN, PARAMS };
enum { LIFO, FIFO, RANDOM, ALL };

/* The order in which a batch is freed, as indices. */
static void fill_order(size_t *order, size_t batch, unsigned pattern)
{
    uint32_t seed = harness_seed(42, pattern);
    for (size_t i = 0; i < batch; i++) {
        order[i] = pattern == LIFO ? batch - 1 - i : i;
    }
    for (size_t i = batch; pattern == RANDOM && i > 1; i--) {
        size_t j = harness_random(&seed) % i;
        size_t index = order[j];
        order[j] = order[i - 1];
        order[i - 1] = index;
    }
}

static double run_pattern(uint64_t rounds, size_t size, size_t batch, const size_t *order)
{
    unsigned char **blocks = harness_map(batch * sizeof *blocks);
    double start = harness_now();
    for (uint64_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < batch; i++) {
            blocks[i] = harness_need(malloc(size), size);
            blocks[i][0] = (unsigned char)i;
        }
        for (size_t i = 0; i < batch; i++) {
            free(blocks[order[i]]);
        }
    }
    double seconds = harness_now() - start;
    munmap(blocks, batch * sizeof *blocks);
    return seconds;
}

int main(int argc, char **argv)
{
    struct harness_param params[PARAMS] = {
        [ITERATIONS] = {"ITERATIONS", 20000000, 1, UINT32_MAX, {0}},
        [SIZE] = {"SIZE", 32, 1, 1 << 20, {0}},
        [BATCH] = {"BATCH", 100, 1, 1 << 20, {0}},
        [PATTERN] = {"PATTERN", ALL, 0, 0, {"lifo", "fifo", "random", "all"}},
    };
    harness_parse(argc, argv, params, PARAMS);
    size_t batch = params[BATCH].value;
    uint64_t rounds = (params[ITERATIONS].value + batch - 1) / batch;
    size_t *order = harness_map(batch * sizeof *order);

    double seconds = 0;
    uint64_t patterns = 0;
    for (unsigned pattern = LIFO; pattern < ALL; pattern++) {
        if (params[PATTERN].value != ALL && params[PATTERN].value != pattern) {
            continue;
        }
        fill_order(order, batch, pattern);
        double taken = run_pattern(rounds, params[SIZE].value, batch, order);
        harness_say("%-6s %6.2f ns a pair\n", params[PATTERN].words[pattern],
                    taken * 1e9 / (double)(rounds * batch));
        seconds += taken;
        patterns++;
    }
    harness_result("bench_tiny_hot", 2 * rounds * batch * patterns, seconds);
    return 0;
}
