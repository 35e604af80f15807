/* SPDX-License-Identifier: MIT */
/*
 * The tail of a Huge block: unused slabs behind it in its last superslab.
 */
#ifndef HAK_SLAB_TAIL_H
#define HAK_SLAB_TAIL_H

#include "slab/slab.h"

/* The slabs behind the first `bytes` of a range, in its last superslab, are unused: they count as
 * warm where they have pages, and are purged like other warm slabs. They have no pages up to
 * `cold_end`. True when some of them have pages: the caller decides whether these go (drain.c). */
bool tail_leave(char *start, size_t count, size_t bytes, size_t cold_end);
/* It is the range's again. Before the range is used beyond that end, is given back, or changes. */
void tail_take_back(char *start, size_t count);
/* Slabs behind a Huge block are taken to be purged, and come back as purge->slabs without those in
 * `kept`. */
void tail_take_locked(struct superslab *superslab, uint32_t slabs);
void tail_return_locked(struct superslab *superslab, uint32_t slabs, uint32_t kept);

#endif
