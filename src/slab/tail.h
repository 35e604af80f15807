/* SPDX-License-Identifier: MIT */
/*
 * The tail of a Huge block: the unused slabs behind it in its last superslab.
 */
#ifndef HAK_SLAB_TAIL_H
#define HAK_SLAB_TAIL_H

#include "slab/slab.h"

/* Leave the slabs behind the first `bytes` of a range, in its last superslab, as a tail. They count
 * as warm if they have pages, and are purged like other warm slabs. Those below `cold_end` have no
 * pages. True when some slabs of the tail have pages: the caller decides whether to purge them
 * (drain.c). */
bool tail_leave(char *start, size_t count, size_t bytes, size_t cold_end);
/* Take the tail back. This must be done before the range is used beyond the block's end, is given
 * back or changes its length. */
void tail_take_back(char *start, size_t count);
/* For purge.c: take slabs of a tail out of use for a purge, and return them afterwards. `kept` are
 * those that still have pages. */
void tail_take_locked(struct superslab *superslab, uint32_t slabs);
void tail_return_locked(struct superslab *superslab, uint32_t slabs, uint32_t kept);

#endif
