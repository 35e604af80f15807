/* SPDX-License-Identifier: MIT */
/*
 * Makes the rows of a map: the contents of each slab of a superslab, how much of it is live, and
 * how much is resident.
 */
#include "heap/extents.h"
#include "heap/residency.h"
#include "heap/table.h"
#include "look/map.h"

#define PAGES_PER_SLAB (SLAB_SIZE / TARGET_PAGE)

/* Add the bytes of live blocks in each slab of an extent to `live`. */
static void add_live(const struct heap_view *view, const struct extent *extent, uint64_t *live)
{
    uint64_t counts[BLOCK_STATES];
    if (extent->bytes == SLAB_SIZE) {
        heap_block_counts(view, extent, counts);
        live[0] = counts[BLOCK_LIVE] * extent->slab->size;
        return;
    }
    uint8_t states[EXTENT_BLOCKS_MAX];
    unsigned count = heap_block_states(view, extent, states);
    uint64_t size = extent->slab->size;
    for (unsigned i = 0; i < count; i++) {
        uint64_t end = (i + 1) * size;
        for (uint64_t at = i * size; states[i] == BLOCK_LIVE && at < end;) {
            uint64_t next = (at / SLAB_SIZE + 1) * SLAB_SIZE;
            if (next > end)
                next = end;
            live[at / SLAB_SIZE] += next - at;
            at = next;
        }
    }
}

static uint32_t count_pages(const uint8_t *present)
{
    uint32_t pages = 0;
    for (size_t i = 0; i < PAGES_PER_SLAB; i++)
        pages += present[i];
    return pages;
}

static uint8_t kind_of(const struct extent *extent)
{
    switch (extent->kind) {
    case EXTENT_COLD: return CELL_COLD;
    case EXTENT_WARM: return CELL_WARM;
    case EXTENT_BLOCKS: return extent->slab->size_class <= CLASS_TINY_LAST ? CELL_TINY : CELL_POOL;
    case EXTENT_SPAN: return CELL_ACE;
    case EXTENT_HUGE: return CELL_HUGE;
    default: return CELL_OTHER;
    }
}

/* Bytes of a Huge block in the slab at `at`: the block may use only a part of its last slab. */
static uint64_t huge_live(const struct extent *extent, uint64_t at)
{
    uint64_t end = extent->start + extent->slab->size;
    if (at >= end)
        return 0;
    return end - at < SLAB_SIZE ? end - at : SLAB_SIZE;
}

/* Fill the cells of those slabs of an extent that lie in the superslab at `start`. */
static void fill_cells(const struct heap_view *view, const struct extent *extent, uint64_t start,
                       const uint8_t *present, struct cell *cells)
{
    uint64_t from = extent->start > start ? extent->start : start;
    uint64_t end = extent->start + extent->bytes;
    uint64_t live[SLABS_PER_SUPERSLAB] = {0};
    bool is_huge = extent->slab && extent->kind == EXTENT_HUGE;
    if (extent->slab && !is_huge)
        add_live(view, extent, live);
    for (uint64_t at = from; at < end && at < start + SUPERSLAB_SIZE; at += SLAB_SIZE) {
        size_t number = (at - start) / SLAB_SIZE;
        uint64_t bytes = live[(at - extent->start) / SLAB_SIZE % SLABS_PER_SUPERSLAB];
        if (is_huge)
            bytes = huge_live(extent, at);
        cells[number] = (struct cell){
            .kind = kind_of(extent),
            .size_class = extent->slab && !is_huge ? extent->slab->size_class : 0,
            .is_first = at == extent->start,
            .pages = count_pages(present + number * PAGES_PER_SLAB),
            .live = bytes,
        };
    }
}

/* Fill the row of the superslab at `start`. `extent` continues from the superslab before, and may
 * reach into this one. */
static void fill_row(const struct heap_view *view, struct map_row *row, struct extent *extent)
{
    uint8_t present[PAGES_PER_SUPERSLAB];
    target_present(view->target, row->start, PAGES_PER_SUPERSLAB, present);
    for (uint64_t at = row->start; at < row->start + SUPERSLAB_SIZE;) {
        if (at >= extent->start + extent->bytes && !heap_extent_at(view, at, extent))
            return;
        fill_cells(view, extent, row->start, present, row->cells);
        at = extent->start + extent->bytes;
    }
}

/* The number of superslabs of [start, to), from `start` on, that are not in the table and have no
 * pages. */
static uint64_t unused_from(const struct heap_view *view, uint64_t start, uint64_t to)
{
    if (start >= to)
        return 0;
    uint64_t count = heap_unused(view, (start - heap_start(view)) >> SUPERSLAB_SHIFT);
    uint64_t rest = (to - start + SUPERSLAB_SIZE - 1) >> SUPERSLAB_SHIFT;
    count = count < rest ? count : rest;
    uint64_t end = start + (count << SUPERSLAB_SHIFT);
    return target_resident_bytes(view->target, start, end) > 0 ? 0 : count;
}

static struct map_row unused_row(uint64_t start, uint64_t count)
{
    struct map_row row = {.start = start, .count = count};
    row.cells[0].is_first = 1;
    return row;
}

void map_make_range(const struct heap_view *view, uint64_t from, uint64_t to, struct map *map)
{
    struct extent extent = {EXTENT_COLD, 0, 0, NULL, NULL};
    *map = (struct map){NULL, 0, 0};
    from = from > heap_start(view) ? from & ~(uint64_t)(SUPERSLAB_SIZE - 1) : heap_start(view);
    to = to < heap_end(view) ? to : heap_end(view);
    if (view->is_empty || from >= to)
        return;
    /* a Huge block may begin before */
    heap_extent_of(view, from, &extent);
    for (uint64_t start = from; start < to;) {
        struct map_row row = {.start = start, .count = 1};
        fill_row(view, &row, &extent);
        map_add_row(map, &row);
        start += SUPERSLAB_SIZE;
        uint64_t unused = start >= extent.start + extent.bytes ? unused_from(view, start, to) : 0;
        if (unused > 0) {
            row = unused_row(start, unused);
            map_add_row(map, &row);
            start += unused << SUPERSLAB_SHIFT;
        }
    }
    map_fold(map);
}

void map_make(const struct heap_view *view, struct map *map)
{
    map_make_range(view, 0, UINT64_MAX, map);
}
