/* SPDX-License-Identifier: MIT */
/*
 * Owns one bin of a thread cache: how many slots it may have, its magazine, and the way its blocks
 * leave: to the depot in batches, or to the lane. Works on a cache that the caller has entered. May
 * never decide how much all bins hold together: unified_cache.c does that.
 */
#include "front/bin.h"
#include "front/give_back.h"
#include "front/misuse.h"

#include <string.h>

/* Each 32nd batch that leaves a cache is judged. */
#define JUDGE_EVERY 32

/* ---- slots ---- */

unsigned bin_slots_max(unsigned size_class)
{
    size_t size = size_classes[size_class].size;
    if (size <= BIN_SMALL_MAX)
        return (unsigned)min_size(BIN_BYTES_MAX / size, BIN_SLOTS_MAX);
    /* to use a block of this size takes longer than to fetch it from the lane */
    if (size <= BIN_BYTES_MAX / 4)
        return (unsigned)(BIN_BYTES_MAX / 2 / size);
    if (size <= 64 * KIB)
        return 4;
    if (size <= 128 * KIB)
        return 2;
    return size <= BIN_BLOCK_MAX ? 1 : 0;
}

size_t bin_batch_blocks(unsigned size_class, size_t most)
{
    return min_size(most, max_size(BATCH_BYTES / size_classes[size_class].size, BATCH_BLOCKS_MIN));
}

/* The length of a magazine for this many blocks. meta_free can take back each of these lengths: the
 * longest has META_FREE_MAX bytes. */
static unsigned magazine_slots(unsigned blocks)
{
    unsigned slots = 8;
    while (slots < blocks)
        slots *= slots < 128 ? 4 : 2;
    return slots;
}

bool bin_need_slots(struct thread_cache *cache, unsigned size_class, unsigned blocks)
{
    unsigned old_slots = cache->slots[size_class];
    if (blocks <= old_slots)
        return true;
    unsigned slots = magazine_slots(blocks);
    void **magazine = meta_alloc(slots * sizeof(void *));
    if (!magazine)
        return false;
    void **old = bin_bottom(cache, size_class);
    unsigned count = bin_count(cache, size_class);
    unsigned limit = bin_limit(cache, size_class);
    if (count > 0)
        memcpy(magazine, old, count * sizeof(void *));
    lock_acquire(&cache->lock);
    cache->bottom[size_class] = bin_as_watched(magazine, bin_is_watched(cache, size_class));
    bin_set_top(cache, size_class, magazine + count);
    lock_release(&cache->lock);
    cache->limit[size_class] = magazine + limit;
    cache->slots[size_class] = (uint16_t)slots;
    if (old)
        meta_free(old, old_slots * sizeof(void *));
    return true;
}

/* ---- blocks on their way out ---- */

static size_t depot_bytes(void)
{
    return DEPOT_BYTES_MAX / (1 + thread_cache_count() / DEPOT_THREADS);
}

/* Give a batch to the depot, or to the lane if the depot is full or the class collapses. Only some
 * batches are judged: a judgement takes as long as the rest of the work on a batch. */
static void give_batch(struct thread_cache *cache, unsigned size_class, void **blocks,
                       unsigned count)
{
    if (is_block_class(size_class)) {
        if (cache->batches++ % JUDGE_EVERY == 0)
            misuse_stop_at_fault(give_back_judge(size_class, blocks, count));
        if (!collapse_is_on(size_class) && depot_give(size_class, blocks, count, depot_bytes()))
            return;
    }
    misuse_stop_at_fault(give_back_blocks(size_class, blocks, count));
}

void bin_flush_oldest(struct thread_cache *cache, unsigned size_class, unsigned leaving)
{
    unsigned count = bin_count(cache, size_class);
    void **bottom = bin_bottom(cache, size_class);
    if (leaving == 0)
        return;
    for (unsigned done = 0; done < leaving;) {
        unsigned batch = (unsigned)min_size(leaving - done, BATCH_BLOCKS);
        give_batch(cache, size_class, bottom + done, batch);
        done += batch;
    }
    memmove(bottom, bottom + leaving, (count - leaving) * sizeof(void *));
    bin_set_top(cache, size_class, bottom + (count - leaving));
}

/* ---- emptying ---- */

void bin_empty(struct thread_cache *cache, unsigned size_class)
{
    unsigned count = bin_count(cache, size_class);
    if (count == 0)
        return;
    bin_set_top(cache, size_class, bin_bottom(cache, size_class));
    misuse_stop_at_fault(give_back_blocks(size_class, bin_bottom(cache, size_class), count));
}
