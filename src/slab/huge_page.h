/* SPDX-License-Identifier: MIT */
/*
 * Superslabs backed by huge pages of the kernel.
 */
#ifndef HAK_SLAB_HUGE_PAGE_H
#define HAK_SLAB_HUGE_PAGE_H

#include "slab/slab.h"

/* Back the superslab of a run by a huge page, if the heap has grown enough and no other slab of the
 * superslab is in use or has pages. True when the pages of the run are present now. */
bool huge_page_back_run(struct slab *slab);
/* The first `count` superslabs of a range may have huge pages: each will be purged in one call. */
void huge_page_note_range(char *start, size_t count);
/* Make bytes [from, to) of a range present. Warm slabs are assumed to be present already. A
 * superslab without pages gets a huge page if possible. */
void huge_page_populate_range(char *start, size_t from, size_t to);

#endif
