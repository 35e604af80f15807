/* SPDX-License-Identifier: MIT */
/*
 * The error rules of the malloc family: sizes that cannot be give NULL and ENOMEM, products that
 * overflow too, a failed realloc leaves its block alone, and free never changes errno.
 */
#include "check.h"

static const size_t impossible[] = {
    PTRDIFF_LIMIT,          PTRDIFF_LIMIT - 1, PTRDIFF_LIMIT - 4096, PTRDIFF_LIMIT + 1,
    SIZE_MAX / 2 + MIB,     SIZE_MAX,          SIZE_MAX - 1,         SIZE_MAX - 15,
    SIZE_MAX - 16,          SIZE_MAX - 4095,   SIZE_MAX - 4096,      SIZE_MAX - 64 * KIB,
    SIZE_MAX - 2 * MIB + 1, (size_t)1 << 48,   (size_t)1 << 62,      ((size_t)1 << 47) + 1,
};
#define IMPOSSIBLE_COUNT (sizeof impossible / sizeof impossible[0])

static void sizes_too_large(void)
{
    for (size_t i = 0; i < IMPOSSIBLE_COUNT; i++) {
        size_t size = check_case = opaque_size(impossible[i]);
        CHECK_FAILS(malloc(size), ENOMEM);
        CHECK_FAILS(calloc(1, size), ENOMEM);
        CHECK_FAILS(calloc(size, 1), ENOMEM);
        CHECK_FAILS(realloc(opaque(NULL), size), ENOMEM);
        CHECK_FAILS(reallocarray(opaque(NULL), 1, size), ENOMEM);
        CHECK_FAILS(memalign(64, size), ENOMEM);
        CHECK_FAILS(memalign(64 * KIB, size), ENOMEM);
        CHECK_FAILS(aligned_alloc(16, size), ENOMEM);
        CHECK_FAILS(aligned_alloc(4096, size), ENOMEM);
        CHECK_FAILS(valloc(size), ENOMEM);
        CHECK_FAILS(pvalloc(size), ENOMEM);
    }
}

static void products_that_overflow(void)
{
    static const size_t pairs[][2] = {
        {SIZE_MAX, 2},
        {2, SIZE_MAX},
        {SIZE_MAX, SIZE_MAX},
        {(size_t)1 << 32, (size_t)1 << 32},       /* exactly 2^64: wraps to 0 */
        {((size_t)1 << 32) + 1, (size_t)1 << 32}, /* wraps to 2^32 */
        {SIZE_MAX / 16 + 2, 16},                  /* wraps to 16 */
        {(size_t)1 << 63, 2},
        {3, SIZE_MAX / 3 + 1},
        {SIZE_MAX / 2, 2}, /* no overflow, more than PTRDIFF_MAX */
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        check_case = i;
        size_t count = opaque_size(pairs[i][0]), size = opaque_size(pairs[i][1]);
        CHECK_FAILS(calloc(count, size), ENOMEM);
        CHECK_FAILS(reallocarray(opaque(NULL), count, size), ENOMEM);
        void *block = malloc(100);
        CHECK(block != NULL);
        uint64_t key = pattern_key(block, 100, i);
        pattern_fill(block, 100, key);
        CHECK_FAILS(reallocarray(opaque(block), count, size), ENOMEM);
        CHECK(pattern_holds(opaque(block), 100, key));
        free(opaque(block));
    }
    void *none = calloc(opaque_size(0), opaque_size(SIZE_MAX));
    CHECK(none != NULL);
    free(none);
    none = calloc(opaque_size(SIZE_MAX), opaque_size(0));
    CHECK(none != NULL);
    free(none);
}

static void failed_realloc_keeps_the_block(void)
{
    static const size_t sizes[] = {0, 1, 112, 1024, 4096, 52 * KIB, 100 * KIB, 2 * MIB, 3 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t size = check_case = sizes[i];
        void *block = malloc(opaque_size(size));
        CHECK(block != NULL);
        uint64_t key = pattern_key(block, size, 7);
        pattern_fill(block, size, key);
        for (size_t j = 0; j < IMPOSSIBLE_COUNT; j++)
            CHECK_FAILS(realloc(opaque(block), opaque_size(impossible[j])), ENOMEM);
        CHECK(pattern_holds(opaque(block), size, key));
        CHECK_GE(malloc_usable_size(opaque(block)), size);
        free(opaque(block));
    }
}

static void free_keeps_errno(void)
{
    static const size_t sizes[] = {0,        1,        32,        1024,    4096,
                                   52 * KIB, 53 * KIB, 100 * KIB, 2 * MIB, 3 * MIB,
                                   9 * MIB,  64 * MIB, 200 * MIB};
    enum { EACH = 9 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t size = check_case = sizes[i];
        void *blocks[EACH];
        for (int j = 0; j < EACH; j++) {
            blocks[j] = malloc(opaque_size(size));
            CHECK(blocks[j] != NULL);
        }
        for (int j = 0; j < EACH; j++) {
            errno = 4711;
            free(blocks[j]);
            CHECK_EQ(errno, 4711);
        }
    }
    errno = EINTR;
    free(opaque(NULL));
    CHECK_EQ(errno, EINTR);
}

/* After failures the allocator works as before. */
static void works_after_failures(void)
{
    for (size_t size = 1; size < 4 * MIB; size = size * 3 + 1) {
        check_case = size;
        void *block = malloc(opaque_size(size));
        CHECK(block != NULL);
        free(block);
    }
}

int main(void)
{
    sizes_too_large();
    products_that_overflow();
    failed_realloc_keeps_the_block();
    free_keeps_errno();
    works_after_failures();
    return 0;
}
