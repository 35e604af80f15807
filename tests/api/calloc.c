/* SPDX-License-Identifier: MIT */
/*
 * calloc gives zeroed bytes in every lane, also when the memory was dirtied and freed before, was
 * given back to the kernel in between, or lies beside a block that is in use.
 */
#include "check.h"
#include "sizes.h"

#include <pthread.h>

static struct sizes sizes;

static void dirty_and_free(size_t size, int count)
{
    void *blocks[8];
    for (int i = 0; i < count; i++) {
        blocks[i] = malloc(opaque_size(size));
        CHECK(blocks[i] != NULL);
        memset(blocks[i], 0xa5, malloc_usable_size(blocks[i]));
    }
    for (int i = 0; i < count; i++)
        free(opaque(blocks[i]));
}

static void check_zeroed(size_t count, size_t size, int blocks)
{
    void *zeroed[8];
    for (int i = 0; i < blocks; i++) {
        zeroed[i] = calloc(opaque_size(count), opaque_size(size));
        CHECK(zeroed[i] != NULL);
        CHECK(is_aligned(zeroed[i], 16));
        CHECK_GE(malloc_usable_size(opaque(zeroed[i])), count * size);
        CHECK(is_zero(opaque(zeroed[i]), count * size));
        memset(zeroed[i], 0x5a, count * size);
    }
    for (int i = 0; i < blocks; i++)
        free(opaque(zeroed[i]));
}

static void after_dirtying(void)
{
    sizes_all(&sizes, 5 * MIB);
    for (size_t i = 0; i < sizes.count; i++) {
        size_t size = check_case = sizes.size[i];
        int count = size <= 64 * KIB ? 8 : 2;
        dirty_and_free(size, count);
        check_zeroed(1, size, count);
        if (size % 4 == 0 && size <= 64 * KIB)
            check_zeroed(size / 4, 4, count);
    }
}

static void after_trim(void)
{
    static const size_t each[] = {24, 1024, 1025, 8192, 52 * KIB, 100 * KIB, 1 * MIB, 3 * MIB};
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
        check_case = each[i];
        dirty_and_free(each[i], 8);
        malloc_trim(0);
        check_zeroed(1, each[i], 8);
    }
}

/* Dirtied with one size, asked for with another: memory changes its class and lane. */
static void across_classes(void)
{
    uint64_t random = 7;
    for (int round = 0; round < 300; round++) {
        dirty_and_free(1 + random_next(&random) % (round % 3 == 0 ? 600 * KIB : 20 * KIB), 8);
        size_t size = check_case = 1 + random_next(&random) % (round % 4 == 0 ? 2 * MIB : 9 * KIB);
        check_zeroed(1, size, 2);
    }
}

/* realloc down and up, then calloc: bytes freed by a shrink in place must not show. */
static void after_shrinking(void)
{
    for (size_t size = 3 * MIB; size > 64; size /= 2) {
        check_case = size;
        char *block = malloc(opaque_size(size));
        CHECK(block != NULL);
        memset(block, 0xa5, size);
        block = realloc(opaque(block), size / 3);
        CHECK(block != NULL);
        check_zeroed(1, size / 2, 4);
        free(opaque(block));
    }
}

static void *dirty_in_thread(void *unused)
{
    (void)unused;
    for (size_t i = 0; i < sizes.count; i++)
        if (sizes.size[i] <= 1 * MIB)
            dirty_and_free(sizes.size[i], 2);
    return NULL;
}

/* Dirtied by a thread that is gone. */
static void after_other_thread(void)
{
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, dirty_in_thread, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    for (size_t i = 0; i < sizes.count; i++) {
        check_case = sizes.size[i];
        if (sizes.size[i] <= 1 * MIB)
            check_zeroed(1, sizes.size[i], 2);
    }
}

int main(void)
{
    after_dirtying();
    after_trim();
    across_classes();
    after_shrinking();
    after_other_thread();
    return 0;
}
