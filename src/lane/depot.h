/* SPDX-License-Identifier: MIT */
/*
 * The depot: full batches above the shared pool.
 */
#ifndef HAK_LANE_DEPOT_H
#define HAK_LANE_DEPOT_H

#include "lane/size_class.h"
#include "lane/verdict.h"

/* Purpose: pointers to free blocks of one class; in a depot's list, or owned by who took it. */
struct batch {
    struct batch *next;
    uint32_t count;
    void *blocks[BATCH_BLOCKS];
};

/* Purpose: the depot of one class. Owner: lock. Invariant: count is the length of `batches`, low
 * the least that count has been since the last trim; `spare` holds batches with no block; traffic's
 * given - taken is what lies here or was trimmed. */
struct depot {
    _Alignas(CACHE_LINE) struct lock lock; /* a line for each: other threads use other classes */
    uint32_t count;
    uint32_t low;
    struct batch *batches;
    struct batch *spare;
    struct traffic traffic;
};
_Static_assert(sizeof(struct depot) == CACHE_LINE, "a depot is a line");
extern struct depot depots[CLASS_POOL_LAST + 1];

/* Take a batch of a class, or as many of it as are wanted (1..BATCH_BLOCKS); 0: there is none. */
unsigned depot_take(unsigned size_class, void **blocks, unsigned want);
/* Leave a batch of 1..BATCH_BLOCKS blocks. False when the depot has enough: bytes_max, or one. */
bool depot_give(unsigned size_class, void *const *blocks, unsigned count, size_t bytes_max);
/* Flush batches not needed since the last call, or all, to the slabs. The first block at fault. */
struct verdict depot_trim(bool all);
/* A part of depot_trim(false), at class *at, which is 0 at the end; and one batch of a class. */
struct verdict depot_trim_on(unsigned *at);
struct verdict depot_give_back(unsigned size_class);
/* Blocks of a class that lie in the depot. */
size_t depot_count(unsigned size_class);
/* Blocks of a class that came into the depot and left it, but for those trimmed. */
struct traffic depot_traffic(unsigned size_class);
/* Check that the depots' blocks are where they should be; the number of faults. */
unsigned depot_check(void);

#endif
