/* SPDX-License-Identifier: MIT */
/*
 * Watching: while profiling is on, the bins of every thread's cache look empty to malloc's fast
 * path, and the slow half begins with a counted pop. Only blocks that are sampled, and those that
 * the bins do not have, take the way through the gate. Frees of a watched thread are as fast as
 * ever, but for those into slabs that have a sampled block. watched.c
 */
#ifndef HAK_FRONT_WATCHED_H
#define HAK_FRONT_WATCHED_H

#include "front/front.h"
#include "watch/profile.h"

/* The counted pop, from the bin of a class. NULL: the thread is not watched, its bin is empty, or
 * the block is a sample. */
static always_inline void *watched_pop(struct thread_cache *cache, unsigned size_class, size_t size)
{
    void **bottom = word_load(&cache->bottom[size_class]);
    void **top = word_load(&cache->top[size_class]);
    if (!((uintptr_t)bottom & BIN_WATCHED) || top <= bin_as_watched(bottom, false) ||
        !sampling_passes(&cache->sampling, size))
        return NULL;
    word_store(&cache->top[size_class], top - 1);
    return top[-1];
}

static always_inline void *watched_alloc(size_t size)
{
    struct thread_cache *cache = thread_cache_at(reservation_get());
    if (likely(size <= LANE_TINY_MAX))
        return watched_pop(cache, cache->size_class[(size + BLOCK_ALIGN - 1) / BLOCK_ALIGN], size);
    return size <= LANE_ACE_MAX ? watched_pop(cache, size_class_of_large(size), size) : NULL;
}

static always_inline void *watched_alloc_aligned(size_t alignment, size_t size)
{
    if (front_is_paged(alignment, size))
        return NULL;
    return watched_pop(thread_cache_at(reservation_get()), front_aligned_class(alignment, size),
                       size);
}

/* free of a block that is no sample, but has one in its slab. False when the slow path must
 * decide. */
static always_inline bool watched_free(void *block)
{
    unsigned size_class = profile_has_samples() ? profile_class_of_other(block) : CLASS_NONE;
    return size_class != CLASS_NONE &&
           bin_push(thread_cache_at(reservation_get()), size_class, block);
}

/* A slow path hands `block` out, which may be NULL: it is counted, and kept if it is a sample.
 * Returns it. */
void *watched_note_on(void *block, size_t size);
static always_inline void *watched_note(void *block, size_t size)
{
    return unlikely(profile_is_on()) && block ? watched_note_on(block, size) : block;
}

/* A slow path takes `block` back, whose map byte is `byte`: it is no sample any more. Returns what
 * the byte would be without samples. */
unsigned watched_forget(unsigned byte, const void *block);
/* The map byte of a block without samples. */
static always_inline unsigned watched_byte(unsigned byte, const void *block)
{
    return likely(byte != CLASS_SAMPLED) ? byte : slab_find(block)->size_class;
}

/* The label of what the calling thread allocates; 0: none. */
extern __thread uint32_t watched_label;

/* ---- all threads ---- */

/* Outermost of the front's locks: of the two below. */
extern struct lock watched_lock;
/* Watch all threads. `interval` 0: as the settings say. False when memory cannot be had. Takes
 * locks, and calls the loader: never from inside the allocator. */
bool watched_start(uint64_t interval);
void watched_stop(void);

#endif
