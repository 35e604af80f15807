/* SPDX-License-Identifier: MIT */
/*
 * Tests of slab/tail.c: pages behind the block at the start of a range count as warm and go back,
 * the block's own never do, also when it grows over its tail while that is on its way.
 */
#include "unit/unit.h"

#include "slab/drain.h"
#include "slab/purge.h"
#include "slab/reservation.h"
#include "slab/slab_check.h"
#include "slab/space.h"
#include "slab/superslab.h"
#include "slab/tail.h"

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

/* ---- a block at the start of a range, as the Huge lane has it ---- */

struct block {
    char *start;
    size_t size;
    size_t used; /* bytes that may have pages */
};

static size_t count_of(size_t size)
{
    return align_up(size, SUPERSLAB_SIZE) >> SUPERSLAB_SHIFT;
}

/* The slabs behind the block are unused; up to `cold_end` they have no pages. */
static void leave_tail(const struct block *block, size_t cold_end)
{
    size_t count = count_of(block->size);
    if (tail_leave(block->start, count, block->size, cold_end))
        drain_tail(block->start, count);
}

static struct block take(size_t size)
{
    bool is_zero;
    struct block block = {superslab_range_take(count_of(size), &is_zero), size, size};
    CHECK(block.start != NULL);
    CHECK(superslab_first_record(block.start) != NULL); /* the checker reads it */
    leave_tail(&block, size);
    return block;
}

static void give(const struct block *block)
{
    tail_take_back(block->start, count_of(block->size));
    superslab_range_give(block->start, count_of(block->size), block->used);
    drain_after_give(block->used);
}

/* Grow in place; false where other superslabs are in the way. */
static bool grow(struct block *block, size_t size)
{
    size_t old_count = count_of(block->size);
    tail_take_back(block->start, old_count);
    bool is_grown = count_of(size) == old_count ||
                    superslab_range_extend(block->start, old_count, count_of(size));
    if (is_grown)
        block->size = size;
    block->used = max_size(block->used, block->size);
    leave_tail(block, block->size);
    return is_grown;
}

/* Shrink in the range. The pages behind the block go at once. */
static void shrink(struct block *block, size_t size)
{
    size_t end = count_of(block->size) << SUPERSLAB_SHIFT;
    size_t tail = align_up(size, os_page_size());
    CHECK_EQ(count_of(block->size), count_of(size));
    tail_take_back(block->start, count_of(size));
    CHECK(os_purge(block->start + tail, end - tail));
    block->size = block->used = size;
    leave_tail(block, end);
}

/* A block over a range that was written to before. */
static struct block take_over_warm(size_t size)
{
    struct block old = take(RANGE);
    memset(old.start, 1, RANGE);
    give(&old);
    struct block block = take(size);
    CHECK(block.start == old.start);
    memset(block.start, 2, size);
    return block;
}

/* ---- the tests ---- */

static void goes_back(void)
{
    make(3600000);
    size_t page = os_page_size();
    struct block block = take_over_warm(SIZE);
    size_t tail = RANGE - align_up(SIZE, SLAB_SIZE);
    CHECK_EQ(warm(), tail);
    CHECK_EQ(unit_present_pages(block.start + RANGE - tail, tail), tail / page);
    CHECK_EQ(purge_warm(), tail);
    CHECK_EQ(unit_present_pages(block.start + RANGE - tail, tail), 0);
    CHECK_EQ(unit_present_pages(block.start, SIZE), SIZE / page);
    CHECK_EQ(warm(), 0);
    for (size_t i = 0; i < SIZE; i++)
        CHECK(block.start[i] == 2);
    give(&block);
    CHECK_EQ(warm(), align_up(SIZE, SLAB_SIZE));
}

/* The block grows over its tail, purged or not, shrinks, and leaves with or without one. */
static void grows_and_shrinks(void)
{
    make(3600000);
    for (unsigned is_purged = 0; is_purged < 2; is_purged++) {
        struct block block = take_over_warm(SIZE);
        if (is_purged)
            CHECK(purge_warm() > 0);
        CHECK(grow(&block, RANGE));
        memset(block.start + SIZE, 3, RANGE - SIZE);
        CHECK_EQ(purge_warm(), 0);
        CHECK(block.start[SIZE] == 3 && block.start[RANGE - 1] == 3);
        shrink(&block, SIZE);
        CHECK_EQ(warm(), 0);
        CHECK(grow(&block, 3 * RANGE));
        memset(block.start, 4, 3 * RANGE);
        CHECK_EQ(purge_warm(), 0);
        give(&block);
        CHECK_EQ(warm(), 3 * RANGE);
        purge_warm();
    }
}

/* Many tails at once: no more of them stays than the bound. */
static void bounded(void)
{
    static struct block blocks[100];
    make(-1);
    for (unsigned i = 0; i < 100; i++) {
        blocks[i] = take(RANGE);
        memset(blocks[i].start, 1, RANGE);
    }
    for (unsigned i = 0; i < 100; i++)
        give(&blocks[i]);
    settings.decay_ms = 3600000;
    for (unsigned i = 0; i < 100; i++)
        blocks[i] = take(SIZE);
    CHECK(warm() <= 64 * MIB);
    for (unsigned i = 0; i < 100; i++)
        give(&blocks[i]);
    CHECK(warm() <= 64 * MIB);
}

/* Zeroing a block leaves its tail alone. */
static void zeroing(void)
{
    make(3600000);
    struct block block = take_over_warm(SIZE);
    purge_warm();
    superslab_range_zero(block.start, SIZE);
    CHECK(unit_is_zero(block.start, SIZE));
    size_t end = align_up(SIZE, SLAB_SIZE);
    CHECK_EQ(unit_present_pages(block.start + end, RANGE - end), 0);
}

static bool fail_purge(enum os_call call)
{
    errno = EINVAL;
    return call == OS_CALL_PURGE;
}

static void refused(void)
{
    make(3600000);
    struct block block = take_over_warm(SIZE);
    size_t tail = warm();
    os_inject_failure = fail_purge;
    CHECK_EQ(purge_warm(), 0);
    os_inject_failure = NULL;
    CHECK_EQ(warm(), tail);
    CHECK_EQ(purge_warm(), tail);
    give(&block);
    CHECK_EQ(slab_check(), 0);
}

/* ---- threads ---- */

static _Atomic unsigned running;

static void resize_at_random(uintptr_t number)
{
    uint64_t random = number + 1;
    for (unsigned round = 0; round < 300; round++) {
        size_t size = 2 * MIB + 1 + unit_random(&random, 3 * MIB);
        struct block block = take(size);
        memset(block.start, (int)number, size);
        grow(&block, size + unit_random(&random, 3 * MIB));
        memset(block.start + size, (int)number, block.size - size);
        for (size_t at = 0; at < block.size; at += 1000)
            CHECK(block.start[at] == (char)number);
        give(&block);
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
