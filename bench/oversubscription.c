/* SPDX-License-Identifier: MIT */
/*
 * Far more threads than processors, all with work: each replaces random blocks of its own set and
 * passes one in PASS to its neighbour, which frees it. A thread that loses its processor while it
 * holds a lock of the allocator makes all others wait.
 */
#include "harness.h"
#include "threads.h"

#include <stdatomic.h>

enum { THREADS, OPS, BLOCKS, PASS, SEED, PARAMS };
enum { INBOX_SLOTS = 16 };

struct worker {
    _Alignas(64) _Atomic(void *) inbox[INBOX_SLOTS];
    struct worker *neighbour;
    void **blocks;
    const struct harness_param *params;
    uint32_t seed;
};

/* Of 64 blocks 1 is of 4..64 KiB, 7 are of 1..4 KiB, the rest below. */
static void *new_block(uint32_t *seed)
{
    uint32_t kind = harness_random(seed) % 64;
    uint32_t r = harness_random(seed);
    size_t size = kind == 0 ? 4096 + r % (60u << 10) : kind < 8 ? 1024 + r % 3072 : 16 + r % 1008;
    void *block = harness_need(malloc(size), size);
    harness_touch(block, 0, size, (unsigned char)r);
    return block;
}

/* Leave a block in the inbox; what its owner has not fetched yet is freed here. */
static void pass_on(struct worker *to, uint32_t slot, void *block)
{
    free(atomic_exchange(&to->inbox[slot % INBOX_SLOTS], block));
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    uint32_t count = (uint32_t)worker->params[BLOCKS].value;
    uint32_t pass = (uint32_t)worker->params[PASS].value;
    for (uint64_t i = 0; i < worker->params[OPS].value; i++) {
        uint32_t r = harness_random(&worker->seed);
        void **slot = &worker->blocks[r % count];
        if (i % pass == 0) {
            pass_on(worker->neighbour, (uint32_t)(i / pass), *slot);
            free(atomic_exchange(&worker->inbox[i / pass % INBOX_SLOTS], NULL));
        } else {
            free(*slot);
        }
        *slot = new_block(&worker->seed);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct harness_param params[PARAMS] = {
        [THREADS] = {"THREADS", 64, 1, 4096, {0}},
        [OPS] = {"OPS", 50000, 1, UINT32_MAX, {0}}, /* of each thread */
        [BLOCKS] = {"BLOCKS", 200, 1, 10000000, {0}},
        [PASS] = {"PASS", 8, 1, 1000000, {0}},
        [SEED] = {"SEED", 42, 1, UINT32_MAX, {0}},
    };
    harness_parse(argc, argv, params, PARAMS);
    size_t threads = params[THREADS].value;
    size_t count = params[BLOCKS].value;
    struct worker *workers = harness_map(threads * sizeof *workers);
    for (size_t i = 0; i < threads; i++) {
        workers[i].neighbour = &workers[(i + 1) % threads];
        workers[i].blocks = harness_map(count * sizeof(void *));
        workers[i].params = params;
        workers[i].seed = harness_seed(params[SEED].value, i);
    }

    double start = harness_now();
    harness_run_threads(threads, work, workers, sizeof *workers);
    double seconds = harness_now() - start;

    for (size_t i = 0; i < threads; i++) {
        for (size_t j = 0; j < INBOX_SLOTS; j++) {
            free(workers[i].inbox[j]);
        }
        for (size_t j = 0; j < count; j++) {
            free(workers[i].blocks[j]);
        }
    }
    harness_result("oversubscription", 2 * threads * params[OPS].value, seconds);
    return 0;
}
