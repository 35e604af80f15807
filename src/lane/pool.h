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
/* Take a slab out of its pool if all its blocks are free: the caller retires it, without the
 * lock. */
bool pool_leave_if_empty(struct pool_class *pool, struct slab *slab);
/* Is it the only slab of its class that has blocks to give? */
bool pool_is_last(const struct pool_class *pool, const struct slab *slab);
/* Give a slab that has left its pool back. No lock may be held. */
void pool_retire(struct slab *slab);

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
/* Let a walk of a class begin with this list; it goes on to those of emptier slabs. */
void idle_begin_locked(struct pool_class *pool, unsigned list);
/* Go on with it. True at its end. No lock may be held. idle_pages.c */
bool idle_walk_on(struct pool_class *pool, struct idle_walk *walk);

/* ---- collapse.c ---- */

/* Purpose: how many blocks are out of one class of the shared pool, and what lies free in its
 * slabs. Owner: the class lock. Invariant: loose is the sum, over the slabs, of what has been
 * carved, less what is out and what is absent; it may be a little less, since what was never carved
 * can be absent too. */
struct tally {
    _Alignas(CACHE_LINE) size_t out; /* blocks in use or in caches */
    size_t high;                     /* the most of them since the class last grew */
    size_t mark;                     /* how many there were when the last walk began */
    ptrdiff_t loose;                 /* bytes of free blocks that are present */
    ptrdiff_t told_loose;            /* what the slab layer knows of it */
    ptrdiff_t told_hollow;           /* and of all bytes of its slabs that are not out */
    bool is_on;                      /* it collapses; read without the lock */
    uint8_t epoch;                   /* in which the last walk began */
    size_t returned;                 /* bytes purged in a walk and used again: less than a slab */
};
extern struct tally tallies[CLASS_POOL_LAST + 1];
/* Note that `out` blocks of a class have left its slabs (below 0: have come back), and that its
 * partly used slabs have `loose` more bytes of free blocks that are present. Nothing is noted of
 * pools other than the shared pool. */
void collapse_note_locked(struct pool *pool, unsigned size_class, ptrdiff_t out, ptrdiff_t loose);
/* This many bytes of a slab that were absent are used again. */
void collapse_note_return_locked(const struct slab *slab, size_t bytes);
/* An empty slab leaves its class. */
void collapse_note_leave_locked(const struct slab *slab);

/* A block of a slab has been given back. */
static inline void idle_note_give(struct pool_class *pool, struct slab *slab)
{
    if (!slab->is_dirty) {
        struct pool *whole = slab->owner;
        slab->is_dirty = pool->is_dirty = true;
        slab->age = decay_epoch();
        /* release: the thread that clears it sees the class's */
        atomic_store_explicit(&whole->is_dirty, true, memory_order_release);
    }
}

/* Blocks have been taken from a slab some of whose parts are absent: those that hold these blocks
 * are noted as present. idle_make_present then makes them so, in as few calls as can be; it needs
 * no lock. */
uint64_t idle_take_parts(struct slab *slab, void *const *blocks, unsigned count);
void idle_make_present(const struct slab *slab, uint64_t parts_taken);
/* Bytes of a slab that were purged and not used since. */
size_t idle_absent_bytes(const struct slab *slab);
/* The slab leaves its pool: what is absent is no part of what it has present. */
void idle_forget(struct slab *slab);

#endif
