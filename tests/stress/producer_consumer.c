// args: 1 300000
// args: 2 300000
// args: 8 60000
// args: 64 6000
/* SPDX-License-Identifier: MIT */
/*
 * Pairs of threads with a ring between them: one only allocates, the other only frees, STEPS blocks
 * each. Contents are checked, and memory does not grow with the number of blocks passed. With one
 * thread it plays both parts, a ring at a time.
 */
#include "stress.h"

#define RING 256
#define PAIRS_MAX 500

/* Owner: the producer moves `written`, the consumer `read`; written - read <= RING. */
struct ring {
    struct held slots[RING];
    _Alignas(64) atomic_uint written;
    _Alignas(64) atomic_uint read;
};
static struct ring rings[PAIRS_MAX];
static size_t resident_early[PAIRS_MAX];

static bool ring_put(struct ring *ring, const struct held *held)
{
    unsigned written = atomic_load_explicit(&ring->written, memory_order_relaxed);
    if (written - atomic_load_explicit(&ring->read, memory_order_acquire) == RING)
        return false;
    ring->slots[written % RING] = *held;
    atomic_store_explicit(&ring->written, written + 1, memory_order_release);
    return true;
}

static bool ring_get(struct ring *ring, struct held *held)
{
    unsigned taken = atomic_load_explicit(&ring->read, memory_order_relaxed);
    if (atomic_load_explicit(&ring->written, memory_order_acquire) == taken)
        return false;
    *held = ring->slots[taken % RING];
    atomic_store_explicit(&ring->read, taken + 1, memory_order_release);
    return true;
}

/* Mostly small blocks, as programs pass. */
static size_t passed_size(uint64_t *random)
{
    uint64_t pick = random_next(random);
    return pick % 200 == 0 ? 1 + (pick >> 20) % (200 * KIB) : (pick >> 20) % 2000;
}

static void produce(struct worker *worker, struct held *held)
{
    held->size = passed_size(&worker->random);
    held->block = test_malloc(held->size);
    REQUIRE(held->block != NULL);
    held_fill(held, worker->random);
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    struct ring *ring = &rings[worker->number / 2];
    bool is_producer = worker->number % 2 == 0;
    for (int step = 0; step < worker->steps; step++) {
        struct held held;
        if (is_producer) {
            produce(worker, &held);
            while (!ring_put(ring, &held))
                sched_yield();
            continue;
        }
        while (!ring_get(ring, &held))
            sched_yield();
        held_free(&held);
        if (step == worker->steps / 4)
            resident_early[worker->number / 2] = resident_bytes();
    }
    return NULL;
}

static void run_alone(int steps)
{
    struct worker worker = {.random = 17};
    for (int step = 0; step < steps; step++) {
        struct held held;
        produce(&worker, &held);
        if (ring_put(&rings[0], &held))
            continue;
        struct held taken;
        while (ring_get(&rings[0], &taken))
            held_free(&taken);
        REQUIRE(ring_put(&rings[0], &held));
        if (step <= steps / 4)
            resident_early[0] = resident_bytes();
    }
    struct held rest;
    while (ring_get(&rings[0], &rest))
        held_free(&rest);
}

int main(int argc, char **argv)
{
    static struct worker workers[1000];
    struct arguments arguments = arguments_read(argc, argv, 8, 20000);
    if (arguments.threads == 1) {
        run_alone(arguments.steps);
    } else {
        int count = arguments.threads & ~1;
        workers_start(workers, count, arguments.steps, run);
        workers_join(workers, count);
    }
    /* The pair that came to a quarter of its way last. */
    size_t early = 0;
    for (int i = 0; i < PAIRS_MAX; i++)
        if (resident_early[i] > early)
            early = resident_early[i];
    check_growth(early, 8 * MIB + (size_t)arguments.threads * MIB / 2);
    check_heap();
    return 0;
}
