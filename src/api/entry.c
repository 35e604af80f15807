/* SPDX-License-Identifier: MIT */
/*
 * The slow halves of the entry points, shared by malloc.c, hak.c and operator_new.c. They pass the
 * gate, call the route, and hand blocks of libc over to libc. They set errno as the standards say:
 * a success, and each free, keeps it; a failure sets ENOMEM.
 */
#include "api/api.h"
#include "front/owned_heap.h"
#include "front/watched.h"

#include <errno.h>

noinline_cold void *entry_fail(void)
{
    errno = ENOMEM;
    return NULL;
}

/* alignment is a power of two. Returns NULL if memory is short, but keeps errno. */
static void *alloc_slow(size_t alignment, size_t size, bool is_zeroed)
{
    int saved = errno;
    void *block = NULL;
    switch (init_gate()) {
    case GATE_OPEN: block = route_alloc_aligned(alignment, size, is_zeroed); break;
    case GATE_LIBC: return libc_alloc(HAK_FB_FORCE_LIBC, alignment, size, is_zeroed);
    case GATE_INSIDE: return libc_alloc(HAK_FB_INIT_WAIT, alignment, size, is_zeroed);
    case GATE_CLOSED: break;
    }
    errno = saved;
    return block;
}

static void *or_fail(void *block)
{
    return likely(block != NULL) ? block : entry_fail();
}

/* Not inlined: the counted pop saves no registers. */
static __attribute__((noinline)) void *alloc_unwatched(size_t size)
{
    return or_fail(alloc_slow(BLOCK_ALIGN, size, false));
}

__attribute__((noinline)) void *entry_alloc_slow(size_t size)
{
    void *block;
    return likely(watched_try_alloc(size, &block)) ? block : alloc_unwatched(size);
}

__attribute__((noinline)) void *entry_calloc_slow(size_t size)
{
    void *block = watched_alloc(size);
    return block ? entry_zero(block, size) : or_fail(alloc_slow(BLOCK_ALIGN, size, true));
}

/* free in a thread that is inside the allocator: a block of ours cannot be given back now, so it is
 * lost. */
static noinline_cold void free_inside(void *block)
{
    size_t size;
    if (route_size_of(block, &size))
        libc_count(HAK_FB_INIT_WAIT);
    else
        libc_free(block);
}

/* The same for realloc: a block of ours is copied into a block of libc. */
static noinline_cold void *realloc_inside(void *block, size_t size)
{
    size_t old_size;
    if (!route_size_of(block, &old_size))
        return libc_realloc(block, size);
    void *copy = libc_alloc(HAK_FB_INIT_WAIT, BLOCK_ALIGN, size, false);
    if (copy)
        memcpy(copy, block, min_size(old_size, size));
    return copy;
}

__attribute__((noinline)) void entry_free_slow(void *block)
{
    if (!block || watched_free(block))
        return;
    int saved = errno;
    enum gate gate = init_gate();
    if (gate == GATE_INSIDE)
        free_inside(block);
    else if (gate != GATE_OPEN || !route_free(block))
        libc_free(block);
    errno = saved;
}

__attribute__((noinline)) void *entry_realloc_slow(void *block, size_t size)
{
    if (!block)
        return entry_malloc(size);
    if (size == 0) {
        entry_free(block);
        return NULL;
    }
    int saved = errno;
    void *result;
    enum gate gate = init_gate();
    if (gate == GATE_INSIDE)
        return or_fail(realloc_inside(block, size));
    if (gate != GATE_OPEN || !route_resize(block, size, &result))
        return or_fail(libc_realloc(block, size));
    errno = saved;
    return or_fail(result);
}

void *entry_reallocarray(void *block, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return entry_fail();
    return entry_realloc(block, total);
}

void *entry_reallocf(void *block, size_t size)
{
    void *result = entry_realloc(block, size);
    if (!result && size != 0)
        entry_free(block);
    return result;
}

/* See alloc_slow. */
static void *alloc_aligned(size_t alignment, size_t size)
{
    void *block = front_alloc_aligned(alignment, size);
    if (unlikely(!block))
        block = watched_alloc_aligned(alignment, size);
    return likely(block != NULL) ? block
                                 : alloc_slow(max_size(alignment, BLOCK_ALIGN), size, false);
}

void *entry_aligned(size_t alignment, size_t size)
{
    return or_fail(alloc_aligned(alignment, size));
}

void *entry_aligned_checked(size_t alignment, size_t size)
{
    if (!is_power_of_two(alignment)) {
        errno = EINVAL;
        return NULL;
    }
    return entry_aligned(alignment, size);
}

int entry_posix_memalign(void **out, size_t alignment, size_t size)
{
    if (!is_power_of_two(alignment) || alignment % sizeof(void *) != 0)
        return EINVAL;
    void *block = alloc_aligned(alignment, size);
    if (!block)
        return ENOMEM;
    *out = block;
    return 0;
}

size_t entry_usable(const void *block)
{
    size_t usable = front_usable(block);
    if (usable > 0 || !block)
        return usable;
    if (entry_is_inside())
        return route_size_of(block, &usable) ? usable : 0;
    return route_usable(block, &usable) ? usable : libc_usable(block);
}

/* ---- owned heaps ---- */

struct hak_heap *entry_heap_new(void)
{
    int saved = errno;
    struct hak_heap *heap = init_gate() == GATE_OPEN ? owned_heap_new() : NULL;
    errno = saved;
    return heap ? heap : entry_fail();
}

/* Allocate for a heap that belongs to the process which this one is a copy of: its blocks come from
 * the present heap. */
static void *alloc_elsewhere(size_t alignment, size_t size, bool is_zeroed)
{
    if (alignment > BLOCK_ALIGN)
        return entry_aligned(alignment, size);
    return is_zeroed ? entry_calloc(1, size) : entry_malloc(size);
}

/* The gate comes first: it finds out whether this process is a copy. */
void *entry_heap_alloc(const char *function, struct hak_heap *heap, size_t alignment, size_t size,
                       bool is_zeroed)
{
    int saved = errno;
    if (entry_is_inside())
        return entry_fail();
    if (!owned_heap_expect(heap, function))
        return alloc_elsewhere(alignment, size, is_zeroed);
    void *block = route_alloc_from(heap, alignment, size, is_zeroed);
    errno = saved;
    return or_fail(block);
}

void *entry_heap_realloc(struct hak_heap *heap, void *block, size_t size)
{
    if (!block)
        return entry_heap_alloc("hak_heap_realloc", heap, BLOCK_ALIGN, size, false);
    if (!entry_is_inside())
        owned_heap_expect(heap, "hak_heap_realloc");
    return entry_realloc(block, size);
}

void *entry_heap_aligned(struct hak_heap *heap, size_t alignment, size_t size)
{
    if (!entry_is_inside())
        owned_heap_expect(heap, "hak_heap_aligned_alloc");
    if (!is_power_of_two(alignment)) {
        errno = EINVAL;
        return NULL;
    }
    return entry_heap_alloc("hak_heap_aligned_alloc", heap, max_size(alignment, BLOCK_ALIGN), size,
                            false);
}

void entry_heap_destroy(struct hak_heap *heap)
{
    int saved = errno;
    if (heap && !entry_is_inside())
        route_destroy(heap);
    errno = saved;
}
