/* SPDX-License-Identifier: MIT */
/*
 * Owns the superslabs: which are wholly free, and ranges of them. Called by the Huge lane and by
 * slab_run.c; calls meta.c and the kernel. Ranges are found first fit by address, so that the heap
 * stays low and warm slabs are used again.
 */
#include "slab/space.h"

#include <string.h>

state_data struct space space;

/* ---- which superslabs are wholly free ---- */

bool superslab_is_taken(size_t index)
{
    /* also read without the lock, where a guess will do */
    return word_load(&space.taken[index / 64]) >> (index % 64) & 1;
}

static void set_taken(size_t index, bool taken)
{
    uint64_t bit = (uint64_t)1 << (index % 64);
    if (taken) {
        word_store(&space.taken[index / 64], space.taken[index / 64] | bit);
        return;
    }
    word_store(&space.taken[index / 64], space.taken[index / 64] & ~bit);
    if (index < space.lowest_free)
        space.lowest_free = index;
}

/* The first of `count` contiguous superslabs that are wholly free, below the frontier or at it. */
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

size_t slab_peak_superslabs(void)
{
    return word_load(&space.frontier) - space.first;
}

static void raise_frontier(size_t end)
{
    word_store(&space.frontier, max_size(space.frontier, end));
}

/* ---- lists of superslabs by their longest runs ---- */

unsigned superslab_longest_run(uint32_t mask)
{
    unsigned length = 0;
    for (; mask; mask &= mask << 1)
        length++;
    return length;
}

static void unlist(struct superslab *superslab, enum run_kind kind)
{
    unsigned run = superslab->run[kind];
    if (run == 0)
        return;
    if (superslab->prev[kind])
        superslab->prev[kind]->next[kind] = superslab->next[kind];
    else
        space.list[kind][run] = superslab->next[kind];
    if (superslab->next[kind])
        superslab->next[kind]->prev[kind] = superslab->prev[kind];
    if (!space.list[kind][run])
        space.occupied[kind] &= ~((uint64_t)1 << run);
    superslab->run[kind] = 0;
}

static void list(struct superslab *superslab, enum run_kind kind, unsigned run)
{
    if (run == superslab->run[kind])
        return;
    unlist(superslab, kind);
    if (run == 0)
        return;
    superslab->run[kind] = (uint8_t)run;
    superslab->prev[kind] = NULL;
    superslab->next[kind] = space.list[kind][run];
    if (superslab->next[kind])
        superslab->next[kind]->prev[kind] = superslab;
    space.list[kind][run] = superslab;
    space.occupied[kind] |= (uint64_t)1 << run;
}

static void count_warm(uint32_t before, uint32_t after)
{
    long change = __builtin_popcount(after) - (long)__builtin_popcount(before);
    /* relaxed: a figure that nothing else depends on; changed under the lock, read without */
    atomic_fetch_add_explicit(&space.warm_slabs, (size_t)change, memory_order_relaxed);
}

static void count_used(ptrdiff_t slabs)
{
    /* relaxed: as count_warm */
    atomic_fetch_add_explicit(&space.used_slabs, (size_t)slabs, memory_order_relaxed);
}

/* Where address space is rationed a wholly free superslab goes back at once, warm or not: others
 * (thread stacks, mappings) may need the addresses. */
static void forget_warm_locked(struct superslab *superslab)
{
    count_warm(superslab->warm, 0);
    superslab->warm = superslab->zero = 0;
    for (unsigned i = 0; superslab->slabs && i < SLABS_PER_SUPERSLAB; i++)
        superslab->slabs[i].resident = 0;
}

void superslab_refile(struct superslab *superslab)
{
    if (space.is_rationed && superslab->free == ALL_SLABS)
        forget_warm_locked(superslab);
    bool is_idle = superslab->free == ALL_SLABS && superslab->warm == 0;
    size_t index = superslab_index(superslab);
    bool was_used = superslab_is_taken(index);
    bool is_used = superslab->free != ALL_SLABS;
    space.used += (size_t)is_used - (size_t)was_used;
    list(superslab, RUN_FREE, is_idle ? 0 : superslab_longest_run(superslab->free));
    list(superslab, RUN_WARM, superslab_longest_run(superslab->warm));
    set_taken(index, is_used);
    if (!is_idle)
        return;
    word_store(&superslab->state, SUPERSLAB_FREE);
    if (!space.is_rationed)
        return;
    superslab_unmap(superslab);
    if (superslab->is_moved && !superslab->is_kept)
        superslab_set_joined_locked(index, 1);
}

static void make_warm(struct superslab *superslab, uint32_t slabs)
{
    uint8_t epoch = decay_epoch();
    count_warm(superslab->warm, superslab->warm | slabs);
    superslab->warm |= slabs;
    superslab->purged &= ~slabs;
    for (uint32_t rest = slabs; rest; rest &= rest - 1)
        superslab->age[lowest_bit(rest)] = epoch;
}

void superslab_mark_free(struct superslab *superslab, uint32_t slabs, bool is_warm)
{
    check_invariant((superslab->free & slabs) == 0);
    superslab->free |= slabs;
    count_used(-__builtin_popcount(slabs));
    if (is_warm)
        make_warm(superslab, slabs);
    superslab_refile(superslab);
}

void superslab_mark_zero_pages(struct superslab *superslab, uint32_t slabs)
{
    make_warm(superslab, slabs);
    superslab->zero |= slabs;
    superslab_refile(superslab);
}

bool superslab_mark_taken(struct superslab *superslab, uint32_t slabs)
{
    bool is_zero = (superslab->warm & ~superslab->zero & slabs) == 0;
    check_invariant((superslab->free & slabs) == slabs);
    count_warm(superslab->warm, superslab->warm & ~slabs);
    superslab->free &= ~slabs;
    count_used(__builtin_popcount(slabs));
    superslab->warm &= ~slabs;
    superslab->zero &= ~slabs;
    superslab_refile(superslab);
    return is_zero;
}

/* ---- ranges ---- */

void superslab_set_aside_locked(struct superslab *superslab)
{
    size_t index = superslab_index(superslab);
    bool is_claimed = superslab->state == SUPERSLAB_HUGE ||
                      (superslab->state == SUPERSLAB_FREE && superslab_is_taken(index));
    space.claimed -= is_claimed;
    count_used(is_claimed ? -(ptrdiff_t)SLABS_PER_SUPERSLAB : 0);
    word_store(&superslab->state, SUPERSLAB_FIXED);
    set_taken(index, true);
    raise_frontier(index + 1);
}

static bool is_mapped(const struct superslab *superslab)
{
    return superslab->state != SUPERSLAB_FREE || superslab->is_kept;
}

/* Where address space is rationed: map those superslabs of a range that are not mapped. On
 * failure they are unmapped again, and a superslab whose addresses the program uses is set aside
 * for good. */
static enum os_map_result map_range_locked(size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        struct superslab *superslab = &space.superslabs[i];
        if (is_mapped(superslab))
            continue;
        enum os_map_result result = os_map_at(superslab_start(superslab), SUPERSLAB_SIZE);
        if (result == OS_MAP_DONE)
            continue;
        if (result == OS_MAP_OCCUPIED)
            superslab_set_aside_locked(superslab);
        while (i-- > first)
            if (!is_mapped(&space.superslabs[i]))
                superslab_unmap(&space.superslabs[i]);
        return result;
    }
    return OS_MAP_DONE;
}

static enum os_map_result make_usable_locked(size_t first, size_t count)
{
    if (!reservation_cover_locked(first + count))
        return OS_MAP_NO_MEMORY;
    enum os_map_result result = OS_MAP_NO_MEMORY;
    if (!space.is_rationed)
        result = reservation_open_locked(first + count);
    if (space.is_rationed || (result == OS_MAP_NO_MEMORY && reservation_ration_locked()))
        result = map_range_locked(first, count);
    return result;
}

/* Make a superslab that has been used before part of a range. Returns whether it reads as zero;
 * warm and zero keep saying which slabs do, for superslab_range_zero. */
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

/* Make a range of wholly free superslabs one that is in use. Returns whether it reads as zero. The
 * rows of superslabs that have nothing are left alone, so that a sparse block of many gigabytes
 * costs no memory for them: their taken bits say enough. Where address space is rationed a row must
 * say that its superslab is mapped. */
static bool claim_locked(size_t first, size_t count)
{
    bool is_zero = true;
    size_t fresh = count;
    /* rows from the frontier on are zero: nothing has been there */
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
        superslab_make_plain_locked(superslab);
        if (space.is_rationed) {
            word_store(&superslab->state, SUPERSLAB_HUGE);
            superslab->is_kept = false;
        }
    }
    for (size_t i = first; i < first + count; i++)
        set_taken(i, true);
    /* the last may have a tail: tail.c */
    word_store(&space.superslabs[first + count - 1].state, SUPERSLAB_HUGE);
    count_used((ptrdiff_t)(fresh * SLABS_PER_SUPERSLAB));
    space.claimed += count;
    slab_charge(count << SUPERSLAB_SHIFT);
    raise_frontier(first + count);
    dump_include_locked(first, first + count);
    return is_zero;
}

static char *range_take_locked(size_t count, bool *is_zero)
{
    if (!superslab_is_room(count * SLABS_PER_SUPERSLAB))
        return NULL;
    for (;;) {
        size_t first = find_range_locked(count);
        if (first + count > space.count)
            return NULL;
        enum os_map_result result = make_usable_locked(first, count);
        if (result == OS_MAP_DONE) {
            if (first == space.lowest_free)
                space.lowest_free = first + count;
            *is_zero = claim_locked(first, count);
            word_store(&space.superslabs[first].state, SUPERSLAB_HUGE);
            return superslab_start(&space.superslabs[first]);
        }
        if (result == OS_MAP_NO_MEMORY)
            return NULL;
    }
}

char *superslab_range_take(size_t count, bool *is_zero)
{
    if (count > space.count)
        return NULL;
    lock_acquire(&space.lock);
    char *start = range_take_locked(count, is_zero);
    reservation_open_witness_locked();
    lock_release(&space.lock);
    return start;
}

bool superslab_range_extend(char *start, size_t old_count, size_t count)
{
    size_t first = superslab_index(superslab_of(start)) + old_count;
    size_t more = count - old_count;
    bool is_room = first + more <= space.count;
    lock_acquire(&space.lock);
    is_room = is_room && superslab_is_room(more * SLABS_PER_SUPERSLAB) &&
              reservation_cover_locked(first + more);
    for (size_t i = first; is_room && i < first + more; i++)
        is_room = !superslab_is_taken(i);
    is_room = is_room && make_usable_locked(first, more) == OS_MAP_DONE;
    if (is_room) {
        /* superslabs between the frontier and `first` cannot be: `first` follows one in use */
        claim_locked(first, more);
    }
    lock_release(&space.lock);
    return is_room;
}

/* Make a superslab of a range one with free slabs; `warm` says which may have pages. */
static void release_superslab_locked(struct superslab *superslab, uint32_t warm)
{
    space.claimed--;
    if (superslab->state == SUPERSLAB_FREE && !warm && !space.is_rationed) {
        count_used(-(ptrdiff_t)SLABS_PER_SUPERSLAB);
        set_taken(superslab_index(superslab), false);
        return;
    }
    superslab->warm = superslab->zero = 0;
    word_store(&superslab->state, SUPERSLAB_SLABS);
    superslab->free = ~warm;
    count_used(-__builtin_popcount(~warm));
    space.used++;
    if (warm)
        superslab_mark_free(superslab, warm, true);
    else
        superslab_refile(superslab);
}

void superslab_range_give(char *start, size_t count, size_t used)
{
    struct superslab *superslab = superslab_of(start);
    size_t slabs = align_up(used, SLAB_SIZE) >> SLAB_SHIFT;
    lock_acquire(&space.lock);
    for (size_t i = 0; i < count; i++) {
        size_t warm = min_size(slabs, SLABS_PER_SUPERSLAB);
        /* slabs that were warm before the range was taken may still have pages, used or not */
        release_superslab_locked(&superslab[i], run_mask(0, (unsigned)warm) | superslab[i].warm);
        slabs -= warm;
    }
    lock_release(&space.lock);
    decay_after_give(used);
}

void superslab_range_give_cold(char *start, size_t count)
{
    struct superslab *superslab = superslab_of(start);
    if (superslab_has_moved(superslab, count))
        superslab_rejoin(superslab, count);
    lock_acquire(&space.lock);
    for (size_t i = 0; i < count; i++)
        release_superslab_locked(&superslab[i], 0);
    lock_release(&space.lock);
}

void superslab_range_abandon(char *start, size_t count)
{
    struct superslab *superslab = superslab_of(start);
    /* what the kernel finds mapped there loses its pages */
    slab_purge(start, count << SUPERSLAB_SHIFT);
    lock_acquire(&space.lock);
    for (size_t i = 0; i < count; i++)
        superslab_set_aside_locked(&superslab[i]);
    lock_release(&space.lock);
}

/* Of the first `count` slabs of a range's superslab, those that may not read as zero. Bits of other
 * slabs, which are a tail, may be changing. */
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

struct slab *slab_find_any(const void *pointer)
{
    struct reservation *base = reservation_get();
    size_t index = reservation_offset(base, pointer) >> SUPERSLAB_SHIFT;
    /* other rows of the table are not mapped */
    bool is_row = index >= space.first && index < word_load(&space.frontier);
    return is_row ? slab_find(pointer) : NULL;
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
    bool is_zero;
    char *start = range_take_locked(1, &is_zero);
    if (!start)
        return NULL;
    struct superslab *superslab = superslab_of(start);
    /* it is used a slab at a time */
    atomic_fetch_add_explicit(&space.room, (int64_t)SUPERSLAB_SIZE, memory_order_relaxed);
    if (!superslab_need_records(superslab)) {
        release_superslab_locked(superslab, superslab->warm);
        return NULL;
    }
    word_store(&superslab->state, SUPERSLAB_SLABS);
    superslab->free = ALL_SLABS;
    count_used(-(ptrdiff_t)SLABS_PER_SUPERSLAB);
    space.claimed--;
    space.used++;
    list(superslab, RUN_FREE, SLABS_PER_SUPERSLAB);
    return superslab;
}

/* ---- fork ---- */

void slab_reset_in_child(void)
{
    space.tail = NULL;
    space.is_forked = true;
    atomic_store_explicit(&decay.waiting, 0, memory_order_relaxed);
}
