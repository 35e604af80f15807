// args: 1 120000
// args: 2 60000
// args: 8 15000
// args: 64 2000
/* SPDX-License-Identifier: MIT */
/*
 * malloc, calloc, realloc, posix_memalign and free over all lanes from THREADS threads, STEPS each,
 * which hand blocks to each other; every block's content is checked before it is freed or resized.
 */
#include "exchange.h"

#define CHECK_EVERY 5000

static void *run(void *argument)
{
    struct worker *worker = argument;
    for (int step = 1; step <= worker->steps; step++) {
        exchange_step(&worker->random);
        if (worker->number == 0 && step % CHECK_EVERY == 0)
            check_heap();
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static struct worker workers[1000];
    struct arguments arguments = arguments_read(argc, argv, 8, 10000);
    workers_start(workers, arguments.threads, arguments.steps, run);
    workers_join(workers, arguments.threads);
    check_heap();
    exchange_empty();
    check_heap();
    return 0;
}
