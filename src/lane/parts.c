/* SPDX-License-Identifier: MIT */
/*
 * Owns the marks of a slab's absent parts: parts whose pages were purged (idle_pages.c) and not
 * used since. A part may never be marked while one of its blocks is out of the slab.
 */
#include "lane/parts.h"

static uint64_t block_parts(const struct slab *slab, size_t part, size_t offset)
{
    return part_mask(offset / part, (offset + slab->size - 1) / part);
}

uint64_t parts_take(struct slab *slab, void *const *blocks, unsigned count)
{
    size_t part = part_bytes(slab);
    uint64_t needed = 0;
    for (unsigned i = 0; i < count; i++)
        needed |= block_parts(slab, part, (size_t)((char *)blocks[i] - slab->start));
    needed &= pooled(slab)->absent;
    pooled(slab)->absent &= ~needed;
    return needed;
}

void parts_make_present(const struct slab *slab, uint64_t parts)
{
    size_t part = part_bytes(slab);
    size_t run = (size_t)slab->slab_count << SLAB_SHIFT;
    for (uint64_t rest = parts; rest;) {
        unsigned first = lowest_bit(rest);
        unsigned count = lowest_run(rest);
        rest &= ~part_mask(first, first + count - 1);
        os_populate(slab->start + first * part, min_size(count * part, run - first * part));
    }
}

size_t parts_absent_bytes(const struct slab *slab)
{
    return (size_t)__builtin_popcountll(pooled(slab)->absent) * part_bytes(slab);
}

void parts_forget(struct slab *slab)
{
    size_t present = lowest_bit(pooled(slab)->absent) * part_bytes(slab) / os_page_size();
    slab->resident = (uint16_t)min_size(slab->resident, present);
}
