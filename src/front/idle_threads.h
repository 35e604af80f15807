/* SPDX-License-Identifier: MIT */
/*
 * Takes free blocks of idle threads from their bins. idle_threads.c
 */
#ifndef HAK_FRONT_IDLE_THREADS_H
#define HAK_FRONT_IDLE_THREADS_H

#include "front/thread_cache.h"

/* Give the blocks in the bins of other threads to the lanes, if those threads have not changed
 * their bins for a few calls of this function; if is_urgent, at once. The caller may hold no lock.
 * Returns the verdict on the first faulty block. */
struct verdict idle_threads_take(bool is_urgent);
/* For a slow path that has entered the cache: wait until the visit is over. */
void idle_threads_wait(struct thread_cache *cache);
/* Move the blocks of each bin to the start of its magazine. For a slow path of the cache's thread,
 * or for another thread when that thread is gone. */
void idle_threads_close_gaps(struct thread_cache *cache);
/* In a child: undo a visit to the calling thread's cache that was under way in the parent. `own` is
 * that cache, or NULL. */
void idle_threads_reset_in_child(struct thread_cache *own);

#endif
