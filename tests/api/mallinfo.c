/* SPDX-License-Identifier: MIT */
/*
 * mallinfo2 and mallinfo tell the truth: what is in use grows by what was allocated (and at most
 * the promised rounding up), comes back when it is freed, and int fields saturate.
 */
#include "check.h"

#include <limits.h>
#include <pthread.h>

static bool own;

static size_t in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* The fields that have a meaning in every allocator agree with each other. */
static void check_fields(void)
{
    struct mallinfo2 info = mallinfo2();
    CHECK_LE(info.uordblks + info.fordblks, info.arena); /* glibc: huge blocks are in neither */
    CHECK_LE(info.keepcost, info.fordblks);
    CHECK_EQ(info.hblkhd != 0, info.hblks != 0);
}

static void follows_allocations(size_t size, size_t count)
{
    check_case = size;
    char **blocks = malloc(count * sizeof *blocks);
    CHECK(blocks != NULL);
    size_t total = size * count, slack = 64 * KIB;
    size_t before = in_use();
    for (size_t i = 0; i < count; i++) {
        blocks[i] = malloc(size);
        CHECK(blocks[i] != NULL);
        blocks[i][0] = 1;
    }
    check_fields();
    size_t during = in_use();
    CHECK_GE(during + slack, before + total);
    size_t rounding = own ? total / 8 : total / 8 + count * 16; /* glibc: headers besides */
    CHECK_LE(during, before + total + rounding + slack);
    for (size_t i = 0; i < count; i += 2)
        free(blocks[i]);
    check_fields();
    size_t half = in_use();
    CHECK_LE(half, during - total / 2 + slack);
    CHECK_GE(half + slack, before + total / 2);
    for (size_t i = 1; i < count; i += 2)
        free(blocks[i]);
    check_fields();
    CHECK_LE(in_use(), before + slack);
    CHECK_GE(in_use() + slack, before);
    free(blocks);
}

/* Space of the lanes below huge appears in arena, huge blocks in hblks and hblkhd. */
static void arena_and_mapped(void)
{
    enum { HUGE = 8, SMALL = 10000 };
    static char *huge[HUGE], *small[SMALL];
    mallopt(M_MMAP_THRESHOLD, 2 * 1024 * 1024); /* pins glibc's moving threshold */
    struct mallinfo2 before = mallinfo2();
    for (size_t i = 0; i < HUGE; i++) {
        huge[i] = malloc(5 * MIB);
        CHECK(huge[i] != NULL);
    }
    struct mallinfo2 during = mallinfo2();
    CHECK_GE(during.hblkhd, before.hblkhd + HUGE * 5 * MIB);
    CHECK_LE(during.hblkhd, before.hblkhd + HUGE * 6 * MIB);
    CHECK_EQ(during.hblks, before.hblks + HUGE);
    for (size_t i = 0; i < SMALL; i++) {
        small[i] = malloc(1000);
        CHECK(small[i] != NULL);
    }
    struct mallinfo2 after = mallinfo2();
    CHECK_GE(after.uordblks, during.uordblks + SMALL * 1000);
    CHECK_EQ(after.hblks, during.hblks);
    for (size_t i = 0; i < HUGE; i++)
        free(huge[i]);
    CHECK_EQ(mallinfo2().hblks, before.hblks);
    CHECK_EQ(mallinfo2().hblkhd, before.hblkhd);
    for (size_t i = 0; i < SMALL; i++)
        free(small[i]);
}

static void *allocate_in_thread(void *argument)
{
    char **blocks = argument;
    for (size_t i = 0; i < 1000; i++) {
        blocks[i] = malloc(2000);
        CHECK(blocks[i] != NULL);
    }
    return NULL;
}

/* What a thread allocated counts after it has ended, until it is freed. */
static void other_threads_count(void)
{
    static char *blocks[4][1000];
    pthread_t threads[4];
    size_t before = in_use();
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, allocate_in_thread, blocks[i]), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    if (own)
        CHECK_GE(in_use(), before + 4 * 1000 * 2000);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 1000; j++)
            free(blocks[i][j]);
    CHECK_LE(in_use(), before + 256 * KIB);
}

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* mallinfo has int fields: what does not fit is INT_MAX, never negative. */
static void int_fields_saturate(void)
{
    enum { COUNT = 3 };
    static char *blocks[COUNT];
    struct mallinfo info = mallinfo();
    struct mallinfo2 info2 = mallinfo2();
    CHECK_EQ(info.uordblks, info2.uordblks);
    CHECK_EQ(info.hblkhd, info2.hblkhd);
    for (size_t i = 0; i < COUNT; i++)
        blocks[i] = malloc(1 * GIB); /* address space only: never touched */
    if (own && blocks[0] != NULL && blocks[1] != NULL && blocks[2] != NULL) {
        CHECK_GE(mallinfo2().hblkhd, 3 * GIB);
        info = mallinfo();
        CHECK_EQ(info.hblkhd, INT_MAX);
        CHECK(info.uordblks >= 0 && info.arena >= 0 && info.fordblks >= 0 && info.keepcost >= 0);
    }
    for (size_t i = 0; i < COUNT; i++)
        free(blocks[i]);
}

int main(void)
{
    own = api_is_hakmem();
    check_fields();
    follows_allocations(1000, 10000);
    follows_allocations(48, 100000);
    follows_allocations(4096, 2000);
    follows_allocations(52 * KIB, 300);
    follows_allocations(300 * KIB, 60);
    follows_allocations(3 * MIB, 20);
    arena_and_mapped();
    other_threads_count();
    int_fields_saturate();
    return 0;
}
