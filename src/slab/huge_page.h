/* SPDX-License-Identifier: MIT */
/*
 * Huge pages by range.
 */
#ifndef HAK_SLAB_HUGE_PAGE_H
#define HAK_SLAB_HUGE_PAGE_H

#include "slab/slab.h"

/* Back the superslab of a run by a huge page, if the heap has grown enough for that and nothing
 * else of the superslab is in use or has pages. True when the run is present now. */
bool huge_page_back_run(struct slab *slab);
/* The first `count` superslabs of a range may have huge pages: each is to be purged in one call. */
void huge_page_note_range(char *start, size_t count);
/* Make bytes [from, to) of a range just taken present: what was warm is believed to be, a superslab
 * that has nothing gets a huge page. */
void huge_page_populate_range(char *start, size_t from, size_t to);

#endif
