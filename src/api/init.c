/* SPDX-License-Identifier: MIT */
/*
 * The composition root: start, thread exit, process exit. The start is lazy, since any call
 * of any thread may be the first, and happens in two steps: settings and reservation, which need
 * nothing of libc but system calls, at the first slow path; what needs libc, when libc is ready.
 */
#include "api/api.h"
#include "front/upkeep.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

/* Values of init.state. */
enum init_state { INIT_NONE, INIT_READY, INIT_LIBC, INIT_RUNNING };

/* Another thread's start is waited for by looks, so far apart. */
#define START_LOOK_US 50

/* Purpose: the state of the start. `state` is the only thing that all threads look at. */
static early_data struct {
    _Atomic uint32_t state;
    char *const *environment; /* as the loader gives it to constructors */
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
    /* release: a thread that sees true sees the key */
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

/* ---- fork ---- */

void init_set_ready(bool is_ready)
{
    atomic_store_explicit(&init.state, is_ready ? INIT_READY : INIT_NONE, memory_order_release);
}

void init_lock_acquire(void)
{
    lock_acquire(&init.key_lock);
}

void init_lock_release(void)
{
    lock_release(&init.key_lock);
}

void init_lock_reset(void)
{
    lock_reset(&init.key_lock);
}

/* ---- start ---- */

static enum init_state start(void)
{
    write_is_filtered = os_is_filtered;
    settings_read(environ ? environ : init.environment);
    if (settings.plain_calls)
        os_note_filter(); /* before the kernel is asked */
    write_remember_stderr();
    if (settings.force_libc_alloc)
        return INIT_LIBC;
    unified_cache_on_new_heap = on_new_heap;
    publish_start();
    if (!reservation_make())
        return INIT_NONE;
    os_generation_make();
    limit_start();
    return INIT_READY;
}

/* Another thread is at it: it makes a handful of system calls. */
static enum gate wait_for_start(void)
{
    /* acquire: what the start wrote is visible to us */
    while (atomic_load_explicit(&init.state, memory_order_acquire) == INIT_RUNNING)
        os_sleep_us(START_LOOK_US);
    return init_gate();
}

/* While this thread is at the start it counts as inside: what calls back, and a signal handler's
 * calls, go to libc. */
static noinline_cold enum gate start_gate(void)
{
    uint32_t expected = INIT_NONE;
    if (lock_depth > 0)
        return GATE_INSIDE;
    lock_depth++;
    atomic_signal_fence(memory_order_seq_cst);
    /* acquire: a start that failed in another thread is visible to us */
    bool is_ours = atomic_compare_exchange_strong_explicit(
        &init.state, &expected, INIT_RUNNING, memory_order_acquire, memory_order_acquire);
    enum init_state state = INIT_RUNNING;
    if (is_ours) {
        state = start();
        atomic_store_explicit(&init.state, state, memory_order_release);
    }
    atomic_signal_fence(memory_order_seq_cst);
    lock_depth--;
    if (!is_ours)
        return wait_for_start();
    if (state == INIT_READY)
        fork_add_handlers();
    return state == INIT_NONE ? GATE_CLOSED : init_gate();
}

enum gate init_gate(void)
{
    uint32_t state = atomic_load_explicit(&init.state, memory_order_acquire);
    if (unlikely(state != INIT_READY))
        return state == INIT_LIBC ? GATE_LIBC : start_gate();
    if (unlikely(lock_depth > 0))
        return GATE_INSIDE;
    if (likely(!os_is_copy()))
        return GATE_OPEN;
    fork_repair();
    return init_gate();
}

/* glibc gives constructors what main gets; libc's own `environ` may not be set yet, since we ask to
 * be the first (see the link options). musl gives nothing, but has set `environ`. */
__attribute__((constructor(101))) static void start_with_libc(int argc, char **argv, char **envp)
{
    int saved = errno;
    (void)argc;
    (void)argv;
#if defined(__GLIBC__)
    init.environment = envp;
#else
    (void)envp;
#endif
    init_gate();
    background_allow();
    errno = saved; /* main may expect 0 */
}

/* ---- exit ---- */

__attribute__((destructor)) static void report_at_exit(void)
{
    if (settings.wrap_diag)
        libc_report_counts();
    /* exit() from a signal handler that interrupted us: nothing can be looked at */
    if (entry_is_inside())
        return;
    publish_at_exit();
    if (init_gate() == GATE_OPEN && !settings.bench_fast_mode)
        route_judge_caches();
}
