/* SPDX-License-Identifier: MIT */
/*
 * One bin of a heap that the caller has entered, or that is in no list. bin.c
 */
#ifndef HAK_FRONT_BIN_H
#define HAK_FRONT_BIN_H

#include "front/thread_heap.h"

static inline void bin_set_top(struct thread_heap *heap, unsigned size_class, void **top)
{
    word_store(&heap->top[size_class], top);
}

/* How many blocks it may hold now. */
static inline unsigned bin_limit(const struct thread_heap *heap, unsigned size_class)
{
    return (unsigned)(heap->limit[size_class] - bin_bottom(heap, size_class));
}

/* The most slots that a bin of this class may ever have. */
unsigned bin_slots_max(unsigned size_class);
/* At most `most` blocks, and less of large ones. */
size_t bin_batch_blocks(unsigned size_class, size_t most);
/* Room for `blocks` in the magazine. False when metadata is short. */
bool bin_need_slots(struct thread_heap *heap, unsigned size_class, unsigned blocks);
/* Flush the `leaving` oldest blocks, to the depot if it has room. */
void bin_flush_oldest(struct thread_heap *heap, unsigned size_class, unsigned leaving);
/* Give all blocks to the lane. */
void bin_empty(struct thread_heap *heap, unsigned size_class);

#endif
