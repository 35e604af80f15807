/* SPDX-License-Identifier: MIT */
/*
 * Tiny and Pool: slabs cut into blocks of one class. Blocks are taken from them, and slabs that
 * have become empty leave. Used by all threads, and by each first-class heap on a pool of its own.
 */
#ifndef HAK_LANE_SHARED_POOL_H
#define HAK_LANE_SHARED_POOL_H

#include "lane/pool_lists.h"

/* Take up to `want` blocks of one slab, lowest address first; of blocks smaller than a cache line
 * those of whole lines come before others. Returns how many, at least one: 0 when out of memory. */
unsigned pool_take(struct pool *pool, unsigned size_class, void **blocks, unsigned want);
/* Does a block of this class, a span too, start at `block`, whose slab is of the class? Takes no
 * lock: for a block that the caller holds, the answer cannot change meanwhile. */
static always_inline bool pool_is_start(unsigned size_class, const void *block)
{
    const struct size_class *row = &size_classes[size_class];
    size_t offset = (size_t)((const char *)block - slab_find(block)->start);
    size_t index = offset * row->reciprocal >> RECIPROCAL_SHIFT;
    return offset == index * row->size && index < row->blocks;
}
/* Give the empty slab back that a class may have kept, if no block was taken since the last call,
 * or in any case (`all`). No lock may be held. */
void pool_trim(struct pool *pool, unsigned size_class, bool all);
/* Might there be one? Cheap, without the lock. */
static inline bool pool_may_trim(const struct pool *pool, unsigned size_class)
{
    return word_load(&pool->classes[size_class].lists[0]) != NULL;
}
/* Give every slab of a pool back, whatever is in use; the pool is empty then, and usable. A walk of
 * idle_pages_purge that is under way may go on. No lock may be held. */
void pool_destroy(struct pool *pool);

/* Take a slab out of its pool if all its blocks are free: the caller retires it, without the
 * lock. */
bool pool_leave_if_empty(struct pool_class *class_pool, struct slab *slab);
/* Give a slab that has left its pool back. No lock may be held. */
void pool_retire(struct slab *slab);

#endif
