/* SPDX-License-Identifier: MIT */
/*
 * Collapsing classes, that is, classes whose blocks are being freed: the counts that reveal them,
 * and the work that a flush of such a class does (collapse_pay.c).
 */
#ifndef HAK_LANE_COLLAPSE_H
#define HAK_LANE_COLLAPSE_H

#include "lane/pool_lists.h"

/* Only slabs that are at least half free are purged. Others have few free pages now, and more at
 * the next walk. */
#define COLLAPSE_FREE_SHARE 2

/* Purpose: the blocks of one class that are out of the shared pool, and the free bytes in its
 * slabs. Owner: the class lock. Invariant: loose is the sum, over the slabs, of the bytes that were
 * carved, less those that are out or absent. It may be a little less, since bytes that were never
 * carved can be absent too. */
struct collapse_tally {
    _Alignas(CACHE_LINE) size_t out; /* blocks in use or in caches */
    size_t high;                     /* the highest `out` since the class last grew */
    size_t mark;                     /* `out` when the last walk began */
    ptrdiff_t loose;                 /* bytes of free blocks that are present */
    ptrdiff_t told_loose;            /* the part of `loose` that the slab layer knows */
    ptrdiff_t told_hollow;           /* the same of all bytes of the slabs that are not out */
    bool is_on;                      /* the class collapses; also read without the lock */
    uint8_t epoch;                   /* epoch in which the last walk began */
    size_t returned;                 /* purged in a walk, used again, not reported */
};
extern struct collapse_tally tallies[CLASS_POOL_LAST + 1];
/* Record that `out` blocks of a class have left its slabs (below 0: have come back), and that its
 * partly used slabs have `loose` more bytes of free blocks that are present. Only the shared pool
 * is counted; calls for other pools do nothing. */
void collapse_note_locked(struct pool *pool, unsigned size_class, ptrdiff_t out, ptrdiff_t loose);
/* Record that this many absent bytes of a slab are used again. */
void collapse_note_return_locked(const struct slab *slab, size_t bytes);
/* Record that an empty slab leaves its class. */
void collapse_note_leave_locked(const struct slab *slab);

/* Does the class collapse? Blocks that are freed must then go to its slabs. */
bool collapse_is_on(unsigned size_class);
/* The least average run of free parts for which a slab is purged. It is high early in a collapse,
 * when single pages would cost too many system calls. */
unsigned collapse_run_min(unsigned size_class);
/* Do the work of one flush of a collapsing class: a batch of the depot goes back to its slabs, and
 * the free pages of a few slabs go back to the kernel. Returns the verdict on the first block at
 * fault. The caller may hold no lock. collapse_pay.c */
struct verdict collapse_pay(unsigned size_class);

#endif
