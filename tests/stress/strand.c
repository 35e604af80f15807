// args: 410 4000
/* SPDX-License-Identifier: MIT */
/*
 * Ten threads allocate and all others only free what these give them, STEPS blocks each. When all
 * is freed, and all threads still live, what lies in their caches and depots is under 16 MiB: it
 * follows the budget of all threads, not their number.
 */
#include "stress.h"

#define PRODUCERS 10
#define BOUND (16 * MIB)
#define RING 1024

static _Atomic(void *) ring[RING];
static _Atomic int producers;
static _Atomic int finished;
static _Atomic bool may_end;

static void wait_for_the_end(void)
{
    finished++;
    while (!may_end)
        usleep(1000);
}

/* Put a block into a free place of the ring. */
static void hand_over(void *block, uint64_t *random)
{
    for (;;) {
        void *none = NULL;
        if (atomic_compare_exchange_weak(&ring[random_next(random) % RING], &none, block))
            return;
        sched_yield();
    }
}

static void *produce(void *argument)
{
    struct worker *worker = argument;
    for (int i = 0; i < worker->steps; i++) {
        uint64_t pick = random_next(&worker->random);
        size_t size = 16 + (pick >> 20) % (pick % 20 == 0 ? 200 * KIB : 4000);
        char *block = test_malloc(size);
        REQUIRE(block != NULL);
        block[0] = block[size - 1] = 1;
        hand_over(block, &worker->random);
    }
    producers--;
    wait_for_the_end();
    return NULL;
}

static void *consume(void *argument)
{
    (void)argument;
    for (bool is_last = false; !is_last;) {
        is_last = producers == 0;
        for (int i = 0; i < RING; i++)
            if (ring[i] != NULL)
                test_free(atomic_exchange(&ring[i], NULL));
        usleep(500);
    }
    wait_for_the_end();
    return NULL;
}

static size_t stranded_bytes(void)
{
    struct hak_stats stats;
    size_t bytes = 0;
    hak_stats(&stats, sizeof stats);
    for (int lane = 0; lane < HAK_LANE_COUNT; lane++)
        bytes += stats.lane[lane].cached_bytes;
    return bytes;
}

int main(int argc, char **argv)
{
    static struct worker workers[1000];
    struct arguments arguments = arguments_read(argc, argv, 410, 4000);
    if (getenv("HAKMEM_BACKGROUND") == NULL) {
        setenv("HAKMEM_BACKGROUND", "0", 1); /* which would give back what is to be seen */
        execv("/proc/self/exe", argv);
    }
    REQUIRE(arguments.threads > PRODUCERS);
    producers = PRODUCERS;
    for (int i = 0; i < arguments.threads; i++)
        worker_start(&workers[i], i, arguments.steps, i < PRODUCERS ? produce : consume);
    while (finished < arguments.threads)
        usleep(1000);
    size_t stranded = stranded_bytes();
    if (stranded > BOUND)
        stress_fail(__FILE__, __LINE__, "%zu KiB lie in caches, bound %zu KiB", stranded / KIB,
                    BOUND / KIB);
    check_heap();
    may_end = true;
    workers_join(workers, arguments.threads);
    check_heap();
    return 0;
}
