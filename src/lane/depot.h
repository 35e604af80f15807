/* SPDX-License-Identifier: MIT */
/*
 * The depot: batches of free blocks, kept above the shared pool.
 */
#ifndef HAK_LANE_DEPOT_H
#define HAK_LANE_DEPOT_H

#include "lane/size_class.h"
#include "lane/verdict.h"

/* Purpose: pointers to free blocks of one class. Owner: the depot whose list it is in, or the
 * thread that took it out. */
struct batch {
    struct batch *next;
    uint32_t count;
    void *blocks[BATCH_BLOCKS];
};

/* Purpose: the depot of one class. Owner: lock. Invariant: count is the length of `batches`; low is
 * the least that count has been since the last trim; `spare` has batches with no block; flushed -
 * refilled of `traffic` is the number of blocks that lie here or were trimmed. */
struct depot {
    _Alignas(CACHE_LINE) struct lock lock; /* a line each: threads use different classes */
    uint32_t count;
    uint32_t low;
    struct batch *batches;
    struct batch *spare;
    struct traffic traffic;
};
_Static_assert(sizeof(struct depot) == CACHE_LINE, "a depot is a line");
extern struct depot depots[CLASS_POOL_LAST + 1];

/* Take the blocks of a batch, or `want` of them if it has more (1..BATCH_BLOCKS). Returns the
 * number of blocks; 0 when there is no batch. */
unsigned depot_take(unsigned size_class, void **blocks, unsigned want);
/* Add a batch of 1..BATCH_BLOCKS blocks. False when the depot may hold no more: at most bytes_max,
 * but always one batch. */
bool depot_give(unsigned size_class, void *const *blocks, unsigned count, size_t bytes_max);
/* Trim: move the batches that were not needed since the last call, or all, to the slabs. Returns
 * the verdict on the first block at fault. */
struct verdict depot_trim(bool all);
/* depot_trim_on: a part of depot_trim(false), from class *at on; *at becomes the next class, 0 at
 * the end. depot_give_back: move one batch of a class to the slabs. */
struct verdict depot_trim_on(unsigned *at);
struct verdict depot_give_back(unsigned size_class);
/* The blocks of a class in the depot. */
size_t depot_count(unsigned size_class);
/* The blocks of a class that came into the depot and left it, without those that were trimmed. */
struct traffic depot_traffic(unsigned size_class);
/* Check that the blocks in the depots are blocks of their classes. Returns the number of faults. */
unsigned depot_check(void);

#endif
