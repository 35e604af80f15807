/* SPDX-License-Identifier: MIT */
/*
 * What frees purge while more is warm than the bound. Whoever gives slabs back decides when.
 */
#ifndef HAK_SLAB_DRAIN_H
#define HAK_SLAB_DRAIN_H

#include "slab/slab.h"

/* This many bytes were given back: purge if too much is warm. No lock may be held. */
void drain_after_give(size_t bytes);
/* Purge the tail that has just become one behind a range of `count` superslabs, if too much is
 * warm. No lock may be held. */
void drain_tail(char *start, size_t count);
/* Is too much warm, so that gives pay for it at this moment? */
bool drain_is_on(void);

#endif
