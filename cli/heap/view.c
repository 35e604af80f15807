/* SPDX-License-Identifier: MIT */
/*
 * Used by all parts of a copy: the heap's addresses, and reads of its metadata, which `meta_left`
 * bounds.
 */
#include "heap/view.h"

#include "heap/target_read.h"

uint64_t heap_superslab_address(const struct heap_view *view, size_t index)
{
    return view->base + ((view->first + index) << SUPERSLAB_SHIFT);
}

uint64_t heap_start(const struct heap_view *view)
{
    return heap_superslab_address(view, 0);
}

uint64_t heap_end(const struct heap_view *view)
{
    return heap_superslab_address(view, view->count);
}

/* May metadata of this size lie at this address? */
static bool is_meta(const struct heap_view *view, const void *pointer, size_t size)
{
    uint64_t address = (uintptr_t)pointer;
    uint64_t start = (uintptr_t)view->meta.start;
    uint64_t end = (uintptr_t)view->meta.end;
    return address >= start && address <= end && size <= end - address;
}

bool heap_meta_read(struct heap_view *view, const void *pointer, void *into, size_t size)
{
    if (!is_meta(view, pointer, size))
        return false;
    if (size > view->meta_left) {
        view->is_over = true;
        return false;
    }
    view->meta_left -= size;
    return target_read(view->target, (uintptr_t)pointer, into, size);
}
