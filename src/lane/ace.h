/* SPDX-License-Identifier: MIT */
/*
 * The ACE lane: spans that are runs of slabs.
 */
#ifndef HAK_LANE_ACE_H
#define HAK_LANE_ACE_H

#include "lane/span_list.h"

/* A span for the class; *is_zero as superslab_range_take. `list` is NULL for the process's. */
void *ace_take(unsigned size_class, struct span_list *list, bool *is_zero);
/* block must be the start of a live span. */
void ace_give(void *block);
/* Resize in place to another ACE class. False when it cannot. */
bool ace_resize(void *block, unsigned size_class);
/* Undo what its owner did to the mapping of its pages. */
void ace_make_plain(struct slab *slab);
/* Bytes [0, bytes) of a span just taken are about to be written by us. */
void ace_make_present(void *block, size_t bytes);

#endif
