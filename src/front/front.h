/* SPDX-License-Identifier: MIT */
/*
 * The fast path, inline: from a size to the bin that has a block, and from a pointer to the bin
 * that takes it. All fast paths are here: each finds the cache by thread_cache_at, then calls
 * bin_try_pop, bin_pop or bin_push. (That of realloc only reads the cache.) If it cannot serve a
 * call, the caller takes the slow path (route.c).
 */
#ifndef HAK_FRONT_FRONT_H
#define HAK_FRONT_FRONT_H

#include "front/thread_cache.h"

/* The fast half of malloc; false if the caller must take the slow path. A comparison of the result
 * with NULL would cost an instruction more. */
static always_inline bool front_try_alloc(size_t size, void **block)
{
    struct thread_cache *cache = thread_cache_at(reservation_get());
    if (likely(size <= LANE_TINY_MAX))
        return bin_try_pop(cache, cache->size_class[(size + BLOCK_ALIGN - 1) / BLOCK_ALIGN], block);
    if (size <= LANE_ACE_MAX)
        return bin_try_pop(cache, size_class_of_large(size), block);
    return false;
}

/* The same; NULL if the caller must take the slow path. */
static always_inline void *front_alloc(size_t size)
{
    void *block;
    return front_try_alloc(size, &block) ? block : NULL;
}

/* The class whose blocks hold `size` bytes and are all aligned to `alignment`, a power of two;
 * CLASS_HUGE if there is none. Each doubling has eight classes. So for each power of two p,
 * every multiple of p up to 8 * p is a class size, and every class size above 8 * p is a multiple
 * of p. Therefore it is enough to round the size up to a multiple of the alignment. */
static always_inline unsigned front_aligned_class(size_t alignment, size_t size)
{
    if (unlikely(size > LANE_ACE_MAX || alignment > SLAB_SIZE))
        return CLASS_HUGE;
    if (size <= LANE_POOL_MAX) /* a span begins at the start of a slab, so it is aligned already */
        size = align_up(max_size(size, 1), alignment);
    return size_class_of(size);
}

/* Does the program ask for a span of whole pages? Such a program may change their protection. */
static always_inline bool front_is_paged(size_t alignment, size_t size)
{
    return alignment >= 4 * KIB && size > LANE_POOL_MAX;
}

/* The fast half of the aligned calls. */
static always_inline void *front_alloc_aligned(size_t alignment, size_t size)
{
    if (unlikely(front_is_paged(alignment, size)))
        return NULL;
    return bin_pop(thread_cache_at(reservation_get()), front_aligned_class(alignment, size));
}

/* The fast half of free; false if the caller must take the slow path. */
static always_inline bool front_free(void *block)
{
    struct reservation *base = reservation_get();
    size_t offset = reservation_offset(base, block);
    if (unlikely(offset >= base->size))
        return false;
    size_t size_class = slab_map_get(base, offset);
    __asm__ volatile("" ::"r"(size_class)); /* else clang keeps base and cache in two registers */
    return bin_push(thread_cache_at(base), size_class, block);
}

/* May the block stay as it is? If more than half of it would be unused, a copy is worth its
 * time. */
static always_inline bool front_is_good_fit(size_t size, size_t usable)
{
    return size <= usable && (size >= usable / 2 || usable == BLOCK_ALIGN);
}

/* Is this the block that the calling thread freed last in this class? */
static always_inline bool front_was_freed(unsigned size_class, const void *block)
{
    struct thread_cache *cache = thread_cache_at(reservation_get());
    void **top = word_load(&cache->top[size_class]);
    return top > bin_bottom(cache, size_class) && top[-1] == block;
}

/* Usable bytes of a block that has a class. 0 if the pointer is foreign, has no class, or is
 * faulty: the slow paths find out which. */
static always_inline size_t front_usable(const void *block)
{
    struct reservation *base = reservation_get();
    size_t offset = reservation_offset(base, block);
    if (unlikely(offset >= base->size))
        return 0;
    unsigned size_class = slab_map_get(base, offset);
    size_t size = size_classes[size_class].size; /* 0 if the byte names no class */
    return likely(size > 0) && likely(pool_is_start(size_class, block)) &&
                   likely(!front_was_freed(size_class, block))
               ? size
               : 0;
}

/* The fast half of realloc: may the block serve `size` bytes as it is? */
static always_inline bool front_resize(const void *block, size_t size)
{
    return size > 0 && front_is_good_fit(size, front_usable(block));
}

#endif
