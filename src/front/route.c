/* SPDX-License-Identifier: MIT */
/*
 * The route: from a size to its lane, and from a pointer to the lane that it came from. Blocks of
 * the process and blocks of owned heaps are taken, tried again and resized in the same way; only
 * their source differs. Pointers outside the reservation go back to the caller: only the api layer
 * knows other allocators.
 */
#include "front/route.h"
#include "front/afresh.h"
#include "front/background.h"
#include "front/limit.h"
#include "front/misuse.h"
#include "front/owned_heap.h"
#include "front/request.h"
#include "front/trim.h"
#include "front/unified_cache.h"
#include "front/watched.h"

#include <string.h>

/* A span of this size that grows moves to superslabs of its own. If smaller spans did so too, the
 * address space would run out before memory. */
#define GROWING_MIN (96 * KIB)

/* ---- other work of a slow path ---- */

early_data void (*route_on_slow_path)(void);

/* Do the other work of a slow path: serve requests of the command, start or stop sampling for a
 * tracer, age free memory, look at the limit on memory, and write figures that are due. */
static void attend(void)
{
    if (request_is_waiting())
        request_serve(trim_all, watched_serve);
    if (unlikely(watched_has_tracer_changed()))
        watched_follow_tracer();
    background_poll();
    if (unlikely(room_left() <= 0))
        limit_review();
    if (unlikely(route_on_slow_path != NULL))
        route_on_slow_path();
}

void route_judge_caches(void)
{
    /* blocks in depots must be marked free in their slabs, so that a second free of one is seen */
    misuse_stop_at_fault(depot_trim(true));
    unified_cache_judge();
}

/* ---- allocation ---- */

/* `heap` is the owned heap that the block will belong to; NULL: the process's. */
static void *take_huge(struct heap_body *heap, size_t alignment, size_t size, bool is_zeroed)
{
    bool is_zero;
    void *block = huge_take(size, alignment, heap ? owned_heap_spans(heap) : NULL, &is_zero);
    if (block && is_zeroed && !is_zero)
        huge_zero(block);
    return block;
}

static void *take_class(struct heap_body *heap, unsigned size_class, size_t size, bool is_zeroed)
{
    bool is_zero;
    void *block = heap ? owned_heap_take(heap, size_class, &is_zero)
                       : unified_cache_refill(size_class, &is_zero);
    if (block && is_zeroed && !is_zero)
        memset(block, 0, size);
    return block;
}

static void *take(struct heap_body *heap, size_t alignment, size_t size, bool is_zeroed)
{
    unsigned size_class = front_aligned_class(alignment, size);
    if (size_class == CLASS_HUGE)
        return take_huge(heap, alignment, max_size(size, 1), is_zeroed);
    void *block = take_class(heap, size_class, size, is_zeroed);
    if (block && !heap && front_is_paged(alignment, size))
        slab_map_set(block, 1, CLASS_PAGED);
    return block;
}

/* Try again after a failure: memory is at its limit, or address space or metadata is short. */
static noinline_cold void *take_again(struct heap_body *heap, size_t alignment, size_t size,
                                      bool is_zeroed)
{
    bool is_trimmed = false;
    for (unsigned round = 0; round < GROWTH_ROUNDS; round++) {
        /* if it is not met any more, others have made room, or something else is short */
        bool is_met = limit_was_met();
        if (is_met ? !limit_may_take(alignment, size) : is_trimmed)
            return NULL;
        if (!is_met)
            trim_all();
        is_trimmed |= !is_met;
        void *block = take(heap, alignment, size, is_zeroed);
        if (block)
            return block;
    }
    return NULL;
}

static void *alloc(struct heap_body *heap, size_t alignment, size_t size, bool is_zeroed)
{
    attend();
    void *block = take(heap, alignment, size, is_zeroed);
    if (likely(block != NULL) || route_good_size(size) == 0 || alignment > reservation_bytes())
        return watched_note(block, size);
    return watched_note(take_again(heap, alignment, size, is_zeroed), size);
}

void *route_alloc_aligned(size_t alignment, size_t size, bool is_zeroed)
{
    return alloc(NULL, alignment, size, is_zeroed);
}

void *route_alloc(size_t size, bool is_zeroed)
{
    return route_alloc_aligned(BLOCK_ALIGN, size, is_zeroed);
}

void *route_alloc_from(struct hak_heap *heap, size_t alignment, size_t size, bool is_zeroed)
{
    return alloc(owned_heap_body(heap), alignment, size, is_zeroed);
}

size_t route_good_size(size_t size)
{
    return size > LANE_ACE_MAX ? huge_good_size(size) : size_classes[size_class_of(size)].size;
}

/* ---- pointers ---- */

/* The record of a Huge block, or of a span of whole pages. Ends the program if the pointer is not
 * the start of it. */
static struct slab *large_record(const void *block, const char *function)
{
    struct slab *slab = slab_find(block);
    if (slab->start != block)
        misuse_report(function, (struct verdict){FAULT_NOT_START, block, slab->size});
    return slab;
}

/* Is there no block of the present heap at this pointer? The addresses of an abandoned heap may lie
 * among those of the new one. */
static bool is_elsewhere(struct reservation *base, size_t offset, const void *block)
{
    return offset >= base->size ||
           (slab_map_get(base, offset) == CLASS_NONE && afresh_usable(block) > 0);
}

static void free_paged(void *block)
{
    struct slab *slab = large_record(block, "free");
    unsigned size_class = slab->size_class;
    if (size_classes[size_class].size <=
        BIN_BLOCK_MAX) /* for larger spans the slab layer does it */
        ace_make_plain(slab);
    slab_map_set(block, 1, size_class);
    unified_cache_flush(size_class, block);
}

bool route_free(void *block)
{
    struct reservation *base = reservation_get();
    size_t offset = reservation_offset(base, block);
    if (is_elsewhere(base, offset, block))
        return afresh_usable(block) > 0;
    attend(); /* before the block is given back, so that it is dated with this epoch */
    unsigned byte = slab_map_get(base, offset);
    if (byte == CLASS_NONE)
        misuse_report("free", misuse_diagnose(block));
    byte = watched_forget(byte, block);
    if (byte == CLASS_HUGE) {
        large_record(block, "free");
        huge_give(block);
    } else if (byte == CLASS_OWNED) {
        owned_heap_free(block);
    } else if (byte == CLASS_PAGED) {
        free_paged(block);
    } else {
        unified_cache_flush(byte, block);
    }
    return true;
}

/* The size of a live block of a class. Ends the program if the pointer is not the start of a block,
 * or if it is the block that the thread freed last. */
static size_t checked_size(unsigned size_class, const void *block, const char *function)
{
    size_t size = size_classes[size_class].size;
    if (unlikely(!pool_is_start(size_class, block)))
        misuse_report(function, (struct verdict){FAULT_NOT_START, block, size});
    if (unlikely(front_was_freed(size_class, block)))
        misuse_report(function, (struct verdict){FAULT_DOUBLE_FREE, block, size});
    return size;
}

/* The map byte of a block's slab, whether or not some of the slab's blocks are sampled. */
static unsigned byte_of(struct reservation *base, size_t offset, const void *block)
{
    return watched_byte(slab_map_get(base, offset), block);
}

static size_t usable_of(unsigned byte, const void *block, const char *function)
{
    if (byte == CLASS_NONE)
        misuse_report(function, misuse_diagnose(block));
    if (byte == CLASS_HUGE || byte == CLASS_PAGED)
        return large_record(block, function)->size;
    if (byte == CLASS_OWNED)
        return owned_heap_usable(block, function);
    return checked_size(byte, block, function);
}

bool route_usable(const void *block, size_t *usable)
{
    struct reservation *base = reservation_get();
    size_t offset = reservation_offset(base, block);
    if (is_elsewhere(base, offset, block))
        return (*usable = afresh_usable(block)) > 0;
    *usable = usable_of(byte_of(base, offset, block), block, "malloc_usable_size");
    return true;
}

bool route_size_of(const void *block, size_t *size)
{
    struct reservation *base = reservation_get();
    size_t offset = reservation_offset(base, block);
    if (is_elsewhere(base, offset, block))
        return (*size = afresh_usable(block)) > 0;
    *size = size_classes[byte_of(base, offset, block)].size;
    struct slab *slab = *size == 0 ? slab_find(block) : NULL;
    if (slab)
        *size = slab->size;
    return true;
}

/* ---- resizing ---- */

/* Purpose: a live block that is to be resized. */
struct held {
    void *block;
    size_t usable;
    struct heap_body *heap; /* the owned heap that it belongs to; NULL: the process's */
    unsigned byte;          /* its byte in the slab map */
    unsigned state;         /* the state of its slab: enum slab_state */
};

static struct held look_up(unsigned byte, void *block)
{
    struct held held = {block, usable_of(byte, block, "realloc"), NULL, byte, SLAB_BLOCKS};
    if (!is_block_class(byte))
        held.state = slab_find(block)->state;
    if (byte == CLASS_OWNED)
        held.heap = owned_heap_of(block);
    return held;
}

/* A span that has grown is likely to grow again. It moves to superslabs of its own, if that is
 * possible: there it grows without another copy. The part of them that it does not use costs only
 * address space. */
static void *take_growing(struct heap_body *heap, size_t size)
{
    return !mapping_is_rationed() ? take_huge(heap, BLOCK_ALIGN, size, false) : NULL;
}

static void *take_copy(const struct held *held, size_t size)
{
    void *copy = NULL;
    if (size > held->usable && held->usable >= GROWING_MIN)
        copy = watched_note(take_growing(held->heap, size), size);
    if (!copy && !held->heap)
        copy = front_alloc(size);
    if (!copy && !held->heap)
        copy = watched_alloc(size);
    return copy ? copy : alloc(held->heap, BLOCK_ALIGN, size, false);
}

static void make_present(void *block, size_t bytes)
{
    struct slab *slab = slab_find(block);
    if (slab->state == SLAB_HUGE)
        huge_make_present(block, bytes);
    else if (slab->state == SLAB_ACE)
        ace_make_present(block, bytes);
}

static void *resize_by_copy(const struct held *held, size_t size)
{
    size_t kept = min_size(held->usable, size);
    void *copy = take_copy(held, size);
    if (!copy)
        return size <= held->usable ? held->block : NULL;
    if (size > LANE_POOL_MAX)
        make_present(copy, kept);
    memcpy(copy, held->block, kept);
    if (!front_free(held->block))
        route_free(held->block);
    return copy;
}

/* Resize a span in place. Its sample ends before that: when profiling ends, another thread sets the
 * bytes of sampled slabs in the slab map by the classes in their records. */
static bool resize_span(const struct held *held, size_t size)
{
    if (size <= LANE_POOL_MAX || size > LANE_ACE_MAX)
        return false;
    profile_forget(held->block);
    if (!ace_resize(held->block, size_class_of(size)))
        return false;
    /* bins keep blocks of the new size as they are: mark it, so that a free makes its pages plain
     * first, as for the old size */
    bool is_small_now = held->usable > BIN_BLOCK_MAX && size <= BIN_BLOCK_MAX;
    if (held->byte == CLASS_PAGED || (!held->heap && is_small_now))
        slab_map_set(held->block, 1, CLASS_PAGED);
    watched_note(held->block, size);
    return true;
}

/* Resize a Huge block in place, or by moving its pages. Its sample ends before that: another thread
 * may get the old address. */
static void *move_huge(const struct held *held, size_t size)
{
    profile_forget(held->block);
    return watched_note(huge_resize(held->block, size), size);
}

static void *resize(const struct held *held, size_t size)
{
    if (front_is_good_fit(size, held->usable))
        return held->block;
    if (held->state == SLAB_ACE && resize_span(held, size))
        return held->block;
    return resize_by_copy(held, size);
}

/* Resize with the limit's permission. The room is for a move, which takes the whole size into use.
 * A block that grows in place uses only its growth, and one that cannot be resized none: the rest
 * of the room is taken back, or other calls could use it beyond the limit. */
static void *resize_huge_at_limit(const struct held *held, size_t size)
{
    if (!limit_may_grow(size - held->usable, size))
        return NULL;
    void *resized = move_huge(held, size);
    if (!resized)
        room_charge(size);
    else if (resized == held->block)
        room_charge(held->usable);
    return resized;
}

static void *resize_huge(const struct held *held, size_t size)
{
    size_t usable = held->usable;
    /* the spare bytes of a block that a program appends to are at most 1/16 of it */
    if (front_is_good_fit(size, usable) && (size <= LANE_ACE_MAX || size >= usable - usable / 16))
        return held->block;
    bool is_huge = size > LANE_ACE_MAX || size > usable;
    void *resized = is_huge ? move_huge(held, size) : NULL;
    if (!resized && size > usable && limit_was_met())
        resized = resize_huge_at_limit(held, size);
    return resized ? resized : resize_by_copy(held, size);
}

/* A block of an abandoned heap stays in place, or is copied to the present heap. */
static bool resize_abandoned(void *block, size_t size, void **result)
{
    size_t usable = afresh_usable(block);
    if (usable == 0)
        return false;
    *result = size <= usable ? block : route_alloc(size, false);
    if (*result && *result != block)
        memcpy(*result, block, usable);
    return true;
}

bool route_resize(void *block, size_t size, void **result)
{
    struct reservation *base = reservation_get();
    size_t offset = reservation_offset(base, block);
    if (is_elsewhere(base, offset, block))
        return resize_abandoned(block, size, result);
    struct held held = look_up(byte_of(base, offset, block), block);
    *result = held.state == SLAB_HUGE ? resize_huge(&held, size) : resize(&held, size);
    return true;
}

/* ---- owned heaps ---- */

void route_destroy(struct hak_heap *heap)
{
    attend(); /* before memory is given back, so that it is dated with this epoch */
    owned_heap_destroy(heap);
}
