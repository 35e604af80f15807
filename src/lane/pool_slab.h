/* SPDX-License-Identifier: MIT */
/*
 * The pools' fields in the record of a slab: the bitmap of free blocks, and counts that follow from
 * it. The record's first cache line has all but the last three fields.
 */
#ifndef HAK_LANE_POOL_SLAB_H
#define HAK_LANE_POOL_SLAB_H

#include "slab/slab.h"

#define SLAB_INLINE_WORDS 7

/* Purpose: a run of slabs that is cut into blocks (SLAB_BLOCKS). Owner: the class lock of its pool.
 * Invariant: free_count == number of set bits in bits[0 .. block_count), none of them in a word
 * below low_word; blocks with an index of `carved` or more have never been handed out. The record's
 * `age` is the epoch of the last take, or of the first give since the last purge. */
struct pool_slab {
    uint64_t *bits; /* 1: the block is free, and in no cache; inline_bits or metadata */
    uint16_t block_count;
    uint16_t free_count;
    uint16_t carved;
    uint8_t low_word; /* no block is free below this word of bits[] */
    bool is_dirty;    /* blocks came back since the last purge */
    uint64_t absent;  /* parts of the run that were purged and not used since: parts.h */
    uint64_t inline_bits[SLAB_INLINE_WORDS];
};
_Static_assert(sizeof(struct pool_slab) <= SLAB_LANE_WORDS * sizeof(uint64_t), "it has its place");

static always_inline struct pool_slab *pooled(const struct slab *slab)
{
    return (struct pool_slab *)(uintptr_t)slab->lane;
}

#endif
