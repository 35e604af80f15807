/* SPDX-License-Identifier: MIT */
/*
 * Owns the thread-specific key whose destructor tells that a thread ends. It is made when the first
 * thread gets a cache, since the start may come before libc is ready for it.
 */
#include "api/api.h"
#include "front/unified_cache.h"

#include <pthread.h>

early_data struct lock thread_exit_lock;

/* Purpose: the key. Owner: thread_exit_lock, but for readers who see has_key. */
static early_data struct {
    _Atomic bool has_key;
    pthread_key_t key;
} thread_exit;

static void on_thread_exit(void *cache)
{
    (void)cache;
    unified_cache_thread_exit();
}

static bool make_key(void)
{
    lock_acquire(&thread_exit_lock);
    bool has_key = atomic_load_explicit(&thread_exit.has_key, memory_order_relaxed);
    if (!has_key)
        has_key = pthread_key_create(&thread_exit.key, on_thread_exit) == 0;
    /* release: a thread that sees true sees the key */
    atomic_store_explicit(&thread_exit.has_key, has_key, memory_order_release);
    lock_release(&thread_exit_lock);
    return has_key;
}

/* The cache is in force already, so that pthread_setspecific may allocate, which comes back to
 * us. */
static void on_new_cache(struct thread_cache *cache)
{
    if (atomic_load_explicit(&thread_exit.has_key, memory_order_acquire) || make_key())
        pthread_setspecific(thread_exit.key, cache);
}

void thread_exit_start(void)
{
    thread_cache_on_new = on_new_cache;
}
