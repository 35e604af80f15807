// args: 2 100000
// args: 8 60000
// args: 50 20000
/* SPDX-License-Identifier: MIT */
/*
 * A fifth of THREADS only allocates, STEPS blocks each, the others only free (10 and 40 of 50), in
 * no fixed pairs; then the parts change. Memory is bounded by the queue and the caches of threads:
 * at most 1 MiB more for each thread after a first, shorter round of the same.
 */
#include "stress.h"

#define QUEUE 2048

/* Purpose: blocks on their way. Owner: lock. 0 <= count <= QUEUE. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t not_full, not_empty;
    struct held blocks[QUEUE];
    int first, count;
    long to_come; /* blocks not yet taken out, put in or still to be put in */
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER,
           .not_full = PTHREAD_COND_INITIALIZER,
           .not_empty = PTHREAD_COND_INITIALIZER};

static void queue_put(const struct held *held)
{
    pthread_mutex_lock(&queue.lock);
    while (queue.count == QUEUE)
        pthread_cond_wait(&queue.not_full, &queue.lock);
    queue.blocks[(queue.first + queue.count++) % QUEUE] = *held;
    pthread_cond_signal(&queue.not_empty);
    pthread_mutex_unlock(&queue.lock);
}

/* Up to `most` blocks; 0 when all have been taken. */
static int queue_get(struct held *blocks, int most)
{
    int taken = 0;
    pthread_mutex_lock(&queue.lock);
    while (queue.count == 0 && queue.to_come > 0)
        pthread_cond_wait(&queue.not_empty, &queue.lock);
    for (; taken < most && queue.count > 0; taken++) {
        blocks[taken] = queue.blocks[queue.first];
        queue.first = (queue.first + 1) % QUEUE;
        queue.count--;
    }
    queue.to_come -= taken;
    if (queue.to_come == 0)
        pthread_cond_broadcast(&queue.not_empty);
    pthread_cond_broadcast(&queue.not_full);
    pthread_mutex_unlock(&queue.lock);
    return taken;
}

static void *run_allocator(void *argument)
{
    struct worker *worker = argument;
    for (int step = 0; step < worker->steps; step++) {
        uint64_t pick = random_next(&worker->random);
        struct held held = {.size = pick % 300 == 0 ? (pick >> 20) % (100 * KIB)
                                                    : (pick >> 20) % 900};
        held.block = test_malloc(held.size);
        REQUIRE(held.block != NULL);
        held_fill(&held, worker->random);
        queue_put(&held);
    }
    return NULL;
}

static void *run_freer(void *unused)
{
    (void)unused;
    struct held blocks[16];
    int count;
    while ((count = queue_get(blocks, 16)) > 0)
        for (int i = 0; i < count; i++)
            held_free(&blocks[i]);
    return NULL;
}

static void pass_blocks(struct worker *workers, int allocators, int freers, int steps)
{
    queue.to_come = (long)allocators * steps;
    for (int i = 0; i < allocators; i++)
        worker_start(&workers[i], i, steps, run_allocator);
    for (int i = 0; i < freers; i++)
        worker_start(&workers[allocators + i], allocators + i, steps, run_freer);
    workers_join(workers, allocators + freers);
    REQUIRE(queue.count == 0);
}

int main(int argc, char **argv)
{
    static struct worker workers[1000];
    struct arguments arguments = arguments_read(argc, argv, 8, 10000);
    int few = arguments.threads < 5 ? 1 : arguments.threads / 5;
    int many = arguments.threads - few;
    REQUIRE(many > 0);
    pass_blocks(workers, few, many, arguments.steps / 4);
    pass_blocks(workers, many, few, arguments.steps * few / many / 4);
    size_t before = resident_bytes();
    pass_blocks(workers, few, many, arguments.steps);
    pass_blocks(workers, many, few, arguments.steps * few / many);
    check_growth(before, 8 * MIB + (size_t)arguments.threads * MIB);
    check_heap();
    return 0;
}
