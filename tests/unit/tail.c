/* SPDX-License-Identifier: MIT */
/*
 * Tests of slab/tail.c: pages behind a Huge block count as warm and go back, the block's own never
 * do, also when it grows over its tail while that is on its way.
 */
#include "unit/unit.h"

#include "lane/lane.h"
#include "slab/space.h"

#define SIZE (2 * MIB + 200 * KIB)
#define RANGE (4 * MIB)

static void make(int64_t decay_ms)
{
    settings.decay_ms = decay_ms;
    settings.huge_pages = HUGE_PAGES_OFF;
    CHECK(reservation_make());
}

static size_t warm(void)
{
    CHECK_EQ(slab_check(), 0);
    return space_warm_slabs() << SLAB_SHIFT;
}

static char *take(size_t size)
{
    bool is_zero;
    char *block = huge_take(size, BLOCK_ALIGN, NULL, &is_zero);
    CHECK(block != NULL);
    return block;
}

/* A block over a range that was written to before. */
static char *take_over_warm(size_t size)
{
    char *old = take(RANGE);
    memset(old, 1, RANGE);
    huge_give(old);
    CHECK(take(size) == old);
    memset(old, 2, size);
    return old;
}

static void goes_back(void)
{
    make(3600000);
    size_t page = os_page_size();
    char *block = take_over_warm(SIZE);
    size_t tail = RANGE - align_up(SIZE, SLAB_SIZE);
    CHECK_EQ(warm(), tail);
    CHECK_EQ(unit_present_pages(block + RANGE - tail, tail), tail / page);
    CHECK_EQ(purge_warm(), tail);
    CHECK_EQ(unit_present_pages(block + RANGE - tail, tail), 0);
    CHECK_EQ(unit_present_pages(block, SIZE), SIZE / page);
    CHECK_EQ(warm(), 0);
    for (size_t i = 0; i < SIZE; i++)
        CHECK(block[i] == 2);
    huge_give(block);
    CHECK_EQ(warm(), align_up(SIZE, SLAB_SIZE));
}

/* The block grows over its tail, purged or not, shrinks, and leaves with or without one. */
static void grows_and_shrinks(void)
{
    make(3600000);
    for (unsigned is_purged = 0; is_purged < 2; is_purged++) {
        char *block = take_over_warm(SIZE);
        if (is_purged)
            CHECK(purge_warm() > 0);
        CHECK(huge_resize(block, RANGE) == block);
        memset(block + SIZE, 3, RANGE - SIZE);
        CHECK_EQ(purge_warm(), 0);
        CHECK(block[SIZE] == 3 && block[RANGE - 1] == 3);
        CHECK(huge_resize(block, SIZE) == block);
        CHECK_EQ(warm(), 0); /* a shrink purges at once */
        CHECK(huge_resize(block, 3 * RANGE) == block);
        memset(block, 4, 3 * RANGE);
        CHECK_EQ(purge_warm(), 0);
        huge_give(block);
        CHECK_EQ(warm(), 3 * RANGE);
        purge_warm();
    }
}

/* Many tails at once: no more of them stays than the bound. */
static void bounded(void)
{
    static char *blocks[100];
    make(-1);
    for (unsigned i = 0; i < 100; i++)
        memset(blocks[i] = take(RANGE), 1, RANGE);
    for (unsigned i = 0; i < 100; i++)
        huge_give(blocks[i]);
    settings.decay_ms = 3600000;
    for (unsigned i = 0; i < 100; i++)
        blocks[i] = take(SIZE);
    CHECK(warm() <= 64 * MIB);
    for (unsigned i = 0; i < 100; i++)
        huge_give(blocks[i]);
    CHECK(warm() <= 64 * MIB);
}

/* Zeroing a block leaves its tail alone. */
static void zeroing(void)
{
    make(3600000);
    char *block = take_over_warm(SIZE);
    purge_warm();
    huge_zero(block);
    CHECK(unit_is_zero(block, SIZE));
    size_t end = align_up(SIZE, SLAB_SIZE);
    CHECK_EQ(unit_present_pages(block + end, RANGE - end), 0);
}

static bool fail_purge(enum os_call call)
{
    errno = EINVAL;
    return call == OS_CALL_PURGE;
}

static void refused(void)
{
    make(3600000);
    char *block = take_over_warm(SIZE);
    size_t tail = warm();
    os_inject_failure = fail_purge;
    CHECK_EQ(purge_warm(), 0);
    os_inject_failure = NULL;
    CHECK_EQ(warm(), tail);
    CHECK_EQ(purge_warm(), tail);
    huge_give(block);
    CHECK_EQ(slab_check(), 0);
}

/* ---- threads ---- */

static _Atomic unsigned running;

static void resize_at_random(uintptr_t number)
{
    uint64_t random = number + 1;
    for (unsigned round = 0; round < 300; round++) {
        size_t size = 2 * MIB + 1 + unit_random(&random, 3 * MIB);
        char *block = take(size);
        memset(block, (int)number, size);
        size_t grown = size + unit_random(&random, 3 * MIB);
        char *resized = huge_resize(block, grown);
        CHECK(resized != NULL);
        memset(resized + size, (int)number, grown - size);
        for (size_t at = 0; at < grown; at += 1000)
            CHECK(resized[at] == (char)number);
        huge_give(resized);
    }
    running--;
}

static void *one_of_them(void *number)
{
    if ((uintptr_t)number > 0)
        resize_at_random((uintptr_t)number);
    else
        while (running > 0)
            purge_warm();
    return NULL;
}

static void threads(void)
{
    make(3600000);
    running = UNIT_THREADS - 1;
    unit_run_threads(one_of_them);
    CHECK_EQ(slab_check(), 0);
}

#define CHILD_TEST(body)                                                                           \
    static void test_##body(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        CHECK_CHILD(body);                                                                         \
    }

CHILD_TEST(goes_back)
CHILD_TEST(grows_and_shrinks)
CHILD_TEST(bounded)
CHILD_TEST(zeroing)
CHILD_TEST(refused)
CHILD_TEST(threads)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goes_back), cmocka_unit_test(test_grows_and_shrinks),
        cmocka_unit_test(test_bounded),   cmocka_unit_test(test_zeroing),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
