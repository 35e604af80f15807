/* SPDX-License-Identifier: MIT */
/*
 * The Huge lane: blocks that are ranges of superslabs.
 */
#ifndef HAK_LANE_HUGE_H
#define HAK_LANE_HUGE_H

#include "lane/span_list.h"
#include "slab/slab.h"

/* Purpose: what the lane keeps of a block in its record. Owner: the block's. */
struct huge_block {
    size_t count; /* superslabs of its range */
    size_t used;  /* bytes from the start that may have pages: at least the block's size, more after
                   * a shrink that the kernel refused to purge */
    bool is_open; /* the kernel may use huge pages in the range */
};
_Static_assert(sizeof(struct huge_block) <= SLAB_LANE_WORDS * sizeof(uint64_t), "it has its place");

static inline struct huge_block *huge_of(const struct slab *slab)
{
    return (struct huge_block *)(uintptr_t)slab->lane;
}

/* size > 0; alignment a power of two. */
void *huge_take(size_t size, size_t alignment, struct span_list *list, bool *is_zero);
void huge_give(void *block);
/* Resize, moving pages if need be. NULL: nothing has changed. */
void *huge_resize(void *block, size_t size);
/* Zero a block just taken that is not zero. */
void huge_zero(void *block);
/* Usable bytes that a Huge block of this size has; 0 when there can be no such block. */
size_t huge_good_size(size_t size);
/* Bytes [0, bytes) of a block just taken are about to be written by us. */
void huge_make_present(void *block, size_t bytes);

#endif
