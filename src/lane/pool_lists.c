/* SPDX-License-Identifier: MIT */
/*
 * Owns the process's pool, which is the shared pool, and the lists of each class's slabs by how
 * full they are. Whenever the class lock is released, each slab must be in the list for its number
 * of used blocks. A walk over a class keeps its place when a slab changes its list.
 */
#include "lane/pool_lists.h"

state_data struct pool shared_pool;
state_data struct pool_traffic pool_traffic[CLASS_POOL_LAST + 1];

void pool_list_add(struct pool_class *class_pool, struct slab *slab)
{
    slab->list = (uint8_t)pool_list_of(slab);
    slab->prev = NULL;
    slab->next = class_pool->lists[slab->list];
    if (slab->next)
        slab->next->prev = slab;
    word_store(&class_pool->lists[slab->list], slab); /* pool_may_trim reads it without the lock */
}

void pool_list_remove(struct pool_class *class_pool, struct slab *slab)
{
    if (unlikely(class_pool->scan == slab))
        class_pool->scan = slab->next;
    if (slab->prev)
        slab->prev->next = slab->next;
    else
        word_store(&class_pool->lists[slab->list], slab->next);
    if (slab->next)
        slab->next->prev = slab->prev;
}

void pool_walk_begin(struct pool_class *class_pool, unsigned list)
{
    class_pool->walk = (uint8_t)(list + 1);
    class_pool->scan = class_pool->lists[list];
}

struct slab *pool_walk_next(struct pool_class *class_pool)
{
    while (!class_pool->scan && class_pool->walk > 0) {
        class_pool->walk--;
        if (class_pool->walk > 0)
            class_pool->scan = class_pool->lists[class_pool->walk - 1];
    }
    struct slab *slab = class_pool->scan;
    if (slab)
        class_pool->scan = slab->next;
    return slab;
}
