/* SPDX-License-Identifier: MIT */
/*
 * Blocks of idle threads: taken from their bins by another thread. idle_threads.c
 */
#ifndef HAK_FRONT_IDLE_THREADS_H
#define HAK_FRONT_IDLE_THREADS_H

#include "front/thread_cache.h"

/* Give back what other threads' bins hold, if they have been left alone for a few calls of this (or
 * at once, if is_urgent). No lock may be held. The verdict on the first block at fault. */
struct verdict idle_threads_take(bool is_urgent);
/* For a slow path of the cache's thread that has entered it: wait until a visit is over. */
void idle_threads_wait(struct thread_cache *cache);
/* For the cache's thread in a slow path, or when it is gone: bins start where their magazines do
 * again. */
void idle_threads_close_gaps(struct thread_cache *cache);
/* In a child: undo the visit of another thread that its own cache (`own`; NULL: it has none) may
 * have been at. */
void idle_threads_reset_in_child(struct thread_cache *own);

#endif
