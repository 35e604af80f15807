/* SPDX-License-Identifier: MIT */
/*
 * A program that passes all its blocks through another thread: THREADS threads in a circle, each
 * allocates, writes batches into a ring to the next thread, and frees what comes from the one
 * before. All do both, and no block is freed where it was allocated (with two threads or more).
 */
#include "harness.h"
#include "ring.h"
#include "threads.h"

enum { THREADS, BLOCKS, MIN_SIZE, MAX_SIZE, BATCH, SEED, PARAMS };

struct station {
    struct ring *in;
    struct ring *out;
    const struct harness_param *params;
    uint32_t seed;
};

static void new_batch(struct station *station, uint64_t **blocks, uint64_t number)
{
    size_t min = station->params[MIN_SIZE].value;
    size_t span = station->params[MAX_SIZE].value - min + 1;
    for (size_t i = 0; i < station->params[BATCH].value; i++) {
        size_t size = min + harness_random(&station->seed) % span;
        blocks[i] = harness_need(malloc(size), size);
        harness_touch(blocks[i], 0, size, 1);
        *blocks[i] = number + i;
    }
}

/* A thread that cannot write must read: all rings may be full at once. */
static void *pass(void *argument)
{
    struct station *station = argument;
    uint64_t *blocks[RING_SLOTS];
    size_t batch = station->params[BATCH].value;
    uint64_t end = station->params[BLOCKS].value / batch * batch;
    uint64_t received = 0;
    for (uint64_t sent = 0; sent < end; sent += batch) {
        new_batch(station, blocks, sent);
        while (!ring_write(station->out, blocks, batch)) {
            size_t got = ring_free_all(station->in);
            received += got;
            if (got == 0) {
                sched_yield();
            }
        }
    }
    while (received < end) {
        size_t got = ring_free_all(station->in);
        received += got;
        if (got == 0) {
            sched_yield();
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct harness_param params[PARAMS] = {
        [THREADS] = {"THREADS", 2, 1, 256, {0}},
        [BLOCKS] = {"BLOCKS", 1500000, 1, UINT32_MAX, {0}}, /* of each thread */
        [MIN_SIZE] = {"MIN_SIZE", 32, sizeof(uint64_t), 1 << 30, {0}},
        [MAX_SIZE] = {"MAX_SIZE", 512, sizeof(uint64_t), 1 << 30, {0}},
        [BATCH] = {"BATCH", 32, 1, RING_SLOTS, {0}},
        [SEED] = {"SEED", 42, 1, UINT32_MAX, {0}},
    };
    harness_parse(argc, argv, params, PARAMS);
    if (params[MIN_SIZE].value > params[MAX_SIZE].value) {
        harness_fail(2, "MIN_SIZE is above MAX_SIZE");
    }
    size_t threads = params[THREADS].value;
    struct ring *rings = harness_map(threads * sizeof *rings);
    struct station *stations = harness_map(threads * sizeof *stations);
    for (size_t i = 0; i < threads; i++) {
        uint32_t seed = harness_seed(params[SEED].value, i);
        stations[i] = (struct station){&rings[i], &rings[(i + 1) % threads], params, seed};
    }
    double start = harness_now();
    harness_run_threads(threads, pass, stations, sizeof *stations);
    double seconds = harness_now() - start;
    uint64_t each = params[BLOCKS].value / params[BATCH].value * params[BATCH].value;
    harness_result("passthrough", 2 * threads * each, seconds);
    return 0;
}
