/* SPDX-License-Identifier: MIT */
/*
 * Owns the return of blocks to a pool: it finds the slab's record, sets the block's bit, and judges
 * a pointer that is no live block. A slab that becomes empty leaves the pool under the class lock,
 * and goes back to the slab layer after the lock is released. Blocks themselves may never be
 * touched.
 */
#include "lane/pool_give.h"
#include "lane/collapse.h"
#include "lane/idle_pages.h"
#include "lane/shared_pool.h"

/* Purpose: the state of one return of blocks. Most batches come from few slabs, so a slab is looked
 * up once for consecutive blocks in it. */
struct giving {
    struct pool *pool;
    struct size_class row; /* a copy: writes to `bits` might change the table, for all gcc knows */
    unsigned size_class;
    struct slab *slab; /* slab of the last block; NULL at first */
    const char *start; /* start of that slab */
    uint64_t *bits;
    size_t extent; /* bytes of the slab that are cut into blocks; 0 without a slab */
    size_t given;
};

static struct verdict fault_of(const struct giving *giving, enum fault fault, const void *block)
{
    return (struct verdict){fault, block, giving->row.size};
}

static always_inline bool is_in_slab(const struct giving *giving, const void *block)
{
    return (size_t)((const char *)block - giving->start) < giving->extent;
}

/* Turn to the slab that covers `block`. If that slab was given back, or belongs to another class
 * now, all its blocks were free: a double free. */
static enum fault find_slab(struct giving *giving, const void *block)
{
    struct slab *slab = slab_find(block);
    if (slab->state != SLAB_BLOCKS || slab->size_class != giving->size_class ||
        slab->owner != giving->pool)
        return FAULT_DOUBLE_FREE;
    giving->slab = slab;
    giving->start = slab->start;
    giving->bits = pooled(slab)->bits;
    giving->extent = (size_t)pooled(slab)->block_count * giving->row.size;
    return is_in_slab(giving, block) ? FAULT_NONE : FAULT_NOT_START;
}

/* The index of a block in giving->slab. False if no block starts there. */
static always_inline bool find_index(const struct giving *giving, const void *block, size_t *index)
{
    size_t offset = (size_t)((const char *)block - giving->start);
    *index = offset * giving->row.reciprocal >> RECIPROCAL_SHIFT;
    return likely(offset == *index * giving->row.size);
}

/* Blocks were put into a slab. If it is empty now, it goes to *empty. An exception is the last slab
 * of the class that has free blocks, which stays until pool_trim: otherwise a program that uses one
 * block of the class would take and give back a slab each time. */
static void settle_locked(struct pool_class *class_pool, struct slab *slab, struct slab **empty)
{
    pooled(slab)->low_word = 0;
    idle_pages_note_give(class_pool, slab);
    pool_relist(class_pool, slab);
    if (pooled(slab)->free_count < pooled(slab)->block_count || pool_is_last(class_pool, slab) ||
        !pool_leave_if_empty(class_pool, slab))
        return;
    slab->next = *empty;
    *empty = slab;
}

/* Mark blocks free from the first on, up to the first that lies in another slab or is at fault.
 * Returns how many. A word of the bitmap is written when the next word begins: blocks that were
 * allocated together come back together. */
static unsigned mark_free(const struct giving *giving, void *const *blocks, unsigned count,
                          enum fault *fault)
{
    const struct giving here = *giving; /* a local copy, so that it stays in registers: see `row` */
    size_t word = 0;
    uint64_t bits = here.bits[0];
    unsigned marked = 0;
    for (; marked < count && is_in_slab(&here, blocks[marked]); marked++) {
        size_t index;
        if (!find_index(&here, blocks[marked], &index)) {
            *fault = FAULT_NOT_START;
            break;
        }
        if (index / 64 != word) {
            here.bits[word] = bits;
            word = index / 64;
            bits = here.bits[word];
        }
        uint64_t bit = (uint64_t)1 << (index % 64);
        if (unlikely(bits & bit)) {
            *fault = FAULT_DOUBLE_FREE;
            break;
        }
        bits |= bit;
    }
    here.bits[word] = bits;
    return marked;
}

static struct verdict give_locked(struct giving *giving, void *const *blocks, unsigned count,
                                  struct slab **empty)
{
    struct pool_class *class_pool = &giving->pool->classes[giving->size_class];
    enum fault fault = FAULT_NONE;
    for (unsigned done = 0; done < count;) {
        unsigned marked = 0;
        fault = find_slab(giving, blocks[done]);
        if (fault == FAULT_NONE)
            marked = mark_free(giving, blocks + done, count - done, &fault);
        done += marked;
        giving->given += marked;
        if (marked > 0) {
            pooled(giving->slab)->free_count = (uint16_t)(pooled(giving->slab)->free_count +
                                                          marked);
            settle_locked(class_pool, giving->slab, empty);
        }
        if (fault != FAULT_NONE)
            return fault_of(giving, fault, blocks[done]);
    }
    return fault_of(giving, FAULT_NONE, NULL);
}

static struct giving giving_to(struct pool *pool, unsigned size_class)
{
    return (struct giving){.pool = pool, .row = size_classes[size_class], .size_class = size_class};
}

/* Give blocks back. `flushed` of them are counted as traffic. */
static struct verdict give(struct pool *pool, unsigned size_class, void *const *blocks,
                           unsigned count, unsigned flushed)
{
    struct giving giving = giving_to(pool, size_class);
    struct slab *empty = NULL;
    lock_acquire(&pool->classes[size_class].lock);
    struct verdict verdict = give_locked(&giving, blocks, count, &empty);
    collapse_note_locked(pool, size_class, -(ptrdiff_t)giving.given,
                         (ptrdiff_t)(giving.given * giving.row.size));
    if (pool == &shared_pool)
        pool_traffic[size_class].traffic.flushed += flushed;
    lock_release(&pool->classes[size_class].lock);
    while (empty) {
        struct slab *next = empty->next;
        pool_retire(empty);
        empty = next;
    }
    return verdict;
}

struct verdict pool_give(struct pool *pool, unsigned size_class, void *const *blocks,
                         unsigned count)
{
    return give(pool, size_class, blocks, count, count);
}

struct verdict pool_give_idle(unsigned size_class, void *const *blocks, unsigned count)
{
    return give(&shared_pool, size_class, blocks, count, 0);
}

/* Mark one block free, or in use again. A block that is already free is a double free. */
static enum fault mark_one(struct giving *giving, const void *block, bool is_free)
{
    size_t index = 0;
    enum fault fault = FAULT_NONE;
    if (!giving->slab || !is_in_slab(giving, block))
        fault = find_slab(giving, block);
    if (fault == FAULT_NONE && !find_index(giving, block, &index))
        fault = FAULT_NOT_START;
    if (fault != FAULT_NONE)
        return fault;
    uint64_t *word = &giving->bits[index / 64];
    uint64_t bit = (uint64_t)1 << (index % 64);
    if (is_free && (*word & bit))
        return FAULT_DOUBLE_FREE;
    *word ^= bit;
    return FAULT_NONE;
}

struct verdict pool_judge(struct pool *pool, unsigned size_class, void *const *blocks,
                          unsigned count)
{
    struct giving giving = giving_to(pool, size_class);
    enum fault fault = FAULT_NONE;
    unsigned marked = 0;
    lock_acquire(&pool->classes[size_class].lock);
    /* blocks are marked for a moment, so that a block that occurs twice is found as a double
     * free */
    while (marked < count && (fault = mark_one(&giving, blocks[marked], true)) == FAULT_NONE)
        marked++;
    for (unsigned i = marked; i-- > 0;)
        mark_one(&giving, blocks[i], false);
    lock_release(&pool->classes[size_class].lock);
    return fault_of(&giving, fault, fault == FAULT_NONE ? NULL : blocks[marked]);
}
