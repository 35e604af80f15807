/* SPDX-License-Identifier: MIT */
/*
 * The route: from a size to its lane, from a pointer to the lane that gave it. Called by the api
 * layer when the inline fast path cannot decide; calls the unified cache, ACE's and Huge's verbs
 * and first-class heaps. What is not in the reservation is returned to the caller: only the api
 * layer knows of other allocators.
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

#include <string.h>

/* Spans of this size that grow are given superslabs of their own: fewer, and address space would
 * run out before memory. */
#define GROWING_MIN (96 * KIB)

/* ---- what others want of a slow path ---- */

early_data void (*route_on_slow_path)(void);

/* Serve the command's requests, age free memory, look at the limit on memory, write figures that
 * are due. */
static void attend(void)
{
    if (request_is_waiting())
        request_serve(trim_all);
    background_poll();
    if (unlikely(slab_room() <= 0))
        limit_review();
    if (unlikely(route_on_slow_path != NULL))
        route_on_slow_path();
}

void route_judge_caches(void)
{
    /* what the depots hold must be in the slabs' bitmaps to be seen twice */
    misuse_stop_at_fault(depot_trim(true));
    unified_cache_judge();
}

/* ---- allocation ---- */

static void *take_huge(size_t size, size_t alignment, bool is_zeroed)
{
    bool is_zero;
    void *block = huge_take(size, alignment, NULL, &is_zero);
    if (block && is_zeroed && !is_zero)
        huge_zero(block);
    return block;
}

static void *take_class(unsigned size_class, size_t size, bool is_zeroed)
{
    bool is_zero;
    void *block = unified_cache_refill(size_class, &is_zero);
    if (block && is_zeroed && !is_zero)
        memset(block, 0, size);
    return block;
}

static void *take_aligned(size_t alignment, size_t size, bool is_zeroed)
{
    unsigned size_class = front_aligned_class(alignment, size);
    if (size_class == CLASS_HUGE)
        return take_huge(max_size(size, 1), alignment, is_zeroed);
    void *block = take_class(size_class, size, is_zeroed);
    if (block && front_is_paged(alignment, size))
        slab_map_set(block, 1, CLASS_PAGED);
    return block;
}

/* Memory is at its limit, or address space or metadata is short. */
static noinline_cold void *take_again(size_t alignment, size_t size, bool is_zeroed)
{
    bool is_trimmed = false;
    for (unsigned round = 0; round < GROWTH_ROUNDS; round++) {
        /* not met any more: others have made room, or something else is short */
        bool is_met = limit_was_met();
        if (is_met ? !limit_may_take(alignment, size) : is_trimmed)
            return NULL;
        if (!is_met)
            trim_all();
        is_trimmed |= !is_met;
        void *block = take_aligned(alignment, size, is_zeroed);
        if (block)
            return block;
    }
    return NULL;
}

void *route_alloc_aligned(size_t alignment, size_t size, bool is_zeroed)
{
    attend();
    void *block = take_aligned(alignment, size, is_zeroed);
    if (likely(block != NULL) || route_good_size(size) == 0 || alignment > reservation_bytes())
        return block;
    return take_again(alignment, size, is_zeroed);
}

void *route_alloc(size_t size, bool is_zeroed)
{
    return route_alloc_aligned(BLOCK_ALIGN, size, is_zeroed);
}

size_t route_good_size(size_t size)
{
    return size > LANE_ACE_MAX ? huge_good_size(size) : size_classes[size_class_of(size)].size;
}

/* ---- pointers ---- */

/* The record of a Huge block, or of a span of whole pages; ends the program if the pointer is not
 * its start. */
static struct slab *large_record(const void *block, const char *function)
{
    struct slab *slab = slab_find(block);
    if (slab->start != block)
        misuse_report(function, (struct verdict){FAULT_NOT_START, block, slab->size});
    return slab;
}

/* Not a block of this heap. A heap that a copy of the process has abandoned may lie among the
 * addresses of its new one. */
static bool is_elsewhere(struct reservation *base, size_t offset, const void *block)
{
    return offset >= base->size ||
           (slab_map_get(base, offset) == CLASS_NONE && afresh_usable(block) > 0);
}

static void free_paged(void *block)
{
    struct slab *slab = large_record(block, "free");
    unsigned size_class = slab->size_class;
    if (size_classes[size_class].size <= BIN_BLOCK_MAX) /* else the slab layer does it */
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
    attend(); /* before the give: what is freed now is dated now */
    unsigned byte = slab_map_get(base, offset);
    if (byte == CLASS_NONE)
        misuse_report("free", misuse_diagnose(block));
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

/* The size of a live block of a class; ends the program if there is none at `block`. */
static size_t checked_size(unsigned size_class, const void *block, const char *function)
{
    size_t size = size_classes[size_class].size;
    if (unlikely(!pool_is_start(size_class, block)))
        misuse_report(function, (struct verdict){FAULT_NOT_START, block, size});
    if (unlikely(front_was_freed(size_class, block)))
        misuse_report(function, (struct verdict){FAULT_DOUBLE_FREE, block, size});
    return size;
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
    *usable = usable_of(slab_map_get(base, offset), block, "malloc_usable_size");
    return true;
}

bool route_size_of(const void *block, size_t *size)
{
    struct reservation *base = reservation_get();
    size_t offset = reservation_offset(base, block);
    if (is_elsewhere(base, offset, block))
        return (*size = afresh_usable(block)) > 0;
    *size = size_classes[slab_map_get(base, offset)].size;
    struct slab *slab = *size == 0 ? slab_find(block) : NULL;
    if (slab)
        *size = slab->size;
    return true;
}

/* ---- resizing ---- */

/* A span that has grown will grow again: it moves to superslabs of its own, where it can, without
 * another copy. What it does not use of them is address space only. */
static void *take_growing(size_t size)
{
    bool is_zero;
    return !reservation_is_rationed() ? huge_take(size, BLOCK_ALIGN, NULL, &is_zero) : NULL;
}

static void *take_copy(size_t usable, size_t size)
{
    void *copy = NULL;
    if (size > usable && usable >= GROWING_MIN)
        copy = take_growing(size);
    if (!copy)
        copy = front_alloc(size);
    return copy ? copy : route_alloc(size, false);
}

static void make_present(void *block, size_t bytes)
{
    struct slab *slab = slab_find(block);
    if (slab->state == SLAB_HUGE)
        huge_make_present(block, bytes);
    else if (slab->state == SLAB_SPAN)
        ace_make_present(block, bytes);
}

static void *resize_by_copy(void *block, size_t usable, size_t size)
{
    void *copy = take_copy(usable, size);
    if (!copy)
        return size <= usable ? block : NULL;
    if (size > LANE_POOL_MAX)
        make_present(copy, min_size(usable, size));
    memcpy(copy, block, min_size(usable, size));
    if (!front_free(block))
        route_free(block);
    return copy;
}

static void *resize_class(unsigned size_class, void *block, size_t size)
{
    size_t usable = checked_size(size_class, block, "realloc");
    if (front_is_good_fit(size, usable))
        return block;
    if (is_span_class(size_class) && size > LANE_POOL_MAX && size <= LANE_ACE_MAX &&
        ace_resize(block, size_class_of(size))) {
        /* from now on bins would keep it, but its owner had it when none would */
        if (usable > BIN_BLOCK_MAX && size <= BIN_BLOCK_MAX)
            slab_map_set(block, 1, CLASS_PAGED);
        return block;
    }
    return resize_by_copy(block, usable, size);
}

static void *resize_huge(void *block, size_t size)
{
    size_t usable = large_record(block, "realloc")->size;
    /* a little more than is needed is the slack of a block that is appended to */
    if (front_is_good_fit(size, usable) && (size <= LANE_ACE_MAX || size >= usable - usable / 16))
        return block;
    bool is_huge = size > LANE_ACE_MAX || size > usable;
    void *resized = is_huge ? huge_resize(block, size) : NULL;
    if (!resized && size > usable && limit_was_met() && limit_may_grow(size - usable, size))
        resized = huge_resize(block, size);
    return resized ? resized : resize_by_copy(block, usable, size);
}

static void *resize_paged(void *block, size_t size)
{
    size_t usable = large_record(block, "realloc")->size;
    if (front_is_good_fit(size, usable))
        return block;
    if (size > LANE_POOL_MAX && size <= LANE_ACE_MAX && ace_resize(block, size_class_of(size))) {
        slab_map_set(block, 1, CLASS_PAGED);
        return block;
    }
    return resize_by_copy(block, usable, size);
}

/* A block of an abandoned heap stays where it is, or is copied out of it. */
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
    unsigned byte = slab_map_get(base, offset);
    if (byte == CLASS_NONE)
        misuse_report("realloc", misuse_diagnose(block));
    if (byte == CLASS_HUGE)
        *result = resize_huge(block, size);
    else if (byte == CLASS_OWNED)
        *result = owned_heap_resize(block, size);
    else if (byte == CLASS_PAGED)
        *result = resize_paged(block, size);
    else
        *result = resize_class(byte, block, size);
    return true;
}
