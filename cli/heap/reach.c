/* SPDX-License-Identifier: MIT */
/*
 * Marks the live blocks to which a word leads, that is, whose address (or an address inside them)
 * the word holds. The search begins at the roots: the private memory of the process outside the
 * heap, the shared memory that it may write, the stacks from their stack pointers on, and the
 * registers. The work is bounded by the memory of the process, since each block is read once.
 */
#include "heap/reach.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "heap/exit_frame.h"
#include "heap/extents.h"
#include "heap/residency.h"
#include "heap/target_read.h"
#include "heap/terms.h"

#define WORD sizeof(uint64_t)
/* The most pages in one question to the kernel. A block of at most this size is read without a
 * question. */
#define PAGES_ASKED 16
/* The bytes below the stack pointer that a function without calls may use (the red zone). */
#define RED_ZONE 128

struct reach_extent {
    uint64_t start;
    uint64_t size;  /* of a block */
    uint64_t count; /* of blocks */
    uint64_t first; /* the number of its first block */
};

/* A reached block. */
struct reach_piece {
    uint64_t start;
    uint64_t size;
};

/* ---- the blocks ---- */

static bool has_bit(const uint64_t *bits, uint64_t at)
{
    return bits[at / 64] >> (at % 64) & 1;
}

static void set_bit(uint64_t *bits, uint64_t at)
{
    bits[at / 64] |= (uint64_t)1 << (at % 64);
}

static void make_room(struct reach *reach, uint64_t blocks, size_t *words)
{
    size_t needed = (blocks + 63) / 64;
    if (needed <= *words)
        return;
    size_t room = 2 * needed;
    reach->live = memory_resize(reach->live, room, WORD);
    memset(reach->live + *words, 0, (room - *words) * WORD);
    *words = room;
}

static void add_extent(struct reach *reach, const struct heap_view *view,
                       const struct extent *extent, size_t *words)
{
    static uint8_t states[EXTENT_BLOCKS_MAX];
    unsigned count = heap_block_states(view, extent, states);
    make_room(reach, reach->block_count + count, words);
    if ((reach->extent_count & (reach->extent_count - 1)) == 0)
        reach->extents = memory_resize(reach->extents,
                                       reach->extent_count ? 2 * reach->extent_count : 1,
                                       sizeof *reach->extents);
    reach->extents[reach->extent_count++] = (struct reach_extent){
        .start = extent->start,
        .size = extent->slab->size,
        .count = count,
        .first = reach->block_count,
    };
    for (unsigned i = 0; i < count; i++)
        if (states[i] == BLOCK_LIVE)
            set_bit(reach->live, reach->block_count + i);
    reach->block_count += count;
}

static void collect_blocks(struct reach *reach, const struct heap_view *view)
{
    struct extent extent;
    size_t words = 0;
    make_room(reach, 1, &words);
    for (uint64_t at = heap_start(view); heap_extent_next(view, &at, &extent);)
        if (extent.slab && extent.slab->size > 0)
            add_extent(reach, view, &extent, &words);
    reach->reached = memory_resize(NULL, words, WORD);
    memset(reach->reached, 0, words * WORD);
}

/* The extent with the block that contains an address, and the number of the block in it. */
static const struct reach_extent *find_block(const struct reach *reach, uint64_t address,
                                             uint64_t *number)
{
    size_t from = 0;
    size_t to = reach->extent_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (reach->extents[middle].start <= address)
            from = middle + 1;
        else
            to = middle;
    }
    if (from == 0)
        return NULL;
    const struct reach_extent *extent = &reach->extents[from - 1];
    *number = (address - extent->start) / extent->size;
    return *number < extent->count ? extent : NULL;
}

/* ---- marking ---- */

static void mark(struct reach *reach, uint64_t word)
{
    uint64_t number;
    const struct reach_extent *extent = find_block(reach, word, &number);
    if (!extent || !has_bit(reach->live, extent->first + number) ||
        has_bit(reach->reached, extent->first + number))
        return;
    set_bit(reach->reached, extent->first + number);
    if (reach->pending_count == reach->pending_room) {
        reach->pending_room = reach->pending_room ? 2 * reach->pending_room : 1024;
        reach->pending = memory_resize(reach->pending, reach->pending_room, sizeof *reach->pending);
    }
    reach->pending[reach->pending_count++] = (struct reach_piece){
        extent->start + number * extent->size, extent->size};
}

/* A page that was read. Blocks that lead to each other are often neighbours. */
struct window {
    uint64_t page;
    size_t count; /* of words that could be read */
    uint64_t words[TARGET_PAGE / sizeof(uint64_t)];
};
#define WINDOWS 4096

/* Purpose: a search that is running. Invariant: windows[i] is empty, or has a page whose number
 * modulo WINDOWS is i. */
struct scan {
    struct reach *reach;
    struct heap_view *view;
    const struct reach_hole *holes;
    size_t hole_count;
    uint64_t exit; /* the function's address */
    uint64_t low;  /* words outside [low, high) lead to no block */
    uint64_t high;
    struct window windows[WINDOWS];
};

static void mark_words(struct scan *scan, const uint64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (words[i] >= scan->low && words[i] < scan->high)
            mark(scan->reach, words[i]);
}

/* The page of an address: read now, if it is not the last one that was read into its window. */
static const struct window *window_of(struct scan *scan, uint64_t at)
{
    uint64_t page = at / TARGET_PAGE;
    struct window *window = &scan->windows[page % WINDOWS];
    if (window->page != page) {
        window->page = page;
        window->count = target_read_part(scan->view->target, page * TARGET_PAGE, window->words,
                                         TARGET_PAGE) /
                        WORD;
    }
    return window;
}

/* Mark the words of [start, end), whose pages the process has. */
static void scan_present(struct scan *scan, uint64_t start, uint64_t end)
{
    for (uint64_t at = (start + WORD - 1) / WORD * WORD; at + WORD <= end;) {
        const struct window *window = window_of(scan, at);
        uint64_t next = (at / TARGET_PAGE + 1) * TARGET_PAGE;
        size_t first = at % TARGET_PAGE / WORD;
        size_t last = (next <= end ? TARGET_PAGE : end % TARGET_PAGE) / WORD;
        scan->reach->is_partial = scan->reach->is_partial || last > window->count;
        last = last < window->count ? last : window->count;
        if (first < last)
            mark_words(scan, window->words + first, last - first);
        at = next;
    }
}

/* Mark the words of [start, end) on those pages that have content. */
static void scan_range(struct scan *scan, uint64_t start, uint64_t end, bool is_shared)
{
    uint8_t has[PAGES_ASKED];
    for (uint64_t at = start / TARGET_PAGE * TARGET_PAGE; at < end;
         at += sizeof has * TARGET_PAGE) {
        size_t pages = (size_t)((end - at + TARGET_PAGE - 1) / TARGET_PAGE);
        pages = pages < sizeof has ? pages : sizeof has;
        if ((is_shared ? target_present : target_own)(scan->view->target, at, pages, has) == 0)
            continue;
        for (size_t i = 0; i < pages; i++) {
            uint64_t page = at + i * TARGET_PAGE;
            uint64_t to = page + TARGET_PAGE < end ? page + TARGET_PAGE : end;
            if (has[i])
                scan_present(scan, page > start ? page : start, to);
        }
    }
}

/* The first hole that overlaps [start, end), or NULL. */
static const struct reach_hole *hole_in(const struct scan *scan, uint64_t start, uint64_t end)
{
    const struct reach_hole *first = NULL;
    for (size_t i = 0; i < scan->hole_count; i++) {
        const struct reach_hole *hole = &scan->holes[i];
        if (hole->end > start && hole->start < end && hole->end > hole->start &&
            (!first || hole->start < first->start))
            first = hole;
    }
    return first;
}

static void scan_around_holes(struct scan *scan, uint64_t start, uint64_t end, bool is_shared)
{
    while (start < end) {
        const struct reach_hole *hole = hole_in(scan, start, end);
        uint64_t to = hole ? hole->start : end;
        if (start < to)
            scan_range(scan, start, to, is_shared);
        start = hole ? hole->end : end;
    }
}

/* Read the blocks that were reached, until no word leads to another one. */
static void scan_pending(struct scan *scan)
{
    struct reach *reach = scan->reach;
    while (reach->pending_count > 0) {
        struct reach_piece piece = reach->pending[--reach->pending_count];
        if (piece.size <= PAGES_ASKED * TARGET_PAGE)
            scan_present(scan, piece.start, piece.start + piece.size);
        else
            scan_range(scan, piece.start, piece.start + piece.size, false);
    }
}

/* ---- roots ---- */

/* Where the words of a mapping begin to count: in a stack, at the stack pointer. */
static uint64_t live_start(const struct scan *scan, const struct stopped *stopped,
                           const struct mapping *mapping)
{
    uint64_t start = mapping->end;
    for (size_t i = 0; i < stopped->count; i++) {
        uint64_t pointer = stopped->threads[i].stack_pointer;
        if (pointer < mapping->start || pointer >= mapping->end)
            continue;
        uint64_t from = exit_frame_find(scan->view->target, scan->exit, pointer, mapping->end);
        from = from ? from : pointer - RED_ZONE;
        start = from < start ? from : start;
    }
    return start < mapping->end && start > mapping->start ? start : mapping->start;
}

static void scan_roots(struct scan *scan, const struct stopped *stopped)
{
    struct target *target = scan->view->target;
    for (size_t i = 0; i < target->mapping_count; i++) {
        const struct mapping *mapping = &target->mappings[i];
        bool is_device = strncmp(mapping->path, "/dev/", 5) == 0 &&
                         strncmp(mapping->path, "/dev/zero", 9) != 0 &&
                         strncmp(mapping->path, "/dev/shm/", 9) != 0;
        if (heap_owns(scan->view, mapping) || is_device || mapping->rss == 0 ||
            (mapping->is_shared && !mapping->is_writable))
            continue;
        scan_around_holes(scan, live_start(scan, stopped, mapping), mapping->end,
                          mapping->is_shared);
        scan_pending(scan);
    }
    for (size_t i = 0; i < stopped->count; i++) {
        const struct stopped_thread *thread = &stopped->threads[i];
        const struct mapping *stack = target_mapping(target, thread->stack_pointer);
        /* the registers of a thread that has returned from main are those of exit() */
        if (!stack || !exit_frame_find(target, scan->exit, thread->stack_pointer, stack->end))
            mark_words(scan, thread->words, thread->word_count);
    }
    scan_pending(scan);
}

static void count_lost(struct reach *reach)
{
    for (size_t i = 0; i < reach->extent_count; i++)
        for (uint64_t j = 0; j < reach->extents[i].count; j++) {
            uint64_t number = reach->extents[i].first + j;
            if (!has_bit(reach->live, number) || has_bit(reach->reached, number))
                continue;
            reach->lost_blocks++;
            reach->lost_bytes += reach->extents[i].size;
        }
}

void reach_find(struct reach *reach, struct heap_view *view, const struct stopped *stopped,
                const struct reach_hole *holes, size_t hole_count)
{
    *reach = (struct reach){.is_partial = !stopped->is_complete};
    if (view->is_empty)
        return;
    struct scan *scan = memory_resize(NULL, 1, sizeof *scan);
    scan->reach = reach;
    scan->view = view;
    scan->holes = holes;
    scan->hole_count = hole_count;
    scan->exit = exit_function_find(view->target);
    scan->low = heap_start(view);
    scan->high = heap_end(view);
    for (size_t i = 0; i < WINDOWS; i++)
        scan->windows[i].page = UINT64_MAX;
    collect_blocks(reach, view);
    scan_roots(scan, stopped);
    count_lost(reach);
    free(scan);
}

bool reach_has(const struct reach *reach, uint64_t address)
{
    uint64_t number;
    const struct reach_extent *extent = find_block(reach, address, &number);
    return !extent || !has_bit(reach->live, extent->first + number) ||
           has_bit(reach->reached, extent->first + number);
}

void reach_free(struct reach *reach)
{
    free(reach->extents);
    free(reach->live);
    free(reach->reached);
    free(reach->pending);
    *reach = (struct reach){0};
}
