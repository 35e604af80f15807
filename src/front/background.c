/* SPDX-License-Identifier: MIT */
/*
 * Decides which thread does the work of each epoch (ageing.c): slow paths of the program's threads,
 * or a thread of our own, the helper, so that an idle program gives its memory back too. The helper
 * exists only with HAKMEM_BACKGROUND=1. It may never be started otherwise: a thread of ours would
 * keep rights that the program gives up, or have a seccomp filter that stands in the way of the
 * program's own, and a process of two threads may not enter a user namespace. A slow path starts
 * the helper once the heap has grown. The helper ends when there has been nothing to do for a
 * while, and when it is the process's last thread.
 */
#include "front/background.h"
#include "front/ageing.h"
#include "front/idle_threads.h"
#include "front/misuse.h"
#include "front/pressure.h"
#include "front/request.h"
#include "front/unified_cache.h"

/* A heap that has never had more than this many superslabs gets no helper. */
#define GROWN_SUPERSLABS 2

/* The helper ends after this many epochs without work and without a call from the program. */
#define QUIET_EPOCHS (2 * EPOCHS_PER_DECAY)

/* The helper looks at least this often whether it is the last thread, however long an epoch is. */
#define LOOK_MS 1000

/* Purpose: what the program's threads and the helper tell each other. `is_on_duty` is set by the
 * helper at its start and cleared at its end; `is_active` by any slow path that finds it clear.
 * Invariant: a helper looks at is_active once more after it has cleared is_on_duty, so that a slow
 * path which saw it on duty has been heard. */
static early_data struct {
    _Atomic bool is_allowed;
    _Atomic bool is_on_duty;
    _Atomic bool is_active;
    _Atomic bool is_refused; /* the last start failed; the next epoch may try again */
    _Atomic bool has_fault;
    struct verdict fault; /* what the helper found: written before has_fault */
} background;

static bool get(_Atomic bool *flag)
{
    /* relaxed: the fields above say what is ordered, and how */
    return atomic_load_explicit(flag, memory_order_relaxed);
}

static void set(_Atomic bool *flag, bool value)
{
    atomic_store_explicit(flag, value, memory_order_relaxed);
}

/* ---- the helper ---- */

/* The program ends by one of its own threads: its SIGABRT handler must not run on our stack. */
static void keep_fault(struct verdict verdict)
{
    if (verdict.fault == FAULT_NONE)
        return;
    background.fault = verdict;
    /* release: a thread that sees the flag sees the fault */
    atomic_store_explicit(&background.has_fault, true, memory_order_release);
}

/* Trim at the command's request. */
static size_t trim(void)
{
    struct verdict verdict;
    decay_count(true);
    uint64_t before = decay_returned_bytes();
    keep_fault(idle_threads_take(true));
    ageing_work(true, &verdict);
    keep_fault(verdict);
    uint64_t after = decay_returned_bytes();
    decay_count(false);
    return (size_t)(after - before);
}

/* Returns whether the helper may go on duty again: not when it is alone. */
static bool work_until_quiet(void)
{
    for (unsigned quiet = 0; quiet < QUIET_EPOCHS && !get(&background.has_fault);) {
        struct verdict verdict;
        os_helper_sleep(min_size(decay_ms_to_epoch(), LOOK_MS));
        if (os_helper_is_to_end() || thread_heap_is_deserted())
            return false;
        if (request_is_waiting())
            request_serve_by_helper(trim);
        if (!purge_poll())
            continue;
        bool is_active = atomic_exchange(&background.is_active, false);
        keep_fault(idle_threads_take(false));
        bool is_pending = ageing_work(false, &verdict);
        keep_fault(verdict);
        quiet = is_active || is_pending ? 0 : quiet + 1;
    }
    return !get(&background.has_fault);
}

static void helper_main(void)
{
    bool may_go_on;
    do {
        atomic_store(&background.is_on_duty, true);
        may_go_on = work_until_quiet();
        atomic_store(&background.is_on_duty, false);
    } while (may_go_on && atomic_load(&background.is_active));
}

/* ---- slow paths ---- */

/* Near the limit all free memory goes back at once. */
noinline_cold static void begin_epoch(void)
{
    struct verdict verdict = {FAULT_NONE, NULL, 0};
    unified_cache_reap();
    if (pressure_is_near())
        ageing_work(true, &verdict);
    else
        ageing_begin();
    misuse_stop_at_fault(verdict);
}

static bool is_wanted(void)
{
    return settings.decay_ms >= 0 && !settings.bench_fast_mode && get(&background.is_allowed) &&
           space_peak_superslabs() >= GROWN_SUPERSLABS;
}

static void start_helper(bool is_new_epoch)
{
    if ((get(&background.is_refused) && !is_new_epoch) || !is_wanted())
        return;
    set(&background.is_refused, !os_helper_start(helper_main));
}

noinline_cold static void poll_with_helper(void)
{
    /* exchange: a full barrier before the helper's state is read; once an epoch */
    if (!get(&background.is_active)) {
        atomic_exchange(&background.is_active, true);
        mapping_review(); /* the helper may not ask for limits */
    }
    if (get(&background.is_on_duty) && os_helper_is_running())
        return;
    /* acquire: see keep_fault */
    if (atomic_load_explicit(&background.has_fault, memory_order_acquire))
        misuse_stop_at_fault(background.fault);
    bool is_new_epoch = purge_poll();
    if (is_new_epoch)
        begin_epoch();
    if (unlikely(ageing_is_under_way()))
        misuse_stop_at_fault(ageing_go_on());
    start_helper(is_new_epoch);
}

void background_poll(void)
{
    if (unlikely(settings.background == CHOICE_YES)) {
        poll_with_helper();
        return;
    }
    if (unlikely(purge_poll()))
        begin_epoch();
    if (unlikely(ageing_is_under_way()))
        misuse_stop_at_fault(ageing_go_on());
}

void background_empty_others(void)
{
    size_t own = thread_heap_own() != NULL;
    if (thread_heap_count() <= own)
        return;
    misuse_stop_at_fault(idle_threads_take(true));
    thread_heap_ask_all();
}

void background_allow(void)
{
    set(&background.is_allowed, true);
}

void background_reset_in_child(void)
{
    os_helper_forget();
    set(&background.is_on_duty, false);
    set(&background.is_refused, false);
}
