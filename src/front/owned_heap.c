/* SPDX-License-Identifier: MIT */
/*
 * First-class heaps: each has a pool and a list of spans of its own, from which blocks are taken
 * one by one, so that destroying the heap frees slabs and spans without looking at blocks. Called
 * by api/hak.c and, for blocks given to plain free and realloc, by route.c; calls the lanes.
 */
#include "front/upkeep.h"

#include <string.h>

/* Purpose: one first-class heap. Owner: the pool's class locks and the span list's lock. */
struct hak_heap {
    struct pool pool;
    struct span_list spans;
    struct hak_heap *next;
    struct hak_heap *prev;
};

/* Purpose: all first-class heaps. Owner: lock, taken before any lane lock. What was a heap stays
 * one: a visit that is under way when its heap is destroyed finds it empty, or somebody else's. */
static struct {
    struct lock lock;
    struct hak_heap *first;
    struct hak_heap *spare;      /* those that were destroyed */
    struct hak_heap *next_visit; /* where owned_heap_purge_idle goes on */
} owned_heaps;

static void link_locked(struct hak_heap *heap)
{
    heap->prev = NULL;
    heap->next = owned_heaps.first;
    if (heap->next)
        heap->next->prev = heap;
    owned_heaps.first = heap;
}

static void unlink_locked(struct hak_heap *heap)
{
    if (owned_heaps.next_visit == heap)
        owned_heaps.next_visit = heap->next;
    if (heap->prev)
        heap->prev->next = heap->next;
    else
        owned_heaps.first = heap->next;
    if (heap->next)
        heap->next->prev = heap->prev;
}

struct hak_heap *owned_heap_new(void)
{
    lock_acquire(&owned_heaps.lock);
    struct hak_heap *heap = owned_heaps.spare;
    if (heap)
        owned_heaps.spare = heap->next;
    else
        heap = meta_alloc(sizeof(*heap));
    if (heap) {
        heap->pool.map_byte = CLASS_OWNED;
        link_locked(heap);
    }
    lock_release(&owned_heaps.lock);
    return heap;
}

/* A block from wherever its class lives; *is_zero says that it reads as zero. */
static void *take(struct hak_heap *heap, size_t alignment, size_t size, bool *is_zero)
{
    unsigned size_class = front_aligned_class(alignment, size);
    *is_zero = false;
    if (size_class == CLASS_HUGE)
        return huge_take(max_size(size, 1), alignment, &heap->spans, is_zero);
    if (is_span_class(size_class))
        return ace_take(size_class, &heap->spans, is_zero);
    void *block;
    return pool_take(&heap->pool, size_class, &block, 1) ? block : NULL;
}

void *owned_heap_alloc(struct hak_heap *heap, size_t alignment, size_t size, bool is_zeroed)
{
    bool is_zero;
    void *block = take(heap, alignment, size, &is_zero);
    for (unsigned round = 0; !block && round < GROWTH_ROUNDS && limit_was_met(); round++) {
        if (!limit_may_take(alignment, size))
            return NULL;
        block = take(heap, alignment, size, &is_zero);
    }
    if (!block && route_trim() > 0)
        block = take(heap, alignment, size, &is_zero);
    if (!block || !is_zeroed || is_zero)
        return block;
    if (slab_find(block)->state == SLAB_HUGE)
        huge_zero(block);
    else
        memset(block, 0, size);
    return block;
}

size_t owned_heap_usable(const void *block, const char *function)
{
    struct slab *slab = slab_find(block);
    bool is_start = slab->state == SLAB_BLOCKS ? pool_is_start(slab->size_class, block)
                                               : slab->start == block;
    if (!is_start)
        misuse_report(function, (struct verdict){FAULT_NOT_START, block, slab->size});
    return slab->size;
}

void owned_heap_free(void *block)
{
    struct slab *slab = slab_find(block);
    owned_heap_usable(block, "free");
    if (slab->state == SLAB_HUGE) {
        huge_give(block);
    } else if (slab->state == SLAB_SPAN) {
        ace_give(block);
    } else {
        misuse_stop_at_fault(pool_give(slab->owner, slab->size_class, &block, 1));
    }
}

static struct hak_heap *heap_of_spans(void *list)
{
    return (struct hak_heap *)((char *)list - offsetof(struct hak_heap, spans));
}

static struct hak_heap *heap_of_pool(void *pool)
{
    return (struct hak_heap *)((char *)pool - offsetof(struct hak_heap, pool));
}

void *owned_heap_resize(void *block, size_t size)
{
    struct slab *slab = slab_find(block);
    size_t usable = owned_heap_usable(block, "realloc");
    if (size <= usable && size >= usable / 2)
        return block;
    void *resized = NULL;
    if (slab->state == SLAB_HUGE && size > LANE_ACE_MAX)
        resized = huge_resize(block, size);
    if (resized)
        return resized;
    struct hak_heap *heap = slab->state == SLAB_BLOCKS ? heap_of_pool(slab->owner)
                                                       : heap_of_spans(slab->owner);
    void *copy = owned_heap_alloc(heap, BLOCK_ALIGN, size, false);
    if (!copy)
        return size <= usable ? block : NULL;
    memcpy(copy, block, min_size(usable, size));
    owned_heap_free(block);
    return copy;
}

void owned_heap_destroy(struct hak_heap *heap)
{
    background_poll(); /* what is given back now has to decay */
    lock_acquire(&owned_heaps.lock);
    unlink_locked(heap);
    lock_release(&owned_heaps.lock);
    pool_destroy(&heap->pool);
    while (heap->spans.first) {
        struct slab *slab = heap->spans.first;
        if (slab->state == SLAB_HUGE)
            huge_give(slab->start);
        else
            ace_give(slab->start);
    }
    lock_acquire(&owned_heaps.lock);
    heap->next = owned_heaps.spare;
    owned_heaps.spare = heap;
    lock_release(&owned_heaps.lock);
}

/* ---- all heaps ---- */

static struct hak_heap *next_to_visit(bool is_first)
{
    lock_acquire(&owned_heaps.lock);
    struct hak_heap *heap = is_first ? owned_heaps.first : owned_heaps.next_visit;
    if (heap)
        owned_heaps.next_visit = heap->next;
    lock_release(&owned_heaps.lock);
    return heap;
}

size_t owned_heap_purge_idle(unsigned min_age, bool *is_pending)
{
    size_t bytes = 0;
    for (struct hak_heap *heap = next_to_visit(true); heap; heap = next_to_visit(false))
        bytes += pool_purge_idle(&heap->pool, min_age, is_pending);
    return bytes;
}

void owned_heap_age_begin(void)
{
    lock_acquire(&owned_heaps.lock);
    for (struct hak_heap *heap = owned_heaps.first; heap; heap = heap->next)
        pool_age_begin(&heap->pool);
    lock_release(&owned_heaps.lock);
}

bool owned_heap_age_on(unsigned min_age, size_t *effort)
{
    bool is_end = true;
    for (struct hak_heap *heap = next_to_visit(true); heap && is_end; heap = next_to_visit(false))
        is_end = pool_age_on(&heap->pool, min_age, effort);
    return is_end;
}

void owned_heap_count(struct pool_figures figures[CLASS_POOL_LAST + 1])
{
    lock_acquire(&owned_heaps.lock);
    for (struct hak_heap *heap = owned_heaps.first; heap; heap = heap->next)
        for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++)
            pool_count(&heap->pool, size_class, &figures[size_class]);
    lock_release(&owned_heaps.lock);
}

unsigned owned_heap_check(void)
{
    unsigned faults = 0;
    lock_acquire(&owned_heaps.lock);
    for (struct hak_heap *heap = owned_heaps.first; heap; heap = heap->next)
        faults += pool_check(&heap->pool);
    lock_release(&owned_heaps.lock);
    return faults;
}

/* ---- fork ---- */

static void for_each_lock(struct hak_heap *heap, void (*apply)(struct lock *lock))
{
    for (; heap; heap = heap->next) {
        for (unsigned size_class = CLASS_FIRST; size_class <= CLASS_POOL_LAST; size_class++)
            apply(&heap->pool.classes[size_class].lock);
        apply(&heap->spans.lock);
    }
}

void owned_heap_lock_all(void)
{
    lock_acquire(&owned_heaps.lock);
    for_each_lock(owned_heaps.first, lock_acquire);
}

void owned_heap_unlock_all(void)
{
    for_each_lock(owned_heaps.first, lock_release);
    lock_release(&owned_heaps.lock);
}

void owned_heap_reset_locks(void)
{
    for_each_lock(owned_heaps.first, lock_reset);
    /* a visit may have been at one */
    for_each_lock(owned_heaps.spare, lock_reset);
    lock_reset(&owned_heaps.lock);
}
