/* SPDX-License-Identifier: MIT */
/*
 * Owns the work of frees while more is warm than the bound: each give purges more than it gave,
 * until a quarter less than the bound is warm. So after a burst of frees no more than the bound is
 * warm, and no work is left for later. Superslabs of which no slab is used go first, whole, since a
 * superslab that keeps some of its pages gets no huge page again. May never hold the superslab lock
 * during a purge.
 */
#include "slab/drain.h"

#include "slab/decay.h"
#include "slab/purge.h"
#include "slab/space.h"
#include "slab/warm_bound.h"

/* The least that a give pays: one call of the kernel, 20 us. */
#define PAY_MIN (256 * KIB)
/* A give purges as many bytes as it gave, which costs about what munmap would. It purges as many
 * again, up to this number: 0.1 to 0.3 ms. */
#define PAY_MORE_MAX (2 * MIB)
/* Superslabs of a list that are looked at: a list's first is the one that has become warm last. */
#define LOOKS 16

static void note_refusal(void)
{
    atomic_store_explicit(&warm_bound.refused, decay_epoch() + 1u, memory_order_relaxed);
}

static bool is_refused(void)
{
    return atomic_load_explicit(&warm_bound.refused, memory_order_relaxed) == decay_epoch() + 1u;
}

/* The last of the first few superslabs of a list; or if `is_part`, the first of them that has free
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

/* The superslab whose warm slabs go next. A superslab of which no slab is used comes first, above
 * all one that was purged in part: then it has no page left, and its next user gets a huge page.
 * After these comes one with the longest run of warm slabs. NULL if no slab is warm. */
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

/* Purge a superslab's warm slabs. Returns the bytes; 0 when none is warm or the kernel refuses. */
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
    if (purge.superslab && bytes == 0) /* the memory is locked, and all of it may be: no other try
                                        * in this epoch */
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
            return; /* another thread pays at this moment */
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
