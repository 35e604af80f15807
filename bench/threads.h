/* SPDX-License-Identifier: MIT */
/*
 * The threads of a workload: they start together, each on its own CPU if there are enough, and are
 * waited for.
 */
#ifndef HAK_BENCH_THREADS_H
#define HAK_BENCH_THREADS_H

#include "harness.h"

#include <sched.h>

struct harness_thread {
    pthread_t id;
    void *(*run)(void *);
    void *argument;
    int cpu; /* to run on; -1 for any */
};

/* The CPU of the thread with this index, or -1 if there are more threads than CPUs. Otherwise two
 * threads could share one of two CPUs for the whole run, and would never run at the same time. */
static inline int harness_cpu(size_t index, size_t threads)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 ||
        threads > (size_t)CPU_COUNT(&allowed)) {
        return -1;
    }
    int cpu = 0;
    for (size_t seen = 0; !CPU_ISSET(cpu, &allowed) || seen++ < index; cpu++) {
    }
    return cpu;
}

static inline void *harness_thread_main(void *argument)
{
    struct harness_thread *thread = argument;
    if (thread->cpu >= 0) {
        cpu_set_t only;
        CPU_ZERO(&only);
        CPU_SET(thread->cpu, &only);
        sched_setaffinity(0, sizeof only, &only);
    }
    return thread->run(thread->argument);
}

/* Run `count` threads to their end, one for each element of an array of elements of `size` bytes;
 * each on its own CPU if there are enough. */
static inline void harness_run_threads(size_t count, void *(*run)(void *), void *array, size_t size)
{
    struct harness_thread *threads = harness_map(count * sizeof *threads);
    for (size_t i = 0; i < count; i++) {
        threads[i].run = run;
        threads[i].argument = (char *)array + i * size;
        threads[i].cpu = harness_cpu(i, count);
        harness_start(&threads[i].id, harness_thread_main, &threads[i]);
    }
    for (size_t i = 0; i < count; i++) {
        pthread_join(threads[i].id, NULL);
    }
    munmap(threads, count * sizeof *threads);
}

#endif
