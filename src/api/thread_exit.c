/* SPDX-License-Identifier: MIT */
/*
 * Owns the thread-specific key whose destructor tells us that a thread ends. The key is made when
 * the first thread gets a cache: at the start libc may not be ready for it.
 */
#include "api/api.h"
#include "front/unified_cache.h"

#include <pthread.h>

early_data struct lock thread_exit_lock;

/* Purpose: the key. Owner: thread_exit_lock. A thread that sees has_key may read the key without
 * the lock. */
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

/* The thread uses the cache already. So pthread_setspecific may allocate, which calls us again. */
static void on_new_cache(struct thread_cache *cache)
{
    if (atomic_load_explicit(&thread_exit.has_key, memory_order_acquire) || make_key())
        pthread_setspecific(thread_exit.key, cache);
}

void thread_exit_start(void)
{
    thread_cache_on_new = on_new_cache;
}
