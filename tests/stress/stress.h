/* SPDX-License-Identifier: MIT */
/*
 * What the programs of tests/stress share: the names of the allocator under test, blocks that are
 * filled with a pattern and checked, sizes over all lanes, threads, and the checks of growth.
 *
 * With HAK_PREFIXED=1 (sanitizer builds, linked with the internals) the tests call hak_malloc and
 * so on; else malloc and so on, of whatever allocator the process runs on. Each program takes
 * THREADS and STEPS; lines `// args: ...` at its head are the runs. Exit status 0 or 1. Sequences
 * of random numbers start from the thread's number: only the interleaving differs between runs.
 */
#ifndef TESTS_STRESS_STRESS_H
#define TESTS_STRESS_STRESS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifndef HAK_PREFIXED
#define HAK_PREFIXED 0
#endif

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hakmem/hakmem.h>

#include "../hang.h"
#include "../pattern.h"

#if HAK_PREFIXED
#define test_malloc hak_malloc
#define test_calloc hak_calloc
#define test_realloc hak_realloc
#define test_free hak_free
#define test_posix_memalign hak_posix_memalign
#define test_usable_size hak_usable_size
#else
#define test_malloc malloc
#define test_calloc calloc
#define test_realloc realloc
#define test_free free
#define test_posix_memalign posix_memalign
#define test_usable_size malloc_usable_size
#endif

/* Missing when the program runs on another allocator. */
#pragma weak hak_check
#pragma weak hak_trim
#pragma weak hak_heap_new
#pragma weak hak_heap_malloc
#pragma weak hak_heap_calloc
#pragma weak hak_heap_realloc
#pragma weak hak_heap_aligned_alloc
#pragma weak hak_heap_destroy

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)

/* A sanitizer has shadow memory and quarantines of its own: RSS says nothing there. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STRESS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define STRESS_SANITIZED true
#endif
#endif
#ifndef STRESS_SANITIZED
#define STRESS_SANITIZED false
#endif

static inline void stress_fail(const char *file, int line, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));
static inline void stress_fail(const char *file, int line, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    dprintf(STDERR_FILENO, "%s:%d: %s\n", file, line, text);
    _exit(1);
}

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            stress_fail(__FILE__, __LINE__, "%s is false (errno %d)", #condition, errno);          \
    } while (0)

/* ---- arguments ---- */

struct arguments {
    int threads;
    int steps;
};

static inline struct arguments arguments_read(int argc, char **argv, int threads, int steps)
{
    struct arguments arguments = {threads, steps};
    if (argc > 1)
        arguments.threads = atoi(argv[1]);
    if (argc > 2)
        arguments.steps = atoi(argv[2]);
    if (STRESS_SANITIZED) /* which is about as much slower */
        arguments.steps = (arguments.steps + 3) / 4;
    REQUIRE(arguments.threads > 0 && arguments.threads <= 1000 && arguments.steps > 0);
    return arguments;
}

/* ---- blocks with a pattern ---- */

struct held {
    void *block;
    size_t size;
    uint64_t key;
};

/* All lanes: mostly Tiny, then Pool, ACE, Huge. */
static inline size_t random_size(uint64_t *random)
{
    uint64_t pick = random_next(random);
    uint64_t lane = pick % 1000, spread = (pick >> 16) % 6, value = pick >> 24;
    if (lane < 700)
        return value % 1025;
    if (lane < 940)
        return 1025 + value % ((52 * KIB - 1024) >> (5 - spread));
    if (lane < 992)
        return 52 * KIB + 1 + value % ((2 * MIB - 52 * KIB) >> (5 - spread));
    return 2 * MIB + 1 + value % (4 * MIB);
}

static inline void held_fill(struct held *held, uint64_t seed)
{
    held->key = pattern_key(held->block, held->size, seed);
    pattern_fill_sparse(held->block, held->size, held->key);
}

static inline void held_check(const struct held *held)
{
    if (!pattern_sparse_holds(held->block, held->size, held->size, held->key))
        stress_fail(__FILE__, __LINE__, "the block %p of %zu bytes lost its content", held->block,
                    held->size);
}

static inline void held_free(struct held *held)
{
    held_check(held);
    test_free(held->block);
    held->block = NULL;
}

/* A new block by one of the ways to get one. */
static inline void held_allocate(struct held *held, size_t size, uint64_t *random)
{
    uint64_t way = random_next(random) % 8;
    size_t alignment = 16;
    held->size = size;
    if (way == 0) {
        held->block = test_calloc(size / 8 + 1, 8);
        REQUIRE(held->block != NULL);
        for (size_t i = 0; i < size && i < 4096; i += 64)
            REQUIRE(((char *)held->block)[i] == 0);
    } else if (way == 1) {
        alignment = (size_t)32 << (random_next(random) % 8);
        held->block = NULL;
        REQUIRE(test_posix_memalign(&held->block, alignment, size) == 0);
    } else if (way == 2) {
        held->block = test_realloc(NULL, size);
    } else {
        held->block = test_malloc(size);
    }
    REQUIRE(held->block != NULL);
    REQUIRE(((uintptr_t)held->block & (alignment - 1)) == 0);
    REQUIRE(test_usable_size(held->block) >= size);
    held_fill(held, *random);
}

static inline void held_resize(struct held *held, size_t size, uint64_t *random)
{
    held_check(held);
    if (size == 0)
        size = 1;
    void *moved = test_realloc(held->block, size);
    REQUIRE(moved != NULL);
    REQUIRE(((uintptr_t)moved & 15) == 0);
    REQUIRE(pattern_sparse_holds(moved, held->size, size, held->key));
    held->block = moved;
    held->size = size;
    held_fill(held, *random);
}

/* ---- the heap's own check, and growth ---- */

static inline void check_heap(void)
{
    if (hak_check == NULL)
        return;
    int faults = hak_check();
    if (faults != 0)
        stress_fail(__FILE__, __LINE__, "hak_check found %d faults", faults);
}

static inline size_t resident_bytes(void)
{
    char text[128];
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    REQUIRE(file >= 0);
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    REQUIRE(length > 0);
    text[length] = '\0';
    unsigned long size, resident;
    REQUIRE(sscanf(text, "%lu %lu", &size, &resident) == 2);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static inline void check_growth(size_t before, size_t bound)
{
    size_t after = resident_bytes();
    if (!STRESS_SANITIZED && after > before + bound)
        stress_fail(__FILE__, __LINE__, "RSS grew from %zu KiB to %zu KiB, bound %zu KiB",
                    before / KIB, after / KIB, bound / KIB);
}

/* True: the library lacks the extension `address`, and that is allowed (a run on another). */
static inline bool skip_missing(const void *address, const char *name)
{
    const char *allowed = getenv("API_ALLOW_MISSING");
    if (address != NULL)
        return false;
    if (allowed == NULL || strcmp(allowed, "1") != 0)
        stress_fail(__FILE__, __LINE__, "%s is not there", name);
    fprintf(stderr, "skipped: %s is not there\n", name);
    return true;
}

/* ---- threads ---- */

struct worker {
    pthread_t thread;
    int number;
    int steps;
    uint64_t random;
};

static inline void worker_start(struct worker *worker, int number, int steps,
                                void *(*run)(void *worker))
{
    worker->number = number;
    worker->steps = steps;
    worker->random = (uint64_t)number * 1000003u + 17;
    int error = pthread_create(&worker->thread, NULL, run, worker);
    if (error != 0)
        stress_fail(__FILE__, __LINE__, "pthread_create: error %d", error);
}

static inline void workers_start(struct worker *workers, int count, int steps,
                                 void *(*run)(void *worker))
{
    for (int i = 0; i < count; i++)
        worker_start(&workers[i], i, steps, run);
}

static inline void workers_join(struct worker *workers, int count)
{
    for (int i = 0; i < count; i++)
        REQUIRE(pthread_join(workers[i].thread, NULL) == 0);
}

#endif
