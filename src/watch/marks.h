/* SPDX-License-Identifier: MIT */
/*
 * Marks of the slabs that have sampled blocks: a free into such a slab learns from the mark whether
 * its block is sampled. marks.c
 */
#ifndef HAK_WATCH_MARKS_H
#define HAK_WATCH_MARKS_H

#include "lane/size_class.h"
#include "slab/slab.h"

#define MARK_BYTES sizeof(uint64_t)

/* Make the table in `memory`, which holds zeros: MARK_BYTES for each slot. `slots` is a power of
 * two, and at least twice the largest number of samples. */
void marks_make(void *memory, uint32_t slots);
/* The block is sampled from now on; its sample is about to end. The caller holds the profile's
 * lock. */
void marks_add(const void *block);
void marks_remove(const void *block);
/* Is it certain that the block is not sampled, since its slab has no sampled block? */
bool marks_rule_out(const void *block);
/* The size class of a block that is not sampled itself, but has a sampled block in its slab.
 * CLASS_NONE: the block is sampled, or only the slab's record can tell. `*is_sure` is false if the
 * block may be sampled too. Takes no lock: the caller must own the block. */
unsigned marks_class_beside(const void *block, bool *is_sure);

#endif
