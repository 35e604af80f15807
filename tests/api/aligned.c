/* SPDX-License-Identifier: MIT */
/*
 * posix_memalign, aligned_alloc, memalign, valloc, pvalloc and memalignment: each alignment with
 * sizes of each lane, the rules for arguments that cannot be, and such blocks in free and realloc.
 */
#include "check.h"

#include <gnu/libc-version.h>

static const size_t sizes[] = {0,     1,      8,       16,      24,      100,      128,
                               1000,  1024,   1025,    4096,    5000,    64 * KIB, 52 * KIB,
                               53249, 100000, 1 * MIB, 2 * MIB, 2097153, 3 * MIB};
#define SIZE_COUNT (sizeof sizes / sizeof sizes[0])

static void check_block(void *block, size_t alignment, size_t size)
{
    CHECK(block != NULL);
    CHECK(is_aligned(block, alignment));
    CHECK(is_aligned(block, 16));
    size_t usable = malloc_usable_size(opaque(block));
    CHECK_GE(usable, size);
    uint64_t key = pattern_key(block, size, alignment);
    pattern_fill_sparse(block, usable, key);
    CHECK(pattern_sparse_holds(opaque(block), usable, usable, key));
}

static void posix_memalign_good(void)
{
    for (size_t alignment = sizeof(void *); alignment <= 2 * MIB; alignment *= 2) {
        for (size_t i = 0; i < SIZE_COUNT; i++) {
            check_case = alignment;
            void *block = NULL;
            errno = 4711;
            CHECK_EQ(posix_memalign(&block, alignment, sizes[i]), 0);
            CHECK_EQ(errno, 4711);
            check_block(block, alignment, sizes[i]);
            free(opaque(block));
        }
    }
}

/* posix_memalign returns its error, keeps errno (POSIX) and leaves the pointer alone. */
static void check_posix_memalign_fails(size_t alignment, size_t size, int error)
{
    check_case = alignment;
    int marker;
    void *block = &marker;
    errno = 4711;
    CHECK_EQ(posix_memalign(&block, opaque_size(alignment), opaque_size(size)), error);
    CHECK_EQ(errno, 4711);
    CHECK(block == &marker);
}

static void posix_memalign_bad(bool own)
{
    static const size_t bad[] = {0, 1, 2, 3, 4, 5, 6, 7, 9, 12, 24, 48, 100, 4095, 4097, SIZE_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        check_posix_memalign_fails(bad[i], 64, EINVAL);
    check_posix_memalign_fails(((size_t)1 << 40) + 8, 64, EINVAL);
    /* Other allocators set errno here. */
    if (own) {
        check_posix_memalign_fails(64, SIZE_MAX, ENOMEM);
        check_posix_memalign_fails(64, PTRDIFF_LIMIT, ENOMEM);
        check_posix_memalign_fails(64 * KIB, SIZE_MAX - 64 * KIB, ENOMEM);
        check_posix_memalign_fails((size_t)1 << 62, 64, ENOMEM);
        check_posix_memalign_fails((size_t)1 << 63, 64, ENOMEM);
        check_posix_memalign_fails((size_t)1 << 63, SIZE_MAX, ENOMEM);
    }
}

/* Alignments of a GiB and a TiB: either there is address space, then it holds, or ENOMEM. */
static void enormous_alignments(void)
{
    for (int shift = 22; shift <= 40; shift += 2) {
        size_t alignment = check_case = (size_t)1 << shift;
        void *block = NULL;
        int error = posix_memalign(&block, alignment, 100);
        if (error == 0) {
            check_block(block, alignment, 100);
            free(opaque(block));
        } else {
            CHECK_EQ(error, ENOMEM);
        }
        /* No machine of ours refuses a GiB of address space. */
        CHECK(error == 0 || shift > 30);
    }
}

static void aligned_alloc_rules(void)
{
    for (size_t alignment = 1; alignment <= 2 * MIB; alignment *= 2) {
        for (size_t i = 0; i < SIZE_COUNT; i++) {
            check_case = alignment;
            void *block = aligned_alloc(alignment, sizes[i]); /* the size need not be a multiple */
            check_block(block, alignment, sizes[i]);
            free(opaque(block));
        }
    }
}

static void check_rounded(void *block, size_t alignment)
{
    size_t rounded = 1;
    while (rounded < alignment)
        rounded *= 2;
    check_case = alignment;
    check_block(block, rounded, 64);
    free(opaque(block));
}

static const size_t odd_alignments[] = {0, 3, 5, 24, 48, 100, 4097, 2 * MIB + 1};
#define ODD_COUNT (sizeof odd_alignments / sizeof odd_alignments[0])

/* glibc's memalign rounds an alignment up to a power of two, and so does its aligned_alloc before
 * 2.38. Ours does what the libc that runs does; the hak_ name refuses. */
static void odd_ones(bool own)
{
    bool is_strict = strtol(gnu_get_libc_version() + 2, NULL, 10) >= 38;
    void *(*hak)(size_t, size_t) = own ? (void *(*)(size_t, size_t))(uintptr_t)API_FUNCTION(
                                             hak_aligned_alloc)
                                       : NULL;
    for (size_t i = 0; i < ODD_COUNT; i++) {
        size_t alignment = opaque_size(odd_alignments[i]);
        check_rounded(memalign(alignment, 64), alignment);
        if (is_strict)
            CHECK_FAILS(aligned_alloc(alignment, 64), EINVAL);
        else
            check_rounded(aligned_alloc(alignment, 64), alignment);
        if (hak)
            CHECK_FAILS(hak(alignment, 64), EINVAL);
    }
    CHECK_FAILS(memalign(opaque_size(((size_t)1 << 63) + 1), 64), EINVAL);
    CHECK_FAILS(memalign(opaque_size(SIZE_MAX), 64), EINVAL);
    CHECK_FAILS(memalign(opaque_size((size_t)1 << 63), 64), ENOMEM);
    CHECK_FAILS(memalign(opaque_size(24), PTRDIFF_LIMIT), ENOMEM);
    CHECK_FAILS(memalign(opaque_size(24), SIZE_MAX), ENOMEM);
    CHECK_FAILS(aligned_alloc(opaque_size((size_t)1 << 63), 64), ENOMEM);
}

static void memalign_rules(void)
{
    for (size_t alignment = 1; alignment <= 2 * MIB; alignment *= 2) {
        for (size_t i = 0; i < SIZE_COUNT; i++) {
            check_case = alignment;
            void *block = memalign(alignment, sizes[i]);
            check_block(block, alignment, sizes[i]);
            free(opaque(block));
        }
    }
}

static void page_functions(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        check_case = sizes[i];
        void *block = valloc(sizes[i]);
        check_block(block, page, sizes[i]);
        free(opaque(block));
        block = pvalloc(sizes[i]);
        check_block(block, page, (sizes[i] + page - 1) / page * page);
        free(opaque(block));
    }
    CHECK_FAILS(pvalloc(opaque_size(SIZE_MAX)), ENOMEM);
    CHECK_FAILS(pvalloc(opaque_size(SIZE_MAX - page + 1)), ENOMEM);
    CHECK_FAILS(pvalloc(opaque_size(SIZE_MAX - page + 2)), ENOMEM);
    CHECK_FAILS(pvalloc(opaque_size(PTRDIFF_LIMIT)), ENOMEM);
    CHECK_FAILS(valloc(opaque_size(SIZE_MAX)), ENOMEM);
}

static void many_at_once(void)
{
    enum { COUNT = 400 };
    static struct {
        void *block;
        size_t size;
        uint64_t key;
    } live[COUNT];
    uint64_t random = 42;
    for (size_t i = 0; i < COUNT; i++) {
        size_t alignment = (size_t)16 << (random_next(&random) % 14);
        live[i].size = random_next(&random) % (i % 10 == 0 ? 300 * KIB : 3000);
        check_case = alignment;
        CHECK_EQ(posix_memalign(&live[i].block, alignment, live[i].size), 0);
        CHECK(is_aligned(live[i].block, alignment));
        live[i].size = malloc_usable_size(live[i].block);
        live[i].key = pattern_key(live[i].block, live[i].size, i);
        pattern_fill(live[i].block, live[i].size, live[i].key);
    }
    for (size_t i = 0; i < COUNT; i++)
        CHECK(pattern_holds(live[i].block, live[i].size, live[i].key));
    for (size_t i = 0; i < COUNT; i++)
        free(live[i].block);
}

/* realloc of an aligned block keeps its content; it may lose the alignment. */
static void realloc_of_aligned(void)
{
    for (size_t alignment = 32; alignment <= 2 * MIB; alignment *= 4) {
        for (size_t size = 10; size < 4 * MIB; size = size * 9 + 5) {
            check_case = alignment;
            for (size_t next = 1; next < 5 * MIB; next = next * 23 + 3) {
                void *block = memalign(alignment, size);
                CHECK(block != NULL);
                uint64_t key = pattern_key(block, size, next);
                pattern_fill_sparse(block, size, key);
                void *moved = realloc(block, next);
                CHECK(moved != NULL);
                CHECK_GE(malloc_usable_size(opaque(moved)), next);
                CHECK(pattern_sparse_holds(moved, size, next, key));
                free(moved);
            }
        }
    }
}

static void memalignment_of_pointers(void)
{
    size_t (*alignment_of)(const void *) = API_FUNCTION(memalignment);
    if (alignment_of == NULL && api_skip("memalignment"))
        return;
    CHECK_EQ(alignment_of(NULL), 0);
    static _Alignas(64) char bytes[128];
    for (size_t i = 0; i < sizeof bytes; i++) {
        size_t address = check_case = (size_t)(uintptr_t)(bytes + i);
        CHECK_EQ(alignment_of(bytes + i), address & -address);
    }
    for (size_t alignment = 16; alignment <= 2 * MIB; alignment *= 2) {
        check_case = alignment;
        void *block = memalign(alignment, 100);
        CHECK(block != NULL);
        CHECK_GE(alignment_of(block), alignment);
        CHECK_EQ(alignment_of((char *)block + 1), 1);
        CHECK_EQ(alignment_of((char *)block + 8), 8);
        free(block);
    }
    CHECK_EQ(alignment_of((void *)(uintptr_t)((size_t)1 << 63)), (size_t)1 << 63);
}

int main(void)
{
    bool own = api_is_hakmem();
    posix_memalign_good();
    posix_memalign_bad(own);
    enormous_alignments();
    aligned_alloc_rules();
    odd_ones(own);
    memalign_rules();
    page_functions();
    many_at_once();
    realloc_of_aligned();
    memalignment_of_pointers();
    return 0;
}
