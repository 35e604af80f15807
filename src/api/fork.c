/* SPDX-License-Identifier: MIT */
/*
 * fork: takes every lock in its order before, so that the child finds none held, and gives the
 * child a state of its own. May never leave a lock held in the parent.
 */
#include "api/api.h"
#include "front/request.h"
#include "front/upkeep.h"

#include <pthread.h>

/* ---- fork: all locks in their order, so that the child finds none held ---- */

/* The fork is made by a signal handler that has interrupted this thread at a lock, which nobody can
 * wait for then. No lock is taken; the child goes on with what the thread was at. What others were
 * at stays half done there: the helper at most, in a program of one thread, and in one of more
 * libc's own malloc would wait for ever. */
static __thread bool is_at_lock;

static void before_fork(void)
{
    is_at_lock = lock_depth > 0;
    if (is_at_lock)
        return;
    libc_lock_acquire();
    init_lock_acquire();
    decay_lock();
    front_lock_all();
    lane_lock_all();
    slab_lock_all();
}

static void after_fork_in_parent(void)
{
    bool is_unlocked = is_at_lock;
    is_at_lock = false;
    if (is_unlocked)
        return;
    slab_unlock_all();
    lane_unlock_all();
    front_unlock_all();
    decay_unlock();
    init_lock_release();
    libc_lock_release();
}

static void after_fork_in_child(void)
{
    slab_reset_locks();
    lane_reset_locks();
    front_reset_in_child();
    background_reset_in_child();
    limit_reset_in_child();
    request_reset_in_child();
    init_lock_reset();
    libc_lock_reset();
    if (!is_at_lock)
        lock_depth = 0;
    is_at_lock = false;
}

static early_data _Atomic bool has_handlers;

/* As early as can be: handlers of libraries that register later run before ours when a fork begins
 * and after ours when it ends, and may allocate. */
void fork_add_handlers(void)
{
    if (!atomic_exchange_explicit(&has_handlers, true, memory_order_relaxed))
        pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}
