/* SPDX-License-Identifier: MIT */
/*
 * The purge that frees pay for while more memory is warm than the bound allows. Callers that give
 * slabs back decide when it runs.
 */
#ifndef HAK_SLAB_DRAIN_H
#define HAK_SLAB_DRAIN_H

#include "slab/slab.h"

/* This many bytes were given back: purge if too much is warm. The caller may hold no lock. */
void drain_after_give(size_t bytes);
/* A range of `count` superslabs has just left a tail: purge the tail if too much is warm. The
 * caller may hold no lock. */
void drain_tail(char *start, size_t count);
/* Is a drain under way, so that frees pay for it? */
bool drain_is_on(void);

#endif
