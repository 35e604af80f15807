/* SPDX-License-Identifier: MIT */
/*
 * Blocks that come back to a pool.
 */
#ifndef HAK_LANE_POOL_GIVE_H
#define HAK_LANE_POOL_GIVE_H

#include "lane/pool_lists.h"

/* Give blocks of one class back. The first that is at fault stops it: those before are given. */
struct verdict pool_give(struct pool *pool, unsigned size_class, void *const *blocks,
                         unsigned count);
/* The same to the shared pool, of blocks that a cache has given to the depot: no traffic. */
struct verdict pool_give_idle(unsigned size_class, void *const *blocks, unsigned count);
/* Would pool_give take these blocks? Changes nothing. */
struct verdict pool_judge(struct pool *pool, unsigned size_class, void *const *blocks,
                          unsigned count);

#endif
