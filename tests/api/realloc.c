/* SPDX-License-Identifier: MIT */
/*
 * realloc, reallocarray and reallocf: content kept over every transition between size classes and
 * lanes, up and down; NULL and size 0; what happens to the block when the call fails.
 */
#include "check.h"
#include "sizes.h"

static struct sizes sizes;

/* One block from `from` to `to`, with neighbours that must not be touched. */
static void transition(size_t from, size_t to)
{
    check_case = from * 10000000 + to;
    unsigned char *before = malloc(opaque_size(from));
    unsigned char *block = malloc(opaque_size(from));
    unsigned char *after = malloc(opaque_size(from));
    CHECK(before != NULL && block != NULL && after != NULL);
    pattern_fill_sparse(before, from, 1);
    pattern_fill_sparse(block, from, 2);
    pattern_fill_sparse(after, from, 3);
    unsigned char *moved = realloc(block, opaque_size(to));
    CHECK(moved != NULL);
    CHECK(is_aligned(moved, 16));
    CHECK_GE(malloc_usable_size(opaque(moved)), to);
    CHECK(pattern_sparse_holds(moved, from, to, 2));
    pattern_fill_sparse(moved, to, 4);
    CHECK(pattern_sparse_holds(before, from, from, 1));
    CHECK(pattern_sparse_holds(after, from, from, 3));
    CHECK(pattern_sparse_holds(moved, to, to, 4));
    free(before);
    free(after);
    free(moved);
}

static void all_transitions(void)
{
    sizes_all(&sizes, 64 * KIB);
    for (size_t i = 1; i < sizes.count; i++)
        for (size_t j = i % 5 + 1; j < sizes.count; j += 5)
            transition(sizes.size[i], sizes.size[j]);
    static const size_t lanes[] = {1,        16,      1024,           1025,    4096,
                                   52 * KIB, 53249,   100 * KIB,      1 * MIB, 2 * MIB - 1,
                                   2 * MIB,  2097153, 2 * MIB + 5000, 3 * MIB, 6 * MIB};
    size_t count = sizeof lanes / sizeof lanes[0];
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            transition(lanes[i], lanes[j]);
}

/* A block that grows step by step through all lanes and shrinks back; dense content in between. */
static void grow_and_shrink(void)
{
    sizes_all(&sizes, 6 * MIB);
    unsigned char *block = NULL;
    size_t size = 0;
    for (size_t i = 1; i < 2 * sizes.count - 1; i++) {
        size_t at = i < sizes.count ? i : 2 * sizes.count - 1 - i;
        size_t next = check_case = sizes.size[at == 0 ? 1 : at];
        block = realloc(block, next);
        CHECK(block != NULL);
        CHECK(pattern_range_holds(block, 0, size < next ? size : next, 9));
        if (next > size)
            pattern_fill_range(block, size, next, 9);
        size = next;
    }
    CHECK(pattern_holds(block, size, 9));
    free(block);
}

/* A huge block doubled to 256 MiB and halved again: only a few pages of it are ever touched. */
static void huge_growth(void)
{
    size_t size = 2 * MIB + 1;
    unsigned char *block = malloc(size);
    CHECK(block != NULL);
    pattern_fill_sparse(block, size, size);
    for (int step = 0; step < 14; step++) {
        size_t next = check_case = step < 7 ? size * 2 : size / 2;
        block = realloc(block, next);
        CHECK(block != NULL);
        CHECK(pattern_sparse_holds(block, size, next, size));
        pattern_fill_sparse(block, next, next);
        size = next;
    }
    free(block);
}

/* A huge block that grows by small steps while other huge blocks stand around it. */
static void huge_growth_between_others(void)
{
    enum { OTHERS = 6 };
    unsigned char *others[OTHERS];
    unsigned char *block = malloc(2 * MIB + 1);
    CHECK(block != NULL);
    size_t size = 2 * MIB + 1;
    pattern_fill_sparse(block, size, size);
    for (int i = 0; i < OTHERS; i++) {
        others[i] = malloc(3 * MIB);
        CHECK(others[i] != NULL);
        pattern_fill_sparse(others[i], 3 * MIB, (uint64_t)i);
        size_t next = check_case = size + 300 * KIB * (size_t)(i + 1);
        block = realloc(block, next);
        CHECK(block != NULL);
        CHECK(pattern_sparse_holds(block, size, next, size));
        size = next;
        pattern_fill_sparse(block, size, size);
    }
    for (int i = 0; i < OTHERS; i++) {
        check_case = (size_t)i;
        CHECK(pattern_sparse_holds(others[i], 3 * MIB, 3 * MIB, (uint64_t)i));
        free(others[i]);
    }
    CHECK(pattern_sparse_holds(block, size, size, size));
    free(block);
}

static size_t in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void null_and_zero(void)
{
    static const size_t each[] = {0, 1, 100, 1024, 5000, 52 * KIB, 100 * KIB, 3 * MIB};
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
        check_case = each[i];
        void *block = realloc(opaque(NULL), opaque_size(each[i]));
        CHECK(block != NULL);
        CHECK_GE(malloc_usable_size(opaque(block)), each[i]);
        errno = 4711;
        CHECK(realloc(opaque(block), opaque_size(0)) == NULL);
        CHECK_EQ(errno, 4711);
    }
    size_t before = in_use(); /* realloc(p, 0) frees */
    for (size_t i = 0; i < 300; i++) {
        void *block = malloc(opaque_size(i * 1000));
        CHECK(block != NULL);
        CHECK(realloc(opaque(block), opaque_size(0)) == NULL);
    }
    CHECK_LE(in_use(), before + 1 * MIB);
}

/* Within the same class a block stays where it is; a slight shrink of a large one too. */
static void in_place(bool own)
{
    if (!own)
        return;
    for (size_t i = 1; i < sizes.count; i++) {
        size_t size = check_case = sizes.size[i];
        void *block = malloc(size);
        CHECK(block != NULL);
        uintptr_t address = (uintptr_t)opaque(block);
        block = realloc(block, malloc_usable_size(opaque(block)));
        CHECK_EQ((uintptr_t)opaque(block), address);
        block = realloc(block, size);
        CHECK_EQ((uintptr_t)opaque(block), address);
        free(opaque(block));
    }
}

static void array_form(void)
{
    int *numbers = reallocarray(opaque(NULL), 10, sizeof *numbers);
    CHECK(numbers != NULL);
    for (int i = 0; i < 10; i++)
        numbers[i] = i;
    numbers = reallocarray(numbers, 100000, sizeof *numbers);
    CHECK(numbers != NULL);
    CHECK_GE(malloc_usable_size(opaque(numbers)), 100000 * sizeof *numbers);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(numbers[i], i);
    CHECK_FAILS(reallocarray(opaque(numbers), opaque_size(SIZE_MAX / 4 + 2), 4), ENOMEM);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(((int *)opaque(numbers))[i], i);
    CHECK(reallocarray(opaque(numbers), opaque_size(0), sizeof *numbers) == NULL);
}

/* reallocf frees the block when it fails: a loop of failures does not grow. */
static void freeing_form(void)
{
    void *(*resize)(void *, size_t) = API_FUNCTION(reallocf);
    if (resize == NULL && api_skip("reallocf"))
        return;
    char *block = resize(NULL, 100);
    CHECK(block != NULL);
    pattern_fill(block, 100, 5);
    block = resize(block, 200000);
    CHECK(block != NULL);
    CHECK(pattern_holds(block, 100, 5));
    CHECK_FAILS(resize(block, PTRDIFF_LIMIT), ENOMEM);
    size_t before = in_use();
    for (int i = 0; i < 1000; i++) {
        block = malloc(opaque_size(40000));
        CHECK(block != NULL);
        CHECK_FAILS(resize(block, SIZE_MAX), ENOMEM);
        CHECK_FAILS(resize(NULL, SIZE_MAX), ENOMEM);
    }
    CHECK_LE(in_use(), before + 4 * 40000 + 64 * KIB);
    CHECK(resize(malloc(10), 0) == NULL);
}

int main(void)
{
    all_transitions();
    grow_and_shrink();
    huge_growth();
    huge_growth_between_others();
    null_and_zero();
    in_place(api_is_hakmem());
    array_form();
    freeing_form();
    return 0;
}
