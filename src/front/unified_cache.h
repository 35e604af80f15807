/* SPDX-License-Identifier: MIT */
/*
 * The unified cache, all bins of a thread: to enter and leave it in a slow path, its refill and
 * flush, its end. unified_cache.c
 */
#ifndef HAK_FRONT_UNIFIED_CACHE_H
#define HAK_FRONT_UNIFIED_CACHE_H

#include "front/thread_cache.h"

/* Begin to change thread_cache_get(), which is the thread's until unified_cache_leave. */
struct thread_cache *unified_cache_enter(void);
/* The same; NULL in a thread that has no cache, and has freed little so far, or in any without. */
struct thread_cache *unified_cache_enter_to_free(void);
struct thread_cache *unified_cache_enter_own(void);
static inline void unified_cache_leave(struct thread_cache *cache)
{
    if (!cache)
        return;
    /* release: changes of the cache come before */
    atomic_store_explicit(&cache->is_entered, false, memory_order_release);
    thread_cache_distance = (char *)cache - (char *)reservation_get();
    atomic_signal_fence(memory_order_seq_cst);
    lock_depth--;
}

/* A block of a Tiny, Pool or ACE class, and more of them for the bin. NULL when out of memory;
 * *is_zero says that the block reads as zero. */
void *unified_cache_refill(unsigned size_class, bool *is_zero);
/* Free a block whose bin is full (or absent): check it, and grow the bin or flush half of it. */
void unified_cache_flush(unsigned size_class, void *block);
/* Give back all that the calling thread's bins hold. */
void unified_cache_empty(void);
/* Check that the bins of the calling thread hold no block twice; ends the program if one does. */
void unified_cache_judge(void);
/* The calling thread ends: its cache is emptied and waits for another thread. */
void unified_cache_thread_exit(void);
/* Look whether the threads of a few caches have ended without our destructor, and give back what
 * such a cache holds. No lock may be held. */
void unified_cache_reap(void);

#endif
