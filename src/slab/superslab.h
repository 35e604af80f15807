/* SPDX-License-Identifier: MIT */
/*
 * Ranges of whole superslabs, and fresh superslabs that are cut into slabs.
 */
#ifndef HAK_SLAB_SUPERSLAB_H
#define HAK_SLAB_SUPERSLAB_H

#include "slab/slab.h"

/* Take a range of `count` contiguous superslabs. Returns its start; NULL when there is none.
 * *is_zero: the range reads as zero. */
char *superslab_range_take(size_t count, bool *is_zero);
/* Extend a range of `old_count` superslabs to `count`, in place. False if one of those behind it is
 * used, or the limit or the kernel allows no more. */
bool superslab_range_extend(char *start, size_t old_count, size_t count);
/* Give a range back; its first `used` bytes may have pages. */
void superslab_range_give(char *start, size_t count, size_t used);
/* Give back a range that has no pages: they were moved away, purged or replaced. */
void superslab_range_give_cold(char *start, size_t count);
/* Never use the range again: its addresses are lost to the heap. */
void superslab_range_abandon(char *start, size_t count);
/* Zero the slabs in the first `bytes` of a new range that may have been written to before. */
void superslab_range_zero(char *start, size_t bytes);
/* The record of a block that starts at this superslab. NULL when metadata is short. */
struct slab *superslab_first_record(char *start);

/* ---- for slab_run.c ---- */

/* A fresh superslab with its records, from which slabs may be taken: it is mapped, all its slabs
 * are free and cold, and it is in no list until the first slab is taken. NULL when out of
 * memory. */
struct superslab *superslab_fresh_locked(void);
/* Make the records of a superslab if it has none. False when metadata is short. */
bool superslab_need_records(struct superslab *superslab);

#endif
