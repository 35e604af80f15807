/* SPDX-License-Identifier: MIT */
/*
 * Blocks allocated by producers and freed by consumers (1:1, 1:N, N:1). Each pair has a ring of
 * its own with one writer and one reader, so that the allocator and not the queue is measured.
 * Each block carries its number in its ring, which the consumer checks.
 */
#include "harness.h"

#include <sched.h>
#include <stdatomic.h>

enum { PRODUCERS, CONSUMERS, MESSAGES, MIN_SIZE, MAX_SIZE, SEED, PARAMS };
enum { RING_SLOTS = 256 };

struct ring {
    _Alignas(64) atomic_size_t head; /* next to read; the consumer's */
    _Alignas(64) atomic_size_t tail; /* next to write; the producer's */
    _Alignas(64) uint64_t *slots[RING_SLOTS];
};

struct side {
    struct ring *rings; /* producer p and consumer c meet in rings[p * CONSUMERS + c] */
    const struct harness_param *params;
    size_t index;
};

static void push(struct ring *ring, uint64_t *block)
{
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    while (tail - atomic_load_explicit(&ring->head, memory_order_acquire) == RING_SLOTS) {
        sched_yield();
    }
    ring->slots[tail % RING_SLOTS] = block;
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
}

/* Free all that is in the ring. Returns the number of blocks. */
static size_t drain(struct ring *ring)
{
    size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    size_t count = atomic_load_explicit(&ring->tail, memory_order_acquire) - head;
    for (size_t i = 0; i < count; i++, head++) {
        uint64_t *block = ring->slots[head % RING_SLOTS];
        if (*block != head) {
            harness_fail(1, "block %zu of a ring carries number %ju", head, (uintmax_t)*block);
        }
        free(block);
        atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    }
    return count;
}

/* Messages of one ring: every ring carries the same number. */
static uint64_t ring_messages(const struct harness_param *params)
{
    return params[MESSAGES].value / (params[PRODUCERS].value * params[CONSUMERS].value);
}

static void *produce(const struct side *side)
{
    size_t consumers = side->params[CONSUMERS].value;
    size_t min = side->params[MIN_SIZE].value;
    size_t span = side->params[MAX_SIZE].value - min + 1;
    uint32_t seed = harness_seed(side->params[SEED].value, side->index);
    for (uint64_t n = 0; n < ring_messages(side->params); n++) {
        for (size_t c = 0; c < consumers; c++) {
            size_t size = min + harness_random(&seed) % span;
            uint64_t *block = harness_need(malloc(size), size);
            harness_touch(block, 0, size, 1);
            *block = n;
            push(&side->rings[side->index * consumers + c], block);
        }
    }
    return NULL;
}

static void *consume(const struct side *side)
{
    size_t consumers = side->params[CONSUMERS].value;
    size_t producers = side->params[PRODUCERS].value;
    uint64_t left = ring_messages(side->params) * producers;
    while (left > 0) {
        size_t got = 0;
        for (size_t p = 0; p < producers; p++) {
            got += drain(&side->rings[p * consumers + side->index - producers]);
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
        [MESSAGES] = {"MESSAGES", 3000000, 1, UINT32_MAX, {0}},
        [MIN_SIZE] = {"MIN_SIZE", 64, sizeof(uint64_t), 1 << 30, {0}},
        [MAX_SIZE] = {"MAX_SIZE", 1024, sizeof(uint64_t), 1 << 30, {0}},
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
    harness_result("producer_consumer", 2 * ring_messages(params) * rings, harness_now() - start);
    return 0;
}
