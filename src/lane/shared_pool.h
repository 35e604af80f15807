/* SPDX-License-Identifier: MIT */
/*
 * The lanes Tiny and Pool: slabs cut into blocks of one class. Blocks are taken from them, and
 * slabs that became empty leave. All threads use the shared pool; each owned heap has a pool of its
 * own.
 */
#ifndef HAK_LANE_SHARED_POOL_H
#define HAK_LANE_SHARED_POOL_H

#include "lane/pool_lists.h"

/* Take up to `want` blocks of one slab, lowest address first. Of blocks smaller than a cache line,
 * those that make up whole lines are taken first. Returns how many, at least one; 0 when out of
 * memory. */
unsigned pool_take(struct pool *pool, unsigned size_class, void **blocks, unsigned want);
/* Does a block of this class (ACE included) start at `block`, whose slab is of the class? Takes no
 * lock: the caller holds the block, so the answer cannot change meanwhile. */
static always_inline bool pool_is_start(unsigned size_class, const void *block)
{
    const struct size_class *row = &size_classes[size_class];
    size_t offset = (size_t)((const char *)block - slab_find(block)->start);
    size_t index = offset * row->reciprocal >> RECIPROCAL_SHIFT;
    return offset == index * row->size && index < row->blocks;
}
/* Give back the empty slab that a class may have kept, if no block was taken since the last call,
 * or in any case (`all`). The caller may hold no lock. */
void pool_trim(struct pool *pool, unsigned size_class, bool all);
/* May pool_trim find such a slab? Cheap, without the lock. */
static inline bool pool_may_trim(const struct pool *pool, unsigned size_class)
{
    return word_load(&pool->classes[size_class].lists[0]) != NULL;
}
/* Give every slab of a pool back, even if blocks are in use. The pool is empty then, and usable. A
 * walk of idle_pages_purge that is under way may continue. The caller may hold no lock. */
void pool_destroy(struct pool *pool);

/* Take a slab out of its pool if all its blocks are free. The caller then retires it, after it has
 * released the lock. */
bool pool_leave_if_empty(struct pool_class *class_pool, struct slab *slab);
/* Give back a slab that has left its pool. The caller may hold no lock. */
void pool_retire(struct slab *slab);

#endif
