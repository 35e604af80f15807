/* SPDX-License-Identifier: MIT */
/*
 * The parts of a slab of the pools: 64, of a page each where the slab's run is of four slabs or
 * fewer. Parts whose pages were purged are marked `absent` in the record, and made present again in
 * one call when blocks of them are handed out. All of it under the class lock, unless said
 * otherwise.
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

/* Parts [first, last]. */
static inline uint64_t part_mask(size_t first, size_t last)
{
    return (UINT64_MAX >> (PARTS - 1 - (last - first))) << first;
}

/* Length of the run of parts that begins at the lowest. */
static inline unsigned lowest_run(uint64_t parts)
{
    uint64_t above = ~(parts >> lowest_bit(parts));
    return above ? lowest_bit(above) : PARTS;
}

/* Blocks have been taken from a slab some of whose parts are absent: those that hold these blocks
 * are noted as present, and returned. */
uint64_t parts_take(struct slab *slab, void *const *blocks, unsigned count);
/* Make these parts present, in as few calls as can be. Needs no lock. */
void parts_make_present(const struct slab *slab, uint64_t parts);
/* Bytes of a slab that were purged and not used since. */
size_t parts_absent_bytes(const struct slab *slab);
/* The slab leaves its pool: what is absent is no part of what it has present. */
void parts_forget(struct slab *slab);

#endif
