/* SPDX-License-Identifier: MIT */
/*
 * The front's fast path, inline: from a size to the bin that has a block, from a pointer to the bin
 * that takes it. It is here and nowhere else: thread_heap_at, then bin_pop or bin_push. What it
 * cannot decide the slow paths of route.c do.
 */
#ifndef HAK_FRONT_FRONT_H
#define HAK_FRONT_FRONT_H

#include "front/thread_heap.h"

/* malloc's fast half: false when the slow path must decide. A test for NULL would cost more. */
static always_inline bool front_try_alloc(size_t size, void **block)
{
    struct thread_heap *heap = thread_heap_at(reservation_get());
    if (likely(size <= LANE_TINY_MAX))
        return bin_try_pop(heap, heap->size_class[(size + BLOCK_ALIGN - 1) / BLOCK_ALIGN], block);
    if (size <= LANE_ACE_MAX)
        return bin_try_pop(heap, size_class_of_large(size), block);
    return false;
}

/* The same; NULL when the slow path must decide. */
static always_inline void *front_alloc(size_t size)
{
    void *block;
    return front_try_alloc(size, &block) ? block : NULL;
}

/* The class whose blocks hold `size` bytes and are all aligned to a power of two; CLASS_HUGE if
 * there is none. Eight classes a doubling have each multiple of a power of two up to eight of it,
 * and only multiples of it above. */
static always_inline unsigned front_aligned_class(size_t alignment, size_t size)
{
    if (unlikely(size > LANE_ACE_MAX || alignment > SLAB_SIZE))
        return CLASS_HUGE;
    if (size <= LANE_POOL_MAX) /* spans begin where slabs do */
        size = align_up(max_size(size, 1), alignment);
    return size_class_of(size);
}

/* Is it a span of whole pages that is asked for? Who does may change their protection. */
static always_inline bool front_is_paged(size_t alignment, size_t size)
{
    return alignment >= 4 * KIB && size > LANE_POOL_MAX;
}

/* The aligned calls' fast half. */
static always_inline void *front_alloc_aligned(size_t alignment, size_t size)
{
    if (unlikely(front_is_paged(alignment, size)))
        return NULL;
    return bin_pop(thread_heap_at(reservation_get()), front_aligned_class(alignment, size));
}

/* free's fast half: false when the slow path must decide. */
static always_inline bool front_free(void *block)
{
    struct reservation *base = reservation_get();
    size_t offset = reservation_offset(base, block);
    if (unlikely(offset >= base->size))
        return false;
    size_t size_class = slab_map_get(base, offset);
    __asm__ volatile("" ::"r"(size_class)); /* or clang keeps base and heap in two registers */
    return bin_push(thread_heap_at(base), size_class, block);
}

/* May the block stay as it is? One that would be more than half empty is worth a copy. */
static always_inline bool front_is_good_fit(size_t size, size_t usable)
{
    return size <= usable && (size >= usable / 2 || usable == BLOCK_ALIGN);
}

/* Is it the block of its class that the calling thread freed last? */
static always_inline bool front_was_freed(unsigned size_class, const void *block)
{
    struct thread_heap *heap = thread_heap_at(reservation_get());
    void **top = word_load(&heap->top[size_class]);
    return top > word_load(&heap->bottom[size_class]) && top[-1] == block;
}

/* Usable bytes of a block of a class. 0 for a pointer that is not ours, has no class, or is at
 * fault: the slow paths say which. */
static always_inline size_t front_usable(const void *block)
{
    struct reservation *base = reservation_get();
    size_t offset = reservation_offset(base, block);
    if (unlikely(offset >= base->size))
        return 0;
    unsigned size_class = slab_map_get(base, offset);
    size_t size = size_classes[size_class].size; /* 0 for a byte that names no class */
    return likely(size > 0) && likely(pool_is_start(size_class, block)) &&
                   likely(!front_was_freed(size_class, block))
               ? size
               : 0;
}

/* realloc's fast half: does the block serve `size` bytes as it is? */
static always_inline bool front_resize(const void *block, size_t size)
{
    return size > 0 && front_is_good_fit(size, front_usable(block));
}

#endif
