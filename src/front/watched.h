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
#include "watch/marks.h"
#include "watch/probes.h"
#include "watch/profile.h"

/* The counted pop, from the bin of a class. False: the thread is not watched, its bin is empty, or
 * the block is a sample. */
static always_inline bool watched_try_pop(struct thread_cache *cache, unsigned size_class,
                                          size_t size, void **block)
{
    void **bottom = word_load(&cache->bottom[size_class]);
    void **top = word_load(&cache->top[size_class]);
    if (!((uintptr_t)bottom & BIN_WATCHED) || top <= bin_as_watched(bottom, false) ||
        !sampling_passes(&cache->sampling, size))
        return false;
    word_store(&cache->top[size_class], top - 1);
    *block = top[-1];
    return true;
}

static always_inline bool watched_try_alloc(size_t size, void **block)
{
    struct thread_cache *cache = thread_cache_at(reservation_get());
    if (likely(size <= LANE_TINY_MAX))
        return watched_try_pop(cache, cache->size_class[(size + BLOCK_ALIGN - 1) / BLOCK_ALIGN],
                               size, block);
    return size <= LANE_ACE_MAX && watched_try_pop(cache, size_class_of_large(size), size, block);
}

/* The same; NULL if the caller must take the slow path. */
static always_inline void *watched_alloc(size_t size)
{
    void *block;
    return watched_try_alloc(size, &block) ? block : NULL;
}

static always_inline void *watched_alloc_aligned(size_t alignment, size_t size)
{
    void *block;
    return !front_is_paged(alignment, size) &&
                   watched_try_pop(thread_cache_at(reservation_get()),
                                   front_aligned_class(alignment, size), size, &block)
               ? block
               : NULL;
}

/* free of a block that is no sample, but has one in its slab. False when the slow path must
 * decide. */
static always_inline bool watched_free(void *block)
{
    if (likely(!profile_has_samples()))
        return false;
    bool is_sure;
    unsigned size_class = marks_class_beside(block, &is_sure);
    return size_class != CLASS_NONE && (is_sure || !profile_has(block)) &&
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
/* Watch all threads, for this client too. `interval` 0: as the settings say. False when memory
 * cannot be had. Takes locks: for callers that hold none, also slow paths. Calls nothing that
 * allocates or waits for a lock of the loader. */
bool watched_start(enum profile_client client, uint64_t interval);
/* The client has enough. If it is the last, no thread is watched any more. */
void watched_stop(enum profile_client client);
/* Serve the request of the command: start profiling for it, or stop for `interval` 0. */
bool watched_serve(uint64_t interval);
/* In a forked child: the command profiles the parent. Its profiling ends here with the next
 * sample. */
void watched_reset_in_child(void);

/* Has a tracer of the probes begun to listen, or ceased? Then a slow path must follow it. */
extern _Atomic bool watched_is_traced;
static always_inline bool watched_has_tracer_changed(void)
{
    /* relaxed: if several threads find a change, they do the same */
    return probes_are_heard() != atomic_load_explicit(&watched_is_traced, memory_order_relaxed);
}
void watched_follow_tracer(void);

#endif
