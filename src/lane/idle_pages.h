/* SPDX-License-Identifier: MIT */
/*
 * Purges the pages of free blocks in partly used slabs.
 */
#ifndef HAK_LANE_IDLE_PAGES_H
#define HAK_LANE_IDLE_PAGES_H

#include "lane/pool_lists.h"
#include "slab/decay.h"

/* Purge whole free pages of slabs from which nothing was taken, and in which blocks have been free,
 * for `min_age` epochs. Returns the bytes. *is_pending becomes true if some slab is too young, or
 * the kernel refused one: that slab counts as used now and is tried again when it is old enough.
 * The caller may hold no lock. */
size_t idle_pages_purge(struct pool *pool, unsigned min_age, bool *is_pending);

/* The same in parts, for slow paths. idle_pages_begin begins a walk if there is a reason, and none
 * is under way. idle_pages_go_on continues it as far as *effort allows, and reduces *effort: 1 for
 * each hold of the class lock (up to 32 slabs examined), 4 more for a purged slab. True at the end
 * of the walk. */
void idle_pages_begin(struct pool *pool);
bool idle_pages_go_on(struct pool *pool, unsigned min_age, size_t *effort);

/* Purpose: the conditions, the budget and the result of a walk over the slabs of one class. Its
 * position is in struct pool_class: walk and scan. */
struct idle_walk {
    unsigned min_age;    /* epochs for which a slab must have been left alone */
    unsigned free_share; /* 1/free_share of a slab must be free: 2 is a half */
    unsigned run_min;    /* least average length of its runs of free parts */
    size_t slabs_left;   /* slabs that may still be purged */
    size_t looks_left;   /* holds of the class lock that are left */
    size_t bytes_max;
    bool is_patient; /* waits for the decay lock, and lets others have it first */
    unsigned refusals;
    size_t bytes;
    bool is_pending; /* some slab was too young, or the kernel refused it */
};
/* Continue a walk of a class. True at its end. The caller may hold no lock. */
bool idle_pages_walk(struct pool_class *class_pool, struct idle_walk *walk);

/* Record that a block of the slab has been given back. */
static inline void idle_pages_note_give(struct pool_class *class_pool, struct slab *slab)
{
    if (!pooled(slab)->is_dirty) {
        struct pool *whole = slab->owner;
        pooled(slab)->is_dirty = class_pool->is_dirty = true;
        slab->age = decay_epoch();
        /* release: the thread that clears this flag sees the flag of the class */
        atomic_store_explicit(&whole->is_dirty, true, memory_order_release);
    }
}

#endif
