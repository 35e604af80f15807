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
    size_t count; /* of those that are present */
    uint8_t *present;
};

/* Resident bytes of [from, to), which must lie in the part. */
static uint64_t resident_bytes(const struct residency *part, uint64_t from, uint64_t to)
{
    uint64_t bytes = 0;
    if (part->count == 0 || part->count == part->pages)
        return part->count ? to - from : 0;
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

static void add_blocks(struct class_terms *figures, unsigned state, uint64_t count,
                       uint64_t resident)
{
    figures->blocks[state] += count;
    figures->resident[state] += resident;
}

/* The blocks of an extent that is resident in part; returns their resident bytes. */
static uint64_t add_each_block(const struct heap_view *view, struct class_terms *figures,
                               const struct extent *extent, const struct residency *part)
{
    uint8_t states[EXTENT_BLOCKS_MAX];
    size_t size = size_classes[extent->slab->size_class].size;
    unsigned count = heap_block_states(view, extent, states);
    uint64_t sum = 0;
    for (unsigned i = 0; i < count; i++) {
        uint64_t at = extent->start + i * size;
        uint64_t resident = resident_bytes(part, at, at + size);
        add_blocks(figures, states[i], 1, resident);
        sum += resident;
    }
    return sum;
}

/* In a slab whose pages are all resident, or none is, blocks need only be counted. */
static uint64_t add_all_blocks(const struct heap_view *view, struct class_terms *figures,
                               const struct extent *extent, bool is_resident)
{
    uint64_t counts[BLOCK_IN_DEPOT + 1];
    uint64_t size = is_resident ? size_classes[extent->slab->size_class].size : 0;
    unsigned count = heap_block_counts(view, extent, counts);
    for (unsigned state = 0; state <= BLOCK_IN_DEPOT; state++)
        add_blocks(figures, state, counts[state], counts[state] * size);
    return count * size;
}

/* Tiny, Pool, ACE. */
static void add_class_extent(const struct heap_view *view, struct heap_terms *terms,
                             const struct extent *extent, const struct residency *part)
{
    struct class_terms *figures = &terms->classes[extent->slab->size_class];
    uint64_t all = resident_bytes(part, extent->start, extent->start + extent->bytes);
    uint64_t in_blocks = all == 0 || all == extent->bytes
                             ? add_all_blocks(view, figures, extent, all > 0)
                             : add_each_block(view, figures, extent, part);
    figures->extents++;
    figures->mapped += extent->bytes;
    terms->partly_used += all - in_blocks; /* what is behind the last block */
}

static void add_huge_extent(const struct heap_view *view, struct heap_terms *terms,
                            const struct extent *extent)
{
    struct class_terms *lane = &terms->lanes[HAK_LANE_HUGE];
    uint64_t end = extent->start + extent->slab->size;
    uint64_t resident = target_resident_bytes(view->target, extent->start, end);
    add_blocks(lane, BLOCK_LIVE, 1, resident);
    lane->extents++;
    lane->mapped += extent->bytes;
    /* sizes are rounded to pages */
    if (resident > 0)
        lane->rounding += (double)(TARGET_PAGE - 1) / 2;
    terms->partly_used += target_resident_bytes(view->target, end, extent->start + extent->bytes);
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
        /* a superslab whose records contradict each other: it is likely being changed just now */
        if (heap_superslab(view, (extent->start - heap_start(view)) >> SUPERSLAB_SHIFT)->state !=
            SUPERSLAB_FIXED)
            terms->partly_used += resident_bytes(part, extent->start, end);
        break;
    }
}

/* Ask for the pages of the part of the heap from the superslab at `at` on. */
static void ask_part(struct residency *part, uint64_t at)
{
    const struct heap_view *view = part->view;
    part->start = at & ~(uint64_t)(SUPERSLAB_SIZE - 1);
    uint64_t rest = (heap_end(view) - part->start) / TARGET_PAGE;
    part->pages = rest < STEP * PAGES_PER_SUPERSLAB ? rest : STEP * PAGES_PER_SUPERSLAB;
    part->count = target_present(view->target, part->start, part->pages, part->present);
}

/* How far the heap has neither pages nor an entry in the table: a large address space is mostly
 * that. */
static uint64_t nothing_from(const struct residency *part, uint64_t at)
{
    uint64_t end = part->start + part->pages * TARGET_PAGE;
    if (part->count > 0 || at % SUPERSLAB_SIZE)
        return 0;
    uint64_t bytes =
        (uint64_t)heap_unused(part->view, (at - heap_start(part->view)) >> SUPERSLAB_SHIFT)
        << SUPERSLAB_SHIFT;
    return bytes < end - at ? bytes : end - at;
}

static void add_extents(const struct heap_view *view, struct heap_terms *terms)
{
    static uint8_t present[STEP * PAGES_PER_SUPERSLAB];
    struct residency part = {.view = view, .present = present};
    struct extent extent;
    for (uint64_t at = heap_start(view); at < heap_end(view);) {
        /* extents but Huge ones lie within a superslab, so none crosses the part's end */
        if (at >= part.start + part.pages * TARGET_PAGE)
            ask_part(&part, at);
        uint64_t nothing = nothing_from(&part, at);
        if (nothing == 0 && heap_extent_at(view, at, &extent)) {
            add_extent(view, terms, &extent, &part);
            nothing = extent.bytes;
        }
        at += nothing;
    }
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
    uint8_t state = heap_superslab(view, index)->state;
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
        i += heap_unused(view, i);
        if (i == view->count)
            break;
        const struct superslab *superslab = heap_superslab(view, i);
        if (superslab->state == SUPERSLAB_SLABS)
            terms->used_bytes += SUPERSLAB_SIZE;
        if (superslab->state == SUPERSLAB_SLABS)
            terms->huge_waste += (uint64_t)__builtin_popcount(superslab->zero) << SLAB_SHIFT;
    }
}

/* In a process that has called mlockall(), memory that was never used has pages too. */
static void count_unused(const struct heap_view *view, struct heap_terms *terms)
{
    uint64_t opened = view->base + ((uint64_t)view->space.opened << SUPERSLAB_SHIFT);
    uint64_t present = (uintptr_t)view->meta.present;
    uint64_t mapped = (uintptr_t)view->meta.mapped;
    if (view->space.is_rationed || view->space.opened > view->space.count)
        return;
    if (opened > heap_end(view))
        terms->purgeable += target_resident_bytes(view->target, heap_end(view), opened);
    if (mapped > present && mapped <= (uintptr_t)view->meta.end)
        terms->metadata += target_resident_bytes(view->target, present, mapped);
}

/* The head has many times more addresses than mapped memory. */
static uint64_t count_mapped(const struct heap_view *view, uint64_t start, uint64_t end)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < view->target->mapping_count; i++) {
        const struct mapping *mapping = &view->target->mappings[i];
        uint64_t from = mapping->start > start ? mapping->start : start;
        uint64_t to = mapping->end < end ? mapping->end : end;
        if (from < to)
            bytes += target_resident_bytes(view->target, from, to);
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
    terms->metadata = target_resident_bytes(view->target, records, (uintptr_t)view->meta.present);
    count_unused(view, terms);
    sum_up(view, terms);
}

uint64_t heap_terms_sum(const struct heap_terms *terms)
{
    return terms->live + terms->rounding + terms->thread_cached + terms->depots +
           terms->partly_used + terms->purgeable + terms->metadata + terms->tables + terms->others;
}
