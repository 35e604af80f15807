/* SPDX-License-Identifier: MIT */
/*
 * What a program that has gone idle still holds: it allocates COUNT blocks of MIN to MAX bytes,
 * each FACTOR_EVERYth FACTOR times larger, writes to all of each, frees all but each KEEPth (in
 * random order), and sleeps. RSS and the number of mappings at each point; idle means asleep for
 * WAIT_MS, with no thread calling the allocator.
 */
#include "harness.h"

enum { COUNT, MIN, MAX, KEEP, FACTOR_EVERY, FACTOR, THREADS, WAIT_MS, SEED, PARAMS };
enum { MAX_THREADS = 64 };

struct block {
    char *start;
    size_t size;
};

/* One thread's part of the blocks. */
struct worker {
    struct block *blocks;
    size_t count;
    size_t live;
    uint32_t seed;
};

static struct harness_param params[PARAMS] = {
    [COUNT] = {"COUNT", 1500000, 1, 1000000000, {0}},
    [MIN] = {"MIN", 16, 1, (uint64_t)1 << 32, {0}},
    [MAX] = {"MAX", 700, 1, (uint64_t)1 << 32, {0}},
    [KEEP] = {"KEEP", 1000, 0, UINT32_MAX, {0}},
    [FACTOR_EVERY] = {"FACTOR_EVERY", 3000, 0, UINT32_MAX, {0}},
    [FACTOR] = {"FACTOR", 300, 1, 1000000, {0}},
    [THREADS] = {"THREADS", 1, 1, MAX_THREADS, {0}},
    [WAIT_MS] = {"WAIT_MS", 3000, 0, 3600000, {0}},
    [SEED] = {"SEED", 42, 1, UINT32_MAX, {0}},
};

static pthread_barrier_t step;

static size_t next_size(struct worker *worker, size_t number)
{
    size_t range = params[MAX].value - params[MIN].value + 1;
    size_t size = params[MIN].value + harness_random(&worker->seed) % range;
    size_t every = params[FACTOR_EVERY].value;
    return every && number % every == every - 1 ? size * params[FACTOR].value : size;
}

static void allocate(struct worker *worker)
{
    for (size_t i = 0; i < worker->count; i++) {
        size_t size = next_size(worker, i);
        worker->blocks[i] = (struct block){harness_need(malloc(size), size), size};
        memset(worker->blocks[i].start, 1, size);
    }
}

static void free_most(struct worker *worker)
{
    for (size_t i = worker->count; i-- > 1;) {
        size_t other = harness_random(&worker->seed) % (i + 1);
        struct block block = worker->blocks[i];
        worker->blocks[i] = worker->blocks[other];
        worker->blocks[other] = block;
    }
    for (size_t i = 0; i < worker->count; i++) {
        if (params[KEEP].value && i % params[KEEP].value == 0) {
            worker->live += worker->blocks[i].size;
        } else {
            free(worker->blocks[i].start);
        }
    }
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    allocate(worker);
    pthread_barrier_wait(&step); /* the peak is looked at */
    pthread_barrier_wait(&step);
    free_most(worker);
    pthread_barrier_wait(&step); /* all is freed; and then asleep */
    pthread_barrier_wait(&step);
    return NULL;
}

static void say(const char *when)
{
    harness_say("IDLE when=%s rss_kb=%lu mappings=%lu\n", when, harness_status_kb("VmRSS:"),
                harness_mappings());
}

int main(int argc, char **argv)
{
    harness_parse(argc, argv, params, PARAMS);
    size_t threads = params[THREADS].value;
    size_t count = params[COUNT].value / threads;
    struct worker *workers = harness_map(threads * sizeof *workers);
    struct block *blocks = harness_map(threads * count * sizeof *blocks);
    pthread_barrier_init(&step, NULL, (unsigned)threads + 1);
    free(malloc(100));
    say("before");
    double start = harness_now();
    pthread_t ids[MAX_THREADS];
    for (size_t i = 0; i < threads; i++) {
        workers[i] = (struct worker){blocks + i * count, count, 0,
                                     harness_seed(params[SEED].value, i)};
        harness_start(&ids[i], run, &workers[i]);
    }
    pthread_barrier_wait(&step);
    say("peak");
    pthread_barrier_wait(&step);
    pthread_barrier_wait(&step);
    double seconds = harness_now() - start;
    say("freed");
    usleep((useconds_t)params[WAIT_MS].value * 1000);
    say("idle");
    size_t live = 0;
    for (size_t i = 0; i < threads; i++) {
        live += workers[i].live;
    }
    harness_say("IDLE live_kb=%zu\n", live >> 10);
    pthread_barrier_wait(&step);
    for (size_t i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
    }
    harness_result("idle_rss", 2 * threads * count, seconds);
    return 0;
}
