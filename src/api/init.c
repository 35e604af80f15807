/* SPDX-License-Identifier: MIT */
/*
 * Owns the gate, the start, and the exit of the process. Any call of any thread may be the first
 * one, so the start is made when it is needed. It has two steps. At the first slow path: settings
 * and reservation, which need only system calls. When libc is ready: all that needs libc.
 */
#include "api/api.h"
#include "front/background.h"
#include "front/pressure.h"
#include "front/watched.h"

#include <errno.h>
#include <unistd.h>

/* The values of init.state. */
enum init_state { INIT_NONE, INIT_READY, INIT_LIBC, INIT_RUNNING };

/* The time between two looks whether another thread's start is over. */
#define START_LOOK_US 50

/* Purpose: the state of the start. `state` is the only thing that all threads look at. */
static early_data struct {
    _Atomic uint32_t state;
    char *const *environment; /* the environment that constructors get */
} init;

/* ---- start ---- */

static enum init_state start(void)
{
    write_is_filtered = os_is_filtered;
    settings_read(environ ? environ : init.environment);
    if (settings.plain_calls)
        os_note_filter(); /* before the first optional call */
    write_remember_stderr();
    if (settings.force_libc_alloc)
        return INIT_LIBC;
    thread_exit_start();
    publish_start();
    if (!reservation_make())
        return INIT_NONE;
    os_generation_make();
    pressure_start();
    return INIT_READY;
}

/* Wait for another thread that makes the start: it makes only a few system calls. */
static enum gate wait_for_start(void)
{
    /* acquire: what the start wrote is visible to us */
    while (atomic_load_explicit(&init.state, memory_order_acquire) == INIT_RUNNING)
        os_sleep_us(START_LOOK_US);
    return init_gate();
}

/* While this thread makes the start it counts as inside: calls that come back to us, and calls of a
 * signal handler, go to libc. */
static noinline_cold enum gate start_gate(void)
{
    uint32_t expected = INIT_NONE;
    if (lock_depth > 0)
        return GATE_INSIDE;
    lock_depth++;
    atomic_signal_fence(memory_order_seq_cst);
    /* acquire: what a failed start in another thread wrote is visible to us */
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

/* Repair a copy of the process that no fork handler has seen. Other threads wait meanwhile. */
static noinline_cold void repair_copy(void)
{
    if (!os_generation_claim())
        return;
    bool is_ready = fork_repair();
    /* release: a thread that sees the state sees the reservation */
    atomic_store_explicit(&init.state, is_ready ? INIT_READY : INIT_NONE, memory_order_release);
    os_generation_renew();
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
    repair_copy();
    return init_gate();
}

static void profile_from_start(void)
{
    const char entry[] = "HAKMEM_PROFILE=1";
    if (!watched_start(PROFILE_BY_PROGRAM, 0) && settings_is_news(entry))
        log_line("%s: there is no profile, since HAKMEM_PROFILE_MEMORY cannot be had", entry);
}

/* glibc gives constructors the arguments of main. Its own `environ` may not be set yet, since our
 * constructor asks to be the first (see the link options). musl gives constructors nothing, but has
 * set `environ`. */
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
    if (init_gate() == GATE_OPEN && settings.profile)
        profile_from_start();
    background_allow();
    errno = saved; /* main may expect 0 */
}

/* ---- exit ---- */

__attribute__((destructor)) static void report_at_exit(void)
{
    if (settings.wrap_diag)
        libc_report_counts();
    /* exit() was called by a signal handler that interrupted us: nothing can be read */
    if (entry_is_inside())
        return;
    publish_at_exit();
    if (init_gate() == GATE_OPEN && !settings.bench_fast_mode)
        route_judge_caches();
}
