/* SPDX-License-Identifier: MIT */
/*
 * Owns the bound on warm memory, that is, free memory that stays backed by pages. The bound is a
 * quarter of the live memory, at least 32 and at most 64 MiB. It doubles when slabs that were
 * purged because of it are taken again within the decay time. It is halved when no slab was taken
 * from its upper half for two decay times. This file only decides; drain.c and the lanes purge. All
 * accesses are relaxed: with a stale figure a purge comes a little early or late, and nothing else
 * depends on them. The bound may never exceed SS_CACHE_MAX.
 */
#include "slab/warm_bound.h"

#include "slab/decay.h"
#include "slab/space.h"

/* The least and the greatest bound before any doubling, in slabs. 32 MiB are small beside the
 * memory of today's programs, and more than most programs free and take again in one step of their
 * work. */
#define BOUND_MIN ((32 * MIB) >> SLAB_SHIFT)
#define BOUND_MAX ((64 * MIB) >> SLAB_SHIFT)
#define LIVE_SHARE 4

#define DOUBLINGS_MAX 5
/* The bound doubles when 1/16 of it was purged and soon taken again. */
#define REGRET_SHARE 16
/* The upper half counts as used when slabs amounting to 1/16 of the bound were taken from it. */
#define USE_SHARE 16
#define QUIET_EPOCHS (2 * EPOCHS_PER_DECAY)

state_data struct warm_bound warm_bound;

static size_t load(_Atomic size_t *figure)
{
    return atomic_load_explicit(figure, memory_order_relaxed);
}

static size_t above_zero(const _Atomic int64_t *figure)
{
    int64_t value = atomic_load_explicit(figure, memory_order_relaxed);
    return value > 0 ? (size_t)value : 0;
}

/* ---- the bound ---- */

static size_t live_slabs(void)
{
    size_t used = load(&space.used_slabs);
    return used - min_size(used, above_zero(&warm_bound.hollow) >> SLAB_SHIFT);
}

size_t warm_bound_slabs(void)
{
    /* relaxed: mallopt may change it at any time */
    size_t most = (size_t)__atomic_load_n(&settings.ss_cache_max, __ATOMIC_RELAXED) >> SLAB_SHIFT;
    if (settings.decay_ms < 0)
        return most;
    if (settings.decay_ms == 0)
        return 0;
    size_t own = min_size(max_size(live_slabs() / LIVE_SHARE, BOUND_MIN), BOUND_MAX);
    return min_size(max_size(own << load(&warm_bound.doublings), load(&warm_bound.wished)), most);
}

void warm_bound_wish(size_t bytes)
{
    atomic_store_explicit(&warm_bound.wished, bytes >> SLAB_SHIFT, memory_order_relaxed);
}

/* ---- the free pages of partly used slabs ---- */

void warm_bound_note_loose(ptrdiff_t loose, ptrdiff_t hollow)
{
    atomic_fetch_add_explicit(&warm_bound.loose, loose, memory_order_relaxed);
    atomic_fetch_add_explicit(&warm_bound.hollow, hollow, memory_order_relaxed);
}

bool warm_bound_is_over(unsigned quarters)
{
    size_t bytes = (load(&space.warm_slabs) << SLAB_SHIFT) + above_zero(&warm_bound.loose);
    return bytes > (warm_bound_slabs() << SLAB_SHIFT) / 4 * quarters && settings.decay_ms >= 0 &&
           !settings.bench_fast_mode;
}

/* ---- its adaptation ---- */

/* Add to a figure. True for the thread with which the figure reaches its mark: that thread acts,
 * and the figure restarts at 0. Slabs that another thread adds at that moment are not counted. */
static bool is_passed(_Atomic size_t *figure, size_t slabs, size_t mark)
{
    size_t sum = atomic_fetch_add_explicit(figure, slabs, memory_order_relaxed) + slabs;
    if (sum < max_size(mark, 1))
        return false;
    atomic_store_explicit(figure, 0, memory_order_relaxed);
    return true;
}

static void note_use(void)
{
    atomic_store_explicit(&warm_bound.quiet, 0, memory_order_relaxed);
    atomic_store_explicit(&warm_bound.used, 0, memory_order_relaxed);
}

void warm_bound_note_return(size_t slabs)
{
    if (slabs == 0 || !is_passed(&warm_bound.regretted, slabs, warm_bound_slabs() / REGRET_SHARE))
        return;
    size_t doublings = load(&warm_bound.doublings);
    if (doublings < DOUBLINGS_MAX)
        atomic_compare_exchange_strong_explicit(&warm_bound.doublings, &doublings, doublings + 1,
                                                memory_order_relaxed, memory_order_relaxed);
    note_use();
}

void warm_bound_note_take(struct superslab *superslab, uint32_t slabs)
{
    uint32_t warm = superslab->warm & slabs;
    uint32_t purged = superslab->purged & slabs;
    superslab->purged &= ~slabs;
    /* counted only if the bound may have to shrink: without a popcount instruction, counting takes
     * longer than the rest of this function */
    if (warm && load(&warm_bound.doublings) > 0 &&
        load(&space.warm_slabs) > warm_bound_slabs() / 2 &&
        is_passed(&warm_bound.used, (size_t)__builtin_popcount(warm),
                  warm_bound_slabs() / USE_SHARE))
        note_use();
    unsigned returned = 0;
    for (uint32_t rest = purged; rest; rest &= rest - 1)
        returned += (uint8_t)(decay_epoch() - superslab->age[lowest_bit(rest)]) <= EPOCHS_PER_DECAY;
    if (returned > 0)
        warm_bound_note_return(returned);
}

void warm_bound_pass(unsigned epochs)
{
    atomic_store_explicit(&warm_bound.regretted, load(&warm_bound.regretted) / 2,
                          memory_order_relaxed);
    if (load(&warm_bound.doublings) == 0 || !is_passed(&warm_bound.quiet, epochs, QUIET_EPOCHS))
        return;
    size_t doublings = load(&warm_bound.doublings);
    if (doublings > 0)
        atomic_compare_exchange_strong_explicit(&warm_bound.doublings, &doublings, doublings - 1,
                                                memory_order_relaxed, memory_order_relaxed);
}
