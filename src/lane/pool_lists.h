/* SPDX-License-Identifier: MIT */
/*
 * The pools: for each class, its slabs in lists by how full they are. Owns the process's pool,
 * which is the shared pool, and the position of idle_pages.c in its walk over a class: the position
 * must stay valid when a slab changes its list.
 */
#ifndef HAK_LANE_POOL_LISTS_H
#define HAK_LANE_POOL_LISTS_H

#include "lane/pool_slab.h"
#include "lane/size_class.h"
#include "lane/verdict.h"

/* Slabs are listed by how full they are. Blocks are taken from the fullest first, so that the
 * emptiest slabs become empty. */
#define POOL_LISTS 5
#define POOL_LIST_FULL (POOL_LISTS - 1)

/* Purpose: the slabs of one class in one pool. Owner: lock. Invariant: a slab is in
 * lists[slab->list]; POOL_LIST_FULL has the slabs without a free block. */
struct pool_class {
    _Alignas(CACHE_LINE) struct lock lock;
    uint32_t slab_count;
    bool is_touched;   /* blocks were taken since the last pool_trim */
    bool is_dirty;     /* some slab may be dirty */
    uint8_t walk;      /* 1 + the list at which a walk of idle_pages.c is; 0: no walk */
    struct slab *scan; /* the next slab of the walk */
    struct slab *lists[POOL_LISTS];
};

/* Purpose: one pool: the process's shared pool, or the pool of an owned heap. Invariant: is_dirty
 * is set after is_dirty of a class, and cleared before the classes are examined. */
struct pool {
    struct pool_class classes[CLASS_POOL_LAST + 1];
    unsigned map_byte; /* byte in the slab map: CLASS_OWNED, or 0 for the class itself */
    _Atomic bool is_dirty;
    _Atomic unsigned at; /* of idle_pages_go_on: 2 * class, + 1 once begun; 0: no walk */
};
extern struct pool shared_pool;

/* Purpose: the traffic between the caches and the slabs of one class of the shared pool, without
 * the depot. Owner: the class lock. It is not in struct pool_class, which fills a cache line, and
 * of which each owned heap has copies. */
struct pool_traffic {
    _Alignas(CACHE_LINE) struct traffic traffic;
};
extern struct pool_traffic pool_traffic[CLASS_POOL_LAST + 1];

/* The caller holds the class lock in all functions below. */

/* The list to which a slab belongs, by quarters: from 3 for nearly full down to 0 for nearly
 * empty. */
static inline unsigned pool_list_of(const struct slab *slab)
{
    if (pooled(slab)->free_count == 0)
        return POOL_LIST_FULL;
    unsigned used = (unsigned)(pooled(slab)->block_count - pooled(slab)->free_count);
    unsigned quarter = pooled(slab)->block_count / POOL_LIST_FULL;
    return (unsigned)(used >= quarter) + (used >= 2 * quarter) + (used >= 3 * quarter);
}

/* Add a slab that is in no list to its list; remove a slab from its list. */
void pool_list_add(struct pool_class *class_pool, struct slab *slab);
void pool_list_remove(struct pool_class *class_pool, struct slab *slab);

/* The slab's count of free blocks has changed: move the slab to the list to which it belongs. */
static inline void pool_relist(struct pool_class *class_pool, struct slab *slab)
{
    if (slab->list == pool_list_of(slab))
        return;
    pool_list_remove(class_pool, slab);
    pool_list_add(class_pool, slab);
}

/* The fullest slab that has free blocks; NULL when none has. */
static inline struct slab *pool_fullest(const struct pool_class *class_pool)
{
    for (unsigned list = POOL_LIST_FULL; list-- > 0;)
        if (class_pool->lists[list])
            return class_pool->lists[list];
    return NULL;
}

/* Is it the only slab of its class that has free blocks, and in the list of the emptiest? */
static inline bool pool_is_last(const struct pool_class *class_pool, const struct slab *slab)
{
    return class_pool->lists[0] == slab && !slab->next && !class_pool->lists[1] &&
           !class_pool->lists[2] && !class_pool->lists[3];
}

/* Begin a walk of a class with this list; it continues with the lists of emptier slabs. */
void pool_walk_begin(struct pool_class *class_pool, unsigned list);
/* The walk's next slab; NULL at its end. A slab that gets emptier meanwhile moves to a list that
 * the walk has still to visit. */
struct slab *pool_walk_next(struct pool_class *class_pool);

#endif
