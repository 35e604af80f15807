/* SPDX-License-Identifier: MIT */
/*
 * Runs of slabs inside one superslab.
 */
#ifndef HAK_SLAB_SLAB_RUN_H
#define HAK_SLAB_SLAB_RUN_H

#include "slab/slab.h"

/* Take a run of `count` (1..32) slabs, warm ones if possible. The head's record has start,
 * slab_count and resident set; the other records point to it. *is_zero: the run reads as zero. NULL
 * when out of memory. */
struct slab *slab_run_take(unsigned count, bool *is_zero);
/* Slabs taken since the start; wraps. It is a clock that advances while the heap grows or
 * changes. */
uint32_t slab_run_turnover(void);
/* Give the run back and clear its bytes in the slab map. Its pages stay; the caller decides whether
 * other pages are purged (drain.c). */
void slab_run_give(struct slab *slab);
/* The same for a hollow run: most of its pages were purged. If the run is soon taken again, its
 * slabs count as regretted: their purge came too early (warm_bound.c). */
void slab_run_give_hollow(struct slab *slab);
/* Before slab_run_give: the run's owner may have changed its mapping. */
void slab_run_doubt(struct slab *slab);
/* The run belongs to a pool until it is given back, so its slabs can be witnesses: attributes.c. */
void slab_run_note_pooled(struct slab *slab);
/* Take the slabs behind the run until it is `count` long. False if one of them is used, or the
 * limit allows no more. */
bool slab_run_extend(struct slab *slab, unsigned count);
void slab_run_shrink(struct slab *slab, unsigned count); /* give the slabs from `count` on back */
/* Make pages [0, pages) of the run present as the settings say, and update `resident`. */
void slab_run_populate(struct slab *slab, unsigned pages);
/* Purpose: pages that the record already counts as present, but that may not be; the caller makes
 * them present after it has released its lock. Size 0: none. */
struct unpopulated {
    char *start;
    size_t size;
};
/* slab_run_populate in two steps: record the pages, then populate them. The second needs no lock,
 * unless it touches the pages: touching writes to them. */
struct unpopulated slab_run_note_present(struct slab *slab, unsigned pages);
void slab_run_make_present(struct unpopulated range);

#endif
