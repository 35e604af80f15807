/* SPDX-License-Identifier: MIT */
/*
 * Gives blocks back to a pool.
 */
#ifndef HAK_LANE_POOL_GIVE_H
#define HAK_LANE_POOL_GIVE_H

#include "lane/pool_lists.h"

/* Give blocks of one class back. Stops at the first block at fault; the blocks before it are given
 * back. */
struct verdict pool_give(struct pool *pool, unsigned size_class, void *const *blocks,
                         unsigned count);
/* The same for blocks that the depot gives to the shared pool. They are not counted as traffic,
 * since they were counted when a cache gave them to the depot. */
struct verdict pool_give_idle(unsigned size_class, void *const *blocks, unsigned count);
/* Would pool_give accept these blocks? Changes nothing. */
struct verdict pool_judge(struct pool *pool, unsigned size_class, void *const *blocks,
                          unsigned count);

#endif
