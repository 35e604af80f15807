/* SPDX-License-Identifier: MIT */
/*
 * The extents in the copy of a heap, in the order of their addresses, and the blocks in them.
 */
#include "heap/extents.h"

#include <string.h>

#include "heap/caches.h"
#include "heap/table.h"

/* A range of superslabs that a Huge block takes. */
static struct extent huge_extent(const struct heap_view *view, size_t index)
{
    struct extent extent = {EXTENT_OTHER, heap_superslab_address(view, index), SUPERSLAB_SIZE, NULL,
                            NULL};
    const struct record_view *records = heap_records(view, index);
    const union seen_slab *slab = records ? &records->slabs[0] : NULL;
    if (!slab || slab->state != SLAB_HUGE || (uintptr_t)slab->start != extent.start ||
        slab->size == 0)
        return extent;
    size_t rest = view->count - index;
    size_t superslabs = (slab->size - 1) / SUPERSLAB_SIZE + 1;
    if (superslabs > rest)
        return extent;
    /* a block that has shrunk keeps its range */
    if (seen_huge_of(slab)->count > superslabs && seen_huge_of(slab)->count <= rest)
        superslabs = seen_huge_of(slab)->count;
    extent.kind = EXTENT_HUGE;
    extent.bytes = (uint64_t)superslabs << SUPERSLAB_SHIFT;
    extent.slab = slab;
    return extent;
}

static struct extent free_extent(const union seen_superslab *superslab, uint64_t start,
                                 unsigned number)
{
    unsigned count = 1;
    bool is_warm = superslab->warm >> number & 1;
    while (number + count < SLABS_PER_SUPERSLAB && superslab->free >> (number + count) & 1 &&
           (superslab->warm >> (number + count) & 1) == is_warm)
        count++;
    return (struct extent){is_warm ? EXTENT_WARM : EXTENT_COLD, start,
                           (uint64_t)count << SLAB_SHIFT, NULL, NULL};
}

/* The extent that starts at a slab of a divided superslab. */
static struct extent slab_extent(const struct heap_view *view, size_t index, unsigned number)
{
    const union seen_superslab *superslab = heap_superslab(view, index);
    const struct record_view *records = heap_records(view, index);
    uint64_t start = heap_superslab_address(view, index) + ((uint64_t)number << SLAB_SHIFT);
    struct extent extent = {EXTENT_OTHER, start, SLAB_SIZE, NULL, NULL};
    if (superslab->free >> number & 1)
        return free_extent(superslab, start, number);
    if (!records)
        return extent;
    const union seen_slab *slab = &records->slabs[number];
    bool is_inline = seen_pooled(slab)->block_count <= SLAB_INLINE_WORDS * 64;
    if (heap_is_block_run(view, index, number) && (is_inline || records->bits[number])) {
        extent.kind = EXTENT_BLOCKS;
        extent.bits = is_inline ? seen_pooled(slab)->inline_bits : records->bits[number];
    } else if (slab->state == SLAB_ACE && (uintptr_t)slab->start == start &&
               is_ace_class(slab->size_class) && slab->slab_count > 0 &&
               number + slab->slab_count <= SLABS_PER_SUPERSLAB &&
               slab->size == size_classes[slab->size_class].size &&
               slab->size <= (size_t)slab->slab_count << SLAB_SHIFT) {
        extent.kind = EXTENT_SPAN;
    }
    if (extent.kind != EXTENT_OTHER) {
        extent.slab = slab;
        extent.bytes = (uint64_t)slab->slab_count << SLAB_SHIFT;
    }
    return extent;
}

bool heap_extent_at(const struct heap_view *view, uint64_t at, struct extent *extent)
{
    if (at < heap_start(view) || at >= heap_end(view))
        return false;
    size_t index = (at - heap_start(view)) >> SUPERSLAB_SHIFT;
    unsigned number = (unsigned)((at - heap_superslab_address(view, index)) >> SLAB_SHIFT);
    uint8_t state = heap_superslab(view, index)->state;
    switch (state) {
    case SUPERSLAB_SLABS: *extent = slab_extent(view, index, number); break;
    case SUPERSLAB_HUGE: *extent = huge_extent(view, index); break;
    default:
        *extent = (struct extent){state == SUPERSLAB_FREE ? EXTENT_COLD : EXTENT_OTHER,
                                  heap_superslab_address(view, index), SUPERSLAB_SIZE, NULL, NULL};
        break;
    }
    return true;
}

/* The length of the range from `at` on with neither pages nor entries in the table: most of a large
 * address space. */
static uint64_t nothing_from(const struct heap_view *view, uint64_t at)
{
    if (at % SUPERSLAB_SIZE)
        return 0;
    uint64_t unused = heap_unused(view, (at - heap_start(view)) >> SUPERSLAB_SHIFT);
    return page_set_empty(&view->pages, at, unused << SUPERSLAB_SHIFT);
}

bool heap_extent_next(const struct heap_view *view, uint64_t *at, struct extent *extent)
{
    while (*at < heap_end(view)) {
        uint64_t nothing = nothing_from(view, *at);
        *at += nothing;
        if (nothing > 0)
            continue;
        if (!heap_extent_at(view, *at, extent))
            return false;
        *at += extent->bytes;
        return true;
    }
    return false;
}

/* The later rows of a range say FREE if their superslabs were never used. */
static bool may_be_huge(const struct heap_view *view, size_t index)
{
    uint8_t state = heap_superslab(view, index)->state;
    return state == SUPERSLAB_HUGE || state == SUPERSLAB_FREE;
}

bool heap_extent_of(const struct heap_view *view, uint64_t address, struct extent *extent)
{
    if (address < heap_start(view) || address >= heap_end(view))
        return false;
    /* a Huge block may begin many superslabs before */
    size_t index = (address - heap_start(view)) >> SUPERSLAB_SHIFT;
    for (size_t back = index + 1; back-- > 0;) {
        if (!may_be_huge(view, index) || !may_be_huge(view, back))
            break;
        *extent = huge_extent(view, back);
        if (extent->kind == EXTENT_HUGE)
            return address - extent->start < extent->bytes;
    }
    uint64_t at = heap_superslab_address(view, index);
    while (heap_extent_at(view, at, extent)) {
        if (address - extent->start < extent->bytes)
            return true;
        at = extent->start + extent->bytes;
    }
    return false;
}

/* If entry `at` is a block of this extent: its number. */
static bool cached_block_number(const struct heap_view *view, const struct extent *extent,
                                size_t at, unsigned count, unsigned *number)
{
    uint64_t offset = view->cached[at].address - extent->start;
    if (offset % extent->slab->size || offset / extent->slab->size >= count)
        return false;
    *number = (unsigned)(offset / extent->slab->size);
    return true;
}

static bool is_free(const struct extent *extent, unsigned number)
{
    return extent->kind == EXTENT_BLOCKS && extent->bits[number / 64] >> (number % 64) & 1;
}

static unsigned block_count(const struct extent *extent)
{
    return extent->kind == EXTENT_BLOCKS ? seen_pooled(extent->slab)->block_count : 1;
}

static enum block_state cached_state(const struct heap_view *view, size_t at)
{
    return view->cached[at].holder == HOLDER_DEPOT ? BLOCK_IN_DEPOT : BLOCK_IN_THREAD;
}

unsigned heap_block_states(const struct heap_view *view, const struct extent *extent,
                           uint8_t states[EXTENT_BLOCKS_MAX])
{
    unsigned count = block_count(extent);
    unsigned number;
    for (unsigned i = 0; i < count; i++)
        states[i] = is_free(extent, i) ? BLOCK_FREE : BLOCK_LIVE;
    for (size_t at = heap_caches_find(view, extent->start);
         at < view->cached_count && view->cached[at].address - extent->start < extent->bytes; at++)
        if (cached_block_number(view, extent, at, count, &number) && states[number] == BLOCK_LIVE)
            states[number] = (uint8_t)cached_state(view, at);
    return count;
}

unsigned heap_block_counts(const struct heap_view *view, const struct extent *extent,
                           uint64_t counts[BLOCK_STATES])
{
    unsigned count = block_count(extent);
    unsigned number;
    memset(counts, 0, (BLOCK_STATES) * sizeof counts[0]);
    for (unsigned i = 0; extent->kind == EXTENT_BLOCKS && i < count; i += 64) {
        uint64_t mask = count - i < 64 ? ((uint64_t)1 << (count - i)) - 1 : UINT64_MAX;
        counts[BLOCK_FREE] += (unsigned)__builtin_popcountll(extent->bits[i / 64] & mask);
    }
    /* no address is in `cached` twice */
    for (size_t at = heap_caches_find(view, extent->start);
         at < view->cached_count && view->cached[at].address - extent->start < extent->bytes; at++)
        if (cached_block_number(view, extent, at, count, &number) && !is_free(extent, number))
            counts[cached_state(view, at)]++;
    counts[BLOCK_LIVE] = count - counts[BLOCK_FREE] - counts[BLOCK_IN_THREAD] -
                         counts[BLOCK_IN_DEPOT];
    return count;
}
