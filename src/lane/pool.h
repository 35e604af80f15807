/* SPDX-License-Identifier: MIT */
/*
 * What shared_pool.c, pool_give.c and idle_pages.c share: a slab's place in its class, and the
 * parts of a slab whose pages were purged. Private to the lane layer; all of it under the class
 * lock.
 */
#ifndef HAK_LANE_POOL_H
#define HAK_LANE_POOL_H

#include "lane/lane.h"

/* The slab's count of free blocks has changed: put it into the list where it belongs. */
void pool_relist(struct pool_class *pool, struct slab *slab);
/* Take a slab out of its pool if all its blocks are free: it is to be retired, without the lock. */
bool pool_leave_if_empty(struct pool_class *pool, struct slab *slab);
/* Is it the only slab of its class that has blocks to give? */
bool pool_is_last(const struct pool_class *pool, const struct slab *slab);
/* Give a slab that has left its pool back. No lock may be held. */
void pool_retire(struct slab *slab);

/* A block of a slab has been given back. */
static inline void idle_note_give(struct pool_class *pool, struct slab *slab)
{
    if (!slab->is_dirty) {
        struct pool *whole = slab->owner;
        slab->is_dirty = pool->is_dirty = true;
        slab->age = decay_epoch();
        /* release: who clears it sees the class's */
        atomic_store_explicit(&whole->is_dirty, true, memory_order_release);
    }
}

/* Blocks have been taken from a slab some of whose parts are absent: those that hold these blocks
 * are noted as present. They are to be made so, in as few calls as can be; no lock is needed. */
uint64_t idle_take_parts(struct slab *slab, void *const *blocks, unsigned count);
void idle_make_present(const struct slab *slab, uint64_t parts_taken);
/* The slab leaves its pool: what is absent is no part of what it has present. */
void idle_forget(struct slab *slab);

#endif
