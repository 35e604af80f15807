/* SPDX-License-Identifier: MIT */
/*
 * What the files of the slab layer share: the state of the address space, and the lists by
 * which superslabs with free slabs are found. Private to the slab layer.
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
    _Atomic int64_t room;         /* bytes that may still be taken into use; see slab_allow */
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

/* Purpose: the clock of decay.c, lock-free: a race at an epoch's border dates a slab one epoch off.
 * `lock` is held while pages are being purged, so that a fork waits for that: by one superslab, or
 * one slab of the pools, at a time. */
struct decay_clock {
    struct lock lock;
    _Atomic uint64_t next_ms; /* when the next epoch begins */
    _Atomic size_t cursor;    /* the superslab that the epoch's walk is at; 0 when it has ended */
    _Atomic uint8_t epoch;
    _Atomic uint64_t purged_bytes;
    _Atomic uint64_t returned_bytes;
    _Atomic unsigned waiting;  /* threads that want the lock */
    _Atomic unsigned counting; /* callers between decay_count(true) and (false) */
};
extern struct decay_clock decay;

static inline size_t warm_slabs(void)
{
    /* relaxed: changed under the superslab lock, read without */
    return atomic_load_explicit(&space.warm_slabs, memory_order_relaxed);
}

/* Purpose: the figures of warm_bound.c; lock-free, and no more than figures. In slabs, but for the
 * last two, which are bytes. */
struct warm_bound {
    _Atomic size_t doublings; /* of the bound */
    _Atomic size_t wished;    /* the program wants at least so much to stay: mallopt */
    _Atomic size_t regretted; /* purged for the bound and taken again soon, since it doubled */
    _Atomic size_t used;      /* taken from the upper half of the bound */
    _Atomic size_t quiet;     /* epochs since that was last a part worth mentioning */
    _Atomic unsigned refused; /* 1 + the epoch in which the kernel has refused a purge */
    _Atomic bool is_draining; /* gives pay until less than the bound is warm */
    _Atomic int64_t loose;    /* free, present, and in partly used slabs */
    _Atomic int64_t hollow;   /* the same, present or not */
};
extern struct warm_bound warm_bound;

#define META_ALIGN ((size_t)64)
/* Purpose: the arena of meta.c. Owner: lock. Invariant: start <= at <= present <= mapped <= end. */
struct meta_arena {
    struct lock lock;
    char *start;
    char *at;
    char *present;
    char *mapped;
    char *end;
    size_t used;
    struct free_block *free[META_FREE_MAX / META_ALIGN + 1];
};
extern struct meta_arena meta_arena;

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
/* Put a superslab into the lists that its masks call for, out of those it was in; note in `taken`
 * whether it is wholly free. A wholly free superslab without pages leaves SUPERSLAB_SLABS. */
void superslab_refile(struct superslab *superslab);
/* reservation.c: map the superslabs below `end`, and the tables for them. OCCUPIED: one of them is
 * somebody else's, and has been set aside. Not if is_rationed. */
enum os_map_result reservation_open_locked(size_t end);
/* Map the tables for the superslabs below `end`. */
bool reservation_cover_locked(size_t end);
/* Open a superslab that was never used, unless there is one: attributes.c compares with it. */
void reservation_open_witness_locked(void);
/* The kernel has refused to map. If that is because of a limit, address space is rationed from now
 * on, and all that is free is unmapped; true if it was not before. */
bool reservation_ration_locked(void);
/* Where address space is rationed: unmap a superslab that is free. What the kernel does not unmap
 * is kept for the next taker, and reads as zero then. */
void superslab_unmap(struct superslab *superslab);
/* A superslab is never to be used: its addresses are somebody else's. */
void superslab_set_aside_locked(struct superslab *superslab);
bool superslab_is_taken(size_t index);
/* Mark slabs of a superslab free, and warm as of now if `is_warm`. */
void superslab_mark_free(struct superslab *superslab, uint32_t slabs, bool is_warm);
/* Free slabs that had no pages have got some, which were never written to. */
void superslab_mark_zero_pages(struct superslab *superslab, uint32_t slabs);
/* Mark free slabs taken. True when they read as zero. */
bool superslab_mark_taken(struct superslab *superslab, uint32_t slabs);
/* May slabs without pages be taken, as far as the limit on memory is concerned? */
bool superslab_is_room(size_t slabs);
/* Core dumps: superslabs [first, end) are taken into use. dump.c */
void dump_include_locked(size_t first, size_t end);
/* Is a superslab left out? Without the lock it may change at once. */
bool dump_is_left_out(size_t index);
/* The pages of a superslab are gone: leave it out again, with its neighbours, if all are free. */
void dump_leave_out(const struct superslab *superslab);
/* Undo what spans' owners may have done to the mapping of a superslab that is wholly free.
 * attributes.c */
void superslab_make_plain_locked(struct superslab *superslab);
/* A fresh superslab to cut slabs from, in the lists; NULL when out of memory. */
struct superslab *superslab_fresh_locked(void);
/* Make the records of a superslab if it has none. False when metadata is short. */
bool superslab_need_records(struct superslab *superslab);
/* ---- moved.c ---- */

/* Make unused superslabs part of the reservation's mapping again; their pages go. False when it
 * cannot be done: nothing has changed. */
bool superslab_rejoin(struct superslab *superslab, size_t count);
/* The superslabs are part of that mapping again: note it. */
void superslab_set_joined_locked(size_t first, size_t count);
/* Are there any into which pages were moved? */
bool superslab_has_moved(const struct superslab *superslab, size_t count);

/* ---- decay.c ---- */

/* Purpose: a purge of warm slabs of one superslab. The slabs `taken` are out of use meanwhile: all
 * of the superslab, if none of it is in use and none stays warm. */
struct purge {
    struct superslab *superslab;
    uint32_t slabs;
    uint32_t taken;
};
/* Take those warm slabs of purge->superslab out of use that are `min_age` epochs old: purge->slabs,
 * which may be none. */
void purge_choose_locked(struct purge *purge, unsigned min_age);
/* Give them to the kernel and make them free again. Under the decay lock alone. Returns the
 * bytes. */
size_t purge_superslab(const struct purge *purge);

/* ---- warm_bound.c, drain.c ---- */

/* The most slabs that may be warm. 0: nothing is kept. */
size_t warm_bound_slabs(void);
/* Slabs of a superslab are about to be taken. Under the superslab lock. */
void warm_bound_note_take(struct superslab *superslab, uint32_t slabs);
/* This many epochs have begun. */
void warm_bound_pass(unsigned epochs);
/* This many bytes were given back: purge if too much is warm. No lock may be held. */
void decay_after_give(size_t bytes);

/* ---- tail.c: what lies behind a Huge block ---- */

/* Slabs behind a Huge block are taken to be purged, and come back as purge->slabs without those in
 * `kept`. */
void tail_take_locked(struct superslab *superslab, uint32_t slabs);
void tail_return_locked(struct superslab *superslab, uint32_t slabs, uint32_t kept);
/* Purge the tail that has just become one, if too much is warm. No lock may be held. drain.c */
void drain_tail(struct superslab *superslab);

#endif
