/* SPDX-License-Identifier: MIT */
/*
 * Divides the free bytes of each resident page among the blocks that are in use there. The bytes of
 * a free block are free, whether the block is in a slab, a thread cache or a depot. The bytes by
 * which a block is larger than its request are part of the block. Spans and Huge blocks have pages
 * of their own: they pin nothing.
 */
#include "heap/pinners.h"

#include <string.h>

#include "heap/extents.h"

/* Purpose: the used and the free bytes of each page of an extent. Invariant: a page that is not
 * resident has neither. */
struct page_uses {
    uint32_t used[PAGES_PER_SUPERSLAB];
    uint32_t free[PAGES_PER_SUPERSLAB];
};

/* The part of [offset, end) that lies on the page of `offset`. */
static uint32_t part_on_page(uint64_t offset, uint64_t end)
{
    uint64_t next = (offset / TARGET_PAGE + 1) * TARGET_PAGE;
    return (uint32_t)((next < end ? next : end) - offset);
}

static void add_block(uint32_t *bytes, uint64_t offset, uint64_t size)
{
    for (uint64_t end = offset + size; offset < end;) {
        uint32_t part = part_on_page(offset, end);
        bytes[offset / TARGET_PAGE] += part;
        offset += part;
    }
}

static void count_pages(const struct heap_view *view, const struct extent *extent,
                        const uint8_t *states, unsigned count, struct page_uses *uses)
{
    uint64_t size = extent->slab->size;
    size_t pages = extent->bytes / TARGET_PAGE;
    memset(uses->used, 0, pages * sizeof uses->used[0]);
    memset(uses->free, 0, pages * sizeof uses->free[0]);
    for (unsigned i = 0; i < count && (i + 1) * size <= extent->bytes; i++)
        add_block(states[i] == BLOCK_LIVE ? uses->used : uses->free, i * size, size);
    for (size_t i = 0; i < pages; i++) {
        uint64_t start = extent->start + i * TARGET_PAGE;
        if (page_set_bytes(&view->pages, start, start + TARGET_PAGE) == 0)
            uses->used[i] = uses->free[i] = 0;
    }
}

static void charge(struct profile_view *copied, const struct sample_view *sample,
                   const struct page_uses *uses, uint64_t offset, uint64_t size)
{
    struct site_view *site = &copied->sites[sample->site];
    double pinned = 0;
    double own = 0;
    for (uint64_t end = offset + size; offset < end;) {
        uint32_t part = part_on_page(offset, end);
        size_t page = offset / TARGET_PAGE;
        offset += part;
        if (uses->free[page] == 0 || uses->used[page] == 0)
            continue;
        pinned += (double)uses->free[page] * part / uses->used[page];
        own += part;
    }
    if (pinned <= 0)
        return;
    site->pinned_bytes += pinned * sample->weight;
    site->pinned_own_bytes += own * sample->weight;
    site->pinned_count += sample->weight;
}

/* Charge the samples of an extent, from samples[at] on. Returns the index of the first sample after
 * the extent. The block of a sample may have been allocated or freed since the heap was copied:
 * then it is charged nothing. */
static size_t charge_samples(struct profile_view *copied, const struct extent *extent,
                             const uint8_t *states, unsigned count, const struct page_uses *uses,
                             size_t at)
{
    uint64_t size = extent->slab->size;
    for (; at < copied->sample_count; at++) {
        const struct sample_view *sample = &copied->samples[at];
        uint64_t offset = sample->address - extent->start;
        if (offset >= extent->bytes)
            break;
        if (sample->site != SAMPLE_NO_SITE && offset % size == 0 && offset / size < count &&
            states[offset / size] == BLOCK_LIVE && offset + size <= extent->bytes)
            charge(copied, sample, uses, offset, size);
    }
    return at;
}

static size_t find_in_extent(struct profile_view *copied, const struct heap_view *view,
                             const struct extent *extent, size_t at)
{
    static struct page_uses uses;
    static uint8_t states[EXTENT_BLOCKS_MAX];
    unsigned count = heap_block_states(view, extent, states);
    count_pages(view, extent, states, count, &uses);
    for (size_t i = 0; i < extent->bytes / TARGET_PAGE; i++)
        copied->partly_free += uses.used[i] > 0 ? uses.free[i] : 0;
    return charge_samples(copied, extent, states, count, &uses, at);
}

void pinners_find(struct profile_view *copied, const struct heap_view *view)
{
    struct extent extent;
    size_t sample = 0;
    if (view->is_empty)
        return;
    for (uint64_t at = heap_start(view); heap_extent_next(view, &at, &extent);) {
        while (sample < copied->sample_count && copied->samples[sample].address < extent.start)
            sample++;
        if (extent.kind == EXTENT_BLOCKS &&
            page_set_bytes(&view->pages, extent.start, extent.start + extent.bytes) > 0)
            sample = find_in_extent(copied, view, &extent, sample);
    }
}
