/* SPDX-License-Identifier: MIT */
/*
 * Runs of slabs inside one superslab.
 */
#ifndef HAK_SLAB_SLAB_RUN_H
#define HAK_SLAB_SLAB_RUN_H

#include "slab/slab.h"

/* A run of `count` (1..32) slabs, warm ones first: its head's record with start, slab_count and
 * resident set, and the other records pointing to it. NULL when out of memory. */
struct slab *slab_run_take(unsigned count, bool *is_zero);
/* Slabs taken since the start; wraps. A clock that runs while the heap grows, or shifts. */
uint32_t slab_run_turnover(void);
/* Give the run back; its map bytes are cleared. Its pages stay. The caller decides whether others
 * go (drain.c). */
void slab_run_give(struct slab *slab);
/* The same of a run most of whose pages were purged: a thread that takes it soon has so many page
 * faults, which counts against the bound on warm slabs. */
void slab_run_give_hollow(struct slab *slab);
void slab_run_doubt(struct slab *slab);       /* before: its owner may have changed its mapping */
void slab_run_note_pooled(struct slab *slab); /* it serves blocks of the pools until it is given */
/* Take the slabs that follow until the run is `count` long. False if any is used. */
bool slab_run_extend(struct slab *slab, unsigned count);
void slab_run_shrink(struct slab *slab, unsigned count); /* give those above `count` back */
/* Make pages [0, pages) of the run present as the settings say; resident is brought up to date. */
void slab_run_populate(struct slab *slab, unsigned pages);
/* Purpose: pages that are noted as present and are not yet; size 0 is none. */
struct unpopulated {
    char *start;
    size_t size;
};
/* The same in two steps. The second needs no lock, unless it is by touching: that writes. */
struct unpopulated slab_run_note_present(struct slab *slab, unsigned pages);
void slab_run_make_present(struct unpopulated range);

#endif
