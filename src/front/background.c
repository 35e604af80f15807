/* SPDX-License-Identifier: MIT */
/*
 * The work that memory needs while nobody asks for any: depots and warm slabs age, free pages of
 * partly used slabs go back. A helper thread does it, so that a program that has gone idle gives
 * its memory back too; it is started by a slow path once the heap has grown, and ends when there
 * has been nothing to do for a while. Without a helper (HAKMEM_BACKGROUND=0, or none can be made)
 * slow paths do the work, one at each epoch. Called by route.c and the api layer.
 */
#include "front/upkeep.h"

/* A heap that has never had more than this many superslabs gets no helper. */
#define GROWN_SUPERSLABS 2

/* The helper ends after so many epochs without work and without a call from the program. */
#define QUIET_EPOCHS (2 * EPOCHS_PER_DECAY)

/* The helper looks so often whether memory is short, however long an epoch is. */
#define LOOK_MS 1000

/* How long is waited for the helper to empty sleeping threads' bins: looks, and time between. */
#define URGENT_LOOKS 100
#define URGENT_LOOK_US 200

/* Purpose: what the program's threads and the helper tell each other. `is_on_duty` is set by who
 * starts a helper and cleared by the helper at its end; `is_active` by any slow path that finds it
 * clear. Invariant: a helper looks at is_active once more after it has cleared is_on_duty, so that
 * a slow path which saw it on duty has been heard. */
static early_data struct {
    _Atomic bool is_allowed;
    _Atomic bool is_on_duty;
    _Atomic bool is_active;
    _Atomic bool is_refused; /* the last start failed; the next epoch may try again */
    _Atomic bool is_urgent;  /* somebody waits for sleeping threads' bins */
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

/* Then what is free goes back at once. Only the helper opens files: a program without one may have
 * forbidden that. */
static bool memory_is_short(void)
{
    if (!os_helper_is_running() || !os_helper_has_files())
        return false;
    bool is_near = limit_is_near();
    return is_near || os_memory_is_short();
}

/* ---- the helper ---- */

/* The program ends by one of its own threads: its SIGABRT handler must not run on our stack. */
static void keep_fault(struct verdict verdict)
{
    if (verdict.fault == FAULT_NONE)
        return;
    background.fault = verdict;
    /* release: whoever sees the flag sees the fault */
    atomic_store_explicit(&background.has_fault, true, memory_order_release);
}

static void work_until_quiet(void)
{
    for (unsigned quiet = 0; quiet < QUIET_EPOCHS && !get(&background.has_fault);) {
        struct verdict verdict;
        os_helper_sleep(min_size(decay_ms_to_epoch(), LOOK_MS));
        if (get(&background.is_urgent)) {
            keep_fault(idle_threads_drain(true));
            atomic_store(&background.is_urgent, false);
        }
        bool is_epoch = decay_poll();
        bool is_short = memory_is_short();
        if (!is_epoch && !is_short)
            continue;
        if (os_helper_is_stale())
            return; /* the next slow path starts one that has what the program has */
        bool is_active = atomic_exchange(&background.is_active, false);
        keep_fault(idle_threads_drain(false));
        bool is_pending = ageing_work(is_short, &verdict);
        keep_fault(verdict);
        quiet = is_active || is_pending ? 0 : quiet + 1;
    }
}

static void helper_main(void)
{
    do {
        atomic_store(&background.is_on_duty, true);
        work_until_quiet();
        atomic_store(&background.is_on_duty, false);
    } while (atomic_load(&background.is_active) && !get(&background.has_fault) &&
             !os_helper_is_stale());
}

/* ---- slow paths ---- */

static bool is_wanted(void)
{
    return settings.background && settings.decay_ms >= 0 && !settings.bench_fast_mode &&
           get(&background.is_allowed) && slab_peak_superslabs() >= GROWN_SUPERSLABS;
}

static void start_helper(bool is_new_epoch)
{
    if ((get(&background.is_refused) && !is_new_epoch) || !is_wanted())
        return;
    set(&background.is_refused, !os_helper_start(helper_main));
}

noinline_cold static void work_here(void)
{
    /* acquire: see keep_fault */
    if (atomic_load_explicit(&background.has_fault, memory_order_acquire))
        misuse_stop_at_fault(background.fault);
    bool is_new_epoch = decay_poll();
    if (is_new_epoch)
        ageing_begin();
    if (unlikely(ageing_is_under_way()))
        misuse_stop_at_fault(ageing_go_on());
    start_helper(is_new_epoch);
}

void background_poll(void)
{
    /* exchange: a full barrier before the helper's state is read; once an epoch */
    if (!get(&background.is_active))
        atomic_exchange(&background.is_active, true);
    if (unlikely(!get(&background.is_on_duty) || !os_helper_is_running()))
        work_here();
}

void background_empty_others(void)
{
    if (unified_cache_threads() < 2)
        return;
    atomic_store(&background.is_urgent, true);
    if (settings.background && get(&background.is_allowed) && os_helper_start(helper_main)) {
        os_helper_wake();
        for (unsigned i = 0; i < URGENT_LOOKS && atomic_load(&background.is_urgent); i++)
            os_sleep_us(URGENT_LOOK_US);
    }
    unified_cache_ask_all();
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
    set(&background.is_urgent, false);
}
