/* SPDX-License-Identifier: MIT */
/*
 * Marks of the slabs that have sampled blocks. marks.c
 */
#ifndef HAK_WATCH_MARKS_H
#define HAK_WATCH_MARKS_H

#include "lane/size_class.h"
#include "slab/slab.h"

#define MARK_BYTES sizeof(uint64_t)

/* The table: zeros, MARK_BYTES for each slot. `slots` is a power of two, and at least twice as many
 * as there will be samples. */
void marks_make(void *memory, uint32_t slots);
/* The block is a sample from now on, or will be none in a moment. The caller holds the profile's
 * lock. */
void marks_add(const void *block);
void marks_remove(const void *block);
/* Is there no sample of the block, since there is none in its slab? False: it may have one. */
bool marks_rule_out(const void *block);
/* The class of a block with a sample in its slab. CLASS_NONE: the block is the sample, or the slab
 * itself must be asked. `*is_sure` is false if the block may be a sample too. Takes no lock; only
 * for who owns the block. */
unsigned marks_class_beside(const void *block, bool *is_sure);

#endif
