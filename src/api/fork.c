/* SPDX-License-Identifier: MIT */
/*
 * Owns what happens when the process is copied. Before the copy, fork() takes every lock in its
 * order. So the child finds no lock held, and no state half changed. A child that was made in
 * another way (by the clone system call) finds at its first slow path that it is a copy, and
 * repairs itself. If the parent had one thread, the child's state is whole too; otherwise the child
 * starts afresh. May never leave a lock held in the parent.
 */
#include "api/api.h"
#include "front/afresh.h"
#include "front/background.h"
#include "front/idle_threads.h"
#include "front/limit.h"
#include "front/owned_heap.h"
#include "front/request.h"
#include "front/thread_caches.h"
#include "front/watched.h"
#include "lane/depot.h"
#include "lane/density.h"
#include "lane/pool_lists.h"
#include "slab/decay.h"
#include "slab/meta.h"
#include "slab/slab_fork.h"
#include "slab/space.h"

#include <pthread.h>

/* glibc's fork takes the lock of its list of streams after our handlers have run. A thread that
 * holds that lock (fflush) may wait for a stream, and the stream's holder may wait in malloc for a
 * lock of ours. So the list's lock is taken before ours. It is recursive. Not every libc has these
 * functions. */
extern void _IO_list_lock(void) __attribute__((weak));
extern void _IO_list_unlock(void) __attribute__((weak));
extern void _IO_list_resetlock(void) __attribute__((weak));

/* glibc clears this when the process gets a second thread. */
extern char __libc_single_threaded __attribute__((weak));

static bool has_stream_lock(void)
{
    return _IO_list_lock && _IO_list_unlock && _IO_list_resetlock;
}

/* ---- all locks, in their order ---- */

/* Purpose: a step of the order: `count` locks, `stride` bytes apart. If `each` is set, the step has
 * the locks for which `each` calls its function. If `acquire` is set, it takes the locks of the
 * step. */
struct step {
    struct lock *first;
    unsigned count;
    size_t stride;
    void (*acquire)(void);
    void (*each)(void (*apply)(struct lock *lock));
};

static const struct step steps[] = {
    {.first = &thread_exit_lock, .count = 1},
    {.first = &limit_lock, .count = 1},
    {.first = &watched_lock, .count = 1},
    /* a thread that purges lets threads that wait in this function go first */
    {.first = &decay_clock.lock, .count = 1, .acquire = decay_lock},
    {.first = &owned_heap_lock, .count = 1},
    {.each = owned_heap_each_lock},
    {.first = &thread_caches.lock, .count = 1},
    {.first = &depots[CLASS_FIRST].lock, .count = CLASS_POOL_LAST, .stride = sizeof(depots[0])},
    {.first = &shared_pool.classes[CLASS_FIRST].lock,
     .count = CLASS_POOL_LAST,
     .stride = sizeof(shared_pool.classes[0])},
    {.first = &density_lock, .count = 1},
    {.first = &space.lock, .count = 1},
    {.first = &meta_arena.lock, .count = 1},
    {.first = &profile.lock, .count = 1},
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

static void apply_to_step(const struct step *step, void (*apply)(struct lock *lock))
{
    if (step->each)
        step->each(apply);
    for (unsigned i = 0; i < step->count; i++)
        apply((struct lock *)((char *)step->first + i * step->stride));
}

void fork_lock_all(void)
{
    for (size_t i = 0; i < STEPS; i++)
        if (steps[i].acquire)
            steps[i].acquire();
        else
            apply_to_step(&steps[i], lock_acquire);
}

void fork_unlock_all(void)
{
    for (size_t i = STEPS; i-- > 0;)
        apply_to_step(&steps[i], lock_release);
}

static void reset_locks(void)
{
    for (size_t i = 0; i < STEPS; i++)
        apply_to_step(&steps[i], lock_reset);
}

/* ---- fork() ---- */

/* Was fork() called by a signal handler that interrupted this thread inside the allocator? Then the
 * thread itself may hold locks and must not wait for any, so it takes none, and the child continues
 * what the thread was doing. Work of other threads stays half done in the child. In a program of
 * one thread only the helper can have such work. In a program with more threads, libc's own malloc
 * would wait for ever in this case. */
static __thread bool is_at_lock;

static void before_fork(void)
{
    is_at_lock = lock_depth > 0;
    if (is_at_lock)
        return;
    if (has_stream_lock())
        _IO_list_lock();
    fork_lock_all();
}

static void after_fork_in_parent(void)
{
    bool is_unlocked = is_at_lock;
    is_at_lock = false;
    if (is_unlocked)
        return;
    fork_unlock_all();
    if (has_stream_lock())
        _IO_list_unlock();
}

/* Reset the flags that are not state of the heap. */
static void reset_others(void)
{
    background_reset_in_child();
    limit_reset_in_child();
    request_reset_in_child();
    watched_reset_in_child();
    os_forget_calls_under_way();
}

void fork_continue_in_child(void)
{
    reset_locks();
    slab_fork_reset();
    owned_heap_reset_in_child();
    idle_threads_reset_in_child(thread_cache_reset_in_child());
    reset_others();
}

static void after_fork_in_child(void)
{
    fork_continue_in_child();
    if (!is_at_lock) {
        lock_depth = 0;
        if (has_stream_lock())
            _IO_list_resetlock();
    }
    is_at_lock = false;
    os_generation_renew();
}

/* ---- other copies ---- */

/* Did the parent have only one thread? Then no other thread was at work while it was copied. */
static bool was_alone(void)
{
    bool is_single = &__libc_single_threaded ? __libc_single_threaded : thread_cache_count() <= 1;
    return is_single && !os_helper_is_running();
}

bool fork_repair(void)
{
    if (was_alone()) {
        fork_continue_in_child();
        return true;
    }
    /* the locks in the state of the heap become zero with it; what they protect may be torn */
    lock_reset(&thread_exit_lock);
    lock_reset(&limit_lock);
    reset_others();
    return afresh_start();
}

static early_data _Atomic bool has_handlers;

/* Register as early as possible. Then the handlers of libraries that register later run before ours
 * when a fork begins, and after ours when it ends, so they may allocate. */
void fork_add_handlers(void)
{
    if (!atomic_exchange_explicit(&has_handlers, true, memory_order_relaxed))
        pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}
