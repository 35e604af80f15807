/* SPDX-License-Identifier: MIT */
/*
 * Owns the depots: for each class, batches of free blocks that threads exchange without touching
 * blocks or slabs (Bonwick & Adams 2001, "Magazines and Vmem"). A depot is trimmed by its working
 * set: batches that no thread needed since the last trim go back to the shared pool below. A class
 * lock may never be held when a depot is trimmed.
 */
#include "lane/depot.h"
#include "lane/pool_give.h"
#include "lane/shared_pool.h"
#include "slab/meta.h"

#include <limits.h>
#include <string.h>

state_data struct depot depots[CLASS_POOL_LAST + 1];

/* Batches that a slow path moves to the slabs in one call: 0.1 ms if each block lies in another
 * slab. */
#define TRIM_BATCHES 8

static uint32_t batches_max(unsigned size_class, unsigned count, size_t bytes_max)
{
    size_t size = size_classes[size_class].size;
    return (uint32_t)min_size(DEPOT_BATCHES_MAX, max_size(bytes_max / (count * size), 1));
}

static struct batch *pop_locked(struct depot *depot)
{
    struct batch *batch = depot->batches;
    if (batch) {
        word_store(&depot->batches, batch->next);
        depot->count--;
        if (depot->count < depot->low)
            depot->low = depot->count;
    }
    return batch;
}

unsigned depot_take(unsigned size_class, void **blocks, unsigned want)
{
    struct depot *depot = &depots[size_class];
    unsigned count = 0;
    if (!word_load(&depot->batches)) /* a batch that arrives at this moment is for the next call */
        return 0;
    lock_acquire(&depot->lock);
    struct batch *batch = depot->batches;
    if (batch && batch->count > want) {
        batch->count -= want;
        memcpy(blocks, batch->blocks + batch->count, want * sizeof(batch->blocks[0]));
        count = want;
    } else if (batch) {
        pop_locked(depot);
        count = batch->count;
        memcpy(blocks, batch->blocks, count * sizeof(batch->blocks[0]));
        batch->next = depot->spare;
        depot->spare = batch;
    }
    depot->traffic.refilled += count;
    lock_release(&depot->lock);
    return count;
}

/* A batch with no block: a spare one if there is one, or a new one. */
static struct batch *take_spare_locked(struct depot *depot)
{
    struct batch *batch = depot->spare;
    if (batch) {
        depot->spare = batch->next;
        return batch;
    }
    return meta_alloc(sizeof(*batch));
}

bool depot_give(unsigned size_class, void *const *blocks, unsigned count, size_t bytes_max)
{
    struct depot *depot = &depots[size_class];
    struct batch *batch = NULL;
    if (size_classes[size_class].size > DEPOT_BLOCK_MAX)
        return false;
    lock_acquire(&depot->lock);
    if (depot->count < batches_max(size_class, count, bytes_max))
        batch = take_spare_locked(depot);
    if (batch) {
        batch->count = count;
        memcpy(batch->blocks, blocks, count * sizeof(batch->blocks[0]));
        batch->next = depot->batches;
        word_store(&depot->batches, batch);
        depot->count++;
        depot->traffic.flushed += count;
    }
    lock_release(&depot->lock);
    return batch != NULL;
}

/* Take up to `most` idle batches out of the depot, as a list. *is_last tells whether these were
 * all. */
static struct batch *take_idle(struct depot *depot, bool all, unsigned most, bool *is_last)
{
    struct batch *idle = NULL;
    lock_acquire(&depot->lock);
    uint32_t spare = all ? depot->count : depot->low;
    *is_last = spare <= most;
    for (uint32_t left = (uint32_t)min_size(spare, most); left > 0; left--) {
        struct batch *batch = pop_locked(depot);
        batch->next = idle;
        idle = batch;
    }
    /* the other batches counted in `low` were idle too: low falls by one for each batch taken */
    depot->low = *is_last ? depot->count : (uint32_t)min_size(spare - most, depot->count);
    lock_release(&depot->lock);
    return idle;
}

/* Move a list of batches to the slabs. */
static struct verdict flush(unsigned size_class, struct batch *idle)
{
    struct verdict verdict = {FAULT_NONE, NULL, 0};
    while (idle) {
        struct batch *next = idle->next;
        if (verdict.fault == FAULT_NONE)
            verdict = pool_give_idle(size_class, idle->blocks, idle->count);
        meta_free(idle, sizeof(*idle));
        idle = next;
    }
    return verdict;
}

/* *is_last tells whether the class has nothing left to trim. */
static struct verdict trim_class(unsigned size_class, bool all, unsigned most, bool *is_last)
{
    struct verdict verdict = {FAULT_NONE, NULL, 0};
    *is_last = true;
    /* most depots are empty; a batch that arrives at this moment is not idle */
    if (word_load(&depots[size_class].batches))
        verdict = flush(size_class, take_idle(&depots[size_class], all, most, is_last));
    if (pool_may_trim(&shared_pool, size_class))
        pool_trim(&shared_pool, size_class, all);
    return verdict;
}

struct verdict depot_trim(bool all)
{
    struct verdict verdict = {FAULT_NONE, NULL, 0};
    bool is_last;
    for (unsigned size_class = CLASS_FIRST;
         size_class <= CLASS_POOL_LAST && verdict.fault == FAULT_NONE; size_class++)
        verdict = trim_class(size_class, all, UINT_MAX, &is_last);
    return verdict;
}

struct verdict depot_trim_on(unsigned *at)
{
    struct verdict verdict = {FAULT_NONE, NULL, 0};
    unsigned size_class = (unsigned)max_size(*at, CLASS_FIRST);
    bool is_last = true;
    for (; size_class <= CLASS_POOL_LAST && !word_load(&depots[size_class].batches) &&
           !pool_may_trim(&shared_pool, size_class);)
        size_class++;
    if (size_class <= CLASS_POOL_LAST)
        verdict = trim_class(size_class, false, TRIM_BATCHES, &is_last);
    size_class += is_last;
    *at = size_class <= CLASS_POOL_LAST ? size_class : 0;
    return verdict;
}

struct verdict depot_give_back(unsigned size_class)
{
    struct depot *depot = &depots[size_class];
    struct batch *batch = NULL;
    if (word_load(&depot->batches)) {
        lock_acquire(&depot->lock);
        batch = pop_locked(depot);
        lock_release(&depot->lock);
    }
    if (batch)
        batch->next = NULL;
    return flush(size_class, batch);
}

size_t depot_count(unsigned size_class)
{
    struct depot *depot = &depots[size_class];
    size_t count = 0;
    lock_acquire(&depot->lock);
    for (struct batch *batch = depot->batches; batch; batch = batch->next)
        count += batch->count;
    lock_release(&depot->lock);
    return count;
}

struct traffic depot_traffic(unsigned size_class)
{
    struct depot *depot = &depots[size_class];
    lock_acquire(&depot->lock);
    struct traffic traffic = depot->traffic;
    lock_release(&depot->lock);
    return traffic;
}

unsigned depot_check(void)
{
    unsigned faults = 0;
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++) {
        struct depot *depot = &depots[size_class];
        uint32_t count = 0;
        lock_acquire(&depot->lock);
        for (struct batch *batch = depot->batches; batch; batch = batch->next, count++) {
            struct verdict verdict = pool_judge(&shared_pool, size_class, batch->blocks,
                                                batch->count);
            if (verdict.fault == FAULT_NONE)
                continue;
            faults++;
            log_line("check: depot of class %u holds %p, which is not its block", size_class,
                     verdict.block);
        }
        if (count != depot->count || depot->low > count) {
            faults++;
            log_line("check: depot of class %u has %u batches, counted %u", size_class,
                     depot->count, count);
        }
        lock_release(&depot->lock);
    }
    return faults;
}
