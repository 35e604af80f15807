/* SPDX-License-Identifier: MIT */
/*
 * malloc_trim and mallopt: the values they return, and that a trim really gives memory back.
 */
#include "check.h"

#include <limits.h>

static size_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL);
    unsigned long size, resident;
    CHECK_EQ(fscanf(file, "%lu %lu", &size, &resident), 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* 48 MiB in blocks of one size, touched, freed; then a trim takes them out of memory. */
static void trim_gives_back(size_t size)
{
    check_case = size;
    size_t count = 48 * MIB / size;
    malloc_trim(0);
    size_t before = resident_bytes();
    char **blocks = malloc(count * sizeof *blocks);
    CHECK(blocks != NULL);
    for (size_t i = 0; i < count; i++) {
        blocks[i] = malloc(size);
        CHECK(blocks[i] != NULL);
        memset(blocks[i], 1, size);
    }
    CHECK_GE(resident_bytes(), before + 40 * MIB);
    for (size_t i = 0; i < count; i++)
        free(blocks[i]);
    free(blocks);
    int first = malloc_trim(0);
    CHECK(first == 0 || first == 1);
    CHECK_LE(resident_bytes(), before + 6 * MIB);
    int second = malloc_trim(0);
    CHECK(second == 0 || second == 1);
}

/* A trim with live blocks everywhere loses none of their content. */
static void trim_keeps_live_blocks(void)
{
    enum { COUNT = 3000 };
    static char *blocks[COUNT];
    static size_t sizes[COUNT];
    uint64_t random = 3;
    for (size_t i = 0; i < COUNT; i++) {
        sizes[i] = 1 + random_next(&random) % (i % 100 == 0 ? 400 * KIB : 6 * KIB);
        blocks[i] = malloc(sizes[i]);
        CHECK(blocks[i] != NULL);
        pattern_fill(blocks[i], sizes[i], i);
    }
    for (size_t i = 0; i < COUNT; i += 2) {
        free(blocks[i]);
        blocks[i] = NULL;
    }
    for (int pad = 0; pad < 3; pad++) {
        int released = malloc_trim((size_t)pad * MIB);
        CHECK(released == 0 || released == 1);
    }
    for (size_t i = 1; i < COUNT; i += 2) {
        check_case = i;
        CHECK(pattern_holds(blocks[i], sizes[i], i));
        free(blocks[i]);
    }
}

static void mallopt_values(bool own)
{
    static const struct {
        int parameter;
        int value;
    } known[] = {
        {M_TRIM_THRESHOLD, 256 * 1024},
        {M_TOP_PAD, 64 * 1024},
        {M_MMAP_THRESHOLD, 1024 * 1024},
        {M_MMAP_MAX, 65536},
        {M_ARENA_MAX, 4},
        {M_ARENA_TEST, 4},
        {M_MXFAST, 64},
        {M_MXFAST, 0},
        {M_MXFAST, 160},
        {M_TRIM_THRESHOLD, -1},
        {M_TRIM_THRESHOLD, INT_MAX},
        {M_TOP_PAD, -1},
        {M_CHECK_ACTION, 3},
        {M_PERTURB, 0xaa},
        {M_PERTURB, 0},
    };
    errno = 4711;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        check_case = i;
        CHECK_EQ(mallopt(known[i].parameter, known[i].value), 1);
    }
    CHECK_EQ(mallopt(M_MXFAST, -1), 0);
    CHECK_EQ(mallopt(M_MXFAST, 161), 0);
    CHECK_EQ(mallopt(M_MXFAST, INT_MAX), 0);
    if (own) {
        CHECK_EQ(mallopt(12345, 1), 0);
        CHECK_EQ(mallopt(-12345, 1), 0);
    }
    CHECK_EQ(errno, 4711);
    /* Whatever was asked for, malloc works on. */
    for (size_t size = 1; size < 8 * MIB; size = size * 5 + 1) {
        char *block = malloc(opaque_size(size));
        CHECK(block != NULL);
        pattern_fill_sparse(block, size, size);
        CHECK(pattern_sparse_holds(opaque(block), size, size, size));
        free(block);
    }
}

/* A threshold below 0 is a huge one: what is freed then stays, unless asked for or idle. */
static void threshold_below_zero(void)
{
    enum { BYTES = 64 * 1024 * 1024 };
    CHECK_EQ(mallopt(M_TRIM_THRESHOLD, 0), 1);
    CHECK_EQ(mallopt(M_TRIM_THRESHOLD, -1), 1);
    size_t before = resident_bytes();
    char *block = malloc(BYTES);
    CHECK(block != NULL);
    memset(block, 1, BYTES);
    free(block);
    CHECK_GE(resident_bytes(), before + BYTES / 2);
    CHECK_EQ(mallopt(M_TRIM_THRESHOLD, 0), 1);
    block = malloc(BYTES);
    CHECK(block != NULL);
    memset(block, 1, BYTES);
    free(block);
    CHECK_LE(resident_bytes(), before + BYTES / 2);
}

int main(void)
{
    bool own = api_is_hakmem();
    if (own)
        threshold_below_zero();
    trim_gives_back(100);
    trim_gives_back(4096);
    trim_gives_back(200 * KIB);
    trim_gives_back(3 * MIB);
    trim_keeps_live_blocks();
    mallopt_values(own);
    return 0;
}
