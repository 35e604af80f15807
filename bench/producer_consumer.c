/* SPDX-License-Identifier: MIT */
/*
 * Blocks allocated by producers and freed by consumers (1:1, 1:N, N:1). Each pair has a ring of
 * its own, into which the producer writes BATCH blocks at a time. Each block carries its number in
 * its ring, which the consumer checks. MESSAGES is what all rings together carry.
 */
#include "harness.h"
#include "ring.h"
#include "threads.h"

enum { PRODUCERS, CONSUMERS, MESSAGES, MIN_SIZE, MAX_SIZE, BATCH, SEED, PARAMS };

struct side {
    struct ring *rings; /* producer p and consumer c meet in rings[p * CONSUMERS + c] */
    const struct harness_param *params;
    size_t index;
};

/* Batches of one ring: every ring carries the same number. */
static uint64_t ring_batches(const struct harness_param *params)
{
    uint64_t rings = params[PRODUCERS].value * params[CONSUMERS].value;
    return params[MESSAGES].value / (rings * params[BATCH].value);
}

static uint64_t *new_block(const struct harness_param *params, uint32_t *seed, uint64_t number)
{
    size_t span = params[MAX_SIZE].value - params[MIN_SIZE].value + 1;
    size_t size = params[MIN_SIZE].value + harness_random(seed) % span;
    uint64_t *block = harness_need(malloc(size), size);
    harness_touch(block, 0, size, 1);
    *block = number;
    return block;
}

static void *produce(const struct side *side)
{
    uint64_t *blocks[RING_SLOTS];
    size_t consumers = side->params[CONSUMERS].value;
    size_t batch = side->params[BATCH].value;
    uint64_t end = ring_batches(side->params) * batch;
    uint32_t seed = harness_seed(side->params[SEED].value, side->index);
    for (uint64_t n = 0; n < end; n += batch) {
        for (size_t c = 0; c < consumers; c++) {
            for (size_t i = 0; i < batch; i++) {
                blocks[i] = new_block(side->params, &seed, n + i);
            }
            while (!ring_write(&side->rings[side->index * consumers + c], blocks, batch)) {
                sched_yield();
            }
        }
    }
    return NULL;
}

static void *consume(const struct side *side)
{
    size_t consumers = side->params[CONSUMERS].value;
    size_t producers = side->params[PRODUCERS].value;
    uint64_t left = ring_batches(side->params) * side->params[BATCH].value * producers;
    while (left > 0) {
        size_t got = 0;
        for (size_t p = 0; p < producers; p++) {
            got += ring_free_all(&side->rings[p * consumers + side->index - producers]);
        }
        left -= got;
        if (got == 0) {
            sched_yield();
        }
    }
    return NULL;
}

static void *run_side(void *argument)
{
    const struct side *side = argument;
    return side->index < side->params[PRODUCERS].value ? produce(side) : consume(side);
}

int main(int argc, char **argv)
{
    struct harness_param params[PARAMS] = {
        [PRODUCERS] = {"PRODUCERS", 1, 1, 64, {0}},
        [CONSUMERS] = {"CONSUMERS", 1, 1, 64, {0}},
        [MESSAGES] = {"MESSAGES", 6000000, 1, UINT32_MAX, {0}},
        [MIN_SIZE] = {"MIN_SIZE", 64, sizeof(uint64_t), 1 << 30, {0}},
        [MAX_SIZE] = {"MAX_SIZE", 1024, sizeof(uint64_t), 1 << 30, {0}},
        [BATCH] = {"BATCH", 1, 1, RING_SLOTS, {0}},
        [SEED] = {"SEED", 42, 1, UINT32_MAX, {0}},
    };
    harness_parse(argc, argv, params, PARAMS);
    if (params[MIN_SIZE].value > params[MAX_SIZE].value) {
        harness_fail(2, "MIN_SIZE is above MAX_SIZE");
    }
    size_t rings = params[PRODUCERS].value * params[CONSUMERS].value;
    size_t count = params[PRODUCERS].value + params[CONSUMERS].value;
    struct side *sides = harness_map(count * sizeof *sides);
    struct ring *all = harness_map(rings * sizeof *all);
    for (size_t i = 0; i < count; i++) {
        sides[i] = (struct side){all, params, i};
    }
    double start = harness_now();
    harness_run_threads(count, run_side, sides, sizeof *sides);
    double seconds = harness_now() - start;
    uint64_t messages = ring_batches(params) * params[BATCH].value * rings;
    harness_result("producer_consumer", 2 * messages, seconds);
    return 0;
}
