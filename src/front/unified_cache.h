/* SPDX-License-Identifier: MIT */
/*
 * The unified cache, that is all bins of a thread cache together: how a slow path enters and leaves
 * it, refill and flush, and its end. unified_cache.c
 */
#ifndef HAK_FRONT_UNIFIED_CACHE_H
#define HAK_FRONT_UNIFIED_CACHE_H

#include "front/thread_cache.h"

/* Enter the calling thread's cache, which thread_cache_get returns: the caller may change it until
 * it calls unified_cache_leave. NULL as thread_cache_get. */
struct thread_cache *unified_cache_enter(void);
/* The same with thread_cache_get_to_free, and with thread_cache_own. */
struct thread_cache *unified_cache_enter_to_free(void);
struct thread_cache *unified_cache_enter_own(void);
static inline void unified_cache_leave(struct thread_cache *cache)
{
    if (!cache)
        return;
    /* release: changes of the cache are visible before it */
    atomic_store_explicit(&cache->is_entered, false, memory_order_release);
    thread_cache_distance = (char *)cache - (char *)reservation_get();
    atomic_signal_fence(memory_order_seq_cst);
    lock_depth--;
}

/* Take a block of a Tiny, Pool or ACE class; of a Tiny or Pool class, also more blocks for its bin.
 * NULL if memory is short. *is_zero says that the block reads as zero. */
void *unified_cache_refill(unsigned size_class, bool *is_zero);
/* Free a block whose bin is full or has no slots: check the block, then grow the bin or flush half
 * of it. */
void unified_cache_flush(unsigned size_class, void *block);
/* Give all blocks in the calling thread's bins to the lanes. */
void unified_cache_empty(void);
/* Check that no block lies twice in the calling thread's bins; if one does, end the program. */
void unified_cache_judge(void);
/* The calling thread ends: empty its cache and keep the cache for another thread. */
void unified_cache_thread_exit(void);
/* Look at a few caches. If the thread of one has ended without our destructor, give back the blocks
 * in it. The caller may hold no lock. */
void unified_cache_reap(void);

#endif
