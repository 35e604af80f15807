/* SPDX-License-Identifier: MIT */
/*
 * Owns the purge of warm slabs: slabs that have been free and backed by pages for the decay time
 * are purged, one superslab at a time and outside the superslab lock. The slow path that finds the
 * end of an epoch begins a walk over the superslabs; each slow path does a bounded part of it. May
 * never purge a slab that is in use, or delay a caller for more than a millisecond, unless the
 * caller asks to purge everything.
 */
#include "slab/purge.h"

#include "slab/attributes.h"
#include "slab/decay.h"
#include "slab/mapping.h"
#include "slab/meta.h"
#include "slab/space.h"
#include "slab/tail.h"
#include "slab/warm_bound.h"

/* Superslabs examined while the lock is held once. */
#define SCAN_STEP 64

/* The part of an epoch's walk that one slow path does: the superslabs examined, and the bytes
 * purged, which take 0.3 ms. */
#define WALK_SUPERSLABS 1024
#define WALK_BYTES (4 * MIB)

/* A purge ends when the kernel has refused this many superslabs: their memory is locked, and all
 * memory may be. The next purge begins with other superslabs, since the refused ones count as young
 * again. */
#define REFUSALS_MAX 16

/* The position of the epoch's walk; 0 when it has ended. Lock-free: a race makes two threads
 * examine the same superslabs. */
static state_data _Atomic size_t walk_cursor;

bool purge_is_due(void)
{
    return space_warm_slabs() > 0 && settings.decay_ms >= 0 && !settings.bench_fast_mode;
}

/* The warm slabs of one superslab that are old enough. */
static uint32_t due_slabs(const struct superslab *superslab, unsigned min_age)
{
    uint8_t epoch = decay_epoch();
    uint32_t due = 0;
    /* in a Huge block's superslab `warm` also has bits of slabs in use */
    for (uint32_t rest = superslab->warm & superslab->free; rest; rest &= rest - 1) {
        unsigned slab = lowest_bit(rest);
        if ((uint8_t)(epoch - superslab->age[slab]) >= min_age)
            due |= (uint32_t)1 << slab;
    }
    return due;
}

void purge_choose_locked(struct purge *purge, unsigned min_age)
{
    struct superslab *superslab = purge->superslab;
    bool is_tail = superslab->state == SUPERSLAB_HUGE;
    uint32_t due = superslab->state == SUPERSLAB_SLABS || is_tail ? due_slabs(superslab, min_age)
                                                                  : 0;
    bool is_all = due && due == superslab->warm && superslab->free == ALL_SLABS;
    purge->slabs = due;
    purge->taken = is_all ? ALL_SLABS : due;
    purge->is_huge_page = superslab->is_huge_page && due == ALL_SLABS;
    if (due)
        superslab->is_huge_page = false;
    if (due && is_tail)
        tail_take_locked(superslab, due);
    else if (due)
        superslab_mark_taken(superslab, purge->taken);
}

/* Find the next superslab with due slabs from *cursor on, below `end`, and take these slabs out of
 * use. False when there is none. */
static bool collect(size_t *cursor, size_t end, unsigned min_age, struct purge *purge)
{
    purge->slabs = 0;
    *cursor = max_size(*cursor, space.first);
    while (!purge->slabs && *cursor < end) {
        lock_acquire(&space.lock);
        end = min_size(end, space.frontier);
        size_t step_end = min_size(end, *cursor + SCAN_STEP);
        for (; *cursor < step_end && !purge->slabs; *cursor += 1) {
            purge->superslab = &space.superslabs[*cursor];
            purge_choose_locked(purge, min_age);
        }
        lock_release(&space.lock);
    }
    return purge->slabs != 0;
}

/* Purge a run of slabs. Pages that the owner of an ACE span has locked (mlock) can be purged only
 * after that is undone. */
static bool give_run(const struct purge *purge, char *start, size_t size, uint32_t slabs)
{
    if (decay_purge(start, size, purge->is_huge_page))
        return true;
    bool is_doubted = word_load(&purge->superslab->doubted) & slabs;
    return is_doubted && (attributes_undo(start, size) || decay_purge(start, size, false));
}

/* Purge a run of slabs. If the kernel refuses, purge slab by slab. Returns the purged slabs. */
static uint32_t purge_run(const struct purge *purge, unsigned first, unsigned count)
{
    uint32_t purged = 0;
    char *start = superslab_start(purge->superslab) + ((size_t)first << SLAB_SHIFT);
    if (give_run(purge, start, (size_t)count << SLAB_SHIFT, run_mask(first, count)))
        return run_mask(first, count);
    for (unsigned slab = 0; count > 1 && slab < count; slab++)
        if (decay_purge(start + ((size_t)slab << SLAB_SHIFT), SLAB_SIZE, false))
            purged |= run_mask(first + slab, 1);
    return purged;
}

/* Purge all slabs of the purge, run by run. Returns the purged slabs. */
static uint32_t purge_slabs(const struct purge *purge)
{
    uint32_t purged = 0;
    for (uint32_t rest = purge->slabs; rest;) {
        unsigned first = lowest_bit(rest);
        uint32_t above = ~(rest >> first);
        unsigned count = above ? lowest_bit(above) : SLABS_PER_SUPERSLAB - first;
        rest &= ~run_mask(first, count);
        purged |= purge_run(purge, first, count);
    }
    /* only without pages: to replace a mapping blocks all other threads' page faults for as long as
     * its pages take to free */
    if (purge->superslab->is_moved && purge->taken == ALL_SLABS && purged == purge->slabs)
        mapping_rejoin(purge->superslab, 1);
    return purged;
}

/* Purge the records of a superslab that is wholly free and has no pages. Records that read as zero
 * are correct. */
static bool purge_records(const struct purge *purge)
{
    size_t size = SLABS_PER_SUPERSLAB * sizeof(struct slab);
    _Static_assert(SLABS_PER_SUPERSLAB * sizeof(struct slab) % META_PAGE == 0,
                   "the arena lets records begin at a page");
    return purge->taken == ALL_SLABS && os_page_size() <= META_PAGE && purge->superslab->slabs &&
           os_purge(purge->superslab->slabs, size);
}

static void forget_residents(const struct purge *purge, uint32_t slabs)
{
    struct slab *records = purge->superslab->slabs;
    if (!records)
        return;
    for (uint32_t rest = slabs; rest; rest &= rest - 1)
        records[lowest_bit(rest)].resident = 0;
}

/* Mark slabs that were purged because of the bound, so that an early reuse is counted. A slab that
 * was purged because of its age is not marked. */
static void note_purged_locked(const struct purge *purge, uint32_t purged)
{
    uint8_t epoch = decay_epoch();
    for (uint32_t rest = purged; rest; rest &= rest - 1) {
        unsigned slab = lowest_bit(rest);
        bool is_old = (uint8_t)(epoch - purge->superslab->age[slab]) >= EPOCHS_PER_DECAY;
        if (!is_old)
            purge->superslab->purged |= run_mask(slab, 1);
        purge->superslab->age[slab] = epoch;
    }
}

size_t purge_superslab(const struct purge *purge)
{
    bool is_tail = purge->superslab->state == SUPERSLAB_HUGE; /* it does not change */
    uint32_t purged = purge_slabs(purge);
    uint32_t kept = purge->slabs & ~purged;
    uint32_t cold = purge->taken & ~kept;
    bool is_forgotten = !kept && purge_records(purge);
    lock_acquire(&space.lock);
    if (!is_forgotten)
        forget_residents(purge, purged);
    note_purged_locked(purge, purged);
    if (is_tail)
        tail_return_locked(purge->superslab, purge->slabs, kept);
    if (!is_tail && kept)
        superslab_mark_free(purge->superslab, kept, true);
    if (!is_tail && cold)
        superslab_mark_free(purge->superslab, cold, false);
    mapping_note_free_locked(purge->superslab);
    bool is_idle = purge->superslab->state == SUPERSLAB_FREE;
    lock_release(&space.lock);
    if (is_idle)
        mapping_leave_out(purge->superslab);
    return (size_t)__builtin_popcount(purged) << SLAB_SHIFT;
}

/* Purge the warm slabs that are at least `min_age` epochs old. Returns the bytes. */
static size_t purge_aged(unsigned min_age)
{
    struct purge purge = {0};
    size_t total = 0;
    size_t cursor = 0;
    unsigned refusals = 0;
    for (bool is_more = true; is_more && refusals < REFUSALS_MAX && space_warm_slabs() > 0;) {
        size_t bytes = 0;
        decay_lock_in_turn();
        is_more = collect(&cursor, SIZE_MAX, min_age, &purge);
        if (is_more)
            bytes = purge_superslab(&purge);
        decay_unlock();
        total += bytes;
        refusals += is_more && bytes == 0;
    }
    return total;
}

/* Do a bounded part of the epoch's walk. If another thread purges, do nothing: that thread, or a
 * later call, goes on. */
static void walk_on(void)
{
    struct purge purge = {0};
    size_t cursor = atomic_load_explicit(&walk_cursor, memory_order_relaxed);
    size_t end = cursor + WALK_SUPERSLABS;
    bool is_refused = false;
    if (cursor == 0 || decay_is_locked())
        return;
    decay_lock();
    for (size_t bytes = 0; bytes < WALK_BYTES && !is_refused;) {
        if (!collect(&cursor, end, EPOCHS_PER_DECAY, &purge))
            break;
        size_t purged = purge_superslab(&purge);
        is_refused = purged == 0;
        bytes += purged;
    }
    bool is_end = cursor >= word_load(&space.frontier) || space_warm_slabs() == 0;
    atomic_store_explicit(&walk_cursor, is_end ? 0 : cursor, memory_order_relaxed);
    decay_unlock();
}

/* Begin a walk, unless one is under way. */
static void begin_walk(void)
{
    size_t none = 0;
    if (settings.decay_ms >= 0)
        atomic_compare_exchange_strong_explicit(&walk_cursor, &none, space.first,
                                                memory_order_relaxed, memory_order_relaxed);
}

bool purge_poll(void)
{
    if (settings.bench_fast_mode)
        return false;
    unsigned epochs = decay_begin_epoch();
    if (epochs > 0) {
        warm_bound_pass(epochs);
        mapping_review();
        begin_walk();
    }
    walk_on();
    return epochs > 0;
}

void purge_due(void)
{
    if (settings.decay_ms >= 0 && !settings.bench_fast_mode)
        purge_aged(EPOCHS_PER_DECAY);
}

size_t purge_warm(void)
{
    return purge_aged(0);
}
