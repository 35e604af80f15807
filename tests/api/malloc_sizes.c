/* SPDX-License-Identifier: MIT */
/*
 * malloc, free and malloc_usable_size for each size class and the sizes beside it: alignment, every
 * usable byte writable, no two live blocks share a byte, and the promised bounds on rounding up.
 */
#include "check.h"
#include "sizes.h"

static struct sizes sizes;

/* Bounds that HAKMEM promises for what a request of `size` may occupy. */
static void check_rounding(size_t size, size_t usable)
{
    if (size <= 128)
        CHECK_LE(usable, size == 0 ? 16 : size + 15);
    else if (size <= 1 * MIB)
        CHECK_LE(usable, size + size / 8 + 16);
    else if (size <= 2 * MIB)
        CHECK_LE(usable, size + size / 4);
    else
        CHECK_LE(usable, size + size / 8 + 4096);
    if (size >= 16 && size <= 64 * KIB && (size & (size - 1)) == 0)
        CHECK_EQ(usable, size);
    CHECK_EQ(usable % 16, 0);
}

static void each_size_alone(bool own)
{
    size_t (*good_size)(size_t) = own ? API_FUNCTION(hak_good_size) : NULL;
    for (size_t i = 0; i < sizes.count; i++) {
        size_t size = check_case = sizes.size[i];
        void *block = malloc(opaque_size(size));
        CHECK(block != NULL);
        CHECK(is_aligned(block, 16));
        size_t usable = malloc_usable_size(opaque(block));
        CHECK_GE(usable, size);
        if (own) {
            check_rounding(size, usable);
            CHECK_EQ(good_size(size), usable);
        }
        uint64_t key = pattern_key(block, size, 1);
        pattern_fill_sparse(opaque(block), usable, key);
        CHECK(pattern_sparse_holds(block, usable, usable, key));
        free(block);
    }
}

/* All sizes live at once, filled to the last usable byte; freed from the middle outwards. */
static void all_sizes_together(void)
{
    static struct {
        unsigned char *block;
        size_t usable;
        uint64_t key;
    } live[SIZES_MAX];
    for (size_t i = 0; i < sizes.count; i++) {
        check_case = sizes.size[i];
        live[i].block = malloc(opaque_size(sizes.size[i]));
        CHECK(live[i].block != NULL);
        live[i].usable = malloc_usable_size(live[i].block);
        live[i].key = pattern_key(live[i].block, live[i].usable, i);
        pattern_fill_sparse(live[i].block, live[i].usable, live[i].key);
    }
    for (size_t i = 0; i < sizes.count; i++) {
        size_t middle = sizes.count / 2;
        size_t at = i % 2 == 0 ? (middle + i / 2) % sizes.count : middle - 1 - i / 2;
        check_case = sizes.size[at];
        CHECK(live[at].block != NULL);
        CHECK(pattern_sparse_holds(live[at].block, live[at].usable, live[at].usable, live[at].key));
        free(live[at].block);
        live[at].block = NULL;
    }
}

/* Many blocks of one size, more than any cache holds: distinct, intact. */
static void many_of_one_size(size_t size, size_t count)
{
    check_case = size;
    unsigned char **blocks = malloc(count * sizeof *blocks);
    CHECK(blocks != NULL);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < count; i++) {
            blocks[i] = malloc(opaque_size(size));
            CHECK(blocks[i] != NULL);
            CHECK(is_aligned(blocks[i], 16));
            pattern_fill_sparse(blocks[i], size, pattern_key(blocks[i], size, i));
        }
        for (size_t i = 0; i < count; i++)
            CHECK(pattern_sparse_holds(blocks[i], size, size, pattern_key(blocks[i], size, i)));
        for (size_t i = 0; i < count; i++)
            free(blocks[(i * 7919) % count]);
    }
    free(blocks);
}

static void zero_size_blocks_are_distinct(void)
{
    enum { COUNT = 1000 };
    static char *blocks[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        blocks[i] = malloc(opaque_size(0));
        CHECK(blocks[i] != NULL);
        for (size_t j = 0; j < i; j++)
            CHECK(blocks[i] != blocks[j]);
    }
    for (size_t i = 0; i < COUNT; i++)
        free(blocks[i]);
}

int main(void)
{
    bool own = api_is_hakmem();
    sizes_all(&sizes, 64 * MIB);
    each_size_alone(own);
    each_size_alone(own);
    sizes_all(&sizes, 4 * MIB);
    all_sizes_together();
    many_of_one_size(1, 10007);
    many_of_one_size(48, 20011);
    many_of_one_size(1024, 5003);
    many_of_one_size(1025, 5003);
    many_of_one_size(8 * KIB + 1, 1009);
    many_of_one_size(52 * KIB, 211);
    many_of_one_size(52 * KIB + 1, 211);
    many_of_one_size(2 * MIB + 1, 23);
    zero_size_blocks_are_distinct();
    CHECK_EQ(malloc_usable_size(NULL), 0);
    return 0;
}
