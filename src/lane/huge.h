/* SPDX-License-Identifier: MIT */
/*
 * The Huge lane: each block is a range of whole superslabs.
 */
#ifndef HAK_LANE_HUGE_H
#define HAK_LANE_HUGE_H

#include "lane/span_list.h"
#include "slab/slab.h"

/* Purpose: the lane's fields in the record of a block. Owner: the owner of the block. */
struct huge_block {
    size_t count; /* superslabs of the range */
    size_t used;  /* bytes from the start that may have pages: at least the block's size, more after
                   * a shrink whose purge the kernel refused */
    bool is_open; /* the kernel may use huge pages in parts of the range */
};
_Static_assert(sizeof(struct huge_block) <= SLAB_LANE_WORDS * sizeof(uint64_t), "it has its place");

static inline struct huge_block *huge_of(const struct slab *slab)
{
    return (struct huge_block *)(uintptr_t)slab->lane;
}

/* Take a block; size > 0, alignment is a power of two. NULL when out of memory. */
void *huge_take(size_t size, size_t alignment, struct span_list *list, bool *is_zero);
void huge_give(void *block);
/* Resize, and move the pages if necessary. NULL: nothing has changed. */
void *huge_resize(void *block, size_t size);
/* Zero a new block that does not read as zero. */
void huge_zero(void *block);
/* The usable bytes of a Huge block of this size; 0 when no such block can exist. */
size_t huge_good_size(size_t size);
/* Make bytes [0, bytes) of a new block present: the allocator is about to write them. */
void huge_make_present(void *block, size_t bytes);

#endif
