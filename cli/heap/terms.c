/* SPDX-License-Identifier: MIT */
/*
 * Counts the terms: each resident byte belongs to one term, so the terms add up to the RSS. The
 * kernel says which pages are resident (in a core: those that are not all zero). They are divided
 * by the states of the blocks in them. If the sum cannot be the RSS, the heap is read again.
 */
#include "heap/terms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "heap/copy.h"
#include "heap/process.h"
#include "heap/profile_view.h"
#include "heap/residency.h"
#include "heap/table.h"
#include "heap/target_read.h"

/* ---- extents ---- */

static uint64_t resident_of(const struct heap_view *view, const struct extent *extent)
{
    return page_set_bytes(&view->pages, extent->start, extent->start + extent->bytes);
}

static void add_blocks(struct row_figures *figures, unsigned state, uint64_t count,
                       uint64_t resident)
{
    figures->blocks[state] += count;
    figures->bytes[state] += resident;
}

/* Add the blocks of an extent that is partly resident. Returns their resident bytes. */
static uint64_t add_each_block(const struct heap_view *view, struct row_figures *figures,
                               const struct extent *extent)
{
    uint8_t states[EXTENT_BLOCKS_MAX];
    size_t size = size_classes[extent->slab->size_class].size;
    unsigned count = heap_block_states(view, extent, states);
    uint64_t sum = 0;
    for (unsigned i = 0; i < count; i++) {
        uint64_t at = extent->start + i * size;
        uint64_t resident = page_set_bytes(&view->pages, at, at + size);
        add_blocks(figures, states[i], 1, resident);
        sum += resident;
    }
    return sum;
}

/* Add the blocks of an extent whose pages are all resident, or none of them: counting the blocks is
 * enough. */
static uint64_t add_all_blocks(const struct heap_view *view, struct row_figures *figures,
                               const struct extent *extent, bool is_resident)
{
    uint64_t counts[BLOCK_STATES];
    uint64_t size = is_resident ? size_classes[extent->slab->size_class].size : 0;
    unsigned count = heap_block_counts(view, extent, counts);
    for (unsigned state = 0; state < BLOCK_STATES; state++)
        add_blocks(figures, state, counts[state], counts[state] * size);
    return count * size;
}

/* Tiny, Pool, ACE. */
static void add_class_extent(const struct heap_view *view, struct heap_terms *terms,
                             const struct extent *extent)
{
    struct row_figures *figures = &terms->classes[extent->slab->size_class];
    uint64_t all = resident_of(view, extent);
    uint64_t in_blocks = all == 0 || all == extent->bytes
                             ? add_all_blocks(view, figures, extent, all > 0)
                             : add_each_block(view, figures, extent);
    figures->extents++;
    figures->mapped += extent->bytes;
    terms->partly_used += all - in_blocks; /* the bytes after the last block */
}

static void add_huge_extent(const struct heap_view *view, struct heap_terms *terms,
                            const struct extent *extent)
{
    struct row_figures *lane = &terms->lanes[HAK_LANE_HUGE];
    uint64_t end = extent->start + extent->slab->size;
    uint64_t resident = page_set_bytes(&view->pages, extent->start, end);
    add_blocks(lane, BLOCK_LIVE, 1, resident);
    lane->extents++;
    lane->mapped += extent->bytes;
    terms->partly_used += page_set_bytes(&view->pages, end, extent->start + extent->bytes);
}

static void add_extent(const struct heap_view *view, struct heap_terms *terms,
                       const struct extent *extent)
{
    switch (extent->kind) {
    case EXTENT_BLOCKS:
    case EXTENT_SPAN: add_class_extent(view, terms, extent); break;
    case EXTENT_HUGE: add_huge_extent(view, terms, extent); break;
    case EXTENT_WARM:
        terms->warm_bytes += extent->bytes;
        terms->purgeable += resident_of(view, extent);
        break;
    case EXTENT_COLD:
        /* if address space is rationed, free superslabs belong to others */
        if (!view->space.is_rationed || extent->bytes < SUPERSLAB_SIZE)
            terms->purgeable += resident_of(view, extent);
        break;
    default:
        /* its records contradict each other: it is probably changing right now */
        if (heap_superslab(view, (extent->start - heap_start(view)) >> SUPERSLAB_SHIFT)->state !=
            SUPERSLAB_FIXED)
            terms->partly_used += resident_of(view, extent);
        break;
    }
}

static void add_extents(const struct heap_view *view, struct heap_terms *terms)
{
    struct extent extent;
    for (uint64_t at = heap_start(view); heap_extent_next(view, &at, &extent);)
        add_extent(view, terms, &extent);
}

/* ---- sums ---- */

static void add_to_lane(struct row_figures *lane, const struct row_figures *figures)
{
    lane->extents += figures->extents;
    lane->mapped += figures->mapped;
    lane->traffic.refilled += figures->traffic.refilled;
    lane->traffic.flushed += figures->traffic.flushed;
    for (unsigned state = 0; state < BLOCK_STATES; state++) {
        lane->blocks[state] += figures->blocks[state];
        lane->bytes[state] += figures->bytes[state];
    }
}

static void sum_up(const struct heap_view *view, struct heap_terms *terms)
{
    terms->lanes[HAK_LANE_HUGE].traffic = view->traffic[CLASS_HUGE];
    for (unsigned c = CLASS_FIRST; c <= CLASS_ACE_LAST; c++) {
        struct row_figures *figures = &terms->classes[c];
        figures->size = size_classes[c].size;
        figures->traffic = view->traffic[c];
        add_to_lane(&terms->lanes[lane_of_class(c)], figures);
    }
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++) {
        const struct row_figures *figures = &terms->lanes[lane];
        terms->live += figures->bytes[BLOCK_LIVE];
        terms->thread_cached += figures->bytes[BLOCK_IN_THREAD];
        terms->depots += figures->bytes[BLOCK_IN_DEPOT];
        terms->partly_used += figures->bytes[BLOCK_FREE];
    }
}

bool heap_owns(const struct heap_view *view, const struct mapping *mapping)
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

static uint64_t count_others(const struct heap_view *view)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < view->target->mapping_count; i++)
        if (!heap_owns(view, &view->target->mappings[i]))
            bytes += view->target->mappings[i].rss;
    return bytes;
}

static void count_used(const struct heap_view *view, struct heap_terms *terms)
{
    terms->used_bytes += (uint64_t)view->space.claimed << SUPERSLAB_SHIFT;
    for (size_t i = 0; i < view->count; i++) {
        i += heap_unused(view, i);
        if (i == view->count)
            break;
        const union seen_superslab *superslab = heap_superslab(view, i);
        if (superslab->state == SUPERSLAB_SLABS)
            terms->used_bytes += SUPERSLAB_SIZE;
        if (superslab->state == SUPERSLAB_SLABS)
            terms->huge_page_waste += (uint64_t)__builtin_popcount(superslab->zero) << SLAB_SHIFT;
    }
}

/* After mlockall(), memory that was never used has pages too. */
static void count_unused(const struct heap_view *view, struct heap_terms *terms)
{
    uint64_t opened = view->base + ((uint64_t)view->space.opened << SUPERSLAB_SHIFT);
    uint64_t present = (uintptr_t)view->meta.present;
    uint64_t mapped = (uintptr_t)view->meta.mapped;
    if (view->space.is_rationed || view->space.opened > view->space.count)
        return;
    if (opened > heap_end(view))
        terms->purgeable += page_set_bytes(&view->pages, heap_end(view), opened);
    if (mapped > present && mapped <= (uintptr_t)view->meta.end)
        terms->metadata += target_resident_bytes(view->target, present, mapped);
}

/* The head has many more addresses than mapped memory. */
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

/* The tables of a profile are the allocator's own, though they lie outside the heap. */
static void count_profile(const struct heap_view *view, struct heap_terms *terms)
{
    uint64_t start;
    uint64_t end;
    uint64_t bytes = 0;
    profile_view_memory(view, &start, &end);
    for (size_t i = 0; start < end && i < view->target->mapping_count; i++) {
        const struct mapping *mapping = &view->target->mappings[i];
        if (!heap_owns(view, mapping) && mapping->start < end && mapping->end > start)
            bytes += target_resident_bytes(view->target,
                                           mapping->start > start ? mapping->start : start,
                                           mapping->end < end ? mapping->end : end);
    }
    terms->tables += bytes;
    terms->others -= bytes < terms->others ? bytes : terms->others;
}

static void count_terms(const struct heap_view *view, struct heap_terms *terms)
{
    memset(terms, 0, sizeof *terms);
    terms->others = count_others(view);
    if (view->is_empty)
        return;
    add_extents(view, terms);
    count_used(view, terms);
    uint64_t records = (uintptr_t)view->meta.start;
    terms->tables = count_mapped(view, view->base, records);
    terms->metadata = target_resident_bytes(view->target, records, (uintptr_t)view->meta.present);
    count_unused(view, terms);
    count_profile(view, terms);
    sum_up(view, terms);
}

uint64_t heap_terms_sum(const struct heap_terms *terms)
{
    return terms->live + terms->thread_cached + terms->depots + terms->partly_used +
           terms->purgeable + terms->metadata + terms->tables + terms->others;
}

uint64_t heap_terms_spans(const struct heap_terms *terms)
{
    return terms->lanes[HAK_LANE_ACE].mapped + terms->lanes[HAK_LANE_HUGE].mapped;
}

/* ---- one look ---- */

/* The most looks at a heap, and the seconds after which no other look begins. */
#define LOOKS_MAX 5
#define LOOKS_SECONDS 0.3

/* Set the RSS. VmRSS changes page by page. So if the sum lies between VmRSS before and after, VmRSS
 * had this value at some moment, and it is taken. Else the RSS becomes the nearest value that VmRSS
 * certainly had. False: the process is gone. */
static bool compare_with_rss(const struct heap_view *view, struct heap_terms *terms)
{
    struct target *target = view->target;
    uint64_t before = target->rss;
    uint64_t after;
    char byte;
    bool is_known = target_rss(target, &after);
    /* VmRSS belongs to the program that runs now, the memory to the one that was opened */
    if (!target_read(target, view->root_address, &byte, 1) || !is_known)
        return process_explain(target, ESRCH);
    uint64_t least = before < after ? before : after;
    uint64_t most = before < after ? after : before;
    uint64_t slack = target_rss_slack(target);
    uint64_t sum = heap_terms_sum(terms);
    terms->rss = sum < least ? least : sum > most ? most : sum;
    terms->unexplained = (int64_t)(terms->rss - sum);
    if ((uint64_t)llabs(terms->unexplained) > slack)
        return true;
    terms->rss = sum;
    terms->unexplained = 0;
    return true;
}

static bool look_again(struct heap_view *view)
{
    struct target *target = view->target;
    heap_view_close(view);
    return target_refresh(target) && heap_view_open(view, target);
}

bool heap_terms_count(struct heap_view *view, struct heap_terms *terms)
{
    double begin = clock_seconds();
    for (unsigned looks = 1;; looks++) {
        count_terms(view, terms);
        if (view->target->is_core)
            return true;
        if (!compare_with_rss(view, terms))
            break;
        if (terms->unexplained == 0 || looks == LOOKS_MAX ||
            clock_seconds() - begin > LOOKS_SECONDS)
            return true;
        if (!look_again(view))
            break;
    }
    heap_view_close(view);
    memset(terms, 0, sizeof *terms);
    return false;
}
