// args: 1 60
// args: 8 12
// args: 64 3
/* SPDX-License-Identifier: MIT */
/*
 * Two threads fork STEPS children between them while THREADS others allocate and free. Each child
 * finds the blocks it inherited intact, allocates, resizes and frees over all lanes, checks the
 * heap, and leaves; some children start a thread or fork again.
 */
#include "exchange.h"

#include <sys/wait.h>

#define FORKERS 2
#define INHERITED 64

static atomic_bool stop;

static void *run_allocating(void *argument)
{
    struct worker *worker = argument;
    while (!atomic_load_explicit(&stop, memory_order_relaxed))
        exchange_step(&worker->random);
    return NULL;
}

static void *run_in_child(void *argument)
{
    uint64_t *random = argument;
    struct held blocks[32];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 32; i++)
            held_allocate(&blocks[i], random_size(random), random);
        for (int i = 0; i < 32; i++)
            held_resize(&blocks[i], random_size(random) % (100 * KIB), random);
        for (int i = 0; i < 32; i++)
            held_free(&blocks[i]);
    }
    return NULL;
}

static void wait_for(pid_t child)
{
    int status;
    pid_t waited;
    do
        waited = waitpid(child, &status, 0);
    while (waited < 0 && errno == EINTR);
    REQUIRE(waited == child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        stress_fail(__FILE__, __LINE__, "a child ended with wait status 0x%x", (unsigned)status);
}

/* The whole life of a child; `kind` varies it. */
static void live_as_child(struct held *inherited, uint64_t random, int kind)
{
    alarm(HANG_SECONDS); /* a deadlock ends as a failure */
    for (int i = 0; i < INHERITED; i++)
        held_free(&inherited[i]);
    run_in_child(&random);
    check_heap();
    if (kind % 5 == 0 && !STRESS_SANITIZED) {
        pthread_t thread;
        REQUIRE(pthread_create(&thread, NULL, run_in_child, &random) == 0);
        REQUIRE(pthread_join(thread, NULL) == 0);
    }
    if (kind % 7 == 0) {
        pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            run_in_child(&random);
            _exit(0);
        }
        wait_for(child);
    }
    _exit(0);
}

static void *run_forking(void *argument)
{
    struct worker *worker = argument;
    for (int step = 0; step < worker->steps; step++) {
        struct held inherited[INHERITED];
        for (int i = 0; i < INHERITED; i++)
            held_allocate(&inherited[i], random_size(&worker->random) % (20 * KIB),
                          &worker->random);
        pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0)
            live_as_child(inherited, worker->random, step);
        for (int i = 0; i < INHERITED; i++)
            held_free(&inherited[i]);
        wait_for(child);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static struct worker workers[1000], forkers[FORKERS];
    struct arguments arguments = arguments_read(argc, argv, 8, 50);
    workers_start(workers, arguments.threads, 0, run_allocating);
    for (int i = 0; i < FORKERS; i++)
        worker_start(&forkers[i], 1000 + i, arguments.steps / FORKERS, run_forking);
    workers_join(forkers, FORKERS);
    atomic_store(&stop, true);
    workers_join(workers, arguments.threads);
    exchange_empty();
    check_heap();
    return 0;
}
