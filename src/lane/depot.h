/* SPDX-License-Identifier: MIT */
/*
 * What depot.c keeps. Private to it, but for who reads the heap from outside (diag/root.h).
 */
#ifndef HAK_LANE_DEPOT_H
#define HAK_LANE_DEPOT_H

#include "lane/lane.h"

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

#endif
