/* SPDX-License-Identifier: MIT */
/*
 * Ranges of whole superslabs, and fresh superslabs that are cut into slabs.
 */
#ifndef HAK_SLAB_SUPERSLAB_H
#define HAK_SLAB_SUPERSLAB_H

#include "slab/slab.h"

/* Start of a range of `count` whole, contiguous superslabs; NULL when there is none. *is_zero says
 * that none of its pages has been used. */
char *superslab_range_take(size_t count, bool *is_zero);
/* Take the `count` superslabs that follow a range of `old_count`. False if any is used. */
bool superslab_range_extend(char *start, size_t old_count, size_t count);
/* Give a range back; its first `used` bytes may have pages. */
void superslab_range_give(char *start, size_t count, size_t used);
/* Give a range back all of whose pages are gone (moved, purged). */
void superslab_range_give_cold(char *start, size_t count);
/* Never use the range again: its addresses are lost to us. */
void superslab_range_abandon(char *start, size_t count);
/* Zero those slabs of a range just taken that may have been used before, but for its tail. */
void superslab_range_zero(char *start, size_t bytes);
/* The record of a block that starts at a superslab's start. NULL when metadata is short. */
struct slab *superslab_first_record(char *start);

/* ---- for slab_run.c ---- */

/* A fresh superslab to cut slabs from, with its records: mapped, all slabs free, cold, and in no
 * list before slabs of it are taken. NULL when out of memory. */
struct superslab *superslab_fresh_locked(void);
/* Make the records of a superslab if it has none. False when metadata is short. */
bool superslab_need_records(struct superslab *superslab);

#endif
