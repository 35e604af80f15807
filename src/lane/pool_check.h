/* SPDX-License-Identifier: MIT */
/*
 * Figures of a pool, and a recount of its invariants.
 */
#ifndef HAK_LANE_POOL_CHECK_H
#define HAK_LANE_POOL_CHECK_H

#include "lane/pool_lists.h"

/* Purpose: figures of one class of a pool. */
struct pool_figures {
    size_t slabs;
    size_t blocks_out;      /* in use or in caches */
    size_t blocks_free;     /* in slabs */
    struct traffic traffic; /* counted for the shared pool only */
};
/* Add the figures of a class to *figures. */
void pool_count(struct pool *pool, unsigned size_class, struct pool_figures *figures);
/* Recount the invariants of each slab. Returns the number of faults; each is reported in a line. */
unsigned pool_check(struct pool *pool);

#endif
