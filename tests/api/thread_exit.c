/* SPDX-License-Identifier: MIT */
/*
 * Allocating and freeing while a thread ends: in key destructors, also those that run last because
 * they set their key again up to PTHREAD_DESTRUCTOR_ITERATIONS times, in cleanup handlers and under
 * cancellation. What such a thread frees after its cache was given back is not lost.
 */
#include "check.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#define KEYS 6
static pthread_key_t keys[KEYS];
static const size_t sizes[KEYS] = {8, 100, 1000, 4096, 16000, 60000};
static atomic_int destructor_runs;

struct value {
    int key;
    int rounds_left;
    size_t size;
    char *block;
};

static struct value *value_new(int key, int rounds, size_t size)
{
    struct value *value = malloc(sizeof *value);
    CHECK(value != NULL);
    *value = (struct value){key, rounds, size, malloc(size)};
    CHECK(value->block != NULL);
    pattern_fill(value->block, size, pattern_key(value->block, size, 5));
    return value;
}

static void value_destroy(void *argument)
{
    struct value *value = argument;
    atomic_fetch_add(&destructor_runs, 1);
    CHECK(pattern_holds(value->block, value->size, pattern_key(value->block, value->size, 5)));
    void *more[40];
    for (size_t i = 0; i < 40; i++) {
        more[i] = malloc(opaque_size(value->size / (i + 1)));
        CHECK(more[i] != NULL);
    }
    for (size_t i = 0; i < 40; i++)
        free(more[i]);
    if (value->rounds_left > 0)
        CHECK_EQ(pthread_setspecific(keys[value->key],
                                     value_new(value->key, value->rounds_left - 1, value->size)),
                 0);
    free(value->block);
    free(value);
}

static void *run_with_keys(void *argument)
{
    bool allocates_before = *(bool *)argument;
    if (allocates_before)
        free(malloc(opaque_size(100)));
    for (int i = 0; i < KEYS; i++)
        CHECK_EQ(
            pthread_setspecific(keys[i], value_new(i, PTHREAD_DESTRUCTOR_ITERATIONS - 1, sizes[i])),
            0);
    return NULL;
}

static void late_destructors(void)
{
    for (int i = 0; i < 20; i++) {
        atomic_store(&destructor_runs, 0);
        bool allocates_before = i % 2 == 0;
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, NULL, run_with_keys, &allocates_before), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        CHECK_EQ(atomic_load(&destructor_runs), KEYS * PTHREAD_DESTRUCTOR_ITERATIONS);
    }
}

/* A thread whose first and only calls are in its destructors. */
static void *run_with_static_value(void *argument)
{
    CHECK_EQ(pthread_setspecific(keys[0], argument), 0);
    return NULL;
}

static void first_call_in_destructor(void)
{
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, NULL, run_with_static_value,
                                value_new(0, i % PTHREAD_DESTRUCTOR_ITERATIONS, 300)),
                 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
    }
}

static void free_in_cleanup(void *block)
{
    free(block);
}

static void *run_until_cancelled(void *argument)
{
    atomic_int *ready = argument;
    void *block = malloc(5000);
    CHECK(block != NULL);
    pthread_cleanup_push(free_in_cleanup, block);
    atomic_store(ready, 1);
    for (;;)
        pause();
    pthread_cleanup_pop(1);
    return NULL;
}

static void cancelled_threads(void)
{
    for (int i = 0; i < 50; i++) {
        atomic_int ready = 0;
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, NULL, run_until_cancelled, &ready), 0);
        while (!atomic_load(&ready))
            ;
        CHECK_EQ(pthread_cancel(thread), 0);
        void *result;
        CHECK_EQ(pthread_join(thread, &result), 0);
        CHECK(result == PTHREAD_CANCELED);
    }
}

static size_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL);
    unsigned long size, resident;
    CHECK_EQ(fscanf(file, "%lu %lu", &size, &resident), 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* Threads that free late lose nothing: memory does not grow over many of them. */
static void no_growth(void)
{
    size_t before = 0;
    for (int i = 0; i < 250; i++) {
        bool allocates_before = i % 2 == 0;
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, NULL, run_with_keys, &allocates_before), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        if (i == 100)
            before = resident_bytes();
    }
    CHECK_LE(resident_bytes(), before + 4 * MIB);
}

int main(void)
{
    for (int i = 0; i < KEYS; i++)
        CHECK_EQ(pthread_key_create(&keys[i], value_destroy), 0);
    late_destructors();
    first_call_in_destructor();
    cancelled_threads();
    no_growth();
    /* The main thread's own value: its destructor runs when main leaves by pthread_exit. */
    CHECK_EQ(pthread_setspecific(keys[1], value_new(1, 3, 200)), 0);
    pthread_exit(NULL);
}
