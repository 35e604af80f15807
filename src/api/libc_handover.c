/* SPDX-License-Identifier: MIT */
/*
 * Hands calls over to libc, and counts the reasons. With HAKMEM_FORCE_LIBC_ALLOC=1 all calls go to
 * libc. Otherwise libc gets back the pointers that it gave out itself: before we were loaded, or to
 * callers of its internal names; and it serves calls of a thread that is inside the allocator. A
 * pointer that libc has not given out (of another heap, of a stack, of static data) ends the
 * program with our message.
 */
#include "api/api.h"
#include "diag/figures.h"
#include "front/misuse.h"

#include <dlfcn.h>

/* The internal names of glibc's own allocator; NULL in musl and in static programs. */
extern void *__libc_malloc(size_t size) __attribute__((weak));
extern void *__libc_calloc(size_t count, size_t size) __attribute__((weak));
extern void *__libc_memalign(size_t alignment, size_t size) __attribute__((weak));
extern void *__libc_realloc(void *block, size_t size) __attribute__((weak));
extern void __libc_free(void *block) __attribute__((weak));
/* weak too: a static program may lack it */
extern __typeof__(dlsym) dlsym __attribute__((weak));

exported uint64_t g_fb_counts[HAK_FB_COUNT];

void libc_count(enum hak_fb_reason reason)
{
    /* relaxed: a statistic */
    __atomic_fetch_add(&g_fb_counts[reason], 1, __ATOMIC_RELAXED);
    if (settings.wrap_diag)
        log_plain("[wrap] libc malloc: %s", libc_reason_names[reason]);
}

void libc_report_counts(void)
{
    char counts[LOG_LINE_MAX];
    size_t used = 0;
    for (unsigned reason = 0; reason < HAK_FB_COUNT; reason++)
        used += text_format(counts + used, sizeof(counts) - used, " %s=%lu",
                            libc_reason_names[reason], g_fb_counts[reason]);
    log_plain("[wrap] counts:%s", counts);
}

static void check_foreign(const char *function, const void *block)
{
    if (!settings.force_libc_alloc && !(__libc_free && libc_chunk_is_live(block)))
        misuse_report_foreign(function, block);
}

/* ---- the hand-over ---- */

void *libc_alloc(enum hak_fb_reason reason, size_t alignment, size_t size, bool is_zeroed)
{
    libc_count(reason);
    if (alignment > BLOCK_ALIGN && __libc_memalign)
        return __libc_memalign(alignment, size);
    if (is_zeroed && __libc_calloc)
        return __libc_calloc(1, size);
    if (alignment <= BLOCK_ALIGN && !is_zeroed && __libc_malloc)
        return __libc_malloc(size);
    return NULL;
}

void libc_free(void *block)
{
    check_foreign("free", block);
    libc_count(settings.force_libc_alloc ? HAK_FB_FORCE_LIBC : HAK_FB_FOREIGN_FREE);
    if (__libc_free)
        __libc_free(block);
}

void *libc_realloc(void *block, size_t size)
{
    check_foreign("realloc", block);
    libc_count(settings.force_libc_alloc ? HAK_FB_FORCE_LIBC : HAK_FB_FOREIGN_REALLOC);
    return __libc_realloc ? __libc_realloc(block, size) : NULL;
}

/* malloc_usable_size has no internal name in libc. */
static size_t call_libc_usable(const void *block)
{
    size_t (*usable)(const void *) = NULL;
    if (dlsym)
        usable = (size_t(*)(const void *))(uintptr_t)dlsym(RTLD_NEXT, "malloc_usable_size");
    return usable ? usable(block) : 0;
}

size_t libc_usable(const void *block)
{
    check_foreign("malloc_usable_size", block);
    libc_count(settings.force_libc_alloc ? HAK_FB_FORCE_LIBC : HAK_FB_FOREIGN_USABLE);
    return call_libc_usable(block);
}
