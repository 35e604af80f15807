/* SPDX-License-Identifier: MIT */
/*
 * Classes whose blocks are being freed: the counts by which they are known, and the work that a
 * flush of such a class does (collapse_pay.c).
 */
#ifndef HAK_LANE_COLLAPSE_H
#define HAK_LANE_COLLAPSE_H

#include "lane/pool_lists.h"

/* Only slabs that are at least half free are purged: others have few free pages now, and more at
 * the next walk. */
#define COLLAPSE_FREE_SHARE 2

/* Purpose: how many blocks are out of one class of the shared pool, and what lies free in its
 * slabs. Owner: the class lock. Invariant: loose is the sum, over the slabs, of what has been
 * carved, less what is out and what is absent; it may be a little less, since what was never carved
 * can be absent too. */
struct collapse_tally {
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
extern struct collapse_tally tallies[CLASS_POOL_LAST + 1];
/* Note that `out` blocks of a class have left its slabs (below 0: have come back), and that its
 * partly used slabs have `loose` more bytes of free blocks that are present. Nothing is noted of
 * pools other than the shared pool. */
void collapse_note_locked(struct pool *pool, unsigned size_class, ptrdiff_t out, ptrdiff_t loose);
/* This many bytes of a slab that were absent are used again. */
void collapse_note_return_locked(const struct slab *slab, size_t bytes);
/* An empty slab leaves its class. */
void collapse_note_leave_locked(const struct slab *slab);

/* Is the class giving up its memory? Then blocks that are freed are to go to its slabs. */
bool collapse_is_on(unsigned size_class);
/* Is it worth its system calls to purge only slabs whose free pages lie together? The least number
 * of free parts that follow one another, on average, for a slab to be purged. */
unsigned collapse_run_min(unsigned size_class);
/* The work that a flush of such a class does: a batch of the depot and a few slabs' free pages go
 * back. The verdict on the first block at fault. No lock may be held.
 * collapse_pay.c */
struct verdict collapse_pay(unsigned size_class);

#endif
