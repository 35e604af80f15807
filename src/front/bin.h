/* SPDX-License-Identifier: MIT */
/*
 * One bin of a thread cache. The caller has entered the cache, or the cache is in no list. bin.c
 */
#ifndef HAK_FRONT_BIN_H
#define HAK_FRONT_BIN_H

#include "front/thread_cache.h"

static inline void bin_set_top(struct thread_cache *cache, unsigned size_class, void **top)
{
    word_store(&cache->top[size_class], top);
}

/* How many blocks the bin may hold now. */
static inline unsigned bin_limit(const struct thread_cache *cache, unsigned size_class)
{
    return (unsigned)(cache->limit[size_class] - bin_bottom(cache, size_class));
}

/* The most slots that a bin of this class may ever have. */
unsigned bin_slots_max(unsigned size_class);
/* How many blocks a batch of this class may have: at most `most`, and fewer if they are large. */
size_t bin_batch_blocks(unsigned size_class, size_t most);
/* Make the magazine long enough for `blocks` pointers. False if metadata is short. */
bool bin_need_slots(struct thread_cache *cache, unsigned size_class, unsigned blocks);
/* Flush the `leaving` oldest blocks: to the depot if it has room, else to the lane. */
void bin_flush_oldest(struct thread_cache *cache, unsigned size_class, unsigned leaving);
/* Give all blocks to the lane. */
void bin_empty(struct thread_cache *cache, unsigned size_class);

#endif
