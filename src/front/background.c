/* SPDX-License-Identifier: MIT */
/*
 * Decides which thread does the work of each epoch (ageing.c): a thread of the program in its slow
 * paths, or the helper, a thread of the allocator. With a helper, an idle program gives its memory
 * back too. The helper exists only with HAKMEM_BACKGROUND=1, and may never be started without it:
 * it would keep rights that the program gives up; a seccomp filter of its own could prevent the
 * program from setting one for all threads; and a process of two threads may not enter a user
 * namespace. A slow path starts the helper when the heap has grown. The helper ends when it has had
 * nothing to do for a while, when it is the last thread of the process, when the program installs a
 * filter, and when it has found a misuse.
 */
#include "front/background.h"
#include "front/ageing.h"
#include "front/idle_threads.h"
#include "front/misuse.h"
#include "front/pressure.h"
#include "front/request.h"
#include "front/unified_cache.h"

/* No helper is started for a heap that has never had this many superslabs. */
#define GROWN_SUPERSLABS 2

/* The helper ends after this many epochs without work and without a slow path of the program. */
#define QUIET_EPOCHS (2 * EPOCHS_PER_DECAY)

/* The helper checks at least this often whether it is the last thread, however long an epoch is. */
#define LOOK_MS 1000

/* Purpose: messages between the program's threads and the helper. The helper sets is_on_duty at its
 * start and clears it at its end; a slow path that finds is_active clear sets it. Invariant: a
 * helper reads is_active once more after it has cleared is_on_duty. So if a slow path saw the
 * helper on duty and set is_active, the helper does not end. */
static early_data struct {
    _Atomic bool is_allowed;
    _Atomic bool is_on_duty;
    _Atomic bool is_active;
    _Atomic bool is_refused; /* the last start failed; it is tried again in the next epoch */
    _Atomic bool has_fault;
    struct verdict fault; /* the misuse that the helper has found: written before has_fault */
} background;

static bool get(_Atomic bool *flag)
{
    /* relaxed: the functions that need an order have their own */
    return atomic_load_explicit(flag, memory_order_relaxed);
}

static void set(_Atomic bool *flag, bool value)
{
    atomic_store_explicit(flag, value, memory_order_relaxed);
}

/* ---- the helper ---- */

/* Keep a misuse that the helper has found. A thread of the program ends the program for it: the
 * program's SIGABRT handler must not run on the helper's stack. */
static void keep_fault(struct verdict verdict)
{
    if (verdict.fault == FAULT_NONE)
        return;
    background.fault = verdict;
    /* release: a thread that sees the flag sees the fault */
    atomic_store_explicit(&background.has_fault, true, memory_order_release);
}

/* Trim because the command `hakmem` asks for it. */
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

/* Do the work of each epoch until there is none for a while. Returns whether the helper may go on
 * duty again: not if it is the last thread, has been told to end, or has found a misuse. */
static bool work_until_quiet(void)
{
    for (unsigned quiet = 0; quiet < QUIET_EPOCHS && !get(&background.has_fault);) {
        struct verdict verdict;
        os_helper_sleep(min_size(decay_ms_to_epoch(), LOOK_MS));
        if (os_helper_is_to_end() || thread_cache_is_deserted())
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

/* Near the limit on memory, all free memory goes back at once. */
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
    /* exchange: a full barrier before the helper's state is read; it happens once an epoch */
    if (!get(&background.is_active)) {
        atomic_exchange(&background.is_active, true);
        mapping_review(); /* the helper does not ask the kernel for limits */
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
    size_t own = thread_cache_own() != NULL;
    if (thread_cache_count() <= own)
        return;
    misuse_stop_at_fault(idle_threads_take(true));
    thread_cache_ask_all();
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
