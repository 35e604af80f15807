/* SPDX-License-Identifier: MIT */
/*
 * The hak_* names: the malloc family, and functions for which the standards have no name. The
 * contracts are in include/hakmem/hakmem.h. May never refer to malloc.c, so that a program can use
 * these functions beside another allocator's malloc.
 */
#include "api/api.h"
#include "diag/diag.h"
#include "front/limit.h"
#include "front/pressure.h"
#include "front/trim.h"
#include "front/watched.h"

#include <errno.h>

exported void *hak_malloc(size_t size)
{
    return entry_malloc(size);
}

exported void *hak_calloc(size_t count, size_t size)
{
    return entry_calloc(count, size);
}

exported void *hak_realloc(void *block, size_t size)
{
    return entry_realloc(block, size);
}

exported void *hak_reallocarray(void *block, size_t count, size_t size)
{
    return entry_reallocarray(block, count, size);
}

exported void *hak_reallocf(void *block, size_t size)
{
    return entry_reallocf(block, size);
}

exported void hak_free(void *block)
{
    entry_free(block);
}

exported void hak_free_sized(void *block, size_t size)
{
    (void)size;
    entry_free(block);
}

exported void hak_free_aligned_sized(void *block, size_t alignment, size_t size)
{
    (void)alignment;
    (void)size;
    entry_free(block);
}

exported void *hak_aligned_alloc(size_t alignment, size_t size)
{
    return entry_aligned_checked(alignment, size);
}

exported int hak_posix_memalign(void **out, size_t alignment, size_t size)
{
    return entry_posix_memalign(out, alignment, size);
}

exported size_t hak_usable_size(const void *block)
{
    return entry_usable(block);
}

/* ---- extensions ---- */

exported void *hak_alloc_at(size_t size, uint32_t site)
{
    watched_label = site;
    void *block = entry_malloc(size);
    watched_label = 0;
    if (block)
        sites_count(site, size);
    return block;
}

exported bool hak_site_stats(uint32_t site, struct hak_site *out)
{
    return sites_get(site, out);
}

exported size_t hak_good_size(size_t size)
{
    return init_gate() == GATE_OPEN ? route_good_size(size) : 0;
}

exported size_t hak_trim(void)
{
    int saved = errno;
    size_t bytes = init_gate() == GATE_OPEN ? trim_all() : 0;
    errno = saved;
    return bytes;
}

exported void hak_on_limit(bool (*handler)(size_t wanted, void *context), void *context)
{
    if (!entry_is_inside())
        limit_set_handler(handler, context);
}

exported bool hak_set_limit(size_t bytes)
{
    int saved = errno;
    init_gate(); /* reads the environment, which must not undo this */
    bool is_set = bytes <= INT64_MAX && pressure_set((int64_t)bytes);
    errno = is_set ? saved : EINVAL;
    return is_set;
}

exported bool hak_profile_start(size_t interval)
{
    int saved = errno;
    bool is_valid = interval <= TIB;
    bool is_on = is_valid && init_gate() == GATE_OPEN &&
                 watched_start(PROFILE_BY_PROGRAM, interval);
    errno = is_on ? saved : is_valid ? ENOMEM : EINVAL;
    return is_on;
}

exported void hak_profile_stop(void)
{
    int saved = errno;
    if (init_gate() == GATE_OPEN)
        watched_stop(PROFILE_BY_PROGRAM);
    errno = saved;
}

exported int hak_check(void)
{
    if (entry_is_inside())
        return 0;
    int saved = errno;
    unsigned faults = check_all();
    errno = saved;
    return (int)faults;
}

exported const char *hak_version(void)
{
    return HAKMEM_VERSION_STRING;
}

exported void hak_stats(struct hak_stats *out, size_t size)
{
    int saved = errno;
    memset(out, 0, size);
    if (entry_is_inside())
        return;
    const struct snapshot *snapshot = snapshot_borrow();
    struct hak_stats stats = snapshot->stats;
    snapshot_return(snapshot);
    for (unsigned reason = 0; reason < HAK_FB_COUNT; reason++)
        stats.libc_calls += g_fb_counts[reason];
    memcpy(out, &stats, min_size(size, sizeof(stats)));
    errno = saved;
}

/* Purpose: a buffer of the caller, which is filled as far as the text fits. */
struct buffer {
    char *at;
    size_t room; /* without the terminator */
    size_t length;
};

static void put_in_buffer(void *context, const char *text, size_t length)
{
    struct buffer *buffer = context;
    size_t fits = min_size(length, buffer->room);
    memcpy(buffer->at, text, fits);
    buffer->at += fits;
    buffer->room -= fits;
    buffer->length += length;
}

exported size_t hak_stats_json(char *buffer, size_t size)
{
    char none[1];
    int saved = errno;
    struct buffer target = {size ? buffer : none, size ? size - 1 : 0, 0};
    struct writer writer = {.put = put_in_buffer, .context = &target};
    if (entry_is_inside()) {
        *target.at = '\0';
        return 0;
    }
    const struct snapshot *snapshot = snapshot_borrow();
    render_json(&writer, snapshot, g_fb_counts);
    writer_flush(&writer);
    snapshot_return(snapshot);
    errno = saved;
    *target.at = '\0';
    return target.length;
}

/* ---- owned heaps ---- */

exported struct hak_heap *hak_heap_new(void)
{
    return entry_heap_new();
}

exported void *hak_heap_malloc(struct hak_heap *heap, size_t size)
{
    return entry_heap_alloc("hak_heap_malloc", heap, BLOCK_ALIGN, size, false);
}

exported void *hak_heap_calloc(struct hak_heap *heap, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        total = SIZE_MAX; /* larger than any block */
    return entry_heap_alloc("hak_heap_calloc", heap, BLOCK_ALIGN, total, true);
}

exported void *hak_heap_realloc(struct hak_heap *heap, void *block, size_t size)
{
    return entry_heap_realloc(heap, block, size);
}

exported void *hak_heap_aligned_alloc(struct hak_heap *heap, size_t alignment, size_t size)
{
    return entry_heap_aligned(heap, alignment, size);
}

exported void hak_heap_destroy(struct hak_heap *heap)
{
    entry_heap_destroy(heap);
}
