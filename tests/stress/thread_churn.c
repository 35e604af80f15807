// args: 1 10000
// args: 8 10000
/* SPDX-License-Identifier: MIT */
/*
 * STEPS short threads, THREADS of them alive at a time. Each allocates over several lanes, frees a
 * part, and leaves the rest to whoever comes after it. RSS after the first 1000 threads and after
 * the last differ by at most 8 MiB.
 */
#include "stress.h"

#define BLOCKS 48
#define LEFT 8
#define BOUND (8 * MIB)

/* What a thread left, freed by the next thread in the same place. */
static struct held left[1000][LEFT];

static size_t short_lived_size(uint64_t *random)
{
    uint64_t pick = random_next(random);
    return pick % 40 == 0 ? 1 + (pick >> 20) % (100 * KIB) : (pick >> 20) % 3000;
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    struct held blocks[BLOCKS];
    struct held *mine = left[worker->number];
    for (int i = 0; i < BLOCKS; i++)
        held_allocate(&blocks[i], short_lived_size(&worker->random), &worker->random);
    for (int i = 0; i < LEFT; i++) {
        if (mine[i].block != NULL)
            held_free(&mine[i]);
        mine[i] = blocks[i];
    }
    for (int i = LEFT; i < BLOCKS; i++)
        held_free(&blocks[i]);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct worker workers[1000];
    struct arguments arguments = arguments_read(argc, argv, 8, 2000);
    size_t before = 0;
    for (int started = 0; started < arguments.steps; started += arguments.threads) {
        for (int i = 0; i < arguments.threads; i++) {
            worker_start(&workers[i], i, started, run);
        }
        workers_join(workers, arguments.threads);
        if (started <= 1000)
            before = resident_bytes();
    }
    check_growth(before, BOUND);
    check_heap();
    for (int i = 0; i < arguments.threads; i++)
        for (int j = 0; j < LEFT; j++)
            held_free(&left[i][j]);
    check_heap();
    return 0;
}
