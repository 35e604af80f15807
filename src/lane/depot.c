/* SPDX-License-Identifier: MIT */
/*
 * The depot: per class, full batches that threads exchange without touching blocks or slabs
 * (Bonwick & Adams 2001, "Magazines and Vmem"). Above the shared pool, into which it is trimmed by
 * its working set: batches that nobody needed since the last look are flushed. Called by the
 * unified cache.
 */
#include "lane/depot.h"

#include <string.h>

state_data struct depot depots[CLASS_POOL_LAST + 1];

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
    if (!word_load(&depot->batches)) /* what comes at this moment is for the next call */
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
    depot->traffic.taken += count;
    lock_release(&depot->lock);
    return count;
}

/* A batch with no block: a spare one if there is, or a new one. */
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
        depot->traffic.given += count;
    }
    lock_release(&depot->lock);
    return batch != NULL;
}

/* Take what was idle out of the depot, as a list. */
static struct batch *take_idle(struct depot *depot, bool all)
{
    struct batch *idle = NULL;
    lock_acquire(&depot->lock);
    for (uint32_t spare = all ? depot->count : depot->low; spare > 0; spare--) {
        struct batch *batch = pop_locked(depot);
        batch->next = idle;
        idle = batch;
    }
    depot->low = depot->count;
    lock_release(&depot->lock);
    return idle;
}

static struct verdict trim_class(unsigned size_class, bool all)
{
    struct verdict verdict = {FAULT_NONE, NULL, 0};
    /* most are empty; and what comes at this moment is not idle */
    struct batch *idle = word_load(&depots[size_class].batches)
                             ? take_idle(&depots[size_class], all)
                             : NULL;
    while (idle) {
        struct batch *next = idle->next;
        if (verdict.fault == FAULT_NONE)
            verdict = pool_give_idle(size_class, idle->blocks, idle->count);
        meta_free(idle, sizeof(*idle));
        idle = next;
    }
    if (pool_may_trim(&shared_pool, size_class))
        pool_trim(&shared_pool, size_class, all);
    return verdict;
}

struct verdict depot_trim(bool all)
{
    struct verdict verdict = {FAULT_NONE, NULL, 0};
    for (unsigned size_class = CLASS_FIRST;
         size_class <= CLASS_POOL_LAST && verdict.fault == FAULT_NONE; size_class++)
        verdict = trim_class(size_class, all);
    return verdict;
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

/* ---- fork: the lanes' locks, each class's depot before its slabs ---- */

void lane_lock_all(void)
{
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++) {
        lock_acquire(&depots[size_class].lock);
        lock_acquire(&shared_pool.classes[size_class].lock);
    }
    density_lock_acquire();
}

void lane_unlock_all(void)
{
    density_lock_release();
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++) {
        lock_release(&shared_pool.classes[size_class].lock);
        lock_release(&depots[size_class].lock);
    }
}

void lane_reset_locks(void)
{
    density_lock_reset();
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++) {
        lock_reset(&shared_pool.classes[size_class].lock);
        lock_reset(&depots[size_class].lock);
    }
}
