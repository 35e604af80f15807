/* SPDX-License-Identifier: MIT */
/*
 * The state of the address space: superslabs, the lists by which those with free slabs are found,
 * and the masks of their slabs. Private to the slab layer.
 */
#ifndef HAK_SLAB_SPACE_H
#define HAK_SLAB_SPACE_H

#include "slab/slab.h"

enum run_kind { RUN_FREE, RUN_WARM };
#define RUN_LISTS (SLABS_PER_SUPERSLAB + 1)
#define ALL_SLABS UINT32_MAX

/* Purpose: the address space. Owner: `lock`, except the fields marked (fixed), written by
 * reservation_make only. Invariant: a superslab is in list[kind][run[kind]] iff its state is
 * SUPERSLAB_SLABS and run[kind] != 0; occupied[kind] has bit n set iff list[kind][n] is not empty;
 * taken has a bit for each superslab below `frontier` that is not wholly free. */
struct space {
    struct lock lock;
    bool is_rationed;             /* free superslabs are not mapped; stays true once it is */
    char *base;                   /* (fixed) */
    size_t count;                 /* (fixed) superslabs in the window */
    size_t covered;               /* superslabs below have a place in the mapped tables */
    struct superslab *superslabs; /* (fixed) */
    uint64_t *taken;              /* (fixed) */
    size_t first;                 /* (fixed) the first superslab that is not the head's */
    size_t frontier;              /* superslabs below have been used at least once */
    size_t lowest_free;           /* no superslab below is wholly free */
    size_t opened;                /* superslabs below are mapped; without meaning if is_rationed */
    size_t claimed;               /* superslabs of ranges taken whole */
    _Atomic int64_t room;         /* bytes that may still be taken into use; see room_set */
    _Atomic bool is_at_limit;     /* something was refused for that since room was made */
    size_t used;                  /* superslabs with slabs in use */
    size_t seams;                 /* superslabs with is_seam */
    bool is_forked;               /* the mappings are copies of a parent's */
    _Atomic size_t warm_slabs;    /* free slabs that may have pages */
    _Atomic size_t used_slabs;    /* not free; as warm_slabs */
    struct superslab *tail;       /* slabs behind its Huge block are being purged: tail.c */
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

/* So many more slabs are warm, or used; below 0: fewer. */
static inline void space_count_warm(ptrdiff_t slabs)
{
    /* relaxed: a figure that nothing else depends on */
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

/* Bits at which a run of `count` ones starts in `mask`. */
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

/* A superslab is, or is not, wholly free: note it in `taken`. */
void superslab_set_taken(size_t index, bool is_taken);
/* Superslabs below `end` have been used. */
void space_raise_frontier(size_t end);
/* Put a superslab into the lists that its masks call for, out of those it was in; note in `taken`
 * whether it is wholly free. A wholly free superslab without pages leaves SUPERSLAB_SLABS. */
void superslab_refile(struct superslab *superslab);
/* A superslab is never to be used: its addresses are somebody else's. */
void superslab_set_aside_locked(struct superslab *superslab);
/* Mark slabs of a superslab free, and warm as of now if `is_warm`. mapping_note_free_locked is to
 * follow. */
void superslab_mark_free(struct superslab *superslab, uint32_t slabs, bool is_warm);
/* Free slabs that had no pages have got some, which were never written to. */
void superslab_mark_zero_pages(struct superslab *superslab, uint32_t slabs);
/* Mark free slabs taken. True when they read as zero. */
bool superslab_mark_taken(struct superslab *superslab, uint32_t slabs);
/* The pages of a wholly free superslab are gone, or about to go. */
void superslab_mark_cold(struct superslab *superslab);

#endif
