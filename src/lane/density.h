/* SPDX-License-Identifier: MIT */
/*
 * Which sizes of spans are written through.
 */
#ifndef HAK_LANE_DENSITY_H
#define HAK_LANE_DENSITY_H

#include "slab/slab.h"

/* A fresh span of a size (above LANE_POOL_MAX) is handed out: will it be written through? False
 * also for one that is watched from now on in order to know. */
bool density_expect(char *start, size_t size);
/* What the last watched span of that size said, or the others if none was. */
bool density_is_expected(size_t size);
/* A live span ends, or changes its size. */
void density_end(const char *start, size_t size);
/* Is nearly all of [start, +size) present? */
bool density_is_written(char *start, size_t size);
/* fork: the lock of the table, inside those of the classes. */
extern struct lock density_lock;

#endif
