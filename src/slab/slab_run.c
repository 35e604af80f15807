/* SPDX-License-Identifier: MIT */
/*
 * Owns runs of slabs inside one superslab. The search is best fit by the superslabs' longest runs,
 * warm runs before cold ones, and the lowest address within a superslab. Runs that are given back
 * merge without work, since the free slabs are one mask. A run may never reach into another
 * superslab, and nothing is purged here.
 */
#include "slab/slab_run.h"

#include "slab/attributes.h"
#include "slab/mapping.h"
#include "slab/room.h"
#include "slab/space.h"
#include "slab/superslab.h"
#include "slab/warm_bound.h"

static struct superslab *find_locked(enum run_kind kind, unsigned count)
{
    uint64_t fitting = space.occupied[kind] & ~(((uint64_t)1 << count) - 1);
    return fitting ? space.list[kind][lowest_bit(fitting)] : NULL;
}

/* Set the records of a run of `count` slabs from `first`. The head gets the pages that its slabs
 * have present, up to the first absent page. */
static struct slab *set_records(struct superslab *superslab, unsigned first, unsigned count)
{
    struct slab *head = &superslab->slabs[first];
    unsigned slab_pages = (unsigned)(SLAB_SIZE / os_page_size());
    head->start = superslab_start(superslab) + ((size_t)first << SLAB_SHIFT);
    head->slab_count = (uint8_t)count;
    for (unsigned i = 0; i < count; i++) {
        head[i].head_delta = (uint8_t)i;
        if (i > 0) {
            if (head->resident == i * slab_pages)
                head->resident = (uint16_t)(head->resident + head[i].resident);
            head[i].resident = 0;
        }
    }
    return head;
}

/* The reverse: distribute the run's present pages to the records of slabs [from, slab_count), which
 * are about to become free. */
static void split_resident(struct slab *head, unsigned from)
{
    unsigned slab_pages = (unsigned)(SLAB_SIZE / os_page_size());
    unsigned resident = head->resident;
    for (unsigned i = head->slab_count; i-- > from;) {
        unsigned before = i * slab_pages;
        unsigned own = resident > before ? resident - before : 0;
        head[i].resident = (uint16_t)own;
        if (own > 0)
            resident = before;
    }
    if (from > 0)
        head->resident = (uint16_t)resident;
}

static struct slab *take_locked(unsigned count, bool *is_zero)
{
    struct superslab *superslab = find_locked(RUN_WARM, count);
    uint32_t mask = superslab ? superslab->warm : 0;
    if (!superslab) {
        if (!room_has(count))
            return NULL;
        superslab = find_locked(RUN_FREE, count);
        if (!superslab)
            superslab = superslab_fresh_locked();
        if (!superslab || !superslab_need_records(superslab))
            return NULL;
        mask = superslab->free;
    } else if (!superslab_need_records(superslab)) {
        return NULL;
    }
    unsigned first = lowest_bit(run_starts(mask, count));
    warm_bound_note_take(superslab, run_mask(first, count));
    *is_zero = superslab_mark_taken(superslab, run_mask(first, count));
    room_charge((size_t)count << SLAB_SHIFT);
    uint32_t turnover = atomic_load_explicit(&space.turnover, memory_order_relaxed);
    atomic_store_explicit(&space.turnover, turnover + count, memory_order_relaxed);
    return set_records(superslab, first, count);
}

uint32_t slab_run_turnover(void)
{
    /* relaxed: the clock need not be exact */
    return atomic_load_explicit(&space.turnover, memory_order_relaxed);
}

static uint32_t mask_of(const struct slab *slab)
{
    return run_mask(slab_number(slab->start), slab->slab_count);
}

/* Are any of these slabs doubted? The mark is removed: the taker undoes the changes. */
static bool take_doubt_locked(struct superslab *superslab, uint32_t slabs)
{
    uint32_t doubted = superslab->doubted;
    word_store(&superslab->doubted, doubted & ~slabs);
    return doubted & slabs;
}

struct slab *slab_run_take(unsigned count, bool *is_zero)
{
    lock_acquire(&space.lock);
    struct slab *slab = take_locked(count, is_zero);
    bool is_doubted = slab && take_doubt_locked(superslab_of(slab->start), mask_of(slab));
    lock_release(&space.lock);
    if (is_doubted && attributes_undo(slab->start, (size_t)count << SLAB_SHIFT))
        slab->resident = 0;
    return slab;
}

void slab_run_doubt(struct slab *slab)
{
    struct superslab *superslab = superslab_of(slab->start);
    lock_acquire(&space.lock);
    word_store(&superslab->doubted, superslab->doubted | mask_of(slab));
    mapping_open_witness_locked();
    lock_release(&space.lock);
}

void slab_run_note_pooled(struct slab *slab)
{
    struct superslab *superslab = superslab_of(slab->start);
    slab->state = SLAB_BLOCKS;
    lock_acquire(&space.lock);
    word_store(&superslab->pooled, superslab->pooled | mask_of(slab));
    lock_release(&space.lock);
}

static void give(struct slab *slab, bool is_hollow)
{
    struct superslab *superslab = superslab_of(slab->start);
    uint32_t mask = mask_of(slab);
    slab_map_set(slab->start, slab->slab_count, 0);
    lock_acquire(&space.lock);
    slab->state = SLAB_FREE;
    split_resident(slab, 0);
    word_store(&superslab->pooled, superslab->pooled & ~mask);
    superslab_mark_free(superslab, mask, true);
    mapping_note_free_locked(superslab);
    if (is_hollow)
        superslab->purged |= mask;
    lock_release(&space.lock);
}

void slab_run_give(struct slab *slab)
{
    give(slab, false);
}

void slab_run_give_hollow(struct slab *slab)
{
    give(slab, true);
}

bool slab_run_extend(struct slab *slab, unsigned count)
{
    struct superslab *superslab = superslab_of(slab->start);
    unsigned first = slab_number(slab->start);
    if (first + count > SLABS_PER_SUPERSLAB)
        return false;
    uint32_t more = run_mask(first, count) & ~mask_of(slab);
    lock_acquire(&space.lock);
    unsigned slabs = count - slab->slab_count;
    bool is_room = (superslab->free & more) == more && room_has(slabs);
    bool is_doubted = is_room && take_doubt_locked(superslab, more);
    unsigned old_pages = (unsigned)(((size_t)slab->slab_count << SLAB_SHIFT) / os_page_size());
    if (is_room) {
        warm_bound_note_take(superslab, more);
        superslab_mark_taken(superslab, more);
        room_charge((size_t)slabs << SLAB_SHIFT);
        set_records(superslab, first, count);
    }
    lock_release(&space.lock);
    char *end = slab->start + ((size_t)count << SLAB_SHIFT);
    size_t size = (size_t)slabs << SLAB_SHIFT;
    if (is_doubted && attributes_undo(end - size, size))
        slab->resident = (uint16_t)min_size(slab->resident, old_pages);
    return is_room;
}

void slab_run_shrink(struct slab *slab, unsigned count)
{
    struct superslab *superslab = superslab_of(slab->start);
    uint32_t less = mask_of(slab) & ~run_mask(slab_number(slab->start), count);
    if (less == 0)
        return;
    lock_acquire(&space.lock);
    split_resident(slab, count);
    slab->slab_count = (uint8_t)count;
    word_store(&superslab->doubted, superslab->doubted | less);
    superslab_mark_free(superslab, less, true);
    lock_release(&space.lock);
}

struct unpopulated slab_run_note_present(struct slab *slab, unsigned pages)
{
    if (pages <= slab->resident || settings.ss_prefault == PREFAULT_OFF)
        return (struct unpopulated){NULL, 0};
    size_t page = os_page_size();
    struct unpopulated range = {slab->start + slab->resident * page,
                                (pages - slab->resident) * page};
    slab->resident = (uint16_t)pages;
    return range;
}

void slab_run_make_present(struct unpopulated range)
{
    if (range.size == 0)
        return;
    if (settings.ss_prefault == PREFAULT_TOUCH)
        os_touch(range.start, range.size);
    else
        os_populate(range.start, range.size);
}

void slab_run_populate(struct slab *slab, unsigned pages)
{
    slab_run_make_present(slab_run_note_present(slab, pages));
}
