/* SPDX-License-Identifier: MIT */
/*
 * The lane of the adaptive cache of extents (ACE): spans, which are runs of slabs.
 */
#ifndef HAK_LANE_ACE_H
#define HAK_LANE_ACE_H

#include "lane/span_list.h"

/* Take a span of the class. *is_zero: it reads as zero. `list` is NULL for spans of the whole
 * process. */
void *ace_take(unsigned size_class, struct span_list *list, bool *is_zero);
/* Give a span back; block must be the start of a live span. */
void ace_give(void *block);
/* Resize in place to another ACE class. False when the slabs behind are used or there is no
 * room. */
bool ace_resize(void *block, unsigned size_class);
/* Undo the owner's changes to the mapping of the span's pages. */
void ace_make_plain(struct slab *slab);
/* Make bytes [0, bytes) of a new span present: the allocator is about to write them. */
void ace_make_present(void *block, size_t bytes);

#endif
