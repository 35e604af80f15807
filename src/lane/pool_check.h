/* SPDX-License-Identifier: MIT */
/*
 * A pool looked at from above: its figures, and a recount of its invariants.
 */
#ifndef HAK_LANE_POOL_CHECK_H
#define HAK_LANE_POOL_CHECK_H

#include "lane/pool_lists.h"

/* Purpose: figures of one class of a pool. */
struct pool_figures {
    size_t slabs;
    size_t blocks_out;      /* in use or in caches */
    size_t blocks_free;     /* in slabs */
    struct traffic traffic; /* of the shared pool alone */
};
/* Add the figures of a class to *figures. */
void pool_count(struct pool *pool, unsigned size_class, struct pool_figures *figures);
/* Recount each slab's invariants; the number of faults, each reported in a line. pool_check.c */
unsigned pool_check(struct pool *pool);

#endif
