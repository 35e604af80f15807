/* SPDX-License-Identifier: MIT */
/*
 * Owns the clock by which free memory ages, and the lock under which its pages are purged. Time is
 * counted in epochs of a quarter of the decay time. A thread may never hold the lock for more than
 * one superslab, or one slab of the pools, since `fork` waits for it.
 */
#include "slab/decay.h"

/* The length of an epoch when nothing decays, or everything decays at once. */
#define IDLE_EPOCH_MS 250

/* A purging thread lets waiting threads have the lock first: it sleeps up to TURNS_MAX times. */
#define TURN_US 20
#define TURNS_MAX 50

state_data struct decay_clock decay_clock;

/* The caches of the front layer age by epochs even when nothing decays, or everything decays at
 * once. */
static uint64_t epoch_ms(void)
{
    return settings.decay_ms > 0 ? (uint64_t)settings.decay_ms / EPOCHS_PER_DECAY + 1
                                 : IDLE_EPOCH_MS;
}

uint8_t decay_epoch(void)
{
    /* relaxed: see struct decay_clock */
    return atomic_load_explicit(&decay_clock.epoch, memory_order_relaxed);
}

uint64_t decay_ms_to_epoch(void)
{
    uint64_t now = os_now_ms();
    uint64_t next = atomic_load_explicit(&decay_clock.next_ms, memory_order_relaxed);
    return next > now ? min_size(next - now, epoch_ms()) + 1 : 1;
}

unsigned decay_begin_epoch(void)
{
    uint64_t now = os_now_ms();
    uint64_t next = atomic_load_explicit(&decay_clock.next_ms, memory_order_relaxed);
    if (likely(now < next))
        return 0;
    uint64_t step = epoch_ms();
    /* relaxed: the thread that wins does the work of the epoch; nothing else depends on this
     * order */
    if (!atomic_compare_exchange_strong_explicit(&decay_clock.next_ms, &next, now + step,
                                                 memory_order_relaxed, memory_order_relaxed))
        return 0;
    if (next == 0)
        return 0; /* the first call only starts the clock */
    unsigned late = (unsigned)min_size((now - next) / step, EPOCHS_PER_DECAY);
    atomic_fetch_add_explicit(&decay_clock.epoch, (uint8_t)(1 + late), memory_order_relaxed);
    return 1 + late;
}

/* ---- pages ---- */

uint64_t decay_purged_bytes(void)
{
    return atomic_load_explicit(&decay_clock.purged_bytes, memory_order_relaxed);
}

void decay_count(bool is_on)
{
    atomic_fetch_add_explicit(&decay_clock.counting, is_on ? 1u : -1u, memory_order_relaxed);
}

uint64_t decay_returned_bytes(void)
{
    return atomic_load_explicit(&decay_clock.returned_bytes, memory_order_relaxed);
}

static size_t present_bytes(char *start, size_t size)
{
    size_t page = os_page_size();
    size_t pages = 0;
    for (size_t at = 0; at < size; at += 64 * page)
        pages += os_present_pages(start + at, (size - at) / page);
    return pages * page;
}

bool decay_purge(char *start, size_t size, bool is_huge_page)
{
    /* relaxed: figures */
    bool is_counting = atomic_load_explicit(&decay_clock.counting, memory_order_relaxed) > 0;
    size_t before = is_counting ? present_bytes(start, size) : 0;
    bool is_done = is_huge_page ? os_purge_whole(start, size) : os_purge(start, size);
    /* a refused call may have purged some of the pages */
    size_t after = is_counting && !is_done ? min_size(present_bytes(start, size), before) : 0;
    atomic_fetch_add_explicit(&decay_clock.returned_bytes, before - after, memory_order_relaxed);
    if (is_done)
        atomic_fetch_add_explicit(&decay_clock.purged_bytes, size, memory_order_relaxed);
    return is_done;
}

/* ---- the lock ---- */

void decay_lock(void)
{
    /* relaxed: the count is a hint to the purging thread */
    atomic_fetch_add_explicit(&decay_clock.waiting, 1, memory_order_relaxed);
    lock_acquire(&decay_clock.lock);
    atomic_fetch_sub_explicit(&decay_clock.waiting, 1, memory_order_relaxed);
}

bool decay_try_lock(void)
{
    return lock_try(&decay_clock.lock);
}

void decay_lock_in_turn(void)
{
    for (unsigned turn = 0; turn < TURNS_MAX; turn++) {
        if (atomic_load_explicit(&decay_clock.waiting, memory_order_relaxed) == 0)
            break;
        os_sleep_us(TURN_US);
    }
    decay_lock();
}

void decay_unlock(void)
{
    lock_release(&decay_clock.lock);
}
