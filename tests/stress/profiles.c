// args: 2 20000
// args: 8 20000
/* SPDX-License-Identifier: MIT */
/*
 * THREADS threads allocate, resize and free each other's blocks for STEPS steps each, while one
 * more starts and stops profiling 100 times, at intervals from every block to a few: blocks keep
 * their content, the heap is whole, and no sample is left of a block that was freed. Profiling is
 * also started and stopped by the workers themselves, and across forks.
 */
#include "stress.h"

#include <sys/wait.h>

#pragma weak hak_profile_start
#pragma weak hak_profile_stop

#define SLOTS 512
#define SWITCHES 100

static _Atomic(struct held *) slots[SLOTS];
static atomic_bool is_over;

static void exchange(size_t slot, struct held *held)
{
    struct held *old = atomic_exchange(&slots[slot], held);
    if (old == NULL)
        return;
    held_free(old);
    test_free(old);
}

static void fork_once(void)
{
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        void *block = test_malloc(100);
        hak_profile_stop();
        hak_profile_start(1);
        test_free(test_malloc(1000));
        test_free(block);
        _exit(block == NULL);
    }
    int status;
    REQUIRE(waitpid(child, &status, 0) == child && status == 0);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    for (int step = 0; step < worker->steps; step++) {
        uint64_t pick = random_next(&worker->random);
        struct held *held = test_malloc(sizeof(*held));
        REQUIRE(held != NULL);
        held_allocate(held, random_size(&worker->random) >> (pick % 4), &worker->random);
        if (pick % 8 == 0)
            held_resize(held, random_size(&worker->random), &worker->random);
        exchange((size_t)(pick >> 32) % SLOTS, held);
        if (step % 4096 == 4095)
            fork_once();
    }
    return NULL;
}

static void *switch_on_and_off(void *unused)
{
    (void)unused;
    static const size_t intervals[] = {1, 4096, 0, 100 * KIB};
    for (unsigned i = 0; i < SWITCHES || !is_over; i++) {
        REQUIRE(hak_profile_start(intervals[i % 4]));
        usleep(500);
        hak_profile_stop();
        usleep(100);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct arguments arguments = arguments_read(argc, argv, 8, 20000);
    if (skip_missing((const void *)(uintptr_t)hak_profile_start, "hak_profile_start"))
        return 0;
    pthread_t switcher;
    struct worker *workers = test_calloc((size_t)arguments.threads, sizeof(*workers));
    REQUIRE(pthread_create(&switcher, NULL, switch_on_and_off, NULL) == 0);
    workers_start(workers, arguments.threads, arguments.steps, work);
    workers_join(workers, arguments.threads);
    is_over = true;
    REQUIRE(pthread_join(switcher, NULL) == 0);
    for (size_t slot = 0; slot < SLOTS; slot++)
        exchange(slot, NULL);
    test_free(workers);
    check_heap();
    return 0;
}
