/* SPDX-License-Identifier: MIT */
/*
 * The parts of a slab of the pools. There are 64 at most, of one page each if the run has four
 * slabs or fewer and pages of 4 KiB. Purged parts are marked `absent` in the record. They are made
 * present again in one call when blocks in them are handed out. The caller holds the class lock,
 * unless said otherwise.
 */
#ifndef HAK_LANE_PARTS_H
#define HAK_LANE_PARTS_H

#include "lane/pool_slab.h"

#define PARTS 64u

static inline size_t part_bytes(const struct slab *slab)
{
    size_t run = (size_t)slab->slab_count << SLAB_SHIFT;
    return align_up(run / PARTS, os_page_size());
}

/* The mask of parts [first, last]. */
static inline uint64_t part_mask(size_t first, size_t last)
{
    return (UINT64_MAX >> (PARTS - 1 - (last - first))) << first;
}

/* The length of the run of parts that begins at the lowest part. */
static inline unsigned lowest_run(uint64_t parts)
{
    uint64_t above = ~(parts >> lowest_bit(parts));
    return above ? lowest_bit(above) : PARTS;
}

/* Blocks have been taken from a slab with absent parts. The absent parts that hold these blocks are
 * no longer marked, and are returned: the caller makes them present. */
uint64_t parts_take(struct slab *slab, void *const *blocks, unsigned count);
/* Make these parts present, in as few calls as possible. Needs no lock. */
void parts_make_present(const struct slab *slab, uint64_t parts);
/* The bytes of a slab's absent parts. */
size_t parts_absent_bytes(const struct slab *slab);
/* The slab leaves its pool: reduce `resident` to the pages before the first absent part. */
void parts_forget(struct slab *slab);

#endif
