/* SPDX-License-Identifier: MIT */
/*
 * The pools: for each class, its slabs in lists by how full they are. Owns the process's pool, the
 * shared pool, and the walk of idle_pages.c over a class: it must be kept when a slab changes its
 * list.
 */
#ifndef HAK_LANE_POOL_LISTS_H
#define HAK_LANE_POOL_LISTS_H

#include "lane/pool_slab.h"
#include "lane/size_class.h"
#include "lane/verdict.h"

/* Slabs are listed by how full they are: fullest are used first, so that the emptiest drain. */
#define POOL_LISTS 5
#define POOL_LIST_FULL (POOL_LISTS - 1)

/* Purpose: the slabs of one class in one pool. Owner: lock. Invariant: a slab is in lists[n] with
 * n == its `list`; POOL_LIST_FULL holds those with no free block. */
struct pool_class {
    _Alignas(CACHE_LINE) struct lock lock;
    uint32_t slab_count;
    bool is_touched;   /* blocks were taken since the last pool_trim */
    bool is_dirty;     /* some slab is */
    uint8_t walk;      /* 1 + the list that a walk of idle_pages.c is at; 0 is none */
    struct slab *scan; /* the next that it looks at */
    struct slab *lists[POOL_LISTS];
};

/* Purpose: one pool: the process's, or a first-class heap's. Invariant: is_dirty is set after a
 * class's, and cleared before they are looked at. */
struct pool {
    struct pool_class classes[CLASS_POOL_LAST + 1];
    unsigned map_byte; /* CLASS_OWNED, or 0: blocks' slabs carry their class */
    _Atomic bool is_dirty;
    _Atomic unsigned
        at; /* of idle_pages_go_on: twice the class, 1 more when begun there; 0 is none */
};
extern struct pool shared_pool;

/* Purpose: the traffic of one class of the shared pool, past the depot. Owner: the class lock. Not
 * in struct pool_class, which fills a line and which each first-class heap has. */
struct pool_traffic {
    _Alignas(CACHE_LINE) struct traffic traffic;
};
extern struct pool_traffic pool_traffic[CLASS_POOL_LAST + 1];

/* All below is done under the class lock. */

/* The list in which a slab belongs: from 3 for nearly full down to 0 for nearly empty, by quarters.
 * */
static inline unsigned pool_list_of(const struct slab *slab)
{
    if (pooled(slab)->free_count == 0)
        return POOL_LIST_FULL;
    unsigned used = (unsigned)(pooled(slab)->block_count - pooled(slab)->free_count);
    unsigned quarter = pooled(slab)->block_count / POOL_LIST_FULL;
    return (unsigned)(used >= quarter) + (used >= 2 * quarter) + (used >= 3 * quarter);
}

/* Put a slab that is in no list into the one where it belongs, and take it out of its list. */
void pool_list_add(struct pool_class *class_pool, struct slab *slab);
void pool_list_remove(struct pool_class *class_pool, struct slab *slab);

/* The slab's count of free blocks has changed: put it into the list where it belongs. */
static inline void pool_relist(struct pool_class *class_pool, struct slab *slab)
{
    if (slab->list == pool_list_of(slab))
        return;
    pool_list_remove(class_pool, slab);
    pool_list_add(class_pool, slab);
}

/* The fullest slab that has blocks to give; NULL when none has. */
static inline struct slab *pool_fullest(const struct pool_class *class_pool)
{
    for (unsigned list = POOL_LIST_FULL; list-- > 0;)
        if (class_pool->lists[list])
            return class_pool->lists[list];
    return NULL;
}

/* Is it the only slab of its class that has blocks to give? */
static inline bool pool_is_last(const struct pool_class *class_pool, const struct slab *slab)
{
    return class_pool->lists[0] == slab && !slab->next && !class_pool->lists[1] &&
           !class_pool->lists[2] && !class_pool->lists[3];
}

/* Let a walk of a class begin with this list; it goes on to those of emptier slabs. */
void pool_walk_begin(struct pool_class *class_pool, unsigned list);
/* The walk's next slab, NULL at its end. A slab that drains meanwhile moves to a list that is still
 * to come. */
struct slab *pool_walk_next(struct pool_class *class_pool);

#endif
