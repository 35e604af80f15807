/* SPDX-License-Identifier: MIT */
/*
 * The size classes: steps of 16 bytes up to 128 bytes, then 8 classes for each doubling. The table,
 * and the arithmetic between a size and its class.
 */
#ifndef HAK_LANE_SIZE_CLASS_H
#define HAK_LANE_SIZE_CLASS_H

#include "slab/slab.h"

#define CLASS_NONE 0 /* in the slab map: no block starts here */
#define CLASS_FIRST 1
#define CLASS_LINE_LAST 3 /* the last class of blocks smaller than a cache line */
#define CLASS_TINY_LAST 32
#define CLASS_POOL_LAST 77
#define CLASS_ACE_LAST 120
#define CLASS_HUGE 121    /* in the slab map: a Huge block */
#define CLASS_OWNED 122   /* in the slab map: a block of an owned heap; its record says more */
#define CLASS_PAGED 123   /* in the slab map: an ACE span that was asked for by whole pages */
#define CLASS_SAMPLED 124 /* in the slab map: some blocks of the slab are sampled; see watch/ */
#define CLASS_COUNT 125

/* Purpose: one size class; immutable. Invariant: blocks * size <= slabs * SLAB_SIZE, and
 * offset / size == offset * reciprocal >> RECIPROCAL_SHIFT for every offset in the run. */
struct size_class {
    uint64_t reciprocal;
    uint32_t size;   /* bytes */
    uint16_t blocks; /* in a run */
    uint8_t slabs;   /* in a run */
};
#define RECIPROCAL_SHIFT 40

extern const struct size_class size_classes[CLASS_COUNT];

/* The class of a size from 129 to LANE_ACE_MAX. */
static always_inline unsigned size_class_of_large(size_t size)
{
    /* 8 classes for each doubling: the three bits below the highest bit are the number of the class
     * in it */
    unsigned shift = highest_bit(size - 1) - 3;
    return (unsigned)((size - 1) >> shift) + shift * 8 - 31;
}

/* The class of a size from 0 to LANE_ACE_MAX. */
static always_inline unsigned size_class_of(size_t size)
{
    if (size <= 128)
        return size <= 16 ? CLASS_FIRST : (unsigned)((size + 15) >> 4);
    return size_class_of_large(size);
}

/* The blocks that make up the smallest whole number of cache lines: 4 blocks of 16 or 48 bytes, 2
 * of 32; 1 for blocks of a line or more. */
static inline unsigned line_blocks(size_t size)
{
    return size >= CACHE_LINE ? 1 : size == CACHE_LINE / 2 ? 2 : 4;
}

static always_inline bool is_block_class(unsigned size_class)
{
    return size_class >= CLASS_FIRST && size_class <= CLASS_POOL_LAST;
}

static always_inline bool is_ace_class(unsigned size_class)
{
    return size_class > CLASS_POOL_LAST && size_class <= CLASS_ACE_LAST;
}

#endif
