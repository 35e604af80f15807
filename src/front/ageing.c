/* SPDX-License-Identifier: MIT */
/*
 * Owns the work of an epoch: batches in depots, free pages in partly used slabs, and warm slabs
 * become older, and those that are old enough go back to the kernel. The helper does it at once.
 * Slow paths do it in parts, each a fraction of a millisecond, until it is done. May never hold up
 * a slow path for longer than that.
 */
#include "front/ageing.h"
#include "front/owned_heap.h"

/* How much of the walk over partly used slabs one slow path does: see idle_pages_go_on. */
#define EFFORT 32

/* Purpose: how far the slow paths are with the work. All accesses are relaxed: this is only a hint.
 * Two threads at the same place both do the work that they find there. A new epoch begins the parts
 * that are not under way. */
static state_data struct {
    _Atomic bool is_under_way;
    _Atomic unsigned depots_at; /* the class whose depot is next; 0 if all are done */
} ageing;

static unsigned min_age(void)
{
    return settings.decay_ms == 0 ? 0 : EPOCHS_PER_DECAY;
}

bool ageing_work(bool is_short, struct verdict *verdict)
{
    bool is_pending = false;
    unsigned age = is_short ? 0 : min_age();
    *verdict = depot_trim(is_short);
    if (settings.decay_ms >= 0) {
        idle_pages_purge(&shared_pool, age, &is_pending);
        owned_heap_purge_idle(age, &is_pending);
        purge_due();
    }
    if (settings.decay_ms >= 0 && is_short)
        purge_warm();
    return is_pending || purge_is_due();
}

void ageing_begin(void)
{
    unsigned none = 0;
    atomic_compare_exchange_strong_explicit(&ageing.depots_at, &none, CLASS_FIRST,
                                            memory_order_relaxed, memory_order_relaxed);
    if (settings.decay_ms >= 0) {
        idle_pages_begin(&shared_pool);
        owned_heap_age_begin();
    }
    atomic_store_explicit(&ageing.is_under_way, true, memory_order_relaxed);
}

bool ageing_is_under_way(void)
{
    return atomic_load_explicit(&ageing.is_under_way, memory_order_relaxed);
}

struct verdict ageing_go_on(void)
{
    struct verdict verdict = {FAULT_NONE, NULL, 0};
    size_t effort = EFFORT;
    unsigned at = atomic_load_explicit(&ageing.depots_at, memory_order_relaxed);
    if (at > 0) {
        verdict = depot_trim_on(&at);
        atomic_store_explicit(&ageing.depots_at, at, memory_order_relaxed);
        return verdict;
    }
    if (idle_pages_go_on(&shared_pool, min_age(), &effort) && owned_heap_age_on(min_age(), &effort))
        atomic_store_explicit(&ageing.is_under_way, false, memory_order_relaxed);
    return verdict;
}
