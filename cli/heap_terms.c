/* SPDX-License-Identifier: MIT */
/*
 * The identity: each resident byte of the heap belongs to one term. Resident pages come from the
 * kernel (or, in a core, are those with something in them), and are divided by the states of the
 * blocks that lie in them. Called by the verbs; reads a heap_view.
 */
#include <stdlib.h>
#include <string.h>

#include "heap_view.h"

const char *const lane_names[HAK_LANE_COUNT] = {"tiny", "pool", "ace", "huge"};

/* Superslabs whose pages are asked for in one call. */
#define STEP ((size_t)64)

/* Purpose: the resident pages of a part of the heap, as far as they have been asked for. */
struct residency {
    const struct heap_view *view;
    uint64_t start;
    size_t pages;
    uint8_t *present;
};

/* Resident bytes of [from, to), which must lie in the part. */
static uint64_t resident_bytes(const struct residency *part, uint64_t from, uint64_t to)
{
    uint64_t bytes = 0;
    while (from < to) {
        uint64_t end = (from / TARGET_PAGE + 1) * TARGET_PAGE;
        if (end > to)
            end = to;
        if (part->present[(from - part->start) / TARGET_PAGE])
            bytes += end - from;
        from = end;
    }
    return bytes;
}

/* Resident bytes of any range of the heap, asked for piece by piece. */
static uint64_t count_range(const struct heap_view *view, uint64_t from, uint64_t to)
{
    static uint8_t present[STEP * PAGES_PER_SUPERSLAB];
    uint64_t bytes = 0;
    for (uint64_t at = from & ~(uint64_t)(TARGET_PAGE - 1); at < to;) {
        size_t pages = (to - at + TARGET_PAGE - 1) / TARGET_PAGE;
        if (pages > sizeof present)
            pages = sizeof present;
        target_present(view->target, at, pages, present);
        struct residency part = {view, at, pages, present};
        uint64_t end = at + pages * TARGET_PAGE;
        bytes += resident_bytes(&part, at < from ? from : at, end < to ? end : to);
        at = end;
    }
    return bytes;
}

static unsigned lane_of(unsigned size_class)
{
    return size_class <= CLASS_TINY_LAST   ? HAK_LANE_TINY
           : size_class <= CLASS_POOL_LAST ? HAK_LANE_POOL
                                           : HAK_LANE_ACE;
}

/* ---- extents ---- */

/* The part of a block's bytes that is not asked for, if sizes between two classes are as likely. */
static double rounding_share(unsigned size_class)
{
    double size = size_classes[size_class].size;
    double below = size_class == CLASS_FIRST ? 0 : size_classes[size_class - 1].size;
    return (size - below - 1) / 2 / size;
}

static void add_block(struct class_terms *figures, uint8_t state, uint64_t resident)
{
    figures->blocks[state]++;
    figures->resident[state] += resident;
}

/* Tiny, Pool, ACE. */
static void add_class_extent(const struct heap_view *view, struct heap_terms *terms,
                             const struct extent *extent, const struct residency *part)
{
    uint8_t states[EXTENT_BLOCKS_MAX];
    unsigned size_class = extent->slab->size_class;
    size_t size = size_classes[size_class].size;
    struct class_terms *figures = &terms->classes[size_class];
    unsigned count = heap_block_states(view, extent, states);
    uint64_t all = resident_bytes(part, extent->start, extent->start + extent->bytes);
    uint64_t left = all;
    for (unsigned i = 0; i < count; i++) {
        uint64_t at = extent->start + i * size;
        uint64_t resident = all == extent->bytes ? size : resident_bytes(part, at, at + size);
        add_block(figures, states[i], resident);
        left -= resident;
    }
    figures->extents++;
    figures->mapped += extent->bytes;
    terms->partly_used += left; /* what is behind the last block */
}

static void add_huge_extent(const struct heap_view *view, struct heap_terms *terms,
                            const struct extent *extent)
{
    struct class_terms *lane = &terms->lanes[HAK_LANE_HUGE];
    uint64_t end = extent->start + extent->slab->size;
    uint64_t resident = count_range(view, extent->start, end);
    add_block(lane, BLOCK_LIVE, resident);
    lane->extents++;
    lane->mapped += extent->bytes;
    /* sizes are rounded to pages */
    if (resident > 0)
        lane->rounding += (double)(TARGET_PAGE - 1) / 2;
    terms->partly_used += count_range(view, end, extent->start + extent->bytes);
}

static void add_extent(const struct heap_view *view, struct heap_terms *terms,
                       const struct extent *extent, const struct residency *part)
{
    uint64_t end = extent->start + extent->bytes;
    switch (extent->kind) {
    case EXTENT_BLOCKS:
    case EXTENT_SPAN: add_class_extent(view, terms, extent, part); break;
    case EXTENT_HUGE: add_huge_extent(view, terms, extent); break;
    case EXTENT_WARM:
        terms->warm_bytes += extent->bytes;
        terms->purgeable += resident_bytes(part, extent->start, end);
        break;
    case EXTENT_COLD:
        /* where address space is rationed, free superslabs are others' to use */
        if (!view->space.is_rationed || extent->bytes < SUPERSLAB_SIZE)
            terms->purgeable += resident_bytes(part, extent->start, end);
        break;
    default:
        /* a superslab of which no sense could be made: likely being changed just now */
        if (view->superslabs[(extent->start - heap_start(view)) >> SUPERSLAB_SHIFT].state !=
            SUPERSLAB_FIXED)
            terms->partly_used += resident_bytes(part, extent->start, end);
        break;
    }
}

static void add_extents(const struct heap_view *view, struct heap_terms *terms)
{
    struct residency part = {.view = view, .pages = STEP * PAGES_PER_SUPERSLAB};
    struct extent extent;
    uint64_t part_end = 0;
    part.present = target_resize(NULL, part.pages, 1);
    for (uint64_t at = heap_start(view); heap_extent_at(view, at, &extent);) {
        if (at >= part_end) {
            /* extents but Huge ones lie within a superslab, so none crosses the part's end */
            part.start = at & ~(uint64_t)(SUPERSLAB_SIZE - 1);
            uint64_t rest = (heap_end(view) - part.start) / TARGET_PAGE;
            size_t pages = rest < part.pages ? rest : part.pages;
            part_end = part.start + pages * TARGET_PAGE;
            target_present(view->target, part.start, pages, part.present);
        }
        add_extent(view, terms, &extent, &part);
        at = extent.start + extent.bytes;
    }
    free(part.present);
}

/* ---- sums ---- */

static void add_to_lane(struct class_terms *lane, const struct class_terms *figures)
{
    lane->extents += figures->extents;
    lane->mapped += figures->mapped;
    lane->rounding += figures->rounding;
    lane->traffic.taken += figures->traffic.taken;
    lane->traffic.given += figures->traffic.given;
    for (unsigned state = 0; state <= BLOCK_IN_DEPOT; state++) {
        lane->blocks[state] += figures->blocks[state];
        lane->resident[state] += figures->resident[state];
    }
}

static void sum_up(const struct heap_view *view, struct heap_terms *terms)
{
    double rounding = 0;
    terms->lanes[HAK_LANE_HUGE].traffic = view->traffic[CLASS_HUGE];
    for (unsigned c = CLASS_FIRST; c <= CLASS_ACE_LAST; c++) {
        struct class_terms *figures = &terms->classes[c];
        figures->size = size_classes[c].size;
        figures->traffic = view->traffic[c];
        figures->rounding = (double)figures->resident[BLOCK_LIVE] * rounding_share(c);
        add_to_lane(&terms->lanes[lane_of(c)], figures);
    }
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++) {
        const struct class_terms *figures = &terms->lanes[lane];
        rounding += figures->rounding;
        terms->live += figures->resident[BLOCK_LIVE];
        terms->thread_cached += figures->resident[BLOCK_IN_THREAD];
        terms->depots += figures->resident[BLOCK_IN_DEPOT];
        terms->partly_used += figures->resident[BLOCK_FREE];
    }
    terms->rounding = (uint64_t)rounding < terms->live ? (uint64_t)rounding : terms->live;
    terms->live -= terms->rounding;
}

/* Does the mapping belong to the heap? The heap is a window of addresses, and others' mappings may
 * lie between its own. */
static bool is_ours(const struct heap_view *view, const struct mapping *mapping)
{
    uint64_t end = view->base + (view->space.count << SUPERSLAB_SHIFT);
    if (view->is_empty || mapping->end <= view->base || mapping->start >= end)
        return false;
    if (mapping->start < heap_start(view))
        return true;
    size_t index = (mapping->start - heap_start(view)) >> SUPERSLAB_SHIFT;
    if (index >= view->count)
        return !view->space.is_rationed && view->first + index < view->space.opened;
    uint8_t state = view->superslabs[index].state;
    return state != SUPERSLAB_FIXED && !(view->space.is_rationed && state == SUPERSLAB_FREE);
}

static void add_mappings(const struct heap_view *view, struct heap_terms *terms)
{
    for (size_t i = 0; i < view->target->mapping_count; i++) {
        const struct mapping *mapping = &view->target->mappings[i];
        terms->rss += mapping->rss;
        if (!is_ours(view, mapping))
            terms->others += mapping->rss;
    }
}

static void count_used(const struct heap_view *view, struct heap_terms *terms)
{
    terms->used_bytes += (uint64_t)view->space.claimed << SUPERSLAB_SHIFT;
    for (size_t i = 0; i < view->count; i++) {
        uint8_t state = view->superslabs[i].state;
        if (state == SUPERSLAB_SLABS)
            terms->used_bytes += SUPERSLAB_SIZE;
        if (state == SUPERSLAB_SLABS)
            terms->huge_waste += (uint64_t)__builtin_popcount(view->superslabs[i].zero)
                                 << SLAB_SHIFT;
    }
}

/* What has never been used has pages all the same in a process that has called mlockall(). */
static void count_unused(const struct heap_view *view, struct heap_terms *terms)
{
    uint64_t opened = view->base + ((uint64_t)view->space.opened << SUPERSLAB_SHIFT);
    uint64_t present = (uintptr_t)view->meta.present;
    uint64_t mapped = (uintptr_t)view->meta.mapped;
    if (view->space.is_rationed || view->space.opened > view->space.count)
        return;
    if (opened > heap_end(view))
        terms->purgeable += count_range(view, heap_end(view), opened);
    if (mapped > present && mapped <= (uintptr_t)view->meta.end)
        terms->metadata += count_range(view, present, mapped);
}

/* The head's addresses are many times what is mapped of it. */
static uint64_t count_mapped(const struct heap_view *view, uint64_t start, uint64_t end)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < view->target->mapping_count; i++) {
        const struct mapping *mapping = &view->target->mappings[i];
        uint64_t from = mapping->start > start ? mapping->start : start;
        uint64_t to = mapping->end < end ? mapping->end : end;
        if (from < to)
            bytes += count_range(view, from, to);
    }
    return bytes;
}

void heap_terms_count(const struct heap_view *view, struct heap_terms *terms)
{
    memset(terms, 0, sizeof *terms);
    add_mappings(view, terms);
    if (view->is_empty)
        return;
    add_extents(view, terms);
    count_used(view, terms);
    uint64_t records = (uintptr_t)view->meta.start;
    terms->tables = count_mapped(view, view->base, records);
    terms->metadata = count_range(view, records, (uintptr_t)view->meta.present);
    count_unused(view, terms);
    sum_up(view, terms);
}

uint64_t heap_terms_sum(const struct heap_terms *terms)
{
    return terms->live + terms->rounding + terms->thread_cached + terms->depots +
           terms->partly_used + terms->purgeable + terms->metadata + terms->tables + terms->others;
}
