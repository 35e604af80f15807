/* SPDX-License-Identifier: MIT */
/*
 * Owns the purge of free blocks' pages in partly used slabs. The pages are purged when the slab has
 * been left alone for the decay time; the slab's bitmap shows which pages are free. A slab is
 * examined in parts (parts.h). While the pages of a part are being purged, its blocks are out of
 * the bitmap, so that no thread can get one; the class lock may never be held during the purge.
 * Purged parts are marked `absent`.
 */
#include "lane/idle_pages.h"
#include "lane/collapse.h"
#include "lane/parts.h"
#include "lane/shared_pool.h"

#include <limits.h>

/* Slabs examined during one hold of the class lock. The purge of a slab costs as much effort as
 * PURGE_EFFORT such holds. */
#define SCAN_STEP 32
#define PURGE_EFFORT 4

/* A walk ends when the kernel has refused this many slabs: their memory is locked, and all memory
 * may be. The next walk begins with other slabs, since a refused slab counts as used. */
#define REFUSALS_MAX 64

/* Purpose: the parts of one slab that are being purged. Their blocks are out of the bitmap
 * meanwhile. */
struct idle_parts {
    struct slab *slab;
    uint64_t parts;
};

/* ---- blocks of a part ---- */

/* Purpose: blocks [first, end), which lie in a part or reach into it. */
struct blocks {
    unsigned first;
    unsigned end;
};

static struct blocks blocks_of(const struct slab *slab, size_t part, unsigned number)
{
    size_t end = ((number + 1) * part + slab->size - 1) / slab->size;
    return (struct blocks){
        .first = (unsigned)min_size(number * part / slab->size, pooled(slab)->block_count),
        .end = (unsigned)min_size(end, pooled(slab)->block_count),
    };
}

/* Mask of the bits [first, end) in the word that has `first`. */
static uint64_t word_mask(unsigned first, unsigned end)
{
    unsigned count = (unsigned)min_size(end - first, 64 - first % 64);
    return (UINT64_MAX >> (64 - count)) << (first % 64);
}

static bool are_free(const struct slab *slab, struct blocks blocks)
{
    for (unsigned at = blocks.first; at < blocks.end; at = (at / 64 + 1) * 64) {
        uint64_t mask = word_mask(at, blocks.end);
        if ((pooled(slab)->bits[at / 64] & mask) != mask)
            return false;
    }
    return true;
}

/* Mark blocks free, or withhold them. Returns the number of blocks changed: a block that two parts
 * share counts once. */
static unsigned set_free(struct slab *slab, struct blocks blocks, bool is_free)
{
    unsigned changed = 0;
    for (unsigned at = blocks.first; at < blocks.end; at = (at / 64 + 1) * 64) {
        uint64_t mask = word_mask(at, blocks.end);
        uint64_t before = pooled(slab)->bits[at / 64];
        pooled(slab)->bits[at / 64] = is_free ? before | mask : before & ~mask;
        changed += (unsigned)__builtin_popcountll(before ^ pooled(slab)->bits[at / 64]);
    }
    return changed;
}

static void set_parts_free(struct slab *slab, uint64_t parts, bool is_free)
{
    size_t part = part_bytes(slab);
    unsigned changed = 0;
    for (uint64_t rest = parts; rest; rest &= rest - 1)
        changed += set_free(slab, blocks_of(slab, part, lowest_bit(rest)), is_free);
    pooled(slab)->free_count = (uint16_t)(is_free ? pooled(slab)->free_count + changed
                                                  : pooled(slab)->free_count - changed);
    if (is_free)
        pooled(slab)->low_word = 0;
}

/* ---- finding ---- */

/* The parts that may have pages, and have no block in use or in a cache. */
static uint64_t free_parts(const struct slab *slab)
{
    size_t part = part_bytes(slab);
    size_t present = max_size(slab->resident * os_page_size(), pooled(slab)->carved * slab->size);
    size_t run = (size_t)slab->slab_count << SLAB_SHIFT;
    uint64_t parts = 0;
    present = min_size(present, run);
    for (unsigned number = 0; number * part < present; number++)
        if (!(pooled(slab)->absent >> number & 1) && are_free(slab, blocks_of(slab, part, number)))
            parts |= (uint64_t)1 << number;
    return parts;
}

/* Has the slab been left alone long enough, and is enough of it free? */
static bool is_due(struct pool_class *class_pool, const struct slab *slab, struct idle_walk *walk)
{
    if (!pooled(slab)->is_dirty ||
        pooled(slab)->free_count < pooled(slab)->block_count / walk->free_share)
        return false;
    if ((uint8_t)(decay_epoch() - slab->age) >= walk->min_age)
        return true;
    class_pool->is_dirty = walk->is_pending = true;
    return false;
}

static unsigned runs_of(uint64_t parts)
{
    return (unsigned)__builtin_popcountll(parts & ~(parts << 1));
}

/* Examine up to SCAN_STEP slabs from the walk's position on. Withhold the blocks of the first slab
 * that has free parts worth a purge. */
static struct idle_parts withhold_locked(struct pool_class *class_pool, struct idle_walk *walk)
{
    for (unsigned step = 0; step < SCAN_STEP; step++) {
        struct slab *slab = pool_walk_next(class_pool);
        if (!slab)
            break;
        if (!is_due(class_pool, slab, walk))
            continue;
        uint64_t parts = free_parts(slab);
        if (runs_of(parts) * walk->run_min > (unsigned)__builtin_popcountll(parts))
            continue;
        pooled(slab)->is_dirty = false;
        if (!parts)
            continue;
        unsigned before = pooled(slab)->free_count;
        set_parts_free(slab, parts, false);
        if (pooled(slab)->free_count == before)
            continue; /* only the waste at its end: no block keeps the slab in its pool */
        pool_relist(class_pool, slab);
        return (struct idle_parts){slab, parts};
    }
    return (struct idle_parts){NULL, 0};
}

/* ---- purging ---- */

static bool give_parts(const struct slab *slab, unsigned first, unsigned count)
{
    size_t part = part_bytes(slab);
    size_t run = (size_t)slab->slab_count << SLAB_SHIFT;
    return decay_purge(slab->start + first * part, min_size(count * part, run - first * part),
                       false);
}

/* The kernel has refused some of these parts. Purge them one by one; returns the purged ones. */
noinline_cold static uint64_t give_each_part(const struct slab *slab, unsigned first,
                                             unsigned count)
{
    uint64_t purged = 0;
    for (unsigned part = first; count > 1 && part < first + count; part++)
        if (give_parts(slab, part, 1))
            purged |= part_mask(part, part);
    return purged;
}

/* Purge the parts. Returns the purged ones. */
static uint64_t purge_parts(const struct idle_parts *idle)
{
    uint64_t purged = 0;
    for (uint64_t rest = idle->parts; rest;) {
        unsigned first = lowest_bit(rest);
        unsigned count = lowest_run(rest);
        uint64_t mask = part_mask(first, first + count - 1);
        rest &= ~mask;
        purged |= give_parts(idle->slab, first, count) ? mask
                                                       : give_each_part(idle->slab, first, count);
    }
    return purged;
}

/* Put the blocks of the parts back into the bitmap. Purged parts become absent; the others are
 * tried again later. */
static void put_back_locked(struct pool_class *class_pool, const struct idle_parts *idle,
                            uint64_t purged, struct idle_walk *walk)
{
    ptrdiff_t bytes = (ptrdiff_t)((size_t)__builtin_popcountll(purged) * part_bytes(idle->slab));
    set_parts_free(idle->slab, idle->parts, true);
    pooled(idle->slab)->absent |= purged;
    walk->bytes += (size_t)bytes;
    collapse_note_locked(idle->slab->owner, idle->slab->size_class, 0, -bytes);
    if (purged == idle->parts)
        return;
    walk->refusals++;
    walk->is_pending = class_pool->is_dirty = pooled(idle->slab)->is_dirty = true;
    idle->slab->age = decay_epoch();
}

/* Purpose: the result of one step of a walk. */
struct step {
    struct slab *empty; /* a slab that became empty meanwhile: the caller retires it */
    bool is_last;
};

/* Find and purge one slab. */
static struct step purge_step(struct pool_class *class_pool, struct idle_walk *walk)
{
    lock_acquire(&class_pool->lock);
    struct idle_parts idle = withhold_locked(class_pool, walk);
    struct step step = {.is_last = class_pool->walk == 0};
    lock_release(&class_pool->lock);
    if (!idle.slab)
        return step;
    uint64_t purged = purge_parts(&idle);
    walk->slabs_left--;
    lock_acquire(&class_pool->lock);
    put_back_locked(class_pool, &idle, purged, walk);
    if (pool_leave_if_empty(class_pool, idle.slab))
        step.empty = idle.slab;
    else
        pool_relist(class_pool, idle.slab);
    lock_release(&class_pool->lock);
    return step;
}

static bool may_go_on(const struct idle_walk *walk)
{
    return walk->refusals < REFUSALS_MAX && walk->slabs_left > 0 && walk->looks_left > 0 &&
           walk->bytes < walk->bytes_max;
}

/* Take the decay lock. A walk that a free pays for never waits for another thread's purge: it
 * continues next time. */
static bool lock_decay(struct idle_walk *walk)
{
    if (walk->is_patient)
        decay_lock_in_turn();
    else if (!decay_try_lock())
        walk->looks_left = 0;
    return walk->looks_left > 0;
}

bool idle_pages_walk(struct pool_class *class_pool, struct idle_walk *walk)
{
    struct step step = {0};
    while (!step.is_last && may_go_on(walk) && lock_decay(walk)) {
        step = purge_step(class_pool, walk);
        decay_unlock();
        walk->looks_left--;
        if (step.empty)
            pool_retire(step.empty);
    }
    return step.is_last;
}

/* Begin a walk of a class, if blocks came back to a slab of it since the last one. */
static bool begin_class(struct pool_class *class_pool)
{
    lock_acquire(&class_pool->lock);
    bool is_wanted = class_pool->is_dirty;
    if (is_wanted) {
        class_pool->is_dirty = false;
        pool_walk_begin(class_pool, POOL_LIST_FULL - 1);
    }
    lock_release(&class_pool->lock);
    return is_wanted;
}

static void mark_dirty(struct pool *pool)
{
    atomic_store_explicit(&pool->is_dirty, true, memory_order_release);
}

size_t idle_pages_purge(struct pool *pool, unsigned min_age, bool *is_pending)
{
    struct idle_walk walk = {.min_age = min_age,
                             .free_share = UINT_MAX,
                             .slabs_left = SIZE_MAX,
                             .looks_left = SIZE_MAX,
                             .bytes_max = SIZE_MAX,
                             .is_patient = true};
    /* acquire: see struct pool */
    if (!atomic_exchange_explicit(&pool->is_dirty, false, memory_order_acquire))
        return 0;
    for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++) {
        struct pool_class *class_pool = &pool->classes[size_class];
        if (walk.refusals >= REFUSALS_MAX)
            walk.is_pending = true;
        else if (begin_class(class_pool))
            idle_pages_walk(class_pool, &walk);
    }
    if (walk.is_pending) {
        *is_pending = true;
        mark_dirty(pool);
    }
    return walk.bytes;
}

void idle_pages_begin(struct pool *pool)
{
    unsigned none = 0;
    if (atomic_load_explicit(&pool->is_dirty, memory_order_relaxed) &&
        atomic_compare_exchange_strong_explicit(&pool->at, &none, 2 * CLASS_FIRST,
                                                memory_order_relaxed, memory_order_relaxed))
        /* acquire: see struct pool */
        atomic_exchange_explicit(&pool->is_dirty, false, memory_order_acquire);
}

/* Continue in the class of the pool's walk; `at` is even before the walk of the class has begun.
 * Returns the new position. A collapsing class has a walk of its own. */
static unsigned age_class(struct pool *pool, unsigned at, struct idle_walk *walk)
{
    struct pool_class *class_pool = &pool->classes[at / 2];
    if (pool == &shared_pool && collapse_is_on(at / 2)) {
        walk->is_pending |= word_load(&class_pool->is_dirty);
        return (at | 1) + 1;
    }
    if (at % 2 == 0)
        return begin_class(class_pool) ? at + 1 : at + 2;
    return idle_pages_walk(class_pool, walk) ? at + 1 : at;
}

bool idle_pages_go_on(struct pool *pool, unsigned min_age, size_t *effort)
{
    size_t slabs = *effort / PURGE_EFFORT;
    struct idle_walk walk = {.min_age = min_age,
                             .free_share = UINT_MAX,
                             .slabs_left = slabs,
                             .looks_left = *effort,
                             .bytes_max = SIZE_MAX};
    unsigned at = atomic_load_explicit(&pool->at, memory_order_relaxed);
    if (at == 0)
        return true;
    while (at / 2 <= CLASS_POOL_LAST && may_go_on(&walk))
        at = age_class(pool, at, &walk);
    size_t spent = *effort - walk.looks_left + (slabs - walk.slabs_left) * PURGE_EFFORT;
    *effort -= min_size(spent, *effort);
    bool is_refused = walk.refusals >= REFUSALS_MAX;
    bool is_end = at / 2 > CLASS_POOL_LAST || is_refused;
    if (walk.is_pending || is_refused)
        mark_dirty(pool);
    atomic_store_explicit(&pool->at, is_end ? 0 : at, memory_order_relaxed);
    return is_end;
}
