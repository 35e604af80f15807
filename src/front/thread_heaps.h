/* SPDX-License-Identifier: MIT */
/*
 * The list of all threads' heaps. Private to thread_heap.c, but for tools that read the heap from
 * outside (diag/root.h).
 */
#ifndef HAK_FRONT_THREAD_HEAPS_H
#define HAK_FRONT_THREAD_HEAPS_H

#include "front/thread_heap.h"

/* Purpose: all heaps. Owner: lock. Lock order: this -> a heap's lock; both are leaves otherwise. */
struct thread_heaps {
    struct lock lock;
    struct thread_heap *live;
    struct thread_heap *next_visit; /* where thread_heap_visit goes on */
    struct thread_heap *next_look;  /* where the search for threads that are gone goes on */
    struct thread_heap *spare;
    _Atomic size_t live_count; /* changed under the lock, read without */
};
extern struct thread_heaps thread_heaps;

#endif
