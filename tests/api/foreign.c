/* SPDX-License-Identifier: MIT */
/*
 * Pointers of libc's own allocator, given to us: free and malloc_usable_size hand them back to
 * libc, realloc moves or resizes them with their content, and g_fb_counts counts each by reason.
 */
#include "check.h"

/* glibc's malloc behind whatever stands in front of it; absent in glibc itself when preloaded. */
extern void *__libc_malloc(size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static uint64_t *counts;

static uint64_t count_of(enum hak_fb_reason reason)
{
    return ((volatile uint64_t *)counts)[reason];
}

static void *foreign_block(size_t size)
{
    void *block = __libc_malloc(opaque_size(size));
    CHECK(block != NULL);
    pattern_fill_sparse(block, size, size);
    return opaque(block);
}

static void each_way_back(size_t size)
{
    check_case = size;
    uint64_t before = count_of(HAK_FB_FOREIGN_FREE);
    errno = 4711;
    free(foreign_block(size));
    CHECK_EQ(errno, 4711);
    CHECK_EQ(count_of(HAK_FB_FOREIGN_FREE), before + 1);
    before = count_of(HAK_FB_FOREIGN_USABLE);
    void *block = foreign_block(size);
    CHECK_GE(malloc_usable_size(block), size);
    CHECK_EQ(count_of(HAK_FB_FOREIGN_USABLE), before + 1);
    before = count_of(HAK_FB_FOREIGN_REALLOC);
    block = realloc(block, opaque_size(size * 3 + 10));
    CHECK(block != NULL && pattern_sparse_holds(block, size, size, size));
    CHECK_EQ(count_of(HAK_FB_FOREIGN_REALLOC), before + 1);
    CHECK_GE(malloc_usable_size(opaque(block)), size * 3 + 10);
    free(block);
    block = realloc(foreign_block(size), opaque_size(size / 2 + 1));
    CHECK(block != NULL && pattern_sparse_holds(block, size, size / 2 + 1, size));
    free(block);
    block = foreign_block(size);
    CHECK_FAILS(realloc(opaque(block), PTRDIFF_LIMIT), ENOMEM);
    CHECK(pattern_sparse_holds(opaque(block), size, size, size));
    CHECK(realloc(opaque(block), opaque_size(0)) == NULL);
    free(__libc_memalign(4096, opaque_size(size)));
}

int main(void)
{
    if (!api_is_hakmem())
        return 0;
    counts = (uint64_t *)API_FUNCTION(g_fb_counts);
    CHECK(counts != NULL);
    uint64_t sum = 0;
    for (int reason = 0; reason < HAK_FB_COUNT; reason++)
        if (reason != HAK_FB_INIT_WAIT)
            sum += count_of((enum hak_fb_reason)reason);
    CHECK_EQ(sum, 0); /* a program of its own blocks hands nothing over */
    for (size_t size = 1; size < 3 * MIB; size = size * 3 + 2)
        each_way_back(size);
    CHECK_EQ(count_of(HAK_FB_FORCE_LIBC), 0);
    return 0;
}
