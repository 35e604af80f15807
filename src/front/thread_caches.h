/* SPDX-License-Identifier: MIT */
/*
 * The list of all thread caches. Private to thread_cache.c, and to tools that read the heap from
 * outside (diag/root.h).
 */
#ifndef HAK_FRONT_THREAD_CACHES_H
#define HAK_FRONT_THREAD_CACHES_H

#include "front/thread_cache.h"

/* Purpose: all thread caches. Owner: lock. Lock order: this lock, then a cache's lock or the lock
 * of metadata. */
struct thread_caches {
    struct lock lock;
    struct thread_cache *live;
    struct thread_cache *next_visit; /* where thread_cache_visit continues */
    struct thread_cache *next_look;  /* where the search for gone threads continues */
    struct thread_cache *spare;
    _Atomic size_t live_count; /* written under the lock, read without it */
};
extern struct thread_caches thread_caches;

#endif
