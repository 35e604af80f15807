/* SPDX-License-Identifier: MIT */
/*
 * Owns the purge that frees pay for while more memory is warm than the bound allows. Each give then
 * purges more than it gave, until the warm memory is a quarter below the bound. So after a burst of
 * frees no more than the bound is warm, and no work is left for later. Superslabs in which no slab
 * is in use are purged first and whole, because a superslab that keeps some of its pages cannot get
 * a huge page again. May never hold the superslab lock during a purge.
 */
#include "slab/drain.h"

#include "slab/decay.h"
#include "slab/purge.h"
#include "slab/space.h"
#include "slab/warm_bound.h"

/* The least that a give purges: one call of the kernel, 20 us. */
#define PAY_MIN (256 * KIB)
/* A give purges as many bytes as it gave, which costs about as much as munmap. It purges as many
 * bytes again, up to this number, in 0.1 to 0.3 ms. */
#define PAY_MORE_MAX (2 * MIB)
/* The most superslabs of a list that are examined. The first of a list became warm last. */
#define LOOKS 16

static void note_refusal(void)
{
    atomic_store_explicit(&warm_bound.refused, decay_epoch() + 1u, memory_order_relaxed);
}

static bool is_refused(void)
{
    return atomic_load_explicit(&warm_bound.refused, memory_order_relaxed) == decay_epoch() + 1u;
}

/* The last of the first LOOKS superslabs of a list; with `is_part`, the first of them that has free
 * slabs without pages. NULL if there is none. */
static struct superslab *look_for(struct superslab *superslab, enum run_kind kind, bool is_part)
{
    struct superslab *found = NULL;
    for (unsigned look = 0; look < LOOKS && superslab; look++) {
        bool is_fit = !is_part || superslab->warm != superslab->free;
        if (is_fit)
            found = superslab;
        if (is_fit && is_part)
            break;
        superslab = superslab->next[kind];
    }
    return found;
}

/* The superslab whose warm slabs are purged next. A superslab in which no slab is in use comes
 * first, above all one that was purged in part: it then has no page left, and its next user gets a
 * huge page. After these comes a superslab with the longest run of warm slabs. NULL if no slab is
 * warm. */
static struct superslab *find_victim_locked(void)
{
    if (!space.occupied[RUN_WARM])
        return NULL;
    struct superslab *unused = space.list[RUN_FREE][SLABS_PER_SUPERSLAB];
    struct superslab *victim = look_for(unused, RUN_FREE, true);
    if (!victim)
        victim = look_for(unused, RUN_FREE, false);
    if (!victim)
        victim = look_for(space.list[RUN_WARM][highest_bit(space.occupied[RUN_WARM])], RUN_WARM,
                          false);
    return victim;
}

/* Purge the warm slabs of one superslab. Returns the bytes; 0 when no slab is warm, or the kernel
 * refuses. */
static size_t drain_step(void)
{
    struct purge purge = {0};
    size_t bytes = 0;
    decay_lock();
    lock_acquire(&space.lock);
    purge.superslab = find_victim_locked();
    if (purge.superslab)
        purge_choose_locked(&purge, 0);
    lock_release(&space.lock);
    if (purge.superslab)
        bytes = purge_superslab(&purge);
    if (purge.superslab && bytes == 0) /* refused: all memory may be locked */
        note_refusal();
    decay_unlock();
    return bytes;
}

static void drain(size_t bound, size_t pay)
{
    size_t keep = bound - bound / 4;
    size_t bytes = 1;
    if (is_refused())
        return;
    for (size_t paid = 0; bytes > 0 && paid < pay && space_warm_slabs() > keep; paid += bytes) {
        if (decay_is_locked() && space_warm_slabs() < bound + bound / 4)
            return; /* another thread purges at this moment */
        bytes = drain_step();
    }
    atomic_store_explicit(&warm_bound.is_draining, bytes > 0 && space_warm_slabs() > keep,
                          memory_order_relaxed);
}

void drain_tail(char *start, size_t count)
{
    struct purge purge = {.superslab = superslab_of(start) + count - 1};
    if (space_warm_slabs() <= warm_bound_slabs() || settings.bench_fast_mode || is_refused())
        return;
    decay_lock();
    lock_acquire(&space.lock);
    purge_choose_locked(&purge, 0);
    lock_release(&space.lock);
    if (purge.slabs && purge_superslab(&purge) == 0)
        note_refusal();
    decay_unlock();
}

bool drain_is_on(void)
{
    return atomic_load_explicit(&warm_bound.is_draining, memory_order_relaxed);
}

void drain_after_give(size_t bytes)
{
    size_t bound = warm_bound_slabs();
    if (likely(space_warm_slabs() <= bound && !drain_is_on()) || settings.bench_fast_mode)
        return;
    if (bound == 0)
        purge_warm();
    else
        drain(bound, max_size(PAY_MIN, bytes + min_size(bytes, PAY_MORE_MAX)));
}
