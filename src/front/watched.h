/* SPDX-License-Identifier: MIT */
/*
 * Watching: while profiling is on, the bins of every thread's cache look empty to malloc's fast
 * path. So each call comes to the slow half, which begins with a counted pop: it takes the block
 * from the bin and counts its bytes. Only a sampled block, or an empty bin, takes the rest of the
 * slow path. Frees of a watched thread are as fast as without watching, except frees into a slab
 * that has a sampled block. watched.c
 */
#ifndef HAK_FRONT_WATCHED_H
#define HAK_FRONT_WATCHED_H

#include "front/front.h"
#include "watch/marks.h"
#include "watch/probes.h"
#include "watch/profile.h"

/* The counted pop, from the bin of a class. False: the thread is not watched, its bin is empty, or
 * the block is to be sampled. */
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

/* Free a block that is not sampled, but has a sampled block in its slab. False: the slow path must
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

/* A slow path is about to return `block`, which may be NULL, to the program: count its bytes, and
 * record a sample if it is hit. Returns the block. */
void *watched_note_on(void *block, size_t size);
static always_inline void *watched_note(void *block, size_t size)
{
    return unlikely(profile_is_on()) && block ? watched_note_on(block, size) : block;
}

/* A slow path frees `block`, whose slab map byte is `byte`: end its sample, if it has one. Returns
 * the byte that its slab would have without samples. */
unsigned watched_forget(unsigned byte, const void *block);
/* The byte that the slab of `block` would have in the slab map without samples. */
static always_inline unsigned watched_byte(unsigned byte, const void *block)
{
    return likely(byte != CLASS_SAMPLED) ? byte : slab_find(block)->size_class;
}

/* The label (hak_alloc_at) of the blocks that the calling thread allocates now; 0: none. */
extern __thread uint32_t watched_label;

/* ---- all threads ---- */

/* Held while profiling starts or stops. The outermost of the front's locks. */
extern struct lock watched_lock;
/* Start profiling for this client, which may be one of several, and watch all threads. `interval`
 * 0: the interval of the settings. False: there is no memory for the profile. The caller may be a
 * slow path, but must hold no lock. Calls nothing that allocates or waits for a lock of the
 * loader. */
bool watched_start(enum profile_client client, uint64_t interval);
/* Stop profiling for this client. After the last client, no thread is watched any more. */
void watched_stop(enum profile_client client);
/* Serve the command's request: start profiling for it, or stop if `interval` is 0. */
bool watched_serve(uint64_t interval);
/* In a forked child: the command profiles the parent only. So profiling for the command ends in
 * the child with its next sample. */
void watched_reset_in_child(void);

/* Did a tracer of the probes listen when watched_follow_tracer last looked? */
extern _Atomic bool watched_is_traced;
/* Has a tracer begun or ceased to listen since then? If so, a slow path must call
 * watched_follow_tracer. */
static always_inline bool watched_has_tracer_changed(void)
{
    /* relaxed: several threads may find the change, and watched_follow_tracer lets one act */
    return probes_are_heard() != atomic_load_explicit(&watched_is_traced, memory_order_relaxed);
}
/* Start profiling for the tracer, or stop it. */
void watched_follow_tracer(void);

#endif
