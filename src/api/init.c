/* SPDX-License-Identifier: MIT */
/*
 * The composition root: start, thread exit, fork, process exit. The start is lazy, since any call
 * of any thread may be the first, and happens in two steps: settings and reservation, which need
 * nothing of libc but system calls, at the first slow path; what needs libc, when libc is ready.
 */
#include "api/api.h"
#include "diag/diag.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

enum init_state { INIT_NONE, INIT_RUNNING, INIT_READY, INIT_LIBC };

/* Purpose: the state of the start. `state` is the only thing that all threads look at. */
static struct {
    _Atomic uint32_t state;
    _Atomic uint32_t running_thread; /* while INIT_RUNNING */
    struct lock key_lock;
    _Atomic bool has_key;
    pthread_key_t key;
} init;

/* ---- threads ---- */

static void on_thread_exit(void *heap)
{
    (void)heap;
    unified_cache_thread_exit();
}

static bool make_key(void)
{
    lock_acquire(&init.key_lock);
    bool has_key = atomic_load_explicit(&init.has_key, memory_order_relaxed);
    if (!has_key)
        has_key = pthread_key_create(&init.key, on_thread_exit) == 0;
    /* release: whoever sees true sees the key */
    atomic_store_explicit(&init.has_key, has_key, memory_order_release);
    lock_release(&init.key_lock);
    return has_key;
}

/* The heap is in force already, so that pthread_setspecific may allocate, which comes back to
 * us. */
static void on_new_heap(struct thread_heap *heap)
{
    if (atomic_load_explicit(&init.has_key, memory_order_acquire) || make_key())
        pthread_setspecific(init.key, heap);
}

/* ---- start ---- */

static enum init_state start(void)
{
    settings_read();
    if (settings.force_libc_alloc)
        return INIT_LIBC;
    unified_cache_on_new_heap = on_new_heap;
    return reservation_make() ? INIT_READY : INIT_NONE;
}

/* Another thread is at it: it makes a handful of system calls. */
static enum gate wait_for_start(void)
{
    if (atomic_load_explicit(&init.running_thread, memory_order_relaxed) == os_thread_id())
        return GATE_WAIT;
    while (atomic_load_explicit(&init.state, memory_order_acquire) == INIT_RUNNING)
        sched_yield();
    return init_gate();
}

static noinline_cold enum gate start_gate(void)
{
    uint32_t expected = INIT_NONE;
    /* acquire: a start that another thread finished is visible to us */
    if (!atomic_compare_exchange_strong_explicit(&init.state, &expected, INIT_RUNNING,
                                                 memory_order_acquire, memory_order_acquire))
        return expected == INIT_RUNNING ? wait_for_start() : init_gate();
    atomic_store_explicit(&init.running_thread, os_thread_id(), memory_order_relaxed);
    enum init_state state = start();
    atomic_store_explicit(&init.running_thread, 0, memory_order_relaxed);
    atomic_store_explicit(&init.state, state, memory_order_release);
    return state == INIT_NONE ? GATE_CLOSED : init_gate();
}

enum gate init_gate(void)
{
    uint32_t state = atomic_load_explicit(&init.state, memory_order_acquire);
    if (likely(state == INIT_READY))
        return GATE_OPEN;
    return state == INIT_LIBC ? GATE_LIBC : start_gate();
}

/* ---- fork: all locks in their order, so that the child finds none held ---- */

static void before_fork(void)
{
    libc_lock_acquire();
    lock_acquire(&init.key_lock);
    front_lock_all();
    lane_lock_all();
    slab_lock_all();
}

static void after_fork_in_parent(void)
{
    slab_unlock_all();
    lane_unlock_all();
    front_unlock_all();
    lock_release(&init.key_lock);
    libc_lock_release();
}

static void after_fork_in_child(void)
{
    slab_reset_locks();
    lane_reset_locks();
    front_reset_in_child();
    lock_reset(&init.key_lock);
    libc_lock_reset();
}

__attribute__((constructor)) static void start_with_libc(void)
{
    if (init_gate() == GATE_OPEN)
        pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* ---- exit ---- */

static void put_in_file(void *context, const char *text, size_t length)
{
    os_write_file(*(int *)context, text, length);
}

static void write_report(void)
{
    char path[SETTING_TEXT_MAX + 32];
    struct snapshot snapshot;
    text_format(path, sizeof(path), "%s/%d.report", settings.report, (int)getpid());
    int fd = os_create_file(path);
    if (fd < 0) {
        log_line("HAKMEM_REPORT=%s: no report could be created there", settings.report);
        return;
    }
    struct writer writer = {.put = put_in_file, .context = &fd};
    snapshot_take(&snapshot);
    render_report(&writer, &snapshot);
    for (unsigned reason = 0; reason < HAK_FB_COUNT; reason++)
        writer_add(&writer, "fb_%s %lu\n", libc_reason_name(reason), g_fb_counts[reason]);
    writer_add(&writer, "end 1\n");
    writer_flush(&writer);
    os_close_file(fd);
}

__attribute__((destructor)) static void report_at_exit(void)
{
    if (settings.wrap_diag)
        libc_report_counts();
    if (settings.report[0])
        write_report();
    if (init_gate() == GATE_OPEN && !settings.bench_fast_mode)
        route_judge_caches();
}
