/* SPDX-License-Identifier: MIT */
/*
 * Pages of free blocks in slabs that are partly used.
 */
#ifndef HAK_LANE_IDLE_PAGES_H
#define HAK_LANE_IDLE_PAGES_H

#include "lane/pool_lists.h"
#include "slab/decay.h"

/* Purge whole free pages of slabs from which nothing was taken, and in which blocks have been free,
 * for `min_age` epochs. Returns the bytes; *is_pending becomes true if some slab is too young, or
 * the kernel has refused one: that has its next turn when it has been left alone once more. No lock
 * may be held. */
size_t idle_pages_purge(struct pool *pool, unsigned min_age, bool *is_pending);

/* The same in parts, for slow paths: begin a walk if there is reason to, and if none is under way;
 * and go on with it, as far as *effort lasts, which is lessened: a look at 32 slabs is 1, a slab
 * purged 4 more. True at its end. */
void idle_pages_begin(struct pool *pool);
bool idle_pages_go_on(struct pool *pool, unsigned min_age, size_t *effort);

/* Purpose: what a walk over the slabs of one class looks for, what it may do, and what it has
 * found. Where the walk is, is in the class: walk and scan. */
struct idle_walk {
    unsigned min_age;    /* epochs that a slab has been left alone */
    unsigned free_share; /* a slab of which this part is free is worth it: 2 is a half */
    unsigned run_min;    /* free parts that follow one another, on average, for it to be purged */
    size_t slabs_left;   /* to be purged */
    size_t looks_left;   /* holdings of the class lock */
    size_t bytes_max;
    bool is_patient; /* lets others have the decay lock first */
    unsigned refusals;
    size_t bytes;
    bool is_pending; /* some slab was too young, or the kernel has refused it */
};
/* Go on with a walk of a class. True at its end. No lock may be held. */
bool idle_pages_walk(struct pool_class *class_pool, struct idle_walk *walk);

/* A block of a slab has been given back. */
static inline void idle_pages_note_give(struct pool_class *class_pool, struct slab *slab)
{
    if (!pooled(slab)->is_dirty) {
        struct pool *whole = slab->owner;
        pooled(slab)->is_dirty = class_pool->is_dirty = true;
        slab->age = decay_epoch();
        /* release: the thread that clears it sees the class's */
        atomic_store_explicit(&whole->is_dirty, true, memory_order_release);
    }
}

#endif
