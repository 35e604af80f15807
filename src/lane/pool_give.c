/* SPDX-License-Identifier: MIT */
/*
 * Blocks that come back to the shared pool: their slab's record, their bit in it, and what is wrong
 * with a pointer that has none. A slab that becomes empty leaves under the class lock and goes back
 * to the slab layer after it. Blocks themselves may never be touched.
 */
#include "lane/pool_give.h"
#include "lane/collapse.h"
#include "lane/idle_pages.h"
#include "lane/shared_pool.h"

/* Purpose: where blocks that come back belong. A batch is mostly of few slabs: each is looked up
 * once for those of its blocks that follow one another. */
struct giving {
    struct pool *pool;
    struct size_class row; /* a copy: what is marked might be the row, for all the compiler knows */
    unsigned size_class;
    struct slab *slab; /* of the last block; NULL at first */
    const char *start; /* of that slab */
    uint64_t *bits;
    size_t extent; /* bytes of it in which blocks lie; 0 without a slab */
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

/* Turn to the slab that covers `block`. A slab that was given back, or is another class's by now,
 * held only free blocks. */
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

/* The number of a block of giving->slab. False if none starts there. */
static always_inline bool find_index(const struct giving *giving, const void *block, size_t *index)
{
    size_t offset = (size_t)((const char *)block - giving->start);
    *index = offset * giving->row.reciprocal >> RECIPROCAL_SHIFT;
    return likely(offset == *index * giving->row.size);
}

/* Blocks were put into a slab. If that emptied it, it goes to *empty; but the last one that has
 * blocks to give stays until pool_trim, or a class of which the program uses one block would get
 * and lose a slab each time. */
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

/* Mark those of the first `count` blocks free that lie in giving->slab, up to the first that does
 * not, or is at fault. Returns how many. A word is written when the next one begins: blocks that
 * were allocated together come back together. */
static unsigned mark_free(const struct giving *giving, void *const *blocks, unsigned count,
                          enum fault *fault)
{
    const struct giving here = *giving; /* in registers: see `row` */
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

/* Give blocks back; `flushed` of them come from a cache. */
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
        pool_traffic[size_class].traffic.given += flushed;
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

/* Mark one block free, or in use again. A block that is marked already is a double free. */
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
    /* marked, so that the same block once more is a double free */
    while (marked < count && (fault = mark_one(&giving, blocks[marked], true)) == FAULT_NONE)
        marked++;
    for (unsigned i = marked; i-- > 0;)
        mark_one(&giving, blocks[i], false);
    lock_release(&pool->classes[size_class].lock);
    return fault_of(&giving, fault, fault == FAULT_NONE ? NULL : blocks[marked]);
}
