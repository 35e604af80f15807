/* SPDX-License-Identifier: MIT */
/*
 * Pointers of libc's own allocator, given to us: free and malloc_usable_size hand them back to
 * libc, realloc moves or resizes them with their content, and g_fb_counts counts each by reason.
 */
#include "check.h"

#include <pthread.h>
#include <sys/mman.h>

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

/* Alignments, which put the block anywhere in its chunk or its mapping. */
static void aligned_ones(void)
{
    for (size_t alignment = 16; alignment <= 4 * MIB; alignment *= 2)
        for (size_t size = 1; size < 3 * MIB; size = size * 11 + 5) {
            check_case = alignment + size;
            char *block = opaque(__libc_memalign(alignment, size));
            CHECK(block != NULL && is_aligned(block, alignment));
            CHECK_GE(malloc_usable_size(block), size);
            free(block);
        }
}

/* Live neighbours, in an order that leaves free chunks between them, and a thread's own arena. */
static void *many_at_once(void *unused)
{
    enum { COUNT = 3000 };
    static __thread char *blocks[COUNT];
    uint64_t random = 5;
    for (size_t i = 0; i < COUNT; i++)
        blocks[i] = foreign_block(1 + random_next(&random) % (i % 50 == 0 ? 300 * KIB : 3 * KIB));
    for (size_t step = 0; step < COUNT; step++) {
        check_case = step;
        free(blocks[step * 1009 % COUNT]);
    }
    return unused;
}

static void in_threads(void)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, many_at_once, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

/* brk() cannot grow any more: libc's first arena goes on in mappings. */
static void beyond_brk(void)
{
    char *end = sbrk(0);
    char *wall = mmap(end, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
                      0);
    CHECK(wall == end);
    many_at_once(NULL);
    for (size_t i = 0; i < 100; i++) {
        check_case = i;
        char *block = foreign_block(100 * KIB);
        CHECK(block < end || block > end + GIB);
        free(block);
    }
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
    aligned_ones();
    many_at_once(NULL);
    in_threads();
    beyond_brk();
    CHECK_EQ(count_of(HAK_FB_FORCE_LIBC), 0);
    return 0;
}
