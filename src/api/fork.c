/* SPDX-License-Identifier: MIT */
/*
 * Copies of the process. Before the copy, fork() takes every lock in its order, so that the child
 * finds none held and all state whole. A child that was made in another way (by the clone system
 * call) finds at its first slow path that it is a copy, and repairs itself. If the parent had one
 * thread, its state is whole too; otherwise the child starts afresh. May never leave a lock held in
 * the parent.
 */
#include "api/api.h"
#include "front/request.h"
#include "front/upkeep.h"

#include <pthread.h>

/* glibc's fork takes the lock of its list of streams after our handlers have run. A thread that
 * holds that lock (fflush) may wait for a stream, and the stream's holder may wait in malloc for a
 * lock of ours. So the list's lock is taken before ours. It is recursive. Not every libc has these
 * functions. */
extern void _IO_list_lock(void) __attribute__((weak));
extern void _IO_list_unlock(void) __attribute__((weak));
extern void _IO_list_resetlock(void) __attribute__((weak));

/* glibc's word on whether the process has ever had a second thread. */
extern char __libc_single_threaded __attribute__((weak));

static bool has_stream_lock(void)
{
    return _IO_list_lock && _IO_list_unlock && _IO_list_resetlock;
}

/* ---- fork(): all locks in their order, so that the child finds none held ---- */

/* fork() was called by a signal handler that has interrupted this thread inside the allocator. The
 * thread's own locks can never be waited for then, so none is taken, and the child goes on with
 * what the thread was doing. The work of other threads stays half done in the child. In a program
 * of one thread only the helper can have such work; in a program of more, libc's own malloc would
 * wait for ever. */
static __thread bool is_at_lock;

static void before_fork(void)
{
    is_at_lock = lock_depth > 0;
    if (is_at_lock)
        return;
    if (has_stream_lock())
        _IO_list_lock();
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
    if (has_stream_lock())
        _IO_list_unlock();
}

/* The locks and flags that are not state of the heap. */
static void reset_others(void)
{
    background_reset_in_child();
    limit_reset_in_child();
    request_reset_in_child();
    init_lock_reset();
    os_forget_calls_under_way();
}

static void continue_in_child(void)
{
    slab_reset_locks();
    lane_reset_locks();
    front_reset_in_child();
    reset_others();
}

static void after_fork_in_child(void)
{
    continue_in_child();
    if (!is_at_lock) {
        lock_depth = 0;
        if (has_stream_lock())
            _IO_list_resetlock();
    }
    is_at_lock = false;
    os_generation_renew();
}

/* ---- other copies ---- */

/* Did the parent have one thread, so that no other was at work while it was copied? */
static bool was_alone(void)
{
    bool is_single = &__libc_single_threaded ? __libc_single_threaded
                                             : unified_cache_threads() <= 1;
    return is_single && !os_helper_is_running();
}

void fork_repair(void)
{
    if (!os_generation_claim())
        return;
    if (was_alone()) {
        continue_in_child();
    } else {
        reset_others();
        init_set_ready(afresh_start());
    }
    os_generation_renew();
}

static early_data _Atomic bool has_handlers;

/* Register as early as can be. Handlers of libraries that register later run before ours when a
 * fork begins, and after ours when it ends, so they may allocate. */
void fork_add_handlers(void)
{
    if (!atomic_exchange_explicit(&has_handlers, true, memory_order_relaxed))
        pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}
