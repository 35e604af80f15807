/* SPDX-License-Identifier: MIT */
/*
 * Learns which sizes of ACE spans and Huge blocks the program writes through.
 */
#ifndef HAK_LANE_DENSITY_H
#define HAK_LANE_DENSITY_H

#include "slab/slab.h"

/* A fresh block of this size (above LANE_POOL_MAX) is handed out. Will the program write all of it?
 * False also if this block is watched from now on, to find out. */
bool density_expect(char *start, size_t size);
/* Does the program write blocks of this size through? The last watched block of the size tells, or
 * the other sizes if none was watched. */
bool density_is_expected(size_t size);
/* A live block ends, or changes its size. */
void density_end(const char *start, size_t size);
/* Is at least 7/8 of [start, +size) present, by samples? */
bool density_is_written(char *start, size_t size);
/* The lock of the table, taken inside the class locks; for fork. */
extern struct lock density_lock;

#endif
