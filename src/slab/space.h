/* SPDX-License-Identifier: MIT */
/*
 * The state of the address space: superslabs, the lists by which those with free slabs are found,
 * and the masks of their slabs. Only the slab layer changes it; fork takes its lock, and the root
 * names its fields for tools.
 */
#ifndef HAK_SLAB_SPACE_H
#define HAK_SLAB_SPACE_H

#include "slab/slab.h"

enum run_kind { RUN_FREE, RUN_WARM };
#define RUN_LISTS (SLABS_PER_SUPERSLAB + 1)
#define ALL_SLABS UINT32_MAX

/* Purpose: the address space. Owner: `lock`. Fields marked (fixed) are written by reservation_make
 * only; atomic fields are also changed without the lock. Invariant: a superslab is in
 * list[kind][run[kind]] iff run[kind] != 0; occupied[kind] has bit n set iff list[kind][n] is not
 * empty; taken has a bit for each superslab below `frontier` that is not wholly free. */
struct space {
    struct lock lock;
    bool is_rationed;             /* free superslabs are unmapped; once true, it stays true */
    char *base;                   /* (fixed) */
    size_t count;                 /* (fixed) superslabs in the reservation, its head included */
    size_t covered;               /* the tables are mapped for superslabs below this */
    struct superslab *superslabs; /* (fixed) */
    uint64_t *taken;              /* (fixed) */
    size_t first;                 /* (fixed) the first superslab behind the head */
    size_t frontier;              /* no superslab from here on was ever used */
    size_t lowest_free;           /* superslabs below are not wholly free */
    size_t opened;                /* superslabs below are mapped; meaningless if is_rationed */
    size_t claimed;               /* superslabs of ranges taken whole */
    _Atomic int64_t room;         /* bytes that may still come into use: room.c */
    _Atomic bool is_at_limit;     /* a request was refused since room_set */
    size_t used;                  /* superslabs with slabs in use */
    size_t seams;                 /* superslabs with is_seam */
    bool is_forked;               /* this is a forked child: its mappings are copies */
    _Atomic size_t warm_slabs;    /* free slabs that may have pages */
    _Atomic size_t used_slabs;    /* slabs that are not free */
    struct superslab *tail;       /* the superslab whose tail is being purged: tail.c */
    _Atomic uint32_t turnover;    /* slabs taken since the start; changed under the lock */
    struct superslab *list[2][RUN_LISTS];
    uint64_t occupied[2];
};
extern struct space space;

static inline size_t space_warm_slabs(void)
{
    /* relaxed: changed under the superslab lock, read without */
    return atomic_load_explicit(&space.warm_slabs, memory_order_relaxed);
}

/* Add to the number of warm slabs, or of used ones; a negative number subtracts. */
static inline void space_count_warm(ptrdiff_t slabs)
{
    /* relaxed: nothing else depends on this figure */
    atomic_fetch_add_explicit(&space.warm_slabs, (size_t)slabs, memory_order_relaxed);
}

static inline void space_count_used(ptrdiff_t slabs)
{
    /* relaxed: as above */
    atomic_fetch_add_explicit(&space.used_slabs, (size_t)slabs, memory_order_relaxed);
}

static inline size_t superslab_index(const struct superslab *superslab)
{
    return (size_t)(superslab - space.superslabs);
}

static inline char *superslab_start(const struct superslab *superslab)
{
    return space.base + (superslab_index(superslab) << SUPERSLAB_SHIFT);
}

static inline struct superslab *superslab_of(const void *pointer)
{
    return &space.superslabs[(size_t)((const char *)pointer - space.base) >> SUPERSLAB_SHIFT];
}

static inline unsigned slab_number(const void *pointer)
{
    return (unsigned)((size_t)((const char *)pointer - space.base) >> SLAB_SHIFT) %
           SLABS_PER_SUPERSLAB;
}

static inline uint32_t run_mask(unsigned first, unsigned count)
{
    return (uint32_t)(((uint64_t)1 << count) - 1) << first;
}

/* The bits of `mask` at which a run of at least `count` ones starts. */
static inline uint32_t run_starts(uint32_t mask, unsigned count)
{
    for (unsigned have = 1; have < count && mask;) {
        unsigned step = have < count - have ? have : count - have;
        mask &= mask >> step;
        have += step;
    }
    return mask;
}

unsigned superslab_longest_run(uint32_t mask);

bool superslab_is_taken(size_t index);

/* ---- under the superslab lock ---- */

/* Record in `taken` whether a superslab is in use, or wholly free. */
void superslab_set_taken(size_t index, bool is_taken);
/* Superslabs below `end` are in use now, or were. */
void space_raise_frontier(size_t end);
/* Move a superslab to the lists that fit its masks, and record in `taken` whether it is wholly
 * free. A wholly free superslab without pages becomes SUPERSLAB_FREE. */
void superslab_refile(struct superslab *superslab);
/* Never use this superslab: its addresses are not ours any more. */
void superslab_set_aside_locked(struct superslab *superslab);
/* Mark slabs of a superslab free, and warm from now on if `is_warm`. The caller calls
 * mapping_note_free_locked next. */
void superslab_mark_free(struct superslab *superslab, uint32_t slabs, bool is_warm);
/* Free slabs without pages have got pages that were never written to: they become warm and zero. */
void superslab_mark_zero_pages(struct superslab *superslab, uint32_t slabs);
/* Mark free slabs as taken. True when they read as zero. */
bool superslab_mark_taken(struct superslab *superslab, uint32_t slabs);
/* The pages of a wholly free superslab are gone, or will be gone before the lock is released. */
void superslab_mark_cold(struct superslab *superslab);

#endif
