/* SPDX-License-Identifier: MIT */
/*
 * The malloc family under its hak_ names: the same contracts, and the two sets of names mix: what
 * one allocates the other resizes, measures and frees. hak_good_size, hak_trim, hak_check.
 */
#include "check.h"
#include "hak_names.h"
#include "sizes.h"

static struct sizes sizes;

static void same_heap(void)
{
    for (size_t i = 0; i < sizes.count; i++) {
        size_t size = check_case = sizes.size[i];
        char *block = hak.malloc(size);
        CHECK(block != NULL && is_aligned(block, 16));
        CHECK_GE(hak.usable_size(block), size);
        CHECK_EQ(hak.usable_size(block), malloc_usable_size(block));
        CHECK_EQ(hak.usable_size(block), hak.good_size(size));
        pattern_fill_sparse(block, size, size);
        block = realloc(block, size + 100);
        CHECK(block != NULL && pattern_sparse_holds(block, size, size, size));
        hak.free(block);
        block = malloc(size + 1);
        CHECK(block != NULL);
        pattern_fill_sparse(block, size + 1, size);
        block = hak.realloc(block, size / 2 + 1);
        CHECK(block != NULL && pattern_sparse_holds(block, size + 1, size / 2 + 1, size));
        free(block);
        block = hak.calloc(1, size);
        CHECK(block != NULL && is_zero(block, size));
        hak.free_sized(block, size);
        block = hak.aligned_alloc(256, size);
        CHECK(block != NULL && is_aligned(block, 256));
        hak.free_aligned_sized(block, 256, size);
        void *aligned = NULL;
        CHECK_EQ(hak.posix_memalign(&aligned, 4096, size), 0);
        CHECK(is_aligned(aligned, 4096));
        free(aligned);
    }
}

static void good_size_rules(void)
{
    size_t before = 0;
    for (size_t size = 0; size <= 70000; size++) {
        check_case = size;
        size_t good = hak.good_size(size);
        CHECK_GE(good, size);
        CHECK_GE(good, before);              /* never falls */
        CHECK_EQ(hak.good_size(good), good); /* asking for what is given gives the same */
        before = good;
    }
    CHECK_EQ(hak.good_size(SIZE_MAX), 0);
    CHECK_EQ(hak.good_size(PTRDIFF_LIMIT + 1), 0);
    CHECK_GE(hak.good_size(1 * GIB), 1 * GIB);
}

static void errors(void)
{
    CHECK_FAILS(hak.malloc(SIZE_MAX), ENOMEM);
    CHECK_FAILS(hak.malloc(PTRDIFF_LIMIT), ENOMEM);
    CHECK_FAILS(hak.calloc(SIZE_MAX, 2), ENOMEM);
    CHECK_FAILS(hak.calloc((size_t)1 << 32, (size_t)1 << 32), ENOMEM);
    CHECK_FAILS(hak.realloc(NULL, SIZE_MAX), ENOMEM);
    CHECK_FAILS(hak.reallocarray(NULL, SIZE_MAX, 2), ENOMEM);
    CHECK_FAILS(hak.reallocf(hak.malloc(100), SIZE_MAX), ENOMEM);
    CHECK_FAILS(hak.aligned_alloc(3, 64), EINVAL);
    CHECK_FAILS(hak.aligned_alloc(0, 64), EINVAL);
    CHECK_FAILS(hak.aligned_alloc(64, SIZE_MAX), ENOMEM);
    int marker;
    void *out = &marker;
    errno = 4711;
    CHECK_EQ(hak.posix_memalign(&out, 4, 64), EINVAL);
    CHECK_EQ(hak.posix_memalign(&out, 24, 64), EINVAL);
    CHECK_EQ(hak.posix_memalign(&out, 0, 64), EINVAL);
    CHECK_EQ(hak.posix_memalign(&out, 64, SIZE_MAX), ENOMEM);
    CHECK(out == &marker);
    hak.free(NULL);
    hak.free_sized(NULL, 5);
    hak.free_aligned_sized(NULL, 16, 5);
    CHECK_EQ(hak.usable_size(NULL), 0);
    CHECK(hak.realloc(hak.malloc(100), 0) == NULL);
    CHECK_EQ(errno, 4711);
}

/* hak_trim returns the bytes it gave back. */
static void trim_counts(void)
{
    enum { COUNT = 16000 };
    static char *blocks[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        blocks[i] = hak.malloc(2000);
        CHECK(blocks[i] != NULL);
        memset(blocks[i], 1, 2000);
    }
    for (size_t i = 0; i < COUNT; i++)
        hak.free(blocks[i]);
    struct hak_stats before, after;
    hak.stats(&before, sizeof before);
    size_t given_back = hak.trim();
    hak.stats(&after, sizeof after);
    /* only what was present counts as given back */
    CHECK_LE(given_back, after.purged_bytes - before.purged_bytes);
    CHECK_GE(given_back, 30 * MIB);
    CHECK_GE(given_back + before.purged_bytes, 20 * MIB); /* decay may have been first */
    CHECK_EQ(after.warm_bytes, 0);
    hak.trim();
    CHECK_EQ(hak.check(), 0);
}

int main(void)
{
    if (!hak_find())
        return 0;
    CHECK(strcmp(hak.version(), HAKMEM_VERSION_STRING) == 0);
    sizes_all(&sizes, 5 * MIB);
    same_heap();
    CHECK_EQ(hak.check(), 0);
    good_size_rules();
    errors();
    trim_counts();
    return 0;
}
