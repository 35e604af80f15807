/* SPDX-License-Identifier: MIT */
/*
 * Owns ranges of whole superslabs. They are found first fit by address, so that the heap stays low
 * and warm slabs are used again. Also owns fresh superslabs, from which slab_run.c takes slabs. A
 * superslab of a range may never be in a list of superslabs with free slabs.
 */
#include "slab/superslab.h"

#include "slab/attributes.h"
#include "slab/mapping.h"
#include "slab/meta.h"
#include "slab/reservation.h"
#include "slab/room.h"
#include "slab/space.h"
#include "slab/warm_bound.h"

#include <string.h>

#define NOT_FOUND SIZE_MAX

/* The first of `count` contiguous superslabs that are wholly free. They may end beyond the
 * frontier. */
static size_t find_range_locked(size_t count)
{
    size_t run = 0;
    size_t index = space.lowest_free;
    for (; index < space.frontier; index++) {
        if (space.taken[index / 64] == UINT64_MAX) {
            index |= 63;
            run = 0;
        } else {
            run = superslab_is_taken(index) ? 0 : run + 1;
        }
        if (run == count)
            return index + 1 - count;
    }
    return space.frontier - run;
}

/* Make a superslab that was used before part of a range. Returns whether it reads as zero. `warm`
 * and `zero` keep the state of its slabs for superslab_range_zero. */
static bool claim_used_locked(struct superslab *superslab)
{
    uint32_t warm = superslab->warm;
    uint32_t zero = superslab->zero;
    bool is_zero = superslab_mark_taken(superslab, ALL_SLABS);
    space.used--;
    word_store(&superslab->state, SUPERSLAB_HUGE);
    superslab->warm = warm;
    superslab->zero = zero;
    return is_zero;
}

/* Take a range of wholly free superslabs into use. Returns whether it reads as zero. Rows of
 * superslabs that were never used are not written, so that a sparse block of many gigabytes costs
 * no memory for them; their taken bits are enough. Where address space is rationed, each row must
 * record that its superslab is mapped. */
static bool claim_locked(size_t first, size_t count)
{
    bool is_zero = true;
    size_t fresh = count;
    /* rows from the frontier on are zero: these superslabs were never used */
    size_t written = space.is_rationed ? first + count : min_size(first + count, space.frontier);
    for (size_t i = first; i < written; i++) {
        struct superslab *superslab = &space.superslabs[i];
        warm_bound_note_take(superslab, ALL_SLABS);
        if (superslab->state == SUPERSLAB_SLABS) {
            is_zero &= claim_used_locked(superslab);
            fresh--;
        } else if (superslab->free) {
            superslab->free = 0;
        }
        attributes_undo_superslab_locked(superslab);
        if (space.is_rationed) {
            word_store(&superslab->state, SUPERSLAB_HUGE);
            superslab->is_kept = false;
        }
    }
    for (size_t i = first; i < first + count; i++)
        superslab_set_taken(i, true);
    /* the last may have a tail: tail.c */
    word_store(&space.superslabs[first + count - 1].state, SUPERSLAB_HUGE);
    space_count_used((ptrdiff_t)(fresh * SLABS_PER_SUPERSLAB));
    space.claimed += count;
    room_charge(count << SUPERSLAB_SHIFT);
    if (first == space.lowest_free)
        space.lowest_free = first + count;
    space_raise_frontier(first + count);
    return is_zero;
}

/* Find `count` contiguous superslabs that are wholly free, and map them. Returns the first;
 * NOT_FOUND when there are none, or the kernel has no memory. */
static size_t open_free_locked(size_t count)
{
    for (;;) {
        size_t first = find_range_locked(count);
        if (first + count > space.count)
            return NOT_FOUND;
        enum os_map_result result = mapping_open_locked(first, count);
        if (result == OS_MAP_DONE)
            return first;
        if (result == OS_MAP_NO_MEMORY)
            return NOT_FOUND;
    }
}

static char *range_take_locked(size_t count, bool *is_zero)
{
    if (!room_has(count * SLABS_PER_SUPERSLAB))
        return NULL;
    size_t first = open_free_locked(count);
    if (first == NOT_FOUND)
        return NULL;
    *is_zero = claim_locked(first, count);
    word_store(&space.superslabs[first].state, SUPERSLAB_HUGE);
    return superslab_start(&space.superslabs[first]);
}

char *superslab_range_take(size_t count, bool *is_zero)
{
    if (count > space.count)
        return NULL;
    lock_acquire(&space.lock);
    char *start = range_take_locked(count, is_zero);
    mapping_open_witness_locked();
    lock_release(&space.lock);
    return start;
}

bool superslab_range_extend(char *start, size_t old_count, size_t count)
{
    size_t first = superslab_index(superslab_of(start)) + old_count;
    size_t more = count - old_count;
    bool is_room = first + more <= space.count;
    lock_acquire(&space.lock);
    is_room = is_room && room_has(more * SLABS_PER_SUPERSLAB) &&
              reservation_cover_locked(first + more);
    for (size_t i = first; is_room && i < first + more; i++)
        is_room = !superslab_is_taken(i);
    is_room = is_room && mapping_open_locked(first, more) == OS_MAP_DONE;
    if (is_room) {
        /* there are no superslabs between the frontier and `first`, which follows one in use */
        claim_locked(first, more);
    }
    lock_release(&space.lock);
    return is_room;
}

/* Make all slabs of a range's superslab free; `warm` has those that may have pages. */
static void release_superslab_locked(struct superslab *superslab, uint32_t warm)
{
    space.claimed--;
    if (superslab->state == SUPERSLAB_FREE && !warm && !space.is_rationed) {
        space_count_used(-(ptrdiff_t)SLABS_PER_SUPERSLAB);
        superslab_set_taken(superslab_index(superslab), false);
        return;
    }
    superslab->warm = superslab->zero = 0;
    word_store(&superslab->state, SUPERSLAB_SLABS);
    superslab->free = ~warm;
    space_count_used(-__builtin_popcount(~warm));
    space.used++;
    if (warm)
        superslab_mark_free(superslab, warm, true);
    else
        superslab_refile(superslab);
    mapping_note_free_locked(superslab);
}

void superslab_range_give(char *start, size_t count, size_t used)
{
    struct superslab *superslab = superslab_of(start);
    size_t slabs = align_up(used, SLAB_SIZE) >> SLAB_SHIFT;
    lock_acquire(&space.lock);
    for (size_t i = 0; i < count; i++) {
        size_t warm = min_size(slabs, SLABS_PER_SUPERSLAB);
        /* slabs that were warm before the range was taken may still have pages, even beyond
         * `used` */
        release_superslab_locked(&superslab[i], run_mask(0, (unsigned)warm) | superslab[i].warm);
        slabs -= warm;
    }
    lock_release(&space.lock);
}

void superslab_range_give_cold(char *start, size_t count)
{
    struct superslab *superslab = superslab_of(start);
    if (mapping_has_moved(superslab, count))
        mapping_rejoin(superslab, count);
    lock_acquire(&space.lock);
    for (size_t i = 0; i < count; i++)
        release_superslab_locked(&superslab[i], 0);
    lock_release(&space.lock);
}

void superslab_range_abandon(char *start, size_t count)
{
    struct superslab *superslab = superslab_of(start);
    /* drop the pages of any part that is still mapped */
    os_purge(start, count << SUPERSLAB_SHIFT);
    lock_acquire(&space.lock);
    for (size_t i = 0; i < count; i++)
        superslab_set_aside_locked(&superslab[i]);
    lock_release(&space.lock);
}

/* Of the first `count` slabs of a range's superslab, those that may not read as zero. Bits of the
 * other slabs, which are a tail, may change meanwhile. */
static uint32_t unknown_slabs(const struct superslab *superslab, size_t count)
{
    unsigned slabs = (unsigned)min_size(count, SLABS_PER_SUPERSLAB);
    return word_load(&superslab->warm) & ~word_load(&superslab->zero) & run_mask(0, slabs);
}

void superslab_range_zero(char *start, size_t bytes)
{
    struct superslab *superslab = superslab_of(start);
    size_t slabs = align_up(bytes, SLAB_SIZE) >> SLAB_SHIFT;
    for (size_t i = 0; i * SLABS_PER_SUPERSLAB < slabs; i++)
        for (uint32_t rest = unknown_slabs(&superslab[i], slabs - i * SLABS_PER_SUPERSLAB); rest;
             rest &= rest - 1)
            memset(start + (i << SUPERSLAB_SHIFT) + (lowest_bit(rest) << SLAB_SHIFT), 0, SLAB_SIZE);
}

bool superslab_need_records(struct superslab *superslab)
{
    if (!superslab->slabs)
        superslab->slabs = meta_alloc(SLABS_PER_SUPERSLAB * sizeof(struct slab));
    return superslab->slabs != NULL;
}

struct slab *superslab_first_record(char *start)
{
    struct superslab *superslab = superslab_of(start);
    lock_acquire(&space.lock);
    bool is_there = superslab_need_records(superslab);
    lock_release(&space.lock);
    return is_there ? &superslab->slabs[0] : NULL;
}

struct superslab *superslab_fresh_locked(void)
{
    size_t index = open_free_locked(1);
    if (index == NOT_FOUND)
        return NULL;
    struct superslab *superslab = &space.superslabs[index];
    /* a superslab with warm slabs is in the lists: slab_run.c has found none with a free run that
     * fits */
    check_invariant(superslab->state == SUPERSLAB_FREE && superslab->warm == 0);
    superslab->free = ALL_SLABS;
    space_raise_frontier(index + 1);
    if (!superslab_need_records(superslab)) {
        mapping_note_free_locked(superslab);
        return NULL;
    }
    warm_bound_note_take(superslab, ALL_SLABS);
    attributes_undo_superslab_locked(superslab);
    superslab->is_kept = false;
    word_store(&superslab->state, SUPERSLAB_SLABS);
    if (index == space.lowest_free)
        space.lowest_free = index + 1;
    return superslab;
}
